"""Answers cached for questions that are repeated; an entry is used only while nothing it depends on has changed.

An answer depends on the application's rows, on its documents and on the current day.  Their versions are read with the
request (`Store.read_version`, `Store.revision`).  Nothing is cached while a store cannot tell them.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from okube_api.analytics.rendering import JSON_ANSWER, AnswerFormat, RenderedContent
from okube_api.applications.repository import APPLICATIONS
from okube_api.areas.repository import AREAS
from okube_api.campaigns.repository import CAMPAIGNS, LEVERS
from okube_api.catalogue.kpi import Module
from okube_api.clock import Clock
from okube_api.engine.calendar import to_local_date
from okube_api.engine.notes import Note
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.protocol import Store
from okube_api.studies.repository import STUDIES

_COLLECTIONS = (APPLICATIONS, SITES, EQUIPMENTS, POIS, CAMPAIGNS, LEVERS, STUDIES, AREAS)
_MAX_BYTES = 64 * 2**20
_OVERHEAD_BYTES = 1000  # of an entry or a response, in addition to its texts
_MOST_RESPONSES = 16  # of an entry


class CacheKey(NamedTuple):
    """A question as sent: the path, the query string, the media type that `Accept` prefers, and the body."""

    path: str
    query: bytes
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Validity:
    """What an answer depends on.

    today: in the application's time zone.
    rows_version: the version of the application's rows.
    documents_revision: the revision of the documents, which was read before any document.
    """

    application: str
    timezone: str
    today: date
    rows_version: str
    documents_revision: str


@dataclass(frozen=True, slots=True)
class RenderedAnswer:
    """The bytes of an answer, and notes on its values.

    content: the bytes; its `etag` is a hash of them: equal answers have equal tags on every store and after a restart.
    """

    content: RenderedContent
    module: Module
    answer_format: AnswerFormat = JSON_ANSWER
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class SentResponse:
    """A response with a cached answer, as it was sent: the body may be compressed, or empty with status 304."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """An answer, and what it depends on.

    responses: the responses with the answer, by all else in a request that the response depends on.
    """

    answer: RenderedAnswer
    validity: Validity
    responses: dict[Hashable, SentResponse] = field(default_factory=dict, compare=False)


class AnswerCache:
    """The most recently used answers, up to `max_bytes` in total."""

    def __init__(self, store: Store, clock: Clock, max_bytes: int = _MAX_BYTES) -> None:
        self._store, self._clock, self._max_bytes = store, clock, max_bytes
        self._entries: OrderedDict[CacheKey, CacheEntry] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """Number of cached answers."""
        return len(self._entries)

    def revision(self) -> str | None:
        """Return the current revision of all documents that answers depend on; None when the store cannot tell it.

        Read it before anything else, so that a change while the question is answered outdates the entry.
        """
        return self._store.revision(*_COLLECTIONS)

    async def get(self, key: CacheKey) -> CacheEntry | None:
        """Return the entry of a question if it is still valid.  Whether the caller may read it is not checked."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        validity = entry.validity
        rows_version = await self._store.read_version(validity.application)
        unchanged = validity.documents_revision == self.revision() and validity.rows_version == rows_version
        if unchanged and validity.today == to_local_date(self._clock(), validity.timezone):
            self._entries.move_to_end(key)
            return entry
        self._drop(key)
        return None

    def find_entry(self, key: CacheKey, answer: RenderedAnswer) -> CacheEntry | None:
        """Return the entry of an answer that has just been computed; None if it was not cached."""
        entry = self._entries.get(key)
        return entry if entry is not None and entry.answer is answer else None

    def put(self, key: CacheKey, entry: CacheEntry) -> None:
        """Add an entry; drop the least recently used ones when there are too many bytes.

        An answer in a file and an entry of more than half the limit are not cached.
        """
        if entry.answer.content.file is not None or _count_bytes(key, entry) > self._max_bytes // 2:
            return
        self._drop(key)
        self._entries[key] = entry
        self._bytes += _count_bytes(key, entry)
        self._limit_bytes()

    def has_response(self, key: CacheKey, request_head: Hashable) -> bool:
        """Return whether a response is kept; whether it is still valid is not checked, which may need a query."""
        entry = self._entries.get(key)
        return entry is not None and request_head in entry.responses

    def put_response(self, key: CacheKey, entry: CacheEntry, request_head: Hashable, response: SentResponse) -> None:
        """Add a response to an entry, unless the entry was dropped meanwhile; drop the oldest of too many."""
        if self._entries.get(key) is not entry:
            return
        self._bytes -= _count_bytes(key, entry)
        entry.responses.pop(request_head, None)
        entry.responses[request_head] = response
        if len(entry.responses) > _MOST_RESPONSES:
            del entry.responses[next(iter(entry.responses))]
        self._bytes += _count_bytes(key, entry)
        self._limit_bytes()

    def forget(self, application: str) -> None:
        """Drop the answers of an application."""
        for key in [key for key, entry in self._entries.items() if entry.validity.application == application]:
            self._drop(key)

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()
        self._bytes = 0

    def _limit_bytes(self) -> None:
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: CacheKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _count_bytes(key, entry)


def _count_bytes(key: CacheKey, entry: CacheEntry) -> int:
    notes = sum(len(note.message) for note in entry.answer.notes)
    content = entry.answer.content
    responses = sum(_OVERHEAD_BYTES + len(response.body) for response in entry.responses.values())
    return len(key.body) + len(key.path) + content.size + notes + responses + _OVERHEAD_BYTES
