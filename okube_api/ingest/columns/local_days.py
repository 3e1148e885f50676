"""Computes the local days of whole columns of instants, and the instants of local times; exact for past and future.

The offset of an instant is looked up among the offset changes of its time zone.  The changes of a year are found by
probing the offset once per day: changes of one time zone are days apart, so there is at most one between two probes.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from okube_api.clock import DAY_MS
from okube_api.store.arrays import Ints

SECOND_MS = 1000
_PROBE = timedelta(days=1)


def to_utc_days(at_ms: Ints) -> Ints:
    """Return the UTC day of each instant (ms since 1970) as an ordinal; 1 is 1970-01-01."""
    days: Ints = at_ms // DAY_MS + 1
    return days


def to_local_days(at_ms: Ints, timezone: str) -> Ints:
    """Return the local day of each instant (ms since 1970, UTC) as an ordinal; 1 is 1970-01-01."""
    return to_utc_days(at_ms + get_offsets_ms(at_ms, timezone))


def get_offsets_ms(at_ms: Ints, timezone: str) -> Ints:
    """Return the offset from UTC that applies at each instant (ms since 1970, UTC), in ms."""
    if at_ms.size == 0:
        return np.zeros(0, np.int64)
    first_year, last_year = _get_year(int(at_ms.min())), _get_year(int(at_ms.max()))
    years = [_find_offsets(timezone, year) for year in range(first_year, last_year + 1)]
    changes_ms = np.concatenate([changes_ms for changes_ms, _ in years])
    offsets_ms = np.concatenate([offsets_ms for _, offsets_ms in years])
    result: Ints = offsets_ms[np.searchsorted(changes_ms, at_ms, side="right") - 1]
    return result


def find_offset_range_ms(at_ms: Ints, timezones: Iterable[str]) -> tuple[int, int]:
    """Return the least and the greatest offset from UTC in time zones, in the UTC years of the instants, in ms.

    Without instants or time zones, both are 0.
    """
    if at_ms.size == 0:
        return 0, 0
    years = range(_get_year(int(at_ms.min())), _get_year(int(at_ms.max())) + 1)
    offsets = [_find_offsets(timezone, year)[1] for timezone in timezones for year in years]
    return min((int(of_year.min()) for of_year in offsets), default=0), max(
        (int(of_year.max()) for of_year in offsets), default=0
    )


def to_instants(local_ms: Ints, timezone: str) -> tuple[Ints, Ints]:
    """Return the instants of local times, and how many instants each local time can be: 0, 1 or 2.

    local_ms: ms between 1970-01-01T00:00 and the local time, as if there were no offsets.
    A local time is no instant when the clocks skip it, and two instants when the clocks are set back over it; the
    instant returned is then arbitrary.
    """
    # Changes of an offset are days apart, so only the offsets that apply a day before and a day after are possible.
    # An offset is possible when it applies at the instant that it leads to.
    earlier, later = (local_ms - get_offsets_ms(local_ms + shift, timezone) for shift in (-DAY_MS, DAY_MS))
    is_earlier, is_later = (at_ms + get_offsets_ms(at_ms, timezone) == local_ms for at_ms in (earlier, later))
    count = np.where(earlier == later, is_earlier.astype(np.int64), is_earlier.astype(np.int64) + is_later)
    return np.where(is_earlier, earlier, later), count


def compute_day_start(day: int, timezone: str) -> int:
    """Return the first instant of a local day (an ordinal) in ms since 1970, UTC."""
    date = datetime(1969, 12, 31) + timedelta(days=day)  # noqa: DTZ001 - made local on the next line
    return round(date.replace(tzinfo=ZoneInfo(timezone)).timestamp()) * SECOND_MS


def _get_year(at_ms: int) -> int:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).year


@lru_cache(maxsize=1024)
def _find_offsets(timezone: str, year: int) -> tuple[Ints, Ints]:
    """Return the instants of a UTC year at which an offset begins to apply, from the year's start on, and the offsets.

    Both are in ms.
    """
    zone = ZoneInfo(timezone)
    at = datetime(year, 1, 1, tzinfo=UTC)
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    changes = [(at, _get_offset_ms(at, zone))]
    while at < end:
        after = min(at + _PROBE, end)
        if _get_offset_ms(after, zone) != changes[-1][1]:
            change = _find_change(at, after, zone)
            if change < end:
                changes.append((change, _get_offset_ms(change, zone)))
        at = after
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    instants_ms = [(instant - epoch) // timedelta(milliseconds=1) for instant, _ in changes]
    return np.array(instants_ms, np.int64), np.array([offset_ms for _, offset_ms in changes], np.int64)


def _get_offset_ms(at: datetime, zone: ZoneInfo) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)


def _find_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first second at which the offset differs from that at `before`; at `after`, it does."""
    offset_ms = _get_offset_ms(before, zone)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
        if _get_offset_ms(middle, zone) == offset_ms:
            before = middle
        else:
            after = middle
    return after
