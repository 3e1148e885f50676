"""Writes to an embedded store until the disk is full, and checks what it answered against what it keeps."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import pyarrow as pa
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.duckdb.store import DuckStore
from okube_api.store.errors import StoreError, StoreFull

from tests.conformance.declared import DOCUMENTS, EVENTS, SCHEMA
from tests.store.small_disk import SmallDisk

DISK_BYTES = 12 * 2**20
_RECOVERY_S = 5.0
_WRITES = 30


@dataclass(frozen=True, slots=True)
class FullDiskResult:
    """What happened at one point.

    recovery_s: from the moment when there is room until a write succeeds.
    """

    acknowledged: int
    refused: int
    recovery_s: float


class Writer:
    """Writes of several kinds, and the ids and changes that were acknowledged."""

    def __init__(self, store: DuckStore, seed: int) -> None:
        self.store, self._random = store, Random(seed)
        self.versions: dict[str, int] = {}
        self.changes: dict[int, int] = {}
        self._number = 0

    async def write(self) -> None:
        """Do one write: insert documents, replace them, or commit a change.  Raise StoreFull."""
        self._number += 1
        kind = self._random.choice(["insert", "insert", "replace", "change"])
        size = self._random.choice([1, 30, 1500])
        if kind == "change":
            rows = pa.table(
                {
                    "part": pa.repeat(1, size),
                    "user": range(size),
                    "label": [f"{self._random.random()}" for _ in range(size)],
                }
            )
            async with self.store.begin_change("a", f"change {self._number}") as change:
                await change.append(EVENTS, self._number, rows)
                await change.commit()
            self.changes[self._number] = size
            return
        if kind == "replace" and self.versions:
            ids = self._random.sample(sorted(self.versions), min(size, len(self.versions)))
        else:
            ids = [f"{self._number:06}{index:06}" for index in range(size)]
        documents = [
            {"_id": name, "key": name, "version": self._number, "text": f"{self._random.random()}" * 5} for name in ids
        ]
        new = [document for document in documents if document["_id"] not in self.versions]
        await self.store.write(DOCUMENTS, new, [document for document in documents if document not in new])
        self.versions |= dict.fromkeys(ids, self._number)

    async def check(self) -> None:
        """Check that the store has what was acknowledged, and nothing of what was refused."""
        documents = {row["_id"]: row["version"] for row in await self.store.find(DOCUMENTS, EVERYTHING)}
        assert documents == self.versions, "documents differ from those acknowledged"
        changes: dict[int, int] = {}
        async with self.store.open_reader("a") as reader:
            async for block in reader.read_parts(EVENTS, 0, 9):
                for number in block["batch"].to_pylist():
                    changes[number] = changes.get(number, 0) + 1
        assert changes == self.changes, "changes differ from those acknowledged"


async def fill_disk(disk: SmallDisk, point: int) -> FullDiskResult:
    """Fill the disk at a point of a series of writes, go on writing and reading, make room, and check everything."""
    path = disk.folder / "okube.duckdb"
    store = DuckStore(path, SCHEMA, memory_limit="128MB", threads=1)
    await store.start()
    writer = Writer(store, point)
    for _ in range(Random(point).randrange(2, 25)):
        await writer.write()
    disk.fill(leave_bytes=Random(point).choice([0, 10_000, 300_000, 1_500_000]))
    refused = writes = 0
    while writes < _WRITES or (not refused and writes < 10 * _WRITES):  # a checkpoint may just have made room
        writes += 1
        try:
            await writer.write()
        except StoreFull:
            refused += 1
            if refused in {1, 7}:
                with suppress(StoreError):
                    await store._upkeep.run_once()
                await writer.check()
    await writer.check()
    disk.empty()
    room_at = time.monotonic()
    while True:
        try:
            await writer.write()
            break
        except StoreFull:
            assert time.monotonic() - room_at < _RECOVERY_S, "no write succeeds although there is room"
            await asyncio.sleep(0.05)
    recovery_s = time.monotonic() - room_at
    await writer.check()
    assert await store.count(DOCUMENTS, equal("version", -1)) == 0
    await store.close()
    writer.store = DuckStore(path, SCHEMA, memory_limit="128MB", threads=1)
    await writer.store.start()
    await writer.check()
    await writer.store.close()
    for left in disk.folder.iterdir():
        left.unlink()
    return FullDiskResult(len(writer.versions) + len(writer.changes), refused, recovery_s)
