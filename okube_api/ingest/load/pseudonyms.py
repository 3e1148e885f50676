"""Pseudonyms: names of users and devices become salted hashes, and hashes become user numbers; no name is stored."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from hashlib import blake2b, md5

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.store import open_workbench
from okube_api.store.arrays import Flags, Ints
from okube_api.store.protocol import Store, Workbench
from okube_api.threads import run_for_rows

USER, DEVICE = "user", "device"
_HASH_BYTES = 16
_MAX_CACHED_NUMBERS = 2_000_000
_FEW_TEXTS = 2000  # hashed faster without a database

Halves = NDArray[np.uint64]
"""128-bit hashes as two integers each: shape (hashes, 2)."""


def derive_salt(secret: bytes, application: str) -> bytes:
    """Return the salt of an application's names, derived from the server's secret; it is not stored anywhere."""
    key = blake2b(secret, person=b"okube-ingest").digest()
    return blake2b(application.encode(), key=key, person=b"okube-salt", digest_size=64).digest()


def hash_names(salt: bytes, kind: str, names: Iterable[str]) -> list[bytes]:
    """Return the 128-bit hashes of names of users or devices."""
    salted = blake2b(key=salt, person=kind.encode(), digest_size=_HASH_BYTES)
    hashes = []
    for name in names:
        hasher = salted.copy()
        hasher.update(name.encode())
        hashes.append(hasher.digest())
    return hashes


_NO_NUMBERS = np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int64)


class _NumberCache:
    """Cache of numbers by hash, in sorted arrays: a tenth of a dictionary's memory, and many look-ups in one call."""

    def __init__(self, max_numbers: int) -> None:
        self._max_numbers = max_numbers
        # The two halves of the cached hashes, sorted by the first half, and the numbers.  They are replaced together:
        # several threads may read and add at the same time.
        self._arrays = _NO_NUMBERS

    def look_up(self, hashes: Halves) -> Ints:
        """Return the number of each hash, -1 where it is not cached."""
        cached_first, cached_second, cached_numbers = self._arrays
        if len(cached_numbers) == 0:
            return np.full(len(hashes), -1)
        by_first = np.argsort(hashes[:, 0])  # searching in ascending order is several times faster
        first, second = hashes[by_first].T
        at = np.minimum(np.searchsorted(cached_first, first), len(cached_first) - 1)
        is_cached = (cached_first[at] == first) & (cached_second[at] == second)
        numbers = np.empty(len(hashes), np.int64)
        numbers[by_first] = np.where(is_cached, cached_numbers[at], -1)
        return numbers

    def add(self, hashes: Halves, numbers: Ints) -> None:
        """Add hashes that are not cached yet; empty the cache first if it would become too large."""
        cached_first, cached_second, cached_numbers = self._arrays
        if len(cached_numbers) + len(numbers) > self._max_numbers:
            cached_first, cached_second, cached_numbers = _NO_NUMBERS
        by_first = np.argsort(hashes[:, 0])
        hashes, numbers = hashes[by_first], numbers[by_first]
        at = np.searchsorted(cached_first, hashes[:, 0])
        self._arrays = (
            np.insert(cached_first, at, hashes[:, 0]),
            np.insert(cached_second, at, hashes[:, 1]),
            np.insert(cached_numbers, at, numbers),
        )


class Pseudonyms:
    """Numbers of the users and devices of an application; recently used ones are cached."""

    def __init__(self, store: Store, application: str, secret: bytes, *, max_cached: int = _MAX_CACHED_NUMBERS) -> None:
        self._store, self._application = store, application
        self._salt = derive_salt(secret, application)
        self._caches: defaultdict[str, _NumberCache] = defaultdict(partial(_NumberCache, max_cached))

    async def assign_numbers(self, kind: str, names: pa.ChunkedArray) -> Ints:
        """Return the number of each name; new names get new numbers.

        kind: USER or DEVICE.  names: without nulls.
        """
        encoded = await run_for_rows(len(names), lambda: names.dictionary_encode().unify_dictionaries())
        if encoded.num_chunks == 0:
            return np.empty(0, np.int64)
        distinct = encoded.chunk(0).dictionary
        hashes, of_distinct = await run_for_rows(len(distinct), partial(self._look_up, kind, distinct))
        uncached = np.flatnonzero(of_distinct < 0)
        if len(uncached):
            new = hashes[uncached]
            of_distinct[uncached] = await self._store.assign_numbers(self._application, kind, _to_bytes(new))
            await run_for_rows(len(new), partial(self._caches[kind].add, new, of_distinct[uncached]))
        codes = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
        numbers: Ints = of_distinct[np.concatenate(codes)]
        return numbers

    def _look_up(self, kind: str, names: pa.Array) -> tuple[Halves, Ints]:
        """Return the hashes of distinct names and their numbers, -1 where a number is not cached."""
        hashes = np.frombuffer(b"".join(hash_names(self._salt, kind, names.to_pylist())), np.uint64).reshape(-1, 2)
        return hashes, self._caches[kind].look_up(hashes)

    async def find_number(self, kind: str, name: str) -> int | None:
        """Return the number of a name, None when it has none yet."""
        return (await self.find_numbers(kind, [name]))[0]

    async def find_numbers(self, kind: str, names: Sequence[str]) -> list[int | None]:
        """Return the number of each name, None for names that have none yet."""
        hashes = await asyncio.to_thread(hash_names, self._salt, kind, names)
        return await self._store.find_numbers(self._application, kind, hashes)


def _to_bytes(hashes: Halves) -> list[bytes]:
    data = hashes.tobytes()
    return [data[low : low + _HASH_BYTES] for low in range(0, len(data), _HASH_BYTES)]


class Digests:
    """Unsalted 128-bit hashes of texts that identify no person: ids of events and orders.  DuckDB computes them."""

    def __init__(self, memory_limit: str, threads: int) -> None:
        self._memory_limit, self._threads = memory_limit, threads
        self._stack = ExitStack()
        self._workbench: Workbench | None = None

    def hash_texts(self, texts: pa.ChunkedArray) -> tuple[Ints, Ints, Flags]:
        """Return both halves of the hash of each text, and which values are texts; a null has no hash."""
        halves, given = np.zeros((len(texts), 2), np.int64), texts.is_valid().to_numpy()
        if 0 < np.count_nonzero(given) <= _FEW_TEXTS:
            hashes = [md5(text.encode(), usedforsecurity=False).digest() for text in texts.drop_null().to_pylist()]
            halves[given] = np.frombuffer(b"".join(hashes), np.int64).reshape(-1, 2)
        elif given.any():
            if self._workbench is None:
                self._workbench = self._stack.enter_context(open_workbench(self._memory_limit, self._threads))
            self._workbench.load("texts", pa.table({"place": np.flatnonzero(given), "text": texts.drop_null()}))
            hashes = self._workbench.query("SELECT place, unhex(md5(text)) AS hash FROM texts")
            places = hashes["place"].to_numpy()
            binary = pa.concat_arrays(hashes["hash"].chunks).cast(pa.binary(_HASH_BYTES))
            halves[places] = np.frombuffer(binary.buffers()[1], np.int64).reshape(-1, 2)[: len(places)]
        return halves[:, 0], halves[:, 1], given

    def close(self) -> None:
        """Close the DuckDB database, which frees its memory."""
        self._stack.close()
        self._workbench = None
