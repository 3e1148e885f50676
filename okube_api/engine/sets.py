"""Reads sets of user numbers from blobs, merges them by cell and compares them.  All counts are exact.

Example: the rows (cell 1, {3, 5}) and (cell 1, {5, 8}) merge into (cell 1, {3, 5, 8}): 3 distinct users.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.engine.unions import Numbers, sort_cells
from okube_api.store.arrays import Flags, Ints
from okube_api.threads import check_stopped

_FLAGS_PER_USER, _FEW = 16, 4096
"""A row with more users than the second number, and than all flags divided by the first, is merged by flags."""

_MOST_SMALL_BYTES = 2**31 - 1
"""Arrow's binary arrays have offsets of 32 bits, the large ones of 64."""


class CorruptSet(ValueError):
    """A blob that is not a set: its length is not a multiple of 4."""


@dataclass(frozen=True, slots=True)
class UserGroups:
    """Rows of sets of users: row i has the key `keys[i]` and the users `users[offsets[i]:offsets[i + 1]]`.

    users: uint32; distinct within a row.
    """

    keys: Ints
    offsets: Ints
    users: Numbers

    @property
    def lengths(self) -> Ints:
        """The number of users of each row."""
        return np.diff(self.offsets)

    @property
    def key_of_user(self) -> Ints:
        """The key of each user of `users`."""
        return np.repeat(self.keys, self.lengths)

    def sums(self, numbers: NDArray[np.int64]) -> Ints:
        """Return the sum of each row, given one integer per user of `users`."""
        running = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(numbers, dtype=np.int64)))
        result: Ints = running[self.offsets[1:]] - running[self.offsets[:-1]]
        return result

    def filter_users(self, flags: Flags) -> "UserGroups":
        """Return the same rows with some of their users; `flags` has one flag per user of `users`."""
        offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(flags, dtype=np.int64)))[self.offsets]
        return UserGroups(self.keys, offsets, self.users[flags])

    @property
    def bounds(self) -> Ints:
        """Where the users of each row begin, and where those of the last one end."""
        return self.offsets

    @property
    def size(self) -> int:
        """A number that is greater than every user number."""
        return int(self.users.max(initial=0)) + 1

    def read(self, rows: slice | Ints) -> Numbers:
        """Return the users of some rows, one row after the other."""
        if isinstance(rows, slice):
            return self.users[self.offsets[rows.start] : self.offsets[rows.stop]]
        return self.select_rows(rows).users

    def select_rows(self, rows: Ints) -> "UserGroups":
        """Return some of the rows, in the given order."""
        if len(rows) == len(self.keys) and np.all(rows[1:] > rows[:-1]):
            return self
        return from_blobs(self.keys[rows], self.to_blobs().take(pa.array(rows)))  # copies row by row, not user by user

    def to_blobs(self) -> pa.LargeBinaryArray:
        """Return the rows as serialised sets, without a copy of the users."""
        octets = (pa.py_buffer(np.ascontiguousarray(self.offsets * 4)), pa.py_buffer(self.users))
        return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(self.keys), [None, *octets])

    def rows(self) -> Iterator[tuple[int, Numbers]]:
        """Yield the key and the users of each row."""
        for key, start, end in zip(self.keys.tolist(), self.offsets[:-1], self.offsets[1:], strict=True):
            yield key, self.users[start:end]


class OrderedRows:
    """Rows of groups in another order.  Their users are copied when they are read, which costs less than all at once.

    bounds: where the users of each row begin, in this order.
    size: greater than every user number.
    """

    def __init__(self, groups: UserGroups, order: Ints) -> None:
        self.size = groups.size
        self.bounds = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(groups.lengths[order])))
        self._blobs, self._order = groups.to_blobs(), pa.array(order)

    def read(self, rows: slice | Ints) -> Numbers:
        """Return the users of some rows, one row after the other."""
        if isinstance(rows, slice):
            order, count = (
                self._order.slice(rows.start, rows.stop - rows.start),
                self.bounds[rows.stop] - self.bounds[rows.start],
            )
        else:
            order, count = self._order.take(pa.array(rows)), np.diff(self.bounds)[rows].sum()
        if not count:
            return np.zeros(0, dtype=np.uint32)
        return np.frombuffer(self._blobs.take(order).buffers()[2], dtype="<u4", count=count)


def from_blobs(keys: Ints, blobs: pa.ChunkedArray | pa.Array) -> UserGroups:
    """Read rows of serialised sets: sorted distinct little-endian u32 each; a null is the empty set.

    Blobs in one piece are not copied.  Raise CorruptSet when the length of a blob is not a multiple of 4.
    """
    chunks = blobs.chunks if isinstance(blobs, pa.ChunkedArray) else [blobs]
    if sum(chunk.nbytes for chunk in chunks) > _MOST_SMALL_BYTES:
        chunks = [chunk.cast(pa.large_binary()) for chunk in chunks]
    array = chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks) if chunks else pa.array([], pa.binary())
    if len(array) == 0:
        return UserGroups(keys, np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.uint32))
    _, offset_buffer, data = array.buffers()
    offset_type = np.int64 if pa.types.is_large_binary(array.type) else np.int32
    offsets = np.frombuffer(offset_buffer, dtype=offset_type)[array.offset : array.offset + len(array) + 1]
    start, end = int(offsets[0]), int(offsets[-1])
    offsets = offsets.astype(np.int64) - start
    if np.any(offsets % 4):
        raise CorruptSet("The length of a set of users is not a multiple of 4 bytes.")
    octets = np.frombuffer(data, dtype=np.uint8)[start:end] if data is not None else np.zeros(0, dtype=np.uint8)
    return UserGroups(keys, offsets // 4, octets.view("<u4"))


def from_users(keys: Ints, users: Ints) -> UserGroups:
    """Build rows of one user each."""
    return UserGroups(keys, np.arange(len(keys) + 1, dtype=np.int64), users.astype(np.uint32))


def concatenate(parts: list[UserGroups]) -> UserGroups:
    """Concatenate the rows of several groups."""
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([0, *(len(part.users) for part in parts)], dtype=np.int64)
    starts = [part.offsets[:-1] + end for part, end in zip(parts, ends, strict=False)]
    return UserGroups(
        np.concatenate([part.keys for part in parts]) if parts else np.zeros(0, dtype=np.int64),
        np.concatenate([*starts, ends[-1:]]),
        np.concatenate([part.users for part in parts]) if parts else np.zeros(0, dtype=np.uint32),
    )


def merge_groups(groups: UserGroups) -> Iterator[UserGroups]:
    """Merge the rows of each key: yield batches of rows with distinct keys, each row the union of its users.

    Rows that are the only ones of their key are yielded unchanged, in one batch.  The users of merged rows are in no
    particular order.
    """
    if len(groups.keys) == 0:
        return
    order = np.argsort(groups.keys, kind="stable")
    keys = groups.keys[order]
    firsts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    counts = np.diff(np.append(firsts, len(keys)))
    single = firsts[counts == 1]
    if len(single) == len(keys):
        yield groups
        return
    if len(single):
        yield groups.select_rows(order[single])
    adjacent = groups.select_rows(order[np.repeat(counts > 1, counts)])
    yield _unite(adjacent, np.concatenate(([0], np.cumsum(counts[counts > 1]))))


def _unite(groups: UserGroups, firsts: Ints) -> UserGroups:
    """Merge the rows firsts[i] to firsts[i + 1], which share a key, into one row each.

    The users of small rows are sorted, many rows at a time.  In large rows, each user number gets a flag.
    """
    bounds = groups.offsets[firsts]
    size = groups.size
    is_large = np.diff(bounds) > max(size // _FLAGS_PER_USER, _FEW)
    lengths = np.zeros(len(firsts) - 1, dtype=np.int64)
    small, large = np.flatnonzero(~is_large), np.flatnonzero(is_large)
    parts: list[Numbers] = [np.zeros(0, dtype=np.uint32)]
    for block in sort_cells(groups, firsts[small], firsts[small + 1]):
        lengths[small[block.cells]] = block.count_distinct()
        parts.append(block.users[block.is_first])
    flags = np.zeros(size if len(large) else 0, dtype=np.bool_)
    for row in large:
        check_stopped()
        flags[groups.users[bounds[row] : bounds[row + 1]].astype(np.intp)] = True
        parts.append(np.flatnonzero(flags).astype(np.uint32))
        lengths[row] = len(parts[-1])
        flags.fill(False)
    rows = np.concatenate((small, large))
    offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths[rows])))
    return UserGroups(groups.keys[firsts[rows]], offsets, np.concatenate(parts))


def count_memberships(groups: UserGroups) -> tuple[UserGroups, Ints]:
    """Count, for each key, the rows that contain a user; return the distinct users by key, and the count of each."""
    order = np.argsort(groups.keys, kind="stable")
    ordered = groups.select_rows(order)
    firsts = np.flatnonzero(np.concatenate(([True], ordered.keys[1:] != ordered.keys[:-1]))[: len(ordered.keys)])
    ends = np.append(firsts[1:], len(ordered.keys))[: len(firsts)]
    users: list[Numbers] = [np.zeros(0, dtype=np.uint32)]
    counts, lengths = [np.zeros(0, dtype=np.int64)], [np.zeros(1, dtype=np.int64)]
    for block in sort_cells(ordered, firsts, ends):
        distinct = np.flatnonzero(block.is_first)
        users.append(block.users[distinct])
        counts.append(np.diff(np.append(distinct, len(block.users))))
        lengths.append(block.count_distinct())
    offsets = np.cumsum(np.concatenate(lengths))
    return UserGroups(ordered.keys[firsts], offsets, np.concatenate(users)), np.concatenate(counts)


def find_members(groups: UserGroups, sets: UserGroups, keys: Ints) -> Flags:
    """Return, for each user of `groups`, whether the row of `sets` with the key of the user's row contains it.

    sets: rows of distinct keys.
    keys: for each row of `groups`, the key of the row of `sets` to compare with.
    """
    size = max(groups.size, sets.size)
    marks = np.zeros(size, dtype=np.bool_)
    flags = np.zeros(len(groups.users), dtype=np.bool_)
    users_by_key = dict(sets.rows())
    nobody = np.zeros(0, dtype=np.uint32)
    marked, current = nobody, None
    for row in np.argsort(keys, kind="stable"):
        if keys[row] != current:
            current = keys[row]
            marks[marked] = False
            marked = users_by_key.get(int(current), nobody)
            marks[marked] = True
        start, end = groups.offsets[row], groups.offsets[row + 1]
        flags[start:end] = marks[groups.users[start:end]]
    return flags
