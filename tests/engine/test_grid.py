"""Sums and rounding by cell, against `fractions` and `decimal`."""

from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from okube_api.engine.grid import Grid, round_quotients, sum_by_cell, sum_quotients, unite_cells

PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(-(10**6), 10**6)))
SPARSE = st.lists(st.tuples(st.integers(0, 2**40), st.integers(-(10**6), 10**6)))
LARGE = st.integers(-(10**17), 10**17)


def build_grid(pairs: list[tuple[int, int]], denominator: int = 1) -> Grid:
    """Build a grid from pairs of cell and number."""
    return sum_by_cell(
        np.array([key for key, _ in pairs], dtype=np.int64),
        np.array([n for _, n in pairs], dtype=np.int64),
        denominator,
    )


def to_fractions(grid: Grid) -> dict[int, Fraction]:
    """Return the numbers of a grid as fractions, by cell."""
    return {int(k): Fraction(int(n), grid.denominator) for k, n in zip(grid.keys, grid.numerators, strict=True)}


def sum_pairs(pairs: list[tuple[int, int]], denominator: int = 1, sign: int = 1) -> Counter[int]:
    """Sum pairs by cell."""
    totals: Counter[int] = Counter()
    for key, number in pairs:
        totals[key] += Fraction(sign * number, denominator)  # type: ignore[assignment]
    return totals


@given(st.one_of(PAIRS, SPARSE))
def test_numbers_are_summed_and_zeros_left_out(pairs: list[tuple[int, int]]) -> None:
    grid = build_grid(pairs)
    assert to_fractions(grid) == {key: value for key, value in sum_pairs(pairs).items() if value}
    assert list(grid.keys) == sorted(set(grid.keys))


@given(PAIRS, PAIRS, st.integers(1, 1000), st.integers(1, 1000), st.sampled_from((1, -1)))
def test_grids_are_added_and_subtracted(
    left: list[tuple[int, int]], right: list[tuple[int, int]], left_denominator: int, right_denominator: int, sign: int
) -> None:
    total = sum_pairs(left, left_denominator)
    for key, value in sum_pairs(right, right_denominator, sign).items():
        total[key] += value
    assert to_fractions(build_grid(left, left_denominator).add(build_grid(right, right_denominator), sign)) == {
        k: v for k, v in total.items() if v
    }


@given(PAIRS, st.lists(st.integers(0, 70)))
def test_cells_without_a_number_are_zero(pairs: list[tuple[int, int]], keys: list[int]) -> None:
    sums = sum_pairs(pairs)
    assert list(build_grid(pairs).values_at(np.array(keys, dtype=np.int64))) == [sums[key] for key in keys]


@given(st.lists(st.tuples(LARGE, st.integers(1, 10**15)), min_size=1), st.integers(0, 4))
def test_rounding_is_decimal_half_even(pairs: list[tuple[int, int]], digits: int) -> None:
    rounded = round_quotients(np.array([a for a, _ in pairs]), np.array([b for _, b in pairs]), digits)
    with localcontext() as context:
        context.prec = 80
        expected = [
            float((Decimal(a) / b).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)) for a, b in pairs
        ]
    assert rounded == expected


def test_halves_are_rounded_to_even() -> None:
    assert round_quotients(np.array([5, 15, 25, -5, -15, 45]), 1000, 2) == [0.0, 0.02, 0.02, 0.0, -0.02, 0.04]


def test_integers_beyond_64_bits_are_exact() -> None:
    huge = np.array([10**30, 7], dtype=object)
    assert round_quotients(huge, 10**6, 2) == [1e24, 0.0]
    assert round_quotients(np.array([2**62]), 3, 4) == [float(Fraction(round(Fraction(2**62 * 10**4, 3)), 10**4))]


EDGES = st.one_of(st.sampled_from((2**63 - 1, -(2**63), 2**62, 2**53 + 1)), st.integers(-(2**63), 2**63 - 1))
EDGE_PAIRS = st.lists(st.tuples(st.integers(0, 3), EDGES), max_size=12)


@given(EDGE_PAIRS, EDGE_PAIRS, st.sampled_from((1, 1000, 2**40, 10**30)), st.sampled_from((1, -1)))
def test_sums_beyond_64_bits(
    left: list[tuple[int, int]], right: list[tuple[int, int]], denominator: int, sign: int
) -> None:
    total = sum_pairs(left, 3)
    for key, value in sum_pairs(right, denominator, sign).items():
        total[key] += value
    grid = build_grid(left, 3).add(build_grid(right, denominator), sign)
    assert to_fractions(grid) == {key: value for key, value in total.items() if value}


@given(st.lists(st.tuples(st.integers(0, 3), EDGES, st.integers(1, 43)), max_size=40))
def test_quotients_of_many_divisors(rows: list[tuple[int, int, int]]) -> None:
    keys, numbers, divisors = (np.array([row[column] for row in rows], dtype=np.int64) for column in range(3))
    total: Counter[int] = Counter()
    for key, number, divisor in rows:
        total[key] += Fraction(number, divisor)  # type: ignore[assignment]
    assert to_fractions(sum_quotients(keys, numbers, divisors)) == {k: v for k, v in total.items() if v}


CELLS = st.sets(st.integers(0, 50))


@given(CELLS, CELLS)
def test_cells_are_united(cells: set[int], other_cells: set[int]) -> None:
    united = unite_cells(*(np.array(sorted(each), dtype=np.int64) for each in (cells, other_cells)))
    assert united.tolist() == sorted(cells | other_cells)


@given(PAIRS)
def test_numbers_are_read_in_blocks(pairs: list[tuple[int, int]]) -> None:
    grid, numbers = build_grid(pairs), sum_pairs(pairs)
    for block in ([-1, 3, 2], [61, 0, 60], list(range(61))):
        assert grid.values_at(np.array(block)).tolist() == [numbers[cell] for cell in block]
