"""Upserts many resources: each is created, or updated when its id or key exists; all of them are written, or none."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain

from anyio import to_thread

from okube_api.clock import stamp
from okube_api.errors import BadRequest, Fault, Impossible, Refusal, RequestConflict, Taken
from okube_api.kit.application import Application
from okube_api.kit.creation_ids import CREATION_IDS
from okube_api.kit.json_text import is_same_json
from okube_api.kit.repository import ATTEMPTS, index_by_key, match_names
from okube_api.kit.resource_changes import ChangeKind, ResourceChange, WriteSkipped, detect_changes
from okube_api.kit.schemas import UpdateBody
from okube_api.kit.validated_repository import Normalize, ValidatedRepository, clear_empty_lists
from okube_api.store.conditions import equal
from okube_api.store.document_values import unique_keys
from okube_api.store.errors import Conflict, Duplicate
from okube_api.store.values import Json


@dataclass(frozen=True, slots=True)
class UpsertItem:
    """The fields to give one resource; null clears a field.

    position: where the item is in the request, for messages: the line of a table, or the index in a list.
    id: finds the resource before its key does; an id that no resource has is ignored.
    partial_objects: the objects of which `fields` has only some inner fields, and the names of these; other inner
    fields are not changed.
    """

    fields: Json
    position: int
    id: str | None = None
    partial_objects: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpsertOutcome:
    """The stored document (None for a new resource), and the document to store in its place.

    A refused item has faults, whose pointers start at its fields, and no `after`.
    is_created: whether an earlier attempt of the same request has created the stored document.
    """

    position: int
    before: Json | None
    after: Json | None
    faults: tuple[Fault, ...] = ()
    is_created: bool = False

    @property
    def is_unchanged(self) -> bool:
        """Whether there is nothing to write."""
        return self.before is self.after


RenderStored = Callable[[Json, UpdateBody], Awaitable[Json]]
"""Returns the answer of a stored document that a body updates, to compare them."""


class BulkUpsert:
    """Upserts resources of one application in blocks, and refuses a key that two items of any block use.

    required: the fields that a new resource must have; of several in a tuple it must have one.
    position_name: what messages call a position.
    check_update: raises a Refusal for a stored document and the fields to change in it.
    """

    def __init__(
        self,
        repository: ValidatedRepository,
        application: Application,
        required: Collection[str | tuple[str, ...]],
        position_name: str = "element",
        check_update: Callable[[Json, Json], None] = lambda _stored, _fields: None,
    ) -> None:
        self.repository = repository
        self.application = application
        self._required = [(names,) if isinstance(names, str) else names for names in required]
        self._position_name = position_name
        self._check_update = check_update
        self._positions: dict[tuple[object, ...], int] = {}  # by each unique value that an item uses
        self._changed_ids: dict[ChangeKind, list[str]] = {}

    @property
    def changes(self) -> list[ResourceChange]:
        """The changes that facts depend on, over all blocks."""
        name = self.repository.collection.name
        return [ResourceChange(name, tuple(ids), kind) for kind, ids in self._changed_ids.items()]

    async def upsert_all(self, elements: Sequence[Json]) -> list[Json]:
        """Upsert resources and return their documents in order.  Raise refusals that point at the elements."""
        items = [UpsertItem(fields, index) for index, fields in enumerate(elements)]

        async def upsert() -> list[Json]:
            return await self._write_outcomes(await self.prepare(items))

        return await self._repeat(upsert)

    async def upsert_bodies(self, bodies: Sequence[UpdateBody], render: RenderStored) -> list[Json]:
        """Upsert resources from bodies, which may be whole answers, and return their documents in order.

        A body's `_id` finds the resource before its key does.
        Raise BadRequest and other refusals that point at the elements.
        """
        return await self._repeat(lambda: self._upsert_bodies(bodies, render))

    async def _repeat(self, upsert: Callable[[], Awaitable[list[Json]]]) -> list[Json]:
        """Upsert the elements of a list, again while other requests change the same resources in between.

        Raise RequestConflict after `ATTEMPTS` conflicts.
        """
        for _ in range(ATTEMPTS):
            self._positions.clear()
            self._changed_ids.clear()
            with suppress(Conflict):
                return await upsert()
        raise RequestConflict("Other requests are changing these resources at the same time. Try again.")

    async def _upsert_bodies(self, bodies: Sequence[UpdateBody], render: RenderStored) -> list[Json]:
        items = [UpsertItem(body.dump_set_fields(), index, _get_id(body)) for index, body in enumerate(bodies)]
        stored = await self._find_stored(items)
        updates: list[UpsertItem] = []
        faults: list[Fault] = []
        for body, item in zip(bodies, items, strict=True):
            before = _find_before(item, stored)
            try:
                changes = body.list_changes({} if before is None else await render(before, body))
            except BadRequest as refusal:
                faults += _point_at(item.position, refusal.faults)
            else:
                updates.append(UpsertItem(changes, item.position, before["_id"] if before else None))
        if faults:
            raise BadRequest(faults[0].message, faults=faults)
        return await self._write_outcomes(await self._prepare(updates, stored))

    async def _write_outcomes(self, outcomes: Sequence[UpsertOutcome]) -> list[Json]:
        """Write prepared elements of a list and return their documents."""
        faults = [fault for outcome in outcomes for fault in _point_at(outcome.position, outcome.faults)]
        if faults:
            raise Impossible(faults[0].message, faults=faults)
        changed = [outcome for outcome in outcomes if not outcome.is_unchanged]
        inserts = [outcome for outcome in changed if outcome.before is None]
        replaces = [outcome for outcome in changed if outcome.before is not None]
        positions = [outcome.position for outcome in (*inserts, *replaces)]
        await self.write(_documents(inserts), _documents(replaces), positions)
        return _documents(outcomes)

    async def write(self, inserts: Sequence[Json], replaces: Sequence[Json], positions: Sequence[int]) -> None:
        """Write prepared documents, all or none.

        positions: of the inserts, then of the replaces.
        Raise Taken, with the position in its pointer, when another request has taken a key since the documents were
        prepared, and Conflict when it has changed one of them: the changes that facts depend on would be others.
        """
        pointers = (f"/{position}" for position in positions)
        try:
            async with (
                self.repository.claim_keys(chain(inserts, replaces), pointers),
                self.repository.changes.publish_around(self.application.id, self.changes),
            ):
                await self._write_versions(inserts, replaces)
        except Duplicate as error:
            raise Taken.at(
                "body", f"/{positions[error.index]}/key", f"Another {self.repository.kind} has the key '{error.value}'."
            ) from None
        except WriteSkipped:
            raise Conflict("Another request has changed one of the resources. Try again.") from None

    async def check_keys(self, inserts: Sequence[Json], replaces: Sequence[Json], positions: Sequence[int]) -> None:
        """Check the keys of prepared documents like `write`, and write nothing.  Raise Taken."""
        pointers = (f"/{position}" for position in positions)
        async with self.repository.claim_keys(chain(inserts, replaces), pointers):
            pass

    async def _write_versions(self, inserts: Sequence[Json], replaces: Sequence[Json]) -> None:
        """Write documents.  Raise WriteSkipped when another request has changed one of them."""
        try:
            await self.repository.store.write(self.repository.collection, inserts, replaces, versioned=True)
        except Conflict as error:
            raise WriteSkipped from error

    async def prepare(self, items: Sequence[UpsertItem]) -> list[UpsertOutcome]:
        """Return the outcome of each item of a block; nothing is written."""
        return await self._prepare(items, await self._find_stored(items))

    async def _prepare(self, items: Sequence[UpsertItem], stored: "_StoredDocuments") -> list[UpsertOutcome]:
        updates = [_match(item, stored) for item in items]
        normalize = await self.repository.load_normalizer(
            self.application, [(before or {}, fields) for before, fields in updates]
        )

        def prepare_all() -> list[UpsertOutcome]:
            return [
                self._prepare_item(item.position, before, fields, normalize, stored)
                for item, (before, fields) in zip(items, updates, strict=True)
            ]

        return await to_thread.run_sync(prepare_all)

    def _prepare_item(
        self, position: int, before: Json | None, fields: Json, normalize: Normalize, stored: "_StoredDocuments"
    ) -> UpsertOutcome:
        is_new = before is None
        missing = [names[0] for names in self._required if is_new and all(fields.get(name) is None for name in names)]
        if missing:
            faults = tuple(Fault("body", f"/{name}", "missing", f"'{name}' is required.") for name in missing)
            return UpsertOutcome(position, before, None, faults)
        try:
            if before is not None:
                self._check_update(before, fields)
            after = self._version(before, normalize(before or {}, fields), position)
            self._check_unique(position, after, stored)
        except Refusal as refusal:
            faults = refusal.faults or (Fault("body", "", refusal.code, refusal.detail),)
            return UpsertOutcome(position, before, None, faults)
        for change in detect_changes("", self.repository.watched_fields, [(before or {}, after)]):
            self._changed_ids.setdefault(change.kind, []).extend(change.ids)
        is_created = before is not None and before["_id"] == self._get_created_id(position)
        return UpsertOutcome(position, before, after, is_created=is_created)

    def _get_created_id(self, position: int) -> str | None:
        """Return the id that an earlier attempt of the request gave to a new item; None for a first attempt."""
        creation = CREATION_IDS.get()
        if creation is None or not creation.is_repeated:
            return None
        return creation.get_id(self.repository.collection.name, position)

    def _version(self, before: Json | None, normalized: Json, position: int) -> Json:
        """Return the document to store: a new one, the next version, or the same one when nothing changed."""
        if before is None:
            return self.repository.build_document(self.application.id, normalized, index=position)
        if normalized == before and is_same_json(normalized, before):
            return before
        return normalized | {"version": before["version"] + 1, "updatedAt": stamp(self.repository.clock())}

    def _check_unique(self, position: int, document: Json, stored: "_StoredDocuments") -> None:
        """Raise Taken when another item or another stored document has the id, the key or one of the keys."""
        updated_id = [("_id",)] if document["version"] > 1 else []
        for group in (*updated_id, *self.repository.collection.unique):
            for values in unique_keys(group, document):
                first = self._positions.setdefault((group, *values), position)
                if first != position:
                    raise _taken(f"Duplicate resource: {self._position_name} {first} has the same id or key.")
                holder = stored.by_key.get(str(values[-1])) if group != ("_id",) else None
                if holder is not None and holder["_id"] != document["_id"]:
                    raise _taken(f"Another {self.repository.kind} has the key '{values[-1]}'.")

    async def _find_stored(self, items: Sequence[UpsertItem]) -> "_StoredDocuments":
        created_ids = {item.position: self._get_created_id(item.position) for item in items}
        ids = tuple(name for name in (*(item.id for item in items), *created_ids.values()) if name is not None)
        keys = tuple({key for item in items for key in _list_keys(item.fields)})
        key_field = self.repository.key_field
        documents: list[Json] = []
        if ids or keys:
            where = equal("application", self.application.id) & match_names(key_field, ids, keys)
            documents = await self.repository.store.find(self.repository.collection, where)
        by_id = {document["_id"]: document for document in documents}
        by_position = {position: by_id[name] for position, name in created_ids.items() if name in by_id}
        return _StoredDocuments(by_id, index_by_key(key_field, documents), by_position)


@dataclass(frozen=True, slots=True)
class _StoredDocuments:
    """The documents that the items of a block name by id or key.

    by_position: those that an earlier attempt of the same request has created, by the positions of their items.
    """

    by_id: Mapping[str, Json]
    by_key: Mapping[str, Json]
    by_position: Mapping[int, Json]


def _list_keys(fields: Json) -> list[str]:
    return [*([fields["key"]] if fields.get("key") else []), *(fields.get("keys") or ())]


def _find_before(item: UpsertItem, stored: _StoredDocuments) -> Json | None:
    """Return the stored document that an item names by its id, or else by its key, or that it has created before."""
    by_id = stored.by_id.get(item.id.lower()) if item.id is not None else None
    return by_id or stored.by_key.get(item.fields.get("key") or "") or stored.by_position.get(item.position)


def _match(item: UpsertItem, stored: _StoredDocuments) -> tuple[Json | None, Json]:
    """Return the stored document that an item names, and the fields to change in it."""
    fields = clear_empty_lists(item.fields)
    before = _find_before(item, stored)
    if before is None:
        return None, fields
    is_found_by_id = item.id is not None and item.id.lower() == before["_id"]
    if not is_found_by_id and before.get("key") is not None and before["key"] != fields.get("key"):
        # the item names an alternative key: the resource keeps its main key
        fields = {name: value for name, value in fields.items() if name != "key"}
    for object_name, inner_names in item.partial_objects.items():
        inner = before.get(object_name) or {}
        unchanged = {name: value for name, value in inner.items() if name not in inner_names}
        if unchanged:
            fields = {**fields, object_name: unchanged | (fields.get(object_name) or {})}
    already_empty = {name for name, value in fields.items() if value is None and before.get(name) in (None, [])}
    return before, {name: value for name, value in fields.items() if name not in already_empty}


def _get_id(body: UpdateBody) -> str | None:
    identifier = body.read_only_values.get("_id")
    return identifier if isinstance(identifier, str) else None


def _point_at(position: int, faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults of an element of a list, with pointers that start at the list."""
    return [replace(fault, pointer=f"/{position}{fault.pointer}") for fault in faults]


def _taken(message: str) -> Taken:
    return Taken.at("body", "/key", message)


def _documents(outcomes: Sequence[UpsertOutcome]) -> list[Json]:
    return [outcome.after for outcome in outcomes if outcome.after is not None]
