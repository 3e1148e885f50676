"""Users, devices and events without their names: hashes with the application's secret salt, and numbers for these."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from okube_api.ingest.derive.columns import Flags, Ints
from okube_api.store import open_workbench
from okube_api.store.base import Store, Workbench

USER, DEVICE = "user", "device"
_HASH_BYTES = 16
_REMEMBERED = 400_000


def salt_of(secret: bytes, application: str) -> bytes:
    """The salt of an application's identifiers: the server's secret and the application make it, nothing stores it."""
    return blake2b(application.encode(), key=_key(secret), person=b"okube-salt", digest_size=64).digest()


def _key(secret: bytes) -> bytes:
    return blake2b(secret, person=b"okube-ingest").digest()


def hashed(salt: bytes, kind: str, names: Iterable[str]) -> list[bytes]:
    """The 128-bit hashes of users or devices."""
    blank = blake2b(key=salt, person=kind.encode(), digest_size=_HASH_BYTES)
    found = []
    for name in names:
        one = blank.copy()
        one.update(name.encode())
        found.append(one.digest())
    return found


class Identities:
    """The numbers of an application's users and devices; some of those met last are remembered."""

    def __init__(self, store: Store, application: str, secret: bytes) -> None:
        self._store, self._application = store, application
        self._salt = salt_of(secret, application)
        self._known: defaultdict[str, dict[bytes, int]] = defaultdict(dict)

    async def numbers(self, kind: str, names: pa.ChunkedArray) -> Ints:
        """The number of each name; new names get new numbers."""
        encoded, hashes, new = await asyncio.to_thread(self._looked_up, kind, names)
        if new:
            numbers = await self._store.numbers(self._application, kind, new)
            self._known[kind].update(zip(new, numbers, strict=True))
        return await asyncio.to_thread(self._spread, kind, encoded, hashes)

    def _looked_up(self, kind: str, names: pa.ChunkedArray) -> tuple[pa.ChunkedArray, list[bytes], list[bytes]]:
        """The names as codes of distinct ones, the hashes of these, and those of them whose numbers are not known."""
        encoded = names.dictionary_encode().unify_dictionaries()
        distinct = encoded.chunk(0).dictionary.to_pylist() if encoded.num_chunks else []
        hashes = hashed(self._salt, kind, distinct)
        known = self._known[kind]
        new = [one for one in hashes if one not in known]
        if len(known) + len(new) > _REMEMBERED:
            known.clear()
            new = hashes
        return encoded, hashes, new

    def _spread(self, kind: str, encoded: pa.ChunkedArray, hashes: Sequence[bytes]) -> Ints:
        known = self._known[kind]
        found = np.array([known[one] for one in hashes], np.int64)
        codes = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
        numbers: Ints = found[np.concatenate(codes)] if codes else np.empty(0, np.int64)
        return numbers

    async def known(self, kind: str, name: str) -> int | None:
        """The number of a name, None for one that was never met."""
        return (await self._store.known(self._application, kind, hashed(self._salt, kind, [name])))[0]


class Digests:
    """128-bit hashes of texts that are nobody's name: events' own ids, orders."""

    def __init__(self, memory_limit: str, threads: int) -> None:
        self._memory_limit, self._threads = memory_limit, threads
        self._stack = ExitStack()
        self._bench: Workbench | None = None

    def of(self, texts: pa.ChunkedArray) -> tuple[Ints, Ints, Flags]:
        """Both halves of each hash, and where there is one; null has none."""
        size = len(texts)
        halves, given = np.zeros((size, 2), np.int64), texts.is_valid().to_numpy()
        if given.any():
            if self._bench is None:
                self._bench = self._stack.enter_context(open_workbench(self._memory_limit, self._threads))
            self._bench.load("texts", pa.table({"place": np.flatnonzero(given), "text": texts.drop_null()}))
            found = self._bench.table("SELECT place, unhex(md5(text)) AS hash FROM texts")
            rows = found["place"].to_numpy()
            whole = pa.concat_arrays(found["hash"].chunks).cast(pa.binary(_HASH_BYTES))
            halves[rows] = np.frombuffer(whole.buffers()[1], np.int64).reshape(-1, 2)[: len(rows)]
        return halves[:, 0], halves[:, 1], given

    def close(self) -> None:
        """Lets go of the memory."""
        self._stack.close()
        self._bench = None
