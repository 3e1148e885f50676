"""What the planner decides: which passes over which tables, and which need each of them serves."""

from dataclasses import dataclass

from okube_api.catalogue.expressions.values import Term
from okube_api.catalogue.facts import Span
from okube_api.store.base import Aggregate, Select, Table


@dataclass(frozen=True, slots=True)
class Need:
    """A term by a scope's column and a bucket column: what the engine will ask for.

    scope: the column of the scope values; None for globals, and for rows that do not know the scope.
    time: the bucket column; None for the whole period.
    also: columns that the question, and not the term, wants told apart.
    """

    term: Term
    scope_column: str | None
    time_column: str | None
    extra_columns: tuple[str, ...] = ()

    @property
    def dimensions(self) -> frozenset[str]:
        """The columns that must tell rows apart, besides time."""
        told = (column for column, _ in self.term.slice.described_by)
        return frozenset(
            (*self.term.split, *told, *self.extra_columns, *((self.scope_column,) if self.scope_column else ()))
        )


@dataclass(frozen=True, slots=True)
class PeriodPart:
    """A part of the period, read from one table: the rows whose part (day or month) lies in [low, high]."""

    table: Table
    span: Span | None  # None for the fact itself
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Pass:
    """One query to the store.

    node: the query.
    time: its column of bucket numbers, None when its rows span the whole period.
    users: whether it has a column of one user a row, for sets read from a fact; else sets come as blobs.
    sign: -1 where its rows are taken away from those of other passes.
    """

    part: PeriodPart
    node: Aggregate | Select
    time_column: str | None
    users: bool = False
    sign: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """Every pass of a question, and the passes that answer each need, together."""

    passes: tuple[Pass, ...]
    passes_of_need: dict[Need, tuple[int, ...]]
