"""Changes of rows in MongoDB: written under a generation that nobody reads yet, then switched to in one update.

Each change has a record of what it wrote and what it makes obsolete, so that whoever comes later can tidy up after
it, whether it was committed, abandoned or died.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import anyio
import pyarrow as pa
from bson import ObjectId
from pymongo.errors import PyMongoError

from okube_api.store.base import Conflict, Json, StoreError, Table
from okube_api.store.kinds import declared
from okube_api.store.mongo.blocks import counted, packed
from okube_api.store.mongo.errors import READ_S, WRITE_S, limited
from okube_api.store.mongo.manifest import Manifest, pg, runs, whole
from okube_api.store.mongo.roots import Root, Roots
from okube_api.store.mongo.rows import MongoReader
from okube_api.store.mongo.staging import renewing, server_now

CHANGES = "_changes"
_LEASE = timedelta(seconds=60)
_RENEW_S = 15.0
_ROWS_AT_ONCE = 5000
_BYTES_AT_ONCE = 16 * 2**20
_DELETE_S, _CLOSING_S = 300.0, 30.0


class Ended(Enum):
    """How a change ended, as far as its own process knows."""

    ABANDONED = "abandoned"
    PERHAPS = "perhaps"  # the answer to its commit is missing
    COMMITTED = "committed"


class MongoChange(MongoReader):
    """A change that is under way; it reads what it wrote."""

    def __init__(self, database: Any, roots: Roots, root: Root, identifier: ObjectId, name: str) -> None:
        super().__init__(database, roots, root)
        self._identifier, self._name = identifier, name
        self._manifests: dict[str, Manifest] = {}
        self._drops: list[Json] = []
        self.ended = Ended.ABANDONED

    @property
    def version(self) -> str:
        """Nobody else's: what it wrote is not committed."""
        return f"{self._root.application} {self._identifier}"

    def version_of(self, table: Table) -> str:  # noqa: ARG002 - of whichever table
        """Nobody else's either."""
        return self.version

    async def append(self, table: Table, batch: int, rows: pa.Table) -> None:
        """Adds rows of a batch."""
        if rows.num_rows == 0:
            return
        generation = (await self._roots.allot(self._root.application)).generation
        await self._write(table, generation, rows, batch)
        self._manifests[table.name] = (await self._manifest(table)).appended(batch, generation)

    async def remove(self, table: Table, batch: int) -> None:
        """Takes a batch's rows out."""
        manifest = await self._manifest(table)
        gone = [whole(generation) for number, generation in sorted(manifest.batches) if number == batch]
        self._drops.append(_record(table.name, gone))
        self._manifests[table.name] = manifest.without(batch)

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Puts rows in the place of whole partitions."""
        wanted = declared(table, rows)
        found = counted(wanted)
        if outside := found.keys() - set(parts):
            raise ValueError(f"rows of {table.name} in part {min(outside)}, which is not among those replaced")
        manifest = await self._manifest(table)
        generation = self._root.generation
        if table.packed:
            generation = (await self._roots.allot(self._root.application)).generation
        self._drops.append(_record(table.name, await self._obsolete(table, manifest, parts)))
        if wanted.num_rows:
            await self._write(table, generation, wanted, 0)
        self._manifests[table.name] = manifest.replaced(parts, generation, found, packed=table.packed)

    async def commit(self) -> None:
        """Makes it visible."""
        new = {table: ObjectId() for table in self._manifests}
        old = [self._root.tables[table] for table in new if table in self._root.tables]
        note = {"drops": self._drops, "old_manifests": old, "new_manifests": list(new.values())}
        with limited(WRITE_S):
            await self._database[CHANGES].update_one({"_id": self._identifier}, {"$set": note})
        for table, identifier in new.items():
            await self._roots.keep(identifier, self._root.application, self._manifests[table])
        self.ended = Ended.PERHAPS
        switched = await self._roots.switch(self._root, new, self._identifier, self._name)
        self.ended = Ended.COMMITTED if switched else Ended.ABANDONED
        if not switched:
            raise Conflict("another change of this application was committed first")

    async def _manifest(self, table: Table) -> Manifest:
        return self._manifests.get(table.name) or await super()._manifest(table)

    async def _obsolete(self, table: Table, manifest: Manifest, parts: Sequence[int]) -> list[tuple[int, int]]:
        """The ranges of `pg` that replacing these parts leaves behind."""
        if not table.packed:
            return runs([(part, manifest.parts[part][0]) for part in sorted(set(parts)) if part in manifest.parts])
        match = {"application": self._root.application, "part": {"$in": list(parts)}}
        with limited(READ_S):
            blocks = await self._database[table.name].find(match, {"part": 1, "pg": 1, "batch": 1}).to_list(None)
        return [(block["pg"], block["pg"]) for block in blocks if manifest.shows(block)]

    async def _write(self, table: Table, generation: int, rows: pa.Table, batch: int) -> None:
        """Writes rows, after noting that they are going to be there."""
        wrote = _record(table.name, [whole(generation)])
        with limited(WRITE_S):
            await self._database[CHANGES].update_one({"_id": self._identifier}, {"$addToSet": {"wrote": wrote}})
        common = {"application": self._root.application}
        groups = _blocks(table, generation, rows, batch) if table.packed else _plain(generation, rows)
        async for group in groups:
            with limited(WRITE_S):
                await self._database[table.name].insert_many([{**common, **one} for one in group], ordered=False)


async def _plain(generation: int, rows: pa.Table) -> AsyncIterator[list[Json]]:
    base = pg(generation, 0)
    for at in range(0, rows.num_rows, _ROWS_AT_ONCE):
        group = await asyncio.to_thread(rows.slice(at, _ROWS_AT_ONCE).to_pylist)
        yield [{"pg": base + row["part"], **_present(row)} for row in group]


async def _blocks(table: Table, generation: int, rows: pa.Table, batch: int) -> AsyncIterator[list[Json]]:
    blocks = packed(declared(table, rows))
    group: list[Json] = []
    held = 0
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        part, count, payload = block
        if group and held + len(payload) > _BYTES_AT_ONCE:
            yield group
            group, held = [], 0
        number = pg(generation, part)
        group.append({"part": part, "batch": batch, "pg": number, "rows": count, "payload": payload})
        held += len(payload)
    if group:
        yield group


def _present(row: Json) -> Json:
    return {name: value for name, value in row.items() if value is not None}


def _record(table: str, ranges: Iterable[tuple[int, int]]) -> Json:
    return {"table": table, "ranges": [list(one) for one in ranges]}


@asynccontextmanager
async def changing(database: Any, roots: Roots, application: str, name: str) -> AsyncIterator[MongoChange]:
    """A change; leaving without a commit removes what it wrote."""
    identifier = ObjectId()
    root = await roots.allot(application)
    record = {"application": application, "name": name, "state": "open"}
    async with renewing(database[CHANGES], identifier, record, _RENEW_S):
        change = MongoChange(database, roots, root, identifier, name)
        try:
            yield change
        finally:
            with anyio.move_on_after(_CLOSING_S, shield=True), suppress(StoreError, PyMongoError):
                await _close(database, roots, identifier, change.ended)


async def _close(database: Any, roots: Roots, identifier: ObjectId, ended: Ended) -> None:
    if ended is Ended.COMMITTED:
        await _mark_committed(database, identifier)
        return
    with limited(READ_S):
        record = await database[CHANGES].find_one({"_id": identifier})
    if record is not None and ended is Ended.PERHAPS:
        await resolve(database, roots, record)
    elif record is not None:
        await _discard(database, roots, record)


async def resolve(database: Any, roots: Roots, record: Json) -> None:
    """Finds out how a change ended, makes sure that it stays so, and removes what it wrote unless it was committed."""
    application, identifier = record["application"], record["_id"]
    if not await roots.has(application, identifier):
        await roots.fence(application)
    if await roots.has(application, identifier):
        await _mark_committed(database, identifier)
    else:
        await _discard(database, roots, record)


async def _mark_committed(database: Any, identifier: ObjectId) -> None:
    change = {"$set": {"state": "committed"}, "$currentDate": {"at": True}}
    with limited(WRITE_S):
        await database[CHANGES].update_one({"_id": identifier}, change)


async def _discard(database: Any, roots: Roots, record: Json) -> None:
    await _delete(database, record["application"], record.get("wrote", ()))
    await _forget(database, roots, record["_id"], record.get("new_manifests", ()))


async def _forget(database: Any, roots: Roots, identifier: ObjectId, manifests: Sequence[ObjectId]) -> None:
    await roots.drop(manifests)
    with limited(WRITE_S):
        await database[CHANGES].delete_one({"_id": identifier})


async def tidy(database: Any, roots: Roots, grace: timedelta) -> None:
    """Removes what dead changes wrote, and what changes committed longer ago than `grace` made obsolete."""
    with limited(READ_S):
        records = await database[CHANGES].find({}).to_list(None)
    if not records:
        return
    now = await server_now(database)
    for record in records:
        since: datetime = record["at"]
        if record["state"] == "open" and since < now - _LEASE:
            await resolve(database, roots, record)
        elif record["state"] == "committed" and since < now - grace:
            await _delete(database, record["application"], record.get("drops", ()))
            await _forget(database, roots, record["_id"], record.get("old_manifests", ()))


async def _delete(database: Any, application: str, ranges: Iterable[Json]) -> None:
    for one in ranges:
        for first, last in one["ranges"]:
            with limited(_DELETE_S):
                await database[one["table"]].delete_many(
                    {"application": application, "pg": {"$gte": first, "$lte": last}}
                )
