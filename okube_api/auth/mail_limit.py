"""Limits the mails that an application sends, to one address and in total, by counters in the store."""

import hashlib
from datetime import datetime, timedelta
from math import ceil

from okube_api.clock import Clock, stamp
from okube_api.errors import TooManyRequests
from okube_api.store.conditions import Between, equal
from okube_api.store.errors import Duplicate
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType

MAILS_PER_ADDRESS = 5
MAILS_PER_APPLICATION = 500
WINDOW = timedelta(days=1)

MAIL_COUNTS = Collection("mail_counts", fields={"version": ColumnType.INTEGER, "expiresAt": ColumnType.TEXT})
"""One document per application, and per application and address; `version` is the number of mails in the window."""


class MailLimit:
    """Counts the mails of each application, over all processes."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def count(self, application: str, address: str) -> None:
        """Count a mail that is about to be sent.  Raise TooManyRequests beyond a limit."""
        await self._store.delete(MAIL_COUNTS, Between("expiresAt", None, stamp(self._clock())))
        await self._add(f"{application}\n{address}", MAILS_PER_ADDRESS, "to this address")
        await self._add(application, MAILS_PER_APPLICATION, "of this application")

    async def _add(self, name: str, limit: int, scope: str) -> None:
        """Add one to a counter, whose window begins with the first mail."""
        identifier = hash_counter(name)
        while True:
            counter = await self._store.get(MAIL_COUNTS, equal("_id", identifier))
            if counter is None:
                ends = stamp(self._clock() + WINDOW)
                try:
                    await self._store.insert(MAIL_COUNTS, [{"_id": identifier, "version": 1, "expiresAt": ends}])
                except Duplicate:
                    continue
                return
            if counter["version"] >= limit:
                wait_s = ceil((datetime.fromisoformat(counter["expiresAt"]) - self._clock()).total_seconds())
                message = f"At most {limit} invitations {scope} can be sent by mail within 24 hours. Try again later."
                raise TooManyRequests(message, retry_after_s=max(1, wait_s))
            unchanged = equal("_id", identifier) & equal("version", counter["version"])
            if await self._store.replace(MAIL_COUNTS, unchanged, counter | {"version": counter["version"] + 1}):
                return


def hash_counter(name: str) -> str:
    """Return the id of the counter of an application, or of an application and an address in the next line."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]
