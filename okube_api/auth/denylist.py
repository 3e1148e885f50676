"""The denylist of revoked tokens and used captchas: in the store, and so the same for every process at once."""

from datetime import datetime, timedelta

from okube_api.auth.repository import DENYLIST
from okube_api.clock import Clock, stamp
from okube_api.store.conditions import Between, equal
from okube_api.store.errors import Duplicate
from okube_api.store.protocol import Store

_RETENTION = timedelta(hours=1)  # after expiry, for processes whose clocks are slow


class Denylist:
    """Denylist of revoked or used identifiers: of access tokens, and of captcha challenges; 24 hex digits each."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def contains(self, identifier: str) -> bool:
        """Return whether an identifier was revoked or used."""
        return await self._store.get(DENYLIST, equal("_id", identifier)) is not None

    async def add(self, identifier: str, expires: datetime) -> bool:
        """Add an identifier until it expires; return False when the denylist contains it already.

        Expired entries are deleted.
        """
        await self._store.delete(DENYLIST, Between("expiresAt", None, stamp(self._clock() - _RETENTION)))
        try:
            await self._store.insert(DENYLIST, [{"_id": identifier, "expiresAt": stamp(expires)}])
        except Duplicate:
            return False
        return True
