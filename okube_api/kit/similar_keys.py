"""Refuses keys that could be taken for another resource: its id, or its key in another Unicode form (NFC).

The store holds keys unique as they are written.  Whether another resource has a similar key is read before a document
is written; until it is written, the key is claimed in the store, so that two requests at the same moment, in any
process, cannot both write one of two similar keys.
"""

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from unicodedata import normalize

import anyio

from okube_api.clock import Clock, stamp
from okube_api.errors import RequestConflict, Taken
from okube_api.kit.creation_ids import CREATION_IDS
from okube_api.kit.ids import is_id
from okube_api.store.conditions import Between, OneOf
from okube_api.store.errors import Duplicate, StoreError
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection as StoreCollection
from okube_api.store.schema import ColumnType
from okube_api.store.values import Json

KEY_CLAIMS = StoreCollection("key_claims", fields={"resource": ColumnType.TEXT, "expiresAt": ColumnType.TEXT})
"""Keys that are being written; a claim is deleted afterwards, and expires when its process has died."""

_CLAIM_LIFETIME = timedelta(minutes=2)
_CLAIMS_PER_DELETE = 5000


class KeyUse(NamedTuple):
    """A document to write, and one of its keys; `pointer` is the document's place in the body."""

    key: str
    document: str
    pointer: str


@dataclass(frozen=True, slots=True)
class UnusualKeys:
    """The keys of documents to write that may be an id, or have another Unicode form.

    uses: by each form in which another resource must not have a key or an id.
    """

    application: str
    uses: dict[str, list[KeyUse]]

    @classmethod
    def of_documents(cls, documents: Iterable[Json], pointers: Iterable[str], key_field: str) -> "UnusualKeys":
        """Return the unusual keys of documents of one application."""
        uses: defaultdict[str, list[KeyUse]] = defaultdict(list)
        application = ""
        for document, pointer in zip(documents, pointers, strict=True):
            application = document.get("application", "")
            for key in list_keys(document, key_field):
                if is_id(key) or not key.isascii():
                    for form in {key, _normalize(key), normalize("NFD", key)}:
                        uses[form].append(KeyUse(key, document["_id"], pointer))
        return cls(application, dict(uses))

    def find_collision(self, stored: Collection[Json], key_field: str) -> KeyUse | None:
        """Return the first use of a key that another document to write, or a stored one, has in some form.

        stored: all documents that have one of the forms as a key or an id.  A stored document may keep its keys.
        """
        unchanged = {(document["_id"], key) for document in stored for key in list_keys(document, key_field)}
        holders: defaultdict[str, set[str]] = defaultdict(set)
        for document in stored:
            for name in (document["_id"], *list_keys(document, key_field)):
                holders[name].add(document["_id"])
        for form, uses in self.uses.items():
            for use in uses:
                if holders[form] - {use.document} and (use.document, use.key) not in unchanged:
                    return use
                holders[form].add(use.document)
        return None


def list_keys(document: Json, key_field: str) -> list[str]:
    """Return the keys of a document, whose field may hold a text or a list of texts."""
    keys = document.get(key_field) or ()
    return [keys] if isinstance(keys, str) else [*keys]


class KeyClaims:
    """The keys that the requests of all processes are writing."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @asynccontextmanager
    async def hold(self, collection: str, keys: UnusualKeys) -> AsyncIterator[None]:
        """Claim keys while they are checked and written.

        collection: its name.
        Raise RequestConflict while another request writes a similar key, and Taken for similar keys of two documents.
        """
        expires = stamp(self._clock() + _CLAIM_LIFETIME)
        claims: dict[str, Json] = {}
        for use in (use for uses in keys.uses.values() for use in uses):
            name = f"{collection}\n{keys.application}\n{_normalize(use.key)}"
            identifier = hashlib.sha256(name.encode()).hexdigest()[:24]
            claims[identifier] = {"_id": identifier, "resource": use.document, "expiresAt": expires}
        if not claims:
            yield
            return
        await self._delete_outdated(list(claims.values()))
        try:
            await self._store.insert(KEY_CLAIMS, list(claims.values()))
        except Duplicate:
            raise RequestConflict("Another request is writing a resource with a similar key. Try again.") from None
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True), suppress(StoreError):  # claims that stay will expire
                await self._delete("_id", list(claims))

    async def _delete_outdated(self, claims: Sequence[Json]) -> None:
        """Delete claims that have expired, and those of an attempt that this request repeats."""
        await self._store.delete(KEY_CLAIMS, Between("expiresAt", None, stamp(self._clock())))
        creation = CREATION_IDS.get()
        if creation is not None and creation.is_repeated:
            await self._delete("resource", list({claim["resource"] for claim in claims}))

    async def _delete(self, field: str, values: Sequence[str]) -> None:
        for start in range(0, len(values), _CLAIMS_PER_DELETE):
            await self._store.delete(KEY_CLAIMS, OneOf(field, tuple(values[start : start + _CLAIMS_PER_DELETE])))


def _normalize(key: str) -> str:
    """Return the form that similar keys share; ids are found in any case."""
    return key.lower() if is_id(key) else normalize("NFC", key)


def build_taken(kind: str, use: KeyUse) -> Taken:
    """Return the refusal of a key that could be taken for another resource of this kind."""
    message = f"Another {kind} has the key '{use.key}', an id like it, or a key that differs in Unicode forms only."
    return Taken.at("body", f"{use.pointer}/key", message)
