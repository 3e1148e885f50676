"""Terms: which rows of a fact a KPI reads, and what it takes from them.  The planner needs nothing else of a KPI."""

from dataclasses import dataclass, replace

from okube_api.catalogue.fact import Fact, Measure, MemberSet
from okube_api.catalogue.scopes import SCOPE_OF_COLUMN, PlaceRole, Scope


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of a fact that a KPI looks at.

    place: which places of the question the row's place must be one of, and the column that holds it.
    columns: the column of each scope and filter; filters without a column do not restrict the rows.
    filters: the columns of filters for scopes by which these rows cannot be broken down.
    fixed: columns that must hold one of these values, whatever the question.
    described_by: columns that must hold this value, too, but are compared only after the rows were read.  Slices
        that differ in nothing else share a pass.
    placeless: whether rows that name no place belong to the slice as well.
    """

    fact: Fact
    place: tuple[PlaceRole, str] | None
    columns: tuple[tuple[Scope, str], ...]
    fixed: tuple[tuple[str, tuple[str | int, ...]], ...] = ()
    described_by: tuple[tuple[str, str | int], ...] = ()
    placeless: bool = False
    filters: tuple[tuple[Scope, str], ...] = ()

    def column(self, scope: Scope) -> str | None:
        """Return the column that holds the scope's values; None when the rows do not have it."""
        return dict(self.columns).get(SCOPE_OF_COLUMN.get(scope, scope))

    def filter_column(self, scope: Scope) -> str | None:
        """Return the column that a filter on the scope's values compares; None when it does not restrict the rows."""
        return dict(self.filters).get(scope) or self.column(scope)

    def only(self, column: str, *values: str | int) -> "Slice":
        """Return the rows whose column holds one of the values; the store leaves out the others."""
        return replace(self, fixed=(*self.fixed, (column, values)))

    def where(self, column: str, value: str | int) -> "Slice":
        """Return the rows whose column holds the value; the engine leaves out the others after reading."""
        return replace(self, described_by=(*self.described_by, (column, value)))


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of measures over a slice, by scope value, bucket and the columns of `split`.

    daily: whether to read one sum per day, whatever the buckets.
    shared: whether rows without a site are shared by the sites of their campaign, when a question is about a
        selection of sites.
    """

    slice: Slice
    measures: tuple[Measure, ...]
    split: tuple[str, ...] = ()
    daily: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class UserSet:
    """The set of users of a slice, by scope value, bucket and the columns of `split`.

    members: which of the rows count.
    daily: whether days are never merged, so that a user occurs once for each day and place.
    attribute: an attribute of users that is needed as well.
    span: the columns whose least value (first column) and greatest value (second) per user are needed as well, for
        daily sets per user, day and place; None for a value that is not needed.
    """

    slice: Slice
    members: MemberSet
    split: tuple[str, ...] = ()
    daily: bool = False
    attribute: str | None = None
    span: tuple[str | None, str | None] | None = None


Term = Sums | UserSet
