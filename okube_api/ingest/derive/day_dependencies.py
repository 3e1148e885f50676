"""Finds which days depend on which events: what to read to derive days, and which days a change of events affects.

Instants are ms since 1970, UTC, in half-open ranges.  Time zones are at most 26 hours apart, so a margin of two days on
either side covers every time zone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.clock import DAY_MS
from okube_api.ingest.columns.columns import DayRange, find_distinct, to_codes, to_days_of_places, to_integers
from okube_api.ingest.columns.local_days import to_local_days
from okube_api.ingest.derive.touch_paths import TOUCH_KINDS, Windows, convert_windows_to_ms, find_longest_window_d
from okube_api.store.arrays import Ints

TIMEZONE_MARGIN_D = 2
RangeMs = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RequiredRanges:
    """The ranges of instants [low, high) of visits and purchases, and of touches, on which the outcomes depend."""

    outcomes: RangeMs
    touches: RangeMs


def find_range_ms(span: DayRange) -> RangeMs:
    """Return the range of instants that can belong to the local days of `span` in any time zone."""
    return (span[0] - TIMEZONE_MARGIN_D) * DAY_MS, (span[1] + TIMEZONE_MARGIN_D - 1) * DAY_MS


def find_required_ranges(span: DayRange, windows: Windows) -> RequiredRanges:
    """Return the ranges to read to derive the outcomes of the local days of `span`."""
    low, high = find_range_ms(span)
    return RequiredRanges((low, high), touches=(low - find_longest_window_d(windows) * DAY_MS, high))


def find_outcome_days_of_cohorts(span: DayRange, windows: Windows) -> DayRange:
    """Return the first and last local day of outcomes whose credited touch can be on a day of `span`."""
    return span[0] - TIMEZONE_MARGIN_D, span[1] + find_longest_window_d(windows) + TIMEZONE_MARGIN_D


def find_outcome_days_of_touches(touches: pa.Table, windows: Windows, timezones: Sequence[str]) -> Ints:
    """Return the local days, in any of the sites' time zones, of outcomes that touches can lead to.

    touches: (campaign, at, kind), added or removed.  A touch leads to outcomes in (at, at + window].
    The days are distinct and ascending.
    """
    campaigns = sorted(windows)
    campaign, kind = to_codes(touches["campaign"], campaigns), to_codes(touches["kind"], TOUCH_KINDS)
    eligible = (campaign >= 0) & (kind >= 0)
    at_ms = to_integers(touches["at"])[eligible]
    if len(at_ms) == 0 or not timezones:
        return np.empty(0, np.int64)
    end_ms = at_ms + convert_windows_to_ms(windows)[campaign[eligible], kind[eligible]]
    ranges = [(to_local_days(at_ms + 1, timezone), to_local_days(end_ms, timezone)) for timezone in set(timezones)]
    return _cover_days(np.concatenate([low for low, _ in ranges]), np.concatenate([high for _, high in ranges]))


def _cover_days(low: Ints, high: Ints) -> Ints:
    """Return the days that lie in at least one of the ranges [low, high].

    Counts, for each day, the ranges that have begun less those that have ended before it.
    """
    base = int(low.min())
    edges = np.zeros(int(high.max()) - base + 2, np.int64)
    np.add.at(edges, low - base, 1)
    np.add.at(edges, high - base + 1, -1)
    return np.flatnonzero(np.cumsum(edges)) + base


def find_days_of_events(events: pa.Table, sites: pa.Table) -> Ints:
    """Return the local days of visits or purchases (site, at), distinct and ascending.

    sites: (site, timezone).  Events of unknown sites are left out.
    """
    site = to_codes(events["site"], sites["site"].to_pylist())
    exists = site >= 0
    days = to_days_of_places(to_integers(events["at"])[exists], site[exists], sites["timezone"].to_pylist())
    return find_distinct(days)
