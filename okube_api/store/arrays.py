"""Types of NumPy arrays that modules pass to each other, named by the meaning of an element."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int32]
"""Positions in a list of distinct values that comes with the array."""
