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
import pyarrow.compute as pc
from bson import ObjectId
from pymongo.errors import PyMongoError

from okube_api.store.errors import Conflict, StoreError
from okube_api.store.mongo.blocks import counted, packed
from okube_api.store.mongo.errors import READ_S, WRITE_S, limited
from okube_api.store.mongo.insert_queue import Inserts, documents, groups
from okube_api.store.mongo.manifest import Manifest, pg, whole
from okube_api.store.mongo.manifests import Root, Roots
from okube_api.store.mongo.rows import MongoReader
from okube_api.store.mongo.staging import renewing, server_now
from okube_api.store.plan_analysis import conform_rows
from okube_api.store.ranges import find_ranges
from okube_api.store.schema import Table
from okube_api.store.values import Json

CHANGES = "_changes"
_LEASE = timedelta(seconds=60)
_RENEW_S = 15.0
_BYTES_AT_ONCE = 8 * 2**20
_DELETE_S, _CLOSING_S = 300.0, 30.0


class Ended(Enum):
    """How a change ended, as far as its own process knows."""

    ABANDONED = "abandoned"
    PERHAPS = "perhaps"  # the answer to its commit is missing
    COMMITTED = "committed"


class MongoChange(MongoReader):
    """A change that is under way; it reads what it wrote."""

    def __init__(self, database: Any, roots: Roots, root: Root, record: Json) -> None:
        super().__init__(database, roots, root)
        self._record = record
        self._inserts = Inserts(database)
        self._wrote: set[str] = set()
        self._manifests: dict[str, Manifest] = {}
        self._drops: list[Json] = []
        self.ended = Ended.ABANDONED

    @property
    def version(self) -> str:
        """Nobody else's: what it wrote is not committed."""
        return f"{self._root.application} {self._record['_id']}"

    def version_of(self, table: Table) -> str:  # noqa: ARG002 - of whichever table
        """Nobody else's either."""
        return self.version

    async def append(self, table: Table, batch: int, rows: pa.Table) -> None:
        """Adds rows of a batch."""
        if rows.num_rows == 0:
            return
        generation = await self._generation(table)
        manifest = await self._current(table)
        await self._write(table, generation, rows, batch)
        self._manifests[table.name] = manifest.appended(batch, generation)

    async def remove(self, table: Table, batch: int) -> None:
        """Takes a batch's rows out."""
        manifest = await self._current(table)
        gone = [whole(generation) for number, generation in sorted(manifest.batches) if number == batch]
        self._drops.append(_record(table.name, gone))
        self._manifests[table.name] = manifest.without(batch)

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Puts rows in the place of whole partitions."""
        wanted = conform_rows(table, rows)
        found = counted(wanted)
        if outside := found.keys() - set(parts):
            raise ValueError(f"rows of {table.name} in part {min(outside)}, which is not among those replaced")
        generation = await self._generation(table)
        manifest = await self._current(table)
        self._drops.append(_record(table.name, await self._obsolete(table, manifest, parts)))
        if wanted.num_rows:
            await self._write(table, generation, wanted, 0)
        self._manifests[table.name] = manifest.replaced(parts, generation, found, packed=table.packed)

    async def commit(self) -> None:
        """Makes it visible."""
        await self._inserts.settled()
        new = {table: ObjectId() for table in self._manifests}
        old = [self._root.tables[table] for table in new if table in self._root.tables]
        self._record["new_manifests"] = list(new.values())
        await self._note({"$set": {"drops": self._drops, "old_manifests": old, "new_manifests": list(new.values())}})
        await self._roots.keep(self._root.application, {new[name]: one for name, one in self._manifests.items()})
        self.ended = Ended.PERHAPS
        switched = await self._roots.switch(self._root, new, self._record["_id"], self._record["name"])
        self.ended = Ended.COMMITTED if switched else Ended.ABANDONED
        if not switched:
            raise Conflict("another change of this application was committed first")

    async def close(self) -> None:
        """Lets what was sent arrive; removes it unless it was committed."""
        await self._inserts.close()
        if self.ended is Ended.COMMITTED:
            await _mark_committed(self._database, self._record["_id"])
        elif self.ended is Ended.PERHAPS:
            await resolve(self._database, self._roots, self._record, self._wrote)
        else:
            await _discard(self._database, self._roots, self._record, self._wrote)

    async def _manifest(self, table: Table) -> Manifest:
        await self._inserts.settled(table.name)
        return await self._current(table)

    async def _current(self, table: Table) -> Manifest:
        return self._manifests.get(table.name) or await super()._manifest(table)

    async def _generation(self, table: Table) -> int:
        """What to write under: of several writes of one packed table, a later one may take out what came before."""
        if not table.packed or table.name not in self._manifests:
            return self._root.generation
        generation = (await self._roots.allot(self._root.application)).generation
        self._record["generations"].append(generation)
        await self._note({"$push": {"generations": generation}})
        return generation

    async def _note(self, change: Json) -> None:
        with limited(WRITE_S):
            await self._database[CHANGES].update_one({"_id": self._record["_id"]}, change)

    async def _obsolete(self, table: Table, manifest: Manifest, parts: Sequence[int]) -> list[tuple[int, int]]:
        """The ranges of `pg` that replacing these parts leaves behind."""
        if not table.packed:
            replaced = set(parts) & manifest.parts.keys()
            return find_ranges(pg(manifest.parts[part][0], part) for part in replaced)
        await self._inserts.settled(table.name)
        match = {"application": self._root.application, "part": {"$in": list(parts)}}
        with limited(READ_S):
            blocks = await self._database[table.name].find(match, {"part": 1, "pg": 1, "batch": 1}).to_list(None)
        return [(block["pg"], block["pg"]) for block in blocks if manifest.shows(block)]

    async def _write(self, table: Table, generation: int, rows: pa.Table, batch: int) -> None:
        self._wrote.add(table.name)
        common = {"application": self._root.application}
        if table.packed:
            async for group in _blocks(table, generation, rows, common | {"batch": batch}):
                await self._inserts.add(table.name, group)
            return
        for piece in groups(rows):
            group = await asyncio.to_thread(_plain, piece, generation, common)
            await self._inserts.add(table.name, group)


def _plain(rows: pa.Table, generation: int, common: Json) -> list[Json]:
    return documents(rows.append_column("pg", pc.add(rows["part"], pg(generation, 0))), common)


async def _blocks(table: Table, generation: int, rows: pa.Table, common: Json) -> AsyncIterator[list[Json]]:
    blocks = packed(conform_rows(table, rows))
    group: list[Json] = []
    held = 0
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        part, count, payload = block
        if group and held + len(payload) > _BYTES_AT_ONCE:
            yield group
            group, held = [], 0
        group.append({**common, "part": part, "pg": pg(generation, part), "rows": count, "payload": payload})
        held += len(payload)
    if group:
        yield group


def _record(table: str, ranges: Iterable[tuple[int, int]]) -> Json:
    return {"table": table, "ranges": [list(one) for one in ranges]}


@asynccontextmanager
async def changing(database: Any, roots: Roots, application: str, name: str) -> AsyncIterator[MongoChange]:
    """A change; leaving without a commit removes what it wrote."""
    root = await roots.allot(application)
    identifier = ObjectId()
    record = {"application": application, "name": name, "state": "open", "generations": [root.generation]}
    async with renewing(database[CHANGES], identifier, record, _RENEW_S):
        change = MongoChange(database, roots, root, record | {"_id": identifier})
        try:
            yield change
        finally:
            with anyio.move_on_after(_CLOSING_S, shield=True), suppress(StoreError, PyMongoError):
                await change.close()


async def resolve(database: Any, roots: Roots, record: Json, tables: Iterable[str]) -> None:
    """Finds out how a change ended, makes sure that it stays so, and removes what it wrote unless it was committed.

    tables: those that it may have written.
    """
    application, identifier = record["application"], record["_id"]
    if not await roots.has(application, identifier):
        await roots.fence(application)
    if await roots.has(application, identifier):
        await _mark_committed(database, identifier)
    else:
        await _discard(database, roots, record, tables)


async def _mark_committed(database: Any, identifier: ObjectId) -> None:
    change = {"$set": {"state": "committed"}, "$currentDate": {"at": True}}
    with limited(WRITE_S):
        await database[CHANGES].update_one({"_id": identifier}, change)


async def _discard(database: Any, roots: Roots, record: Json, tables: Iterable[str]) -> None:
    ranges = [whole(generation) for generation in record["generations"]]
    await _delete(database, record["application"], [_record(table, ranges) for table in tables])
    await _forget(database, roots, record["_id"], record.get("new_manifests", ()))


async def _forget(database: Any, roots: Roots, identifier: ObjectId, manifests: Sequence[ObjectId]) -> None:
    await roots.drop(manifests)
    with limited(WRITE_S):
        await database[CHANGES].delete_one({"_id": identifier})


async def tidy(database: Any, roots: Roots, tables: Sequence[str], grace: timedelta) -> None:
    """Removes what dead changes wrote, and what changes committed longer ago than `grace` made obsolete."""
    with limited(READ_S):
        records = await database[CHANGES].find({}).to_list(None)
    if not records:
        return
    now = await server_now(database)
    for record in records:
        since: datetime = record["at"]
        if record["state"] == "open" and since < now - _LEASE:
            await resolve(database, roots, record, tables)
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
