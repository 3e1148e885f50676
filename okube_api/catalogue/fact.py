"""The types of facts: what a fact, its rollups, measures and sets of users are declared with.

Sums are integers: seconds, metres, weights in thousandths, money in millionths; a weighted sum is in thousandths of
its unit.  A set holds distinct user numbers, sorted, little-endian u32, as one blob.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from okube_api.catalogue.weights import MAX_WEIGHT
from okube_api.store.schema import Column, ColumnType, Table

MAX_ROWS = 2**33
"""Upper bound of the rows, events or touches that one rollup row sums; user numbers have 32 bits."""


class Span(StrEnum):
    """The period of a rollup row; a partition of its table holds the rows of one such period."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


DAY_COLUMNS = ("day", "week", "month", "year", "month_of_year", "weekday", "isoweek")
"""Bucket numbers in facts: day ordinal (1 = 1970-01-01); week (day + 2) // 7, changing on Mondays; month
(year * 12 + month - 1); year; month 1 to 12; weekday 1 (Monday) to 7; ISO week 1 to 53."""
SPAN_COLUMNS: Mapping[Span, tuple[str, ...]] = {
    Span.DAY: ("day", "week", "month", "weekday"),
    Span.WEEK: ("week",),
    Span.MONTH: ("month",),
}
"""The bucket numbers in rollup rows of each span; the first is also the row's part.  Others follow from these."""
_DAYS_AND_MONTHS = (Span.DAY, Span.MONTH)
ELAPSED, HOUR_OF_DAY, MINUTE_OF_DAY = "elapsed_min", "hour_of_day", "minute_of_day"
"""Columns of facts whose rows happen at an instant.  `elapsed_min`: the minutes that really passed since the local
midnight of the row's day, rounded down to hours (to half hours in a zone whose clock moves by half an hour).  The
others are what the local clock showed: the hour, 0 to 23, and the minute of the day, 0 to 1439."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity that is summed.

    name: its column in rollups; the weighted sum is `<name>_w`.
    field: the integer column of the fact to sum; None counts rows.
    weighted: whether rollups also hold a weighted sum.
    max_value: the greatest absolute value of a row; it decides whether 64 bits are enough for sums.
    distinct_by: if the measure marks the first row of a day: the columns that, with the day, have one marked row.
        A condition on other columns can leave out the marked row and keep other rows of the day; then distinct
        values of these columns must be counted instead.
    """

    name: str
    field: str | None = None
    weighted: bool = True
    distinct_by: tuple[str, ...] = ()
    max_value: int = 1

    @property
    def column_types(self) -> dict[str, ColumnType]:
        """The columns of rollups that hold the sums, with their types."""
        factors = dict(zip(self.columns, (1, MAX_WEIGHT), strict=False))
        return {
            name: ColumnType.INTEGER if self.max_value * factor * MAX_ROWS < 2**63 else ColumnType.WIDE_INTEGER
            for name, factor in factors.items()
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of rollups that hold the sums."""
        return (self.name, f"{self.name}_w") if self.weighted else (self.name,)


@dataclass(frozen=True, slots=True)
class MemberSet:
    """A set of users: the distinct `user` of the fact's rows, or of the rows whose `flag` column is 1."""

    name: str
    flag: str | None = None

    @property
    def size_column(self) -> str:
        """The column of rollups that holds the number of users of the set."""
        return f"{self.name}_n"


@dataclass(frozen=True, slots=True)
class Grain:
    """A rollup of a fact, by day and by longer spans: its dimensions, and the measures and sets that a row holds.

    spans: the rollups that exist.
    set_spans: those that hold the sets.
    since: the version of rollups that has the grain.
    only: a dimension and a value: only rows of the fact with this value are summed.
    """

    name: str
    dimensions: tuple[str, ...]
    measures: tuple[Measure, ...]
    members: tuple[MemberSet, ...] = ()
    set_spans: tuple[Span, ...] = tuple(Span)
    spans: tuple[Span, ...] = _DAYS_AND_MONTHS
    since: int = 1
    only: tuple[str, str] | None = None

    @property
    def counts_rows(self) -> bool:
        """Whether one of the measures is the number of the fact's rows."""
        return any(measure.field is None for measure in self.measures)

    def bucket_columns(self, span: Span) -> tuple[str, ...]:
        """Return the bucket numbers in rows of this span; the first is also the row's part.

        Grains by day alone have the day and the weekday: they have many rows, and few questions need the others.
        """
        return ("day", "weekday") if self.spans == (Span.DAY,) else SPAN_COLUMNS[span]

    def sets(self, span: Span) -> tuple[MemberSet, ...]:
        """Return the sets that rows of this span hold."""
        return self.members if span in self.set_spans else ()


@dataclass(frozen=True, eq=False, slots=True)
class Fact:
    """A table with one row per event or stay, and the grains it is summed into.  Facts are compared by identity.

    columns: besides application, part (the local day) and the bucket numbers `DAY_COLUMNS`.
    noun: what its rows are, in messages.
    weight: the column of the user's weight in thousandths; None when there is no uplift.
    is_stored: False when the first grain has all columns among its dimensions: its rows by day hold everything, and
        the fact's own rows are not stored.
    starts_later: whether a row can start after its day, because it belongs to the day of a longer stay.
    """

    name: str
    columns: tuple[Column, ...]
    measures: tuple[Measure, ...]
    members: tuple[MemberSet, ...]
    grains: tuple[Grain, ...]
    noun: str
    weight: str | None = "weight"
    is_stored: bool = True
    starts_later: bool = False

    @property
    def table(self) -> Table:
        """The table of the fact's rows."""
        columns = (*_integers(DAY_COLUMNS), *self.columns)
        return Table(self.name, columns, index=(self.columns[0].name,), lookup="user" if self.has_users else None)

    @lru_cache(maxsize=1000)  # noqa: B019 - facts are few, and live as long as the process
    def rollup(self, grain: Grain, span: Span) -> Table:
        """Return the table of a grain's rows of one span."""
        kinds = {column.name: column.type for column in self.columns}
        return Table(
            f"{self.name}_{grain.name}_{span}",
            (
                *_integers(grain.bucket_columns(span)),
                *(Column(name, kinds[name]) for name in grain.dimensions),
                *(Column(*item) for measure in grain.measures for item in measure.column_types.items()),
                *(Column(members.name, ColumnType.BYTES) for members in grain.sets(span)),
                *_integers(members.size_column for members in grain.sets(span)),
            ),
            index=grain.dimensions[:1],
        )

    @property
    def has_users(self) -> bool:
        """Whether each row belongs to a user."""
        return any(column.name == "user" for column in self.columns)

    @property
    def has_hours(self) -> bool:
        """Whether each row happens at an instant, whose hour is known."""
        return any(column.name == ELAPSED for column in self.columns)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The table of the fact, if it is stored, and those of all rollups."""
        rollups = (self.rollup(grain, span) for grain in self.grains for span in grain.spans)
        return (self.table, *rollups) if self.is_stored else tuple(rollups)

    @property
    def daily_table(self) -> Table:
        """A table that has rows for every day on which the fact has rows."""
        return self.table if self.is_stored else self.rollup(self.grains[0], Span.DAY)


def _integers(names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(Column(name, ColumnType.INTEGER) for name in names)
