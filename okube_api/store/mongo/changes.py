"""Changes of rows in MongoDB: rows are written under a generation that no manifest lists yet; one update commits them.

Each change has a record of the rows that it writes and makes obsolete.  With the record, any process can clean up
later, whether the change was committed, was abandoned, or its process died (`change_cleanup`).
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Hashable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from enum import Enum
from itertools import pairwise
from typing import Any, TypeVar

import anyio
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from bson import ObjectId
from pymongo.errors import PyMongoError

from okube_api.store.columnar.column_cache import ColumnCache
from okube_api.store.columnar.row_filter import match_keys
from okube_api.store.errors import Conflict, StoreError, UnsupportedByStore
from okube_api.store.mongo.blocks import count_by_part, pack_rows
from okube_api.store.mongo.change_cleanup import (
    CHANGES,
    describe_ranges,
    discard_change,
    mark_committed,
    resolve_change,
)
from okube_api.store.mongo.errors import READ_S, WRITE_S, time_limit
from okube_api.store.mongo.manifests import (
    ADDED,
    SUPERSEDED,
    Manifest,
    ManifestPointers,
    ManifestRepository,
    encode_generation,
    encode_pg,
)
from okube_api.store.mongo.rows import MongoReader, to_arrow
from okube_api.store.mongo.staging import hold_lease
from okube_api.store.mongo.write_queue import WriteQueue, split_rows, to_documents
from okube_api.store.plan_analysis import conform_rows, get_stored_types, make_arrow_schema
from okube_api.store.protocol import Change
from okube_api.store.ranges import Range, find_ranges
from okube_api.store.schema import Collection, Table
from okube_api.store.values import Json

T = TypeVar("T")
_RENEW_S = 15.0
_MAX_GROUP_BYTES = 8 * 2**20
_MAX_GROUP_KEYS = 10_000
_MAX_LOOKUPS = 2000
"""How many pairs of an indexed value and a part are looked up in the index."""
_MAX_RUNNING_PATCHES = 4
_MAX_FOLDED_ROWS = 20_000
"""Larger parts keep their marked rows until they are collected, so that no patch takes long."""
_MAX_LISTED_PATCHES = 32
"""With more, a change looks which patches it need not list any longer."""
_CLOSE_S = 2.0
"""How long a request waits for the rows of its change to be deleted; `change_cleanup` deletes the rest later."""


class ChangeOutcome(Enum):
    """How a change ended, as far as its own process knows."""

    ABANDONED = "abandoned"
    UNKNOWN = "unknown"  # the commit was sent but not answered
    COMMITTED = "committed"


class MongoChange(MongoReader):
    """A running change, which reads its own writes."""

    is_append_cheap = False  # each batch is a block of its own, and a row of the manifest

    def __init__(
        self,
        database: Any,
        manifests: ManifestRepository,
        pointers: ManifestPointers,
        record: Json,
        committed_columns: ColumnCache,
    ) -> None:
        super().__init__(database, manifests, pointers)  # without a cache, because its own writes are not committed
        self._record, self._committed_columns = record, committed_columns
        self._writes = WriteQueue(database)
        self._written_tables: set[str] = set()
        self._new_manifests: dict[str, Manifest] = {}
        self._generations: dict[str, int] = {}
        self._rewritten: set[str] = set()
        self._written_pgs: defaultdict[str, set[int]] = defaultdict(set)
        self._patches: dict[Table, list[tuple[pa.Table, pa.Table]]] = {}
        self._running_patches: dict[str, asyncio.Task[None]] = {}
        self._patch_slots = asyncio.Semaphore(_MAX_RUNNING_PATCHES)
        self._uncollected: frozenset[int] | None = None
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
        await self._insert_blocks(table, generation, rows, batch)
        self._new_manifests[table.name] = manifest.with_batch(batch, generation)

    async def remove(self, table: Table, batch: int) -> None:
        """Remove the rows of a batch."""
        manifest = await self._get_current_manifest(table)
        ranges = [encode_generation(generation) for number, generation in sorted(manifest.batches) if number == batch]
        self._obsolete.append(describe_ranges(table.name, ranges))
        self._new_manifests[table.name] = manifest.without_batch(batch)

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Replace the whole content of partitions."""
        conforming = conform_rows(table, rows)
        counts = count_by_part(conforming)
        if outside := counts.keys() - set(parts):
            raise ValueError(f"rows of {table.name} in part {min(outside)}, which is not among the parts to replace")
        await self._finish_patch(table)
        self._rewritten.add(table.name)
        generation = await self._choose_generation(table, counts)
        manifest = await self._get_current_manifest(table)
        self._obsolete.append(describe_ranges(table.name, await self._find_obsolete(table, manifest, parts)))
        if conforming.num_rows and table.packed:
            await self._insert_blocks(table, generation, conforming, 0)
        elif conforming.num_rows:
            await self._insert_rows(table, conforming, dict.fromkeys(counts, generation))
        self._new_manifests[table.name] = manifest.with_parts(parts, generation, counts, packed=table.packed)

    async def patch(self, table: Table, keys: pa.Table, rows: pa.Table) -> None:
        """Replace the rows with these keys, in the background; the next call for this table waits for it."""
        if table.packed:
            raise UnsupportedByStore(f"Table '{table.name}' is packed: its rows can only be replaced by partition.")
        conforming = conform_rows(table, rows)
        await self._finish_patch(table)
        self._patches.setdefault(table, []).append((keys, conforming))
        self._running_patches[table.name] = asyncio.create_task(self._patch(table, keys, conforming))

    async def _patch(self, table: Table, keys: pa.Table, rows: pa.Table) -> None:
        """Mark the rows with these keys, and add the new rows to the generations of their parts.

        A part with more marked than other rows is written again under a new generation, so that what is read of a part
        is at most twice its rows; the cost is in proportion to the rows that were marked since the last time.
        """
        async with self._patch_slots:
            await self._writes.flush(table.name)
            manifest = await self._list_uncollected_patches(await self._get_current_manifest(table))
            superseded = await self._find_rows(table, manifest, keys)
            counts, added = Counter(row["part"] for row in superseded), count_by_part(rows)
            if not added and not counts:
                return
            folded = {
                part
                for part, count in counts.items()
                if manifest.parts[part][1] <= _MAX_FOLDED_ROWS and manifest.is_mostly_superseded(part, count)
            }
            ids = {row["_id"] for row in superseded}
            incomplete = [part for part in folded if manifest.parts[part][1] > counts[part]]
            remaining = await self._read_remaining(table, manifest, incomplete, ids) if incomplete else rows.slice(0, 0)
        generation = await self._choose_generation(table, folded | (added.keys() - manifest.parts.keys()))
        self._obsolete.append(describe_ranges(table.name, await self._find_obsolete(table, manifest, tuple(folded))))
        is_folded = pa.array(np.isin(rows["part"].to_numpy(), list(folded)), pa.bool_())
        new_parts = pa.concat_tables([remaining, rows.filter(is_folded)])
        if new_parts.num_rows:
            await self._insert_rows(table, new_parts, dict.fromkeys(folded, generation))
        new_manifest = manifest.with_parts(folded, generation, count_by_part(new_parts), packed=False)
        added_rows = rows.filter(pc.invert(is_folded))
        marked = [row for row in superseded if row["part"] not in folded]
        if added_rows.num_rows or marked:
            await self._write_marks(table, manifest, marked)
            generations = {part: manifest.parts.get(part, (generation, 0))[0] for part in added.keys() - folded}
            if added_rows.num_rows:
                await self._insert_rows(table, added_rows, generations, {ADDED: self._pointers.generation})
            new_manifest = new_manifest.with_patch(
                self._pointers.generation, generation, count_by_part(added_rows), Counter(row["part"] for row in marked)
            )
        self._new_manifests[table.name] = new_manifest

    async def _write_marks(self, table: Table, manifest: Manifest, rows: Sequence[Json]) -> None:
        """Mark rows as superseded by this change, and note in the record that its marks are to be collected."""
        self._written_tables.add(table.name)
        patch = self._pointers.generation
        if patch not in manifest.patches:
            self._obsolete.append({"table": table.name, "ranges": [], "patch": patch})
        await self._writes.update(table.name, [row["_id"] for row in rows], {"$addToSet": {SUPERSEDED: patch}})

    async def _read_remaining(
        self, table: Table, manifest: Manifest, parts: Iterable[int], superseded: Container[Any]
    ) -> pa.Table:
        """Return the visible rows of parts but those of some ids."""
        types = get_stored_types(table)
        match = {
            "application": self._pointers.application,
            "pg": {"$in": [encode_pg(manifest.parts[part][0], part) for part in parts]},
            **manifest.match_patches(),
        }
        with time_limit(self._timeout_s):
            rows = await self._database[table.name].find(match, dict.fromkeys(types, 1)).to_list(None)
        return to_arrow([row for row in rows if row["_id"] not in superseded], types)

    async def insert_documents(self, collection: Collection, documents: Sequence[Json]) -> None:  # noqa: ARG002
        """Raise UnsupportedByStore: rows and documents are written one after the other."""
        raise UnsupportedByStore(f"{collection.name} cannot be written in the same step as rows.")

    async def run_apart(self, work: Callable[[Change], Awaitable[T]]) -> T:
        """Return the result of `work`, run on the caller's event loop: the client of the database belongs to it."""
        return await work(self)

    async def commit(self) -> None:
        """Make the change visible."""
        for table in list(self._patches):
            await self._finish_patch(table)
        await self._writes.flush()
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
        self._patch_columns(new_ids)

    async def close(self) -> None:
        """Wait for running writes, and delete what was written unless it was committed."""
        for task in self._running_patches.values():
            task.cancel()
        await asyncio.gather(*self._running_patches.values(), return_exceptions=True)
        await self._writes.close()
        if self.outcome is ChangeOutcome.COMMITTED:
            await mark_committed(self._database, self._record["_id"])
        elif self.outcome is ChangeOutcome.UNKNOWN:
            await resolve_change(self._database, self._manifests, self._record, self._written_tables)
        else:
            await discard_change(self._database, self._manifests, self._record, self._written_tables)

    async def _finish_patch(self, table: Table) -> None:
        """Wait until the running patch of a table is done, and raise its error."""
        task = self._running_patches.pop(table.name, None)
        if task is not None:
            await task

    async def _get_manifest(self, table: Table) -> Manifest:
        await self._finish_patch(table)
        await self._writes.flush(table.name)
        return await self._get_current_manifest(table)

    async def _get_current_manifest(self, table: Table) -> Manifest:
        return self._new_manifests.get(table.name) or await super()._get_manifest(table)

    async def _choose_generation(self, table: Table, parts: Iterable[int] = ()) -> int:
        """Return the generation to write under; in a plain table, with new content of these parts.

        A later write may remove an earlier one.  So the second and later writes to a packed table get a new generation;
        so does the second content of a part.
        """
        generation = self._generations.get(table.name, self._pointers.generation)
        written = self._written_pgs[table.name]
        is_used = (
            table.name in self._new_manifests
            if table.packed
            else any(encode_pg(generation, part) in written for part in parts)
        )
        if is_used:
            generation = (await self._manifests.allot_generation(self._pointers.application)).generation
            self._generations[table.name] = generation
            self._record["generations"].append(generation)
            await self._update_record({"$push": {"generations": generation}})
        written.update(encode_pg(generation, part) for part in parts)
        return generation

    async def _list_uncollected_patches(self, manifest: Manifest) -> Manifest:
        """Return the manifest without the patches whose marks were removed from all rows, if it lists many."""
        if len(manifest.patches) <= _MAX_LISTED_PATCHES:
            return manifest
        if self._uncollected is None:  # the record of a change is deleted after its marks
            match = {"application": self._pointers.application}
            with time_limit(READ_S):
                records = await self._database[CHANGES].find(match, {"generations": 1}).to_list(None)
            self._uncollected = frozenset(record["generations"][0] for record in records)
        return manifest.with_patches(manifest.patches & self._uncollected)

    async def _find_rows(self, table: Table, manifest: Manifest, keys: pa.Table) -> list[Json]:
        """Return `_id` and `part` of the visible rows whose values equal a row of `keys`."""
        schema = make_arrow_schema({name: table.type_of(name) for name in keys.column_names})
        ordered = keys.cast(schema).sort_by("part")
        rows: list[Json] = []
        for start in range(0, ordered.num_rows, _MAX_GROUP_KEYS):
            rows += await self._find_group(table, manifest, ordered.slice(start, _MAX_GROUP_KEYS))
        return rows

    async def _find_group(self, table: Table, manifest: Manifest, keys: pa.Table) -> list[Json]:
        parts = [part for part in keys["part"].unique().to_pylist() if part in manifest.parts]
        if not parts:
            return []
        pgs = {encode_pg(manifest.parts[part][0], part) for part in parts}
        match: Json = {
            "application": self._pointers.application,
            "pg": {"$in": sorted(pgs)},
            **manifest.match_patches(),
        }
        indexed = next((name for name in (table.lookup, *table.index) if name in keys.column_names), None)
        if indexed is not None:
            values = keys[indexed].unique().to_pylist()
            match[indexed] = {"$in": values}
            if len(values) * len(pgs) > _MAX_LOOKUPS:
                # Two lists are looked up in the index pair by pair: 400 sites by 340 days took 6 s.  A range of `pg`
                # has one look-up for each value; the rows of other parts and generations in it are left out below.
                match["pg"] = {"$gte": min(pgs), "$lte": max(pgs)}
        fields = dict.fromkeys((*keys.column_names, "pg"), 1)
        with time_limit(self._timeout_s):
            rows: list[Json] = await self._database[table.name].find(match, fields).to_list(None)
        rows = [row for row in rows if row["pg"] in pgs]
        types = {name: table.type_of(name) for name in keys.column_names}
        matches = await asyncio.to_thread(match_keys, table, to_arrow(rows, types), keys)
        return [rows[position] for position in np.flatnonzero(matches).tolist()]

    def _patch_columns(self, new_ids: Mapping[str, ObjectId]) -> None:
        """Bring the columns in memory of tables that were only patched to the version of this change."""
        for table, patches in self._patches.items():
            old_version = self._pointers.tables.get(table.name)
            if table.name in self._rewritten or table.name not in new_ids or old_version is None:
                continue
            versions: list[Hashable] = [old_version, *(object() for _ in patches[1:]), new_ids[table.name]]
            for (old, new), (keys, rows) in zip(pairwise(versions), patches, strict=True):
                self._committed_columns.patch(self._pointers.application, table, old, new, keys=keys, rows=rows)

    async def _update_record(self, update: Json) -> None:
        with time_limit(WRITE_S):
            await self._database[CHANGES].update_one({"_id": self._record["_id"]}, update)

    async def _find_obsolete(self, table: Table, manifest: Manifest, parts: Sequence[int]) -> list[Range]:
        """Return the ranges of `pg` that become obsolete when these parts are replaced."""
        if not table.packed:
            replaced = set(parts) & manifest.parts.keys()
            return find_ranges(encode_pg(manifest.parts[part][0], part) for part in replaced)
        await self._writes.flush(table.name)
        match = {"application": self._pointers.application, "part": {"$in": list(parts)}}
        with time_limit(READ_S):
            blocks = await self._database[table.name].find(match, {"part": 1, "pg": 1, "batch": 1}).to_list(None)
        return [(block["pg"], block["pg"]) for block in blocks if manifest.is_current(block)]

    async def _insert_blocks(self, table: Table, generation: int, rows: pa.Table, batch: int) -> None:
        self._written_tables.add(table.name)
        constants = {"application": self._pointers.application, "batch": batch}
        async for group in _make_blocks(table, generation, rows, constants):
            await self._writes.insert(table.name, group)

    async def _insert_rows(
        self, table: Table, rows: pa.Table, generations: Mapping[int, int], fields: Mapping[str, int] | None = None
    ) -> None:
        """Insert rows of a plain table, each under the generation of its part, with additional fields."""
        self._written_tables.add(table.name)
        constants = {"application": self._pointers.application, **(fields or {})}
        parts, positions = np.unique(rows["part"].to_numpy(), return_inverse=True)
        pgs = np.array([encode_pg(generations[part], part) for part in parts.tolist()], np.int64)
        for piece in split_rows(rows.append_column("pg", pa.array(pgs[positions]))):
            await self._writes.insert(table.name, await asyncio.to_thread(to_documents, piece, constants))


async def _make_blocks(table: Table, generation: int, rows: pa.Table, constants: Json) -> AsyncIterator[list[Json]]:
    """Yield the documents of blocks, in groups that fit into one request."""
    blocks = pack_rows(table, conform_rows(table, rows))
    group: list[Json] = []
    group_bytes = 0
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        if group and group_bytes + block["bytes"] > _MAX_GROUP_BYTES:
            yield group
            group, group_bytes = [], 0
        group.append({**constants, "pg": encode_pg(generation, block["part"]), **block})
        group_bytes += block["bytes"]
    if group:
        yield group


@asynccontextmanager
async def begin_change(
    database: Any, manifests: ManifestRepository, application: str, name: str, column_cache: ColumnCache
) -> AsyncIterator[MongoChange]:
    """Begin a change; leaving the context without a commit deletes what it wrote.

    column_cache: is kept current by the patches of the change.
    """
    pointers = await manifests.allot_generation(application)
    change_id = ObjectId()
    record = {"application": application, "name": name, "state": "open", "generations": [pointers.generation]}
    async with hold_lease(database[CHANGES], change_id, record, _RENEW_S):
        change = MongoChange(database, manifests, pointers, record | {"_id": change_id}, column_cache)
        try:
            yield change
        finally:
            with anyio.move_on_after(_CLOSE_S, shield=True), suppress(StoreError, PyMongoError):
                await change.close()
