"""Index of panelists: arrays of weights, home and work areas and device attributes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.geo.distance import haversine_m_array
from okube_api.ingest.columns.columns import to_integers
from okube_api.store.arrays import Codes, Floats, Ints

ATTRIBUTES = ("home", "work", "os", "manufacturer", "model")


@dataclass(frozen=True, slots=True, eq=False)
class PanelIndex:
    """Arrays by position.  They have one more element, the last, for all users who are not in the panel.

    users: the user at each position, ascending; None when the positions are the user numbers.
    weight: in thousandths.
    attributes: by name, the distinct values and each user's position among them, -1 for unknown.
    areas: longitude and latitude of the centroid in degrees, by code.
    """

    users: Ints | None
    weight: Ints
    attributes: Mapping[str, tuple[pa.Array, Codes]]
    areas: Mapping[str, tuple[float, float]]

    def find_rows(self, users: Ints) -> Ints:
        """Return the positions of users in the arrays."""
        unknown = len(self.weight) - 1
        if self.users is None:
            return np.minimum(users, unknown)
        if unknown == 0:
            return np.zeros(len(users), np.int64)
        at = np.minimum(np.searchsorted(self.users, users), unknown - 1)
        return np.where(self.users[at] == users, at, unknown)

    def list_weights(self) -> pa.Table:
        """Return the weight of each user who can have one in the index (`user`, `weight`)."""
        size = len(self.weight) - 1
        users = np.arange(size, dtype=np.int64) if self.users is None else self.users
        return pa.table({"user": users, "weight": self.weight[:size]})

    def get_text_column(self, name: str, rows: Ints) -> pa.DictionaryArray:
        """Return an attribute of the users at these positions as a text column, null where unknown."""
        values, codes = self.attributes[name]
        of_rows = codes[rows]
        return pa.DictionaryArray.from_arrays(pa.array(of_rows, mask=of_rows < 0), values)

    def compute_distances_m(self, name: str, rows: Ints, places: Ints, lng: Floats, lat: Floats) -> pa.Array:
        """Return the distance of each user's place from their `home` or `work`, in whole metres; null where unknown.

        rows: the positions of the users.  places: the place of each user, an index into `lng` and `lat` (degrees).
        """
        values, codes = self.attributes[name]
        points = np.array([self.areas.get(code, (np.nan, np.nan)) for code in values.to_pylist()] or [(np.nan,) * 2])
        # Distinct pairs of place and area are few, so each distance is computed once.  Code 0 is an unknown area.
        pairs, pair_of_row = np.unique(
            places * (len(values) + 1) + codes[rows].astype(np.int64) + 1, return_inverse=True
        )
        place, area = pairs // (len(values) + 1), pairs % (len(values) + 1) - 1
        metres = haversine_m_array(lng[place], lat[place], points[area, 0], points[area, 1])
        is_valid = np.isfinite(metres) & (area >= 0)
        rounded = np.where(is_valid, np.rint(metres), 0).astype(np.int64)
        return pa.array(rounded[pair_of_row], mask=~is_valid[pair_of_row])


def index_panel(panelists: pa.Table, areas: pa.Table, *, is_sparse: bool = False) -> PanelIndex:
    """Return the index of rows of `panelists` (each user once) and of areas (code, lng, lat; each code once).

    is_sparse: whether the panelists are few of the application's users; then the index takes no room for the others.
    """
    users = to_integers(panelists["user"])
    if is_sparse:
        of_position, at = np.unique(users, return_inverse=True)
        size = len(of_position) + 1
    else:
        of_position, at, size = None, users, int(users.max(initial=-1)) + 2
    weight = np.full(size, WEIGHT_UNIT, np.int64)
    weight[at] = to_integers(panelists["weight"])
    points = zip(areas["lng"].to_pylist(), areas["lat"].to_pylist(), strict=True)
    return PanelIndex(
        of_position,
        weight,
        {name: _index_texts(panelists[name], at, size) for name in ATTRIBUTES},
        dict(zip(areas["code"].to_pylist(), points, strict=True)),
    )


def _index_texts(column: pa.ChunkedArray, at: Ints, size: int) -> tuple[pa.Array, Codes]:
    """Return the distinct values of a column, and the index of the value at each position among them.

    at: the position of each row's user.
    """
    encoded = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
    unified = encoded.unify_dictionaries()
    codes = np.full(size, -1, np.int32)
    if unified.num_chunks == 0:
        return pa.array([], pa.string()), codes
    start = 0
    for chunk in unified.chunks:
        codes[at[start : start + len(chunk)]] = chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        start += len(chunk)
    return unified.chunk(0).dictionary, codes
