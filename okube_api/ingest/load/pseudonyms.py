"""Users, devices and events without their names: hashes with the application's secret salt, and numbers for these."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.store import open_workbench
from okube_api.store.arrays import Flags, Ints
from okube_api.store.protocol import Store, Workbench

USER, DEVICE = "user", "device"
_HASH_BYTES = 16
_REMEMBERED = 2_000_000

Halves = NDArray[np.uint64]
"""Hashes in two halves: shape (hashes, 2)."""


def derive_salt(secret: bytes, application: str) -> bytes:
    """The salt of an application's identifiers: the server's secret and the application make it, nothing stores it."""
    return blake2b(application.encode(), key=_key(secret), person=b"okube-salt", digest_size=64).digest()


def _key(secret: bytes) -> bytes:
    return blake2b(secret, person=b"okube-ingest").digest()


def hash_names(salt: bytes, kind: str, names: Iterable[str]) -> list[bytes]:
    """The 128-bit hashes of users or devices."""
    blank = blake2b(key=salt, person=kind.encode(), digest_size=_HASH_BYTES)
    found = []
    for name in names:
        one = blank.copy()
        one.update(name.encode())
        found.append(one.digest())
    return found


class _NumberCache:
    """Numbers by the hashes of names, as columns: a tenth of a dictionary's memory, and many are looked up at once."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._first, self._second = np.empty(0, np.uint64), np.empty(0, np.uint64)  # halves of hashes; the first ascend
        self._numbers = np.empty(0, np.int64)

    def of(self, hashes: Halves) -> Ints:
        """The number of each hash, -1 where it is not known."""
        if len(self._numbers) == 0:
            return np.full(len(hashes), -1)
        by = np.argsort(hashes[:, 0])  # neighbours are looked up one after the other: several times faster
        first, second = hashes[by].T
        at = np.minimum(np.searchsorted(self._first, first), len(self._first) - 1)
        found = np.empty(len(hashes), np.int64)
        found[by] = np.where((self._first[at] == first) & (self._second[at] == second), self._numbers[at], -1)
        return found

    def put(self, hashes: Halves, numbers: Ints) -> None:
        """Adds hashes that are not known; when there are too many, the others are forgotten."""
        if len(self._numbers) + len(numbers) > _REMEMBERED:
            self._forget()
        by = np.argsort(hashes[:, 0])
        hashes, numbers = hashes[by], numbers[by]
        at = np.searchsorted(self._first, hashes[:, 0])
        self._first = np.insert(self._first, at, hashes[:, 0])
        self._second = np.insert(self._second, at, hashes[:, 1])
        self._numbers = np.insert(self._numbers, at, numbers)


class Pseudonyms:
    """The numbers of an application's users and devices; those met last are remembered."""

    def __init__(self, store: Store, application: str, secret: bytes) -> None:
        self._store, self._application = store, application
        self._salt = derive_salt(secret, application)
        self._known: defaultdict[str, _NumberCache] = defaultdict(_NumberCache)

    async def assign_numbers(self, kind: str, names: pa.ChunkedArray) -> Ints:
        """The number of each name; new names get new numbers."""
        encoded = await asyncio.to_thread(lambda: names.dictionary_encode().unify_dictionaries())
        if encoded.num_chunks == 0:
            return np.empty(0, np.int64)
        hashes, found = await asyncio.to_thread(self._looked_up, kind, encoded.chunk(0).dictionary)
        unknown = np.flatnonzero(found < 0)
        if len(unknown):
            new = hashes[unknown]
            found[unknown] = await self._store.assign_numbers(self._application, kind, _bytes(new))
            await asyncio.to_thread(self._known[kind].put, new, found[unknown])
        codes = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
        numbers: Ints = found[np.concatenate(codes)]
        return numbers

    def _looked_up(self, kind: str, names: pa.Array) -> tuple[Halves, Ints]:
        """The hashes of distinct names, and their numbers as far as they are known."""
        hashes = np.frombuffer(b"".join(hash_names(self._salt, kind, names.to_pylist())), np.uint64).reshape(-1, 2)
        return hashes, self._known[kind].of(hashes)

    async def find_number(self, kind: str, name: str) -> int | None:
        """The number of a name, None for one that was never met."""
        return (await self._store.find_numbers(self._application, kind, hash_names(self._salt, kind, [name])))[0]


def _bytes(hashes: Halves) -> list[bytes]:
    data = hashes.tobytes()
    return [data[at : at + _HASH_BYTES] for at in range(0, len(data), _HASH_BYTES)]


class Digests:
    """128-bit hashes of texts that are nobody's name: events' own ids, orders."""

    def __init__(self, memory_limit: str, threads: int) -> None:
        self._memory_limit, self._threads = memory_limit, threads
        self._stack = ExitStack()
        self._bench: Workbench | None = None

    def hash_texts(self, texts: pa.ChunkedArray) -> tuple[Ints, Ints, Flags]:
        """Both halves of each hash, and where there is one; null has none."""
        size = len(texts)
        halves, given = np.zeros((size, 2), np.int64), texts.is_valid().to_numpy()
        if given.any():
            if self._bench is None:
                self._bench = self._stack.enter_context(open_workbench(self._memory_limit, self._threads))
            self._bench.load("texts", pa.table({"place": np.flatnonzero(given), "text": texts.drop_null()}))
            found = self._bench.query("SELECT place, unhex(md5(text)) AS hash FROM texts")
            rows = found["place"].to_numpy()
            whole = pa.concat_arrays(found["hash"].chunks).cast(pa.binary(_HASH_BYTES))
            halves[rows] = np.frombuffer(whole.buffers()[1], np.int64).reshape(-1, 2)[: len(rows)]
        return halves[:, 0], halves[:, 1], given

    def close(self) -> None:
        """Lets go of the memory."""
        self._stack.close()
        self._bench = None
