"""The rows that were read, seen by one scope and one way of cutting days into buckets."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from okube_api.catalogue.facts import Measure
from okube_api.catalogue.scopes import ATTRIBUTES, CAMPAIGN_SCOPES, Scope
from okube_api.catalogue.terms import Sums, Term, UserSet
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.calendar import Buckets
from okube_api.engine.campaigns import UNKNOWN, campaign_scope_values
from okube_api.engine.distinct import count_distinct
from okube_api.engine.grid import Grid, Numerators, sum_by_cell, sum_quotients
from okube_api.engine.panel import Attribute, Panel
from okube_api.engine.pathsets import expand_path_sets
from okube_api.engine.plan import Need, Pass, Plan
from okube_api.engine.planner import need_of
from okube_api.engine.question import Question
from okube_api.engine.sets import UserGroups, concatenate, from_blobs, from_users, merge_groups
from okube_api.engine.text_columns import ValuesByCode, encode_texts
from okube_api.store.arrays import Flags, Ints
from okube_api.store.plans import Aggregate
from okube_api.store.schema import ColumnType

_SMALL_BYTES = 200_000


class ValueNumbers:
    """The values of a scope or of a column, numbered as they are met; null is `unknown`."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, name: str | None) -> int:
        """The number of a value."""
        found = UNKNOWN if name is None else name
        if found not in self._numbers:
            self._numbers[found] = len(self.values)
            self.values.append(found)
        return self._numbers[found]

    def numbers(self, column: pa.ChunkedArray) -> Ints:
        """The numbers of a column of texts, row by row."""
        codes, known = encode_texts(column)
        return np.array([self.number(name) for name in known], dtype=np.int64)[codes]


@dataclass(frozen=True, slots=True)
class FetchedRows:
    """Everything that a plan's passes brought."""

    plan: Plan
    tables: Sequence[pa.Table]
    panel: Panel

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(table.num_rows for table in self.tables)

    @property
    def is_small(self) -> bool:
        """Whether to make something of it takes less time than to have another thread make it."""
        held: int = sum(table.nbytes for table in self.tables)
        return held <= _SMALL_BYTES

    def of(self, need: Need) -> Iterator[tuple[Pass, pa.Table]]:
        """The passes that serve a need, each with its rows."""
        for number in self.plan.passes_of_need[need]:
            yield self.plan.passes[number], self.tables[number]


@dataclass(frozen=True, slots=True)
class TermRows:
    """Rows of a pass that are of a term, each with the number of its scope value and of its bucket."""

    one: Pass
    table: pa.Table
    values: Ints
    buckets: Ints | None

    def integers(self, column: str) -> Ints:
        """A column of integers."""
        found: Ints = self.table.column(column).to_numpy().astype(np.int64, copy=False)
        return found

    def amounts(self, measure: Measure) -> Ints:
        """A measure, negative where the rows are to be taken away."""
        found = self.integers(measure.name)
        return found if self.one.sign == 1 else -found


class Evaluator:
    """Cells of one scope and one set of buckets: `value number * width + bucket`, the last bucket being the whole."""

    def __init__(self, read: FetchedRows, question: Question, scope: Scope, buckets: Buckets | None) -> None:
        self.question, self.scope, self.buckets = question, scope, buckets
        self.names = ValueNumbers()
        self.width = (len(buckets.labels) if buckets else 0) + 1
        self.notes: list[str] = []
        self._read = read
        self._totals: dict[tuple[Sums, Measure], Grid] = {}
        self._made: dict[Hashable, Any] = {}
        self._rows: dict[tuple[object, ...], list[TermRows]] = {}
        self._valued_rows: dict[tuple[int, str | None], tuple[Ints, pa.Table]] = {}

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` makes, made once for this view."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    # -- sums

    def total(self, term: Sums, measure: Measure, per: int = 1, whole: bool = True) -> Grid:
        """A measure by cell; a column that the term is split by divides each row's part."""
        known = self._totals.get((term, measure))
        if known is None:
            known = self._totals[term, measure] = self._divided(term, measure)
        weighted = self.weighted(term) and measure.weighted
        per *= WEIGHT_UNIT if weighted else 1
        return replace(known, denominator=known.denominator * per, is_integer=whole and not weighted)

    def banded(self, term: Sums, measure: Measure, bands: int) -> Grid:
        """A measure by cell and band, at `cell * (bands + 1) + band + 1`; band -1 is the unknown."""
        (column,) = term.split
        parts = [
            (cells * (bands + 1) + rows.integers(column) + 1, rows.amounts(measure))
            for rows in self.placed(term)
            for cells in self.cells(rows)
        ]
        weighted = self.weighted(term)
        return sum_by_cell(*_concatenated(parts), WEIGHT_UNIT if weighted else 1, not weighted)

    def itemised(self, term: Sums, measure: Measure, column: str, items: ValueNumbers) -> tuple[Grid, int]:
        """A measure by cell and item, at `cell * size + item`; and that size."""
        read = [(rows, items.numbers(rows.table.column(column))) for rows in self.placed(term)]
        size = max(len(items.values), 1)
        divisor = next((name for name in term.split if name != column), None)
        keys, numbers, divisors = [], [], []
        for rows, numbered in read:
            for cells in self.cells(rows):
                keys.append(cells * size + numbered)
                numbers.append(rows.amounts(measure))
                divisors.append(rows.integers(divisor) if divisor else np.ones(len(cells), dtype=np.int64))
        weighted = self.weighted(term)
        found = sum_quotients(_joined(keys), _joined(numbers), _joined(divisors))
        return replace(
            found,
            denominator=found.denominator * (WEIGHT_UNIT if weighted else 1),
            is_integer=not weighted and not divisor,
        ), size

    def _divided(self, term: Sums, measure: Measure) -> Grid:
        """A measure by cell, each row's part divided by the column that the term is split by."""
        parts = [(cells, rows) for rows in self.placed(term) for cells in self.cells(rows)]
        keys = _joined([cells for cells, _ in parts])
        numbers = _joined([rows.amounts(measure) for _, rows in parts])
        if not term.split:
            return sum_by_cell(keys, numbers)
        (column,) = term.split
        return sum_quotients(keys, numbers, _joined([rows.integers(column) for _, rows in parts]))

    def cells(self, rows: TermRows) -> Iterator[Ints]:
        """The cells of rows: once in their buckets, once for the whole period."""
        if rows.buckets is not None:
            yield rows.values * self.width + rows.buckets
        yield rows.values * self.width + self.width - 1

    # -- rows

    def placed(self, term: Term) -> list[TermRows]:
        """The rows of a term, pass by pass; a row of several campaigns once for each scope value they belong to."""
        need = need_of(term, self.scope, self.buckets, self.question)
        numbers = self._read.plan.passes_of_need[need]
        known = (term.slice, need.scope_column, numbers)
        if known not in self._rows:
            self._rows[known] = [self._place(need, number) for number in numbers]
        return self._rows[known]

    def _place(self, need: Need, number: int) -> TermRows:
        """The rows of a pass that are of a term: those that its slice tells apart."""
        one = self._read.plan.passes[number]
        values, table = self._valued(number, need.scope_column)
        kept = np.ones(len(values), dtype=np.bool_)
        for column, value in need.term.slice.described_by:
            kept &= _holding(table.column(column), value)
        if not kept.all():
            values, table = values[kept], table.filter(pa.array(kept))
        if self.buckets is None:
            return TermRows(one, table, values, None)
        assert one.time_column is not None
        return TermRows(
            one, table, values, self.buckets.locate(one.time_column, table.column(one.time_column).to_numpy())
        )

    def _valued(self, number: int, scope: str | None) -> tuple[Ints, pa.Table]:
        """The scope values of a pass's rows, and the rows: as often as they belong to one, added up where they can."""
        if (number, scope) not in self._valued_rows:
            self._valued_rows[number, scope] = self._value(number, scope)
        return self._valued_rows[number, scope]

    def _value(self, number: int, scope: str | None) -> tuple[Ints, pa.Table]:
        one, table = self._read.plan.passes[number], self._read.tables[number]
        if scope is None:
            return np.zeros(table.num_rows, dtype=np.int64), table
        if self.scope not in CAMPAIGN_SCOPES:
            return self.names.numbers(table.column(scope)), table
        if one.part.table.type_of(scope) is ColumnType.TEXTS:
            assert isinstance(one.node, Aggregate), "sets of users are by campaign, never by set of campaigns"
            return expand_path_sets(table, scope, self.belonging, [measure.name for measure in one.node.measures])
        codes, campaigns = encode_texts(table.column(scope))
        rows, values = self.belonging(campaigns).expand(codes)
        return values, table if _all_once(rows, table.num_rows) else table.take(rows)

    def belonging(self, campaigns: Iterable[str | None]) -> ValuesByCode:
        """For each campaign, the numbers of the scope values that it belongs to; none where filters leave it out."""
        return ValuesByCode.from_lists(
            [self.names.number(value) for value in campaign_scope_values(name, self.scope, self.question.campaigns)]
            if name is not None and self.keeps(name)
            else []
            for name in campaigns
        )

    def keeps(self, campaign: str) -> bool:
        """Whether the filters on campaigns, levers and extras keep a campaign."""
        return self._kept is None or campaign in self._kept

    @cached_property
    def _kept(self) -> frozenset[str] | None:
        return None if self.question.selected_campaigns is None else frozenset(self.question.selected_campaigns)

    # -- sets

    def count(self, terms: Sequence[UserSet]) -> Grid:
        """Distinct users by cell, of several sets together; the sum of their weights when uplifted."""
        weighted = self.weighted(terms[0])
        per = WEIGHT_UNIT if weighted else 1
        if self._attribute is None:
            return sum_by_cell(*self._counted(terms, weighted), per, not weighted)
        parts = [(self.cell_of_user(batch), self.weights(terms[0], batch)) for batch in self.people(terms)]
        return sum_by_cell(*_concatenated(parts), per, not weighted)

    def _counted(self, terms: Sequence[UserSet], weighted: bool) -> tuple[Ints, Ints]:
        """Distinct users by cell, where users have no scope value of their own."""
        placed = [(term, rows) for term in terms for rows in self.placed(term)]
        members = replace(self._members(placed), keys=_joined([rows.values for _, rows in placed]))
        buckets = _joined([rows.buckets for _, rows in placed if rows.buckets is not None])
        everybody = np.arange(int(members.users.max()) + 1 if len(members.users) else 0)
        weights = self.panel.weights_of(everybody) if weighted else None
        return count_distinct(members, None if self.buckets is None else buckets, self.width, weights)

    def people(self, terms: Iterable[UserSet]) -> Iterator[UserGroups]:
        """Distinct users, of several sets together, in batches; `cell_of_user` gives their cells."""
        for groups in self.memberships(terms):
            yield from merge_groups(groups)

    def memberships(self, terms: Iterable[UserSet], items: ValueNumbers | None = None) -> list[UserGroups]:
        """Users as the rows have them, a user possibly in several: by bucket, then for the whole period.

        items: where given, rows are told apart by the column that the terms are split by, and not by scope value.
        """
        placed = [(term, rows) for term in terms for rows in self.placed(term)]
        members = self._members(placed)
        values = [items.numbers(rows.table.column(term.split[0])) if items else rows.values for term, rows in placed]
        return [replace(members, keys=cells) for cells in self._cells_of(_joined(values), placed)]

    def people_at(self, term: UserSet, items: ValueNumbers) -> tuple[list[UserGroups], int]:
        """Distinct users by cell and by the column that a term is split by, at `cell * size + item`; and that size."""
        placed = [(term, rows) for rows in self.placed(term)]
        members = self._members(placed)
        numbers = _joined([items.numbers(rows.table.column(term.split[0])) for _, rows in placed])
        size = max(len(items.values), 1)
        cells = self._cells_of(_joined([rows.values for _, rows in placed]), placed)
        return [one for keys in cells for one in merge_groups(replace(members, keys=keys * size + numbers))], size

    def _members(self, placed: Sequence[tuple[UserSet, TermRows]]) -> UserGroups:
        """The users of rows, one after the other, without keys; those that filters keep."""
        rows = concatenate([self._groups(term, rows.one, rows.table) for term, rows in placed])
        chosen = self._chosen(rows)
        return rows if chosen is None else rows.filter_users(chosen)

    def _cells_of(self, values: Ints, placed: Sequence[tuple[UserSet, TermRows]]) -> list[Ints]:
        """The cells of rows, one after the other: in their buckets, then for the whole period."""
        whole = values * self.width + self.width - 1
        if self.buckets is None:
            return [whole]
        return [values * self.width + _joined([rows.buckets for _, rows in placed if rows.buckets is not None]), whole]

    def cell_of_user(self, groups: UserGroups) -> Ints:
        """The cell of each user of rows from `people` or `memberships`."""
        if self._attribute is None:
            return groups.key_of_user
        attribute, numbers = self._attribute
        return numbers[attribute.codes_of(groups.users)] * self.width + groups.key_of_user

    def weights(self, term: Term, groups: UserGroups) -> Ints:
        """What each user counts for: a weight in thousandths, or 1."""
        if self.weighted(term):
            return self.panel.weights_of(groups.users)
        return np.ones(len(groups.users), dtype=np.int64)

    def weighted(self, term: Term) -> bool:
        """Whether the users of a term count by their weight."""
        return self.question.uplift and term.slice.fact.weight is not None

    @property
    def panel(self) -> Panel:
        """What is known of the users."""
        return self._read.panel

    @cached_property
    def _attribute(self) -> tuple[Attribute, Ints] | None:
        """Where the scope is an attribute of the user: it, and the scope value of each of its codes (-1 last)."""
        if self.scope not in ATTRIBUTES:
            return None
        attribute = self.panel.attribute(ATTRIBUTES[self.scope])
        numbers = [self.names.number(name) for name in (*attribute.names, None)]
        return attribute, np.array(numbers, dtype=np.int64)

    def _groups(self, term: UserSet, one: Pass, table: pa.Table) -> UserGroups:
        keys = np.zeros(table.num_rows, dtype=np.int64)
        if one.users:
            return from_users(keys, table.column("user").to_numpy())
        return from_blobs(keys, table.column(term.members.name))

    def _chosen(self, groups: UserGroups) -> Flags | None:
        """Which users the filters on their attributes keep; None when there is no such filter."""
        kept: Flags | None = None
        for scope, chosen in self.question.filters:
            if scope in ATTRIBUTES:
                attribute = self.panel.attribute(ATTRIBUTES[scope])
                names = np.array([name in chosen.values for name in (*attribute.names, None)], dtype=np.bool_)
                flags = names[attribute.codes_of(groups.users)] != chosen.negated
                kept = flags if kept is None else kept & flags
        return kept


def _holding(column: pa.ChunkedArray, value: str | int) -> Flags:
    """Which rows of a column hold a value."""
    if isinstance(value, int):
        equal: Flags = column.to_numpy() == value
        return equal
    codes, known = encode_texts(column)
    found: Flags = codes == (known.index(value) if value in known else -1)
    return found


def _all_once(rows: Ints, count: int) -> bool:
    return len(rows) == count and bool(np.all(rows == np.arange(count)))


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _concatenated(parts: Sequence[tuple[Ints, Numerators]]) -> tuple[Ints, Numerators]:
    return _joined([keys for keys, _ in parts]), _joined([numbers for _, numbers in parts])
