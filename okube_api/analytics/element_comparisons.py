"""Sets the results of two periods against each other: the rows and buckets of both, and their changes.

A comparison is made of results like any other: rows, JSON and CSV are built from them as from those of the engine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from okube_api.analytics.comparisons import RequestedComparison
from okube_api.engine.calendar import Buckets
from okube_api.engine.changes import Side, compute_changes, has_rates
from okube_api.engine.kpi_results import KpiResult
from okube_api.engine.leaf_columns import Leaf
from okube_api.engine.question import RequestedScope
from okube_api.engine.results import Results
from okube_api.engine.selection import OuterSelection, Selection, list_paths
from okube_api.store.arrays import Ints

_NO_NUMBERS: Ints = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class ElementComparison:
    """The values of one element in another period, and their changes.

    data: the results of the other period.
    change: results whose leaves are the changes.
    lines: results whose leaves hold the own value, that of the other period and the change, for tables.
    first_days: of the buckets of the other period, by label.
    """

    requested: RequestedComparison
    data: KpiResult
    change: KpiResult
    lines: KpiResult
    first_days: Mapping[str, int]


def compare_results(
    requested: RequestedComparison, own: KpiResult, now: KpiResult | None, then: KpiResult | None
) -> ElementComparison:
    """Compare the results of an element with those of another period.

    own: over the question's period.  now: over those of its days that are compared.  then: over the days that they are
    compared with.  Without days to compare, both are None, and everything is null.
    """
    buckets = _merge_buckets(own.buckets, () if then is None or then.buckets is None else then.buckets.labels)
    width = 1 + (0 if buckets is None else len(buckets.labels))
    chosen = own.scope_request.levels and any(
        level.limit is not None or level.having is not None or level.has_remainder for level in own.scope_request.levels
    )
    selection = own.selection
    if selection is not None and not chosen and then is not None and then.selection is not None:
        selection = _merge_rows(selection, then.selection)
    sides = [_align(result, selection, buckets, width) for result in (own, now, then)]
    changes = _ChangeResults(sides[1], sides[2], width, has_rates(own.kpi_request.kpi))
    rows = None if selection is None else replace(selection, shares=None, numbers=np.arange(len(selection.values)))
    if rows is not None and rows.outer is not None:
        rows = replace(rows, outer=replace(rows.outer, leaves=None, shares=None))
    shared = KpiResult(own.kpi_request, _drop_options(own.scope_request), buckets, width, changes, own.values, rows)
    if then is None or selection is None:  # `globals` have every bucket
        data = replace(shared, results=_AlignedResults(sides[2], width))
        if then is None and rows is not None:
            no_rows = replace(rows, values=(), numbers=_NO_NUMBERS, outer=_NO_OUTER if rows.outer is not None else None)
            shared, data = replace(shared, selection=no_rows), replace(data, selection=no_rows)
    else:
        data = _fill_rows(then, selection) if own.kpi_request.fill else then
    lines = _LineResults(_AlignedResults(sides[0], width), _AlignedResults(sides[2], width), changes)
    first_days = {}
    if then is not None and then.buckets is not None:
        first_days = dict(zip(then.buckets.labels, then.buckets.first_days, strict=True))
    return ElementComparison(requested, data, shared, replace(shared, results=lines, selection=rows), first_days)


_NO_OUTER = OuterSelection((), (0,), ())


def _drop_options(by: RequestedScope) -> RequestedScope:
    """Return the scope without what is only for the values themselves."""
    levels = tuple(
        replace(level, properties=(), share=False, has_remainder=False, has_options=False) for level in by.levels
    )
    return replace(by, levels=levels)


def _fill_rows(then: KpiResult, rows: Selection) -> KpiResult:
    """Return the results of the other period with all rows, also those for which it has no data."""
    selection = then.selection
    if selection is None or selection.outer is not None:
        return then
    shares = None
    if selection.shares is not None:
        shares_by_value = dict(zip(selection.values, selection.shares, strict=True))
        shares = tuple(map(shares_by_value.get, rows.values))
    numbers = _find_numbers(rows, selection)
    return replace(then, selection=Selection(rows.values, numbers, selection.total, shares))


# -- rows and buckets of both ----------------------------------------------------------------------------------------


def _merge_buckets(buckets: Buckets | None, labels: Sequence[str]) -> Buckets | None:
    """Return buckets with those labels, too, that only the other period has; their first day is 0."""
    if buckets is None or set(labels).issubset(buckets.labels):
        return buckets
    merged = sorted({*buckets.labels, *labels}, key=lambda label: tuple(map(int, label.split("-"))))
    days = dict(zip(buckets.labels, buckets.first_days, strict=True))
    return replace(buckets, labels=tuple(merged), first_days=tuple(days.get(label, 0) for label in merged))


def _merge_rows(own: Selection, then: Selection) -> Selection:
    """Return the rows of a selection, and those that only the other period has after them."""
    if own.outer is None or then.outer is None:
        values = dict.fromkeys((*own.values, *then.values))
        return own if len(values) == len(own.values) else Selection(tuple(values), _NO_NUMBERS, len(values))
    inner_by_outer: dict[str, dict[str, None]] = {}
    for outer, *_ in ((value,) for value in own.outer.values):
        inner_by_outer[outer] = {}
    for outer, inner in (*list_paths(own), *list_paths(then)):
        inner_by_outer.setdefault(outer, {})[inner] = None
    bounds = np.append(0, np.cumsum([len(inner) for inner in inner_by_outer.values()])).tolist()
    totals = tuple(len(inner) for inner in inner_by_outer.values())
    values_of_rows = tuple(value for inner in inner_by_outer.values() for value in inner)
    outer_selection = OuterSelection(tuple(inner_by_outer), tuple(bounds), totals)
    return Selection(values_of_rows, _NO_NUMBERS, len(inner_by_outer), outer=outer_selection)


@dataclass(frozen=True, slots=True)
class _AlignedSide:
    """Results of one period, with where the rows and buckets of both periods are in them.

    numbers: by row, the number of its scope value; -1 without data.
    positions: by bucket, and for the whole period last, the position in the results; -1 if the period has no such one.
    """

    results: Results
    numbers: Ints
    positions: Ints
    width: int

    def find_cells(self, rows: Ints, buckets: Ints) -> Side:
        """Return the cells of the results at rows and buckets of both periods; -1 without data."""
        numbers, positions = self.numbers[rows], self.positions[buckets]
        cells = numbers * self.width + positions
        if self.has_gaps:
            cells[(numbers < 0) | (positions < 0)] = -1
        return Side(self.results, cells)

    @property
    def has_gaps(self) -> bool:
        """Whether the results lack a row or a bucket."""
        return bool((self.numbers < 0).any()) or self.lacks_buckets

    @property
    def lacks_buckets(self) -> bool:
        """Whether the period lacks a bucket."""
        return bool((self.positions < 0).any())

    def list_keys(self, width: int) -> Ints:
        """Return the cells of both periods at which these results have data."""
        keys = self.results.keys
        if not len(keys):
            return _NO_NUMBERS
        numbers, positions = _split_cells(keys, self.width)
        rows = np.full(max(int(numbers[-1]), int(self.numbers.max(initial=0))) + 1, -1, dtype=np.int64)
        with_data = np.flatnonzero(self.numbers >= 0)
        rows[self.numbers[with_data]] = with_data
        buckets = np.full(self.width, -1, dtype=np.int64)
        known = np.flatnonzero(self.positions >= 0)
        buckets[self.positions[known]] = known
        rows_of_keys, buckets_of_keys = rows[numbers], buckets[positions]
        cells = rows_of_keys * width + buckets_of_keys
        is_shown = (rows_of_keys >= 0) & (buckets_of_keys >= 0)
        return np.sort(cells if is_shown.all() else cells[is_shown])


def _align(result: KpiResult | None, rows: Selection | None, buckets: Buckets | None, width: int) -> _AlignedSide:
    count = 1 if rows is None else len(rows.values)
    if result is None:
        nothing = np.full(count, -1, dtype=np.int64)
        return _AlignedSide(_NoResults(), nothing, np.full(width, -1, dtype=np.int64), 1)
    positions = np.full(width, -1, dtype=np.int64)
    if buckets is not None and result.buckets is not None:
        position_by_label = {label: position for position, label in enumerate(result.buckets.labels)}
        positions[:-1] = [position_by_label.get(label, -1) for label in buckets.labels]
    positions[-1] = result.width - 1
    if rows is None or result.selection is None:
        return _AlignedSide(result.results, np.zeros(count, dtype=np.int64), positions, result.width)
    return _AlignedSide(result.results, _find_numbers(rows, result.selection), positions, result.width)


def _find_numbers(rows: Selection, selection: Selection) -> Ints:
    if rows is selection:
        return selection.numbers
    if rows.outer is None:
        numbers_by_path = dict(zip(selection.values, selection.numbers.tolist(), strict=True))
        return np.array([numbers_by_path.get(value, -1) for value in rows.values], dtype=np.int64)
    numbers = dict(zip(list_paths(selection), selection.numbers.tolist(), strict=True))
    return np.array([numbers.get(path, -1) for path in list_paths(rows)], dtype=np.int64)


def _merge_keys(left: Ints, right: Ints) -> Ints:
    """Return the cells of both, ascending, each once."""
    if np.array_equal(left, right):
        return left
    keys: Ints = np.sort(np.concatenate((left, right)), kind="stable")  # of two sorted runs, in one step
    distinct: Ints = keys[np.append(True, keys[1:] != keys[:-1])[: len(keys)]]
    return distinct


def _split_cells(keys: Ints, width: int) -> tuple[Ints, Ints]:
    """Return the row and the bucket of each cell."""
    rows = keys // width
    return rows, keys - rows * width


# -- results of both -------------------------------------------------------------------------------------------------


class _NoResults:
    """The results of no day: null everywhere."""

    @property
    def keys(self) -> Ints:
        """No cells."""
        return _NO_NUMBERS

    def count_values(self) -> int:
        """Return 0."""
        return 0

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        """Return null for each cell."""
        return [None] * len(keys)


@dataclass(frozen=True, slots=True)
class _AlignedResults:
    """The results of one period by the cells of both; null in buckets that the period does not have."""

    side: _AlignedSide
    width: int

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        return self.side.list_keys(self.width)

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return self.side.results.count_values()

    def leaves_at(self, keys: Ints) -> Sequence[Leaf]:
        """Return the leaves of these cells."""
        rows, buckets = _split_cells(keys, self.width)
        if not self.side.lacks_buckets:
            return self.side.results.leaves_at(self.side.find_cells(rows, buckets).keys)
        exists = self.side.positions[buckets] >= 0
        leaves = iter(self.side.results.leaves_at(self.side.find_cells(rows[exists], buckets[exists]).keys))
        return [next(leaves) if has_bucket else None for has_bucket in exists.tolist()]


@dataclass(frozen=True, slots=True)
class _ChangeResults:
    """The changes by the cells of both periods; null in buckets that one of them does not have."""

    now: _AlignedSide
    then: _AlignedSide
    width: int
    is_rate: bool

    @property
    def keys(self) -> Ints:
        """The cells that have data in one of the periods, ascending."""
        return _merge_keys(self.now.list_keys(self.width), self.then.list_keys(self.width))

    def count_values(self) -> int:
        """Return the most values that the leaves of all cells can have."""
        return self.now.results.count_values() + self.then.results.count_values()

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        """Return the leaves of these cells."""
        rows, buckets = _split_cells(keys, self.width)
        sides = (self.now, self.then)
        if not any(side.lacks_buckets for side in sides):
            return compute_changes(*(side.find_cells(rows, buckets) for side in sides), is_rate=self.is_rate)
        exists = (self.now.positions[buckets] >= 0) & (self.then.positions[buckets] >= 0)
        rows, buckets = rows[exists], buckets[exists]
        changes = iter(compute_changes(*(side.find_cells(rows, buckets) for side in sides), is_rate=self.is_rate))
        return [next(changes) if is_shared else None for is_shared in exists.tolist()]


@dataclass(frozen=True, slots=True)
class _LineResults:
    """The own value, the value of the other period and the change, by the cells of both periods."""

    own: _AlignedResults
    then: _AlignedResults
    changes: _ChangeResults

    @property
    def keys(self) -> Ints:
        """The cells that have data in one of the periods, ascending."""
        return _merge_keys(self.own.keys, self.changes.keys)

    def count_values(self) -> int:
        """Return the most values that the leaves of all cells can have."""
        return self.own.count_values() + self.changes.count_values()

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        """Return the three leaves of each of these cells."""
        columns = [results.leaves_at(keys) for results in (self.own, self.then, self.changes)]
        return list(zip(*columns, strict=True))
