"""Splits the days of a refresh into groups that are read and written together."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

_FIRST_DAYS, _MAX_DAYS = 16, 62
_GROUP_ROWS = 1_000_000


class DayGroups:
    """Ascending days in groups, each of which spans so many days that their rows fit into memory.

    The first group spans at most 16 days.  `fit` sets the span of the next groups.
    """

    def __init__(self, days: Sequence[int]) -> None:
        self._days = days
        self._span_d = _FIRST_DAYS

    def __iter__(self) -> Iterator[Sequence[int]]:
        """Yield the groups, none empty."""
        low = 0
        while low < len(self._days):
            high = bisect_left(self._days, self._days[low] + self._span_d)
            yield self._days[low:high]
            low = high

    def fit(self, rows_per_day: float) -> None:
        """Let the next groups span so many days that about a million rows are read for each, at most 62 days."""
        self._span_d = int(min(max(_GROUP_ROWS / max(rows_per_day, 1.0), 1), _MAX_DAYS))
