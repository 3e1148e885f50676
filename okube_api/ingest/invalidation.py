"""Facts follow the resources that they were made with: what is to be made again is noted before a resource changes.

The work itself comes after the change, in the background; a note that its process could not work off is worked off by
`Ingest.resume` when a process starts.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog

from okube_api.applications.repository import APPLICATIONS
from okube_api.ingest.refresh.refresh import CONVERSION, GEO, PRESENCE
from okube_api.ingest.service import Ingest
from okube_api.kit.application import Application
from okube_api.kit.ids import new_id
from okube_api.kit.resource_changes import ChangeKind, ResourceChange
from okube_api.store.conditions import equal
from okube_api.store.schema import Collection as DocumentCollection
from okube_api.store.schema import ColumnType
from okube_api.store.values import Json

PENDING = DocumentCollection("ingest_notes", fields={"application": ColumnType.TEXT})
"""One per change: the kinds of events whose facts are to be made again."""

ALL = (*GEO, *PRESENCE, *CONVERSION)
_KINDS: Mapping[tuple[str, ChangeKind], Sequence[str]] = {
    ("sites", ChangeKind.PLACE): GEO,
    ("sites", ChangeKind.ZONE): ALL,
    ("sites", ChangeKind.CHANNEL): CONVERSION,
    ("sites", ChangeKind.DELETED): ALL,
    ("pois", ChangeKind.PLACE): GEO,
    ("pois", ChangeKind.ZONE): GEO,
    ("pois", ChangeKind.DELETED): GEO,
    ("equipments", ChangeKind.DELETED): PRESENCE,
    ("campaigns", ChangeKind.WINDOWS): CONVERSION,
    ("campaigns", ChangeKind.DELETED): CONVERSION,
    ("applications", ChangeKind.ZONE): ALL,
    ("applications", ChangeKind.SETTINGS): ALL,
}

log = structlog.stdlib.get_logger("okube.ingest")


class Invalidation:
    """Follows changes of resources, for `Changes.follow`."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest, self._store = ingest, ingest.store
        self._working: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def invalidate(self, application: str, changes: Sequence[ResourceChange]) -> AsyncIterator[None]:
        """Encloses the write that makes these changes."""
        kinds = {kind for one in changes for kind in _KINDS.get((one.collection, one.kind), ())}
        held = kinds & set((await self._ingest.read_live_kinds(application)).values()) if kinds else set()
        if held:
            note = {"_id": new_id(self._ingest.clock()), "application": application, "kinds": sorted(held)}
            await self._store.insert(PENDING, [note])
        yield
        if held:
            self._begin(application)

    async def resume(self) -> None:
        """Works off what is noted, for every application."""
        for application in {note["application"] for note in await self._store.find(PENDING, ~equal("application", ""))}:
            self._begin(application)
        await self.drain()

    async def drain(self, application: str | None = None) -> None:
        """Returns when everything that was begun (for an application) is done."""
        wanted = [task for own, task in self._working.items() if application in (None, own)]
        await asyncio.gather(*wanted)

    async def close(self) -> None:
        """Ends what is under way; its notes stay."""
        for task in self._working.values():
            task.cancel()
        await asyncio.gather(*self._working.values(), return_exceptions=True)

    def _begin(self, application: str) -> None:
        working = self._working.get(application)
        if working is None or working.done():
            task = asyncio.create_task(self._work_off(application))
            task.add_done_callback(_logged)
            self._working[application] = task

    async def _work_off(self, application: str) -> None:
        while notes := await self._store.find(PENDING, equal("application", application)):
            document = await self._store.get(APPLICATIONS, equal("_id", application))
            if document is not None:
                await self._ingest.rebuild(Application.from_document(document), _kinds(notes))
            for note in notes:
                await self._store.delete(PENDING, equal("_id", note["_id"]))


def _kinds(notes: Sequence[Json]) -> Collection[str]:
    return {kind for note in notes for kind in note["kinds"]}


def _logged(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("ingest.following_failed", error=repr(error))
