"""Users of many cells, sorted block by block, compared with Python's sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.engine.sets import OrderedRows, UserGroups
from okube_api.engine.unions import SortedCells, sort_cells
from okube_api.store.arrays import Ints

LARGEST_USER = 2**32 - 1


def build_groups(users: list[list[int]]) -> UserGroups:
    """Return rows of users."""
    bounds = np.cumsum([0, *map(len, users)])
    flat = np.array([user for row in users for user in row], dtype=np.uint32)
    return UserGroups(np.zeros(len(users), dtype=np.int64), bounds, flat)


def collect(users: list[list[int]]) -> list[SortedCells]:
    """Sort cells of one row each, which lie one after the other."""
    rows = np.arange(len(users) + 1)
    return list(sort_cells(build_groups(users), rows[:-1], rows[1:]))


def collect_reversed(users: list[list[int]]) -> list[SortedCells]:
    """Sort the same cells, whose rows lie in the opposite order."""
    rows: Ints = np.arange(len(users) + 1)
    ordered = OrderedRows(build_groups(users[::-1]), rows[:-1][::-1].copy())
    return list(sort_cells(ordered, rows[:-1], rows[1:]))


def assert_sorted(cells: list[list[int]], blocks: list[SortedCells]) -> None:
    """Assert that the blocks have the distinct users of each cell, their number and the sum of their weights."""
    weights = np.arange(1, 5000, dtype=np.int64) * 31 % 977
    distinct: list[list[int]] = []
    for block in blocks:
        expected = [set(users) for users in cells[block.cells]]
        assert block.count_distinct().tolist() == [len(users) for users in expected]
        if all(user < len(weights) for users in expected for user in users):
            sums = [sum(int(weights[user]) for user in users) for users in expected]
            assert block.weigh_distinct(weights).tolist() == sums
        for start, end in zip(block.bounds[:-1], block.bounds[1:], strict=True):
            distinct.append(block.users[start:end][block.is_first[start:end]].tolist())
    assert distinct == [sorted(set(users)) for users in cells]


@given(st.lists(st.lists(st.integers(0, 9) | st.integers(0, 4000) | st.integers(0, LARGEST_USER), max_size=40)))
def test_cells_have_their_distinct_users(cells: list[list[int]]) -> None:
    assert_sorted(cells, collect(cells))
    assert_sorted(cells, collect_reversed(cells))


@pytest.mark.parametrize("largest", [30, 4000, LARGEST_USER])
def test_cells_are_sorted_block_by_block(largest: int) -> None:
    """Use more users than a block holds, cells larger than a block, and empty cells."""
    random = np.random.default_rng(3)
    sizes = [*random.integers(0, 400, 600).tolist(), 90_000, 0, 70_000, 5, 0]
    cells = [random.integers(0, largest, size, endpoint=True, dtype=np.int64).tolist() for size in sizes]
    blocks = collect(cells)
    assert len(blocks) > 2
    assert_sorted(cells, blocks)


@pytest.mark.parametrize("is_ordered", [False, True])
def test_cells_may_leave_rows_out(is_ordered: bool) -> None:
    groups = build_groups([[7], [1, 7], [2, 2], [9], [9, 9]])
    rows = OrderedRows(groups, np.arange(5)) if is_ordered else groups
    (block,) = sort_cells(rows, np.array([0, 3]), np.array([2, 5]))
    assert block.users.tolist() == [1, 7, 7, 9, 9, 9]
    assert block.count_distinct().tolist() == [2, 1]


def test_no_cells_make_no_blocks() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert list(sort_cells(build_groups([]), nothing, nothing)) == []
