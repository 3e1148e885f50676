"""The time zones of the places of a question."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from okube_api.engine.text_columns import encode_texts
from okube_api.store.arrays import Ints


@dataclass(frozen=True, slots=True, eq=False)
class PlaceTimezones:
    """Distinct time zones, at least one, and which of them each place has.

    codes: by the id of a place, an index into `names`; places that are absent have the first time zone.
    """

    names: tuple[str, ...] = ("UTC",)
    codes: Mapping[str, int] = field(default_factory=dict)

    def number_rows(self, places: pa.ChunkedArray) -> Ints:
        """Return the index of the time zone of each row, given the ids of places."""
        codes, names = encode_texts(places)
        of_name = [self.codes.get(name or "", 0) for name in names]
        return np.array(of_name, dtype=np.int64)[codes]


ONE_TIMEZONE = PlaceTimezones()
