"""Finds the rows of terms, and the numbers of the scope value and of the bucket of each row."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from okube_api.catalogue.fact import Measure
from okube_api.catalogue.scopes import CAMPAIGN_SCOPES, Scope
from okube_api.catalogue.terms import Term
from okube_api.engine.calendar import Buckets
from okube_api.engine.campaigns import UNKNOWN, get_campaign_scope_values
from okube_api.engine.fetched_rows import FetchedRows
from okube_api.engine.pathsets import expand_path_sets
from okube_api.engine.plan import Need, Pass
from okube_api.engine.question import Question
from okube_api.engine.text_columns import ValuesByCode, encode_texts
from okube_api.store.arrays import Flags, Ints
from okube_api.store.exact_integers import Numerators, from_arrow, multiply
from okube_api.store.plans import Aggregate
from okube_api.store.schema import ColumnType
from okube_api.threads import check_stopped


class ValueNumbers:
    """Numbers the values of a scope or of a column in order of their first occurrence; null becomes `unknown`."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: str | None) -> int:
        """Return the number of a value."""
        text = UNKNOWN if value is None else value
        if text not in self._numbers:
            self._numbers[text] = len(self.values)
            self.values.append(text)
        return self._numbers[text]

    def number_column(self, column: pa.ChunkedArray) -> Ints:
        """Return the number of each row of a column of texts."""
        codes, texts = encode_texts(column)
        numbers = [None if text is None else self._numbers.get(text) for text in texts]
        if None in numbers:  # new values, or null
            numbers = [self.number(text) for text in texts]
        return np.array(numbers, dtype=np.int64)[codes]


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


class RowReader:
    """Finds the rows of terms in what was fetched, by one scope and one set of buckets.

    scope_values: the values of the scope, by number.
    width: the number of cells of a scope value: its buckets, and the whole period last.
    """

    def __init__(self, fetched: FetchedRows, question: Question, scope: Scope, buckets: Buckets | None) -> None:
        self.question, self.scope, self.buckets = question, scope, buckets
        self.scope_values = ValueNumbers()
        self.width = (len(buckets.labels) if buckets else 0) + 1
        self._fetched = fetched
        self._rows: dict[tuple[object, ...], list[TermRows]] = {}
        self._expanded: dict[tuple[int, str | None], tuple[Ints, pa.Table]] = {}

    def rows_of(self, term: Term) -> list[TermRows]:
        """Return the rows of a term by pass; a row with several campaigns occurs once per scope value of these."""
        need = self._fetched.plan.need_of(term, self.scope, self.buckets)
        passes = self._fetched.plan.passes_of_need[need]
        key = (term.slice, need.scope_column, passes)
        if key not in self._rows:
            self._rows[key] = [self._select_rows(need, number) for number in passes]
        return self._rows[key]

    def cells(self, rows: TermRows) -> Iterator[Ints]:
        """Yield the cells of rows: first those of their buckets, then those of the whole period."""
        if rows.buckets is not None:
            yield rows.scope_values * self.width + rows.buckets
        yield rows.scope_values * self.width + self.width - 1

    def campaign_values(self, campaigns: Iterable[str | None]) -> ValuesByCode:
        """Return the numbers of the scope values of each campaign; none for campaigns that the filters leave out."""
        return ValuesByCode.from_lists(
            [self.scope_values.number(value) for value in self._values_of(campaign)]
            if campaign is not None and self.keeps_campaign(campaign)
            else []
            for campaign in campaigns
        )

    def keeps_campaign(self, campaign: str) -> bool:
        """Return whether a campaign passes the filters on campaigns, levers and extras."""
        return self._selected_campaigns is None or campaign in self._selected_campaigns

    def _values_of(self, campaign: str) -> tuple[str, ...]:
        return get_campaign_scope_values(campaign, self.scope, self.question.campaigns)

    def _select_rows(self, need: Need, number: int) -> TermRows:
        """Return the rows of a pass that have the values of `described_by` of the need's slice."""
        source = self._fetched.plan.passes[number]
        scope_values, table = self._expand_pass(number, need.scope_column)
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
            zones = self.question.zones.number_rows(table.column(need.term.slice.place[1]))
        return TermRows(source, table, scope_values, self.buckets.locate(source.time_columns, times, zones))

    def _expand_pass(self, number: int, column: str | None) -> tuple[Ints, pa.Table]:
        """Return the scope value of each row of a pass, and the rows, repeated or summed for each of several values."""
        if (number, column) not in self._expanded:
            check_stopped()
            self._expanded[number, column] = self._expand(number, column)
        return self._expanded[number, column]

    def _expand(self, number: int, column: str | None) -> tuple[Ints, pa.Table]:
        source, table = self._fetched.plan.passes[number], self._fetched.tables[number]
        if column is None:
            return np.zeros(table.num_rows, dtype=np.int64), table
        if self.scope not in CAMPAIGN_SCOPES:
            return self.scope_values.number_column(table.column(column)), table
        if source.part.table.type_of(column) is ColumnType.TEXTS:
            assert isinstance(source.node, Aggregate), "sets of users are by campaign, never by set of campaigns"
            measures = [measure.name for measure in source.node.measures]
            return expand_path_sets(table, column, self.campaign_values, measures)
        codes, campaigns = encode_texts(table.column(column))
        rows, scope_values = self.campaign_values(campaigns).expand(codes)
        unchanged = len(rows) == table.num_rows and bool(np.all(rows == np.arange(table.num_rows)))
        return scope_values, table if unchanged else table.take(rows)

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
