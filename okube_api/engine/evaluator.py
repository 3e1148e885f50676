"""The rows that were read, seen by one scope and one way of cutting days into buckets."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from okube_api.catalogue.expressions.values import ATTRIBUTES, Scope, Sums, Term, Users
from okube_api.catalogue.facts import Measure
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.calendar import Buckets
from okube_api.engine.distinct import counted
from okube_api.engine.evaluators.campaigns import OF_CAMPAIGNS, UNKNOWN, Belonging, encoded, values_of
from okube_api.engine.grid import Cells, Numerators, quotients, summed
from okube_api.engine.panel import Attribute, Panel
from okube_api.engine.pathsets import by_value
from okube_api.engine.plan import Need, Pass, Plan
from okube_api.engine.planner import need_of
from okube_api.engine.question import Question
from okube_api.engine.sets import Groups, from_blobs, from_users, joined, merged
from okube_api.store.arrays import Flags, Ints
from okube_api.store.base import Aggregate, Kind

_SMALL_BYTES = 200_000


class Names:
    """The values of a scope or of a column, numbered as they are met; null is `unknown`."""

    def __init__(self) -> None:
        self.list: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, name: str | None) -> int:
        """The number of a value."""
        found = UNKNOWN if name is None else name
        if found not in self._numbers:
            self._numbers[found] = len(self.list)
            self.list.append(found)
        return self._numbers[found]

    def numbers(self, column: pa.ChunkedArray) -> Ints:
        """The numbers of a column of texts, row by row."""
        codes, known = encoded(column)
        return np.array([self.number(name) for name in known], dtype=np.int64)[codes]


@dataclass(frozen=True, slots=True)
class Read:
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
        for number in self.plan.serving[need]:
            yield self.plan.passes[number], self.tables[number]


@dataclass(frozen=True, slots=True)
class Placed:
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


class View:
    """Cells of one scope and one set of buckets: `value number * width + bucket`, the last bucket being the whole."""

    def __init__(self, read: Read, question: Question, scope: Scope, buckets: Buckets | None) -> None:
        self.question, self.scope, self.buckets = question, scope, buckets
        self.names = Names()
        self.width = (len(buckets.labels) if buckets else 0) + 1
        self.notes: list[str] = []
        self._read = read
        self._totals: dict[tuple[Sums, Measure], Cells] = {}
        self._made: dict[Hashable, Any] = {}
        self._rows: dict[tuple[object, ...], list[Placed]] = {}
        self._valued_rows: dict[tuple[int, str | None], tuple[Ints, pa.Table]] = {}

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` makes, made once for this view."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    # -- sums

    def total(self, term: Sums, measure: Measure, per: int = 1, whole: bool = True) -> Cells:
        """A measure by cell; a column that the term is split by divides each row's part."""
        known = self._totals.get((term, measure))
        if known is None:
            known = self._totals[term, measure] = self._divided(term, measure)
        weighted = self.weighted(term) and measure.weighted
        per *= WEIGHT_UNIT if weighted else 1
        return replace(known, per=known.per * per, whole=whole and not weighted)

    def banded(self, term: Sums, measure: Measure, bands: int) -> Cells:
        """A measure by cell and band, at `cell * (bands + 1) + band + 1`; band -1 is the unknown."""
        (column,) = term.split
        parts = [
            (cells * (bands + 1) + rows.integers(column) + 1, rows.amounts(measure))
            for rows in self.placed(term)
            for cells in self.cells(rows)
        ]
        weighted = self.weighted(term)
        return summed(*_concatenated(parts), WEIGHT_UNIT if weighted else 1, not weighted)

    def itemised(self, term: Sums, measure: Measure, column: str, items: Names) -> tuple[Cells, int]:
        """A measure by cell and item, at `cell * size + item`; and that size."""
        read = [(rows, items.numbers(rows.table.column(column))) for rows in self.placed(term)]
        size = max(len(items.list), 1)
        divisor = next((name for name in term.split if name != column), None)
        keys, numbers, divisors = [], [], []
        for rows, numbered in read:
            for cells in self.cells(rows):
                keys.append(cells * size + numbered)
                numbers.append(rows.amounts(measure))
                divisors.append(rows.integers(divisor) if divisor else np.ones(len(cells), dtype=np.int64))
        weighted = self.weighted(term)
        found = quotients(_joined(keys), _joined(numbers), _joined(divisors))
        return replace(found, per=found.per * (WEIGHT_UNIT if weighted else 1), whole=not weighted and not divisor), size

    def _divided(self, term: Sums, measure: Measure) -> Cells:
        """A measure by cell, each row's part divided by the column that the term is split by."""
        parts = [(cells, rows) for rows in self.placed(term) for cells in self.cells(rows)]
        keys = _joined([cells for cells, _ in parts])
        numbers = _joined([rows.amounts(measure) for _, rows in parts])
        if not term.split:
            return summed(keys, numbers)
        (column,) = term.split
        return quotients(keys, numbers, _joined([rows.integers(column) for _, rows in parts]))

    def cells(self, rows: Placed) -> Iterator[Ints]:
        """The cells of rows: once in their buckets, once for the whole period."""
        if rows.buckets is not None:
            yield rows.values * self.width + rows.buckets
        yield rows.values * self.width + self.width - 1

    # -- rows

    def placed(self, term: Term) -> list[Placed]:
        """The rows of a term, pass by pass; a row of several campaigns once for each scope value they belong to."""
        need = need_of(term, self.scope, self.buckets, self.question)
        numbers = self._read.plan.serving[need]
        known = (term.slice, need.scope, numbers)
        if known not in self._rows:
            self._rows[known] = [self._place(need, number) for number in numbers]
        return self._rows[known]

    def _place(self, need: Need, number: int) -> Placed:
        """The rows of a pass that are of a term: those that its slice tells apart."""
        one = self._read.plan.passes[number]
        values, table = self._valued(number, need.scope)
        kept = np.ones(len(values), dtype=np.bool_)
        for column, value in need.term.slice.told:
            kept &= _holding(table.column(column), value)
        if not kept.all():
            values, table = values[kept], table.filter(pa.array(kept))
        if self.buckets is None:
            return Placed(one, table, values, None)
        assert one.time is not None
        return Placed(one, table, values, self.buckets.place(one.time, table.column(one.time).to_numpy()))

    def _valued(self, number: int, scope: str | None) -> tuple[Ints, pa.Table]:
        """The scope values of a pass's rows, and the rows: as often as they belong to one, added up where they can."""
        if (number, scope) not in self._valued_rows:
            self._valued_rows[number, scope] = self._value(number, scope)
        return self._valued_rows[number, scope]

    def _value(self, number: int, scope: str | None) -> tuple[Ints, pa.Table]:
        one, table = self._read.plan.passes[number], self._read.tables[number]
        if scope is None:
            return np.zeros(table.num_rows, dtype=np.int64), table
        if self.scope not in OF_CAMPAIGNS:
            return self.names.numbers(table.column(scope)), table
        if one.piece.table.kind_of(scope) is Kind.TEXTS:
            assert isinstance(one.node, Aggregate), "sets of users are by campaign, never by set of campaigns"
            return by_value(table, scope, self.belonging, [measure.name for measure in one.node.measures])
        codes, campaigns = encoded(table.column(scope))
        rows, values = self.belonging(campaigns).spread(codes)
        return values, table if _all_once(rows, table.num_rows) else table.take(rows)

    def belonging(self, campaigns: Iterable[str | None]) -> Belonging:
        """For each campaign, the numbers of the scope values that it belongs to; none where filters leave it out."""
        return Belonging.of(
            [self.names.number(value) for value in values_of(name, self.scope, self.question.campaigns)]
            if name is not None and self.keeps(name)
            else []
            for name in campaigns
        )

    def keeps(self, campaign: str) -> bool:
        """Whether the filters on campaigns, levers and extras keep a campaign."""
        return self._kept is None or campaign in self._kept

    @cached_property
    def _kept(self) -> frozenset[str] | None:
        return None if self.question.kept is None else frozenset(self.question.kept)

    # -- sets

    def count(self, terms: Sequence[Users]) -> Cells:
        """Distinct users by cell, of several sets together; the sum of their weights when uplifted."""
        weighted = self.weighted(terms[0])
        per = WEIGHT_UNIT if weighted else 1
        if self._attribute is None:
            return summed(*self._counted(terms, weighted), per, not weighted)
        parts = [(self.cell_of_user(batch), self.weights(terms[0], batch)) for batch in self.people(terms)]
        return summed(*_concatenated(parts), per, not weighted)

    def _counted(self, terms: Sequence[Users], weighted: bool) -> tuple[Ints, Ints]:
        """Distinct users by cell, where users have no scope value of their own."""
        placed = [(term, rows) for term in terms for rows in self.placed(term)]
        members = replace(self._members(placed), keys=_joined([rows.values for _, rows in placed]))
        buckets = _joined([rows.buckets for _, rows in placed if rows.buckets is not None])
        everybody = np.arange(int(members.users.max()) + 1 if len(members.users) else 0)
        weights = self.panel.weights_of(everybody) if weighted else None
        return counted(members, None if self.buckets is None else buckets, self.width, weights)

    def people(self, terms: Iterable[Users]) -> Iterator[Groups]:
        """Distinct users, of several sets together, in batches; `cell_of_user` gives their cells."""
        for groups in self.memberships(terms):
            yield from merged(groups)

    def memberships(self, terms: Iterable[Users], items: Names | None = None) -> list[Groups]:
        """Users as the rows have them, a user possibly in several: by bucket, then for the whole period.

        items: where given, rows are told apart by the column that the terms are split by, and not by scope value.
        """
        placed = [(term, rows) for term in terms for rows in self.placed(term)]
        members = self._members(placed)
        values = [items.numbers(rows.table.column(term.split[0])) if items else rows.values for term, rows in placed]
        return [replace(members, keys=cells) for cells in self._cells_of(_joined(values), placed)]

    def people_at(self, term: Users, items: Names) -> tuple[list[Groups], int]:
        """Distinct users by cell and by the column that a term is split by, at `cell * size + item`; and that size."""
        placed = [(term, rows) for rows in self.placed(term)]
        members = self._members(placed)
        numbers = _joined([items.numbers(rows.table.column(term.split[0])) for _, rows in placed])
        size = max(len(items.list), 1)
        cells = self._cells_of(_joined([rows.values for _, rows in placed]), placed)
        return [one for keys in cells for one in merged(replace(members, keys=keys * size + numbers))], size

    def _members(self, placed: Sequence[tuple[Users, Placed]]) -> Groups:
        """The users of rows, one after the other, without keys; those that filters keep."""
        rows = joined([self._groups(term, rows.one, rows.table) for term, rows in placed])
        chosen = self._chosen(rows)
        return rows if chosen is None else rows.kept(chosen)

    def _cells_of(self, values: Ints, placed: Sequence[tuple[Users, Placed]]) -> list[Ints]:
        """The cells of rows, one after the other: in their buckets, then for the whole period."""
        whole = values * self.width + self.width - 1
        if self.buckets is None:
            return [whole]
        return [values * self.width + _joined([rows.buckets for _, rows in placed if rows.buckets is not None]), whole]

    def cell_of_user(self, groups: Groups) -> Ints:
        """The cell of each user of rows from `people` or `memberships`."""
        if self._attribute is None:
            return groups.key_of_user
        attribute, numbers = self._attribute
        return numbers[attribute.of(groups.users)] * self.width + groups.key_of_user

    def weights(self, term: Term, groups: Groups) -> Ints:
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

    def _groups(self, term: Users, one: Pass, table: pa.Table) -> Groups:
        keys = np.zeros(table.num_rows, dtype=np.int64)
        if one.users:
            return from_users(keys, table.column("user").to_numpy())
        return from_blobs(keys, table.column(term.members.name))

    def _chosen(self, groups: Groups) -> Flags | None:
        """Which users the filters on their attributes keep; None when there is no such filter."""
        kept: Flags | None = None
        for scope, chosen in self.question.filters:
            if scope in ATTRIBUTES:
                attribute = self.panel.attribute(ATTRIBUTES[scope])
                names = np.array([name in chosen.values for name in (*attribute.names, None)], dtype=np.bool_)
                flags = names[attribute.of(groups.users)] != chosen.negated
                kept = flags if kept is None else kept & flags
        return kept


def _holding(column: pa.ChunkedArray, value: str | int) -> Flags:
    """Which rows of a column hold a value."""
    if isinstance(value, int):
        equal: Flags = column.to_numpy() == value
        return equal
    codes, known = encoded(column)
    found: Flags = codes == (known.index(value) if value in known else -1)
    return found


def _all_once(rows: Ints, count: int) -> bool:
    return len(rows) == count and bool(np.all(rows == np.arange(count)))


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _concatenated(parts: Sequence[tuple[Ints, Numerators]]) -> tuple[Ints, Numerators]:
    return _joined([keys for keys, _ in parts]), _joined([numbers for _, numbers in parts])
