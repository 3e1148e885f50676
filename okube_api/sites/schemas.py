"""Request and answer models of sites."""

from typing import Annotated, Any, ClassVar

import h3
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from okube_api.geo.constants import MAX_CELLS, SITE_RADIUS_M
from okube_api.geo.geometry import PLACE_BOUNDS, ImpossibleGeometry, UnreadableGeometry, read_geometry
from okube_api.kit.file_options import PlaceOptions
from okube_api.kit.geometry_schema import GEOMETRY_SCHEMA, GeometryAnswer
from okube_api.kit.list_query import ListQuery, match_filled, match_flag
from okube_api.kit.schemas import (
    EMPTY_OBJECT,
    KEPT_BY_EMPTY_CELL,
    UNSET,
    Answer,
    Body,
    Identifier,
    Instant,
    Key,
    Keys,
    OpenObject,
    Scalars,
    TagList,
    Tags,
    Text,
    Timezone,
    UpdateBody,
    UpdatedKeys,
    drop_unset_defaults,
    impossible_value,
)
from okube_api.kit.switches import Flag
from okube_api.store.conditions import Condition, Overlaps


class Address(OpenObject):
    """A postal address; other names are kept."""

    street_number: str | None = Field(None, alias="streetNumber")
    street: str | None = None
    postal_code: str | None = Field(None, alias="postalCode", examples=["69002"])
    city: str | None = Field(None, examples=["Lyon"])
    country: str | None = Field(None, examples=["France"])


class Contact(OpenObject):
    """The contact for deliveries; other names are kept."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None


class Modules(OpenObject):
    """The modules that the site uses; other names are kept."""

    presence: bool = False
    tracking: bool = False
    conversion: bool = False


def _check_cell(text: str) -> str:
    if not h3.is_valid_cell(text):
        raise ValueError(f"'{text[:20]}' is not a valid H3 cell.")
    return text


_H3: Any = {"format": "h3-cell"}
Cell = Annotated[str, Field(pattern=r"^[0-9a-f]{15}$", json_schema_extra=_H3), AfterValidator(_check_cell)]


class Cells(Body):
    """H3 cells, all of one resolution; an empty list means that there are none."""

    resolution: Annotated[int, Field(ge=0, le=15, examples=[12])]
    indexes: Annotated[list[Cell], Field(max_length=MAX_CELLS, examples=[["8c1fb4675b6a5ff"]])]

    @model_validator(mode="after")
    def _check_resolution(self) -> "Cells":
        for cell in self.indexes:
            if h3.get_resolution(cell) != self.resolution:
                raise impossible_value(f"The H3 cell '{cell}' does not have the resolution {self.resolution}.")
        return self


class CellsAnswer(Answer):
    """H3 cells, all of one resolution; an empty object for a place without a position."""

    model_config = ConfigDict(json_schema_extra=drop_unset_defaults)

    resolution: int = Field(UNSET, examples=[12])
    indexes: list[str] = Field(UNSET, examples=[["8c1fb4675b6a5ff"]])


def _check_coordinates(coordinates: list[float]) -> list[float]:
    longitude, latitude = coordinates
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise ValueError("Use [longitude, latitude] in degrees: longitude from -180 to 180, latitude from -90 to 90.")
    return coordinates


Coordinates = Annotated[
    list[float],
    Field(min_length=2, max_length=2),
    AfterValidator(_check_coordinates),
    WithJsonSchema(
        {
            "type": "array",
            "prefixItems": [
                {"type": "number", "minimum": -180, "maximum": 180},
                {"type": "number", "minimum": -90, "maximum": 90},
            ],
            "minItems": 2,
            "maxItems": 2,
            "examples": [[4.8357, 45.764]],
        }
    ),
]
Radius = Annotated[float, Field(ge=1, le=300)]


def _read_geometry(value: Any) -> Any:
    try:
        return read_geometry(value, PLACE_BOUNDS)
    except UnreadableGeometry as error:
        raise ValueError(str(error)) from None
    except ImpossibleGeometry as error:
        raise impossible_value(str(error)) from None


def _convert_empty_geometry(value: Any) -> Any:
    return None if value == {} else value


Geometry = Annotated[dict[str, Any], BeforeValidator(_read_geometry), WithJsonSchema(GEOMETRY_SCHEMA)]
OptionalGeometry = Annotated[Geometry | None, BeforeValidator(_convert_empty_geometry)]
"""A geometry, or none: null, or the empty object that answers have where there is none."""
GEOMETRY_DESCRIPTION = (
    "The outline, as a GeoJSON Polygon or MultiPolygon (a Feature, and WKT in a text, are read, too), with "
    f"{PLACE_BOUNDS.max_points:,} points at most. Pings are matched with it instead of with the radius. "
    "Without `coordinates`, these become a point in it."
)
PARENT_DESCRIPTION = (
    "The site or point of interest (id or key) that contains this one, such as its shopping centre; a ping counts at "
    "both."
)

INDOOR_DESCRIPTION = "Computed from the geometry, or else from the radius, when absent."
OUTDOOR_DESCRIPTION = (
    "Computed as the ring of 50 m around the indoor part when absent. Cells that are indoor are left out."
)


# -- opening hours -----------------------------------------------------------------------------------------------

Hour = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]


def _check_hours(hours: list[str]) -> list[str]:
    if hours[0] >= hours[1]:
        raise impossible_value(
            "Opening hours must end after they start. Split hours that pass midnight between the two days."
        )
    return hours


Hours = Annotated[list[Hour], Field(min_length=2, max_length=2), AfterValidator(_check_hours)]


class Openings(OpenObject):
    """Opening hours by weekday; an absent or empty weekday is closed.  Other names are kept."""

    monday: list[Hours] | None = Field(None, examples=[[["09:00", "12:30"], ["14:00", "19:00"]]])
    tuesday: list[Hours] | None = None
    wednesday: list[Hours] | None = None
    thursday: list[Hours] | None = None
    friday: list[Hours] | None = None
    saturday: list[Hours] | None = None
    sunday: list[Hours] | None = None


# -- bodies ------------------------------------------------------------------------------------------------------

_OFFLINE_ONLY = "Only for offline sites."

RESERVED_KEY = "import"
"""Key that no site can have: below an application, its path is that of the import."""


class _SiteFields(Body):
    """The fields that creations and updates share."""

    @field_validator("key", "keys", check_fields=False)
    @classmethod
    def _check_keys(cls, value: str | list[str] | None) -> str | list[str] | None:
        if RESERVED_KEY in ([value] if isinstance(value, str) else value or ()):
            raise impossible_value(f"A site cannot have the key '{RESERVED_KEY}'.")
        return value

    key: Annotated[Key | None, KEPT_BY_EMPTY_CELL] = None
    keys: Annotated[UpdatedKeys | None, KEPT_BY_EMPTY_CELL] = Field(
        None, description="Alternative keys; every key must be unique among all keys of all sites of the application."
    )
    active: bool | None = Field(None, description="Questions include an inactive site only when they name it.")
    description: Text | None = None
    level: Annotated[int | None, KEPT_BY_EMPTY_CELL] = Field(None, description="The number of floors.")
    tags: TagList | None = None
    timezone: Annotated[Timezone | None, KEPT_BY_EMPTY_CELL] = Field(
        None, description="The application's time zone when absent."
    )
    phone_number: str | None = Field(None, alias="phoneNumber")
    delivery_contact: Annotated[Contact | None, KEPT_BY_EMPTY_CELL] = Field(None, alias="deliveryContact")
    modules: Annotated[Modules | None, KEPT_BY_EMPTY_CELL] = None
    address: Annotated[Address | None, KEPT_BY_EMPTY_CELL] = Field(None, description=_OFFLINE_ONLY)
    coordinates: Annotated[Coordinates | None, KEPT_BY_EMPTY_CELL] = Field(
        None, description=f"[longitude, latitude]. {_OFFLINE_ONLY}"
    )
    radius: Radius | None = Field(None, description=f"In metres; {SITE_RADIUS_M:.0f} when absent. {_OFFLINE_ONLY}")
    geometry: OptionalGeometry = Field(None, description=f"{GEOMETRY_DESCRIPTION} {_OFFLINE_ONLY}")
    parent: Key | None = Field(None, description=f"{PARENT_DESCRIPTION} {_OFFLINE_ONLY}")
    indoor_indexes: Cells | None = Field(
        None, alias="indoorIndexes", description=f"{INDOOR_DESCRIPTION} {_OFFLINE_ONLY}"
    )
    outdoor_indexes: Cells | None = Field(
        None, alias="outdoorIndexes", description=f"{OUTDOOR_DESCRIPTION} {_OFFLINE_ONLY}"
    )
    capacity: Annotated[int, Field(ge=0)] | None = None
    type: Text | None = None
    attributes: Scalars | None = None
    in_prod: Annotated[bool | None, KEPT_BY_EMPTY_CELL] = Field(None, alias="inProd")
    has_draft: Annotated[bool | None, KEPT_BY_EMPTY_CELL] = Field(None, alias="hasDraft")
    openings: Openings | None = None


class SiteUpdate(UpdateBody, _SiteFields):
    """The fields to change; null, an empty list or an empty object clears a field where null is allowed."""

    read_only: ClassVar[frozenset[str]] = frozenset({"_id", "application", "thumbnail", "createdAt", "updatedAt"})
    non_empty: ClassVar[frozenset[str]] = frozenset({"keys"})

    name: str = UNSET
    online: bool = Field(
        UNSET,
        description="A site that becomes online loses its address, coordinates, radius, geometry, parent and cells.",
    )


class SiteCreate(_SiteFields):
    """A new site."""

    app: Annotated[str, Field(min_length=1)] = Field(
        UNSET, description="The application (id or key); only when the path does not name it."
    )
    name: str = Field(examples=["Lyon Bellecour"])
    keys: Keys | None = Field(
        None, description="Alternative keys; every key must be unique among all keys of all sites of the application."
    )
    tags: Tags | None = None
    online: bool = Field(
        description="Whether this is an online site, which has no address, coordinates, radius, geometry, parent or "
        "cells."
    )


# -- answers -----------------------------------------------------------------------------------------------------


class SiteAnswer(Answer):
    """A site."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    key: str | None = None
    keys: list[str] = Field([])
    name: str
    description: str | None = None
    active: bool
    online: bool
    in_prod: bool = Field(alias="inProd")
    has_draft: bool = Field(alias="hasDraft")
    tags: list[str] = Field([])
    timezone: str
    level: int | None = None
    phone_number: str | None = Field(None, alias="phoneNumber")
    delivery_contact: Contact = Field(EMPTY_OBJECT, alias="deliveryContact")
    modules: Modules = Field(EMPTY_OBJECT)
    address: Address = Field(EMPTY_OBJECT)
    coordinates: list[float] = Field([])
    radius: float | None = None
    geometry: GeometryAnswer = Field(EMPTY_OBJECT)
    parent: Identifier | None = None
    indoor_indexes: CellsAnswer = Field(EMPTY_OBJECT, alias="indoorIndexes")
    outdoor_indexes: CellsAnswer = Field(EMPTY_OBJECT, alias="outdoorIndexes")
    capacity: int | None = None
    type: str | None = None
    attributes: Scalars = Field(EMPTY_OBJECT)
    openings: Openings = Field(EMPTY_OBJECT)
    thumbnail: str | None = None
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


# -- lists -------------------------------------------------------------------------------------------------------


class SiteQuery(PlaceOptions, ListQuery):
    """The filters of a list of sites."""

    name: Flag = Field(UNSET, description="Whether the site has a name.")
    active: Flag = UNSET
    online: Flag = UNSET
    in_prod: Flag = Field(UNSET, alias="inProd")
    has_draft: Flag = Field(UNSET, alias="hasDraft")

    def to_condition(self) -> Condition:
        """Return the condition that a site is in the list."""
        return (
            super().to_condition()
            & match_filled("name", self.name)
            & match_flag("active", self.active)
            & match_flag("online", self.online)
            & match_flag("inProd", self.in_prod)
            & match_flag("hasDraft", self.has_draft)
        )

    def match_keys(self, keys: tuple[str, ...]) -> Condition:
        """Return the condition that a site has one of these keys, alternative keys included."""
        return Overlaps("names", keys)
