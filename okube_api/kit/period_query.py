"""Query parameters of lists whose resources have a period: studies and campaigns.

A period has a first and a last day, both included; either may be missing.  Epoch seconds are compared with the local
midnights of these days, in the time zone `tz`.  The days of a period are those of its application's time zone.
"""

from datetime import UTC, date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, WithJsonSchema

from okube_api.errors import Impossible
from okube_api.kit.list_query import ListQuery
from okube_api.kit.schemas import UNSET, Day, Timezone
from okube_api.store.conditions import EVERYTHING, NOTHING, Between, Condition, Missing

_MILLISECONDS_DIGITS = 13


def _to_seconds(value: object) -> object:
    """Return the seconds of an instant of 13 digits, which is one in milliseconds; other values as they are."""
    if isinstance(value, str) and len(value) == _MILLISECONDS_DIGITS and value.isascii() and value.isdigit():
        return value[:-3]
    return value


Seconds = Annotated[
    str,
    BeforeValidator(_to_seconds),
    Field(pattern=r"^-?[0-9]{1,11}$", examples=["1553731200"]),
    WithJsonSchema({"type": "string", "pattern": r"^(-?[0-9]{1,11}|[0-9]{13})$", "examples": ["1553731200"]}),
]
"""Seconds since 1970, as a text; 13 digits are milliseconds."""


class PeriodQuery(ListQuery):
    """The filters of a list whose resources have a period."""

    sb: Seconds = Field(UNSET, description="Starts at or before this instant (epoch in seconds or milliseconds).")
    sa: Seconds = Field(UNSET, description="Starts at or after this instant (epoch in seconds or milliseconds).")
    eb: Seconds = Field(UNSET, description="Ends at or before this instant (epoch in seconds or milliseconds).")
    ea: Seconds = Field(UNSET, description="Ends after this instant (epoch in seconds or milliseconds).")
    tz: Timezone = Field(
        UNSET,
        description="The time zone in which `from` and `to` begin and end; if absent, that of the application. Also "
        "the time zone of the days that the instants are compared with, there UTC if absent.",
    )
    start: Day = Field(UNSET, alias="from", description="The period includes this day or a later one.")
    end: Day = Field(UNSET, alias="to", description="The period includes this day or an earlier one.")

    @property
    def period_fields(self) -> tuple[str, str]:
        """The fields with the first and the last day of the period."""
        return "from", "to"

    @property
    def shifts_days(self) -> bool:
        """Whether `from` and `to` are days of a time zone of their own."""
        return bool(self.tz and (self.start or self.end))

    def match_period(self) -> Condition:
        """Return the condition on the period; without that on `from` and `to` when these have a time zone.

        Raise Impossible when `from` is after `to`.
        """
        first, last = self.period_fields
        if self.start and self.end and self.start > self.end:
            raise Impossible.at("query", "/to", "'to' must not be before 'from'.")
        overlap = EVERYTHING if self.shifts_days else self._match_overlap(self.start, self.end)
        return self._match_start(first) & self._match_end(last) & overlap

    def match_days_in(self, timezone: str) -> Condition:
        """Return the condition on `from` and `to` for periods whose days are those of a time zone.

        The instants at which `from` begins and `to` ends in the time zone `tz` are looked up in the other one.
        """
        own_zone, zone = ZoneInfo(self.tz), ZoneInfo(timezone)

        def convert(day: str, at: time) -> str:
            instant = datetime.combine(date.fromisoformat(day), at, own_zone)
            return local_day(str(int(instant.timestamp())), zone)[0]

        start = convert(self.start, time.min) if self.start else self.start
        end = convert(self.end, time(23, 59, 59)) if self.end else self.end
        return self._match_overlap(start, end)

    def _match_start(self, first: str) -> Condition:
        zone = ZoneInfo(self.tz or "UTC")
        before = Between(first, None, local_day(self.sb, zone)[0]) if self.sb else EVERYTHING
        if not self.sa:
            return before
        day, at_midnight = local_day(self.sa, zone)
        earlier = NOTHING if at_midnight else Between(first, day, day)
        return before & Between(first, day, None) & ~earlier

    def _match_end(self, last: str) -> Condition:
        zone = ZoneInfo(self.tz or "UTC")
        after = Between(last, local_day(self.ea, zone)[0], None) if self.ea else EVERYTHING
        if not self.eb:
            return after
        day, _ = local_day(self.eb, zone)  # a period that ends on this day ends after the instant
        return after & Between(last, None, day) & ~Between(last, day, day)

    def _match_overlap(self, start: str | None, end: str | None) -> Condition:
        """Return the condition that the period overlaps the days `start` to `end`.

        A period that lacks one day is open on that side; without both days there is no period, and no overlap.
        """
        if not (start or end):
            return EVERYTHING
        first, last = self.period_fields
        starts = Missing(first) | Between(first, None, end) if end else EVERYTHING
        ends = Missing(last) | Between(last, start, None) if start else EVERYTHING
        return starts & ends & ~(Missing(first) & Missing(last))


def local_day(seconds: str, zone: ZoneInfo) -> tuple[str, bool]:
    """Return the local day of an instant, and whether the instant is its midnight.

    Instants outside of the years 1 to 9999 are moved to the nearest day within.
    """
    least, most = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
    bounded = min(max(int(seconds), int(least.timestamp())), int(most.timestamp()))
    local = datetime.fromtimestamp(bounded, UTC).astimezone(zone)
    return local.date().isoformat(), (local.hour, local.minute, local.second) == (0, 0, 0)
