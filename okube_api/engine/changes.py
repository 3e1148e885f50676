"""Changes of values from one period to another, computed from exact numbers and rounded last.

Counts, amounts and averages have the relative change `(now - then) / then`; rates have the difference `now - then`.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import gcd
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from okube_api.catalogue.kpi import Kpi, Unit
from okube_api.catalogue.shapes import COUNT_FIELDS, EXAMPLES, RATE_FIELDS, UNCOMPARED_FIELDS
from okube_api.engine.grid import keep_fractions
from okube_api.engine.leaf_columns import Leaf
from okube_api.engine.results import RATIO_DIGITS as CHANGE_DIGITS
from okube_api.engine.results import (
    BandResults,
    JoinedResults,
    NumberResults,
    RatioResults,
    RecordResults,
    Results,
    round_ratios,
)
from okube_api.store.arrays import Ints
from okube_api.store.exact_integers import Numerators, add, concatenate_numbers, multiply, multiply_pairs


class Side(NamedTuple):
    """The values of one period: the cells to compare, -1 for a scope value or bucket without data."""

    results: Results
    keys: Ints


def has_rates(kpi: Kpi) -> bool:
    """Return whether the numbers of a KPI are rates, whose change is a difference."""
    return kpi.unit is Unit.RATIO


def describe_change(kpi: Kpi) -> str | dict[str, str]:
    """Return which change a KPI has, `relative` or `difference`; of objects that of each field, by its dotted name."""
    example = EXAMPLES[kpi.leaf]
    if not isinstance(example, dict):
        return "difference" if has_rates(kpi) else "relative"
    return dict(_describe_fields(example, ""))


def _describe_fields(example: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, part in example.items():
        if name in UNCOMPARED_FIELDS or name == "areas":
            continue
        path = f"{prefix}.{name}" if prefix else name
        items = part[0] if isinstance(part, list) and part else part
        if isinstance(items, dict) and name != "meanRank":
            yield from _describe_fields(items, path)
        elif name in RATE_FIELDS:
            yield path, "difference"
        elif name not in _IDENTITY_FIELDS:
            yield path, "relative"


def compute_changes(now: Side, then: Side, *, is_rate: bool) -> list[Leaf]:
    """Return the change of each pair of cells, in the shape of the KPI's leaves.

    The results of both sides are of the same KPI and scope.  is_rate: whether a number is a rate; in objects, the names
    of the fields say it (`RATE_FIELDS`).
    """
    match now.results, then.results:
        case (NumberResults() | RatioResults(), NumberResults() | RatioResults()):
            return _compare_quotients(_read_quotients(now), _read_quotients(then), is_rate=is_rate)
        case RecordResults(fields), RecordResults(fields=fields_then):
            others = dict(fields_then)
            columns = [
                compute_changes(Side(part, now.keys), Side(others[name], then.keys), is_rate=name in RATE_FIELDS)
                for name, part in fields
            ]
            names = [name for name, _ in fields]
            return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        case BandResults(edges=edges), BandResults(edges=edges_then) if edges == edges_then:
            return _compare_bands(now, then)
        case (JoinedResults(), _) | (_, JoinedResults()):
            return _compare_joined(now, then, is_rate=is_rate)
        case _:
            with keep_fractions():
                leaves = zip(now.results.leaves_at(now.keys), then.results.leaves_at(then.keys), strict=True)
                return [_compare_leaves(left, right, is_rate=is_rate) for left, right in leaves]


def _compare_joined(now: Side, then: Side, *, is_rate: bool) -> list[Leaf]:
    """Return the changes of results that are joined on one side at least: each part with the same part."""
    parts = [_split_parts(side) for side in (now, then)]
    is_second = parts[0].is_second | parts[1].is_second
    changes = np.empty(len(now.keys), dtype=object)
    for flags, sides in (
        (~is_second, [Side(part.first.results, part.first.keys) for part in parts]),
        (is_second, [part.second for part in parts]),
    ):
        at = np.flatnonzero(flags)
        part_changes = compute_changes(*(Side(side.results, side.keys[at]) for side in sides), is_rate=is_rate)
        for position, change in zip(at.tolist(), part_changes, strict=True):
            changes[position] = change
    joined: list[Leaf] = changes.tolist()
    return joined


class _Parts(NamedTuple):
    """The parts of joined results, each for all cells, of which those of the other part are empty."""

    first: Side
    second: Side
    is_second: NDArray[np.bool_]


def _split_parts(side: Side) -> _Parts:
    results, keys = side
    if not isinstance(results, JoinedResults):
        nothing = np.full(len(keys), -1, dtype=np.int64)
        return _Parts(side, Side(results, nothing), np.zeros(len(keys), dtype=np.bool_))
    is_second = keys >= results.offset
    second = Side(results.second, np.where(is_second, keys - results.offset, -1))
    return _Parts(Side(results.first, np.where(is_second, -1, keys)), second, is_second)


# -- numbers by column ---------------------------------------------------------------------------------------------


class _Quotients(NamedTuple):
    """Numbers as quotients; a number whose denominator is 0 is null.  Denominators are not negative."""

    numerators: Numerators
    denominators: Numerators


def _read_quotients(side: Side) -> _Quotients:
    results, keys = side
    if isinstance(results, RatioResults):
        left, right = results.numerator.denominator, results.denominator.denominator
        common = gcd(left, right)
        numerators = multiply(results.numerator.values_at(keys), right // common)
        return _Quotients(numerators, multiply(results.denominator.values_at(keys), left // common))
    assert isinstance(results, NumberResults)
    return _Quotients(results.grid.values_at(keys), _repeat(results.grid.denominator, len(keys)))


def _repeat(number: int, count: int) -> Numerators:
    return np.full(count, number, np.int64 if number < 2**62 else object)


_UNITS: int = 10**CHANGE_DIGITS
_NEAR_TIE = 0.499
_LARGEST_SURE = 1e6
"""Up to here, what is computed from doubles differs by less than 0.001 units: each step adds an error of 2**-53."""


def _compare_quotients(now: _Quotients, then: _Quotients, *, is_rate: bool) -> list[float | None]:
    """Return `now - then`, of numbers that are no rates over `then`; null where that is not defined.

    Changes are computed from doubles.  Where their error could change the rounding, near a tie or of large numbers,
    they are computed again from the integers.
    """
    if any(numbers.dtype == object for numbers in (*now, *then)):
        return list(_compare_exactly(now, then, is_rate=is_rate))
    defined = (now.denominators != 0) & (then.denominators != 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        left, right = now.numerators / now.denominators, then.numerators / then.denominators
        if is_rate:
            units, largest = (left - right) * _UNITS, np.maximum(abs(left), abs(right))
        else:
            defined &= then.numerators != 0
            largest = left / right
            units = (largest - 1) * _UNITS
            largest = abs(largest)
        rounded = np.rint(units)
        is_unsure = (abs(units - rounded) > _NEAR_TIE) | (largest > _LARGEST_SURE)
    changes: list[float | None] = ((rounded + 0.0) / _UNITS).tolist()  # 0.0 instead of -0.0
    if not defined.all():
        for row in np.flatnonzero(~defined).tolist():
            changes[row] = None
        is_unsure &= defined
    if is_unsure.any():
        rows = np.flatnonzero(is_unsure)
        parts = [_Quotients(each.numerators[rows], each.denominators[rows]) for each in (now, then)]
        for row, change in zip(rows.tolist(), _compare_exactly(*parts, is_rate=is_rate), strict=True):
            changes[row] = change
    return changes


def _compare_exactly(now: _Quotients, then: _Quotients, *, is_rate: bool) -> Sequence[float | None]:
    """Return the same as `_compare_quotients`, from integers of any size."""
    if _is_same(now.denominators, then.denominators):  # such as two counts
        difference, common = add(now.numerators, multiply(then.numerators, -1)), now.denominators
        base = then.numerators
    else:
        left, base = (
            multiply_pairs(now.numerators, then.denominators),
            multiply_pairs(then.numerators, now.denominators),
        )
        difference, common = add(left, multiply(base, -1)), multiply_pairs(now.denominators, then.denominators)
    if is_rate:
        return round_ratios(difference, common)
    signs = np.where(base < 0, -1, 1)
    defined = (common != 0) & (base != 0)
    return round_ratios(multiply_pairs(difference, signs), np.where(defined, multiply_pairs(base, signs), 0))


def _is_same(left: Numerators, right: Numerators) -> bool:
    """Return whether all numbers are the same positive number."""
    return bool(len(left)) and left[0] > 0 and bool((left == left[0]).all() and (right == left[0]).all())


def _compare_bands(now: Side, then: Side) -> list[Leaf]:
    """Return the changes of distributions with the same bands."""
    results = now.results
    assert isinstance(results, BandResults)
    bands, bands_then = _read_bands(now), _read_bands(then)
    size, rows = len(results.edges), len(now.keys)
    # All columns of counts, then all of shares, then means and medians: few calls over many numbers.
    counts = _compare_quotients(bands.counts, bands_then.counts, is_rate=False)
    shares = _compare_quotients(bands.shares, bands_then.shares, is_rate=True)
    averages = _compare_quotients(bands.averages, bands_then.averages, is_rate=False)
    ends = (*results.edges[1:], None)
    return [
        {
            "unit": results.unit,
            "measure": results.counted,
            "bins": [
                {"from": start, "to": end, "value": counts[at], "share": shares[at]}
                for start, end, at in zip(results.edges, ends, range(row, rows * size, rows), strict=True)
            ],
            "unknown": counts[size * rows + row],
            "total": counts[(size + 1) * rows + row],
            "mean": averages[row],
            "median": averages[rows + row],
        }
        for row in range(rows)
    ]


class _BandNumbers(NamedTuple):
    """The numbers of distributions, column by column.

    counts: of each band, of the unknown and of all.  shares: of each band.  averages: means, then medians.
    """

    counts: _Quotients
    shares: _Quotients
    averages: _Quotients


def _read_bands(side: Side) -> _BandNumbers:
    results, keys = side
    assert isinstance(results, BandResults)
    unknown, *bands = results.columns_at(keys)
    placed = add(*bands)
    counts = concatenate_numbers([*bands, unknown, add(unknown, placed)])
    means = multiply(results.amount.values_at(keys), results.counts.denominator)
    medians, halves = results.find_medians(bands)
    return _BandNumbers(
        _Quotients(counts, _repeat(results.counts.denominator, len(counts))),
        _Quotients(counts[: len(bands) * len(keys)], np.tile(placed, len(bands))),
        _Quotients(
            concatenate_numbers([means, medians]),
            concatenate_numbers([multiply(placed, results.amount.denominator), halves]),
        ),
    )


# -- other leaves, one by one ----------------------------------------------------------------------------------------

_IDENTITY_FIELDS = ("unit", "measure", "from", "to", "key", "label", "poi", "campaign", "rank")
"""What is compared by being the same: the fields by which items of lists are matched."""


def _compare_leaves(now: Any, then: Any, *, is_rate: bool) -> Any:
    """Return the change of a leaf, whose numbers are exact; null on one side stands for an object without values."""
    if isinstance(now, dict) or isinstance(then, dict):
        return _compare_objects(now or {}, then or {})
    if isinstance(now, list) or isinstance(then, list):
        return _compare_items(now or [], then or [])
    return _compare_numbers(now, then, is_rate=is_rate)


def _compare_objects(now: Mapping[str, Any], then: Mapping[str, Any]) -> Leaf:
    if isinstance(now.get("areas", then.get("areas")), list):
        return _compare_matrices(now, then)
    changes: dict[str, Any] = {}
    for name in dict.fromkeys((*now, *then)):
        if name in UNCOMPARED_FIELDS:
            continue
        if name in _IDENTITY_FIELDS and not isinstance(now.get(name, then.get(name)), list | dict):
            changes[name] = now[name] if name in now else then[name]
            continue
        if name == "meanRank":  # its fields are keys of equipments
            means, means_then = now.get(name, {}), then.get(name, {})
            keys = dict.fromkeys((*means, *means_then))
            changes[name] = {key: _compare_numbers(means.get(key), means_then.get(key), is_rate=False) for key in keys}
            continue
        empty = 0 if name in COUNT_FIELDS else None
        changes[name] = _compare_leaves(now.get(name, empty), then.get(name, empty), is_rate=name in RATE_FIELDS)
    return changes


def _compare_items(now: Sequence[Mapping[str, Any]], then: Sequence[Mapping[str, Any]]) -> list[Leaf]:
    """Return the changes of the items of two lists, matched by what they are about: first those of now."""
    items_now, items_then = ({_identify(item): item for item in items} for items in (now, then))
    return [
        _compare_objects(items_now.get(identity, {}), items_then.get(identity, {}))
        for identity in dict.fromkeys((*items_now, *items_then))
    ]


def _identify(item: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(item.get(name) for name in _IDENTITY_FIELDS)


def _compare_matrices(now: Mapping[str, Any], then: Mapping[str, Any]) -> Leaf:
    """Return the changes of two matrices over the areas of both; by an area, each has the row of that area only."""
    matrices = [matrix for matrix in (now, then) if matrix]
    areas = list(dict.fromkeys(area for matrix in matrices for area in matrix["areas"]))
    is_row = any(len(matrix["users"]) < len(matrix["areas"]) for matrix in matrices)
    rows: list[str | None] = [None] if is_row else list(areas)

    def index(matrix: Mapping[str, Any], field: str) -> dict[tuple[str | None, str], Any]:
        """Return the values of a matrix by row and column."""
        if not matrix:
            return {}
        return {
            (row, column): value
            for row, values in zip([None] if is_row else matrix["areas"], matrix[field], strict=False)
            for column, value in zip(matrix["areas"], values, strict=True)
        }

    changes: dict[str, Any] = {"areas": areas}
    for field in ("users", "rate"):
        values, values_then = index(now, field), index(then, field)
        empty, is_rate = (0 if field in COUNT_FIELDS else None), field in RATE_FIELDS
        changes[field] = [
            [
                _compare_numbers(values.get(cell, empty), values_then.get(cell, empty), is_rate=is_rate)
                for cell in ((row, column) for column in areas)
            ]
            for row in rows
        ]
    return changes


def _compare_numbers(now: Any, then: Any, *, is_rate: bool) -> float | None:
    if now is None or then is None or (not is_rate and then == 0):
        return None
    left, right = (each if isinstance(each, int | Fraction) else Fraction(each) for each in (now, then))
    # By integers: arithmetic of fractions would reduce each of them, which takes eight times as long.
    difference = left.numerator * right.denominator - right.numerator * left.denominator
    base = (right.denominator if is_rate else right.numerator) * left.denominator
    if base < 0:
        difference, base = -difference, -base
    units, rest = divmod(difference * _UNITS, base)
    is_up = 2 * rest > base or (2 * rest == base and units % 2 == 1)  # half to even, like `round`
    return (units + is_up) / _UNITS
