"""Tests of integer arithmetic beyond 64 bits, against Python integers."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from okube_api.store.exact_integers import (
    SAFE,
    WIDE_TYPE,
    Numerators,
    add,
    from_arrow,
    join_halves,
    multiply,
    multiply_pairs,
    narrow,
    narrow_columns,
    sum_all,
    sum_by_position,
    sum_slices,
    to_arrow,
)

LIMIT = 2**63
EDGES = (0, 1, -1, 2**31, 2**53 + 1, SAFE - 1, SAFE, -SAFE, LIMIT - 1, -LIMIT)
SMALL = st.one_of(st.sampled_from(EDGES), st.integers(-LIMIT, LIMIT - 1))
WIDE = st.one_of(SMALL, st.sampled_from((LIMIT, -LIMIT - 1, 2**64, -(2**64), 10**38 - 1, 1 - 10**38)))
LISTS = st.one_of(st.lists(SMALL, max_size=30), st.lists(WIDE, max_size=30))
FACTORS = st.one_of(st.sampled_from((0, 1, -1, 10**9, 2**31, SAFE, LIMIT, 10**30)), st.integers(-LIMIT, LIMIT))


def to_array(numbers: list[int]) -> Numerators:
    """Return numbers as int64 where they fit, as the module does."""
    fits = all(-LIMIT <= number < LIMIT for number in numbers)
    return np.array(numbers, dtype=np.int64 if fits else object)


def to_list(numbers: Numerators) -> list[Any]:
    values: list[Any] = numbers.tolist()
    assert all(type(value) is int for value in values)
    return values


@given(LISTS, FACTORS)
def test_multiples(numbers: list[int], factor: int) -> None:
    assert to_list(multiply(to_array(numbers), factor)) == [number * factor for number in numbers]


@given(st.lists(st.tuples(WIDE, SMALL), max_size=20))
def test_products_and_sums_of_pairs(pairs: list[tuple[int, int]]) -> None:
    left, right = to_array([a for a, _ in pairs]), to_array([b for _, b in pairs])
    assert to_list(multiply_pairs(left, right)) == [a * b for a, b in pairs]
    assert to_list(add(left, right, left)) == [2 * a + b for a, b in pairs]


@given(LISTS)
@example([LIMIT - 1] * 25)
@example([-LIMIT] * 25)
def test_sums(numbers: list[int]) -> None:
    array = to_array(numbers)
    assert sum_all(array) == sum(numbers)
    positions = np.arange(len(numbers)) % 3
    expected = [sum(numbers[start::3]) for start in range(3)]
    assert to_list(sum_by_position(positions, array, 3)) == expected
    starts = np.arange(0, len(numbers), 4)
    assert to_list(sum_slices(array, starts)) == [sum(numbers[start : start + 4]) for start in starts]


@given(st.lists(st.tuples(SMALL, st.integers(0, 2**31)), max_size=9))
def test_halves_are_joined(pairs: list[tuple[int, int]]) -> None:
    high, low = np.array([a for a, _ in pairs], np.int64), np.array([b for _, b in pairs], np.int64)
    assert to_list(join_halves(high, low, 31)) == [a * 2**31 + b for a, b in pairs]


@given(LISTS)
def test_numbers_keep_their_value_in_arrow(numbers: list[int]) -> None:
    array = to_arrow(to_array(numbers))
    assert array.type in (pa.int64(), WIDE_TYPE)
    assert to_list(from_arrow(array)) == numbers
    assert to_list(from_arrow(array.cast(WIDE_TYPE))) == numbers
    assert to_list(narrow(to_array(numbers).astype(object))) == numbers


@given(st.lists(st.none() | WIDE, max_size=20), st.integers(0, 5))
def test_nulls_and_parts_of_columns(numbers: list[int | None], start: int) -> None:
    column = pa.chunked_array([pa.array(numbers, WIDE_TYPE).slice(start), pa.array([7, None], WIDE_TYPE)])
    expected = [*numbers[start:], 7, None]
    assert to_list(from_arrow(column)) == [number or 0 for number in expected]
    narrowed = narrow_columns(pa.table({"x": column}))["x"]
    fits = all(-LIMIT <= (number or 0) < LIMIT for number in expected)
    assert narrowed.type == (pa.int64() if fits else WIDE_TYPE)
    assert [None if value is None else int(value) for value in narrowed.to_pylist()] == expected


def test_more_than_38_digits_are_refused() -> None:
    with pytest.raises(OverflowError):
        to_arrow(np.array([10**38], object))
