"""What is known of the users of an application, by their number: weights, areas of home and work, devices."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.ingest.columns.columns import to_integers
from okube_api.store.arrays import Codes, Floats, Ints

EARTH_RADIUS_M = 6_371_008.8
ATTRIBUTES = ("home", "work", "os", "manufacturer", "model")


@dataclass(frozen=True, slots=True, eq=False)
class PanelIndex:
    """Arrays by user number, one longer than the greatest known: the last stands for everybody else.

    weight: in thousandths.  texts: by name, the distinct values and each user's place among them, -1 unknown.
    lng, lat: of the centroids of areas, by code, in degrees.
    """

    weight: Ints
    attributes: Mapping[str, tuple[pa.Array, Codes]]
    areas: Mapping[str, tuple[float, float]]

    def find_rows(self, users: Ints) -> Ints:
        """Where users stand in the arrays."""
        return np.minimum(users, len(self.weight) - 1)

    def text_column(self, name: str, rows: Ints) -> pa.DictionaryArray:
        """A column of texts, null where unknown."""
        values, codes = self.attributes[name]
        found = codes[rows]
        return pa.DictionaryArray.from_arrays(pa.array(found, mask=found < 0), values)

    def distances_m(self, name: str, rows: Ints, places: Ints, lng: Floats, lat: Floats) -> pa.Array:
        """How far places (numbers, with their coordinates) are from users' `home` or `work`; null when unknown."""
        values, codes = self.attributes[name]
        points = np.array([self.areas.get(code, (np.nan, np.nan)) for code in values.to_pylist()] or [(np.nan,) * 2])
        found = codes[rows].astype(np.int64)
        pairs, which = np.unique(places * (len(values) + 1) + found + 1, return_inverse=True)
        place, area = pairs // (len(values) + 1), pairs % (len(values) + 1) - 1
        metres = _metres(lng[place], lat[place], points[area, 0], points[area, 1])
        known = np.isfinite(metres) & (area >= 0)
        rounded = np.where(known, np.rint(metres), 0).astype(np.int64)
        return pa.array(rounded[which], mask=~known[which])


def _metres(lng: Floats, lat: Floats, there_lng: Floats, there_lat: Floats) -> Floats:
    """Great-circle distances on a sphere."""
    lng, lat, there_lng, there_lat = (np.radians(values) for values in (lng, lat, there_lng, there_lat))
    half = np.sin((there_lat - lat) / 2) ** 2 + np.cos(lat) * np.cos(there_lat) * np.sin((there_lng - lng) / 2) ** 2
    metres: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(half))
    return metres


def index_panel(panelists: pa.Table, areas: pa.Table) -> PanelIndex:
    """From the rows of `panelists` (each user once) and of areas (code, lng, lat; each code once)."""
    users = to_integers(panelists["user"])
    size = int(users.max(initial=-1)) + 2
    weight = np.full(size, WEIGHT_UNIT, np.int64)
    weight[users] = to_integers(panelists["weight"])
    points = zip(areas["lng"].to_pylist(), areas["lat"].to_pylist(), strict=True)
    return PanelIndex(
        weight,
        {name: _text(panelists[name], users, size) for name in ATTRIBUTES},
        dict(zip(areas["code"].to_pylist(), points, strict=True)),
    )


def _text(column: pa.ChunkedArray, users: Ints, size: int) -> tuple[pa.Array, Codes]:
    encoded = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
    whole = encoded.unify_dictionaries()
    codes = np.full(size, -1, np.int32)
    if whole.num_chunks == 0:
        return pa.array([], pa.string()), codes
    at = 0
    for chunk in whole.chunks:
        codes[users[at : at + len(chunk)]] = chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        at += len(chunk)
    return whole.chunk(0).dictionary, codes
