"""Sets of users, compared with Python's sets."""

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.engine.sets import (
    CorruptSet,
    UserGroups,
    concatenate,
    count_memberships,
    from_blobs,
    from_users,
    merge_groups,
)

MEMBERS = st.sets(st.integers(0, 3000) | st.integers(0, 20) | st.just(2**20), max_size=60)
ROWS = st.lists(st.tuples(st.integers(0, 9) | st.integers(0, 2**40), MEMBERS), max_size=40)


def to_blob(members: set[int]) -> bytes:
    """Serialise a set as rollups hold it."""
    return np.array(sorted(members), dtype="<u4").tobytes()


def build_groups(rows: list[tuple[int, set[int]]]) -> UserGroups:
    """Build rows as the engine reads them."""
    keys = np.array([key for key, _ in rows], dtype=np.int64)
    return from_blobs(keys, pa.chunked_array([pa.array([to_blob(members) for _, members in rows], pa.binary())]))


def to_lists(groups: UserGroups) -> list[tuple[int, list[int]]]:
    """Return rows as Python values."""
    bounds = zip(groups.offsets[:-1], groups.offsets[1:], strict=True)
    return [(int(k), [int(u) for u in groups.users[a:b]]) for k, (a, b) in zip(groups.keys, bounds, strict=True)]


@given(ROWS)
def test_rows_of_a_key_are_merged(rows: list[tuple[int, set[int]]]) -> None:
    expected: defaultdict[int, set[int]] = defaultdict(set)
    for key, members in rows:
        expected[key] |= members
    merged = [row for batch in merge_groups(build_groups(rows)) for row in to_lists(batch)]
    assert all(len(users) == len(set(users)) for _, users in merged)
    assert len(merged) == len(expected)
    assert {key: set(users) for key, users in merged} == expected


@given(ROWS, ROWS)
def test_concatenated_rows_equal_rows_read_at_once(
    left: list[tuple[int, set[int]]], right: list[tuple[int, set[int]]]
) -> None:
    assert to_lists(concatenate([build_groups(left), build_groups(right)])) == to_lists(build_groups([*left, *right]))


@given(ROWS, st.sets(st.integers(0, 3000)))
def test_users_are_filtered(rows: list[tuple[int, set[int]]], chosen: set[int]) -> None:
    flags = np.zeros(2**20 + 1, dtype=np.bool_)
    flags[list(chosen)] = True
    groups = build_groups(rows)
    assert to_lists(groups.filter_users(flags[groups.users])) == [
        (key, sorted(members & chosen)) for key, members in rows
    ]


@given(ROWS)
def test_numbers_of_users_are_summed_by_row(rows: list[tuple[int, set[int]]]) -> None:
    groups = build_groups(rows)
    assert list(groups.sums(groups.users.astype(np.int64) * 7)) == [7 * sum(members) for _, members in rows]
    assert list(groups.key_of_user) == [key for key, members in rows for _ in members]


def test_slices_and_nulls_are_read() -> None:
    blobs = pa.array([to_blob({9}), to_blob({1, 2}), None, to_blob({3})])[1:]
    assert to_lists(from_blobs(np.array([5, 6, 7]), blobs)) == [(5, [1, 2]), (6, []), (7, [3])]


def test_rows_of_one_user_are_merged() -> None:
    groups = from_users(np.array([4, 4, 2]), np.array([1, 1, 0]))
    assert {key: users for batch in merge_groups(groups) for key, users in to_lists(batch)} == {4: [1], 2: [0]}


def test_no_rows_give_no_rows() -> None:
    assert to_lists(concatenate([])) == []
    assert list(merge_groups(concatenate([]))) == []
    assert to_lists(from_blobs(np.zeros(0, dtype=np.int64), pa.chunked_array([], pa.binary()))) == []


def test_a_blob_that_is_not_a_set_is_refused() -> None:
    with pytest.raises(CorruptSet):
        from_blobs(np.array([1]), pa.array([b"12345"]))


@given(ROWS)
def test_rows_of_a_key_that_contain_a_user_are_counted(rows: list[tuple[int, set[int]]]) -> None:
    expected = Counter((key, user) for key, members in rows for user in members)
    users, counts = count_memberships(build_groups(rows))
    pairs = zip(users.key_of_user, users.users, counts, strict=True)
    assert {(int(key), int(user)): int(count) for key, user, count in pairs} == expected
