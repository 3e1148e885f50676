"""Answers cached for questions that are repeated; an entry is used only while nothing it depends on has changed.

An answer depends on the application's rows, on its documents and on the current day.  Their versions are read with the
request (`Reader.version`, `Store.revision`).  Nothing is cached while a store cannot tell them.
"""

from collections import OrderedDict
from dataclasses import dataclass
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
from okube_api.metrics import count_cached_answer
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.protocol import Store
from okube_api.studies.repository import STUDIES

_COLLECTIONS = (APPLICATIONS, SITES, EQUIPMENTS, POIS, CAMPAIGNS, LEVERS, STUDIES, AREAS)
_MAX_BYTES = 64 * 2**20
_OVERHEAD_BYTES = 1000  # of an entry, in addition to its texts


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
class CacheEntry:
    """An answer, and what it depends on."""

    answer: RenderedAnswer
    validity: Validity


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
        async with self._store.open_reader(validity.application) as reader:
            unchanged = validity.documents_revision == self.revision() and validity.rows_version == reader.version
        if unchanged and validity.today == to_local_date(self._clock(), validity.timezone):
            self._entries.move_to_end(key)
            count_cached_answer()
            return entry
        self._drop(key)
        return None

    def put(self, key: CacheKey, entry: CacheEntry) -> None:
        """Add an entry; drop the least recently used ones when there are too many bytes.

        An answer in a file and an entry of more than half the limit are not cached.
        """
        if entry.answer.content.file is not None or _count_bytes(key, entry) > self._max_bytes // 2:
            return
        self._drop(key)
        self._entries[key] = entry
        self._bytes += _count_bytes(key, entry)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def forget(self, application: str) -> None:
        """Drop the answers of an application."""
        for key in [key for key, entry in self._entries.items() if entry.validity.application == application]:
            self._drop(key)

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: CacheKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _count_bytes(key, entry)


def _count_bytes(key: CacheKey, entry: CacheEntry) -> int:
    notes = sum(len(note.message) for note in entry.answer.notes)
    return len(key.body) + len(key.path) + entry.answer.content.size + notes + _OVERHEAD_BYTES
