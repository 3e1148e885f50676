"""Computes the hours of whole columns of instants: since local midnight, and on the local clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import gcd
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from okube_api.catalogue.fact import ELAPSED, HOUR_OF_DAY, MINUTE_OF_DAY
from okube_api.ingest.columns.local_days import compute_day_start, get_offsets_ms
from okube_api.store.arrays import Ints

_MINUTE_MS, _HOUR_MIN, _DAY_MIN = 60_000, 60, 1440
_PROBES = tuple(datetime(2000, 1, 1, tzinfo=UTC) + timedelta(weeks=week) for week in range(52 * 40))


def compute_hours(at_ms: Ints, day: Ints, places: NDArray[Any], timezones: Sequence[str]) -> dict[str, Ints]:
    """Return the columns of facts that tell the hour of each instant (ms, UTC), by name.

    day: the local day that each row belongs to, an ordinal; an instant can be after it.
    places: the place of each instant, an index into `timezones`.
    """
    elapsed_min, minute_of_day = np.empty(len(at_ms), np.int64), np.empty(len(at_ms), np.int64)
    names, of_place = np.unique(np.asarray(timezones, np.str_), return_inverse=True)
    codes = of_place[places] if len(timezones) else places
    for code, name in enumerate(names.tolist()):
        rows: slice | Ints = slice(None) if len(names) == 1 else np.flatnonzero(codes == code)
        instants_ms, days = at_ms[rows], day[rows]
        if len(days) == 0:
            continue
        first = int(days.min())
        numbers = days - first
        present = np.flatnonzero(np.bincount(numbers))
        starts_ms = np.zeros(int(present[-1]) + 1, np.int64)
        starts_ms[present] = [_find_day_start(first + number, name) for number in present.tolist()]
        step_min = _find_step_min(name)
        elapsed_min[rows] = (instants_ms - starts_ms[numbers]) // (step_min * _MINUTE_MS) * step_min
        local_min = (instants_ms + get_offsets_ms(instants_ms, name)) // _MINUTE_MS
        minute_of_day[rows] = local_min - local_min // _DAY_MIN * _DAY_MIN  # `%` of NumPy takes several times as long
    return {ELAPSED: elapsed_min, HOUR_OF_DAY: minute_of_day // _HOUR_MIN, MINUTE_OF_DAY: minute_of_day}


_find_day_start = lru_cache(maxsize=10_000)(compute_day_start)


@lru_cache(maxsize=1024)
def _find_step_min(timezone: str) -> int:
    """Return the minutes to round down to, so that hours since any earlier midnight of the zone can be told apart.

    It is 60, unless midnights of the zone begin at different minutes of an hour (UTC) from 2000 to 2040: 30 where the
    clock moves by half an hour.
    """
    zone = ZoneInfo(timezone)
    offsets_min = {int(at.astimezone(zone).utcoffset() / timedelta(minutes=1)) for at in _PROBES}  # type: ignore[operator]
    first = min(offsets_min)
    return gcd(_HOUR_MIN, *(offset - first for offset in offsets_min))
