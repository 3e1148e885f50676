"""Many resources at once: each is created, or updated when its id or key exists; all of them, or none."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from anyio import to_thread

from okube_api.clock import stamp
from okube_api.errors import Fault, Impossible, Refusal, Taken
from okube_api.kit.application import Application
from okube_api.kit.ids import is_id
from okube_api.kit.resource_changes import ResourceChange, ChangeKind, detect_changes
from okube_api.kit.validated_repository import Normalize, ValidatedRepository
from okube_api.store.base import NOTHING, Duplicate, Json, OneOf, Overlaps, equal
from okube_api.store.document_values import unique_keys, get_value


@dataclass(frozen=True, slots=True)
class UpsertItem:
    """What one resource is to be: its fields, null clearing one.

    id: finds the resource, before its key does; one that finds none does not matter.
    place: what refusals call it: the line of a table, or the index in a list.
    partial: the objects of which `fields` have some inner fields only, and which: others stay as they are.
    """

    fields: Json
    position: int
    id: str | None = None
    partial: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpsertOutcome:
    """What becomes of one: the document that was there (None for none), and the one that is to be.

    A refused one has faults, whose pointers start at its fields, and no `after`.
    """

    position: int
    before: Json | None
    after: Json | None
    faults: tuple[Fault, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether nothing is to be written."""
        return self.before == self.after


class BulkUpsert:
    """Makes many resources of one application, a block at a time, and remembers which keys they take.

    required: the fields that a new one must have.
    """

    def __init__(self, resources: ValidatedRepository, application: Application, required: Collection[str]) -> None:
        self.resources = resources
        self.application = application
        self._required = required
        self._taken: dict[tuple[object, ...], int] = {}
        self._changes: dict[ChangeKind, list[str]] = {}

    @property
    def changes(self) -> list[ResourceChange]:
        """What facts depend on and changes, over all blocks."""
        name = self.resources.collection.name
        return [ResourceChange(name, tuple(ids), what) for what, ids in self._changes.items()]

    async def upsert(self, elements: Sequence[Json]) -> list[Json]:
        """Creates or updates each, and answers them in order.  Raises refusals that point at the elements."""
        made = await self.prepare([UpsertItem(fields, index) for index, fields in enumerate(elements)])
        faults = [replace(one, pointer=f"/{each.position}{one.pointer}") for each in made for one in each.faults]
        if faults:
            raise Impossible(faults[0].message, faults=faults)
        changed = [one for one in made if not one.unchanged]
        new = [one for one in changed if one.before is None]
        old = [one for one in changed if one.before is not None]
        await self.write(_documents(new), _documents(old), [one.position for one in (*new, *old)])
        return _documents(made)

    async def write(self, inserts: Sequence[Json], replaces: Sequence[Json], places: Sequence[int]) -> None:
        """Writes what has come out, all or nothing.

        places: of the inserts, then of the replaces.  Raises Taken, with the index of the culprit in its pointer, for
        a key that another request has taken meanwhile.
        """
        try:
            async with self.resources.changes.publish_around(self.application.id, self.changes):
                await self.resources.store.write(self.resources.collection, inserts, replaces)
        except Duplicate as error:
            raise Taken.at(
                "body", f"/{places[error.index]}/key", f"Another {self.resources.kind} has the key '{error.value}'."
            ) from None

    async def prepare(self, block: Sequence[UpsertItem]) -> list[UpsertOutcome]:
        """What becomes of each; nothing is written."""
        found = await self._stored(block)
        pairs = [_matched(one, found) for one in block]
        make = await self.resources.load_normalizer(
            self.application, [(before or {}, fields) for before, fields in pairs]
        )
        return await to_thread.run_sync(self._made, block, pairs, make, found)

    def _made(
        self, block: Sequence[UpsertItem], pairs: Sequence[tuple[Json | None, Json]], make: Normalize, found: "_Stored"
    ) -> list[UpsertOutcome]:
        return [
            self._outcome(wanted.position, before, fields, make, found)
            for wanted, (before, fields) in zip(block, pairs, strict=True)
        ]

    def _outcome(
        self, place: int, before: Json | None, fields: Json, make: Normalize, found: "_Stored"
    ) -> UpsertOutcome:
        missing = [name for name in self._required if fields.get(name) is None] if before is None else ()
        if missing:
            faults = tuple(Fault("body", f"/{one}", "missing", f"'{one}' is required.") for one in missing)
            return UpsertOutcome(place, before, None, faults)
        try:
            after = self._after(before, make(before or {}, fields))
            self._claim(place, after, found)
        except Refusal as refusal:
            return UpsertOutcome(
                place, before, None, refusal.faults or (Fault("body", "", refusal.code, refusal.detail),)
            )
        for change in detect_changes("", self.resources.watched_fields, [(before or {}, after)]):
            self._changes.setdefault(change.kind, []).extend(change.ids)
        return UpsertOutcome(place, before, after)

    def _after(self, before: Json | None, made: Json) -> Json:
        if before is None:
            return self.resources.build_document(self.application.id, made)
        if made == before:
            return before
        return made | {"version": before["version"] + 1, "updatedAt": stamp(self.resources.clock())}

    def _claim(self, place: int, document: Json, found: "_Stored") -> None:
        """Raises Taken when another one, here or in the store, has the id, the key or one of the keys."""
        kind = self.resources.kind
        stands_twice = [("_id",)] if document["version"] > 1 else []
        for group in (*stands_twice, *self.resources.collection.unique):
            for claim in unique_keys(group, document):
                if (earlier := self._taken.setdefault((group, *claim), place)) != place:
                    raise _taken(f"The same resource stands twice: see {earlier}, too.")
                holder = found.by_name.get(str(claim[-1])) if group != ("_id",) else None
                if holder is not None and holder["_id"] != document["_id"]:
                    raise _taken(f"Another {kind} has the key '{claim[-1]}'.")

    async def _stored(self, block: Sequence[UpsertItem]) -> "_Stored":
        ids = tuple(one.id.lower() for one in block if one.id is not None and is_id(one.id))
        names = tuple({name for one in block for name in _names(one.fields)})
        field_name = self.resources.key_field
        by_name = Overlaps(field_name, names) if field_name != "key" else OneOf("key", names)
        where = equal("application", self.application.id) & (by_name | (OneOf("_id", ids) if ids else NOTHING))
        found = await self.resources.store.find(self.resources.collection, where) if names or ids else []
        return _Stored.of(found, field_name)


@dataclass(frozen=True, slots=True)
class _Stored:
    """The documents that a block of wanted ones names."""

    by_id: dict[str, Json]
    by_name: dict[str, Json]

    @classmethod
    def of(cls, documents: Sequence[Json], names: str) -> "_Stored":
        by_name: dict[str, Json] = {}
        for document in documents:
            held = get_value(document, names)
            by_name |= dict.fromkeys([held] if isinstance(held, str) else held or (), document)
        return cls({document["_id"]: document for document in documents}, by_name)


def _names(fields: Json) -> list[str]:
    return [*([fields["key"]] if fields.get("key") else []), *(fields.get("keys") or ())]


def _matched(wanted: UpsertItem, found: _Stored) -> tuple[Json | None, Json]:
    """The stored document that is meant, and the fields to change of it."""
    fields = wanted.fields
    before = found.by_id.get(wanted.id.lower()) if wanted.id is not None else None
    if before is None and (key := fields.get("key")):
        before = found.by_name.get(key)
        if before is not None and before.get("key") is not None and before["key"] != key:
            fields = {name: value for name, value in fields.items() if name != "key"}  # an alternative key found it
    if before is None:
        return None, fields
    for name, inner in wanted.partial.items():
        kept = {one: value for one, value in (before.get(name) or {}).items() if one not in inner}
        if kept:
            fields = {**fields, name: kept | (fields.get(name) or {})}
    cleared = {name for name, value in fields.items() if value is None and before.get(name) in (None, [])}
    return before, {name: value for name, value in fields.items() if name not in cleared}


def _taken(message: str) -> Taken:
    return Taken.at("body", "/key", message)


def _documents(outcomes: Sequence[UpsertOutcome]) -> list[Json]:
    return [one.after for one in outcomes if one.after is not None]
