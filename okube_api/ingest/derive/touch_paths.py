"""Finds the touches that led to outcomes: indexes touches by user and time, and builds the path of each outcome."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from okube_api.clock import DAY_MS
from okube_api.ingest.columns.columns import (
    count_by_group,
    expand_ranges,
    mark_group_starts,
    sort_order,
    to_codes,
    to_integers,
    to_offsets,
)
from okube_api.store.arrays import Codes, Flags, Ints

TOUCH_KINDS = ("print", "opening", "click")
"""The kinds of touches in paths, in the order that they have at the same instant and campaign."""
_MAX_PAIRS = 2_000_000  # pairs of an outcome and a touch that are compared in one step: about 100 MB

Windows = Mapping[str, Mapping[str, int]]
"""Lookback windows, in days of 24 hours: by campaign `_id`, then by kind of touch."""


def find_longest_window_d(windows: Windows) -> int:
    """Return the longest window in days, 0 when there are no windows."""
    return max((campaign[kind] for campaign in windows.values() for kind in TOUCH_KINDS), default=0)


def convert_windows_to_ms(windows: Windows) -> Ints:
    """Return the windows in ms, shape (campaigns by `_id`, TOUCH_KINDS)."""
    rows = [[windows[campaign][kind] * DAY_MS for kind in TOUCH_KINDS] for campaign in sorted(windows)]
    return np.array(rows, np.int64).reshape(-1, len(TOUCH_KINDS))


@dataclass(frozen=True, slots=True, eq=False)
class Touches:
    """Eligible touches in order of user, time, campaign `_id` and kind.

    campaigns: the `_id`s, sorted.
    at_ms, campaign, kind (an index into TOUCH_KINDS), last_ms (the end of the touch's window): one element per touch.

    `_positions` has the position of each user number among the users with touches, -1 for other numbers; its last
    element is -1.
    `find_candidates` bisects one array of integers: the position of the touch's user times `_span_ms`, plus the time
    since `_base_ms`.  `_span_ms` exceeds the time from the first to the last touch, so that users do not overlap.
    """

    campaigns: Sequence[str]
    at_ms: Ints
    campaign: Codes
    kind: Codes
    last_ms: Ints
    _positions: Codes
    _keys: Ints
    _base_ms: int
    _span_ms: int
    _longest_window_ms: int

    def find_candidates(self, user: Ints, at_ms: Ints) -> tuple[Ints, Ints]:
        """Return the range [low, high) of each user's touches within the longest window before the user's instant."""
        low, high = np.zeros((2, len(user)), np.int64)
        of_rows = self._positions[np.minimum(user, len(self._positions) - 1)]
        has_touches = np.flatnonzero(of_rows >= 0)
        position = of_rows[has_touches].astype(np.int64)
        at_ms = at_ms[has_touches]
        # Bisection is several times faster in ascending order: it finds its way in memory that it has just read.
        by = sort_order(position, at_ms)
        position, at_ms, has_touches = position[by], at_ms[by], has_touches[by]
        low[has_touches] = self._bisect(position, at_ms - self._longest_window_ms)
        high[has_touches] = self._bisect(position, at_ms)
        return low, high

    def _bisect(self, position: Ints, at_ms: Ints) -> Ints:
        since_ms = np.clip(at_ms - self._base_ms, 0, self._span_ms - 1)
        return np.searchsorted(self._keys, position * self._span_ms + since_ms)


def prepare_touches(events: pa.Table, windows: Windows, users: Ints) -> Touches:
    """Return the touches of these users, sorted and indexed.

    events: (user, campaign, at, kind).  Control events and touches of campaigns without windows are left out.
    """
    campaigns = sorted(windows)
    campaign, kind = to_codes(events["campaign"], campaigns), to_codes(events["kind"], TOUCH_KINDS)
    eligible = (campaign >= 0) & (kind >= 0) & _mark_members(to_integers(events["user"]), users)
    campaign, kind = campaign[eligible], kind[eligible]
    user, at_ms = (to_integers(events[name])[eligible] for name in ("user", "at"))
    by = sort_order(user, at_ms, campaign, kind)
    campaign, kind, user, at_ms = campaign[by], kind[by], user[by], at_ms[by]
    is_first = mark_group_starts(user)
    base_ms = int(at_ms.min()) if len(at_ms) else 0
    span_ms = int(at_ms.max()) - base_ms + 2 if len(at_ms) else 1  # one more: for instants after all touches
    if int(is_first.sum()) * span_ms >= 2**63:
        raise OverflowError("Too many users over too long a time: derive fewer days at a time.")
    return Touches(
        campaigns,
        at_ms=at_ms,
        campaign=campaign,
        kind=kind,
        last_ms=at_ms + convert_windows_to_ms(windows)[campaign, kind],
        _positions=_index_users(user[is_first]),
        _keys=(np.cumsum(is_first) - 1) * span_ms + (at_ms - base_ms),
        _base_ms=base_ms,
        _span_ms=span_ms,
        _longest_window_ms=find_longest_window_d(windows) * DAY_MS,
    )


def _index_users(users: Ints) -> Codes:
    """Return the position of each user number among `users`, -1 for others; the last element is -1."""
    positions = np.full(int(users.max(initial=-1)) + 2, -1, np.int32)
    positions[users] = np.arange(len(users), dtype=np.int32)
    return positions


def _mark_members(user: Ints, users: Ints) -> Flags:
    """Return which user numbers are among `users`."""
    is_member = np.zeros(max(user.max(initial=-1), users.max(initial=-1)) + 1, np.bool_)
    is_member[users] = True
    return is_member[user]


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """The touches that led to outcomes.

    counts: the length of each outcome's path.  touch: the indices of the touches of all paths, concatenated.
    """

    counts: Ints
    touch: Ints

    @property
    def outcome(self) -> Ints:
        """The outcome of each element of `touch`."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def first(self) -> Ints:
        """The first touch of each path that has one."""
        return self.touch[to_offsets(self.counts)[:-1][self.counts > 0]]

    @property
    def last(self) -> Ints:
        """The last touch of each path that has one: the credited touch."""
        return self.touch[to_offsets(self.counts)[1:][self.counts > 0] - 1]


def build_paths(touches: Touches, user: Ints, at_ms: Ints) -> Paths:
    """Return each outcome's touches in [at - window, at); of consecutive touches of one campaign, only the last."""
    low, high = touches.find_candidates(user, at_ms)
    parts = [_build_part(touches, low[part], high[part], at_ms[part]) for part in _split_by_size(high - low)]
    if not parts:
        return Paths(np.empty(0, np.int64), np.empty(0, np.int64))
    counts, touch = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Paths(counts, touch)


def _split_by_size(sizes: Ints) -> Iterator[slice]:
    """Yield slices of outcomes with a bounded total number of candidate touches."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.searchsorted(ends, np.arange(0, total, _MAX_PAIRS), side="right")
    for start, end in pairwise(np.unique([0, *cuts.tolist(), len(sizes)]).tolist()):
        yield slice(start, end)


def _build_part(touches: Touches, low: Ints, high: Ints, at_ms: Ints) -> tuple[Ints, Ints]:
    """Return the length of each outcome's path, and the concatenated touches of the paths."""
    outcome, touch = np.repeat(np.arange(len(low)), high - low), expand_ranges(low, high - low)
    in_window = touches.last_ms[touch] >= at_ms[outcome]
    outcome, touch = outcome[in_window], touch[in_window]
    campaign = touches.campaign[touch]
    is_last_of_run = np.ones(len(touch), np.bool_)
    is_last_of_run[:-1] = (outcome[1:] != outcome[:-1]) | (campaign[1:] != campaign[:-1])
    return count_by_group(outcome[is_last_of_run], len(low)), touch[is_last_of_run]
