"""Plans of questions: the passes over tables, the needs that they serve, and the sources that were rejected."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from okube_api.catalogue.fact import Span
from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Term
from okube_api.engine.calendar import Buckets
from okube_api.store.plans import Aggregate, Select
from okube_api.store.schema import Table


@dataclass(frozen=True, slots=True)
class Need:
    """A term with the columns that its rows must be grouped by.

    scope_columns: the columns of the dimensions, as far as the rows have them.
    time_columns: the columns that determine the bucket; none for the whole period.
    extra_columns: further columns that the question needs.
    """

    term: Term
    scope_columns: frozenset[str]
    time_columns: tuple[str, ...]
    extra_columns: tuple[str, ...] = ()

    @property
    def dimensions(self) -> frozenset[str]:
        """The columns to group by, besides the time columns."""
        described_by = (column for column, _ in self.term.slice.described_by)
        return frozenset((*self.scope_columns, *self.term.split, *described_by, *self.extra_columns))


@dataclass(frozen=True, slots=True)
class PeriodPart:
    """A part of the period that is read from one table: the rows whose part (day or month) lies in [low, high]."""

    table: Table
    span: Span | None  # None for the fact itself
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Pass:
    """One query to the store.

    time_columns: the columns that determine the bucket of a row; none when a row covers the whole period.
    has_users: whether each row has one user in a column (sets read from a fact); otherwise sets are blobs.
    sign: -1 when its rows are subtracted from those of other passes.
    """

    part: PeriodPart
    node: Aggregate | Select
    time_columns: tuple[str, ...]
    has_users: bool = False
    sign: int = 1


class RejectedSource(NamedTuple):
    """A table, or a rollup by day and month, that the planner considered and did not read, and why.

    message: `{}` stands for the names.  It is formatted on demand, because most questions are never explained.
    """

    table: str
    message: str
    names: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Why the source is not read, in one sentence."""
        return self.message.format(", ".join(f"`{name}`" for name in sorted(self.names)))


@dataclass(frozen=True, slots=True)
class Plan:
    """The passes of a question, and which of them together answer each need.

    needs: by term, scopes of the dimensions and columns that determine the bucket.
    rejected: for each pass, the sources that were considered for it and not read.
    """

    passes: tuple[Pass, ...]
    needs: Mapping[tuple[Term, tuple[Scope, ...], tuple[str, ...]], Need]
    passes_of_need: Mapping[Need, tuple[int, ...]]
    rejected: tuple[tuple[RejectedSource, ...], ...]

    def need_of(self, term: Term, scopes: tuple[Scope, ...], buckets: Buckets | None) -> Need:
        """Return what a term needs, by dimensions of these scopes and in those buckets."""
        return self.needs[term, scopes, buckets.columns if buckets else ()]
