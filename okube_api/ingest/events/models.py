"""Models of events as clients send them, one per kind.

Their JSON Schemas are published, and files are validated by them.
"""

import re
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from okube_api.clock import DAY_S
from okube_api.geo.geometry import AREA_BOUNDS, ImpossibleGeometry, UnreadableGeometry, read_geometry
from okube_api.ingest.columns.timestamps import FIRST_YEAR, LAST_YEAR, parse_instant
from okube_api.kit.cells import is_naive_instant
from okube_api.kit.geometry_schema import GEOMETRY_SCHEMA
from okube_api.kit.schemas import KEY_PATTERN, NO_SUCH_DAY, Day, is_existing_day

MAX_STAY_S = 31 * DAY_S
_EXAMPLE = "2019-03-28T10:25:15+01:00"
_DAY_OF_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]", re.ASCII)


def _check_instant(text: str) -> str:
    if parse_instant(text) is None:
        if _DAY_OF_INSTANT.match(text) and not is_existing_day(text[:10]):
            raise ValueError(NO_SUCH_DAY)
        if is_naive_instant(text):
            raise ValueError(
                f"The time zone is missing. Give `timezone`, or use RFC 3339 with an offset, such as {_EXAMPLE}."
            )
        raise ValueError(
            f"Use RFC 3339 with an offset, such as {_EXAMPLE}, and a year from {FIRST_YEAR} to {LAST_YEAR}."
        )
    return text


Instant = Annotated[
    str,
    AfterValidator(_check_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [_EXAMPLE]}),
]
Name = Annotated[str, Field(min_length=1, max_length=250)]
Person = Annotated[
    str, Field(min_length=1, max_length=1000, description="Pseudonymised on arrival; the value itself is not stored.")
]
Iris = Annotated[str, Field(pattern="^[0-9A-Z]{9}$", examples=["693820101"])]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, description="Degrees, WGS 84.")]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, description="Degrees, WGS 84.")]
Accuracy = Annotated[
    float,
    Field(
        ge=0,
        le=10**7,
        allow_inf_nan=False,
        description="Metres: the user is within this distance of the position with a probability of 68 %.",
    ),
]
Speed = Annotated[
    float,
    Field(
        ge=-1,
        le=1000,
        allow_inf_nan=False,
        description="Metres per second, as the device measured it. Negative if unknown, as iOS writes it.",
    ),
]
Volume = Annotated[int, Field(ge=0, le=10**12)]
"""A number of deliveries; 0 if absent."""
Weight = Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False)]
AreaName = Annotated[
    str, Field(min_length=1, max_length=250, pattern=r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]+$")
]
"""A name that may have several lines."""
Label = Annotated[str, Field(min_length=1, max_length=250, pattern=KEY_PATTERN)]


_GEOMETRY_RULES = (
    "Rings must be closed, of four points at least, and must not cross themselves or each other; longitudes are from "
    "-180 to 180, latitudes from -90 to 90; no polygon crosses the 180th meridian; "
    f"{AREA_BOUNDS.max_points:,} points and {AREA_BOUNDS.max_km2:,} square kilometres at most."
)
"""The reason for a polygon that cannot exist: reasons do not repeat values."""


def _read_geometry(value: Any) -> str:
    """Return WKT as sent, and GeoJSON as a text."""
    try:
        geometry = read_geometry(value, AREA_BOUNDS)
    except UnreadableGeometry:
        raise ValueError("Use a Polygon or a MultiPolygon, as WKT or GeoJSON.") from None
    except ImpossibleGeometry:
        raise ValueError(_GEOMETRY_RULES) from None
    return value if isinstance(value, str) else orjson.dumps(geometry).decode()


AreaGeometry = Annotated[
    str,
    BeforeValidator(_read_geometry),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string"}, GEOMETRY_SCHEMA | {"minProperties": 1}],
            "description": "The outline: a Polygon or MultiPolygon as WKT, in JSON also as GeoJSON.",
        }
    ),
]


def is_area_geometry(text: str) -> bool:
    """Return whether a text is a geometry of an area."""
    try:
        read_geometry(text, AREA_BOUNDS)
    except (UnreadableGeometry, ImpossibleGeometry):
        return False
    return True


class Event(BaseModel):
    """Base of the events of all kinds."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Identified(Event):
    """Base of events that count once, however often they are sent."""

    id: Name | None = Field(
        None,
        description="Id of the event, unique for its kind and UTC day. Without an id, events with the same content "
        "are the same event.",
    )


class AreaEvent(Event):
    """An IRIS area; the area of the latest batch counts."""

    code: Iris
    name: AreaName
    lng: Longitude
    lat: Latitude
    geometry: AreaGeometry | None = None


class PanelistEvent(Event):
    """A panelist; the attributes of the latest batch count."""

    user: Person
    weight: Weight | None = Field(
        None, description="Number of people that the panelist represents, rounded to thousandths; 1 if absent."
    )
    home: Iris | None = None
    work: Iris | None = None
    os: Label | None = Field(None, examples=["android"])
    manufacturer: Label | None = None
    model: Label | None = None


class PingEvent(Identified):
    """The position of a panelist at an instant."""

    user: Person
    at: Instant
    lng: Longitude
    lat: Latitude
    accuracy: Accuracy | None = None
    speed: Speed | None = None


class StayEvent(Identified):
    """A stay at a place that the data provider matched."""

    user: Person
    site: Name | None = Field(None, description="Id, key or unique name of the site; give either `site` or `poi`.")
    poi: Name | None = Field(None, description="Id, key or unique name of the point of interest.")
    start: Instant
    duration_s: int = Field(ge=0, le=MAX_STAY_S)
    zone: Literal["indoor", "outdoor"] = "indoor"

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.site is not None and self.poi is not None:
            raise ValueError("Give either 'site' or 'poi', not both.")
        if self.site is None and self.poi is None:
            raise ValueError("Give 'site' or 'poi'.")
        return self


class DetectionEvent(Identified):
    """A device detected by an equipment."""

    device: Person
    equipment: Name = Field(description="Id or key of the equipment.")
    at: Instant


class TouchEvent(Identified):
    """A user reached by a campaign, or a user of the control group (`control`)."""

    user: Person
    campaign: Name = Field(description="Id or key of the campaign.")
    at: Instant
    kind: Literal["print", "click", "opening", "control"]


class DeliveryEvent(Event):
    """What a media platform reports for a campaign, day and site; the report of the latest batch counts."""

    campaign: Name = Field(description="Id or key of the campaign.")
    day: Day
    site: Name | None = Field(None, description="Id, key or unique name of the site.")
    prints: Volume | None = None
    clicks: Volume | None = None
    openings: Volume | None = None


class VisitEvent(Identified):
    """A visit of a user to a site; online if the site is online."""

    user: Person
    site: Name = Field(description="Id, key or unique name of the site.")
    at: Instant
    end: Instant | None = Field(None, description="End of the visit, not before `at`.")

    @model_validator(mode="after")
    def _check_end(self) -> Self:
        if self.end is not None and (parse_instant(self.end) or 0) < (parse_instant(self.at) or 0):
            raise ValueError("'end' is before 'at'.")
        return self


class PurchaseEvent(Identified):
    """A purchase: a ticket or an order."""

    user: Person
    site: Name = Field(description="Id, key or unique name of the site.")
    at: Instant
    amount: float = Field(
        ge=-(10**9),
        le=10**9,
        allow_inf_nan=False,
        description="In the application's currency; negative for a refund, which changes revenues and sales only.",
    )
    order: Name | None = Field(None, description="Distinguishes purchases of the same user, site, instant and amount.")
