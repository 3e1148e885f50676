"""Rules of bodies that the OpenAPI document expresses by conditions, which generators of clients ignore."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text())
RING = [[4.83, 45.75], [4.84, 45.75], [4.84, 45.76], [4.83, 45.75]]


def is_valid(name: str, body: dict[str, Any]) -> bool:
    """Return whether a body fits the schema of that name."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return bool(jsonschema_rs.Draft202012Validator(schema).is_valid(body))


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        ({}, True),
        ({"type": "Polygon", "coordinates": [RING]}, True),
        ({"type": "Polygon", "coordinates": [[[*point, 170.5] for point in RING]], "bbox": [4, 45, 5, 46]}, True),
        ({"type": "MultiPolygon", "coordinates": [[RING], [RING]]}, True),
        ({"bbox": [4, 45, 5, 46]}, False),
        ({"type": "Polygon"}, False),
        ({"type": "MultiPolygon"}, False),
        ({"coordinates": [RING]}, False),
        ({"type": "Polygon", "coordinates": [[RING]]}, False),
        ({"type": "Polygon", "coordinates": []}, False),
        ({"type": "Polygon", "coordinates": [[["4.83", "45.75"]]]}, False),
        ({"type": "MultiPolygon", "coordinates": [RING]}, False),
        ({"type": "MultiPolygon", "coordinates": [[[[4.83]]]]}, False),
    ],
)
def test_coordinates_depend_on_the_type_of_a_geometry(geometry: dict[str, Any], expected: bool) -> None:
    assert is_valid("PoiUpdate", {"geometry": geometry}) is expected


@pytest.mark.parametrize("name", ["PoiUpdateByName", "PoiUpdateByNameInApplication"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"key": "station"}, True),
        ({"_id": "5e1834b0e12d62a85b388a1b"}, True),
        ({"_id": "5e1834b0e12d62a85b388a1b", "key": None}, True),
        ({}, False),
        ({"radius": 70}, False),
        ({"key": None}, False),
    ],
)
def test_a_point_of_interest_is_named_by_its_id_or_key(name: str, body: dict[str, Any], expected: bool) -> None:
    assert is_valid(name, body) is expected


@pytest.mark.parametrize("name", ["SiteCreateForm", "SiteUpdateForm"])
def test_fields_of_forms_are_never_null(name: str) -> None:
    properties = DOCUMENT["components"]["schemas"][name]["properties"]
    assert [field for field, schema in properties.items() if '"null"' in json.dumps(schema)] == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"indoorIndexes[resolution]": 12, "indoorIndexes[indexes]": ["8c1fb4675b6a5ff"]}, True),
        ({"indoorIndexes[resolution]": 12, "indoorIndexes[indexes]": []}, False),
        ({"indoorIndexes[resolution]": 12}, False),
        ({"outdoorIndexes[indexes]": ["8c1fb4675b6a5ff"]}, False),
    ],
)
def test_an_object_in_a_form_has_its_required_fields(body: dict[str, Any], expected: bool) -> None:
    assert is_valid("SiteUpdateForm", body | {"thumbnail": "PNG"}) is expected


@pytest.mark.parametrize(
    ("delimiter", "expected"), [("", True), (";", True), ("\t", True), ("é", False), ('"', False), ("\n", False)]
)
def test_delimiter_of_events_is_one_ascii_character(delimiter: str, expected: bool) -> None:
    parameters = DOCUMENT["paths"]["/applications/{application}/ingest/{kind}"]["post"]["parameters"]
    schema = next(parameter["schema"] for parameter in parameters if parameter["name"] == "delimiter")
    assert bool(jsonschema_rs.Draft202012Validator(schema).is_valid(delimiter)) is expected
