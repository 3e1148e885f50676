"""Bands of distributions: half-open intervals, given by their ascending lower edges."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from okube_api.store.arrays import Ints


class Bands(StrEnum):
    """The quantities that have bands; the edges are settings of the application."""

    DWELL = "dwell"
    DISTANCE = "distance"
    VISITS = "visits"
    DELAY = "delay"
    GAP = "gap"
    BASKET = "basket"


def find_bands(values: Ints, edges: Sequence[int]) -> Ints:
    """Return the index of the band [edges[i], edges[i + 1]) of each value; 0 for values below the first edge."""
    bands: Ints = np.maximum(np.searchsorted(np.asarray(edges, np.int64), values, side="right") - 1, 0)
    return bands
