"""Days on which users were last seen, and twelve months before a day, against plain Python."""

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.buckets import to_date, to_ordinal
from okube_api.ingest.derive.recency import (
    NEVER_SEEN,
    find_last_seen,
    subtract_twelve_months,
    update_last_seen,
)
from tests.by_hand import geomarketing as by_hand


def test_last_seen_days_are_updated() -> None:
    dice = np.random.default_rng(1)
    last_seen, all_pairs = NEVER_SEEN, [np.empty((0, 2), np.int64)]
    for day in range(0, 50, 10):
        pairs = np.unique(np.column_stack((dice.integers(0, 300, 200), dice.integers(day, day + 10, 200))), axis=0)
        all_pairs.append(pairs)
        last_seen = update_last_seen(last_seen, pairs[:, 0], pairs[:, 1])
        expected = find_last_seen(*np.concatenate(all_pairs).T)
        assert last_seen.keys.tolist() == expected.keys.tolist()
        assert last_seen.days.tolist() == expected.days.tolist()
    none = np.empty(0, np.int64)
    assert update_last_seen(last_seen, none, none).days.tolist() == last_seen.days.tolist()


@given(st.integers(to_ordinal(date(1971, 1, 1)), to_ordinal(date(2099, 1, 1))), st.lists(st.integers(0, 40)))
def test_twelve_months_are_subtracted_from_near_days(first: int, offsets: list[int]) -> None:
    """Subtract from many days of a few weeks."""
    days = [first + offset for offset in offsets * 3]
    earlier = subtract_twelve_months(np.array(days, np.int64))
    assert [to_date(day) for day in earlier.tolist()] == [by_hand.year_before(to_date(day)) for day in days]


@given(st.lists(st.dates(date(1971, 1, 1), date(2099, 1, 1)), max_size=9))
def test_twelve_months_are_subtracted(dates: list[date]) -> None:
    earlier = subtract_twelve_months(np.array([to_ordinal(day) for day in dates], np.int64))
    assert [to_date(day) for day in earlier.tolist()] == [by_hand.year_before(day) for day in dates]
