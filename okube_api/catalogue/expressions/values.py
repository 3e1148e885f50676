"""What a KPI is worth, as data: terms that read rows, and expressions over them.

A term says which rows of a fact are read and what is taken from them; an expression says what is made of the
terms.  The planner looks at terms only, the engine evaluates each kind of expression once, for every KPI.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from typing_extensions import override

from okube_api.catalogue.facts import Fact, Measure, MemberSet


class Scope(StrEnum):
    """What an answer is broken down by."""

    GLOBALS = "globals"
    SITES = "sites"
    HOMES = "homes"
    WORKS = "works"
    ZONES = "zones"  # the former name of homes
    POIS = "pois"
    CAMPAIGNS = "campaigns"
    LEVERS = "levers"
    EXTRAS = "extras"
    EQUIPMENTS = "equipments"


ATTRIBUTES = {Scope.HOMES: "home", Scope.WORKS: "work", Scope.ZONES: "home"}
"""The scopes that are attributes of a user, and the panel's columns that hold them."""

SCOPE_OF_COLUMN = {Scope.ZONES: Scope.HOMES, Scope.LEVERS: Scope.CAMPAIGNS, Scope.EXTRAS: Scope.CAMPAIGNS}
"""The scopes whose values follow from those of another: levers and extras belong to campaigns."""


class PlaceRole(StrEnum):
    """Which places of the question a slice looks at."""

    SITES = "sites"  # those of the study, or of the application, that the filters leave
    POIS = "pois"
    STUDY = "study"  # every site and point of interest of the study, whatever the filters


class Bands(StrEnum):
    """The bins of a distribution; their edges are settings of the application."""

    DWELL = "dwell"
    DISTANCE = "distance"
    VISITS = "visits"
    DELAY = "delay"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of a fact that a KPI looks at.

    place: the column that holds the place, and which places of the question it must be one of.
    columns: the column that answers to each scope and filter; a filter without one leaves the rows alone.
    fixed: columns that must hold one of these values, whatever the question.
    told: columns that must hold this value, too, but told apart only after the rows were read: slices that differ
        in nothing else share a pass.
    placeless: rows that name no place belong to it as well.
    """

    fact: Fact
    place: tuple[PlaceRole, str] | None
    columns: tuple[tuple[Scope, str], ...]
    fixed: tuple[tuple[str, tuple[str | int, ...]], ...] = ()
    described_by: tuple[tuple[str, str | int], ...] = ()
    placeless: bool = False

    def column(self, scope: Scope) -> str | None:
        """The column that tells the scope's values apart; None when these rows do not know them."""
        return dict(self.columns).get(SCOPE_OF_COLUMN.get(scope, scope))

    def only(self, column: str, *values: str | int) -> "Slice":
        """The same rows, but those whose column holds one of the values."""
        return replace(self, fixed=(*self.fixed, (column, values)))

    def where(self, column: str, value: str | int) -> "Slice":
        """The same rows, but those whose column holds the value, told apart after reading."""
        return replace(self, described_by=(*self.described_by, (column, value)))


# -- terms ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of measures over a slice, by scope value, bucket, and the columns of `split`.

    daily: kept apart by day, whatever the buckets.
    shared: rows without a site are shared by the sites of their campaign where a question looks at some sites only.
    """

    slice: Slice
    measures: tuple[Measure, ...]
    split: tuple[str, ...] = ()
    daily: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class UserSet:
    """The set of users of a slice (those that `members` keeps), by scope value, bucket, and `split`.

    daily: never merged over days, so that a user stands once for each day and place.
    attribute: something of each user that must be known besides.
    span: of daily users, the columns whose least and greatest value of the day and place are read besides.
    """

    slice: Slice
    members: MemberSet
    split: tuple[str, ...] = ()
    daily: bool = False
    attribute: str | None = None
    span: tuple[str, str] | None = None


Term = Sums | UserSet

# -- expressions -------------------------------------------------------------------------------------------


class Value:
    """Something that an answer's leaf can show."""

    __slots__ = ()

    def terms(self, scope: Scope) -> tuple[Term, ...]:
        """What must be read to know it by that scope."""
        raise NotImplementedError


class Number(Value):
    """A value that is one number."""

    __slots__ = ()


def _terms(values: Iterable[Value], scope: Scope) -> tuple[Term, ...]:
    return tuple(term for value in values for term in value.terms(scope))


@dataclass(frozen=True, slots=True)
class Total(Number):
    """The sum of a measure.

    per: how many of the measure's units make one of the answer's (1,000,000 for money).
    whole: whether it is an integer as long as nothing is uplifted.
    divided_by: a column whose value divides each row's part (the length of a path).
    """

    measure: Measure
    slice: Slice
    denominator: int = 1
    is_integer: bool = True
    divided_by: str | None = None

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (Sums(self.slice, (self.measure,), (self.divided_by,) if self.divided_by else ()),)


@dataclass(frozen=True, slots=True)
class Distinct(Number):
    """How many distinct users (the sum of their weights when uplifted) stand in one or more sets together."""

    sets: tuple[UserSet, ...]

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return self.sets


@dataclass(frozen=True, slots=True)
class Plus(Number):
    """The sum of numbers."""

    parts: tuple[Number, ...]

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return _terms(self.parts, scope)


@dataclass(frozen=True, slots=True)
class Minus(Number):
    """One number less another."""

    left: Number
    right: Number

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return _terms((self.left, self.right), scope)


@dataclass(frozen=True, slots=True)
class Ratio(Number):
    """One number over another; null where that is 0."""

    numerator: Number
    denominator: Number

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return _terms((self.numerator, self.denominator), scope)


@dataclass(frozen=True, slots=True)
class Scoped(Value):
    """A value that is another one by some scopes."""

    default: Value
    overrides: tuple[tuple[Scope, Value], ...]

    def for_scope(self, scope: Scope) -> Value:
        """What it is by that scope."""
        return dict(self.overrides).get(scope, self.default)

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return self.for_scope(scope).terms(scope)


@dataclass(frozen=True, slots=True)
class ScopedNumber(Number):
    """A number that is another one by some scopes."""

    default: Number
    overrides: tuple[tuple[Scope, Number], ...]

    def for_scope(self, scope: Scope) -> Number:
        """What it is by that scope."""
        return dict(self.overrides).get(scope, self.default)

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return self.for_scope(scope).terms(scope)


@dataclass(frozen=True, slots=True)
class Record(Value):
    """Values side by side, each under its name."""

    fields: tuple[tuple[str, Value], ...]

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return _terms((value for _, value in self.fields), scope)


@dataclass(frozen=True, slots=True)
class Distribution(Value):
    """A measure by band, with the exact mean of what is banded.

    band: the column of band indices, -1 where unknown.
    amount: the measure that, over the known part of `measure`, gives the mean.
    amount_per: how many of its units make one of the bins'.
    known_only: rows of no band are no part of it, instead of its unknown part.
    """

    slice: Slice
    measure: Measure
    band: str
    amount: Measure
    bands: Bands
    unit: str
    counted: str
    known_only: bool = False
    amount_denominator: int = 1

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (Sums(self.slice, (self.measure,), (self.band,)), Sums(self.slice, (self.amount,)))


@dataclass(frozen=True, slots=True)
class Frequency(Value):
    """Users by how many visitor-days each has: the distribution of a count per user.

    The sets are those of single days and places, in which a visitor-day is a membership.
    """

    users: UserSet
    bands: Bands
    unit: str
    counted: str

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.users,)


@dataclass(frozen=True, slots=True)
class AttributeBreakdown(Value):
    """Distinct users by the attribute that `users` names, of which each has at most one.

    labels: how some values are written, by their lower-case form; the others as they came.
    """

    users: UserSet
    labels: tuple[tuple[str, str], ...] = ()

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.users,)


@dataclass(frozen=True, slots=True)
class Breakdown(Value):
    """A total by the values of another scope, as a list of items; `shape` names the leaf's shape."""

    total: Total
    by: Scope
    shape: str

    @property
    def column(self) -> str:
        """The column that holds the items."""
        column = self.total.slice.column(self.by)
        assert column is not None, f"{self.by} cannot itemise these rows"
        return column

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        (sums,) = self.total.terms(scope)
        assert isinstance(sums, Sums)
        return (replace(sums, split=(*sums.split, self.column)),)


@dataclass(frozen=True, slots=True)
class Affinity(Value):
    """Per point of interest: how much likelier a visitor is to be seen there than a user of the reference."""

    visitors: UserSet
    poi_visitors: UserSet  # split by the point of interest
    reference_users: UserSet

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.visitors, self.poi_visitors, self.reference_users)
