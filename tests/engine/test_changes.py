"""Changes between two periods, against fractions; and a rule for each field of each shape of a leaf."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.kpi import LeafShape
from okube_api.catalogue.shapes import COUNT_FIELDS, EXAMPLES, RATE_FIELDS, UNCOMPARED_FIELDS
from okube_api.engine.changes import Side, compute_changes
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.results import BandResults, ItemResults, NumberResults, RatioResults, RecordResults, Results

NUMBERS = st.one_of(st.integers(-9, 99), st.sampled_from((2**40, 2**62, -(2**63), 10**30)))
COUNTS = st.one_of(st.integers(0, 9), st.integers(0, 2**50))
DENOMINATORS = st.sampled_from((1, 1000, 10**6, 2**40))
CELLS = np.arange(-1, 3)  # an empty one, and three with numbers


def build_grid(numbers: list[int], denominator: int = 1) -> Grid:
    """Build a grid of these numbers, cell by cell."""
    fits = all(abs(number) < 2**62 for number in numbers)
    return sum_by_cell(np.arange(len(numbers)), np.array(numbers, np.int64 if fits else object), denominator)


def compare(now: Results, then: Results, *, is_rate: bool = False) -> list[Any]:
    """Return the changes of all cells."""
    return compute_changes(Side(now, CELLS), Side(then, CELLS), is_rate=is_rate)


def expect(now: Fraction | None, then: Fraction | None, *, is_rate: bool = False) -> float | None:
    """Return the change of a number."""
    if now is None or then is None or (then == 0 and not is_rate):
        return None
    return float(round(now - then if is_rate else (now - then) / then, 4))


def divide(numerator: Fraction, denominator: Fraction) -> Fraction | None:
    """Return a quotient; None over 0."""
    return numerator / denominator if denominator else None


three = st.lists(NUMBERS, min_size=3, max_size=3)
counts = st.lists(COUNTS, min_size=3, max_size=3)


@given(three, three, DENOMINATORS, DENOMINATORS, st.booleans())
def test_numbers(now: list[int], then: list[int], first: int, second: int, is_rate: bool) -> None:
    changes = compare(NumberResults(build_grid(now, first)), NumberResults(build_grid(then, second)), is_rate=is_rate)
    pairs = zip([0, *now], [0, *then], strict=True)
    assert changes == [expect(Fraction(left, first), Fraction(right, second), is_rate=is_rate) for left, right in pairs]


@given(now=three, now_of=counts, then=three, then_of=counts, denominator=DENOMINATORS, is_rate=st.booleans())
def test_ratios(
    *, now: list[int], now_of: list[int], then: list[int], then_of: list[int], denominator: int, is_rate: bool
) -> None:
    changes = compare(
        RatioResults(build_grid(now, denominator), build_grid(now_of)),
        RatioResults(build_grid(then, denominator), build_grid(then_of)),
        is_rate=is_rate,
    )
    rows = zip([0, *now], [0, *now_of], [0, *then], [0, *then_of], strict=True)
    assert changes == [
        expect(
            divide(Fraction(a, denominator), Fraction(b)),
            divide(Fraction(c, denominator), Fraction(d)),
            is_rate=is_rate,
        )
        for a, b, c, d in rows
    ]


@given(counts, counts)
def test_records_have_differences_of_rates_and_relative_changes_of_counts(now: list[int], then: list[int]) -> None:
    def build(numbers: list[int]) -> Results:
        grid = build_grid(numbers)
        return RecordResults((("visits", NumberResults(grid)), ("rate", RatioResults(grid, build_grid([10, 10, 0])))))

    for change, left, right, total in zip(
        compare(build(now), build(then)), [0, *now], [0, *then], [0, 10, 10, 0], strict=True
    ):
        rates = [divide(Fraction(number), Fraction(total)) for number in (left, right)]
        assert change == {
            "visits": expect(Fraction(left), Fraction(right)),
            "rate": expect(*rates, is_rate=True),
        }


@given(st.lists(COUNTS, min_size=8, max_size=8), st.lists(COUNTS, min_size=8, max_size=8))
def test_distributions_change_as_their_exact_leaves_do(now: list[int], then: list[int]) -> None:
    def build(numbers: list[int], edges: tuple[int, ...]) -> BandResults:
        return BandResults(build_grid(numbers[:-2], 1000), build_grid(numbers[-2:], 7), edges, "s", "stays")

    cells = np.array([-1, 0, 1])
    edges = (0, 60)
    sides = [Side(build(numbers, edges), cells) for numbers in (now, then)]
    changes = compute_changes(*sides, is_rate=False)
    for change, (bands, amount), (bands_then, amount_then) in zip(
        changes,
        [([0, 0, 0], 0), (now[:3], now[6]), (now[3:6], now[7])],
        [([0, 0, 0], 0), (then[:3], then[6]), (then[3:6], then[7])],
        strict=True,
    ):
        placed, placed_then = sum(bands[1:]), sum(bands_then[1:])
        assert change["total"] == expect(Fraction(sum(bands)), Fraction(sum(bands_then)))
        assert change["unknown"] == expect(Fraction(bands[0]), Fraction(bands_then[0]))
        for item, left, right in zip(change["bins"], bands[1:], bands_then[1:], strict=True):
            assert item["value"] == expect(Fraction(left), Fraction(right))
            shares = divide(Fraction(left), Fraction(placed)), divide(Fraction(right), Fraction(placed_then))
            assert item["share"] == expect(*shares, is_rate=True)
        means = [
            divide(Fraction(total, 7), Fraction(number, 1000))
            for total, number in ((amount, placed), (amount_then, placed_then))
        ]
        assert change["mean"] == expect(*means)
        medians = [find_median(each[1:]) for each in (bands, bands_then)]
        assert change["median"] == expect(*medians)


def find_median(bands: list[int]) -> Fraction | None:
    """Return the median of bands from 0 to 60 and from 60; None in the last one."""
    first, last = bands
    return Fraction(60 * (first + last), 2 * first) if first and 2 * first >= first + last else None


@given(counts, counts)
def test_items_are_matched_by_key(now: list[int], then: list[int]) -> None:
    names = (("a", "A"), ("b", "B"))
    cell = np.array([0])
    # The second list has its items in another order, and no item where the number is 0.
    sides = [Side(ItemResults(build_grid(numbers), 3, names), cell) for numbers in (now, then)]
    (change,) = compute_changes(*sides, is_rate=False)
    assert change["total"] == expect(Fraction(sum(now)), Fraction(sum(then)))
    assert change["unknown"] == expect(Fraction(now[2]), Fraction(then[2]))
    by_key = {item["key"]: item for item in change["items"]}
    assert set(by_key) == {name for name, *pair in zip("ab", now, then, strict=False) if any(pair)}
    for position, name in enumerate("ab"):
        if name in by_key:
            assert by_key[name]["value"] == expect(Fraction(now[position]), Fraction(then[position]))
            left, right = (
                divide(Fraction(numbers[position]), Fraction(sum(numbers[:2]))) if numbers[position] else None
                for numbers in (now, then)
            )
            assert by_key[name]["share"] == expect(left, right, is_rate=True)


# -- shapes ----------------------------------------------------------------------------------------------------------

TEXTS = {"unit", "measure", "key", "label", "poi", "campaign", "areas", "from", "to", "rank"}
RELATIVE = {
    *("mean", "median", "index", "meanRank", "visitor", "pedestrian", "visits", "conversions", "contacts"),
    *("linear", "shapley", "fc", "lc", "participation", "prints", "clicks", "openings", "cost", "revenues"),
    *("offlineVisits", "onlineVisits", "offlineConversions", "onlineConversions", "costByVisit"),
    *("incrementalVisitors",),
}
OBJECTS = {"bins", "items", "print", "click", "opening", "exposed", "control", "ranks", "transitions"}


def list_fields(leaf: Any) -> Iterator[str]:
    """Yield the names of the fields of a leaf, except keys of equipments."""
    if isinstance(leaf, dict):
        for name, part in leaf.items():
            yield name
            if name != "meanRank":
                yield from list_fields(part)
    elif isinstance(leaf, list):
        for part in leaf:
            yield from list_fields(part)


@pytest.mark.parametrize("shape", LeafShape)
def test_each_field_of_a_leaf_is_either_a_rate_or_not(shape: LeafShape) -> None:
    """A new field must be added here, and to `RATE_FIELDS` if its change is a difference."""
    placed = (RATE_FIELDS, RELATIVE | COUNT_FIELDS, TEXTS, OBJECTS, UNCOMPARED_FIELDS)
    for name in list_fields(EXAMPLES[shape]):
        assert sum(name in names for names in placed) == 1, name


# -- matrices ----------------------------------------------------------------------------------------------------------


class Matrices:
    """Results of one cell, a matrix with exact numbers."""

    def __init__(self, users: dict[tuple[str, str], int], areas: str) -> None:
        self.users, self.areas = users, areas

    @property
    def keys(self) -> Any:
        """The only cell."""
        return np.array([0])

    def count_values(self) -> int:
        """Return the number of values."""
        return 2 * len(self.areas) ** 2

    def find_rate(self, row: str, column: str) -> Fraction | None:
        """Return the share of the users of a row."""
        return divide(Fraction(self.users[row, column]), Fraction(self.users[row, row]))

    def leaves_at(self, keys: Any) -> list[Any]:
        """Return the matrix."""
        rows = [[(row, column) for column in self.areas] for row in self.areas]
        users = [[self.users[cell] for cell in row] for row in rows]
        rates = [[self.find_rate(*cell) for cell in row] for row in rows]
        return [{"areas": list(self.areas), "users": users, "rate": rates} for _ in keys]


matrices = st.builds(
    Matrices,
    st.fixed_dictionaries({(row, column): COUNTS for row in "abc" for column in "abc"}),
    st.sampled_from(("abc", "ab", "ba", "c", "")),
)


@given(matrices, matrices)
def test_matrices_are_compared_by_their_areas(now: Matrices, then: Matrices) -> None:
    (change,) = compute_changes(*(Side(each, np.array([0])) for each in (now, then)), is_rate=False)
    areas = list(dict.fromkeys(now.areas + then.areas))

    def has(matrix: Matrices, *cell: str) -> bool:
        return set(cell) <= set(matrix.areas)

    assert change["areas"] == areas
    for field, is_rate in (("users", False), ("rate", True)):
        expected = [
            [
                expect(
                    *(
                        (each.find_rate(row, column) if is_rate else Fraction(each.users[row, column]))
                        if has(each, row, column)
                        else (None if is_rate else Fraction(0))
                        for each in (now, then)
                    ),
                    is_rate=is_rate,
                )
                for column in areas
            ]
            for row in areas
        ]
        assert change[field] == expected
