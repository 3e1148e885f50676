"""The touches that led to outcomes: whole columns of them, in order, and the path of each outcome."""

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
"""The kinds of touch that paths are made of; at the same instant and of one campaign, in this order."""
_MOST_PAIRS = 2_000_000  # of an outcome and a touch, looked at together: about 100 MB

Windows = Mapping[str, Mapping[str, int]]
"""How many days of 24 hours a touch stays eligible: by campaign `_id`, then by kind."""


def find_longest_window_d(windows: Windows) -> int:
    """The greatest window, in days; 0 without any."""
    return max((campaign[kind] for campaign in windows.values() for kind in TOUCH_KINDS), default=0)


def convert_windows_to_ms(windows: Windows) -> Ints:
    """The windows in ms, shape (campaigns by `_id`, KINDS)."""
    found = [[windows[campaign][kind] * DAY_MS for kind in TOUCH_KINDS] for campaign in sorted(windows)]
    return np.array(found, np.int64).reshape(-1, len(TOUCH_KINDS))


@dataclass(frozen=True, slots=True, eq=False)
class Touches:
    """Eligible touches in order of user, instant, campaign `_id` and kind.

    campaigns: the `_id`s, sorted; users: the distinct numbers, ascending.
    campaign, kind (an index into KINDS), at, last_ms (the latest instant that it leads to): one each touch.
    """

    campaigns: Sequence[str]
    users: Ints
    at_ms: Ints
    campaign: Codes
    kind: Codes
    last_ms: Ints
    _keys: Ints
    _base_ms: int
    _span_ms: int
    _reach_ms: int

    def find_candidates(self, user: Ints, at: Ints) -> tuple[Ints, Ints]:
        """The touches [low, high) of each user within the greatest window before an instant."""
        if len(self.users) == 0:
            return np.zeros(len(user), np.int64), np.zeros(len(user), np.int64)
        place = np.minimum(np.searchsorted(self.users, user), len(self.users) - 1)
        low = self._place(place, at - self._reach_ms)
        high = np.where(self.users[place] == user, self._place(place, at), low)
        return low, high

    def _place(self, user: Ints, at: Ints) -> Ints:
        since = np.clip(at - self._base_ms, 0, self._span_ms - 1)
        return np.searchsorted(self._keys, user * self._span_ms + since)


def prepare_touches(events: pa.Table, windows: Windows, users: Ints) -> Touches:
    """Touches (user, campaign, at, kind) of these users made ready.

    Those of kind `control`, and those of campaigns without windows, are in no path.
    """
    campaigns = sorted(windows)
    campaign, kind = to_codes(events["campaign"], campaigns), to_codes(events["kind"], TOUCH_KINDS)
    eligible = (campaign >= 0) & (kind >= 0) & _among(to_integers(events["user"]), users)
    campaign, kind = campaign[eligible], kind[eligible]
    user, at = (to_integers(events[name])[eligible] for name in ("user", "at"))
    by = sort_order(user, at, campaign, kind)
    campaign, kind, user, at = campaign[by], kind[by], user[by], at[by]
    new = mark_group_starts(user)
    base_ms = int(at.min()) if len(at) else 0
    span_ms = int(at.max()) - base_ms + 2 if len(at) else 1  # one more than there is, for what comes after all of it
    if int(new.sum()) * span_ms >= 2**63:
        raise OverflowError("too many users over too long a time: derive fewer days at a time")
    keys = (np.cumsum(new) - 1) * span_ms + (at - base_ms)
    last_ms = at + convert_windows_to_ms(windows)[campaign, kind]
    return Touches(
        campaigns,
        user[new],
        at,
        campaign,
        kind,
        last_ms,
        keys,
        base_ms,
        span_ms,
        find_longest_window_d(windows) * DAY_MS,
    )


def _among(user: Ints, users: Ints) -> Flags:
    """Which of some user numbers are among others."""
    known = np.zeros(max(user.max(initial=-1), users.max(initial=-1)) + 1, np.bool_)
    known[users] = True
    return known[user]


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """counts: the length of each outcome's path; touch: their touches (indices), one path after the other."""

    counts: Ints
    touch: Ints

    @property
    def outcome(self) -> Ints:
        """The outcome of each touch in `touch`."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def first(self) -> Ints:
        """The first touch of each path that has one."""
        return self.touch[to_offsets(self.counts)[:-1][self.counts > 0]]

    @property
    def last(self) -> Ints:
        """The credited touch of each path that has one."""
        return self.touch[to_offsets(self.counts)[1:][self.counts > 0] - 1]


def build_paths(touches: Touches, user: Ints, at: Ints) -> Paths:
    """Each outcome's touches in [at - window, at), runs of one campaign collapsed into the last of the run."""
    low, high = touches.find_candidates(user, at)
    found = [_path(touches, low[part], high[part], at[part]) for part in _parts(high - low)]
    if not found:
        return Paths(np.empty(0, np.int64), np.empty(0, np.int64))
    counts, chosen = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return Paths(counts, chosen)


def _parts(sizes: Ints) -> Iterator[slice]:
    """Cuts outcomes into pieces that look at a bounded number of touches together."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.searchsorted(ends, np.arange(0, total, _MOST_PAIRS), side="right")
    for start, end in pairwise(np.unique([0, *cuts.tolist(), len(sizes)]).tolist()):
        yield slice(start, end)


def _path(touches: Touches, low: Ints, high: Ints, at: Ints) -> tuple[Ints, Ints]:
    outcome, touch = np.repeat(np.arange(len(low)), high - low), expand_ranges(low, high - low)
    eligible = touches.last_ms[touch] >= at[outcome]
    outcome, touch = outcome[eligible], touch[eligible]
    campaign = touches.campaign[touch]
    ends = np.ones(len(touch), np.bool_)
    ends[:-1] = (outcome[1:] != outcome[:-1]) | (campaign[1:] != campaign[:-1])
    return count_by_group(outcome[ends], len(low)), touch[ends]
