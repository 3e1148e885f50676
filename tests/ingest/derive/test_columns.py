"""Columns sorted by several keys, and what was last seen brought up to date."""

import numpy as np
import pytest
from okube_api.ingest.columns.columns import sort_order
from okube_api.ingest.derive.recency import NEVER_SEEN, find_last_seen, update_last_seen


@pytest.mark.parametrize("sizes", [(5, 7), (2**40, 3, 2**40), (2, 2**62, 2**62, 3), (2**62, 2**62)])
@pytest.mark.parametrize("count", [0, 1, 2000])
def test_keys_of_any_width_sort_in_their_order(sizes: tuple[int, ...], count: int) -> None:
    dice = np.random.default_rng(count)
    wide = [dice.integers(0, size, 40) for size in sizes]  # few values of each, so that many rows are equal in some
    keys = [values[dice.integers(0, len(values), count)] for values in wide]
    found = [tuple(int(key[row]) for key in keys) for row in sort_order(*keys)]
    assert found == sorted(zip(*(key.tolist() for key in keys), strict=True))


def test_what_was_last_seen_is_brought_up_to_date() -> None:
    dice = np.random.default_rng(1)
    known, seen = NEVER_SEEN, [np.empty((0, 2), np.int64)]
    for day in range(0, 50, 10):
        pairs = np.unique(np.column_stack((dice.integers(0, 300, 200), dice.integers(day, day + 10, 200))), axis=0)
        seen.append(pairs)
        known = update_last_seen(known, pairs[:, 0], pairs[:, 1])
        expected = find_last_seen(*np.concatenate(seen).T)
        assert known.keys.tolist() == expected.keys.tolist()
        assert known.days.tolist() == expected.days.tolist()
    nothing = np.empty(0, np.int64)
    assert update_last_seen(known, nothing, nothing).days.tolist() == known.days.tolist()
