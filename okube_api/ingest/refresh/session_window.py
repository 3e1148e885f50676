"""Users seen at instants, as they are read back: whole days of everybody, and further days of some users."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from okube_api.clock import DAY_MS
from okube_api.ingest.columns.local_days import utc_days
from okube_api.ingest.derive.sessionize import LocationIndex, Sessions, sessionize
from okube_api.store.arrays import Codes, Flags, Ints

_MOST_DAYS = 32  # read at once for the users that are followed


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Users seen at instants (ms, UTC): one element each, in any order; the same point may be there twice.

    site, equipment: index the `Places` of the runs.  change: 1 new, -1 taken away, else 0.
    """

    user: Ints
    site: Codes
    equipment: Codes
    at_ms: Ints
    change: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.at_ms)

    def filter(self, kept: Flags) -> "Detections":
        """Some of them."""
        return Detections(*(getattr(self, field.name)[kept] for field in fields(self)))


_NONE = Detections(
    np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int8)
)

ReadDetections = Callable[[int, int], AsyncIterator[tuple[int, Detections]]]
"""Points of the UTC days [low, high], ascending, with the greatest day of each block."""


def concat_detections(parts: list[Detections]) -> Detections:
    """All of them."""
    together = [_NONE, *parts]
    return Detections(*(np.concatenate([getattr(one, field.name) for one in together]) for field in fields(Detections)))


class _Bounds:
    """A day for some users, which is further than the one of everybody else."""

    def __init__(self) -> None:
        self._users, self._days = np.empty(0, np.int64), np.empty(0, np.int64)

    def of(self, users: Ints, others: int) -> Ints:
        """The day of each user; `others` for those that have none."""
        found = np.full(len(users), others, np.int64)
        if len(self._users):
            at = np.minimum(np.searchsorted(self._users, users), len(self._users) - 1)
            known = self._users[at] == users
            found[known] = self._days[at[known]]
        return found

    def put(self, users: Ints, days: Ints) -> None:
        """Sets the days of users, which are distinct and ascending."""
        left = ~np.isin(self._users, users)
        users, days = np.concatenate((self._users[left], users)), np.concatenate((self._days[left], days))
        by = np.argsort(users)
        self._users, self._days = users[by], days[by]


SessionFilter = Callable[[Sessions], Flags]
"""Which runs matter."""


class SessionWindow:
    """Points of everybody of the UTC days [low, complete], perhaps some of later days, and more of some users."""

    def __init__(self, reading: ReadDetections, places: LocationIndex, gap_s: int, low: int) -> None:
        self.reading, self._places, self._gap_s = reading, places, gap_s
        self.low, self.complete = low, low - 1
        self._points: list[Detections] = []
        self._since, self._through = _Bounds(), _Bounds()

    def __len__(self) -> int:
        return sum(map(len, self._points))

    def add(self, points: Detections) -> None:
        """Takes what was read of everybody, but for users of whom it was read before."""
        known = self._through.of(points.user, self.complete) >= utc_days(points.at_ms)
        self._points.append(points.filter(~known) if known.any() else points)

    def sessionize(self) -> Sessions:
        """The runs that all points make."""
        return self._cut(concat_detections(self._points))

    def drop_finished(self, runs: Sessions, day: int) -> None:
        """Lets go of the points of all runs but those that end after a local day, or may."""
        some = np.repeat((runs.end_days > day) | self.may_continue(runs), runs.ends - runs.starts + 1)
        self._points = [Detections(runs.user, runs.site, runs.equipment, runs.at_ms, runs.change).filter(some)]

    def may_start_earlier(self, runs: Sessions) -> Flags:
        """Which runs may have begun before what was read of their user."""
        since = self._since.of(runs.user[runs.starts], self.low)
        begun: Flags = runs.at_ms[runs.starts] < (since - 1) * DAY_MS + self._gap_s * 1000
        return begun

    def may_continue(self, runs: Sessions) -> Flags:
        """Which runs may go on after what was read of their user."""
        through = np.maximum(self._through.of(runs.user[runs.starts], self.complete), self.complete)
        goes: Flags = runs.at_ms[runs.ends] >= through * DAY_MS - self._gap_s * 1000
        return goes

    async def extend(self, runs: Sessions, matter: SessionFilter, *, back: bool) -> bool:
        """Reads further, back or ahead, for the users of runs that matter and are not whole; whether there were any."""
        users = self._loose(runs, matter, back=back)
        if len(users) == 0:
            return False
        mine = [one.filter(np.isin(one.user, users)) for one in self._points]
        days = 1
        while len(users):
            more = [await self._further(users, days, back=back)]
            self._points += more
            mine = [one.filter(np.isin(one.user, users)) for one in (*mine, *more)]
            users = self._loose(self._cut(concat_detections(mine)), matter, back=back)
            days = min(2 * days, _MOST_DAYS)
        return True

    def _loose(self, runs: Sessions, matter: SessionFilter, *, back: bool) -> Ints:
        loose = matter(runs) & (self.may_start_earlier(runs) if back else self.may_continue(runs))
        return np.unique(runs.user[runs.starts[loose]])

    async def _further(self, users: Ints, days: int, *, back: bool) -> Detections:
        """What some days further hold of users.  Where they have not been read equally far, some points come again."""
        if back:
            since = self._since.of(users, self.low)
            span = int(since.max()) - days, int(since.max()) - 1
            self._since.put(users, np.minimum(since, span[0]))
        else:
            through = np.maximum(self._through.of(users, self.complete), self.complete)
            span = int(through.min()) + 1, int(through.min()) + days
            self._through.put(users, np.maximum(through, span[1]))
        return concat_detections(
            [points.filter(np.isin(points.user, users)) async for _, points in self.reading(*span)]
        )

    def _cut(self, points: Detections) -> Sessions:
        columns = {field.name: getattr(points, field.name) for field in fields(Detections)}
        return sessionize(self._places, self._gap_s, **columns)
