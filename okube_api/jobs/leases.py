"""Finds the running jobs that a process has left because it died: it does not renew their leases any more."""

import time
from collections.abc import Callable, Sequence

from okube_api.store.values import Json

LEASE_LIFETIME_S = 8.0
"""How long a process may take to renew its lease, before another process takes its job over."""
ENDED = ""
"""In place of the time at which a lease was renewed: its process has died."""


class LeaseWatch:
    """Watches the leases of running jobs.

    It measures how long it sees a lease without a change, and does not compare the times in leases with a clock: those
    of several machines differ, and they jump when they are set.

    monotonic: returns seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._unchanged_since_s: dict[tuple[str, int, str], float] = {}

    def find_expired(self, running: Sequence[Json]) -> list[Json]:
        """Return the jobs whose leases have expired; running: all running jobs, as they are now."""
        now_s, earlier = self._monotonic(), self._unchanged_since_s
        leases = {(job["_id"], job["attempts"], job["renewedAt"]): job for job in running}
        self._unchanged_since_s = {lease: earlier.get(lease, now_s) for lease in leases}
        return [
            job
            for lease, job in leases.items()
            if job["renewedAt"] == ENDED or now_s - self._unchanged_since_s[lease] >= LEASE_LIFETIME_S
        ]

    def restart(self) -> None:
        """Measure all leases anew, because the database did not answer: nobody could renew them."""
        self._unchanged_since_s = {}
