"""Splits the days of a refresh into groups that are read and written together."""

from collections.abc import Iterator, Sequence


def group_days(days: Sequence[int], max_days: int) -> Iterator[list[int]]:
    """Yield ascending days in groups, each of which spans at most `max_days` days."""
    group: list[int] = []
    for day in days:
        if group and day - group[0] >= max_days:
            yield group
            group = []
        group.append(day)
    if group:
        yield group
