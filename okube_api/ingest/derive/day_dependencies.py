"""Which days depend on which events: what must be read to derive some days, and which days a change touches.

Instants are ms since 1970, UTC, in half-open spans.  Clocks are at most 26 hours apart, so that two days on either side
are enough wherever zones meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.clock import DAY_MS
from okube_api.ingest.columns.columns import Span, to_codes, to_days_of_places, to_integers
from okube_api.ingest.columns.local_days import to_local_days
from okube_api.ingest.derive.touch_paths import TOUCH_KINDS, Windows, convert_windows_to_ms, find_longest_window_d
from okube_api.store.arrays import Ints

TIMEZONE_MARGIN_D = 2
RangeMs = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RequiredRanges:
    """The instants [low, high) whose visits and purchases, and whose touches, decide the outcomes of some days."""

    outcomes: RangeMs
    touches: RangeMs


def find_range_ms(span: Span) -> RangeMs:
    """The instants that may belong to some local days, in any zone."""
    return (span[0] - TIMEZONE_MARGIN_D) * DAY_MS, (span[1] + TIMEZONE_MARGIN_D - 1) * DAY_MS


def find_required_ranges(span: Span, windows: Windows) -> RequiredRanges:
    """What to read for the outcomes (visits and purchases, touches) of some local days."""
    low, high = find_range_ms(span)
    return RequiredRanges((low, high), touches=(low - find_longest_window_d(windows) * DAY_MS, high))


def find_outcome_days_of_cohorts(span: Span, windows: Windows) -> Span:
    """The first and last day of the outcomes whose credited touch can be of those of `span`."""
    return span[0] - TIMEZONE_MARGIN_D, span[1] + find_longest_window_d(windows) + TIMEZONE_MARGIN_D


def find_outcome_days_of_touches(touches: pa.Table, windows: Windows, zones: Sequence[str]) -> Ints:
    """The local days in the sites' zones of the outcomes that these touches may lead to: distinct, ascending.

    touches: (campaign, at, kind), new or taken away.  An outcome is led to in (at, at + window].
    """
    campaigns = sorted(windows)
    campaign, kind = to_codes(touches["campaign"], campaigns), to_codes(touches["kind"], TOUCH_KINDS)
    eligible = (campaign >= 0) & (kind >= 0)
    at = to_integers(touches["at"])[eligible]
    if len(at) == 0 or not zones:
        return np.empty(0, np.int64)
    end = at + convert_windows_to_ms(windows)[campaign[eligible], kind[eligible]]
    spans = [(to_local_days(at + 1, zone), to_local_days(end, zone)) for zone in set(zones)]
    return _covered(np.concatenate([low for low, _ in spans]), np.concatenate([high for _, high in spans]))


def _covered(low: Ints, high: Ints) -> Ints:
    """The days that lie in one of the spans [low, high]."""
    base = int(low.min())
    edges = np.zeros(int(high.max()) - base + 2, np.int64)
    np.add.at(edges, low - base, 1)
    np.add.at(edges, high - base + 1, -1)
    return np.flatnonzero(np.cumsum(edges)) + base


def find_days_of_events(events: pa.Table, sites: pa.Table) -> Ints:
    """The local days of visits or purchases (site, at): distinct, ascending.  sites: (site, zone)."""
    site = to_codes(events["site"], sites["site"].to_pylist())
    known = site >= 0
    return np.unique(to_days_of_places(to_integers(events["at"])[known], site[known], sites["zone"].to_pylist()))
