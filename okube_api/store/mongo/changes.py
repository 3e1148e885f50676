"""Changes of rows in MongoDB: rows are written under a generation that no manifest lists yet; one update commits them.

Each change has a record of the rows that it writes and makes obsolete.  With the record, any process can clean up
later, whether the change was committed, was abandoned, or its process died.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

import anyio
import pyarrow as pa
import pyarrow.compute as pc
from bson import ObjectId
from pymongo.errors import PyMongoError

from okube_api.store.columnar.row_filter import exclude_keys
from okube_api.store.conditions import OneOf
from okube_api.store.errors import Conflict, StoreError
from okube_api.store.mongo.blocks import count_by_part, pack_rows
from okube_api.store.mongo.errors import READ_S, WRITE_S, time_limit
from okube_api.store.mongo.insert_queue import InsertQueue, split_rows, to_documents
from okube_api.store.mongo.manifests import (
    Manifest,
    ManifestPointers,
    ManifestRepository,
    encode_generation,
    encode_pg,
)
from okube_api.store.mongo.rows import MongoReader
from okube_api.store.mongo.staging import hold_lease, read_server_time
from okube_api.store.plan_analysis import conform_rows
from okube_api.store.plans import Select
from okube_api.store.protocol import Change
from okube_api.store.ranges import Range, find_ranges
from okube_api.store.schema import Table
from okube_api.store.values import Json

T = TypeVar("T")
CHANGES = "_changes"
_LEASE = timedelta(seconds=60)
_RENEW_S = 15.0
_MAX_GROUP_BYTES = 8 * 2**20
_DELETE_S = 300.0
_CLOSE_S = 2.0
"""How long a request waits for the rows of its change to be deleted; `collect_row_garbage` deletes the rest later."""


class ChangeOutcome(Enum):
    """How a change ended, as far as its own process knows."""

    ABANDONED = "abandoned"
    UNKNOWN = "unknown"  # the commit was sent but not answered
    COMMITTED = "committed"


class MongoChange(MongoReader):
    """A running change, which reads its own writes."""

    def __init__(self, database: Any, manifests: ManifestRepository, pointers: ManifestPointers, record: Json) -> None:
        super().__init__(database, manifests, pointers)
        self._record = record
        self._inserts = InsertQueue(database)
        self._written_tables: set[str] = set()
        self._new_manifests: dict[str, Manifest] = {}
        self._obsolete: list[Json] = []
        self.outcome = ChangeOutcome.ABANDONED

    @property
    def version(self) -> str:
        """A version that no other reader has, because its own writes are not committed."""
        return f"{self._pointers.application} {self._record['_id']}"

    def version_of(self, table: Table) -> str:  # noqa: ARG002 - the same for every table
        """Return a version that no other reader has, because its own writes are not committed."""
        return self.version

    async def append(self, table: Table, batch: int, rows: pa.Table) -> None:
        """Add rows of a batch."""
        if rows.num_rows == 0:
            return
        generation = await self._choose_generation(table)
        manifest = await self._get_current_manifest(table)
        await self._write(table, generation, rows, batch)
        self._new_manifests[table.name] = manifest.with_batch(batch, generation)

    async def remove(self, table: Table, batch: int) -> None:
        """Remove the rows of a batch."""
        manifest = await self._get_current_manifest(table)
        ranges = [encode_generation(generation) for number, generation in sorted(manifest.batches) if number == batch]
        self._obsolete.append(_describe_ranges(table.name, ranges))
        self._new_manifests[table.name] = manifest.without_batch(batch)

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Replace the whole content of partitions."""
        conforming = conform_rows(table, rows)
        counts = count_by_part(conforming)
        if outside := counts.keys() - set(parts):
            raise ValueError(f"rows of {table.name} in part {min(outside)}, which is not among the parts to replace")
        generation = await self._choose_generation(table)
        manifest = await self._get_current_manifest(table)
        self._obsolete.append(_describe_ranges(table.name, await self._find_obsolete(table, manifest, parts)))
        if conforming.num_rows:
            await self._write(table, generation, conforming, 0)
        self._new_manifests[table.name] = manifest.with_parts(parts, generation, counts, packed=table.packed)

    async def patch(self, table: Table, keys: pa.Table, rows: pa.Table) -> None:
        """Replace the rows with these keys, by writing their partitions again."""
        conforming = conform_rows(table, rows)
        parts = sorted(set(keys["part"].to_pylist()) | set(conforming["part"].to_pylist()))
        if not parts:
            return
        where = OneOf("part", tuple(parts))
        columns = tuple(conforming.column_names)
        present = conform_rows(table, await self.select(Select(table, where, columns)))
        remaining = await asyncio.to_thread(exclude_keys, table, present, keys)
        await self.replace(table, parts, pa.concat_tables([remaining, conforming]))

    async def run_apart(self, work: Callable[[Change], Awaitable[T]]) -> T:
        """Return the result of `work`, run on the caller's event loop: the client of the database belongs to it."""
        return await work(self)

    async def commit(self) -> None:
        """Make the change visible."""
        await self._inserts.flush()
        new_ids = {table: ObjectId() for table in self._new_manifests}
        old_ids = [self._pointers.tables[table] for table in new_ids if table in self._pointers.tables]
        # The record lists both, so that the process that cleans up knows which manifests and rows to delete.
        self._record["new_manifests"] = list(new_ids.values())
        await self._update_record(
            {"$set": {"drops": self._obsolete, "old_manifests": old_ids, "new_manifests": list(new_ids.values())}}
        )
        await self._manifests.insert_manifests(
            self._pointers.application, {new_ids[table]: manifest for table, manifest in self._new_manifests.items()}
        )
        self.outcome = ChangeOutcome.UNKNOWN
        switched = await self._manifests.switch(self._pointers, new_ids, self._record["_id"], self._record["name"])
        self.outcome = ChangeOutcome.COMMITTED if switched else ChangeOutcome.ABANDONED
        if not switched:
            raise Conflict("Another change of this application was committed first.")

    async def close(self) -> None:
        """Wait for running inserts, and delete what was written unless it was committed."""
        await self._inserts.close()
        if self.outcome is ChangeOutcome.COMMITTED:
            await _mark_committed(self._database, self._record["_id"])
        elif self.outcome is ChangeOutcome.UNKNOWN:
            await resolve_change(self._database, self._manifests, self._record, self._written_tables)
        else:
            await _discard(self._database, self._manifests, self._record, self._written_tables)

    async def _get_manifest(self, table: Table) -> Manifest:
        await self._inserts.flush(table.name)
        return await self._get_current_manifest(table)

    async def _get_current_manifest(self, table: Table) -> Manifest:
        return self._new_manifests.get(table.name) or await super()._get_manifest(table)

    async def _choose_generation(self, table: Table) -> int:
        """Return the generation to write under.

        The second and later writes to a packed table get a new one, because a later write may remove an earlier one.
        """
        if not table.packed or table.name not in self._new_manifests:
            return self._pointers.generation
        generation = (await self._manifests.allot_generation(self._pointers.application)).generation
        self._record["generations"].append(generation)
        await self._update_record({"$push": {"generations": generation}})
        return generation

    async def _update_record(self, update: Json) -> None:
        with time_limit(WRITE_S):
            await self._database[CHANGES].update_one({"_id": self._record["_id"]}, update)

    async def _find_obsolete(self, table: Table, manifest: Manifest, parts: Sequence[int]) -> list[Range]:
        """Return the ranges of `pg` that become obsolete when these parts are replaced."""
        if not table.packed:
            replaced = set(parts) & manifest.parts.keys()
            return find_ranges(encode_pg(manifest.parts[part][0], part) for part in replaced)
        await self._inserts.flush(table.name)
        match = {"application": self._pointers.application, "part": {"$in": list(parts)}}
        with time_limit(READ_S):
            blocks = await self._database[table.name].find(match, {"part": 1, "pg": 1, "batch": 1}).to_list(None)
        return [(block["pg"], block["pg"]) for block in blocks if manifest.is_current(block)]

    async def _write(self, table: Table, generation: int, rows: pa.Table, batch: int) -> None:
        self._written_tables.add(table.name)
        constants = {"application": self._pointers.application}
        if table.packed:
            async for group in _make_blocks(table, generation, rows, constants | {"batch": batch}):
                await self._inserts.add(table.name, group)
            return
        for piece in split_rows(rows):
            group = await asyncio.to_thread(_make_row_documents, piece, generation, constants)
            await self._inserts.add(table.name, group)


def _make_row_documents(rows: pa.Table, generation: int, constants: Json) -> list[Json]:
    return to_documents(rows.append_column("pg", pc.add(rows["part"], encode_pg(generation, 0))), constants)


async def _make_blocks(table: Table, generation: int, rows: pa.Table, constants: Json) -> AsyncIterator[list[Json]]:
    """Yield the documents of blocks, in groups that fit into one request."""
    blocks = pack_rows(conform_rows(table, rows))
    group: list[Json] = []
    group_bytes = 0
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        part, count, payload = block
        if group and group_bytes + len(payload) > _MAX_GROUP_BYTES:
            yield group
            group, group_bytes = [], 0
        pg = encode_pg(generation, part)
        group.append({**constants, "part": part, "pg": pg, "rows": count, "payload": payload})
        group_bytes += len(payload)
    if group:
        yield group


def _describe_ranges(table: str, ranges: Iterable[Range]) -> Json:
    return {"table": table, "ranges": [list(pg_range) for pg_range in ranges]}


@asynccontextmanager
async def begin_change(
    database: Any, manifests: ManifestRepository, application: str, name: str
) -> AsyncIterator[MongoChange]:
    """Begin a change; leaving the context without a commit deletes what it wrote."""
    pointers = await manifests.allot_generation(application)
    change_id = ObjectId()
    record = {"application": application, "name": name, "state": "open", "generations": [pointers.generation]}
    async with hold_lease(database[CHANGES], change_id, record, _RENEW_S):
        change = MongoChange(database, manifests, pointers, record | {"_id": change_id})
        try:
            yield change
        finally:
            with anyio.move_on_after(_CLOSE_S, shield=True), suppress(StoreError, PyMongoError):
                await change.close()


async def resolve_change(database: Any, manifests: ManifestRepository, record: Json, tables: Iterable[str]) -> None:
    """Find out whether a change was committed; if not, make sure that it never will be, and delete what it wrote.

    tables: the tables that it may have written.
    """
    application, change_id = record["application"], record["_id"]
    if not await manifests.is_change_committed(application, change_id):
        await manifests.fence(application)  # its commit may still be on its way to the server
    if await manifests.is_change_committed(application, change_id):
        await _mark_committed(database, change_id)
    else:
        await _discard(database, manifests, record, tables)


async def _mark_committed(database: Any, change_id: ObjectId) -> None:
    update = {"$set": {"state": "committed"}, "$currentDate": {"at": True}}
    with time_limit(WRITE_S):
        await database[CHANGES].update_one({"_id": change_id}, update)


async def _discard(database: Any, manifests: ManifestRepository, record: Json, tables: Iterable[str]) -> None:
    ranges = [encode_generation(generation) for generation in record["generations"]]
    await _delete_rows(database, record["application"], [_describe_ranges(table, ranges) for table in tables])
    await _delete_record(database, manifests, record["_id"], record.get("new_manifests", ()))


async def _delete_record(
    database: Any, manifests: ManifestRepository, change_id: ObjectId, manifest_ids: Sequence[ObjectId]
) -> None:
    await manifests.delete_manifests(manifest_ids)
    with time_limit(WRITE_S):
        await database[CHANGES].delete_one({"_id": change_id})


async def collect_row_garbage(
    database: Any, manifests: ManifestRepository, tables: Sequence[str], grace: timedelta
) -> None:
    """Delete what changes of dead processes wrote, and what changes made obsolete longer than `grace` ago."""
    with time_limit(READ_S):
        records = await database[CHANGES].find({}).to_list(None)
    if not records:
        return
    now = await read_server_time(database)
    for record in records:
        updated_at: datetime = record["at"]
        if record["state"] == "open" and updated_at < now - _LEASE:
            await resolve_change(database, manifests, record, tables)
        elif record["state"] == "committed" and updated_at < now - grace:
            await _delete_rows(database, record["application"], record.get("drops", ()))
            await _delete_record(database, manifests, record["_id"], record.get("old_manifests", ()))


async def _delete_rows(database: Any, application: str, descriptions: Iterable[Json]) -> None:
    for description in descriptions:
        for first, last in description["ranges"]:
            match = {"application": application, "pg": {"$gte": first, "$lte": last}}
            with time_limit(_DELETE_S):
                await database[description["table"]].delete_many(match)
