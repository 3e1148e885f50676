"""Finds the rows of terms, and the numbers of the scope value and of the bucket of each row."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain

import numpy as np
import pyarrow as pa

from okube_api.catalogue.fact import Measure
from okube_api.catalogue.scopes import CAMPAIGN_SCOPES, Scope
from okube_api.catalogue.terms import Term
from okube_api.engine.calendar import Buckets
from okube_api.engine.dimensions import Dimension, list_scopes
from okube_api.engine.fetched_rows import FetchedRows
from okube_api.engine.pathsets import PartnerNumbers, expand_path_sets
from okube_api.engine.plan import Need, Pass
from okube_api.engine.question import Question
from okube_api.engine.row_conditions import get_scope_column
from okube_api.engine.text_columns import ValuesByCode, encode_texts
from okube_api.engine.value_numbers import PairNumbers, ValueNumbers
from okube_api.store.arrays import Flags, Ints
from okube_api.store.exact_integers import Numerators, from_arrow, multiply
from okube_api.store.plans import Aggregate
from okube_api.store.schema import ColumnType
from okube_api.threads import check_stopped

_MOST_DIMENSIONS = 2


@dataclass(frozen=True, slots=True)
class TermRows:
    """Rows of a pass that belong to a term.

    scope_values: the number of each row's scope value.
    buckets: the number of each row's bucket; None without buckets.
    """

    source: Pass
    table: pa.Table
    scope_values: Ints
    buckets: Ints | None

    def integers(self, column: str) -> Ints:
        """Return a column of integers."""
        values: Ints = self.table.column(column).to_numpy().astype(np.int64, copy=False)
        return values

    def amounts(self, measure: Measure) -> Numerators:
        """Return a measure of each row, negative when the rows are to be subtracted."""
        return multiply(from_arrow(self.table.column(measure.name)), self.source.sign)


Columns = tuple[str | None, ...]
"""The column of each dimension; None when the rows do not have it."""


class RowReader:
    """Finds the rows of terms in what was fetched, by any dimensions and one set of buckets.

    scope_values: the values of a single dimension, by number; `pairs` has those of two.
    levels: the values of each dimension, by number; by a single dimension the same as `scope_values`.
    width: the number of cells of a scope value: its buckets, and the whole period last.
    """

    def __init__(
        self,
        fetched: FetchedRows,
        question: Question,
        dimensions: tuple[Dimension, ...],
        buckets: Buckets | None,
        shown: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """Read rows by dimensions; `shown`: see `PairNumbers`."""
        self.question, self.dimensions, self.buckets = question, dimensions, buckets
        self.pairs = PairNumbers(shown) if len(dimensions) == _MOST_DIMENSIONS else None
        self.scope_values = ValueNumbers()
        self.levels = (self.scope_values,) if self.pairs is None else (self.pairs.outer, self.pairs.inner)
        self.width = (len(buckets.labels) if buckets else 0) + 1
        self._scopes = list_scopes(dimensions)
        self._fetched = fetched
        self._rows: dict[tuple[object, ...], list[TermRows]] = {}
        self._expanded: dict[tuple[int, Columns], tuple[Ints, pa.Table]] = {}

    def rows_of(self, term: Term, *, by_scope: bool = True) -> list[TermRows]:
        """Return the rows of a term by pass; a row with several scope values occurs once for each.

        If the rows have only one of two dimensions, their scope values are the numbers of its values in `levels`.
        by_scope: if false, all rows have the scope value 0.
        """
        need = self._fetched.plan.need_of(term, self._scopes, self.buckets)
        passes = self._fetched.plan.passes_of_need[need]
        columns = tuple([get_scope_column(term, scope) if by_scope else None for scope in self._scopes])
        key = (term.slice, columns, passes)
        if key not in self._rows:
            self._rows[key] = [self._select_rows(need, number, columns) for number in passes]
        return self._rows[key]

    def cells(self, rows: TermRows) -> Iterator[Ints]:
        """Yield the cells of rows: first those of their buckets, then those of the whole period."""
        if rows.buckets is not None:
            yield rows.scope_values * self.width + rows.buckets
        yield rows.scope_values * self.width + self.width - 1

    def number_values(self, levels: Sequence[int], values: Sequence[str | None]) -> ValuesByCode:
        """Return the numbers, by dimensions of one scope, of each value of that scope.

        levels: the positions of the dimensions.  For a single one of two, the numbers are those of its own values.
        Campaigns that the filters leave out have none.
        """
        by_level = [self._number_level(level, values) for level in levels]
        return by_level[0] if len(by_level) == 1 else self._pair_values(*by_level)

    def _number_level(self, level: int, values: Sequence[str | None]) -> ValuesByCode:
        """Return the numbers of each value by one dimension."""
        dimension = self.dimensions[level]
        lists = dimension.list_values(values, self.question.campaigns)
        if dimension.scope in CAMPAIGN_SCOPES:
            pairs = zip(values, lists, strict=True)
            lists = [names if value is not None and self.keeps_campaign(value) else () for value, names in pairs]
        if self.pairs is not None and self.pairs.is_rest and level == 1:
            return ValuesByCode.from_lists([self.pairs.number_set(names) for names in lists])
        numbers = self.levels[level].number_all(list(chain.from_iterable(lists)))
        return ValuesByCode(np.cumsum([0, *map(len, lists)], dtype=np.int64), np.array(numbers, dtype=np.int64))

    def _pair_values(self, outer: ValuesByCode, inner: ValuesByCode) -> ValuesByCode:
        """Return the scope values of each value of a scope, of which both dimensions are."""
        codes = np.repeat(np.arange(len(outer.offsets) - 1), np.diff(outer.offsets))
        positions, inner_numbers = inner.expand(codes)
        pairs = self.combine(0, outer.numbers[positions], inner_numbers)
        codes, pairs = codes[positions][pairs >= 0], pairs[pairs >= 0]
        return ValuesByCode(np.searchsorted(codes, np.arange(len(outer.offsets))), pairs)

    def keeps_campaign(self, campaign: str) -> bool:
        """Return whether a campaign passes the filters on campaigns, levers and extras."""
        return self._selected_campaigns is None or campaign in self._selected_campaigns

    def combine(self, level: int, numbers: Ints, other_numbers: Ints) -> Ints:
        """Return the scope values of two dimensions, -1 for those that are left out.

        numbers: of the values of the dimension `level`.  other_numbers: of the values of the other one.
        """
        assert self.pairs is not None
        pair = (numbers, other_numbers) if level == 0 else (other_numbers, numbers)
        return self.pairs.number_pairs(*pair)

    def _select_rows(self, need: Need, number: int, columns: Columns) -> TermRows:
        """Return the rows of a pass that have the values of `described_by` of the need's slice."""
        source = self._fetched.plan.passes[number]
        scope_values, table = self._expand_pass(number, columns)
        flags = np.ones(len(scope_values), dtype=np.bool_)
        for column, value in need.term.slice.described_by:
            flags &= _equals(table.column(column), value)
        if not flags.all():
            scope_values, table = scope_values[flags], table.filter(pa.array(flags))
        if self.buckets is None:
            return TermRows(source, table, scope_values, None)
        times = [table.column(column).to_numpy() for column in source.time_columns]
        zones = None
        if need.term.slice.place is not None and self.buckets.needs_zone(source.time_columns):
            zones = self.question.timezones.number_rows(table.column(need.term.slice.place[1]))
        return TermRows(source, table, scope_values, self.buckets.locate(source.time_columns, times, zones))

    def _expand_pass(self, number: int, columns: Columns) -> tuple[Ints, pa.Table]:
        """Return the scope value of each row of a pass, and the rows, repeated or summed for each of several values."""
        if (number, columns) not in self._expanded:
            check_stopped()
            self._expanded[number, columns] = self._expand(number, columns)
        return self._expanded[number, columns]

    def _expand(self, number: int, columns: Columns) -> tuple[Ints, pa.Table]:
        source, table = self._fetched.plan.passes[number], self._fetched.tables[number]
        levels_of_column: dict[str, list[int]] = {}
        for level, column in enumerate(columns):
            if column is not None:
                levels_of_column.setdefault(column, []).append(level)
        if not levels_of_column:
            return np.zeros(table.num_rows, dtype=np.int64), table
        if len(columns) == 1 and self.dimensions[0].is_plain and self._scopes[0] is not Scope.CAMPAIGNS:
            return self.scope_values.number_column(table.column(columns[0])), table
        texts = [name for name in levels_of_column if source.part.table.type_of(name) is ColumnType.TEXTS]
        rows, scope_values = np.arange(table.num_rows, dtype=np.int64), None
        for column, levels in levels_of_column.items():
            if column not in texts:
                rows, scope_values = self._expand_column(table.column(column), levels, rows, scope_values)
        unchanged = len(rows) == table.num_rows and bool(np.all(rows == np.arange(table.num_rows)))
        table = table if unchanged else table.take(rows)
        for column in texts:
            assert isinstance(source.node, Aggregate), "sets of users are by campaign, never by set of campaigns"
            levels = levels_of_column[column]
            scope_values, table = expand_path_sets(
                table,
                column,
                partial(self.number_values, levels),
                [measure.name for measure in source.node.measures],
                None if scope_values is None else self._build_partners(1 - levels[0], scope_values),
            )
        assert scope_values is not None
        return scope_values, table

    def _build_partners(self, level: int, numbers: Ints) -> PartnerNumbers:
        assert self.pairs is not None
        return PartnerNumbers(numbers, partial(self.combine, level), self.pairs.is_rest)

    def _expand_column(
        self, column: pa.ChunkedArray, levels: Sequence[int], rows: Ints, scope_values: Ints | None
    ) -> tuple[Ints, Ints]:
        """Repeat rows for each value that they have by the dimensions of a column.

        rows: numbers of rows, ascending.  scope_values: of each by the other dimension, None without one.
        """
        codes, texts = encode_texts(column)
        positions, numbers = self.number_values(levels, texts).expand(codes[rows])
        rows = rows[positions]
        if scope_values is None:
            return rows, numbers
        pairs = self.combine(levels[0], numbers, scope_values[positions])
        if self.pairs is None or not self.pairs.is_rest:
            return rows, pairs
        return rows[pairs >= 0], pairs[pairs >= 0]

    @cached_property
    def _selected_campaigns(self) -> frozenset[str] | None:
        selected = self.question.selected_campaigns
        return None if selected is None else frozenset(selected)


def _equals(column: pa.ChunkedArray, value: str | int) -> Flags:
    """Return which rows of a column hold a value."""
    flags: Flags
    if isinstance(value, int):
        flags = column.to_numpy() == value
    else:
        codes, texts = encode_texts(column)
        flags = codes == (texts.index(value) if value in texts else -1)
    return flags
