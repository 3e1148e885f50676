"""The bands of distributions: half-open intervals given by their ascending lower edges."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def find_bands(values: NDArray[np.int64], edges: Sequence[int]) -> NDArray[np.int64]:
    """Return the index of the band [edges[i], edges[i + 1]) of each value; 0 for values below the first edge."""
    bands: NDArray[np.int64] = np.maximum(np.searchsorted(np.asarray(edges, np.int64), values, side="right") - 1, 0)
    return bands
