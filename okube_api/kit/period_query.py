"""Lists of what has a period: studies and campaigns, by when they start and end.

A period is two days, both included; either may be missing.  Epoch seconds are compared with the local midnights of
these days, in the time zone that the caller names.
"""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from okube_api.errors import Impossible
from okube_api.kit.list_query import ListQuery
from okube_api.kit.schemas import UNSET, Day, Timezone
from okube_api.store.conditions import EVERYTHING, NOTHING, Between, Condition, Missing

Seconds = Annotated[str, Field(pattern=r"^-?[0-9]{1,11}$", examples=["1553731200"])]
"""Seconds since 1970, as a text."""


class PeriodQuery(ListQuery):
    """What a list can be narrowed by where each has a period."""

    sb: Seconds = Field(UNSET, description="Starts before this instant (epoch seconds), or at it.")
    sa: Seconds = Field(UNSET, description="Starts after this instant (epoch seconds), or at it.")
    eb: Seconds = Field(UNSET, description="Ends before this instant (epoch seconds), or at it.")
    ea: Seconds = Field(UNSET, description="Ends after this instant (epoch seconds).")
    tz: Timezone = Field("UTC", description="Whose days the instants are compared with.")
    start: Day = Field(UNSET, alias="from", description="The period meets this day or later ones.")
    end: Day = Field(UNSET, alias="to", description="The period meets this day or earlier ones.")

    def match_period(self, first: str = "from", last: str = "to") -> Condition:
        """Whose period, from the day in the field `first` to the one in `last`, is as asked for.  Raises Impossible."""
        return self._match_start(first) & self._match_end(last) & self._match_overlap(first, last)

    def _match_start(self, first: str) -> Condition:
        zone = ZoneInfo(self.tz)
        before = Between(first, None, local_day(self.sb, zone)[0]) if self.sb else EVERYTHING
        if not self.sa:
            return before
        day, at_midnight = local_day(self.sa, zone)
        earlier = NOTHING if at_midnight else Between(first, day, day)
        return before & Between(first, day, None) & ~earlier

    def _match_end(self, last: str) -> Condition:
        zone = ZoneInfo(self.tz)
        after = Between(last, local_day(self.ea, zone)[0], None) if self.ea else EVERYTHING
        if not self.eb:
            return after
        day, _ = local_day(self.eb, zone)  # its own last instant is yet to come
        return after & Between(last, None, day) & ~Between(last, day, day)

    def _match_overlap(self, first: str, last: str) -> Condition:
        """A missing day leaves its side open; what has neither has no period to meet."""
        if not (self.start or self.end):
            return EVERYTHING
        if self.start and self.end and self.start > self.end:
            raise Impossible.at("query", "/to", "The last day comes before the first.")
        starts = Missing(first) | Between(first, None, self.end) if self.end else EVERYTHING
        ends = Missing(last) | Between(last, self.start, None) if self.start else EVERYTHING
        return starts & ends & ~(Missing(first) & Missing(last))


def local_day(seconds: str, zone: ZoneInfo) -> tuple[str, bool]:
    """The local day of an instant, and whether the instant is its first; those beyond all calendars are the nearest."""
    least, most = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
    bounded = min(max(int(seconds), int(least.timestamp())), int(most.timestamp()))
    local = datetime.fromtimestamp(bounded, UTC).astimezone(zone)
    return local.date().isoformat(), (local.hour, local.minute, local.second) == (0, 0, 0)
