"""Tests the scores of stays against plain Python that compares every stay with every visit."""

import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from random import Random
from time import perf_counter
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from okube_api.ingest.evaluation.scores import Intervals, StayScores, merge_overlaps, score_stays

PLACES = 3


class Interval(NamedTuple):
    """A stay or a visit; instants in seconds."""

    user: int
    place: int
    start: int
    end: int


def to_arrays(intervals: Sequence[Interval]) -> Intervals:
    """Return intervals as arrays."""
    columns = np.array(intervals, np.int64).reshape(-1, 4).T
    return Intervals(columns[0], columns[1], columns[2] * 1000, columns[3] * 1000)


def merge(visits: Sequence[Interval]) -> list[Interval]:
    """Join the visits of a user at a place that overlap."""
    merged: list[Interval] = []
    for _, group in groupby(sorted(visits), key=lambda visit: visit[:2]):
        pieces: list[Interval] = []
        for visit in group:
            if pieces and (visit.start < pieces[-1].end or visit.start == pieces[-1].start):
                pieces[-1] = pieces[-1]._replace(end=max(pieces[-1].end, visit.end))
            else:
                pieces.append(visit)
        merged += pieces
    return merged


def match(stay: Interval, visit: Interval) -> bool:
    return stay[:2] == visit[:2] and stay.start <= visit.end and stay.end >= visit.start


def score(stays: Sequence[Interval], visits: Sequence[Interval], observed: Sequence[bool]) -> dict[str, object]:
    """Return the figures by comparing each with each."""
    visits = merge(visits)
    stays_of = {visit: [stay for stay in stays if match(stay, visit)] for visit in visits}
    visits_of = [[visit for visit in visits if match(stay, visit)] for stay in stays]
    counted = [stay for stay, matches, seen in zip(stays, visits_of, observed, strict=True) if matches or seen]
    matched = sum(map(bool, visits_of))
    errors = []
    for visit, candidates in stays_of.items():
        if candidates:
            best = min(
                candidates,
                key=lambda stay: (
                    max(stay.start, visit.start) - min(stay.end, visit.end),
                    stay.start,
                    stay.end,
                ),
            )
            errors.append((best.end - best.start) - (visit.end - visit.start))
    of_stays, of_visits = (Counter(interval.place for interval in side) for side in (counted, visits))
    counts = [[of_side[place] for place in range(PLACES)] for of_side in (of_stays, of_visits)]
    return {
        "counts": counts,
        "precision": matched / len(counted) if counted else None,
        "recall": sum(map(bool, stays_of.values())) / len(visits) if visits else None,
        "splits": sum(len(candidates) > 1 for candidates in stays_of.values()),
        "merges": sum(len(matches) > 1 for matches in visits_of),
        "errors": sorted(errors),
        "correlation": statistics.correlation(*counts) if all(len(set(side)) > 1 for side in counts) else None,
        "quartiles": tuple(statistics.quantiles(errors, n=4, method="inclusive")) if len(errors) > 1 else None,
    }


def describe(scores: StayScores) -> dict[str, object]:
    return {
        "counts": [scores.stays.tolist(), scores.visits.tolist()],
        "precision": scores.precision,
        "recall": scores.recall,
        "splits": scores.splits,
        "merges": scores.merges,
        "errors": sorted(scores.dwell_errors_s.tolist()),
        "correlation": scores.correlation if scores.correlation is None else pytest.approx(scores.correlation),
        "quartiles": pytest.approx(scores.dwell_error_quartiles_s) if len(scores.dwell_errors_s) > 1 else None,
    }


intervals = st.lists(
    st.tuples(st.integers(1, 2), st.integers(0, PLACES - 1), st.integers(0, 60), st.integers(0, 15)).map(
        lambda drawn: Interval(*drawn[:3], drawn[2] + drawn[3])
    ),
    max_size=25,
)


@given(intervals, intervals, st.randoms())
@example([Interval(1, 0, 0, 0)], [Interval(1, 0, 0, 0), Interval(1, 0, 0, 0)], Random(1))
def test_scores_equal_those_of_plain_python(stays: list[Interval], visits: list[Interval], random: Random) -> None:
    observed = [random.random() < 0.7 for _ in stays]
    scores = score_stays(to_arrays(stays), to_arrays(visits), PLACES, np.array(observed, np.bool_))
    assert describe(scores) == score(stays, visits, observed)


@given(intervals)
def test_overlapping_visits_are_one(visits: list[Interval]) -> None:
    merged = merge_overlaps(to_arrays(visits))
    columns = merged.user, merged.place, merged.start_ms // 1000, merged.end_ms // 1000
    assert [Interval(*row) for row in zip(*(column.tolist() for column in columns), strict=True)] == merge(visits)


def test_a_visit_that_no_stay_touches_is_missed_and_a_stay_at_another_place_is_false() -> None:
    visits = [Interval(1, 0, 0, 600), Interval(1, 0, 1200, 1800), Interval(2, 1, 0, 600)]
    stays = [Interval(1, 0, 60, 300), Interval(1, 0, 400, 700), Interval(2, 0, 0, 600), Interval(1, 0, 601, 1199)]
    scores = score_stays(to_arrays(stays), to_arrays(visits), PLACES)
    assert (scores.precision, scores.splits, scores.merges) == (0.5, 1, 0)
    assert scores.recall == pytest.approx(1 / 3)
    assert scores.dwell_error_quartiles_s == (
        -360,
        -360,
        -360,
    )  # of the stay that shares 240 s with the visit, not 200 s
    assert scores.f1 == pytest.approx(0.4)
    assert scores.describe()["staysPerVisit"] == pytest.approx(4 / 3)


def test_no_stays_and_no_visits_give_no_figures() -> None:
    scores = score_stays(to_arrays([]), to_arrays([]), PLACES)
    assert (scores.precision, scores.recall, scores.correlation, scores.dwell_error_quartiles_s) == (None,) * 4
    assert scores.f1 == 0


def test_many_stays_are_scored_in_seconds() -> None:
    random = np.random.default_rng(1)
    start_ms = random.integers(0, 10**10, 200_000)
    sides = [
        Intervals(random.integers(0, 1000, 200_000), random.integers(0, 100, 200_000), start_ms, start_ms + 600_000)
        for _ in range(2)
    ]
    before_s = perf_counter()
    scores = score_stays(sides[0], sides[1], 100)
    assert perf_counter() - before_s < 10
    assert scores.matched_visits.sum() > 0
