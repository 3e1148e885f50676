"""Points of interest in the store."""

from collections.abc import Mapping
from math import asin, cos, degrees, radians, sin
from typing import ClassVar

import h3
from anyio import to_thread

from okube_api.clock import Clock
from okube_api.geo.constants import EARTH_M
from okube_api.geo.distance import haversine_m
from okube_api.geo.place_cells import CellLocator
from okube_api.kit.application import Application
from okube_api.kit.repository import Repository
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, WatchedFields
from okube_api.kit.validated_repository import (
    Normalize,
    ResolveIds,
    Updates,
    ValidatedRepository,
    drop_nulls,
    join_names,
    load_ids,
)
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
        "tags": ColumnType.TEXTS,
        "sites": ColumnType.TEXTS,
        "longitude": ColumnType.NUMBER,  # degrees, as in `coordinates`
        "latitude": ColumnType.NUMBER,
        "cells": ColumnType.TEXTS,  # the coordinates' own cell at every resolution, and the indoor cells as `in:CELL`
        "attributeNames": ColumnType.TEXT,  # those in `attributes`, one a line
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
)

_FINEST = 15
_INDEX = ("longitude", "latitude", "cells", "attributeNames")


class PoiRepository(ValidatedRepository):
    """The points of interest of every application."""

    collection = POIS
    kind = "point of interest"
    watched_fields: ClassVar[WatchedFields] = {
        ChangeKind.PLACE: ("indoorIndexes", "outdoorIndexes"),
        ChangeKind.ZONE: ("timezone",),
    }
    name_fields: ClassVar[Mapping[str, str]] = {"attributes": "attributeNames"}

    def __init__(self, store: Store, clock: Clock, changes: ChangePublisher, sites: Repository) -> None:
        super().__init__(store, clock, changes)
        self._sites = sites

    async def load_normalizer(self, application: Application, many: Updates) -> Normalize:
        """The rule for points of interest, with the sites that they name, and their cells."""
        sites = await load_ids(self._sites, application.id, many, "sites")
        locate = await to_thread.run_sync(CellLocator, many)

        def make(stored: Json, fields: Json) -> Json:
            return _normalize_poi({"active": True, "timezone": application.timezone, **stored}, fields, sites, locate)

        return make

    async def match_within_distance(
        self, where: Condition, longitude: float, latitude: float, metres: float
    ) -> Condition:
        """Those of `where` whose coordinates lie within so many metres, measured along a great circle."""
        found: list[str] = []
        async for block in self.store.stream(self.collection, where & match_box_around(longitude, latitude, metres)):
            found += [
                poi["_id"]
                for poi in block
                if haversine_m(longitude, latitude, poi["longitude"], poi["latitude"]) <= metres
            ]
        return OneOf("_id", tuple(found))


def _normalize_poi(stored: Json, fields: Json, sites: ResolveIds, locate: CellLocator) -> Json:
    """A point of interest with fields changed, and what follows from them."""
    if fields.get("sites") is not None:
        fields = fields | {"sites": sites(fields["sites"], "/sites")}
    poi = drop_nulls(stored | fields | locate(stored, fields), objects=("address",))
    poi = {name: value for name, value in poi.items() if name not in _INDEX}
    return poi | {name: value for name, value in _index(poi).items() if value is not None}


def _index(poi: Json) -> Json:
    """What conditions ask of a point of interest, and its document does not say so."""
    index: Json = {"attributeNames": join_names(poi.get("attributes"))}
    if "coordinates" in poi:
        longitude, latitude = poi["coordinates"]
        index |= {"longitude": longitude, "latitude": latitude, "cells": _own_cells(longitude, latitude)}
    if "indoorIndexes" in poi:
        inside = [f"in:{cell}" for cell in poi["indoorIndexes"]["indexes"]]
        index["cells"] = [*index.get("cells", ()), *inside]
    return index


def _own_cells(longitude: float, latitude: float) -> list[str]:
    """The cell of the coordinates at each resolution: not each other's parents, which do not quite contain them."""
    return [h3.latlng_to_cell(latitude, longitude, resolution) for resolution in range(_FINEST + 1)]


# -- where they are ------------------------------------------------------------------------------------------


def match_cell(cell: str) -> Condition:
    """The points of interest whose coordinates lie in an H3 cell, or whose indoor cells cover it."""
    up = [h3.cell_to_parent(cell, resolution) for resolution in range(h3.get_resolution(cell) + 1)]
    return Overlaps("cells", (cell, *(f"in:{one}" for one in up)))


def match_box(west: float, south: float, east: float, north: float) -> Condition:
    """The points of interest in a box of degrees, sides included; from east to west it crosses the 180th meridian."""
    if west <= east:
        across: Condition = Between("longitude", west, east)
    else:
        across = Between("longitude", west, None) | Between("longitude", None, east)
    return across & Between("latitude", south, north)


def match_box_around(longitude: float, latitude: float, metres: float) -> Condition:
    """The smallest box of degrees around a circle, and a little more."""
    reach = metres / EARTH_M * 1.000001 + 1e-9  # radians
    south, north = latitude - degrees(reach), latitude + degrees(reach)
    if south <= -90 or north >= 90:
        return Between("latitude", south, north)
    across = degrees(asin(min(1.0, sin(reach) / cos(radians(latitude)))))
    return match_box(_wrapped(longitude - across), south, _wrapped(longitude + across), north)


def _wrapped(longitude: float) -> float:
    return (longitude + 180) % 360 - 180
