"""Invalidates facts when a resource that they depend on changes, for instance when a site moves.

`_STALE_KINDS` lists, for each kind of change, the kinds of events whose facts become stale.  The invalidation is
stored before the write, so that a crash cannot lose it.  After the write a background task rebuilds the facts and
deletes the entry; `resume` does so for entries that a crashed process left behind.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog

from okube_api.applications.repository import APPLICATIONS
from okube_api.ingest.refresh import steps
from okube_api.ingest.service import Ingest
from okube_api.kit.application import Application
from okube_api.kit.ids import new_id
from okube_api.kit.resource_changes import ChangeKind, ResourceChange
from okube_api.store.conditions import equal
from okube_api.store.schema import Collection as DocumentCollection
from okube_api.store.schema import ColumnType

PENDING = DocumentCollection("ingest_notes", fields={"application": ColumnType.TEXT})
"""One document per invalidation: an application, and the kinds of events whose facts are to be rebuilt."""

GEO, PRESENCE, CONVERSION = steps.GEO.kinds, steps.PRESENCE.kinds, steps.CONVERSION.kinds
ALL = (*GEO, *PRESENCE, *CONVERSION)
_STALE_KINDS: Mapping[tuple[str, ChangeKind], Sequence[str]] = {
    ("sites", ChangeKind.CELLS): GEO,
    ("sites", ChangeKind.TIMEZONE): ALL,
    ("sites", ChangeKind.CHANNEL): CONVERSION,
    ("sites", ChangeKind.DELETED): ALL,
    ("pois", ChangeKind.CELLS): GEO,
    ("pois", ChangeKind.TIMEZONE): GEO,
    ("pois", ChangeKind.DELETED): GEO,
    ("equipments", ChangeKind.DELETED): PRESENCE,
    ("campaigns", ChangeKind.WINDOWS): CONVERSION,
    ("campaigns", ChangeKind.DELETED): CONVERSION,
    ("applications", ChangeKind.TIMEZONE): ALL,
    ("applications", ChangeKind.SETTINGS): ALL,
}

log = structlog.stdlib.get_logger("okube.ingest")


class Invalidation:
    """Queue of facts to rebuild after resources changed; `invalidate` is the listener of a `ChangePublisher`."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest, self._store = ingest, ingest.store
        self._tasks: dict[str, asyncio.Task[None]] = {}  # by application

    @asynccontextmanager
    async def invalidate(self, application: str, changes: Sequence[ResourceChange]) -> AsyncIterator[None]:
        """Store which facts the changes make stale, let the write happen, then rebuild the facts in the background."""
        stale = {kind for change in changes for kind in _STALE_KINDS.get((change.collection, change.kind), ())}
        kinds = stale & set((await self._ingest.read_live_kinds(application)).values()) if stale else set()
        if kinds:
            entry = {"_id": new_id(self._ingest.clock()), "application": application, "kinds": sorted(kinds)}
            await self._store.insert(PENDING, [entry])
        yield
        if kinds:
            self._start(application)

    async def resume(self) -> None:
        """Rebuild the facts of all stored invalidations, of every application."""
        entries = await self._store.find(PENDING, ~equal("application", ""))
        for application in {entry["application"] for entry in entries}:
            self._start(application)
        await self.drain()

    async def drain(self, application: str | None = None) -> None:
        """Wait until the rebuilds that have started are done, of one application or of all."""
        tasks = [task for owner, task in self._tasks.items() if application in (None, owner)]
        await asyncio.gather(*tasks)

    async def close(self) -> None:
        """Cancel running rebuilds; their invalidations stay stored."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _start(self, application: str) -> None:
        running = self._tasks.get(application)
        if running is None or running.done():
            task = asyncio.create_task(self._rebuild(application))
            task.add_done_callback(_log_failure)
            self._tasks[application] = task

    async def _rebuild(self, application: str) -> None:
        """Rebuild facts until no invalidation is stored; more may come while one is processed."""
        while entries := await self._store.find(PENDING, equal("application", application)):
            document = await self._store.get(APPLICATIONS, equal("_id", application))
            if document is not None:
                kinds = {kind for entry in entries for kind in entry["kinds"]}
                await self._ingest.rebuild(Application.from_document(document), kinds)
            for entry in entries:
                await self._store.delete(PENDING, equal("_id", entry["_id"]))


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("ingest.invalidation_failed", error=repr(error))
