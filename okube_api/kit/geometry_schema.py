"""How polygons are described in schemas, and answered."""

from typing import Any

from pydantic import ConfigDict, Field

from okube_api.kit.schemas import UNSET, Answer, drop_unset_defaults

_DEGREES: Any = [{"type": "number", "minimum": -limit, "maximum": limit} for limit in (180, 90)]
_POINT: Any = {"type": "array", "minItems": 2, "prefixItems": _DEGREES, "items": {"type": "number"}}
_RINGS: Any = {"type": "array", "minItems": 1, "items": {"type": "array", "minItems": 1, "items": _POINT}}
_POLYGONS: Any = {"type": "array", "minItems": 1, "items": _RINGS}

# Conditions, since generators of clients ignore them, but write a class for each alternative of `anyOf`.
GEOMETRY_SCHEMA: Any = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["Polygon", "MultiPolygon"]},
        "coordinates": {"type": "array", "items": {"type": "array", "items": {}}},
    },
    "if": {"properties": {"type": {"const": "MultiPolygon"}}, "required": ["type"]},
    "then": {"properties": {"coordinates": _POLYGONS}, "required": ["coordinates"]},
    "else": {
        "if": {"minProperties": 1},
        "then": {"properties": {"coordinates": _RINGS}, "required": ["type", "coordinates"]},
    },
    "examples": [
        {
            "type": "Polygon",
            "coordinates": [[[4.8355, 45.7638], [4.8361, 45.7638], [4.8361, 45.7642], [4.8355, 45.7638]]],
        }
    ],
}
"""JSON Schema of a GeoJSON polygon or several; an empty object is none."""


class GeometryAnswer(Answer):
    """A GeoJSON Polygon or MultiPolygon; an empty object where there is none."""

    model_config = ConfigDict(json_schema_extra=drop_unset_defaults)

    type: str = Field(UNSET, examples=["Polygon"])
    coordinates: list[Any] = Field(UNSET)
