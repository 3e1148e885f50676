"""Leaves of numbers beyond 64 bits: distributions, lists of items and of campaigns, against fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.engine.evaluators.breakdowns import CampaignResults
from okube_api.engine.grid import EMPTY_GRID, Grid
from okube_api.engine.results import BandResults, ItemResults, NumberResults, RatioResults

HUGE = st.one_of(st.integers(1, 9), st.integers(1, 2**63 - 1), st.sampled_from((2**62, 2**63 - 1, 2**70, 10**30)))
DENOMINATORS = st.sampled_from((1000, 2**40, 10**25))
CELL = np.array([0])


def build_grid(numbers: list[int], denominator: int) -> Grid:
    """Build the grid of a cell from its items."""
    fits = all(number < 2**63 for number in numbers)
    numerators = np.array(numbers, dtype=np.int64 if fits else object)
    return Grid(np.arange(len(numbers)), numerators, denominator, is_integer=False)


@given(st.lists(HUGE, min_size=1, max_size=40), DENOMINATORS)
def test_shares_of_campaigns(numbers: list[int], denominator: int) -> None:
    campaigns = tuple((f"{number:02}", f"key {number}") for number in range(len(numbers)))
    results = CampaignResults(build_grid(numbers, denominator), len(numbers), campaigns)
    (leaf,) = results.leaves_at(CELL)
    total = sum(numbers)
    assert leaf["total"] == pytest.approx(float(Fraction(total, denominator)), abs=0.0051, rel=1e-12)
    for item in leaf["items"]:
        number = numbers[int(item["campaign"])]
        assert item["value"] == pytest.approx(float(Fraction(number, denominator)), abs=0.0051, rel=1e-12)
        assert item["share"] == pytest.approx(number / total, abs=0.000051)
    values = [numbers[int(item["campaign"])] for item in leaf["items"]]
    assert values == sorted(numbers, reverse=True)


@given(st.lists(HUGE, min_size=2, max_size=40), DENOMINATORS)
def test_shares_of_items(numbers: list[int], denominator: int) -> None:
    listed = len(numbers) - 1
    items = tuple((f"{number:02}", f"label {number}") for number in range(listed))
    (leaf,) = ItemResults(build_grid(numbers, denominator), len(numbers), items).leaves_at(CELL)
    assert leaf["total"] == pytest.approx(float(Fraction(sum(numbers), denominator)), abs=0.0051, rel=1e-12)
    assert leaf["unknown"] == pytest.approx(float(Fraction(numbers[-1], denominator)), abs=0.0051, rel=1e-12)
    for item in leaf["items"]:
        assert item["share"] == pytest.approx(numbers[int(item["key"])] / sum(numbers[:-1]), abs=0.000051)


@given(st.lists(HUGE, min_size=4, max_size=4), HUGE, DENOMINATORS)
def test_distributions(numbers: list[int], amount: int, denominator: int) -> None:
    edges = (0, 60, 3600)
    counts = build_grid(numbers, denominator)
    amounts = build_grid([amount], 1000)
    (leaf,) = BandResults(counts, amounts, edges, "s", "stays").leaves_at(CELL)
    known_count = sum(numbers[1:])
    assert leaf["total"] == pytest.approx(float(Fraction(sum(numbers), denominator)), abs=0.0051, rel=1e-12)
    for row, number in zip(leaf["bins"], numbers[1:], strict=True):
        assert row["share"] == pytest.approx(number / known_count, abs=0.000051)
    mean = Fraction(amount, 1000) / Fraction(known_count, denominator)
    assert leaf["mean"] == pytest.approx(float(mean), abs=0.00011, rel=1e-12)
    before, median = 0, None
    for number, start, end in zip(numbers[1:], edges, (*edges[1:], None), strict=True):
        if 2 * (before + number) >= known_count:
            if end is not None:
                median = start + Fraction((end - start) * (known_count - 2 * before), 2 * number)
            break
        before += number
    assert leaf["median"] == (None if median is None else pytest.approx(float(median), abs=0.00011))


@given(HUGE, HUGE, DENOMINATORS, DENOMINATORS)
def test_ratios(numerator: int, denominator: int, left: int, right: int) -> None:
    results = RatioResults(build_grid([numerator], left), build_grid([denominator], right))
    expected = Fraction(numerator, left) / Fraction(denominator, right)
    assert results.leaves_at(CELL) == [pytest.approx(float(expected), abs=0.00011, rel=1e-12)]


def test_numbers_below_half_a_cent_have_no_cell() -> None:
    assert NumberResults(build_grid([10**26, 1], 10**29)).keys.tolist() == []
    assert NumberResults(build_grid([10**28, 1], 10**29)).keys.tolist() == [0]
    assert NumberResults(EMPTY_GRID).keys.tolist() == []
