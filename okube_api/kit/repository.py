"""What documents of every resource share: found by id or key, listed a page at a time, written under a version."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from okube_api.clock import Clock, stamp
from okube_api.errors import Fault, InFlight, NotFound, PreconditionFailed, Taken, UnknownReference
from okube_api.kit.ids import is_id, new_id
from okube_api.store.base import NOTHING, Collection, Condition, Duplicate, Json, OneOf, Overlaps, Store, equal

ATTEMPTS = 5

Edit = Callable[[Json], Awaitable[Json]]
Allowed = Callable[[Json], bool]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page: `page` from 1, `size` documents each; size 0 asks for the count alone."""

    page: int = 1
    size: int = 25

    @property
    def skip(self) -> int:
        """The documents before the page."""
        return (self.page - 1) * self.size


@dataclass(frozen=True, slots=True)
class Found:
    """A page of documents, and how many there are in all."""

    documents: list[Json]
    total: int


class Resources:
    """The documents of one kind.  A domain's repository says which, and adds what is its own."""

    collection: ClassVar[Collection]
    kind: ClassVar[str]  # as messages name it
    names: ClassVar[str] = "key"  # the field that keys are looked for in

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    # reading

    async def get(self, application: str, id_or_key: str) -> Json:
        """The one with this id or key.  Raises NotFound, also for another application's."""
        for condition in self._named(id_or_key):
            if document := await self.store.get(self.collection, equal("application", application) & condition):
                return document
        raise NotFound(self.kind, id_or_key)

    async def by_id(self, identifier: str) -> Json:
        """The one with this id, in whatever application: the caller's role there is still to be checked."""
        known = is_id(identifier) and await self.store.get(self.collection, equal("_id", identifier.lower()))
        if not known:
            raise NotFound(self.kind, identifier)
        return known

    async def page(self, where: Condition, paging: Paging) -> Found:
        """The matching documents of a page, by `_id`."""
        total = await self.store.count(self.collection, where)
        if paging.size == 0 or paging.skip >= total:
            return Found([], total)
        return Found(await self.store.find(self.collection, where, skip=paging.skip, limit=paging.size), total)

    async def ids(self, application: str, named: Sequence[str], pointer: str) -> list[str]:
        """The ids of what is named by id or key, in order, each once.

        Raises UnknownReference that points at each name (`pointer` and its position) that nothing has.
        """
        return known_ids(self.kind, await self.ids_by_name(application, named), named, pointer)

    async def ids_by_name(self, application: str, named: Iterable[str]) -> dict[str, str]:
        """The ids of those of these names, ids or keys, that the application has."""
        wanted = tuple(dict.fromkeys(named))
        by_id = tuple(name.lower() for name in wanted if is_id(name))
        found: dict[str, str] = {}
        matches = self._has_name(wanted) | (OneOf("_id", by_id) if by_id else NOTHING)
        for document in await self.store.find(self.collection, equal("application", application) & matches):
            held = document.get(self.names) or []
            for name in [held] if isinstance(held, str) else held:
                found.setdefault(name, document["_id"])
            found |= {name: document["_id"] for name in wanted if name.lower() == document["_id"]}
        return found

    async def ids_among(self, readable: Condition, named: Iterable[str]) -> tuple[str, ...]:
        """The ids of those that `readable` covers, of any application, and that one of these ids or keys names."""
        wanted = tuple(named)
        by_id = OneOf("_id", tuple(name.lower() for name in wanted if is_id(name)))
        found = await self.store.find(self.collection, readable & (self._has_name(wanted) | by_id))
        return tuple(document["_id"] for document in found)

    def _named(self, id_or_key: str) -> list[Condition]:
        """What finds it: 24 hex digits are an id first, and a key when no document has that id."""
        by_key = self._has_name((id_or_key,))
        return [equal("_id", id_or_key.lower()), by_key] if is_id(id_or_key) else [by_key]

    def _has_name(self, names: tuple[str, ...]) -> Condition:
        return OneOf("key", names) if self.names == "key" else Overlaps(self.names, names)

    # writing

    def new(self, application: str, fields: Mapping[str, Any]) -> Json:
        """A document to be inserted."""
        now = self.clock()
        made = {"_id": new_id(now), "application": application, "version": 1}
        return {**made, **fields, "createdAt": stamp(now), "updatedAt": stamp(now)}

    async def insert(self, documents: Sequence[Json]) -> None:
        """Adds documents, all or none.  Raises Taken, with the index of the culprit when there are several."""
        try:
            await self.store.insert(self.collection, documents)
        except Duplicate as error:
            raise self._taken(error, f"/{error.index}" if len(documents) > 1 else "") from None

    async def change(self, document: Json, edit: Edit, allowed: Allowed | None = None) -> Json:
        """The document as `edit` makes it of the stored one, stored in its place.

        Another change that comes between is not lost: the edit is made again on top of it.
        allowed: what the stored document must meet (`If-Match`).  Raises Taken, NotFound, PreconditionFailed.
        """
        for _ in range(ATTEMPTS):
            self.permit(document, allowed)
            edited = await edit(dict(document))
            edited |= {"version": document["version"] + 1, "updatedAt": stamp(self.clock())}
            if await self._replaced(document, edited):
                return edited
            document = await self.by_id(document["_id"])
        raise InFlight(f"The {self.kind} is being changed by others. Try again.")

    async def _replaced(self, old: Json, new: Json) -> bool:
        unchanged = equal("_id", old["_id"]) & equal("version", old["version"])
        try:
            return await self.store.replace(self.collection, unchanged, new)
        except Duplicate as error:
            raise self._taken(error, "") from None

    async def remove(self, document: Json, allowed: Allowed | None = None) -> None:
        """Takes the document away.  Raises PreconditionFailed."""
        self.permit(document, allowed)
        await self.store.delete(self.collection, equal("_id", document["_id"]))

    def permit(self, document: Json, allowed: Allowed | None) -> None:
        """Raises PreconditionFailed when the document is not what its writer has read."""
        if allowed is not None and not allowed(document):
            raise PreconditionFailed(f"The {self.kind} has changed since you read it: read it again.")

    def _taken(self, error: Duplicate, pointer: str) -> Taken:
        which = f" '{error.value}'" if error.value is not None else ""
        return Taken.at("body", f"{pointer}/key", f"Another {self.kind} has the key{which}.")


def known_ids(kind: str, found: Mapping[str, str], named: Sequence[str], pointer: str) -> list[str]:
    """The ids of what is named, by name, in order, each once.

    Raises UnknownReference that points at each name (`pointer` and its position) that is not among the found.
    """
    faults = [
        Fault("body", f"{pointer}/{position}", UnknownReference.code, f"There is no {kind} '{name}'.")
        for position, name in enumerate(named)
        if name not in found
    ]
    if faults:
        raise UnknownReference(faults[0].message, faults=faults)
    return list(dict.fromkeys(found[name] for name in named))
