"""A log of identifiers in the order of their numbers, as far as a process has read it, sorted to be looked up."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from okube_api.store.arrays import Ints

_WIDTH = 16
Identifiers = NDArray[np.bytes_]


def identifiers_of(values: Sequence[bytes]) -> Identifiers:
    """One element each.  Raises ValueError where one has another length than 16 bytes."""
    if any(len(value) != _WIDTH for value in values):
        raise ValueError(f"an identifier has {_WIDTH} bytes")
    return _unpacked(b"".join(values))


def first(identifiers: Identifiers, most: int) -> Identifiers:
    """The distinct ones in the order in which they come first, at most so many."""
    _, at = np.unique(identifiers, return_index=True)
    return identifiers[np.sort(at)[:most]]


def how_many(payload: bytes) -> int:
    """The identifiers of a document."""
    return len(payload) // _WIDTH


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """The identifiers 0 to `size` - 1, in documents; `start` and `payload` are of the last of these."""

    size: int = 0
    start: int = 0
    payload: bytes = b""
    _sorted: Identifiers = field(default_factory=lambda: _unpacked(b""))
    _numbers: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))

    def find(self, wanted: Identifiers) -> Ints:
        """The number of each, -1 for those that are not in the log."""
        if not self.size:
            return np.full(len(wanted), -1, np.int64)
        at = np.minimum(np.searchsorted(self._sorted, wanted), self.size - 1)
        return np.where(self._sorted[at] == wanted, self._numbers[at].astype(np.int64), -1)

    def with_(self, documents: Sequence[tuple[int, bytes]]) -> "Log | None":
        """With documents (start, payload), from the last one known on; None when they do not follow from it."""
        start, payload, size = self.start, self.payload, self.size
        added = []
        for begins, whole in documents:
            known = payload if begins == start else b""
            if begins not in (start, size) or not whole.startswith(known):
                return None
            added.append(whole[len(known) :])
            start, payload, size = begins, whole, begins + how_many(whole)
        return Log(size, start, payload, *self._merged(_unpacked(b"".join(added))))

    def _merged(self, new: Identifiers) -> tuple[Identifiers, NDArray[np.uint32]]:
        by = np.argsort(new)
        both = np.concatenate((self._sorted, new[by]))
        numbers = np.concatenate((self._numbers, (self.size + by).astype(np.uint32)))
        order = np.argsort(both, kind="stable")  # of two runs
        return both[order], numbers[order]


def _unpacked(payload: bytes) -> Identifiers:
    return np.frombuffer(payload, f"S{_WIDTH}")
