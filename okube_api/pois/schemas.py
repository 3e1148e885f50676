"""Request and answer models of points of interest (POIs)."""

from typing import Annotated, Any, ClassVar

import h3
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from okube_api.geo.constants import POI_RADIUS_M
from okube_api.geo.geometry import (
    PLACE_BOUNDS,
    ImpossibleGeometry,
    UnreadableGeometry,
    find_inner_point,
    read_geometry,
)
from okube_api.kit.file_options import PlaceOptions
from okube_api.kit.geometry_schema import GeometryAnswer
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
    ReferenceFilter,
    ReferenceList,
    Scalars,
    TagList,
    Tags,
    Text,
    Timezone,
    UpdateBody,
    drop_unset_defaults,
    impossible_value,
)
from okube_api.kit.switches import Flag
from okube_api.pois.repository import match_box, match_cell
from okube_api.sites.schemas import (
    GEOMETRY_DESCRIPTION,
    INDOOR_DESCRIPTION,
    OUTDOOR_DESCRIPTION,
    PARENT_DESCRIPTION,
    Address,
    Cells,
    CellsAnswer,
    Coordinates,
    OptionalGeometry,
    Radius,
)
from okube_api.store.conditions import EVERYTHING, Condition, OneOf

# -- bodies ------------------------------------------------------------------------------------------------------


class _PoiFields(Body):
    """The fields that creations and updates share."""

    key: Annotated[Key | None, KEPT_BY_EMPTY_CELL] = None
    active: Annotated[bool | None, KEPT_BY_EMPTY_CELL] = Field(
        None, description="Questions include an inactive point of interest only when they name it."
    )
    description: Text | None = None
    type: Text | None = Field(None, examples=["station"])
    tags: TagList | None = None
    address: Address | None = None
    timezone: Annotated[Timezone | None, KEPT_BY_EMPTY_CELL] = Field(
        None, description="The application's time zone when absent."
    )
    radius: Radius | None = Field(None, description=f"In metres; {POI_RADIUS_M:.0f} when absent.")
    geometry: OptionalGeometry = Field(None, description=GEOMETRY_DESCRIPTION)
    parent: Key | None = Field(None, description=PARENT_DESCRIPTION)
    indoor_indexes: Cells | None = Field(None, alias="indoorIndexes", description=INDOOR_DESCRIPTION)
    outdoor_indexes: Cells | None = Field(None, alias="outdoorIndexes", description=OUTDOOR_DESCRIPTION)
    sites: ReferenceList | None = Field(None, description="Related sites (ids or keys).")
    attributes: Scalars | None = None


class PoiUpdate(UpdateBody, _PoiFields):
    """The fields to change; null, an empty list or an empty object clears a field where null is allowed."""

    read_only: ClassVar[frozenset[str]] = frozenset({"_id", "application", "createdAt", "updatedAt"})

    name: str | None = None
    coordinates: Coordinates | None = Field(None, description="[longitude, latitude]")


def _require_name(schema: dict[str, Any]) -> None:
    """Add to a schema that `key` is required without `_id`.

    It is a condition, since generators of clients ignore that, but write a class for each alternative of `anyOf`.
    """
    drop_unset_defaults(schema)
    schema["if"] = {"not": {"required": ["_id"]}}
    schema["then"] = {"required": ["key"], "properties": {"key": {"type": "string"}}}


class PoiUpdateByName(PoiUpdate):
    """The fields to change in the point of interest that `_id`, or else `key`, names."""

    model_config = ConfigDict(json_schema_extra=_require_name)

    read_only: ClassVar[frozenset[str]] = PoiUpdate.read_only - {"_id"}
    not_stored: ClassVar[frozenset[str]] = frozenset({"_id", "app"})

    id: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{24}$", examples=["5e1834b0e12d62a85b388a1b"])] = Field(
        UNSET, alias="_id", description="With an `_id`, `key` is the new key."
    )
    app: Annotated[str, Field(min_length=1)] = Field(
        UNSET,
        description="The application (id or key) of the key, if several have it; only when the path does not name it.",
    )


class PoiCreate(_PoiFields):
    """A new point of interest."""

    app: Annotated[str, Field(min_length=1)] = Field(
        UNSET, description="The application (id or key); only when the path does not name it."
    )
    name: str = Field(examples=["Gare de la Part-Dieu"])
    tags: Tags | None = None
    coordinates: Coordinates = Field(description="[longitude, latitude]. May be absent when there is a `geometry`.")

    @model_validator(mode="before")
    @classmethod
    def _add_coordinates(cls, fields: Any) -> Any:
        """Add the coordinates of a point in the geometry where they are absent."""
        if (
            not isinstance(fields, dict)
            or fields.get("geometry") in (None, {})
            or fields.get("coordinates") is not None
        ):
            return fields
        try:
            point = find_inner_point(read_geometry(fields["geometry"], PLACE_BOUNDS))
        except (UnreadableGeometry, ImpossibleGeometry):
            point = 0, 0  # the field `geometry` is refused, with the reason
        return fields | {"coordinates": list(point)}


# -- answers -----------------------------------------------------------------------------------------------------


class PoiAnswer(Answer):
    """A point of interest."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    key: str | None = None
    name: str | None = None
    description: str | None = None
    active: bool
    type: str | None = None
    tags: list[str] = Field([])
    timezone: str
    address: Address = Field(EMPTY_OBJECT)
    coordinates: list[float] = Field([])
    radius: float | None = None
    geometry: GeometryAnswer = Field(EMPTY_OBJECT)
    parent: Identifier | None = None
    indoor_indexes: CellsAnswer = Field(EMPTY_OBJECT, alias="indoorIndexes")
    outdoor_indexes: CellsAnswer = Field(EMPTY_OBJECT, alias="outdoorIndexes")
    sites: list[Identifier] = Field([])
    attributes: Scalars = Field(EMPTY_OBJECT)
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


# -- lists -------------------------------------------------------------------------------------------------------

_DIGITS = r"(?:\.[0-9]{1,20})?"
_LONGITUDE = rf"-?(?:(?:1[0-7][0-9]|[1-9]?[0-9]){_DIGITS}|180(?:\.0{{1,20}})?)"
_LATITUDE = rf"-?(?:[1-8]?[0-9]{_DIGITS}|90(?:\.0{{1,20}})?)"


def _check_box(text: str) -> str:
    _, south, _, north = parse_numbers(text)
    if south > north:
        raise impossible_value("Use west,south,east,north in degrees: south must not be greater than north.")
    return text


def _normalize_cell(text: str) -> str:
    if not h3.is_valid_cell(text):
        raise ValueError(f"'{text[:20]}' is not a valid H3 cell.")
    return text.lower()


def parse_numbers(text: str) -> list[float]:
    """Return the numbers of a comma-separated list."""
    return [float(part) for part in text.split(",")]


_H3: Any = {"format": "h3-cell"}

Point = Annotated[str, Field(pattern=rf"^{_LONGITUDE},{_LATITUDE}$", examples=["4.8357,45.764"])]
Box = Annotated[
    str,
    Field(pattern=rf"^{_LONGITUDE},{_LATITUDE},{_LONGITUDE},{_LATITUDE}$", examples=["4.8,45.7,4.9,45.8"]),
    AfterValidator(_check_box),
]
Cell = Annotated[
    str,
    Field(pattern=r"^[0-9a-fA-F]{15}$", examples=["8a1f902e6217fff"], json_schema_extra=_H3),
    AfterValidator(_normalize_cell),
]


class PoiQuery(PlaceOptions, ListQuery):
    """The filters of a list of points of interest."""

    name: Flag = Field(UNSET, description="Whether the point of interest has a name.")
    active: Flag = UNSET
    near: Point = Field(
        UNSET, description="A point as longitude,latitude; only points of interest within `distance` of it."
    )
    distance: float = Field(1000, gt=0, le=20_100_000, description="Great-circle distance for `near`, in metres.")
    bbox: Box = Field(
        UNSET,
        description="Only points of interest in the box west,south,east,north; west may be greater than east.",
    )
    h3: Cell = Field(
        UNSET,
        description="An H3 cell of any resolution; only points of interest in it, or whose indoor cells cover it.",
    )
    study: Key = Field(UNSET, description="Only points of interest of this study (id or key).")
    sites: ReferenceFilter = Field(
        UNSET, description="Only points of interest related to any of these sites (ids or keys)."
    )
    type: Annotated[list[Text], Field(min_length=1)] = Field(
        UNSET, description="Only points of interest of this type; may be repeated."
    )

    def to_condition(self) -> Condition:
        """Return the condition that a POI is in the list; the route adds `near`, `study` and `sites`."""
        return (
            super().to_condition()
            & match_filled("name", self.name)
            & match_flag("active", self.active)
            & (OneOf("type", tuple(self.type)) if self.type else EVERYTHING)
            & (match_box(*parse_numbers(self.bbox)) if self.bbox else EVERYTHING)
            & (match_cell(self.h3) if self.h3 else EVERYTHING)
        )
