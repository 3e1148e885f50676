"""Rows in MongoDB: plans answered and partitions read, always those of the generations that the reader loaded."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import pyarrow as pa

from okube_api.store.column_types import ARROW_TYPES
from okube_api.store.columnar.column_cache import MAX_ROWS, ColumnCache
from okube_api.store.conditions import EVERYTHING, Condition
from okube_api.store.errors import TooManyRows, UnsupportedByStore
from okube_api.store.mongo.blocks import unpacked
from okube_api.store.mongo.errors import limited
from okube_api.store.mongo.manifest import Manifest
from okube_api.store.mongo.manifests import Root, Roots
from okube_api.store.mongo.pipeline import aggregate_pipeline, rows_pipeline
from okube_api.store.plan_analysis import (
    FIRST_PART,
    LAST_PART,
    get_stored_types,
    infer_part_range,
    infer_result_types,
    make_arrow_schema,
    resolve_source,
)
from okube_api.store.plans import Aggregate, Max, Min, Select
from okube_api.store.schema import ColumnType, Table
from okube_api.store.values import Json

ANALYTICS_S = 60.0
_BLOCK_ROWS = 200_000
_BLOCK_DOCUMENTS = 64


class MongoReader:
    """What one application's root pointed to when it was loaded."""

    def __init__(
        self,
        database: Any,
        roots: Roots,
        root: Root,
        *,
        row_limit: int | None = None,
        timeout_s: float | None = None,
        held: ColumnCache | None = None,
    ) -> None:
        self._database, self._roots, self._root = database, roots, root
        self._row_limit, self._timeout_s = row_limit, timeout_s or ANALYTICS_S
        self._held = held
        self._shown: dict[tuple[str, tuple[int, int]], Json] = {}

    @property
    def version(self) -> str:
        """Changes with every change of the application."""
        return f"{self._root.application} {self._root.version}"

    def version_of(self, table: Table) -> str:
        """Changes with every change of the application's rows in the table."""
        return f"{self._root.application} {table.name} {self._root.tables.get(table.name)}"

    async def aggregate(self, plan: Aggregate) -> pa.Table:
        """The plan's answer, from memory where the table is held there."""
        table, _ = resolve_source(plan)
        kinds = infer_result_types(plan)
        if (held := await self._from_memory(plan)) is not None:
            return held
        pipeline = aggregate_pipeline(plan, await self._limited(plan))
        found = await self._ask(table, pipeline)
        if not plan.by and not found:
            found = [{measure.name: None if isinstance(measure, Min | Max) else 0 for measure in plan.measures}]
        return arrow(found, kinds)

    async def select(self, plan: Select) -> pa.Table:
        """The plan's rows, from memory where they are held there."""
        if (held := await self._from_memory(plan)) is not None:
            return held
        pipeline = rows_pipeline(plan, await self._limited(plan))
        kinds = {name: plan.source.type_of(name) for name in plan.columns}
        return arrow(await self._ask(plan.source, pipeline), kinds)

    async def read_parts(self, table: Table, low: int, high: int) -> AsyncIterator[pa.Table]:
        """Partitions in ascending order, as many at a time as make a block."""
        blocks = self._packed(table, low, high) if table.packed else self._plain(table, low, high)
        async for block in blocks:
            yield block

    async def list_parts(self, table: Table, batch: int | None = None) -> list[int]:
        """The partitions that hold rows."""
        manifest = await self._manifest(table)
        if table.packed:
            only = {} if batch is None else {"batch": batch}
            return sorted({block["part"] for block in await self._blocks(table, manifest, only)})
        if batch is not None:
            raise UnsupportedByStore(f"{table.name} is not packed: its rows belong to no batch")
        return sorted(manifest.parts)

    def to_statement(self, plan: Aggregate | Select) -> Json:
        """The collection and the pipeline; of a table not asked yet, without its current generations."""
        table, where = resolve_source(plan)
        visible: Json = {"application": self._root.application, **self._shown.get(_question(table, where), {})}
        if isinstance(plan, Select):
            return {"collection": table.name, "pipeline": rows_pipeline(plan, visible)}
        return {"collection": table.name, "pipeline": aggregate_pipeline(plan, visible)}

    # -- helpers

    async def _from_memory(self, plan: Aggregate | Select) -> pa.Table | None:
        table, _ = resolve_source(plan)
        version = self._root.tables.get(table.name)
        if self._held is None or version is None or table.packed:
            return None
        return await self._held.answer(plan, self._root.application, version, self._load, self._row_limit)

    async def _load(self, table: Table, columns: tuple[str, ...]) -> pa.Table | None:
        manifest = await self._manifest(table)
        if manifest.rows(FIRST_PART, LAST_PART) > MAX_ROWS:
            return None
        shown = {"application": self._root.application, **manifest.visible(FIRST_PART, LAST_PART)}
        found = await self._ask(table, rows_pipeline(Select(table, EVERYTHING, columns), shown))
        return await asyncio.to_thread(arrow, found, {name: table.type_of(name) for name in columns})

    async def _manifest(self, table: Table) -> Manifest:
        return await self._roots.manifest(self._root.tables.get(table.name))

    async def _limited(self, plan: Aggregate | Select) -> Json:
        """What the plan's rows have in common.  Raises TooManyRows when there are too many of them."""
        table, where = resolve_source(plan)
        manifest = await self._manifest(table)
        low, high = infer_part_range(where)
        shown = manifest.visible(low, high)
        self._shown[_question(table, where)] = shown
        visible = {"application": self._root.application, **shown}
        if self._row_limit is not None and manifest.rows(low, high) > self._row_limit:
            first = rows_pipeline(Select(table, where, ("part",)), visible)[:1]
            counting = [*first, {"$limit": self._row_limit + 1}, {"$group": {"_id": None, "rows": {"$sum": 1}}}]
            counted = await self._ask(table, counting)
            if counted and counted[0]["rows"] > self._row_limit:
                raise TooManyRows(f"more than {self._row_limit:,} rows of {table.name}")
        return visible

    async def _ask(self, table: Table, pipeline: list[Json]) -> list[Json]:
        with limited(self._timeout_s):
            cursor = await self._database[table.name].aggregate(pipeline)
            found: list[Json] = await cursor.to_list(None)
            return found

    async def _plain(self, table: Table, low: int, high: int) -> AsyncIterator[pa.Table]:
        manifest, kinds = await self._manifest(table), get_stored_types(table)
        pending: list[int] = []
        held = 0
        inside = [part for part in sorted(manifest.parts) if low <= part <= high]
        for part in inside:
            count = manifest.parts[part][1]
            if pending and held + count > _BLOCK_ROWS:
                yield await self._fetch(table, manifest, kinds, pending)
                pending, held = [], 0
            pending.append(part)
            held += count
        if pending:
            yield await self._fetch(table, manifest, kinds, pending)

    async def _fetch(
        self, table: Table, manifest: Manifest, kinds: Mapping[str, ColumnType], parts: list[int]
    ) -> pa.Table:
        match = {"application": self._root.application, **manifest.visible(parts[0], parts[-1])}
        with limited(self._timeout_s):
            found = await self._database[table.name].find(match, {"_id": 0, **dict.fromkeys(kinds, 1)}).to_list(None)
        return arrow(found, kinds).sort_by("part")

    async def _packed(self, table: Table, low: int, high: int) -> AsyncIterator[pa.Table]:
        manifest = await self._manifest(table)
        between = {"part": {"$gte": max(low, FIRST_PART), "$lte": min(high, LAST_PART)}}
        pending: list[Any] = []
        held = 0
        for block in await self._blocks(table, manifest, between):
            if pending and (held + block["rows"] > _BLOCK_ROWS or len(pending) >= _BLOCK_DOCUMENTS):
                yield await self._payloads(table, pending)
                pending, held = [], 0
            pending.append(block["_id"])
            held += block["rows"]
        if pending:
            yield await self._payloads(table, pending)

    async def _blocks(self, table: Table, manifest: Manifest, match: Json) -> list[Json]:
        """The current blocks, in order of part, without their payloads."""
        shown = dict.fromkeys(("part", "batch", "pg", "rows"), 1)
        with limited(self._timeout_s):
            found = (
                await self._database[table.name]
                .find({"application": self._root.application, **match}, shown, sort=[("part", 1)])
                .to_list(None)
            )
        return [block for block in found if manifest.shows(block)]

    async def _payloads(self, table: Table, identifiers: list[Any]) -> pa.Table:
        with limited(self._timeout_s):
            found = await self._database[table.name].find({"_id": {"$in": identifiers}}).to_list(None)
        return await asyncio.to_thread(_joined, table, found)


def _joined(table: Table, blocks: list[Json]) -> pa.Table:
    return pa.concat_tables(unpacked(table, block) for block in sorted(blocks, key=lambda block: int(block["part"])))


def arrow(rows: Iterable[Json], kinds: Mapping[str, ColumnType]) -> pa.Table:
    """Answers as Arrow, with the declared types also when there is none."""
    held = list(rows)
    arrays = [pa.array([row.get(name) for row in held], ARROW_TYPES[kind]) for name, kind in kinds.items()]
    return pa.table(arrays, schema=make_arrow_schema(kinds))


def _question(table: Table, where: Condition) -> tuple[str, tuple[int, int]]:
    return table.name, infer_part_range(where)
