"""Base of the repositories: documents are found by id or key, listed by the page, and written with a version."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, TypeVar

from okube_api.clock import Clock, stamp
from okube_api.errors import MOST_FAULTS, Fault, NotFound, PreconditionFailed, RequestConflict, Taken, UnknownReference
from okube_api.kit.creation_ids import CREATION_IDS
from okube_api.kit.ids import is_id, new_id
from okube_api.kit.json_text import is_same_json
from okube_api.kit.resource_changes import WriteSkipped
from okube_api.kit.similar_keys import KeyClaims, UnusualKeys, build_taken, list_keys
from okube_api.store.conditions import EVERYTHING, NOTHING, Condition, OneOf, Overlaps, equal
from okube_api.store.errors import Duplicate
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection
from okube_api.store.values import Json

ATTEMPTS = 5
_KEYS_PER_READ = 5000

T = TypeVar("T")

Edit = Callable[[Json], Awaitable[Json]]
Precondition = Callable[[Json], bool]
"""Returns whether the stored document may be changed: the check of `If-Match`."""
PublishAround = Callable[[Json, Json], AbstractAsyncContextManager[None]]
"""Called with a document and its new version; the write runs inside the context."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page to read: `page` counts from 1, `size` is the documents per page, 0 to read the total only."""

    page: int = 1
    size: int = 25

    @property
    def skip(self) -> int:
        """The number of documents before the page."""
        return (self.page - 1) * self.size


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """One page of documents, and the total number of documents in the list."""

    documents: list[Json]
    total: int


class Repository:
    """Reads and writes the documents of one collection.  Each domain has a subclass that names its collection.

    kind: what messages call a document.  key_field: the field that holds a document's keys, a text or a list of texts.
    name_fields: by each field that holds an object of free-form names, the field that lists these names.
    """

    collection: ClassVar[Collection]
    kind: ClassVar[str]
    key_field: ClassVar[str] = "key"
    name_fields: ClassVar[Mapping[str, str]] = {}

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self._key_claims = KeyClaims(store, clock)

    # reading

    async def get(self, application: str, id_or_key: str) -> Json:
        """Return the application's document with this id or key.  Raise NotFound, also if another one has it."""
        for condition in self._conditions_for(id_or_key):
            if document := await self.store.get(self.collection, equal("application", application) & condition):
                return document
        raise NotFound(self.kind, id_or_key)

    async def get_by_id(self, identifier: str) -> Json:
        """Return the document with this id, in any application; the caller must check the user's role there.

        Raise NotFound.
        """
        if is_id(identifier):
            document = await self.store.get(self.collection, equal("_id", identifier.lower()))
            if document is not None:
                return document
        raise NotFound(self.kind, identifier)

    async def find_page(self, where: Condition, paging: Paging) -> DocumentPage:
        """Return a page of the matching documents, sorted by `_id`."""
        total = await self.store.count(self.collection, where)
        if paging.size == 0 or paging.skip >= total:
            return DocumentPage([], total)
        return DocumentPage(await self.store.find(self.collection, where, skip=paging.skip, limit=paging.size), total)

    async def find_ids_by_name(self, application: str, names: Iterable[str]) -> dict[str, str]:
        """Return the `_id` of each name (an id or a key) that the application has; other names are left out."""
        names = tuple(dict.fromkeys(names))
        where = equal("application", application) & match_names(self.key_field, names, names)
        documents = await self.store.find(self.collection, where)
        by_name = index_by_name(
            names, {document["_id"]: document for document in documents}, index_by_key(self.key_field, documents)
        )
        return {name: document["_id"] for name, document in by_name.items()}

    async def find_ids(self, readable: Condition, names: Iterable[str]) -> tuple[str, ...]:
        """Return the ids of the documents that have one of these ids or keys and match `readable`."""
        names = tuple(names)
        documents = await self.store.find(self.collection, readable & match_names(self.key_field, names, names))
        return tuple(document["_id"] for document in documents)

    def _conditions_for(self, id_or_key: str) -> list[Condition]:
        """Return the conditions to try in order: 24 hex digits are an id first, then a key."""
        by_key = match_keys(self.key_field, (id_or_key,))
        return [equal("_id", id_or_key.lower()), by_key] if is_id(id_or_key) else [by_key]

    # writing

    def build_document(self, application: str, fields: Mapping[str, Any], index: int | None = None) -> Json:
        """Return a new document with these fields, an id, version 1 and both timestamps.

        index: where the document is in the request, for requests that create several.
        """
        now, creation, name = self.clock(), CREATION_IDS.get(), self.collection.name
        if creation is None:
            identifier = new_id(now)
        else:
            identifier = creation.next_id(name) if index is None else creation.get_id(name, index)
        head = {"_id": identifier, "application": application, "version": 1}
        return {**head, **fields, "createdAt": stamp(now), "updatedAt": stamp(now)}

    async def find_created(self) -> Json | None:
        """Return the document that an earlier attempt of this request has created, None when there is none."""
        creation = CREATION_IDS.get()
        if creation is None or not creation.is_repeated:
            return None
        return await self.store.get(self.collection, equal("_id", creation.get_id(self.collection.name, 0)))

    async def insert(self, documents: Sequence[Json]) -> None:
        """Insert documents, all or none.

        Raise Taken when a key is in use; with several documents its pointer starts with the index of the document.
        """
        prefixes = [f"/{index}" for index in range(len(documents))] if len(documents) > 1 else [""]
        async with self.claim_keys(documents, prefixes[: len(documents)]):
            try:
                await self.store.insert(self.collection, documents)
            except Duplicate as error:
                raise self._to_taken(error, f"/{error.index}" if len(documents) > 1 else "") from None

    @asynccontextmanager
    async def claim_keys(self, documents: Iterable[Json], pointers: Iterable[str]) -> AsyncIterator[None]:
        """Check that the keys of documents are distinct, and keep others from writing similar keys within this context.

        documents: new ones or new versions, all of one application.  pointers: of the documents in the body.
        Raise Taken when a key is the id of another resource, or equals another key after normalisation (NFC), except
        for a key that the stored document has already; and RequestConflict while another request writes such a key.
        """
        keys = UnusualKeys.of_documents(documents, pointers, self.key_field)
        async with self._key_claims.hold(self.collection.name, keys):
            stored: list[Json] = []
            within = equal("application", keys.application) if keys.application else EVERYTHING
            forms = list(keys.uses)
            for start in range(0, len(forms), _KEYS_PER_READ):
                names = forms[start : start + _KEYS_PER_READ]
                where = within & match_names(self.key_field, names, names)
                stored += await self.store.find(self.collection, where, fields=(self.key_field,))
            if (use := keys.find_collision(stored, self.key_field)) is not None:
                raise build_taken(self.kind, use)
            yield

    async def change(
        self,
        document: Json,
        edit: Edit,
        precondition: Precondition | None = None,
        publish_around: PublishAround | None = None,
    ) -> Json:
        """Replace a document by what `edit` returns for it, and return the new document.

        publish_around: returns the context in which a document is replaced by a new version of it.

        An edit that changes nothing is not written: the version and `updatedAt` stay the same.
        When another request changes the document in between, the edit is applied again to the newer version, so that
        no change is lost.  Raise Taken, NotFound, RequestConflict after `ATTEMPTS` conflicts, and PreconditionFailed
        when the stored document does not meet the precondition.
        """
        for _ in range(ATTEMPTS):
            self.check_precondition(document, precondition)
            edited = await edit(dict(document))
            if is_same_json(edited, document):
                return document
            edited |= {"version": document["version"] + 1, "updatedAt": stamp(self.clock())}
            if publish_around is None:
                is_replaced = await self._replace(document, edited)
            else:
                is_replaced = await self._replace_within(publish_around(document, edited), document, edited)
            if is_replaced:
                return edited
            document = await self.get_by_id(document["_id"])
        raise RequestConflict(f"Other requests are changing this {self.kind} at the same time. Try again.")

    async def _replace(self, old: Json, new: Json) -> bool:
        """Replace a document unless its version has changed; return whether it was replaced."""
        unchanged = equal("_id", old["_id"]) & equal("version", old["version"])
        has_new_key = old.get(self.key_field) != new.get(self.key_field)
        async with self.claim_keys([new], [""]) if has_new_key else nullcontext():
            try:
                return await self.store.replace(self.collection, unchanged, new)
            except Duplicate as error:
                raise self._to_taken(error, "") from None

    async def _replace_within(self, context: AbstractAsyncContextManager[None], old: Json, new: Json) -> bool:
        """Replace a document inside a context, which ends with WriteSkipped unless the document was replaced."""
        try:
            async with context:
                if not await self._replace(old, new):
                    raise WriteSkipped
        except WriteSkipped:
            return False
        return True

    async def remove(self, document: Json, precondition: Precondition | None = None) -> None:
        """Delete a document.  Raise PreconditionFailed."""
        self.check_precondition(document, precondition)
        await self.store.delete(self.collection, equal("_id", document["_id"]))

    def check_precondition(self, document: Json, precondition: Precondition | None) -> None:
        """Raise PreconditionFailed when the document does not meet the precondition."""
        if precondition is not None and not precondition(document):
            raise PreconditionFailed(f"The {self.kind} has changed since you read it. Read it again, then retry.")

    def _to_taken(self, error: Duplicate, pointer: str) -> Taken:
        key = f" '{error.value}'" if error.value is not None else ""
        return Taken.at("body", f"{pointer}/key", f"Another {self.kind} has the key{key}.")


# -- look-up by id or key ----------------------------------------------------------------------------------------


def match_names(key_field: str, ids: Iterable[str], keys: Sequence[str]) -> Condition:
    """Return the condition that a document has one of these ids or keys.

    ids: texts that cannot be an id are skipped; case does not matter.
    """
    lower_ids = tuple(text.lower() for text in ids if is_id(text))
    return match_keys(key_field, keys) | (OneOf("_id", lower_ids) if lower_ids else NOTHING)


def match_keys(key_field: str, keys: Sequence[str]) -> Condition:
    """Return the condition that a document has one of these keys."""
    return OneOf("key", tuple(keys)) if key_field == "key" else Overlaps(key_field, tuple(keys))


def index_by_key(key_field: str, documents: Iterable[Json]) -> dict[str, Json]:
    """Return documents by each of their keys."""
    by_key: dict[str, Json] = {}
    for document in documents:
        by_key |= dict.fromkeys(list_keys(document, key_field), document)
    return by_key


def index_by_name(names: Iterable[str], by_id: Mapping[str, T], by_key: Mapping[str, T]) -> dict[str, T]:
    """Return the resource that each name means: the one with that id, in any case, else the one with that key.

    Names that match neither are left out.
    """
    matches = ((name, by_id.get(name.lower(), by_key.get(name))) for name in names)
    return {name: match for name, match in matches if match is not None}


def require_all(kind: str, by_name: Mapping[str, T], names: Sequence[str], pointer: str) -> list[T]:
    """Return the resource of each name, in the order of the names.

    Raise UnknownReference with one fault for each of the first names that `by_name` lacks, as many as an answer has; a
    fault points at `pointer`/position.
    """
    unknown = ((position, name) for position, name in enumerate(names) if name not in by_name)
    faults = [
        Fault("body", f"{pointer}/{position}", UnknownReference.code, f"There is no {kind} '{name}'.")
        for position, name in islice(unknown, MOST_FAULTS)
    ]
    if faults:
        raise UnknownReference(faults[0].message, faults=faults)
    return [by_name[name] for name in names]
