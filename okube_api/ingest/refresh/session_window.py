"""A sliding window of detections: some UTC days of all users, and further days of users with longer sessions."""

from collections.abc import AsyncIterator, Callable
from typing import Generic

import numpy as np

from okube_api.clock import DAY_MS
from okube_api.ingest.columns.local_days import to_utc_days
from okube_api.ingest.derive.sessionize import Detections, S, Sessionizer, concat_detections
from okube_api.store.arrays import Flags, Ints

_MAX_DAYS = 32  # read in one step for users whose sessions continue beyond the window

ReadDetections = Callable[[int, int], AsyncIterator[tuple[int, Detections]]]
"""Yields the detections of the UTC days [low, high] in blocks, each with its greatest day.

No block has a detection of a day before the greatest day of an earlier block.
"""


class _UserDays:
    """Days of the users that have a day of their own; all other users have a default day."""

    def __init__(self) -> None:
        self._users, self._days = np.empty(0, np.int64), np.empty(0, np.int64)

    def look_up(self, users: Ints, default: int) -> Ints:
        """Return the day of each user, `default` for users without a day of their own."""
        days = np.full(len(users), default, np.int64)
        if len(self._users):
            at = np.minimum(np.searchsorted(self._users, users), len(self._users) - 1)
            has_day = self._users[at] == users
            days[has_day] = self._days[at[has_day]]
        return days

    def put(self, users: Ints, days: Ints) -> None:
        """Set the days of users, which are distinct and ascending."""
        unchanged = ~np.isin(self._users, users)
        users, days = np.concatenate((self._users[unchanged], users)), np.concatenate((self._days[unchanged], days))
        by = np.argsort(users)
        self._users, self._days = users[by], days[by]


class SessionWindow(Generic[S]):
    """Detections of all users on the UTC days [low, complete], on parts of later days, and on more days of some users.

    Sessions at the edge of the window may be cut off.  `extend` reads further days, only of the users whose sessions
    must be complete.
    """

    def __init__(self, read: ReadDetections, sessionizer: Sessionizer[S], low: int) -> None:
        self.read, self._sessionizer = read, sessionizer
        self.low, self.complete = low, low - 1
        self._blocks: list[Detections] = []
        self._first_days, self._last_days = _UserDays(), _UserDays()  # read so far, of users with further days

    def __len__(self) -> int:
        return sum(map(len, self._blocks))

    def add(self, detections: Detections) -> None:
        """Add detections of all users, except those that `extend` has already read.

        Raise ValueError when a day is already complete: its detections would be lost.
        """
        if len(detections) and detections.at_ms.min() < self.complete * DAY_MS:
            raise ValueError(f"Detections must be read in the order of their days; day {self.complete} is complete.")
        is_there = self._last_days.look_up(detections.user, self.complete) >= to_utc_days(detections.at_ms)
        self._blocks.append(detections.filter(~is_there) if is_there.any() else detections)

    def sessionize(self) -> S:
        """Return the sessions of the detections in the window."""
        return self._sessionizer.sessionize(concat_detections(self._blocks))

    def drop_finished(self, sessions: S, day: int) -> None:
        """Drop the detections of sessions that end on or before a local day and cannot continue."""
        is_unfinished = (sessions.end_days > day) | self.may_continue(sessions)
        self._blocks = [self._sessionizer.filter_unfinished(sessions, is_unfinished, day)]

    def may_start_earlier(self, sessions: S) -> Flags:
        """Return which sessions may have started before the first day read of their user."""
        first_day = self._first_days.look_up(sessions.user[sessions.starts], self.low)
        earlier: Flags = sessions.at_ms[sessions.starts] < (first_day - 1) * DAY_MS + self._sessionizer.gap_s * 1000
        return earlier

    def may_continue(self, sessions: S) -> Flags:
        """Return which sessions may continue after the last day read of their user."""
        last_day = self._last_day_read(sessions.user[sessions.starts])
        later: Flags = sessions.at_ms[sessions.ends] >= last_day * DAY_MS - self._sessionizer.gap_s * 1000
        return later

    async def extend(self, sessions: S, must_be_whole: Callable[[S], Flags], *, back: bool) -> bool:
        """Read further back or ahead until all sessions that must be complete are; return whether anything was read.

        Only the users of incomplete sessions are read: first one more day, then two, four and so on.
        """
        users = self._find_users_to_extend(sessions, must_be_whole, back=back)
        if len(users) == 0:
            return False
        of_users = [block.filter(np.isin(block.user, users)) for block in self._blocks]
        days = 1
        while len(users):
            more = await self._read_further(users, days, back=back)
            self._blocks.append(more)
            of_users = [block.filter(np.isin(block.user, users)) for block in (*of_users, more)]
            sessions = self._sessionizer.sessionize(concat_detections(of_users))
            users = self._find_users_to_extend(sessions, must_be_whole, back=back)
            days = min(2 * days, _MAX_DAYS)
        return True

    def _find_users_to_extend(self, sessions: S, must_be_whole: Callable[[S], Flags], *, back: bool) -> Ints:
        is_cut = self.may_start_earlier(sessions) if back else self.may_continue(sessions)
        return np.unique(sessions.user[sessions.starts[must_be_whole(sessions) & is_cut]])

    async def _read_further(self, users: Ints, days: int, *, back: bool) -> Detections:
        """Return detections of users on further days.

        They can contain duplicates, because the days read so far can differ between users.
        """
        if back:
            first_day = self._first_days.look_up(users, self.low)
            span = int(first_day.max()) - days, int(first_day.max()) - 1
            self._first_days.put(users, np.minimum(first_day, span[0]))
        else:
            last_day = self._last_day_read(users)
            span = int(last_day.min()) + 1, int(last_day.min()) + days
            self._last_days.put(users, np.maximum(last_day, span[1]))
        blocks = [block.filter(np.isin(block.user, users)) async for _, block in self.read(*span)]
        return concat_detections(blocks)

    def _last_day_read(self, users: Ints) -> Ints:
        return np.maximum(self._last_days.look_up(users, self.complete), self.complete)
