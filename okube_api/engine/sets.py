"""Sets of user numbers: read from blobs, merged by cell, counted or weighed.  Exact, whatever the period and scope."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.store.arrays import Flags, Ints

Numbers = NDArray[np.uint32]


class CorruptSet(ValueError):
    """A blob that is no set: its length is not a multiple of 4."""


@dataclass(frozen=True, slots=True)
class UserGroups:
    """Users by row, row after row: `users[offsets[i]:offsets[i + 1]]` are those of `keys[i]`.

    users: uint32; distinct within a row.
    """

    keys: Ints
    offsets: Ints
    users: Numbers

    @property
    def lengths(self) -> Ints:
        """How many users each row has."""
        return np.diff(self.offsets)

    @property
    def key_of_user(self) -> Ints:
        """The key of every user of `users`."""
        return np.repeat(self.keys, self.lengths)

    def sums(self, numbers: NDArray[np.int64]) -> Ints:
        """Per row, the sum of one integer per user of `users`."""
        running = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(numbers, dtype=np.int64)))
        result: Ints = running[self.offsets[1:]] - running[self.offsets[:-1]]
        return result

    def filter_users(self, chosen: Flags) -> "UserGroups":
        """The same rows with some of their users; `chosen` has a flag for each of `users`."""
        offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(chosen, dtype=np.int64)))[self.offsets]
        return UserGroups(self.keys, offsets, self.users[chosen])

    def select_rows(self, rows: Ints) -> "UserGroups":
        """Some of the rows, in that order."""
        if len(rows) == len(self.keys) and np.all(rows[1:] > rows[:-1]):
            return self
        octets = (pa.py_buffer(np.ascontiguousarray(self.offsets * 4)), pa.py_buffer(self.users))
        blobs = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(self.keys), [None, *octets])
        return from_blobs(self.keys[rows], blobs.take(pa.array(rows)))  # copies row by row, not user by user

    def rows(self) -> Iterator[tuple[int, Numbers]]:
        """Each row: its key and its users."""
        for key, start, end in zip(self.keys.tolist(), self.offsets[:-1], self.offsets[1:], strict=True):
            yield key, self.users[start:end]


def from_blobs(keys: Ints, blobs: pa.ChunkedArray | pa.Array) -> UserGroups:
    """Rows of serialised sets: sorted distinct little-endian u32 each; a null is the empty set.

    Raises CorruptSet when the length of a blob is no multiple of 4.
    """
    whole = blobs.cast(pa.large_binary())
    array = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.large_binary())
    if len(array) == 0:
        return UserGroups(keys, np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.uint32))
    _, offset_buffer, data = array.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    start, end = int(offsets[0]), int(offsets[-1])
    if np.any((offsets - start) % 4):
        raise CorruptSet("The length of a set of users is no multiple of 4 bytes.")
    octets = np.frombuffer(data, dtype=np.uint8)[start:end] if data is not None else np.zeros(0, dtype=np.uint8)
    return UserGroups(keys, (offsets - start) // 4, np.ascontiguousarray(octets).view("<u4"))


def from_users(keys: Ints, users: Ints) -> UserGroups:
    """One user a row."""
    return UserGroups(keys, np.arange(len(keys) + 1, dtype=np.int64), users.astype(np.uint32))


def concatenate(parts: list[UserGroups]) -> UserGroups:
    """The rows of several, one after the other."""
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
    """The union of the rows of each key, as rows of distinct keys and distinct users; several batches of them.

    Rows alone under their key come as they are, in one batch; the users of the others are in no particular order.
    """
    if len(groups.keys) == 0:
        return
    order = np.argsort(groups.keys, kind="stable")
    keys = groups.keys[order]
    firsts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    counts = np.diff(np.append(firsts, len(keys)))
    alone = firsts[counts == 1]
    if len(alone) == len(keys):
        yield groups
        return
    if len(alone):
        yield groups.select_rows(order[alone])
    size = int(groups.users.max()) + 1 if len(groups.users) else 0
    together = groups.select_rows(order[np.repeat(counts > 1, counts)])
    ends = np.cumsum(counts[counts > 1])
    yield _unions(together, np.concatenate(([0], ends)), size)


def _unions(groups: UserGroups, firsts: Ints, size: int) -> UserGroups:
    """Rows firsts[i] to firsts[i + 1], which share a key and stand side by side, as one row each."""
    last_seen, flags = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.bool_)
    parts: list[Numbers] = []
    for start, end in zip(groups.offsets[firsts[:-1]], groups.offsets[firsts[1:]], strict=True):
        users = groups.users[start:end]
        indices = users.astype(np.intp)
        if len(users) > size // 16:
            flags[indices] = True
            parts.append(np.flatnonzero(flags).astype(np.uint32))
            flags.fill(False)
        else:  # of the places where a user stands, the one written last is kept
            places = np.arange(len(users), dtype=np.int32)
            last_seen[indices] = places
            parts.append(users[last_seen[indices] == places])
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    return UserGroups(
        groups.keys[firsts[:-1]],
        np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths))),
        np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint32),
    )


def count_memberships(groups: UserGroups) -> tuple[UserGroups, Ints]:
    """In how many rows of a key each of its users stands: the distinct users by key, and that number for each."""
    order = np.argsort(groups.keys, kind="stable")
    together = groups.select_rows(order)
    firsts = np.flatnonzero(np.concatenate(([True], together.keys[1:] != together.keys[:-1]))[: len(together.keys)])
    bounds = together.offsets[np.append(firsts, len(together.keys))]
    size = int(groups.users.max()) + 1 if len(groups.users) else 0
    users: list[Numbers] = [np.zeros(0, dtype=np.uint32)]
    counts: list[Ints] = [np.zeros(0, dtype=np.int64)]
    for start, end in pairwise(bounds):
        found = together.users[start:end]
        if len(found) > size // 8:
            times = np.bincount(found, minlength=0)
            distinct = np.flatnonzero(times)
            users.append(distinct.astype(np.uint32))
            counts.append(times[distinct])
        else:
            distinct_users, times = np.unique(found, return_counts=True)
            users.append(distinct_users)
            counts.append(times)
    lengths = np.array([len(part) for part in users[1:]], dtype=np.int64)
    offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
    return UserGroups(together.keys[firsts], offsets, np.concatenate(users)), np.concatenate(counts)


def find_members(groups: UserGroups, others: UserGroups, keys: Ints) -> Flags:
    """For every user of `groups`, whether it stands in that row of `others` whose key is its row's in `keys`.

    others: rows of distinct keys.
    """
    marks = np.zeros(1 + max((int(part.users.max()) for part in (groups, others) if len(part.users)), default=0), bool)
    found = np.zeros(len(groups.users), dtype=np.bool_)
    rows = dict(others.rows())
    nobody = np.zeros(0, dtype=np.uint32)
    marked, current = nobody, None
    for row in np.argsort(keys, kind="stable"):
        if keys[row] != current:
            current = keys[row]
            marks[marked] = False
            marked = rows.get(int(current), nobody)
            marks[marked] = True
        start, end = groups.offsets[row], groups.offsets[row + 1]
        found[start:end] = marks[groups.users[start:end]]
    return found
