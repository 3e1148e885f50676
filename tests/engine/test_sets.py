"""Sets of users against Python's own."""

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


def blob(members: set[int]) -> bytes:
    """A set as rollups hold it."""
    return np.array(sorted(members), dtype="<u4").tobytes()


def groups(rows: list[tuple[int, set[int]]]) -> UserGroups:
    """Rows as the engine reads them."""
    keys = np.array([key for key, _ in rows], dtype=np.int64)
    return from_blobs(keys, pa.chunked_array([pa.array([blob(members) for _, members in rows], pa.binary())]))


def plain(found: UserGroups) -> list[tuple[int, list[int]]]:
    """Rows as Python values."""
    bounds = zip(found.offsets[:-1], found.offsets[1:], strict=True)
    return [(int(k), [int(u) for u in found.users[a:b]]) for k, (a, b) in zip(found.keys, bounds, strict=True)]


@given(ROWS)
def test_the_union_by_key(rows: list[tuple[int, set[int]]]) -> None:
    expected: defaultdict[int, set[int]] = defaultdict(set)
    for key, members in rows:
        expected[key] |= members
    found = [row for batch in merge_groups(groups(rows)) for row in plain(batch)]
    assert all(len(users) == len(set(users)) for _, users in found)
    assert len(found) == len(expected)
    assert {key: set(users) for key, users in found} == expected


@given(ROWS, ROWS)
def test_rows_read_in_two_parts_are_the_same(
    left: list[tuple[int, set[int]]], right: list[tuple[int, set[int]]]
) -> None:
    assert plain(concatenate([groups(left), groups(right)])) == plain(groups([*left, *right]))


@given(ROWS, st.sets(st.integers(0, 3000)))
def test_users_can_be_left_out(rows: list[tuple[int, set[int]]], chosen: set[int]) -> None:
    flags = np.zeros(2**20 + 1, dtype=np.bool_)
    flags[list(chosen)] = True
    found = groups(rows)
    assert plain(found.filter_users(flags[found.users])) == [(key, sorted(members & chosen)) for key, members in rows]


@given(ROWS)
def test_sums_per_row(rows: list[tuple[int, set[int]]]) -> None:
    found = groups(rows)
    assert list(found.sums(found.users.astype(np.int64) * 7)) == [7 * sum(members) for _, members in rows]
    assert list(found.key_of_user) == [key for key, members in rows for _ in members]


def test_slices_and_nulls() -> None:
    blobs = pa.array([blob({9}), blob({1, 2}), None, blob({3})])[1:]
    assert plain(from_blobs(np.array([5, 6, 7]), blobs)) == [(5, [1, 2]), (6, []), (7, [3])]


def test_one_user_a_row() -> None:
    found = from_users(np.array([4, 4, 2]), np.array([1, 1, 0]))
    assert {key: users for batch in merge_groups(found) for key, users in plain(batch)} == {4: [1], 2: [0]}


def test_nothing() -> None:
    assert plain(concatenate([])) == []
    assert list(merge_groups(concatenate([]))) == []
    assert plain(from_blobs(np.zeros(0, dtype=np.int64), pa.chunked_array([], pa.binary()))) == []


def test_a_blob_that_is_no_set() -> None:
    with pytest.raises(CorruptSet):
        from_blobs(np.array([1]), pa.array([b"12345"]))


@given(ROWS)
def test_how_often_a_user_stands_under_a_key(rows: list[tuple[int, set[int]]]) -> None:
    expected = Counter((key, user) for key, members in rows for user in members)
    users, counts = count_memberships(groups(rows))
    pairs = zip(users.key_of_user, users.users, counts, strict=True)
    assert {(int(key), int(user)): int(count) for key, user, count in pairs} == expected
