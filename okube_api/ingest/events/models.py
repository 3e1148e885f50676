"""Events as they are sent: one model a kind.  Their JSON Schemas are published, and columns are checked by them."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from okube_api.clock import DAY_S
from okube_api.ingest.columns.timestamps import FIRST_YEAR, LAST_YEAR, instant
from okube_api.kit.schemas import KEY_PATTERN, Day

LONGEST_S = 31 * DAY_S


def _instant(text: str) -> str:
    if instant(text) is None:
        form = "2019-03-28T10:25:15+01:00"
        raise ValueError(f"An instant is written as RFC 3339 with an offset ({form}), in {FIRST_YEAR} to {LAST_YEAR}.")
    return text


Instant = Annotated[
    str,
    AfterValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2019-03-28T10:25:15+01:00"]}),
]
Name = Annotated[str, Field(min_length=1, max_length=250)]
Person = Annotated[str, Field(min_length=1, max_length=1000, description="Hashed on arrival, never stored.")]
Iris = Annotated[str, Field(pattern="^[0-9A-Z]{9}$", examples=["693820101"])]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, description="Degrees, WGS 84.")]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, description="Degrees, WGS 84.")]
Volume = Annotated[int, Field(ge=0, le=10**12)]
"""A count; 0 when absent."""
Weight = Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False)]
Label = Annotated[str, Field(min_length=1, max_length=250, pattern=KEY_PATTERN)]


class Event(BaseModel):
    """What all kinds have in common."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Identified(Event):
    """An event that happened once; the same sent twice counts once."""

    id: Name | None = Field(
        None, description="The event's own id, unique in its kind and UTC day; else its content is."
    )


class AreaEvent(Event):
    """An IRIS area; the latest batch counts."""

    code: Iris
    name: Label
    lng: Longitude
    lat: Latitude


class PanelistEvent(Event):
    """A user of the panel; the latest batch counts."""

    user: Person
    weight: Weight | None = Field(
        None, description="How many people the user stands for, to thousandths; 1 when absent."
    )
    home: Iris | None = None
    work: Iris | None = None
    os: Label | None = Field(None, examples=["android"])
    manufacturer: Label | None = None
    model: Label | None = None


class PingEvent(Identified):
    """Where a user of the panel was at an instant."""

    user: Person
    at: Instant
    lng: Longitude
    lat: Latitude


class StayEvent(Identified):
    """A stay that the provider matched itself."""

    user: Person
    site: Name | None = Field(None, description="Id or key; this or `poi`.")
    poi: Name | None = Field(None, description="Id or key.")
    start: Instant
    duration_s: int = Field(ge=0, le=LONGEST_S)
    zone: Literal["indoor", "outdoor"]

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.site is None) == (self.poi is None):
            raise ValueError("A stay names either a site or a point of interest.")
        return self


class DetectionEvent(Identified):
    """A device seen by an equipment."""

    device: Person
    equipment: Name = Field(description="Id or key.")
    at: Instant


class TouchEvent(Identified):
    """A user reached by a campaign, or deliberately not (`control`)."""

    user: Person
    campaign: Name = Field(description="Id or key.")
    at: Instant
    kind: Literal["print", "click", "opening", "control"]


class DeliveryEvent(Event):
    """What a media platform counts of a campaign on a day; the latest batch counts for a campaign, day and site."""

    campaign: Name = Field(description="Id or key.")
    day: Day
    site: Name | None = Field(None, description="Id or key.")
    prints: Volume | None = None
    clicks: Volume | None = None
    openings: Volume | None = None


class VisitEvent(Identified):
    """A visit of a user to a site, online when the site is."""

    user: Person
    site: Name = Field(description="Id or key.")
    at: Instant
    end: Instant | None = Field(None, description="Not before `at`.")

    @model_validator(mode="after")
    def _not_backwards(self) -> Self:
        if self.end is not None and (instant(self.end) or 0) < (instant(self.at) or 0):
            raise ValueError("A visit ends before it begins.")
        return self


class PurchaseEvent(Identified):
    """A ticket or an order."""

    user: Person
    site: Name = Field(description="Id or key.")
    at: Instant
    amount: float = Field(ge=0, le=10**9, allow_inf_nan=False, description="In the application's currency.")
    order: Name | None = Field(None, description="Tells two tickets of one moment apart.")
