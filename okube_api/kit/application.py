"""The `Application` value that the rest of the server works with, and its settings with their defaults."""

import calendar
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from okube_api.kit.schemas import Body, impossible_value
from okube_api.kit.year_end import parse_year_end
from okube_api.store.values import Json

Count = Annotated[int, Field(ge=0, le=100_000)]


def _check_edges(edges: list[int], info: ValidationInfo) -> list[int]:
    """Check the edges of the bands that the field names; stored ones begin at the least value in any case.

    Settings that were stored before this was checked may begin later: smaller values are counted in the first band.
    """
    least = LEAST_VALUES.get(info.field_name or "", 0)
    if info.context == STORED:
        return [least, *(edge for edge in edges[1:] if edge > least)]
    if any(low >= high for low, high in pairwise(edges)):
        raise impossible_value("The edges of bands must be in ascending order, without duplicates.")
    if edges[0] != least:
        raise impossible_value(f"The first edge of '{info.field_name}' must be {least}, the least value there is.")
    return edges


LEAST_VALUES = {"visits": 1, "gap": 1}
"""The least value of the quantities whose bands begin at another value than 0."""
STORED = "stored"
"""The validation context of settings that are read from the store."""

Edges = Annotated[
    list[Annotated[int, Field(ge=0, le=10**9)]], Field(min_length=1, max_length=50), AfterValidator(_check_edges)
]
"""Lower edges of half-open bands; the first is the least value there is, the last band has no upper edge."""


class _SettingsGroup(Body):
    model_config = ConfigDict(frozen=True)


class Windows(_SettingsGroup):
    """Lookback windows in days: how long before an outcome a touch of each kind counts."""

    click: Count = 30
    print: Count = 7
    opening: Count = 7


class Attribution(_SettingsGroup):
    """How outcomes are attributed to campaigns."""

    windows: Windows = Windows()


AUTO_GAP = "auto"
_MAX_GAP_MINUTES = 100_000


def _check_gap(value: object) -> int | str:
    if value == AUTO_GAP:
        return AUTO_GAP
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_GAP_MINUTES:
        return value
    raise ValueError(f"Use whole minutes from 0 to {_MAX_GAP_MINUTES}, or '{AUTO_GAP}'.")


Gap = Annotated[
    int | str,
    PlainValidator(_check_gap),
    WithJsonSchema({"oneOf": [{"type": "integer", "minimum": 0, "maximum": _MAX_GAP_MINUTES}, {"const": AUTO_GAP}]}),
]
"""Minutes, or `AUTO_GAP`."""


class Stays(_SettingsGroup):
    """How GPS pings are matched with places and become stays.

    The defaults are the rule of applications that were created without these settings; new applications are created
    with `NEW_STAYS`.
    """

    overlap: Literal["nearest", "every"] = Field(
        "every",
        description="`nearest`: a ping counts at one place, the nearest that contains it or lies within `snapMeters`; "
        "a place that is the parent of others counts beside them. `every`: a ping counts at every place that contains "
        "it.",
    )
    snap_meters: Annotated[float, Field(ge=0, le=300)] = Field(
        0,
        alias="snapMeters",
        description="How far outside of its shape a place can be the nearest; of a polygon at most 15 % of the "
        "diagonal of its box.",
    )
    gap_minutes: Gap = Field(
        15,
        alias="gapMinutes",
        description="A longer silence ends the stay. `auto`: ten times the median time between pings of the user on "
        "that UTC day, between 5 and 45 minutes.",
    )
    end_after_elsewhere: Annotated[int, Field(ge=0, le=1000)] = Field(
        0,
        alias="endAfterElsewhere",
        description="So many pings in a row that are not in the place end the stay; 0: none do.",
    )
    minimum_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0,
        alias="minimumShare",
        description="The share of the user's pings between the ends of a stay that must be in the place.",
    )
    minimum_seconds: Count = Field(
        120,
        alias="minimumSeconds",
        description="A shorter stay is dropped. 0: a single ping is a stay, so that everyone who passes is a visitor.",
    )
    walking_speed: Annotated[float, Field(ge=0.1, le=10)] | None = Field(
        None,
        alias="walkingSpeed",
        description="In metres per second: the time to walk across the place at this speed is added to "
        "`minimumSeconds`. Null: nothing is added.",
    )
    dwell: Literal["observed", "expected"] = Field(
        "observed",
        description="`observed`: from the first to the last ping. `expected`: also half the silence before and after, "
        "at most half the gap on each side; a silence that has not ended counts as the gap.",
    )

    maximum_accuracy: Annotated[float, Field(ge=0, le=10**7)] | None = Field(
        None,
        alias="maximumAccuracy",
        description="In metres: pings whose `accuracy` is greater are left out, as if they had not been sent. Null: "
        "none are. Pings without an accuracy count.",
    )
    maximum_speed: Annotated[float, Field(ge=0, le=1000)] | None = Field(
        None,
        alias="maximumSpeed",
        description="In metres per second: pings whose `speed` is greater are left out, too. Null: none are. Pings "
        "without a speed count.",
    )
    ignore_jumps: bool = Field(
        False,
        alias="ignoreJumps",
        description="Whether to leave out pings that the user reached and left within an hour each, both times faster "
        "than 500 km/h.",
    )

    @property
    def gap_ms(self) -> int | None:
        """The longest silence within a stay in milliseconds; None if it is automatic."""
        return self.gap_minutes * 60_000 if isinstance(self.gap_minutes, int) else None


NEW_STAYS = Stays.model_validate(
    {
        "overlap": "nearest",
        "snapMeters": 30,
        "gapMinutes": AUTO_GAP,
        "endAfterElsewhere": 3,
        "minimumShare": 0.6,
        "walkingSpeed": 0.8,
        "dwell": "expected",
        "maximumAccuracy": 100,
        "maximumSpeed": 7,
        "ignoreJumps": True,
    }
)
"""The rule of new applications; the figures behind it are in docs/stays.md."""


class PresenceStays(_SettingsGroup):
    """How Wi-Fi detections are sessionised into stays."""

    gap_minutes: Count = Field(30, alias="gapMinutes", description="A longer silence ends the stay.")
    dropout_seconds: Count = Field(300, alias="dropoutSeconds", description="A shorter stay is a dropout.")


class BandEdges(_SettingsGroup):
    """Lower edges of the bands of distributions; the last band has no upper edge."""

    dwell: Edges = Field(
        [0, 300, 900, 1800, 2700, 3600, 5400, 7200], description="Dwell of a stay, in seconds; the first is 0."
    )
    distance: Edges = Field(
        [0, 1000, 2000, 5000, 10000, 20000, 50000], description="Metres from home or work; the first is 0."
    )
    visits: Edges = Field([1, 2, 3, 4, 5, 6, 11], description="Visitor-days per user; the first is 1.")
    delay: Edges = Field(
        [0, 1, 2, 3, 7, 14, 30], description="Days from the credited touch to the visit; the first is 0."
    )
    gap: Edges = Field([1, 2, 8, 32, 91], description="Days between visitor-days; the first is 1.")
    basket: Edges = Field(
        [0, 10, 20, 50, 100, 200, 500],
        description="Amount of a purchase, in the currency of the application; the first is 0.",
    )


def _check_month_day(text: str) -> str:
    """Check that a text is a day of a leap year, as `MM-DD`."""
    if not re.fullmatch(_MONTH_DAY, text):
        raise ValueError("Write a month and a day as MM-DD, such as 02-01.")
    month, day = int(text[:2]), int(text[3:])
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(_LEAP_YEAR, month)[1]):
        raise impossible_value(f"There is no day {text} in any year. Write a month and a day, such as 02-01.")
    return text


def _normalize_year_end(text: str) -> str:
    return str(parse_year_end(text))


_LEAP_YEAR = 2000
_MAX_YEAR_END = 100
_MONTH_DAY = "^[0-9]{2}-[0-9]{2}$"
MonthDay = Annotated[
    str,
    AfterValidator(_check_month_day),
    WithJsonSchema({"type": "string", "pattern": _MONTH_DAY, "examples": ["02-01"]}),
]
"""A day of the year, as MM-DD."""
YearEndText = Annotated[
    str,
    Field(max_length=_MAX_YEAR_END, examples=["saturday nearest 31 January"]),
    AfterValidator(_normalize_year_end),
]
"""A rule for the last day of the year; validation writes it in the form of answers."""


class CalendarSettings(_SettingsGroup):
    """The calendar that `week` and the granularities `fiscal*` follow: of months, or of weeks (a retail calendar).

    `fiscalYearStart` and `retail` exclude each other.  With neither, there are no fiscal granularities.
    """

    fiscal_year_start: MonthDay | None = Field(
        None,
        alias="fiscalYearStart",
        description="First day of the fiscal year, as `MM-DD`; each fiscal month begins on that day of the month, or "
        "on the last day of a shorter month (`02-29`: 28 February when there is no 29th).",
    )
    retail: Literal["4-5-4", "4-4-5", "5-4-4"] | None = Field(
        None,
        description="Weeks of the three months of each quarter of a retail calendar; a 53rd week belongs to the last "
        "month. Needs `yearEnds`.",
    )
    year_ends: YearEndText | None = Field(
        None,
        alias="yearEnds",
        description="Last day of the retail year: `saturday nearest 31 January` or `last saturday of January`, with "
        "any weekday, day and month.",
    )
    week_start: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] | None = Field(
        None,
        alias="weekStart",
        description="First day of the weeks of the granularity `week`. Null: the day after the weekday of `yearEnds`; "
        "without a retail calendar, Monday.",
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if self.fiscal_year_start is not None and self.retail is not None:
            raise impossible_value("Set either 'fiscalYearStart' or 'retail', not both.")
        return self


class ApplicationSettings(_SettingsGroup):
    """The settings of an application, with their defaults."""

    attribution: Attribution = Attribution()
    stays: Stays = Stays()
    presence: PresenceStays = PresenceStays()
    bands: BandEdges = BandEdges()
    country: Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["FR"])] | None = Field(
        None,
        description="The country (ISO 3166, two letters) of sites and POIs whose address names none, for filters on "
        "public holidays.",
    )
    calendar: CalendarSettings | None = CalendarSettings()

    @field_validator("calendar", mode="before")
    @classmethod
    def _clear_calendar(cls, value: object) -> object:
        """Return a calendar without settings for null."""
        return dict.fromkeys(CalendarSettings.model_fields) if value is None else value


_DEFAULT_SETTINGS = ApplicationSettings()


@dataclass(frozen=True, slots=True)
class Application:
    """An application with its complete settings, defaults included."""

    id: str
    key: str
    name: str
    timezone: str
    currency: str
    active: bool
    settings: ApplicationSettings

    @classmethod
    def from_document(cls, document: Json) -> Self:
        """Return the application of a document."""
        return cls(
            document["_id"],
            document["key"],
            document["name"],
            document["timezone"],
            document["currency"],
            document["active"],
            ApplicationSettings.model_validate(document["settings"], context=STORED)
            if document["settings"]
            else _DEFAULT_SETTINGS,
        )
