"""Local days of whole columns of instants, exact in the past and in the future.

An instant's offset is looked up among the changes of its zone's clock.  Changes of one zone lie days apart, so that
two of them never share the day between two probes.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from okube_api.clock import DAY_MS
from okube_api.store.arrays import Ints

SECOND_MS = 1000
_PROBE = timedelta(days=1)


def to_utc_days(at_ms: Ints) -> Ints:
    """The UTC day of each instant (milliseconds since 1970) as an ordinal; 1 is 1970-01-01."""
    days: Ints = at_ms // DAY_MS + 1
    return days


def to_local_days(at_ms: Ints, zone: str) -> Ints:
    """The local day of each instant (milliseconds since 1970, UTC) as an ordinal; 1 is 1970-01-01."""
    if at_ms.size == 0:
        return np.zeros(0, np.int64)
    first, last = _year(int(at_ms.min())), _year(int(at_ms.max()))
    parts = [_changes(zone, year) for year in range(first, last + 1)]
    changes = np.concatenate([changes for changes, _ in parts])
    offsets = np.concatenate([offsets for _, offsets in parts])
    return to_utc_days(at_ms + offsets[np.searchsorted(changes, at_ms, side="right") - 1])


def compute_day_start(day: int, zone: str) -> int:
    """The first instant of a local day, in milliseconds since 1970, UTC."""
    date = datetime(1969, 12, 31) + timedelta(days=day)  # noqa: DTZ001 - made local on the next line
    return round(date.replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND_MS


def _year(at_ms: int) -> int:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).year


@lru_cache(maxsize=1024)
def _changes(zone: str, year: int) -> tuple[Ints, Ints]:
    """The instants of a UTC year from which another offset holds, its first instant included; and the offsets (ms)."""
    clock = ZoneInfo(zone)
    at = datetime(year, 1, 1, tzinfo=UTC)
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    found = [(at, _offset(at, clock))]
    while at < end:
        after = min(at + _PROBE, end)
        if _offset(after, clock) != found[-1][1]:
            change = _first_with_another(at, after, clock)
            if change < end:
                found.append((change, _offset(change, clock)))
        at = after
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    instants = [(instant - epoch) // timedelta(milliseconds=1) for instant, _ in found]
    return np.array(instants, np.int64), np.array([offset for _, offset in found], np.int64)


def _offset(at: datetime, clock: ZoneInfo) -> int:
    offset = at.astimezone(clock).utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)


def _first_with_another(before: datetime, after: datetime, clock: ZoneInfo) -> datetime:
    """The second at which the offset of `before` no longer holds, known to come before or at `after`."""
    offset = _offset(before, clock)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
        if _offset(middle, clock) == offset:
            before = middle
        else:
            after = middle
    return after
