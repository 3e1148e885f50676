"""Distinct users by cell, compared with Python's sets."""

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.engine.distinct import count_distinct
from okube_api.engine.sets import from_blobs

MEMBERS = st.sets(st.integers(0, 3000) | st.integers(0, 20) | st.just(50_000), max_size=60)
ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), MEMBERS), max_size=30)
WIDTH = 6


def to_blob(members: set[int]) -> bytes:
    """Serialise a set as rollups hold it."""
    return np.array(sorted(members), dtype="<u4").tobytes()


def assert_counts(rows: list[tuple[int, int, set[int]]], *, buckets: bool, weighted: bool) -> None:
    """Assert that the distinct users of rows are counted as by Python's sets."""
    weights = np.arange(60_000, dtype=np.int64) * 7 % 4001
    expected: defaultdict[int, set[int]] = defaultdict(set)
    for value, bucket, members in rows:
        expected[value * WIDTH + WIDTH - 1] |= members
        if buckets:
            expected[value * WIDTH + bucket] |= members
    groups = from_blobs(
        np.array([value for value, _, _ in rows], dtype=np.int64),
        pa.chunked_array([pa.array([to_blob(members) for _, _, members in rows], pa.binary())]),
    )
    cells, numbers = count_distinct(
        groups,
        np.array([bucket for _, bucket, _ in rows], dtype=np.int64) if buckets else None,
        WIDTH,
        weights if weighted else None,
    )
    assert len(set(cells.tolist())) == len(cells)
    assert dict(zip(cells.tolist(), numbers.tolist(), strict=True)) == {
        cell: int(weights[list(members)].sum()) if weighted else len(members) for cell, members in expected.items()
    }


@given(ROWS, st.booleans(), st.booleans())
def test_distinct_users_are_counted_by_cell(
    rows: list[tuple[int, int, set[int]]], buckets: bool, weighted: bool
) -> None:
    assert_counts(rows, buckets=buckets, weighted=weighted)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_long_and_short_cells_are_counted_together(seed: int, weighted: bool) -> None:
    random = np.random.default_rng(seed)
    sizes = random.choice([0, 3, 40, 900, 8000], size=25)
    rows = [
        (int(random.integers(3)), int(random.integers(5)), set(random.integers(0, 9000, size).tolist()))
        for size in sizes
    ]
    assert_counts(rows, buckets=seed % 2 == 0, weighted=weighted)


@pytest.mark.parametrize("weighted", [False, True])
def test_short_cells_are_sorted_block_by_block(weighted: bool) -> None:
    random = np.random.default_rng(7)
    rows = [(cell // 3, cell % 3, set(random.integers(0, 500, 20).tolist())) for cell in range(2000) for _ in range(2)]
    assert_counts(rows, buckets=True, weighted=weighted)


def test_users_are_weighed_block_by_block() -> None:
    rows = [(value, 0, set(range(value, 1_300_000))) for value in range(3)]
    groups = from_blobs(np.arange(3), pa.array([to_blob(members) for _, _, members in rows], pa.large_binary()))
    weights = np.full(1_300_000, 3, dtype=np.int64)
    cells, numbers = count_distinct(groups, None, 1, weights)
    assert dict(zip(cells.tolist(), numbers.tolist(), strict=True)) == {
        value: 3 * (1_300_000 - value) for value in range(3)
    }
