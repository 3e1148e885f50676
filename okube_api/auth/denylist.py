"""What is good once, or was revoked: tokens and captchas, known to every process from the moment they are spent."""

from datetime import datetime, timedelta

from okube_api.auth.repository import DENYLIST
from okube_api.clock import Clock, stamp
from okube_api.store.conditions import Between, equal
from okube_api.store.errors import Duplicate
from okube_api.store.protocol import Store

_KEPT = timedelta(hours=1)  # past its end, for processes whose clocks are late


class Denylist:
    """Identifiers of 24 hex digits that are good no more."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def contains(self, identifier: str) -> bool:
        """Whether it has been spent."""
        return await self._store.get(DENYLIST, equal("_id", identifier)) is not None

    async def add(self, identifier: str, expires: datetime) -> bool:
        """Spends it; False when it was spent before.  Those that have expired by themselves are forgotten."""
        await self._store.delete(DENYLIST, Between("expiresAt", None, stamp(self._clock() - _KEPT)))
        try:
            await self._store.insert(DENYLIST, [{"_id": identifier, "expiresAt": stamp(expires)}])
        except Duplicate:
            return False
        return True
