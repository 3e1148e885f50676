"""The rows that were read, seen by one scope and one way of cutting days into buckets."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import lcm

import numpy as np
import pyarrow as pa

from okube_api.catalogue.facts import Measure
from okube_api.catalogue.values import ATTRIBUTES, Scope, Sums, Term, Users
from okube_api.engine.calendar import Buckets
from okube_api.engine.cells import Cells, Ints, Numerators, summed, times
from okube_api.engine.panel import Attribute, Panel
from okube_api.engine.plan import Need, Pass, Plan
from okube_api.engine.planner import scope_column
from okube_api.engine.question import Question
from okube_api.engine.sets import Flags, Groups, from_blobs, from_users, joined, merged

UNKNOWN = "unknown"
WEIGHT_PER = 1000


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
        if len(column) == 0:
            return np.zeros(0, dtype=np.int64)
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.unify_dictionaries().combine_chunks()
        known = np.array([self.number(name) for name in encoded.dictionary.to_pylist()], dtype=np.int64)
        result: Ints = known[encoded.indices.to_numpy(zero_copy_only=False)]
        return result


@dataclass(frozen=True, slots=True)
class Read:
    """Everything that a plan's passes brought."""

    plan: Plan
    tables: Sequence[pa.Table]
    panel: Panel

    def of(self, need: Need) -> Iterator[tuple[Pass, pa.Table]]:
        """The passes that serve a need, each with its rows."""
        for number in self.plan.serving[need]:
            yield self.plan.passes[number], self.tables[number]


class View:
    """Cells of one scope and one set of buckets: `value number * width + bucket`, the last bucket being the whole."""

    def __init__(self, read: Read, question: Question, scope: Scope, buckets: Buckets | None) -> None:
        self.question, self.scope, self.buckets = question, scope, buckets
        self.names = Names()
        self.width = (len(buckets.labels) if buckets else 0) + 1
        self._read = read
        self._totals: dict[tuple[Sums, Measure], Cells] = {}

    # -- sums

    def total(self, term: Sums, measure: Measure, per: int = 1, whole: bool = True) -> Cells:
        """A measure by cell; a column that the term is split by divides each row's part."""
        known = self._totals.get((term, measure))
        if known is None:
            keys, numbers, divisor = self._rows(term, measure)
            known = self._totals[term, measure] = summed(keys, numbers, divisor)
        weighted = self.weighted(term) and measure.weighted
        per *= WEIGHT_PER if weighted else 1
        return replace(known, per=known.per * per, whole=whole and not weighted)

    def banded(self, term: Sums, measure: Measure, bands: int) -> Cells:
        """A measure by cell and band, at `cell * (bands + 1) + band + 1`; band -1 is the unknown."""
        (column,) = term.split
        parts = [
            (cells * (bands + 1) + table.column(column).to_numpy() + 1, table.column(measure.name).to_numpy())
            for cells, table in self._cells(term)
        ]
        weighted = self.weighted(term)
        return summed(*_concatenated(parts), WEIGHT_PER if weighted else 1, not weighted)

    def itemised(self, term: Sums, measure: Measure, column: str, items: Names) -> tuple[Cells, int]:
        """A measure by cell and item, at `cell * size + item`; and that size."""
        read = [(cells, items.numbers(table.column(column)), table) for cells, table in self._cells(term)]
        size = max(len(items.list), 1)
        parts = [(cells * size + numbers, table.column(measure.name).to_numpy()) for cells, numbers, table in read]
        weighted = self.weighted(term)
        return summed(*_concatenated(parts), WEIGHT_PER if weighted else 1, not weighted), size

    def _rows(self, term: Sums, measure: Measure) -> tuple[Ints, Numerators, int]:
        """Cells and numbers, row by row, over one common denominator."""
        if not term.split:
            parts = [(cells, table.column(measure.name).to_numpy()) for cells, table in self._cells(term)]
            return (*_concatenated(parts), 1)
        (column,) = term.split
        read = [
            (cells, table.column(column).to_numpy(), table.column(measure.name).to_numpy())
            for cells, table in self._cells(term)
        ]
        divisors = np.unique(np.concatenate([divisor for _, divisor, _ in read]))
        common = lcm(*(int(divisor) for divisor in divisors))
        parts = [
            (cells[divisors_ == divisor], times(numbers[divisors_ == divisor], common // int(divisor)))
            for cells, divisors_, numbers in read
            for divisor in divisors
        ]
        return (*_concatenated(parts), common)

    def _cells(self, term: Term) -> Iterator[tuple[Ints, pa.Table]]:
        """Each pass's rows with their cells: once in their buckets, once for the whole period."""
        for values, buckets, _, table in self._placed(term):
            if buckets is not None:
                yield values * self.width + buckets, table
            yield values * self.width + self.width - 1, table

    def _placed(self, term: Term) -> Iterator[tuple[Ints, Ints | None, Pass, pa.Table]]:
        """Each pass's rows with the numbers of their scope value and of their bucket."""
        need = Need(term, scope_column(term, self.scope), self.buckets.column if self.buckets else None)
        for one, table in self._read.of(need):
            values = (
                self.names.numbers(table.column(need.scope)) if need.scope else np.zeros(table.num_rows, dtype=np.int64)
            )
            buckets: Ints | None = None
            if self.buckets is not None:
                assert one.time is not None
                buckets = self.buckets.place(one.time, table.column(one.time).to_numpy().astype(np.int64))
            yield values, buckets, one, table

    # -- sets

    def count(self, terms: Sequence[Users]) -> Cells:
        """Distinct users by cell, of several sets together; the sum of their weights when uplifted."""
        weighted = self.weighted(terms[0])
        parts = []
        for batch in self.people(terms):
            weights = self.weights(terms[0], batch)
            if self._attribute is not None:
                parts.append((self.cell_of_user(batch), weights))
            else:
                parts.append((batch.keys, batch.sums(weights) if weighted else batch.lengths))
        return summed(*_concatenated(parts), WEIGHT_PER if weighted else 1, not weighted)

    def people(self, terms: Iterable[Users]) -> Iterator[Groups]:
        """Distinct users, of several sets together, in batches; `cell_of_user` gives their cells."""
        for groups in self.memberships(terms):
            yield from merged(groups)

    def memberships(self, terms: Iterable[Users], items: Names | None = None) -> list[Groups]:
        """Users as the rows have them, a user possibly in several: by bucket, then for the whole period.

        items: where given, rows are told apart by the column that the terms are split by, and not by scope value.
        """
        placed = [
            (items.numbers(table.column(term.split[0])) if items else values, buckets, self._groups(term, one, table))
            for term in terms
            for values, buckets, one, table in self._placed(term)
        ]
        rows = joined([groups for _, _, groups in placed])
        chosen = self._chosen(rows)
        rows = rows if chosen is None else rows.kept(chosen)
        values = np.concatenate([values for values, _, _ in placed])
        whole = replace(rows, keys=values * self.width + self.width - 1)
        if self.buckets is None:
            return [whole]
        buckets = np.concatenate([buckets for _, buckets, _ in placed if buckets is not None])
        return [replace(rows, keys=values * self.width + buckets), whole]

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


def _concatenated(parts: Sequence[tuple[Ints, Numerators]]) -> tuple[Ints, Numerators]:
    if not parts:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    exact = object if any(numbers.dtype == object for _, numbers in parts) else np.int64
    return np.concatenate([keys for keys, _ in parts]), np.concatenate([numbers.astype(exact) for _, numbers in parts])
