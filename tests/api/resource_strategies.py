"""Hypothesis strategies for the bodies that create resources, with fields that are difficult to give back."""

from typing import Any

from hypothesis import strategies as st

from tests.api.server import Json
from tests.tables.strategies import any_text, frees, lists, scalars, texts

CONTROLS = "".join(map(chr, [*range(32), *range(127, 160)]))

keys = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters=CONTROLS), min_size=1, max_size=6),
    st.sampled_from(["=1", "+33", "-1", "@a", "'", "a|b", "\\", "007", "a/b", "true", " ", "5e1834b0e12d62a85b388a1b"]),
)
free_names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=f"{CONTROLS}.$"), min_size=1, max_size=4
)
free = st.dictionaries(free_names, scalars, min_size=1, max_size=3)
freer = st.dictionaries(free_names, frees, min_size=1, max_size=3)
days = st.dates().map(str)
longitudes, latitudes = st.floats(-180, 180), st.floats(-89, 89)
coordinates = st.tuples(longitudes, latitudes).map(list)


def build_square(centre: list[float], side: float) -> list[list[list[float]]]:
    """Return the rings of a square in degrees, with a square hole."""
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    return [[[centre[0] + x * half, centre[1] + y * half] for x, y in corners] for half in (side / 2, side / 4)]


polygons = st.builds(
    lambda centre, side: {"type": "Polygon", "coordinates": build_square(centre, side)},
    st.tuples(st.floats(-179, 179), st.floats(-80, 80)).map(list),
    st.floats(1e-4, 1e-3),
)
geometries = st.one_of(
    polygons,
    polygons.map(lambda polygon: {"type": "MultiPolygon", "coordinates": [polygon["coordinates"]]}),
    polygons.map(lambda polygon: {"type": "Feature", "properties": {"a": 1}, "geometry": polygon}),
)
undeclared = st.dictionaries(
    free_names.map(lambda name: f"x{name}"), st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=2
)
"""Names that no object declares, each with a value that the server keeps."""


def open_objects(**declared: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Draw objects with some of their declared names and some that are not declared."""
    return st.tuples(st.fixed_dictionaries({}, optional=declared), undeclared).map(lambda parts: parts[0] | parts[1])


addresses = open_objects(city=any_text, streetNumber=any_text, country=any_text)
costs = st.tuples(
    st.fixed_dictionaries({"amount": st.floats(0, 1e9)}),
    st.sampled_from([{"type": "cpm"}, {"type": "fixed", "from": "2024-01-01", "to": "2024-01-31"}]),
    undeclared,
).map(lambda parts: parts[0] | parts[1] | parts[2])
hours = st.just([["09:00", "12:30"], ["14:00", "19:00"]])
cells = st.sampled_from([
    {"resolution": 12, "indexes": ["8c1fb4675b6a5ff"]},
    {"resolution": 12, "indexes": []},
    {"resolution": 11, "indexes": ["8b1fb4675b6afff"]},
])  # fmt: skip


def drop_far_coordinates(fields: Json) -> Json:
    """Return the fields of a place without the coordinates when it has a geometry: they would lie far apart."""
    return {name: value for name, value in fields.items() if name != "coordinates" or "geometry" not in fields}


SITES = st.fixed_dictionaries(
    {"name": any_text, "online": st.just(False)},
    optional={
        "key": keys.map(lambda key: f"{key}!"), "keys": st.lists(keys, min_size=1, max_size=3, unique=True),
        "description": texts, "tags": lists, "attributes": free, "address": addresses, "coordinates": coordinates,
        "phoneNumber": any_text, "level": st.integers(-5, 90), "type": texts, "inProd": st.booleans(),
        "deliveryContact": open_objects(name=any_text, phone=any_text),
        "openings": open_objects(monday=hours, sunday=st.just([])),
        "modules": open_objects(presence=st.booleans()), "geometry": geometries, "indoorIndexes": cells,
        "outdoorIndexes": cells,
    },
).map(drop_far_coordinates)  # fmt: skip

KINDS: dict[str, st.SearchStrategy[Json]] = {
    "sites": SITES,
    "pois": st.fixed_dictionaries(
        {"name": any_text, "coordinates": coordinates},
        optional={"key": keys, "description": texts, "tags": lists, "address": addresses, "attributes": free,
                  "active": st.booleans(), "radius": st.floats(1, 300), "type": texts, "geometry": geometries,
                  "indoorIndexes": cells, "outdoorIndexes": cells},
    ).map(drop_far_coordinates),
    "campaigns": st.fixed_dictionaries(
        {"key": keys},
        optional={"name": any_text, "description": any_text, "provider": any_text, "format": any_text, "from": days,
                  "extra": free, "costs": st.lists(costs, max_size=2), "windows": st.just({"click": 3}),
                  "sites": st.just([])},
    ),
    "studies": st.fixed_dictionaries(
        {"key": keys}, optional={"name": any_text, "to": days, "extra": free, "parameters": freer, "pois": st.just([])}
    ),
}  # fmt: skip
"""The bodies of each kind of resource that is imported from tables."""
