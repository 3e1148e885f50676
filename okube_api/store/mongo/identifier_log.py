"""Copy of the log of identifiers, in the order of their numbers, sorted for look-ups; it numbers users and devices."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from okube_api.store.arrays import Ints

IDENTIFIER_BYTES = 16
Identifiers = NDArray[np.bytes_]


def to_identifiers(values: Sequence[bytes]) -> Identifiers:
    """Return identifiers as an array.  Raise ValueError when one is not 16 bytes long."""
    if any(len(value) != IDENTIFIER_BYTES for value in values):
        raise ValueError(f"an identifier has {IDENTIFIER_BYTES} bytes")
    return _unpack(b"".join(values))


def take_distinct(identifiers: Identifiers, limit: int) -> Identifiers:
    """Return the first `limit` distinct identifiers, in the order of their first occurrence."""
    _, positions = np.unique(identifiers, return_index=True)
    return identifiers[np.sort(positions)[:limit]]


def count_identifiers(payload: bytes) -> int:
    """Return the number of identifiers in the payload of a document."""
    return len(payload) // IDENTIFIER_BYTES


@dataclass(frozen=True, slots=True, eq=False)
class IdentifierLog:
    """Identifiers with the numbers 0 to `size` - 1, stored in documents.

    start, payload: the first number and the content of the last of these documents.
    """

    size: int = 0
    start: int = 0
    payload: bytes = b""
    _sorted: Identifiers = field(default_factory=lambda: _unpack(b""))
    _numbers: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))

    def look_up(self, identifiers: Identifiers) -> Ints:
        """Return the number of each identifier, -1 for identifiers that are not in the log."""
        if not self.size:
            return np.full(len(identifiers), -1, np.int64)
        positions = np.minimum(np.searchsorted(self._sorted, identifiers), self.size - 1)
        return np.where(self._sorted[positions] == identifiers, self._numbers[positions].astype(np.int64), -1)

    def extend(self, documents: Sequence[tuple[int, bytes]]) -> "IdentifierLog | None":
        """Return the log with further documents (start, payload), of which the first may be its last one, grown.

        Return None when the documents do not continue the log.
        """
        start, payload, size = self.start, self.payload, self.size
        added = []
        for next_start, next_payload in documents:
            known_payload = payload if next_start == start else b""
            if next_start not in (start, size) or not next_payload.startswith(known_payload):
                return None
            added.append(next_payload[len(known_payload) :])
            start, payload, size = next_start, next_payload, next_start + count_identifiers(next_payload)
        return IdentifierLog(size, start, payload, *self._merge(_unpack(b"".join(added))))

    def _merge(self, new: Identifiers) -> tuple[Identifiers, NDArray[np.uint32]]:
        new_order = np.argsort(new)
        identifiers = np.concatenate((self._sorted, new[new_order]))
        numbers = np.concatenate((self._numbers, (self.size + new_order).astype(np.uint32)))
        order = np.argsort(identifiers, kind="stable")  # fast, because both parts are sorted
        return identifiers[order], numbers[order]


def _unpack(payload: bytes) -> Identifiers:
    return np.frombuffer(payload, f"S{IDENTIFIER_BYTES}")
