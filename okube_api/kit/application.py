"""The `Application` value that the rest of the server works with, and its settings with their defaults."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo

from okube_api.kit.schemas import Body, impossible_value
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


class Stays(_SettingsGroup):
    """How GPS pings are sessionised into stays."""

    gap_minutes: Count = Field(15, alias="gapMinutes", description="A longer silence ends the stay.")
    minimum_seconds: Count = Field(120, alias="minimumSeconds", description="A shorter stay is dropped.")


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


class ApplicationSettings(_SettingsGroup):
    """The settings of an application, with their defaults."""

    attribution: Attribution = Attribution()
    stays: Stays = Stays()
    presence: PresenceStays = PresenceStays()
    bands: BandEdges = BandEdges()


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
