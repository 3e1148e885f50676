"""Answers kept for questions that are asked again: given only while nothing that they follow from has changed.

An answer follows from the rows of the application, from its documents and from the day.  What they are now is told
by the store at no cost (`Reader.version`, `Store.revision`); where it cannot tell, nothing is kept.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from okube_api.applications.repository import APPLICATIONS
from okube_api.areas.repository import AREAS
from okube_api.campaigns.repository import CAMPAIGNS, LEVERS
from okube_api.clock import Clock
from okube_api.engine.calendar import local_day
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.base import Store
from okube_api.studies.repository import STUDIES

_DOCUMENTS = (APPLICATIONS, SITES, EQUIPMENTS, POIS, CAMPAIGNS, LEVERS, STUDIES, AREAS)
_MAX_BYTES = 64 * 2**20


class CacheKey(NamedTuple):
    """A question as it was sent: the path, the query string, the media type wanted, and the body."""

    path: str
    query: bytes
    media: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Validity:
    """What an answer follows from.

    today: in the application's time zone.  rows: the version of its rows.
    """

    application: str
    timezone: str
    today: date
    rows: str


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """An answer, and what it follows from.  documents: their revision before the question was read."""

    body: bytes
    headers: Mapping[str, str]
    seal: Validity
    documents: str


class AnswerCache:
    """The answers given last, within a budget of memory."""

    def __init__(self, store: Store, clock: Clock, max_bytes: int = _MAX_BYTES) -> None:
        self._store, self._clock, self._max_bytes = store, clock, max_bytes
        self._entries: OrderedDict[CacheKey, CacheEntry] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """How many answers are kept."""
        return len(self._entries)

    def revision(self) -> str | None:
        """What documents are now; None where that is not known.  To be read before anything else of a question."""
        return self._store.revision(*_DOCUMENTS)

    async def get(self, asking: CacheKey) -> CacheEntry | None:
        """The answer, if it would be the same now.  Who asks must be allowed to, still."""
        kept = self._entries.get(asking)
        if kept is None:
            return None
        seal = kept.seal
        async with self._store.open_reader(seal.application) as reader:
            same = kept.documents == self.revision() and seal.rows == reader.version
        if same and seal.today == local_day(self._clock(), seal.timezone):
            self._entries.move_to_end(asking)
            return kept
        self._drop(asking)
        return None

    def put(self, asking: CacheKey, answer: CacheEntry) -> None:
        """Keeps an answer; the longest not asked for make room."""
        if _size(asking, answer) > self._max_bytes // 2:
            return
        self._drop(asking)
        self._entries[asking] = answer
        self._bytes += _size(asking, answer)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, asking: CacheKey) -> None:
        kept = self._entries.pop(asking, None)
        if kept is not None:
            self._bytes -= _size(asking, kept)


def _size(asking: CacheKey, kept: CacheEntry) -> int:
    return len(asking.body) + len(asking.path) + len(kept.body) + 1000
