"""Publishes changes of resources that facts depend on.

Repositories do not know the ingest.  They publish each such change around the write that makes it, and the ingest, as
the listener, invalidates the facts.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from okube_api.store.values import Json


class ChangeKind(StrEnum):
    """What happened to a resource, as far as it matters to facts."""

    CELLS = "cells"  # its H3 cells changed, so it matches other pings
    TIMEZONE = "timezone"  # its time zone changed, so its events may belong to other local days
    CHANNEL = "channel"  # a site became online or offline
    WINDOWS = "windows"  # the lookback windows of a campaign changed
    SETTINGS = "settings"  # the settings of an application that facts depend on changed
    DELETED = "deleted"  # it was deleted, and its facts must be deleted, too


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One kind of change to resources of one collection.

    collection: its name.  ids: of the resources, all of one application.
    """

    collection: str
    ids: tuple[str, ...]
    kind: ChangeKind


class WriteSkipped(Exception):
    """Raised inside `ChangePublisher.publish_around` when nothing was written, so that the listener ignores it."""


Listener = Callable[[str, Sequence[ResourceChange]], AbstractAsyncContextManager[None]]
"""Called with the application's id and the changes; the write runs inside the context manager.

What the listener stores on entry survives a crash during the write; on exit, it finds the resources changed.  An
exception on exit reaches the caller, although the write has been done.
"""


class ChangePublisher:
    """Publishes resource changes to one listener."""

    def __init__(self) -> None:
        self._listener: Listener | None = None

    def subscribe(self, listener: Listener) -> None:
        """Set the listener."""
        self._listener = listener

    @asynccontextmanager
    async def publish_around(self, application: str, changes: Sequence[ResourceChange]) -> AsyncIterator[None]:
        """Publish changes around the write that makes them.  Do nothing without changes or without a listener."""
        if self._listener is None or not changes:
            yield
            return
        async with self._listener(application, changes):
            yield


WatchedFields = Mapping[ChangeKind, tuple[str, ...]]
"""The fields whose change is a change of that kind."""


def detect_changes(
    collection: str, watched_fields: WatchedFields, pairs: Iterable[tuple[Json, Json]]
) -> list[ResourceChange]:
    """Return the changes from the first to the second document of each pair; an empty first one is a new resource.

    A new resource only has a change of place: there are no facts yet that anything else could change.
    """
    ids: dict[ChangeKind, list[str]] = {}
    for before, after in pairs:
        for kind, names in watched_fields.items():
            is_relevant = bool(before) or kind is ChangeKind.CELLS
            if is_relevant and any(before.get(name) != after.get(name) for name in names):
                ids.setdefault(kind, []).append(after["_id"])
    return [ResourceChange(collection, tuple(changed), kind) for kind, changed in ids.items()]
