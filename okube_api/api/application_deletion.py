"""Deletes applications with all that belongs to them; see `docs/deletion.md`.

The record of the deletion (`DELETIONS`) is stored first, then the document of the application is deleted: from then on
nothing of it can be read, and changes of its rows are refused.  The rest is removed in passes, in steps of bounded
cost.  The first pass begins at once; later ones remove what requests wrote that had begun before, on any process.  A
process claims a pass by moving its time, and moves it again while it works.  When it dies, another process, or the same
after its start, carries the pass out.

What belongs to an application follows from the schema: the documents of each collection with the field `application`,
the rows of all tables, and what `_remove_access` lists.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from okube_api.applications.deletions import DELETIONS
from okube_api.applications.repository import APPLICATIONS, ApplicationRepository
from okube_api.auth.keys import KEYS, ApiKeyRepository
from okube_api.auth.mail_limit import MAIL_COUNTS, hash_counter
from okube_api.auth.repository import USERS, UserRepository
from okube_api.clock import Clock, stamp
from okube_api.errors import NotFound
from okube_api.http.idempotency import IDEMPOTENCY
from okube_api.ingest.leases import LEASES
from okube_api.kit.repository import Precondition
from okube_api.store.conditions import EVERYTHING, Between, Condition, OneOf, Overlaps, equal
from okube_api.store.errors import Duplicate, StoreError
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection
from okube_api.store.values import Json

LATER_PASSES = (timedelta(hours=1), timedelta(hours=48))
"""When the later passes begin, after the deletion.  The record is deleted after the last one.

The last one is later than the expiry of each `Idempotency-Key`, which could create the application with its id again.
"""
READ_MARGIN = timedelta(seconds=10)
CLAIM = timedelta(seconds=60)
_FIRST = ("jobs", "batches")
"""Collections that are emptied first, so that running jobs and uploads end."""
_STEP, _FEW = 5000, 500  # documents

log = structlog.stdlib.get_logger("okube")


class ApplicationCache(Protocol):
    """What keeps something of applications in memory, or works on them."""

    def forget(self, application: str) -> None:
        """Drop what is in memory of an application, and stop the work on it."""


@dataclass(frozen=True, slots=True)
class RemovalPass:
    """A pass over what belongs to a deleted application.

    delay: between the deletion and the pass.  removes_rows: false while questions that had begun may read rows.
    """

    delay: timedelta
    removes_rows: bool = True


def plan_passes(store: Store, query_timeout_s: float) -> tuple[RemovalPass, ...]:
    """Return the passes of the removal in a store.

    On the embedded store, questions read from a transaction.  On others, rows are removed when no question that began
    before the deletion can still be running.
    """
    later = tuple(RemovalPass(delay) for delay in LATER_PASSES)
    if store.is_exclusive:
        return (RemovalPass(timedelta(0)), *later)
    first_rows = timedelta(seconds=query_timeout_s) + READ_MARGIN
    return (RemovalPass(timedelta(0), removes_rows=False), RemovalPass(first_rows), *later)


class ApplicationDeletion:
    """Deletes applications, and removes what belonged to them in the background.

    caches: of this process, which forget deleted applications.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        passes: Sequence[RemovalPass],
        *,
        applications: ApplicationRepository,
        users: UserRepository,
        keys: ApiKeyRepository,
        caches: Sequence[ApplicationCache],
    ) -> None:
        self._store, self._clock, self._passes = store, clock, passes
        self._applications, self._users, self._keys, self._caches = applications, users, keys, caches
        owned = [collection for collection in store.schema.collections if "application" in collection.fields]
        self._owned = sorted(owned, key=lambda collection: collection.name not in _FIRST)
        self._tasks: dict[str, asyncio.Task[None]] = {}  # by application
        self._forgotten: dict[str, int] = {}  # the number of passes that were done then, by application

    async def delete(self, application: Json, precondition: Precondition | None = None) -> None:
        """Delete an application: it is gone for all requests; what belongs to it is removed in the background.

        Raise PreconditionFailed, and NotFound when it was deleted meanwhile.
        """
        self._applications.check_precondition(application, precondition)
        identifier = application["_id"]
        record = {"_id": identifier, "passes": 0, "dueAt": self._stamp_claim(), "deletedAt": stamp(self._clock())}
        try:
            await self._store.insert(DELETIONS, [record])
        except Duplicate:
            raise NotFound("application", identifier) from None
        await self._store.delete(APPLICATIONS, equal("_id", identifier))
        log.info("application.deleted", application=identifier)
        self._start(record)

    async def resume_in_background(self) -> None:
        """Start the passes that are due, and let this process forget deleted applications."""
        now = stamp(self._clock())
        records = await self._store.find(DELETIONS, EVERYTHING)
        for record in records:
            if self._forgotten.get(record["_id"]) != record["passes"]:
                self._forget(record)
            is_due = record["dueAt"] <= now and record["_id"] not in self._tasks
            if is_due and await self._update(record, {"dueAt": self._stamp_claim()}, equal("dueAt", record["dueAt"])):
                self._start(record)
        self._forgotten = {record["_id"]: record["passes"] for record in records}

    @property
    def is_removing(self) -> bool:
        """Whether a pass is being carried out in this process."""
        return bool(self._tasks)

    async def drain(self) -> None:
        """Wait until the passes that have started are done.  Raise the first error."""
        await asyncio.gather(*self._tasks.values())

    async def close(self) -> None:
        """Cancel running passes; another process, or this one after its next start, carries them out."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, record: Json) -> None:
        """Carry out a claimed pass in the background."""
        identifier = record["_id"]

        def end(task: "asyncio.Task[None]") -> None:
            del self._tasks[identifier]
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("application.removal_failed", application=identifier, error=repr(error))

        self._tasks[identifier] = asyncio.create_task(self._carry_out(record))
        self._tasks[identifier].add_done_callback(end)

    async def _carry_out(self, record: Json) -> None:
        """Carry out a claimed pass, and set the time of the next one, or delete the record after the last one."""
        identifier = record["_id"]
        number = min(record["passes"], len(self._passes) - 1)  # another version of the server may have planned more
        async with self._renew_repeatedly(record):
            await self._store.delete(APPLICATIONS, equal("_id", identifier))  # if the process died before
            self._forget(record)
            for collection in self._owned:
                await self._delete_in_steps(collection, equal("application", identifier))
            await self._remove_access(identifier)
            if self._passes[number].removes_rows:
                await self._store.delete_rows(identifier)
        log.info("application.removed", application=identifier, passes=number + 1)
        if number + 1 == len(self._passes):
            await self._store.delete(DELETIONS, equal("_id", identifier) & equal("passes", record["passes"]))
            return
        due_at = datetime.fromisoformat(record["deletedAt"]) + self._passes[number + 1].delay
        await self._update(record, {"passes": number + 1, "dueAt": stamp(due_at)})

    async def _remove_access(self, application: str) -> None:
        """Remove the roles of users, the access of API keys, recorded answers, and what the work on events left."""
        while users := await self._store.find(USERS, Overlaps("applications", (application,)), limit=_FEW):
            for user in users:
                await self._users.drop_role(user, application)
        while keys := await self._store.find(KEYS, Overlaps("applications", (application,)), limit=_FEW):
            for key in keys:
                with suppress(NotFound):  # its user has revoked it meanwhile
                    await self._keys.drop_application(key, application)
        await self._delete_in_steps(IDEMPOTENCY, Overlaps("applications", (application,)))
        await self._store.delete(MAIL_COUNTS, equal("_id", hash_counter(application)))
        # A lease that is valid is deleted by its process.
        await self._store.delete(LEASES, equal("_id", application) & Between("expiresAt", None, stamp(self._clock())))

    async def _delete_in_steps(self, collection: Collection, where: Condition) -> None:
        while documents := await self._store.find(collection, where, limit=_STEP, fields=()):
            ids = tuple(document["_id"] for document in documents)
            await self._store.delete(collection, OneOf("_id", ids))

    def _forget(self, record: Json) -> None:
        self._forgotten[record["_id"]] = record["passes"]
        for cache in self._caches:
            cache.forget(record["_id"])

    @asynccontextmanager
    async def _renew_repeatedly(self, record: Json) -> AsyncIterator[None]:
        """Renew the claim of a pass until the context ends."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(CLAIM.total_seconds() / 4)
                with suppress(StoreError):
                    await self._update(record, {"dueAt": self._stamp_claim()})

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _update(self, record: Json, fields: Json, where: Condition = EVERYTHING) -> bool:
        """Set fields of a record unless its pass was completed meanwhile; return whether they were set."""
        unchanged = equal("_id", record["_id"]) & equal("passes", record["passes"])
        return bool(await self._store.update(DELETIONS, unchanged & where, fields))

    def _stamp_claim(self) -> str:
        return stamp(self._clock() + CLAIM)
