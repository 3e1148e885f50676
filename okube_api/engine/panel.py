"""What is known of each user of the panel, by user number: the weight, and the attributes that sets are split by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.store.arrays import Ints

UserNumbers = NDArray[Any]
"""User numbers, of any integer type."""

ATTRIBUTES = ("home", "work", "os", "manufacturer", "model")


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute by user number.

    codes: indices into `names`, -1 when unknown; of the smallest type that holds them.
    """

    codes: NDArray[np.signedinteger[Any]]
    names: tuple[str, ...]

    def codes_of(self, users: UserNumbers) -> Ints:
        """The codes of these users."""
        found: Ints = _looked_up(self.codes, users, -1).astype(np.int64, copy=False)
        return found


@dataclass(frozen=True, slots=True)
class Panel:
    """The users' records; a user without one weighs 1 and has no attribute.

    weights: thousandths, by user number.
    """

    weights: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many user numbers it spans."""
        return len(self.weights)

    def weights_of(self, users: UserNumbers) -> Ints:
        """The weights of these users, in thousandths."""
        found: Ints = _looked_up(self.weights, users, WEIGHT_UNIT)
        return found

    def attribute(self, name: str) -> Attribute:
        """An attribute of every user."""
        return self.attributes.get(name, _UNKNOWN)


_UNKNOWN = Attribute(np.zeros(0, dtype=np.int64), ())


def build_panel(blocks: Iterable[pa.Table]) -> Panel:
    """The panel, from the blocks of its table."""
    rows = pa.concat_tables(blocks) if (blocks := list(blocks)) else None
    if rows is None or rows.num_rows == 0:
        return Panel()
    users = rows.column("user").to_numpy().astype(np.int64)
    size = int(users.max()) + 1
    weights = np.full(size, WEIGHT_UNIT, dtype=np.int64)
    weights[users] = rows.column("weight").fill_null(WEIGHT_UNIT).to_numpy()
    return Panel(weights, {name: _attribute(rows.column(name), users, size) for name in ATTRIBUTES})


def _attribute(column: pa.ChunkedArray, users: Ints, size: int) -> Attribute:
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    codes = np.full(size, -1, dtype=np.min_scalar_type(-1 - len(encoded.dictionary)))
    codes[users] = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Attribute(codes, tuple(encoded.dictionary.to_pylist()))


def _looked_up(known: Any, users: UserNumbers, default: int) -> Any:
    if len(users) == 0 or len(known) == 0:
        return np.full(len(users), default, dtype=np.int64)
    inside = users < len(known)
    if inside.all():
        return known[users]
    return np.where(inside, known[np.where(inside, users, 0)], default)
