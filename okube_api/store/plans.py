"""Plans, the queries over rows: frozen nodes, which each store translates with one rule per node."""

from dataclasses import dataclass

from okube_api.store.conditions import Condition
from okube_api.store.schema import Table


@dataclass(frozen=True, slots=True)
class Band:
    """A grouping key: the index of the half-open band [edges[i], edges[i+1]) that contains `field`, or -1 when null.

    edges: ascending; the last band has no upper limit.  A value below the first edge belongs to band 0.
    """

    field: str
    edges: tuple[int, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Each:
    """A grouping key: each value of the list in `field`.  A row counts once for every distinct value in its list."""

    field: str
    name: str


GroupKey = str | Band | Each


@dataclass(frozen=True, slots=True)
class Sum:
    """Exact sum of an integer column; nulls count as 0.  `times` names a column to multiply by, per row."""

    field: str
    name: str
    times: str | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """Number of rows."""

    name: str


@dataclass(frozen=True, slots=True)
class Min:
    """Least value of an integer column, nulls ignored."""

    field: str
    name: str


@dataclass(frozen=True, slots=True)
class Max:
    """Greatest value of an integer column, nulls ignored."""

    field: str
    name: str


Measure = Sum | Count | Min | Max


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Rows of `source` that meet `where`, grouped by the keys, with one row of measures per group.

    source: a table that is not packed, or another Aggregate (its columns are named after its keys and measures).

    The result is an Arrow table: the keys by name, then the measures, in no particular order.  Measures are int64; a
    column of sums is decimal128(38, 0) when one of them does not fit.  Without keys the result has exactly one row,
    even when no row matches.  The application is the reader's and never part of a condition.
    """

    source: "Table | Aggregate"
    where: Condition
    by: tuple[GroupKey, ...]
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Select:
    """The named columns of the rows that meet `where`, ungrouped: for sets of user numbers, which callers merge."""

    source: Table
    where: Condition
    columns: tuple[str, ...]
