"""Sums and rounding by cell, against `fractions` and `decimal`."""

from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from okube_api.engine.grid import Grid, round_quotients, sum_by_cell

PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(-(10**6), 10**6)))
SPARSE = st.lists(st.tuples(st.integers(0, 2**40), st.integers(-(10**6), 10**6)))
LARGE = st.integers(-(10**17), 10**17)


def cells(pairs: list[tuple[int, int]], per: int = 1) -> Grid:
    """Cells from plain pairs."""
    return sum_by_cell(
        np.array([key for key, _ in pairs], dtype=np.int64), np.array([n for _, n in pairs], dtype=np.int64), per
    )


def plain(found: Grid) -> dict[int, Fraction]:
    """Cells as fractions."""
    return {int(k): Fraction(int(n), found.denominator) for k, n in zip(found.keys, found.numerators, strict=True)}


def added(pairs: list[tuple[int, int]], per: int = 1, sign: int = 1) -> Counter[int]:
    """What they should add up to."""
    totals: Counter[int] = Counter()
    for key, number in pairs:
        totals[key] += Fraction(sign * number, per)  # type: ignore[assignment]
    return totals


@given(st.one_of(PAIRS, SPARSE))
def test_numbers_add_up_and_zeros_go(pairs: list[tuple[int, int]]) -> None:
    found = cells(pairs)
    assert plain(found) == {key: value for key, value in added(pairs).items() if value}
    assert list(found.keys) == sorted(set(found.keys))


@given(PAIRS, PAIRS, st.integers(1, 1000), st.integers(1, 1000), st.sampled_from((1, -1)))
def test_sums_and_differences(
    left: list[tuple[int, int]], right: list[tuple[int, int]], one: int, other: int, sign: int
) -> None:
    total = added(left, one)
    for key, value in added(right, other, sign).items():
        total[key] += value
    assert plain(cells(left, one).add(cells(right, other), sign)) == {k: v for k, v in total.items() if v}


@given(PAIRS, st.lists(st.integers(0, 70)))
def test_a_cell_that_is_not_there_is_nothing(pairs: list[tuple[int, int]], keys: list[int]) -> None:
    found = added(pairs)
    assert list(cells(pairs).values_at(np.array(keys, dtype=np.int64))) == [found[key] for key in keys]


@given(st.lists(st.tuples(LARGE, st.integers(1, 10**15)), min_size=1), st.integers(0, 4))
def test_rounding_is_decimal_half_even(pairs: list[tuple[int, int]], digits: int) -> None:
    found = round_quotients(np.array([a for a, _ in pairs]), np.array([b for _, b in pairs]), digits)
    with localcontext() as context:
        context.prec = 80
        expected = [
            float((Decimal(a) / b).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)) for a, b in pairs
        ]
    assert found == expected


def test_halves_go_to_the_even_neighbour() -> None:
    assert round_quotients(np.array([5, 15, 25, -5, -15, 45]), 1000, 2) == [0.0, 0.02, 0.02, 0.0, -0.02, 0.04]


def test_integers_beyond_64_bits() -> None:
    huge = np.array([10**30, 7], dtype=object)
    assert round_quotients(huge, 10**6, 2) == [1e24, 0.0]
    assert round_quotients(np.array([2**62]), 3, 4) == [float(Fraction(round(Fraction(2**62 * 10**4, 3)), 10**4))]
