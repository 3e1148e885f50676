"""Helpers to build columns of events: instants, names of numbers, values by position."""

import numpy as np
import pyarrow as pa

from okube_api.store.arrays import Ints


def to_instants(seconds: Ints) -> pa.Array:
    """Return seconds since 1970 as Arrow timestamps."""
    return pa.array(seconds * 1000, type=pa.timestamp("ms", tz="UTC"))


def format_names(prefix: str, numbers: Ints) -> pa.Array:
    """Return a name such as `prefix-000042` for each number."""
    distinct, positions = np.unique(numbers, return_inverse=True)
    names = pa.array([f"{prefix}-{number:06d}" for number in distinct.tolist()], type=pa.string())
    return names.take(pa.array(positions))


def take_values(values: "list[str] | tuple[str, ...]", positions: Ints) -> pa.Array:
    """Return the values at these positions; a position of -1 gives null."""
    return pa.array(values, type=pa.string()).take(pa.array(positions, mask=positions < 0))
