"""How polygons are described in schemas, and answered."""

from typing import Any

from pydantic import ConfigDict, Field

from okube_api.kit.schemas import UNSET, Answer, drop_unset_defaults

GEOMETRY_SCHEMA: Any = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["Polygon", "MultiPolygon"]},
        "coordinates": {"type": "array", "items": {"type": "array", "items": {}}},
    },
    "required": ["type", "coordinates"],
    "examples": [
        {
            "type": "Polygon",
            "coordinates": [[[4.8355, 45.7638], [4.8361, 45.7638], [4.8361, 45.7642], [4.8355, 45.7638]]],
        }
    ],
}
"""JSON Schema of a GeoJSON polygon or several."""


class GeometryAnswer(Answer):
    """A GeoJSON Polygon or MultiPolygon; an empty object where there is none."""

    model_config = ConfigDict(json_schema_extra=drop_unset_defaults)

    type: str = Field(UNSET, examples=["Polygon"])
    coordinates: list[Any] = Field(UNSET)
