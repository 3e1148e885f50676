"""The panel: the weight and the attributes of each panelist, by user number."""

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
        """Return the code of each of these users."""
        codes: Ints = _look_up(self.codes, users, -1).astype(np.int64, copy=False)
        return codes


@dataclass(frozen=True, slots=True)
class Panel:
    """The records of panelists; a user without a record weighs 1 and has no attributes.

    weights: in thousandths, by user number.
    """

    weights: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The number of user numbers that the arrays cover."""
        return len(self.weights)

    def weights_of(self, users: UserNumbers) -> Ints:
        """Return the weight of each of these users, in thousandths."""
        weights: Ints = _look_up(self.weights, users, WEIGHT_UNIT)
        return weights

    def attribute(self, name: str) -> Attribute:
        """Return an attribute of every user."""
        return self.attributes.get(name, _UNKNOWN)


_UNKNOWN = Attribute(np.zeros(0, dtype=np.int64), ())


def build_panel(blocks: Iterable[pa.Table]) -> Panel:
    """Build the panel from the blocks of its table."""
    rows = pa.concat_tables(blocks) if (blocks := list(blocks)) else None
    if rows is None or rows.num_rows == 0:
        return Panel()
    users = rows.column("user").to_numpy().astype(np.int64)
    size = int(users.max()) + 1
    weights = np.full(size, WEIGHT_UNIT, dtype=np.int64)
    weights[users] = rows.column("weight").fill_null(WEIGHT_UNIT).to_numpy()
    return Panel(weights, {name: _encode_attribute(rows.column(name), users, size) for name in ATTRIBUTES})


def _encode_attribute(column: pa.ChunkedArray, users: Ints, size: int) -> Attribute:
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    codes = np.full(size, -1, dtype=np.min_scalar_type(-1 - len(encoded.dictionary)))
    codes[users] = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Attribute(codes, tuple(encoded.dictionary.to_pylist()))


def _look_up(by_user: Any, users: UserNumbers, default: int) -> Any:
    """Return the value of each user; the default for user numbers beyond the array."""
    if len(users) == 0 or len(by_user) == 0:
        return np.full(len(users), default, dtype=np.int64)
    in_range = users < len(by_user)
    if in_range.all():
        return by_user[users]
    return np.where(in_range, by_user[np.where(in_range, users, 0)], default)
