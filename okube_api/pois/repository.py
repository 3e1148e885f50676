"""Stores points of interest (POIs), and finds them by location."""

from collections.abc import Mapping
from math import asin, cos, degrees, radians, sin
from typing import ClassVar

import h3
from anyio import to_thread

from okube_api.clock import Clock
from okube_api.geo.constants import EARTH_M, POI_RADIUS_M
from okube_api.geo.distance import haversine_m
from okube_api.geo.place_locator import PlaceLocator
from okube_api.kit.application import Application
from okube_api.kit.place_parents import load_parents
from okube_api.kit.repository import Repository
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, WatchedFields
from okube_api.kit.schemas import list_unknown_names
from okube_api.kit.validated_repository import (
    Normalize,
    Updates,
    ValidatedRepository,
    drop_nulls,
    join_names,
    load_ids,
)
from okube_api.sites.schemas import Address
from okube_api.store.conditions import Between, Condition, OneOf, Overlaps
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

POIS = Collection(
    "pois",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "key": ColumnType.TEXT,
        "name": ColumnType.TEXT,
        "active": ColumnType.BOOLEAN,
        "type": ColumnType.TEXT,
        "tags": ColumnType.TEXTS,
        "sites": ColumnType.TEXTS,
        "parent": ColumnType.TEXT,
        "longitude": ColumnType.NUMBER,  # degrees, as in `coordinates`
        "latitude": ColumnType.NUMBER,
        "cells": ColumnType.TEXTS,  # of the coordinates at every resolution, and the indoor cells as `in:CELL`
        "attributeNames": ColumnType.TEXT,  # the names in `attributes`, one per line
        "addressNames": ColumnType.TEXT,  # the undeclared names in `address`
    },
    unique=(("application", "key"),),
    search=(
        "name",
        "key",
        "address.streetNumber",
        "address.street",
        "address.postalCode",
        "address.city",
        "address.country",
    ),
    has_revision=True,
)

_FINEST_RESOLUTION = 15
_INDEX_FIELDS = ("longitude", "latitude", "cells", "attributeNames", "addressNames")


class PoiRepository(ValidatedRepository):
    """Stores the POIs of all applications."""

    collection = POIS
    kind = "point of interest"
    watched_fields: ClassVar[WatchedFields] = {
        ChangeKind.CELLS: ("coordinates", "radius", "geometry", "parent", "indoorIndexes", "outdoorIndexes"),
        ChangeKind.TIMEZONE: ("timezone",),
    }
    name_fields: ClassVar[Mapping[str, str]] = {"attributes": "attributeNames", "address": "addressNames"}

    def __init__(self, store: Store, clock: Clock, changes: ChangePublisher, sites: Repository) -> None:
        super().__init__(store, clock, changes)
        self._sites = sites

    async def load_normalizer(self, application: Application, updates: Updates) -> Normalize:
        """Return the normaliser of these POIs, with the places that they name read and their cells computed."""
        resolve_sites = await load_ids(self._sites, application.id, updates, "sites")
        kinds = (type(self._sites), PoiRepository)
        resolve_parent = await load_parents(self.store, kinds, application.id, updates)
        locator = await to_thread.run_sync(PlaceLocator, updates, POI_RADIUS_M)

        defaults = {"active": True, "timezone": application.timezone}

        def normalize(stored: Json, fields: Json) -> Json:
            fields = fields | resolve_parent(stored, fields)
            if fields.get("sites") is not None:
                fields = fields | {"sites": resolve_sites(fields["sites"], "/sites")}
            return _normalize_poi(defaults, stored, fields, locator)

        return normalize

    async def match_within_distance(
        self, where: Condition, longitude: float, latitude: float, radius_m: float
    ) -> Condition:
        """Return the condition that a POI matches `where` and lies within a great-circle distance of a point.

        The store narrows the search by a box of degrees; the distances are computed here.
        """
        ids: list[str] = []
        async for block in self.store.stream(self.collection, where & match_box_around(longitude, latitude, radius_m)):
            ids += [
                poi["_id"]
                for poi in block
                if haversine_m(longitude, latitude, poi["longitude"], poi["latitude"]) <= radius_m
            ]
        return OneOf("_id", tuple(ids))


def _normalize_poi(defaults: Json, stored: Json, fields: Json, locator: PlaceLocator) -> Json:
    """Return the POI to store, with its cells and the fields of the index."""
    poi = {**defaults, **stored, **fields} | locator.locate(stored, fields)
    poi |= {name: default for name, default in defaults.items() if poi[name] is None}
    poi = {name: value for name, value in drop_nulls(poi).items() if name not in _INDEX_FIELDS}
    return drop_nulls(poi | _build_index(poi))


def _build_index(poi: Json) -> Json:
    """Return the fields of a POI that exist for conditions only."""
    index: Json = {
        "attributeNames": join_names(poi.get("attributes")),
        "addressNames": join_names(list_unknown_names(poi.get("address"), Address)),
    }
    if "coordinates" in poi:
        longitude, latitude = poi["coordinates"]
        index |= {"longitude": longitude, "latitude": latitude, "cells": _list_own_cells(longitude, latitude)}
    if "indoorIndexes" in poi:
        indoor = [f"in:{cell}" for cell in poi["indoorIndexes"]["indexes"]]
        index["cells"] = [*index.get("cells", ()), *indoor]
    return index


def _list_own_cells(longitude: float, latitude: float) -> list[str]:
    """Return the cell of the coordinates at each resolution.

    These are not each other's parents: a parent cell does not contain all of its child cells' area.
    """
    return [h3.latlng_to_cell(latitude, longitude, resolution) for resolution in range(_FINEST_RESOLUTION + 1)]


# -- conditions on the location of POIs --------------------------------------------------------------------------


def match_cell(cell: str) -> Condition:
    """Return the condition that a POI's coordinates lie in an H3 cell, or that its indoor cells cover the cell."""
    parents = [h3.cell_to_parent(cell, resolution) for resolution in range(h3.get_resolution(cell) + 1)]
    return Overlaps("cells", (cell, *(f"in:{parent}" for parent in parents)))


def match_box(west: float, south: float, east: float, north: float) -> Condition:
    """Return the condition that a POI lies in a box of degrees, sides included.

    A box whose west is greater than its east crosses the 180th meridian.
    """
    if west <= east:
        longitudes: Condition = Between("longitude", west, east)
    else:
        longitudes = Between("longitude", west, None) | Between("longitude", None, east)
    return longitudes & Between("latitude", south, north)


def match_box_around(longitude: float, latitude: float, radius_m: float) -> Condition:
    """Return the condition that a POI lies in the smallest box of degrees around a circle, with a small margin."""
    angle = radius_m / EARTH_M * 1.000001 + 1e-9  # radians
    south, north = latitude - degrees(angle), latitude + degrees(angle)
    if south <= -90 or north >= 90:
        return Between("latitude", south, north)
    half_width = degrees(asin(min(1.0, sin(angle) / cos(radians(latitude)))))
    return match_box(_wrap(longitude - half_width), south, _wrap(longitude + half_width), north)


def _wrap(longitude: float) -> float:
    return (longitude + 180) % 360 - 180
