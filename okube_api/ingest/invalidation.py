"""Invalidates facts when a resource that they depend on changes, for instance when a site moves.

`_STALE_KINDS` lists, for each kind of change, the kinds of events whose facts become stale.  The invalidation is
stored before the write, so that a crash cannot lose it, and confirmed after the write.  Then a background task rebuilds
the facts and deletes the invalidation, if it is still the version that the task has read.  At intervals, `resume` does
so for those that a process left behind.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import anyio
import structlog

from okube_api.applications.repository import APPLICATIONS
from okube_api.clock import stamp
from okube_api.errors import NotFound, PreconditionFailed, Taken
from okube_api.ingest.batches import State
from okube_api.ingest.refresh import steps
from okube_api.ingest.service import Ingest
from okube_api.kit.application import Application
from okube_api.kit.ids import new_id
from okube_api.kit.resource_changes import ChangeKind, ResourceChange, WriteSkipped
from okube_api.kit.revision_cache import RevisionCache
from okube_api.store.conditions import EVERYTHING, Between, Condition, Missing, equal
from okube_api.store.errors import Duplicate, StoreError
from okube_api.store.schema import Collection as DocumentCollection
from okube_api.store.schema import ColumnType
from okube_api.store.values import Json

PENDING = DocumentCollection(
    "ingest_notes",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "confirmed": ColumnType.BOOLEAN,
        "announcedAt": ColumnType.TEXT,
    },
    has_revision=True,
)
"""One document per invalidation: an application, and the kinds of events whose facts are to be rebuilt.

`confirmed` is false from before the write until after it.  A rebuild that starts in between may read the resources as
they were, so it must not delete the invalidation.
"""
FACTS_VERSIONS = DocumentCollection("facts_versions", fields={"version": ColumnType.INTEGER})
"""One document: the version of the derivation that all facts of the store were written with, or are being rebuilt."""

FACTS_VERSION = 5
"""Increase it when the same events give other facts, or facts with other columns: the facts are then rebuilt."""
CONFIRMATION_TIME = timedelta(seconds=60)
"""After this time, an invalidation that is not confirmed belongs to a process that died during the write."""

GEO, PRESENCE, CONVERSION = steps.GEO.kinds, steps.PRESENCE.kinds, steps.CONVERSION.kinds
ALL = (*GEO, *PRESENCE, *CONVERSION)
_MOST_REMEMBERED = 10_000  # applications

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
        self._stale = RevisionCache[bool](ingest.store, PENDING, most=_MOST_REMEMBERED)  # by application

    @asynccontextmanager
    async def invalidate(self, application: str, changes: Sequence[ResourceChange]) -> AsyncIterator[None]:
        """Store which facts the changes make stale, let the write happen, then rebuild the facts in the background."""
        stale = {kind for change in changes for kind in _STALE_KINDS.get((change.collection, change.kind), ())}
        if not stale:
            yield
            return
        entry = _build_entry(self._ingest.clock(), application, stale & await self._find_kinds(application))
        if entry["kinds"]:
            await self._store.insert(PENDING, [entry])
        try:
            yield
        except (Duplicate, PreconditionFailed, Taken, WriteSkipped):  # nothing was written
            await self._store.delete(PENDING, equal("_id", entry["_id"]))
            raise
        except BaseException:  # the write may have been done, and its answer lost
            with anyio.CancelScope(shield=True), suppress(StoreError):
                await self._confirm(entry)
            raise
        # A batch that was loaded during the write may have been published with the resources as they were.
        kinds = sorted(stale & await self._find_kinds(application) | set(entry["kinds"]))
        if kinds:
            await self._confirm(entry | {"kinds": kinds})

    async def _find_kinds(self, application: str) -> set[str]:
        """Return the kinds of events that an application has facts of, or will have soon."""
        live = await self._ingest.read_live_kinds(application)
        coming = await self._ingest.batches.find_in_states(State.RECEIVING, State.WAITING, application=application)
        return {*live.values(), *(batch["kind"] for batch in coming)}

    async def _confirm(self, entry: Json) -> None:
        """Let the facts be rebuilt, and start it."""
        confirmed = entry | {"version": entry["version"] + 1, "confirmed": True}
        if entry["kinds"] and not await self._store.replace(PENDING, equal("_id", entry["_id"]), confirmed):
            await self._store.insert(PENDING, [confirmed])
        self._start(entry["application"])

    async def request_upgrade(self) -> None:
        """Invalidate all facts of every application when they were derived by an earlier version of the server."""
        stored = await self._store.get(FACTS_VERSIONS, equal("_id", "facts"))
        if stored is not None and stored["version"] >= FACTS_VERSION:
            return
        async for documents in self._store.stream(APPLICATIONS, EVERYTHING):
            for document in documents:
                if kinds := await self._find_kinds(document["_id"]):
                    entry = _build_entry(self._ingest.clock(), document["_id"], kinds) | {"confirmed": True}
                    await self._store.insert(PENDING, [entry])
        current = {"_id": "facts", "version": FACTS_VERSION}
        if stored is not None:
            await self._store.replace(FACTS_VERSIONS, equal("version", stored["version"]), current)
        else:
            with suppress(Duplicate):  # another process has done the same; to rebuild twice does no harm
                await self._store.insert(FACTS_VERSIONS, [current])

    async def resume(self) -> None:
        """Rebuild the facts of all stored invalidations, of every application, and wait for the end."""
        await self.resume_in_background()
        await self.drain()

    async def resume_in_background(self) -> None:
        """Start rebuilding the facts of stored invalidations, except where somebody is at work."""
        for application in {entry["application"] for entry in await self._find_due(EVERYTHING)}:
            if not await self._ingest.is_busy(application):
                self._start(application)

    async def is_stale(self, application: str) -> bool:
        """Return whether facts of an application are older than the resources that they depend on."""

        async def read() -> bool:
            return await self._store.get(PENDING, equal("application", application)) is not None

        return await self._stale.load(application, read)

    @property
    def is_rebuilding(self) -> bool:
        """Whether a rebuild that has started is not done."""
        return any(not task.done() for task in self._tasks.values())

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

    async def _find_due(self, where: Condition) -> list[Json]:
        """Return the matching invalidations whose write is done, or whose process died during the write."""
        announced_before = stamp(self._ingest.clock() - CONFIRMATION_TIME)
        is_confirmed = ~equal("confirmed", False)  # those stored by earlier versions have no such field
        return await self._store.find(PENDING, where & (is_confirmed | Between("announcedAt", None, announced_before)))

    async def _rebuild(self, application: str) -> None:
        """Rebuild facts until no invalidation is due; more may come while one is processed."""
        where = equal("application", application)
        entries: list[Json] = []

        async def find_kinds() -> set[str]:
            entries[:] = await self._find_due(where)
            return {kind for entry in entries for kind in entry["kinds"]}

        while await self._find_due(where):
            document = await self._store.get(APPLICATIONS, equal("_id", application))
            if document is None:
                await self._store.delete(PENDING, where)
                return
            try:
                await self._ingest.rebuild_found(Application.from_document(document), find_kinds)
            except NotFound:  # it was deleted meanwhile, and its invalidations are removed with it
                return
            for entry in entries:
                await self._store.delete(PENDING, _match_version(entry))


def _build_entry(now: datetime, application: str, kinds: Collection[str]) -> Json:
    return {
        "_id": new_id(now),
        "version": 1,
        "application": application,
        "kinds": sorted(kinds),
        "confirmed": False,
        "announcedAt": stamp(now),
    }


def _match_version(entry: Json) -> Condition:
    """Return the condition that an invalidation has not changed since it was read."""
    same_version = equal("version", entry["version"]) if "version" in entry else Missing("version")
    return equal("_id", entry["_id"]) & same_version


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("ingest.invalidation_failed", error=repr(error))
