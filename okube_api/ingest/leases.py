"""Leases: at most one process works on the batches and facts of an application at a time.

Within a process a lock does this.  Where several processes share the store, the process also holds a lease: a document
with its owner and the instant at which it expires, which the owner renews.  The lease of a process that died expires,
and another process continues its work.  The clocks of the processes may differ by a few seconds.

Leases only prevent work from being done twice.  What must stay correct without them, such as after a pause longer than
a lease, is ensured by changes of the store, of which the second one conflicts.
"""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import anyio
import structlog

from okube_api.clock import Clock, stamp
from okube_api.store.conditions import Between, equal
from okube_api.store.errors import Duplicate, StoreError
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType

LEASES = Collection("leases", fields={"owner": ColumnType.TEXT, "expiresAt": ColumnType.TEXT})
"""One document per application that a process works on; its `_id` is the id of the application."""

LEASE_LIFETIME = timedelta(seconds=8)
RENEWAL_S = 2.0
_POLL_S = 0.2

log = structlog.stdlib.get_logger("okube.ingest")


class ApplicationLeases:
    """The leases of one process.

    is_shared: whether other processes may use the store, too.
    poll_s: time between two attempts to get a lease that another process holds.
    """

    def __init__(self, store: Store, clock: Clock, *, is_shared: bool, poll_s: float = _POLL_S) -> None:
        self._store, self._clock, self._is_shared, self._poll_s = store, clock, is_shared, poll_s
        self._owner = secrets.token_hex(12)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def hold(self, application: str) -> AsyncIterator[None]:
        """Wait until nobody else works on an application, and keep others away until the context ends."""
        async with self._locks[application]:
            while not await self._acquire(application):  # noqa: ASYNC110 - another process has no event of ours
                await anyio.sleep(self._poll_s)
            async with self._renew_repeatedly(application):
                yield

    async def is_busy(self, application: str) -> bool:
        """Return whether a task of this process or another process works on an application."""
        if self._locks[application].locked():
            return True
        if not self._is_shared:
            return False
        lease = await self._store.get(LEASES, equal("_id", application))
        return lease is not None and lease["owner"] != self._owner and lease["expiresAt"] > stamp(self._clock())

    async def is_held(self, application: str) -> bool:
        """Return whether this process, which is in the context of `hold`, has not lost the lease meanwhile."""
        own = equal("_id", application) & equal("owner", self._owner)
        return not self._is_shared or await self._store.count(LEASES, own) == 1

    async def _acquire(self, application: str) -> bool:
        """Create or renew the lease; return False while another process has it."""
        if not self._is_shared:
            return True
        now = self._clock()
        lease = {"_id": application, "owner": self._owner, "expiresAt": stamp(now + LEASE_LIFETIME)}
        is_free = equal("owner", self._owner) | Between("expiresAt", None, stamp(now))
        if await self._store.replace(LEASES, equal("_id", application) & is_free, lease):
            return True
        try:
            await self._store.insert(LEASES, [lease])
        except Duplicate:
            return False
        return True

    @asynccontextmanager
    async def _renew_repeatedly(self, application: str) -> AsyncIterator[None]:
        """Renew the lease until the context ends, then delete it."""
        if not self._is_shared:
            yield
            return

        async def renew() -> None:
            while True:
                await anyio.sleep(RENEWAL_S)
                with suppress(StoreError):
                    if not await self._acquire(application):
                        log.warning("ingest.lease_lost", application=application)

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()
            with anyio.CancelScope(shield=True), suppress(StoreError):
                await asyncio.gather(task, return_exceptions=True)
                await self._store.delete(LEASES, equal("_id", application) & equal("owner", self._owner))
