"""Scores stays against true visits: a pure function of arrays.

A stay and a visit match when the same user is at the same place and their intervals have an instant in common.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from okube_api.ingest.columns.columns import count_by_group, expand_ranges, mark_group_starts, sort_order
from okube_api.store.arrays import Flags, Floats, Ints

_QUARTILES = (25, 50, 75)


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Stays or visits, one array element each: user number, index of the place, first and last instant (ms, UTC)."""

    user: Ints
    place: Ints
    start_ms: Ints
    end_ms: Ints

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: Ints | Flags) -> "Intervals":
        """Return the intervals at these positions, or where a mask is true."""
        return Intervals(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class StayScores:
    """How well stays agree with visits.

    stays, visits, matched_stays, matched_visits: the number at each place.
    splits: visits that match several stays.  merges: stays that match several visits.
    dwell_errors_s: for each matched visit, the dwell of the stay that it shares most time with, less its duration.
    """

    stays: Ints
    visits: Ints
    matched_stays: Ints
    matched_visits: Ints
    splits: int
    merges: int
    dwell_errors_s: Floats

    @property
    def precision(self) -> float | None:
        """The share of stays that match a visit; None without stays."""
        return _divide(self.matched_stays.sum(), self.stays.sum())

    @property
    def recall(self) -> float | None:
        """The share of visits that match a stay; None without visits."""
        return _divide(self.matched_visits.sum(), self.visits.sum())

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 when nothing matches."""
        precision, recall = self.precision or 0.0, self.recall or 0.0
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    @property
    def stays_per_visit(self) -> float | None:
        """The number of stays for each visit; None without visits."""
        return _divide(self.stays.sum(), self.visits.sum())

    @cached_property
    def dwell_error_quartiles_s(self) -> tuple[float, float, float] | None:
        """The lower quartile, the median and the upper quartile of the errors of dwell; None when nothing matches."""
        if len(self.dwell_errors_s) == 0:
            return None
        lower, median, upper = np.percentile(self.dwell_errors_s, _QUARTILES).tolist()
        return lower, median, upper

    @cached_property
    def correlation(self) -> float | None:
        """Pearson's correlation of the numbers of stays and visits by place; None when one number is everywhere."""
        if len(self.stays) < 2 or not np.ptp(self.stays) or not np.ptp(self.visits):
            return None
        return float(np.corrcoef(self.stays, self.visits)[0, 1])

    def describe(self) -> Mapping[str, float | int | None]:
        """Return the figures over all places by name."""
        lower, median, upper = self.dwell_error_quartiles_s or (None, None, None)
        return {
            "visits": int(self.visits.sum()),
            "stays": int(self.stays.sum()),
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "staysPerVisit": self.stays_per_visit,
            "splits": self.splits,
            "merges": self.merges,
            "dwellErrorLowerQuartileSeconds": lower,
            "dwellErrorMedianSeconds": median,
            "dwellErrorUpperQuartileSeconds": upper,
            "correlationByPlace": self.correlation,
        }


def merge_overlaps(visits: Intervals) -> Intervals:
    """Return visits in order of user, place and time; those of a user at a place that overlap become one."""
    visits = visits.take(sort_order(visits.user, visits.place, visits.start_ms, visits.end_ms))
    if len(visits) == 0:
        return visits
    is_first = mark_group_starts(visits.user, visits.place)
    # The greatest end so far within each group: groups are lifted above one another, so that one pass over all does.
    lift = (np.cumsum(is_first) - 1) * _span(visits)
    reach = np.maximum.accumulate(visits.end_ms + lift)
    is_first[1:] |= ((visits.start_ms + lift)[1:] >= reach[:-1]) & (visits.start_ms[1:] != visits.start_ms[:-1])
    starts = np.flatnonzero(is_first)
    ends = np.append(starts[1:], len(visits)) - 1
    return Intervals(visits.user[starts], visits.place[starts], visits.start_ms[starts], (reach - lift)[ends])


def score_stays(stays: Intervals, visits: Intervals, places: int, is_observed: Flags | None = None) -> StayScores:
    """Return the scores of stays.

    visits: overlapping ones of a user at a place count as one.  places: the number of places.
    is_observed: per stay, whether all visits at its time are known; a stay elsewhere counts only if it matches a visit.
    """
    visits = merge_overlaps(visits)
    stay, visit = _match(stays, visits)
    of_stay, of_visit = count_by_group(stay, len(stays)), count_by_group(visit, len(visits))
    is_counted = np.ones(len(stays), np.bool_) if is_observed is None else is_observed | (of_stay > 0)
    common_ms = np.minimum(stays.end_ms[stay], visits.end_ms[visit]) - np.maximum(
        stays.start_ms[stay], visits.start_ms[visit]
    )
    by = np.lexsort((stays.end_ms[stay], stays.start_ms[stay], -common_ms, visit))
    best = by[mark_group_starts(visit[by])]
    errors_ms = _measure_ms(stays)[stay[best]] - _measure_ms(visits)[visit[best]]
    return StayScores(
        count_by_group(stays.place[is_counted], places),
        count_by_group(visits.place, places),
        count_by_group(stays.place[of_stay > 0], places),
        count_by_group(visits.place[of_visit > 0], places),
        splits=int(np.count_nonzero(of_visit > 1)),
        merges=int(np.count_nonzero(of_stay > 1)),
        dwell_errors_s=errors_ms / 1000,
    )


def _match(stays: Intervals, visits: Intervals) -> tuple[Ints, Ints]:
    """Return the pairs of a stay and a visit that match, as indices; visits: as `merge_overlaps` returns them.

    Visits of a user at a place neither overlap nor change their order by their ends.  So the visits that match a stay
    follow one another, and two bisections find them: in keys that join user, place and time into one number.
    """
    users, places = (np.concatenate((getattr(stays, name), getattr(visits, name))) for name in ("user", "place"))
    by = sort_order(users, places)
    group = np.empty(len(by), np.int64)
    group[by] = np.cumsum(mark_group_starts(users[by], places[by])) - 1
    low_ms = min((int(side.start_ms.min()) for side in (stays, visits) if len(side)), default=0)
    span_ms = max(_span(side, low_ms) for side in (stays, visits))
    lift = group * span_ms - low_ms
    of_stays, of_visits = lift[: len(stays)], lift[len(stays) :]
    first = np.searchsorted(visits.end_ms + of_visits, stays.start_ms + of_stays, side="left")
    beyond = np.searchsorted(visits.start_ms + of_visits, stays.end_ms + of_stays, side="right")
    counts = np.maximum(beyond - first, 0)
    return np.repeat(np.arange(len(stays)), counts), expand_ranges(first, counts)


def _span(intervals: Intervals, low_ms: int | None = None) -> int:
    """Return more than the milliseconds from an instant, by default the first, to the last."""
    if len(intervals) == 0:
        return 1
    return int(intervals.end_ms.max()) - (int(intervals.start_ms.min()) if low_ms is None else low_ms) + 2


def _measure_ms(intervals: Intervals) -> Ints:
    lengths: Ints = intervals.end_ms - intervals.start_ms
    return lengths


def _divide(part: int, total: int) -> float | None:
    return float(part / total) if total else None
