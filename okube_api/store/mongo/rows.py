"""Rows in MongoDB: evaluates plans and reads partitions, always of the manifests that the reader has loaded."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from bson import Decimal128

from okube_api.store.column_types import ARROW_TYPES, coerce_values
from okube_api.store.columnar.column_cache import MAX_ROWS, ColumnCache
from okube_api.store.columnar.row_filter import filter_rows
from okube_api.store.conditions import EVERYTHING, AllOf, Condition, OneOf
from okube_api.store.errors import TooManyRows, UnsupportedByStore
from okube_api.store.exact_integers import WIDE_TYPE, narrow_columns
from okube_api.store.mongo.blocks import unpack_blocks
from okube_api.store.mongo.errors import time_limit
from okube_api.store.mongo.manifests import Manifest, ManifestPointers, ManifestRepository
from okube_api.store.mongo.pipeline import aggregate_pipeline, select_pipeline
from okube_api.store.plan_analysis import (
    FIRST_PART,
    LAST_PART,
    get_stored_types,
    infer_part_range,
    infer_result_types,
    make_arrow_schema,
    resolve_source,
)
from okube_api.store.plans import Aggregate, Max, Min, Select, Sum
from okube_api.store.schema import ColumnType, Table
from okube_api.store.values import Json

ANALYTICS_S = 60.0
_BLOCK_ROWS, _LOOKUP_BLOCK_ROWS = 200_000, 5_000_000
"""The rows of parts that are read together; the second when only rows with some values of `Table.lookup` are read."""
_BLOCK_BYTES, _UNKNOWN_BYTES = 64 * 2**20, 2**20
_BLOCK_DOCUMENTS = 5000


class MongoReader:
    """Reader of one application's rows, as its manifest pointers were when they were loaded."""

    def __init__(
        self,
        database: Any,
        manifests: ManifestRepository,
        pointers: ManifestPointers,
        *,
        row_limit: int | None = None,
        timeout_s: float | None = None,
        column_cache: ColumnCache | None = None,
    ) -> None:
        self._database, self._manifests, self._pointers = database, manifests, pointers
        self._row_limit, self._timeout_s = row_limit, timeout_s or ANALYTICS_S
        self._column_cache = column_cache
        self._visible: dict[tuple[str, tuple[int, int]], Json] = {}

    @property
    def version(self) -> str:
        """Version of the application's rows in this snapshot."""
        last_change = self._pointers.last_change or {}  # versions begin again after all rows were deleted
        return f"{self._pointers.application} {self._pointers.version} {last_change.get('change')}"

    def version_of(self, table: Table) -> str:
        """Return the version of the application's rows in one table."""
        return f"{self._pointers.application} {table.name} {self._pointers.tables.get(table.name)}"

    async def aggregate(self, plan: Aggregate) -> pa.Table:
        """Return the groups and measures of a plan, from the column cache if possible."""
        table, _ = resolve_source(plan)
        types = infer_result_types(plan)
        if (cached := await self._answer_from_cache(plan)) is not None:
            return cached
        visible = await self._match_rows(plan)
        groups = await self._query(table, aggregate_pipeline(plan, visible))
        sums = [measure.name for measure in plan.measures if isinstance(measure, Sum)]
        if any(not isinstance(group[name], int) for name in sums for group in groups):  # beyond 64 bits
            groups = await self._query(table, aggregate_pipeline(plan, visible, decimal=True))
        if not plan.by and not groups:
            groups = [{measure.name: None if isinstance(measure, Min | Max) else 0 for measure in plan.measures}]
        return narrow_columns(to_arrow(groups, types))

    async def select(self, plan: Select) -> pa.Table:
        """Return the rows of a plan, from the column cache if possible."""
        if (cached := await self._answer_from_cache(plan)) is not None:
            return cached
        pipeline = select_pipeline(plan, await self._match_rows(plan))
        types = {name: plan.source.type_of(name) for name in plan.columns}
        return to_arrow(await self._query(plan.source, pipeline), types)

    async def read_parts(
        self, table: Table, low: int, high: int, where: Condition = EVERYTHING
    ) -> AsyncIterator[pa.Table]:
        """Yield partitions in ascending order, several small ones per block."""
        if not table.packed:
            async for block in self._read_plain(table, low, high, where):
                yield block
            return
        async for block in self._read_packed(table, low, high, where):
            rows = block if where == EVERYTHING else await asyncio.to_thread(filter_rows, table, block, where)
            if rows.num_rows:
                yield rows

    async def list_parts(self, table: Table, batch: int | None = None) -> list[int]:
        """Return the partitions that have rows, ascending."""
        manifest = await self._get_manifest(table)
        if table.packed:
            match = {} if batch is None else {"batch": batch}
            return sorted({block["part"] for block in await self._list_blocks(table, manifest, match)})
        if batch is not None:
            raise UnsupportedByStore(f"Table '{table.name}' is not packed: its rows belong to no batch.")
        return sorted(manifest.parts)

    def to_statement(self, plan: Aggregate | Select) -> Json:
        """Return the collection and the pipeline; generations are included if the plan has been run before."""
        table, where = resolve_source(plan)
        generations = self._visible.get(_visibility_key(table, where), {})
        visible: Json = {"application": self._pointers.application, **generations}
        if isinstance(plan, Select):
            return {"collection": table.name, "pipeline": select_pipeline(plan, visible)}
        return {"collection": table.name, "pipeline": aggregate_pipeline(plan, visible)}

    # -- helpers

    async def _answer_from_cache(self, plan: Aggregate | Select) -> pa.Table | None:
        table, _ = resolve_source(plan)
        version = self._pointers.tables.get(table.name)
        if self._column_cache is None or version is None or table.packed:
            return None
        application = self._pointers.application
        return await self._column_cache.answer(plan, application, version, self._load_columns, self._row_limit)

    async def load_columns(self, table: Table, columns: Iterable[str]) -> None:
        """Load columns of a table into the column cache."""
        version = self._pointers.tables.get(table.name)
        if self._column_cache is not None and version is not None:
            application = self._pointers.application
            await self._column_cache.load_ahead(table, columns, application, version, self._load_columns)

    async def _load_columns(self, table: Table, columns: tuple[str, ...]) -> pa.Table | None:
        manifest = await self._get_manifest(table)
        if manifest.count_rows(FIRST_PART, LAST_PART) > MAX_ROWS:
            return None
        visible = {"application": self._pointers.application, **manifest.match_visible(FIRST_PART, LAST_PART)}
        rows = await self._query(table, select_pipeline(Select(table, EVERYTHING, columns), visible))
        return await asyncio.to_thread(to_arrow, rows, {name: table.type_of(name) for name in columns})

    async def _get_manifest(self, table: Table) -> Manifest:
        return await self._manifests.get_manifest(self._pointers.tables.get(table.name))

    async def _match_rows(self, plan: Aggregate | Select) -> Json:
        """Return the `$match` of the visible rows in the parts that a plan reads.  Raise TooManyRows."""
        table, where = resolve_source(plan)
        manifest = await self._get_manifest(table)
        low, high = infer_part_range(where)
        generations = manifest.match_visible(low, high)
        self._visible[_visibility_key(table, where)] = generations
        visible = {"application": self._pointers.application, **generations}
        if self._row_limit is not None and manifest.count_rows(low, high) > self._row_limit:
            match_stage = select_pipeline(Select(table, where, ("part",)), visible)[:1]
            pipeline = [*match_stage, {"$limit": self._row_limit + 1}, {"$group": {"_id": None, "rows": {"$sum": 1}}}]
            counts = await self._query(table, pipeline)
            if counts and counts[0]["rows"] > self._row_limit:
                raise TooManyRows(f"The plan reads more than {self._row_limit:,} rows of {table.name}.")
        return visible

    async def _query(self, table: Table, pipeline: list[Json]) -> list[Json]:
        if pipeline[0]["$match"].get("pg") == {"$in": []}:  # no part is visible, as in tables without rows
            return []
        with time_limit(self._timeout_s):
            cursor = await self._database[table.name].aggregate(pipeline)
            documents: list[Json] = await cursor.to_list(None)
            return documents

    async def _read_plain(self, table: Table, low: int, high: int, where: Condition) -> AsyncIterator[pa.Table]:
        manifest = await self._get_manifest(table)
        is_lookup = table.lookup is not None and _find_values(where, table.lookup) is not None
        most_rows = _LOOKUP_BLOCK_ROWS if is_lookup else _BLOCK_ROWS
        parts: list[int] = []
        rows = 0
        for part in [part for part in sorted(manifest.parts) if low <= part <= high]:
            count = manifest.parts[part][1]
            if parts and rows + count > most_rows:
                if (block := await self._fetch_parts(table, manifest, parts, where)).num_rows:
                    yield block
                parts, rows = [], 0
            parts.append(part)
            rows += count
        if parts and (block := await self._fetch_parts(table, manifest, parts, where)).num_rows:
            yield block

    async def _fetch_parts(self, table: Table, manifest: Manifest, parts: list[int], where: Condition) -> pa.Table:
        visible = {"application": self._pointers.application, **manifest.match_visible(parts[0], parts[-1])}
        types = get_stored_types(table)
        rows = await self._query(table, select_pipeline(Select(table, where, tuple(types)), visible))
        return to_arrow(rows, types).sort_by("part")

    async def _read_packed(self, table: Table, low: int, high: int, where: Condition) -> AsyncIterator[pa.Table]:
        """Yield the rows of the blocks that can have rows which meet a condition."""
        manifest = await self._get_manifest(table)
        match: Json = {"part": {"$gte": max(low, FIRST_PART), "$lte": min(high, LAST_PART)}}
        if (batches := _find_values(where, "batch")) is not None:
            match["batch"] = {"$in": batches}
        values = None if table.lookup is None else _find_values(where, table.lookup)
        if values is not None:
            limits = {"low": {"$lte": max(values, default=-1)}, "high": {"$gte": min(values, default=0)}}
            match["$or"] = [limits, {"low": None}]  # older blocks have no limits
        block_ids: list[Any] = []
        rows = size = 0
        for block in await self._list_blocks(table, manifest, match):
            if values is not None and not _overlaps(block, values):
                continue
            block_size = block.get("bytes", _UNKNOWN_BYTES)
            is_full = rows + block["rows"] > _BLOCK_ROWS or size + block_size > _BLOCK_BYTES
            if block_ids and (is_full or len(block_ids) >= _BLOCK_DOCUMENTS):
                yield await self._fetch_blocks(table, block_ids)
                block_ids, rows, size = [], 0, 0
            block_ids.append(block["_id"])
            rows += block["rows"]
            size += block_size
        if block_ids:
            yield await self._fetch_blocks(table, block_ids)

    async def _list_blocks(self, table: Table, manifest: Manifest, match: Json) -> list[Json]:
        """Return the current blocks, ascending by part, without their payloads."""
        projection = dict.fromkeys(("part", "batch", "pg", "rows", "bytes", "low", "high"), 1)
        full_match = {"application": self._pointers.application, **match}
        with time_limit(self._timeout_s):
            blocks = await self._database[table.name].find(full_match, projection, sort=[("part", 1)]).to_list(None)
        return [block for block in blocks if manifest.is_current(block)]

    async def _fetch_blocks(self, table: Table, block_ids: list[Any]) -> pa.Table:
        with time_limit(self._timeout_s):
            blocks = await self._database[table.name].find({"_id": {"$in": block_ids}}).to_list(None)
        return await asyncio.to_thread(_unpack_in_order, table, blocks)


def _find_values(where: Condition, column: str) -> list[int] | None:
    """Return the integers to which a condition restricts a column, ascending; None when it does not."""
    for part in where.parts if isinstance(where, AllOf) else (where,):
        if isinstance(part, OneOf) and part.field == column:
            return sorted(int(value) for value in coerce_values(ColumnType.INTEGER, part.values))
    return None


def _overlaps(block: Json, values: Sequence[int]) -> bool:
    """Return whether one of these values, ascending, lies between the limits of a block, if it has limits."""
    if block.get("low") is None:
        return True
    position = bisect_left(values, block["low"])
    return position < len(values) and values[position] <= block["high"]


def _unpack_in_order(table: Table, blocks: list[Json]) -> pa.Table:
    return unpack_blocks(table, sorted(blocks, key=lambda block: int(block["part"])))


def to_arrow(documents: Sequence[Json], types: Mapping[str, ColumnType]) -> pa.Table:
    """Return documents as an Arrow table of the declared types, also when there are no documents."""
    arrays = [
        _to_array([document.get(name) for document in documents], column_type) for name, column_type in types.items()
    ]
    return pa.table(arrays, schema=make_arrow_schema(types))


def _to_array(values: list[Any], column_type: ColumnType) -> pa.Array:
    if column_type is ColumnType.WIDE_INTEGER:
        try:
            return pa.array(values, pa.int64()).cast(WIDE_TYPE)
        except (OverflowError, pa.ArrowInvalid, pa.ArrowTypeError):  # one of them does not fit, or is a decimal
            values = [_to_decimal(value) if isinstance(value, Decimal128) else value for value in values]
    return pa.array(values, ARROW_TYPES[column_type])


def _to_decimal(value: Decimal128) -> Decimal:
    """Return an integer of at most 34 digits.  Raise OverflowError for one that was rounded."""
    decimal = value.to_decimal()
    if decimal != decimal.to_integral_value() or int(decimal.as_tuple().exponent) > 0:
        raise OverflowError("A sum has more than 34 digits.")
    return decimal


def _visibility_key(table: Table, where: Condition) -> tuple[str, tuple[int, int]]:
    return table.name, infer_part_range(where)
