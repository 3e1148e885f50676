"""Revisions of collections: whether what a process has read still holds, although other processes write, too.

There is one document for each collection: `token`, and `writers`, the writes that are running.  A write first adds
itself to the writers and replaces the token, in one step; it removes itself when it is done.  While there are writers,
the collection has no revision, so that nothing is cached.  Hence documents that were read after a token without writers
can be used as long as the token is the same: each later write replaces it before it changes a document.

A writer that dies stays in the document until its lease expires; then another process removes it and replaces the
token.  So does a write whose end is unknown, since the server may still carry it out.

The documents are in the collection of the pointers to the rows, so that one query reads both for a request.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from random import random
from typing import Any

import anyio
from bson import ObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from okube_api.store.errors import Conflict, Duplicate, StoreError, Unavailable, UnsupportedByStore
from okube_api.store.mongo.errors import READ_S, WRITE_S, WriteConflict, time_limit
from okube_api.store.mongo.manifests import POINTERS, ManifestPointers
from okube_api.store.mongo.staging import read_server_time
from okube_api.store.values import Json

_PREFIX = "#"
"""Before the name of a collection in the `_id` of its revision: sorted by it, revisions come before applications."""
LEASE = timedelta(seconds=30)
"""How long a writer counts that does not renew itself; far longer than an operation, which ends after `WRITE_S`."""
_RENEW_S = 5.0
_LONGEST_USE_S = 300
"""Caches are read again after this time, in case something else than this server has changed the documents."""
_MAX_ATTEMPTS, _MAX_PAUSE_S = 50, 0.05
_MOST_SUBJECTS = 4096


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one query has read: the token of each collection without writers, and the pointers of some applications.

    writes: how many writes this process had begun before, by collection.
    """

    tokens: Mapping[str, str] = field(default_factory=dict)
    writes: Mapping[str, int] = field(default_factory=dict)
    pointers: Mapping[str, ManifestPointers] = field(default_factory=dict)


@dataclass(slots=True)
class _View:
    """What a request has read.

    subject: what it is about (see `Revisions.hold`).
    pointers: those of the applications whose rows the request reads; it reads each only once.
    """

    subject: str | None
    reading: _Reading = field(default_factory=_Reading)
    pointers: dict[str, ManifestPointers] = field(default_factory=dict)
    is_open: bool = True


@dataclass(eq=False, slots=True)
class _Writer:
    """The entry of this process among the writers of a collection, shared by its writes that overlap.

    has_unknown_end: whether the server may carry out one of the writes later.
    """

    collection: str
    writer_id: str = field(default_factory=lambda: str(ObjectId()))
    renewed_s: float = field(default_factory=time.monotonic)
    writes: int = 0
    has_unknown_end: bool = False
    adding: "asyncio.Task[None]" = field(init=False)
    renewing: "asyncio.Task[None] | None" = None

    @property
    def path(self) -> str:
        """The field of the entry in the document."""
        return f"writers.{self.writer_id}"

    def match(self) -> Json:
        """Return the query of the document, if it still has the entry."""
        return {"_id": encode_id(self.collection), self.path: {"$exists": True}}

    @property
    def is_about_to_expire(self) -> bool:
        """Whether it was not renewed for so long that other processes may soon remove it."""
        return time.monotonic() - self.renewed_s > LEASE.total_seconds() / 2


class Revisions:
    """Revisions of some collections of a database.

    clock_s: returns the time in seconds since 1970.
    """

    def __init__(self, database: Any, collections: Iterable[str], clock_s: Callable[[], float] = time.time) -> None:
        self._database, self._stored = database, database[POINTERS]
        self._collections = frozenset(collections)
        self._ids = sorted(map(encode_id, self._collections))
        self._clock_s = clock_s
        self._view: ContextVar[_View | None] = ContextVar("view", default=None)
        self._writers: dict[str, _Writer] = {}
        self._write_counts: Counter[str] = Counter()
        self._running_read: asyncio.Task[_Reading] | None = None
        self._next_read: asyncio.Task[_Reading] | None = None
        self._applications: dict[str, str] = {}  # by subject
        self._next_applications: set[str] = set()  # the applications whose pointers the next read reads, too

    # -- reading

    @contextmanager
    def hold(self, subject: str | None = None) -> Iterator[None]:
        """Let `get` return what `read` has read within this context.

        subject: what the request is about.  The pointers that the last request about it needed are read with the
            revisions.
        """
        view = _View(subject)
        reset_token = self._view.set(view)
        try:
            yield
        finally:
            self._view.reset(reset_token)
            view.is_open = False  # tasks that were started within the context, and still run, have the view, too

    async def read(self) -> None:
        """Read the revisions again, if the caller is within `hold`."""
        view = self._get_view()
        if view is None:
            return
        view.reading = _Reading()
        view.pointers.clear()
        application = None if view.subject is None else self._applications.get(view.subject)
        if application is not None:
            self._next_applications.add(application)
        # A read that is running may have passed the server before this call, so that callers wait for the next one.
        if self._next_read is None or self._next_read.done():
            self._next_read = asyncio.create_task(self._read_after(self._running_read))
            self._next_read.add_done_callback(_retrieve_error)
        view.reading = await asyncio.shield(self._next_read)
        if application is not None:
            view.pointers[application] = view.reading.pointers[application]

    async def _read_after(self, previous: "asyncio.Task[_Reading] | None") -> _Reading:
        if previous is not None:
            await asyncio.wait([previous])
        self._running_read, self._next_read = self._next_read, None
        applications, self._next_applications = self._next_applications, set()
        writes = dict(self._write_counts)
        # Sorted, so that the pointers are read after the revisions: see `drop_pointers`.
        with time_limit(READ_S):
            match = {"_id": {"$in": [*self._ids, *applications]}}
            documents = await self._stored.find(match, sort=[("_id", 1)]).to_list(None)
        by_id = {document["_id"]: document for document in documents}
        age = int(self._clock_s() // _LONGEST_USE_S)
        tokens = {
            name: f"{document['token']}-{age}"
            for name in self._collections
            if (document := by_id.get(encode_id(name))) is not None and not document["writers"]
        }
        pointers = {name: ManifestPointers.from_document(name, by_id.get(name, {})) for name in applications}
        return _Reading(tokens, writes, pointers)

    def get(self, collections: Iterable[str]) -> str | None:
        """Return the revision of some collections.

        None outside of `hold`, while one of them is written, and after this process has written one of them since
        the revisions were read.
        """
        view = self._get_view()
        if view is None:
            return None
        reading, tokens = view.reading, []
        for name in sorted(collections):
            token = reading.tokens.get(name)
            if token is None or reading.writes.get(name, 0) != self._write_counts[name]:
                return None
            tokens.append(token)
        return " ".join(tokens)

    async def load_pointers(
        self, application: str, load: Callable[[str], Awaitable[ManifestPointers]]
    ) -> ManifestPointers:
        """Return what was read with the revisions, or what `load` returns, which is called once within `hold`."""
        view = self._get_view()
        if view is None:
            return await load(application)
        if view.subject is not None and self._applications.get(view.subject) != application:
            if len(self._applications) >= _MOST_SUBJECTS:
                del self._applications[next(iter(self._applications))]
            self._applications[view.subject] = application
        if application not in view.pointers:
            view.pointers[application] = await load(application)
        return view.pointers[application]

    def drop_pointers(self) -> None:
        """Let the caller's request read pointers again: it has written rows, or read documents.

        Rows must not be older than documents which say what they are, such as that a rebuild has ended.
        """
        if (view := self._get_view()) is not None:
            view.pointers.clear()

    def _get_view(self) -> _View | None:
        view = self._view.get()
        return view if view is not None and view.is_open else None

    # -- writing

    @asynccontextmanager
    async def announce_write(self, collection: str) -> AsyncIterator[None]:
        """Write within this context: before it begins, what others have cached of the collection becomes invalid."""
        if collection not in self._collections:
            yield
            return
        self._write_counts[collection] += 1
        writer = self._writers.get(collection)
        if writer is None or writer.is_about_to_expire:
            writer = self._writers[collection] = _Writer(collection)
            writer.adding = asyncio.create_task(self._add(writer))
            writer.adding.add_done_callback(_retrieve_error)
        writer.writes += 1
        try:
            await asyncio.shield(writer.adding)
            yield
        except (Duplicate, Conflict, UnsupportedByStore):
            raise
        except BaseException:
            writer.has_unknown_end = True
            raise
        finally:
            writer.writes -= 1
            if not writer.writes:
                await self._end(writer)

    async def _add(self, writer: _Writer) -> None:
        """Add a writer to the document of its collection, and replace the token in the same step."""
        match = {"_id": encode_id(writer.collection)}
        addition = {"$set": {"token": ObjectId()}, "$currentDate": {writer.path: True}}
        sent_s = time.monotonic()
        if not await self._update(match, addition):
            await self._create(writer.collection)  # somebody has deleted the document
            if not await self._update(match, addition):
                raise Unavailable("The revision of the documents cannot be written.")
        writer.renewed_s = sent_s
        if writer.writes:  # none is left if they were cancelled meanwhile
            writer.renewing = asyncio.create_task(self._renew_repeatedly(writer))

    async def _renew_repeatedly(self, writer: _Writer) -> None:
        while True:
            await asyncio.sleep(_RENEW_S)
            sent_s = time.monotonic()
            with suppress(StoreError, PyMongoError):
                if await self._update(writer.match(), {"$currentDate": {writer.path: True}}):
                    writer.renewed_s = sent_s

    async def _end(self, writer: _Writer) -> None:
        """Remove a writer, unless its writes may still be carried out; then its lease expires.

        If another process has removed it before, its writes may have come after what is cached: replace the token.
        """
        if self._writers.get(writer.collection) is writer:
            del self._writers[writer.collection]
        if writer.renewing is not None:
            writer.renewing.cancel()
        if writer.has_unknown_end:
            return
        try:
            is_removed = await self._update(writer.match(), {"$unset": {writer.path: ""}})
        except (StoreError, PyMongoError):
            return  # the lease expires
        if not is_removed:
            await self._update({"_id": encode_id(writer.collection)}, {"$set": {"token": ObjectId()}})

    async def _update(self, match: Json, update: Json) -> bool:
        """Update a document; return whether one matched."""
        for attempts_left in reversed(range(_MAX_ATTEMPTS)):
            try:
                with time_limit(WRITE_S):
                    result = await self._stored.update_one(match, update)
            except WriteConflict:  # another process has changed the document at the same moment
                if not attempts_left:
                    raise
                await anyio.sleep(_MAX_PAUSE_S * random())  # noqa: S311 - so that they do not collide again
            else:
                return bool(result.matched_count)
        raise AssertionError("unreachable")

    # -- maintenance

    async def create(self) -> None:
        """Create the documents that do not exist."""
        with time_limit(READ_S):
            documents = await self._stored.find({"_id": {"$in": self._ids}}, {"_id": 1}).to_list(None)
        existing = {document["_id"] for document in documents}
        for name in sorted(self._collections):
            if encode_id(name) not in existing:
                await self._create(name)

    async def _create(self, collection: str) -> None:
        with suppress(DuplicateKeyError), time_limit(WRITE_S):  # another process may do the same
            await self._stored.insert_one({"_id": encode_id(collection), "token": ObjectId(), "writers": {}})

    async def remove_dead_writers(self) -> None:
        """Remove writers whose lease has expired; what was cached before them stays invalid."""
        with time_limit(READ_S):
            documents = await self._stored.find({"_id": {"$in": self._ids}}).to_list(None)
        documents = [document for document in documents if document["writers"]]
        if not documents:
            return
        expired_at = await read_server_time(self._database) - LEASE
        for document in documents:
            for writer_id, renewed_at in document["writers"].items():
                if renewed_at < expired_at:
                    path = f"writers.{writer_id}"
                    update = {"$unset": {path: ""}, "$set": {"token": ObjectId()}}
                    await self._update({"_id": document["_id"], path: {"$lt": expired_at}}, update)


def encode_id(collection: str) -> str:
    """Return the `_id` of the document of a collection."""
    return _PREFIX + collection


def _retrieve_error(task: "asyncio.Task[Any]") -> None:
    """Retrieve the error of a task, which asyncio would log if all callers were cancelled before they got it."""
    if not task.cancelled():
        task.exception()
