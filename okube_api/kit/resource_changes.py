"""The changes of resources that facts depend on, told to whoever keeps the facts.

Resources do not know the ingest, and the ingest keeps what follows from them: it hears of every such change here.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from okube_api.store.base import Json


class ChangeKind(StrEnum):
    """What happened to a resource, as far as facts are concerned."""

    PLACE = "place"  # its cells are new or others: which pings it matches
    ZONE = "zone"  # its time zone is another: which day an event falls on
    CHANNEL = "channel"  # a site went online, or offline
    WINDOWS = "windows"  # a campaign's touches count for longer, or not as long
    SETTINGS = "settings"  # an application's, those that facts are made with
    DELETED = "gone"  # it is deleted, and its facts with it


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One thing that happens to resources of one collection (its name), of one application."""

    collection: str
    ids: tuple[str, ...]
    kind: ChangeKind


Listener = Callable[[str, Sequence[ResourceChange]], AbstractAsyncContextManager[None]]
"""Called with the application's id and the changes, around the write that makes them.

What it does before is done when the process dies in the write; what it does after finds the resources changed.  An
exception that leaves it after the write leaves the route, too.
"""


class ChangePublisher:
    """Where changes are told, and followed."""

    def __init__(self) -> None:
        self._follower: Listener | None = None

    def subscribe(self, follower: Listener) -> None:
        """Names the one who is told from now on."""
        self._follower = follower

    @asynccontextmanager
    async def publish_around(self, application: str, changes: Sequence[ResourceChange]) -> AsyncIterator[None]:
        """Encloses the write that makes these changes; nobody is told of none."""
        if self._follower is None or not changes:
            yield
            return
        async with self._follower(application, changes):
            yield


WatchedFields = Mapping[ChangeKind, tuple[str, ...]]
"""The fields that each kind of change is seen by."""


def detect_changes(collection: str, watched: WatchedFields, pairs: Iterable[tuple[Json, Json]]) -> list[ResourceChange]:
    """The changes from the first to the second document of each pair; an empty first one is a new resource.

    Of new resources only the place matters: there are no facts yet that anything else could change.
    """
    found: dict[ChangeKind, list[str]] = {}
    for before, after in pairs:
        for what, names in watched.items():
            known = bool(before) or what is ChangeKind.PLACE
            if known and any(before.get(name) != after.get(name) for name in names):
                found.setdefault(what, []).append(after["_id"])
    return [ResourceChange(collection, tuple(ids), what) for what, ids in found.items()]
