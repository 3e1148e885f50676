"""Derives stays from pings that are matched with zones of places: a pure function of arrays.

A user is in at most one zone of each *exclusive group* at a time.  Walk along the pings of a user: from the first ping
in a zone, a candidate stay reaches to the last ping in that zone before the user is silent there for longer than the
gap, or is seen elsewhere too many times in a row.  The candidate is a stay when it has enough of the user's pings
between its ends and lasts long enough; then the walk goes on after it.  If not, the walk goes on with the next ping.

Everything about a stay depends on pings within one gap around it, and on the UTC days of these pings.
"""

from dataclasses import dataclass, fields

import numpy as np

from okube_api.clock import DAY_MS
from okube_api.ingest.columns.columns import mark_group_starts, sort_order
from okube_api.ingest.columns.local_days import to_utc_days
from okube_api.store.arrays import Flags, Ints

AUTO_GAP_INTERVALS = 10  # an automatic gap is so many times the median interval between pings
AUTO_GAP_MS = (300_000, 2_700_000)  # the least and the greatest automatic gap
EDGE_PARTS = 3  # of a silence around a stay, no more than the gap divided by this counts for the least dwell
SINGLE_MS = 750_000  # a single ping is a stay when the silences around it give it that much dwell, and
SINGLE_INTERVALS = (
    2  # so many times the median interval between pings: every single ping of a sparse panel has silences
)
SHARE_UNIT = 1000

_ENDLESS_MS = 2**62  # the silence before a user's first instant, and after the last


@dataclass(frozen=True, slots=True)
class PingRules:
    """When pings are a stay; all limits are inclusive.

    gap_ms: the longest silence within a stay; None: automatic, `AUTO_GAP_INTERVALS` times the median interval between
        pings of the user on that UTC day, within `AUTO_GAP_MS`.
    end_after_elsewhere: so many instants elsewhere in a row end a stay; 0: none do.
    minimum_share: of the user's instants between the ends of a stay, those that must be in the zone, in thousandths.
    allows_single: whether any one instant can be a stay; if not, only one with an unusually long silence around it:
        `SINGLE_MS` and `SINGLE_INTERVALS` times the median interval of expected dwell.
    is_dwell_expected: whether dwell includes half the silence before and after, up to half the gap on each side; for
        the least dwell, up to half of the usual gap divided by `EDGE_PARTS`.
    """

    gap_ms: int | None
    end_after_elsewhere: int
    minimum_share: int
    allows_single: bool
    is_dwell_expected: bool

    @property
    def needs_intervals(self) -> bool:
        """Whether stays depend on how often pings of the user come on a UTC day."""
        return self.gap_ms is None or (self.is_dwell_expected and not self.allows_single)

    @property
    def reach_ms(self) -> int:
        """The longest silence within a stay of any user."""
        return AUTO_GAP_MS[1] if self.gap_ms is None else self.gap_ms


@dataclass(frozen=True, slots=True, eq=False)
class ZoneRules:
    """What holds for each zone: its exclusive group (any integer), and the least dwell of a stay there in ms."""

    group: Ints
    minimum_ms: Ints


@dataclass(frozen=True, slots=True, eq=False)
class MatchedPings:
    """Pings of users in any order, and the zones that each is in.

    user, at_ms (UTC): one element per ping; pings of a user at the same instant count as one instant.
    ping, zone: pairs of a ping (an index) and a zone.
    is_ignored: per ping, whether it says nothing of where the user is; it still counts for the automatic gap, which
        depends on how often pings come.  None when no ping is ignored.  Such pings have no pairs.
    """

    user: Ints
    at_ms: Ints
    ping: Ints
    zone: Ints
    is_ignored: Flags | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PingStays:
    """Stays, one array element per stay, by user, group and start.

    start_ms: UTC, the first ping in the zone.  dwell_s: observed or expected, as the rules say.
    """

    user: Ints
    zone: Ints
    start_ms: Ints
    dwell_s: Ints

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: Ints) -> "PingStays":
        """Return the stays at these positions, in that order."""
        return PingStays(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class _Instants:
    """The distinct instants of users, by user and time; silence_ms: the time since the user's previous one."""

    user: Ints
    at_ms: Ints
    silence_ms: Ints


def derive_ping_stays(pings: MatchedPings, zones: ZoneRules, rules: PingRules) -> PingStays:
    """Return the stays of pings; the order of pings and repeated pings make no difference."""
    instants, instant_of_ping = _list_instants(pings.user, pings.at_ms)
    median_ms = compute_median_intervals_ms(instants.user, instants.at_ms) if rules.needs_intervals else None
    usual_ms = (
        np.full(len(instants.user), rules.gap_ms)
        if median_ms is None or rules.gap_ms is not None
        else np.minimum(AUTO_GAP_INTERVALS * median_ms, AUTO_GAP_MS[1])
    )
    if pings.is_ignored is not None:
        is_counted = np.zeros(len(instants.user), np.bool_)
        is_counted[instant_of_ping[~pings.is_ignored]] = True
        instants, usual_ms = _make_instants(instants.user[is_counted], instants.at_ms[is_counted]), usual_ms[is_counted]
        median_ms = None if median_ms is None else median_ms[is_counted]
        instant_of_ping = (np.cumsum(is_counted) - 1)[instant_of_ping]
    gap_ms = np.maximum(usual_ms, AUTO_GAP_MS[0]) if rules.gap_ms is None else usual_ms
    instant, zone = _list_visits(instants.user, instant_of_ping[pings.ping], pings.zone, zones.group)
    count, last_instant = _find_last_instants(instants, gap_ms, instant, zone, rules.end_after_elsewhere)
    dwell_ms = certain_ms = instants.at_ms[last_instant] - instants.at_ms[instant]
    if rules.is_dwell_expected:
        # Who is silent for much longer than usual just before or after walking past has not stayed all that time.
        certain_ms = dwell_ms + _expect_silences_ms(instants, usual_ms // EDGE_PARTS, instant, last_instant)
        dwell_ms = dwell_ms + _expect_silences_ms(instants, gap_ms, instant, last_instant)
    span = last_instant - instant + 1
    is_stay = (certain_ms >= zones.minimum_ms[zone]) & (count * SHARE_UNIT >= rules.minimum_share * span)
    if not rules.allows_single:
        is_long = np.zeros(len(instant), np.bool_)
        if median_ms is not None:
            is_long = certain_ms >= np.maximum(SINGLE_MS, SINGLE_INTERVALS * median_ms[instant])
        is_stay &= (count > 1) | is_long
    series: Ints = np.cumsum(mark_group_starts(instants.user[instant], zones.group[zone]))
    rows = _choose(series, instant, last_instant, np.flatnonzero(is_stay), len(instants.user))
    start = instant[rows]
    return PingStays(instants.user[start], zone[rows], instants.at_ms[start], dwell_ms[rows] // 1000)


def compute_median_intervals_ms(user: Ints, at_ms: Ints) -> Ints:
    """Return the median interval at each instant of users, sorted by user and time, without repeated instants.

    It is that between instants of the user on the same UTC day; of an even number, the lower of the two in the middle.
    A day with one instant has an interval of a day.
    """
    day = to_utc_days(at_ms)
    is_start = mark_group_starts(user, day)
    group = np.cumsum(is_start) - 1
    interval_ms = np.diff(at_ms)
    within = np.flatnonzero(~is_start[1:])
    of_day = group[1:][within]
    by = sort_order(of_day, interval_ms[within])
    counts = np.bincount(of_day, minlength=int(is_start.sum()))
    starts = np.cumsum(counts) - counts
    medians_ms = np.full(len(counts), DAY_MS, np.int64)
    has_interval = counts > 0
    middle = (starts + (counts - 1) // 2)[has_interval]
    medians_ms[has_interval] = interval_ms[within][by][middle]
    result: Ints = medians_ms[group]
    return result


def _list_instants(user: Ints, at_ms: Ints) -> tuple[_Instants, Ints]:
    """Return the distinct instants of pings, and the instant of each ping (an index)."""
    by = sort_order(user, at_ms)
    user, at_ms = user[by], at_ms[by]
    is_new = mark_group_starts(user, at_ms)
    instant_of_ping = np.empty(len(by), np.int64)
    instant_of_ping[by] = np.cumsum(is_new) - 1
    return _make_instants(user[is_new], at_ms[is_new]), instant_of_ping


def _make_instants(user: Ints, at_ms: Ints) -> _Instants:
    silence_ms = np.diff(at_ms, prepend=0)
    silence_ms[mark_group_starts(user)] = _ENDLESS_MS
    return _Instants(user, at_ms, silence_ms)


def _list_visits(user: Ints, instant: Ints, zone: Ints, group: Ints) -> tuple[Ints, Ints]:
    """Return pairs of instant and zone by user, group and instant: one per instant and group, of the first zone."""
    by = sort_order(user[instant], group[zone], instant, zone)
    instant, zone = instant[by], zone[by]
    is_first = mark_group_starts(instant, group[zone])
    return instant[is_first], zone[is_first]


def _find_last_instants(
    instants: _Instants, gap_ms: Ints, instant: Ints, zone: Ints, end_after_elsewhere: int
) -> tuple[Ints, Ints]:
    """Return, for each pair, how many pairs the candidate stay from there on has, and its last instant."""
    by = sort_order(instants.user[instant], zone, instant)
    of_zone = instant[by]
    is_start = mark_group_starts(instants.user[of_zone], zone[by])
    before = of_zone[:-1]
    is_start[1:] |= np.diff(instants.at_ms[of_zone]) > gap_ms[before]
    if end_after_elsewhere:
        is_start[1:] |= np.diff(of_zone) > end_after_elsewhere
    starts = np.flatnonzero(is_start)
    ends = np.append(starts[1:], len(by))[: len(starts)] - 1
    end = np.repeat(ends, np.diff(starts, append=len(by)))
    count, last = np.empty(len(by), np.int64), np.empty(len(by), np.int64)
    count[by], last[by] = end - np.arange(len(by)) + 1, of_zone[end]
    return count, last


def _expect_silences_ms(instants: _Instants, limit_ms: Ints, first: Ints, last: Ints) -> Ints:
    """Return half the silences of users before and after stays, each at most half the limit at its instant."""
    after_ms = np.append(instants.silence_ms[1:], _ENDLESS_MS)
    before = np.minimum(instants.silence_ms[first], limit_ms[first]) // 2
    after = np.minimum(after_ms[last], limit_ms[last]) // 2
    both: Ints = before + after
    return both


def _choose(series: Ints, instant: Ints, last_instant: Ints, candidates: Ints, instants: int) -> Ints:
    """Return the candidates that a walk along each series takes: always the first one after the end of the last one.

    Candidates that overlap, directly or through others, form a cluster.  The walk enters a cluster at its first
    candidate.  So all clusters are walked at once: as many steps as the largest number of stays in a cluster.
    """
    key = series[candidates] * (instants + 1) + instant[candidates]
    end_key = series[candidates] * (instants + 1) + last_instant[candidates]
    if len(candidates) == 0:
        return candidates
    reach = np.maximum.accumulate(end_key)
    is_entry = np.append(True, key[1:] > reach[:-1])
    cluster = np.cumsum(is_entry)
    following = np.searchsorted(key, end_key, side="right")  # the first candidate after the end of each
    steps = [np.flatnonzero(is_entry)]
    while len(steps[-1]):
        onward = following[steps[-1]]
        is_inside = onward < len(candidates)
        current, onward = steps[-1][is_inside], onward[is_inside]
        steps.append(onward[cluster[onward] == cluster[current]])
    chosen: Ints = candidates[np.sort(np.concatenate(steps))]
    return chosen
