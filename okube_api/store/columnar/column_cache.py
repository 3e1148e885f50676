"""Cache of table columns in memory, for plans that repeat while a table does not change."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from okube_api.store.columnar.answer import aggregate_rows, select_rows
from okube_api.store.columnar.frame import Frame, build_frame
from okube_api.store.errors import StoreError, UnsupportedByStore
from okube_api.store.plan_analysis import collect_fields, infer_source_types, resolve_source
from okube_api.store.plans import Aggregate, Select
from okube_api.store.schema import ColumnType, Table
from okube_api.threads import run_in_thread

MAX_ROWS = 2_000_000
_MAX_ENTRIES = 5000
_MAX_ROWS_ON_LOOP = 250_000
"""A larger frame is evaluated in a thread, so that it does not block the event loop."""
_UNCACHED_TYPES = (ColumnType.BYTES, ColumnType.NUMBER)

Load = Callable[[Table, tuple[str, ...]], Awaitable[pa.Table | None]]
"""Reads columns of every row of a table; None when it has more than `MAX_ROWS`."""

_EntryKey = tuple[str, Table, frozenset[str]]


@dataclass
class _Entry:
    version: Hashable
    is_requested: bool = False  # loaded on the second request: most plans run only once between two changes
    is_loading_or_too_large: bool = False
    frame: Frame | None = None


class ColumnCache:
    """Frames of tables, by application, each of one version; the least recently used are dropped beyond `max_bytes`."""

    def __init__(self, max_bytes: int = 256 * 2**20) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[_EntryKey, _Entry] = OrderedDict()

    async def answer(
        self, plan: Aggregate | Select, application: str, version: Hashable, load: Load, row_limit: int | None
    ) -> pa.Table | None:
        """Return a plan's result, or None when the database has to compute it.  Raise TooManyRows.

        version: of the table, as the reader sees it; it changes whenever the table's rows do.
        """
        table, where = resolve_source(plan)
        if isinstance(plan, Select):  # sets are large: only the columns of the plan
            names = frozenset(("part", *plan.columns, *collect_fields(where)))
        else:
            types = infer_source_types(table)
            names = frozenset(name for name, column_type in types.items() if column_type not in _UNCACHED_TYPES)
        frame = await self._get_frame((application, table, names), version, load)
        if frame is None:
            return None
        try:
            if frame.rows <= _MAX_ROWS_ON_LOOP:
                return _evaluate_plan(plan, frame, row_limit)
            return await run_in_thread(partial(_evaluate_plan, plan, frame, row_limit))
        except UnsupportedByStore:
            return None

    async def _get_frame(self, key: _EntryKey, version: Hashable, load: Load) -> Frame | None:
        entry = self._entries.get(key)
        if entry is None or entry.version != version:
            entry = self._entries[key] = _Entry(version)
        self._entries.move_to_end(key)
        if entry.frame is None and not entry.is_loading_or_too_large:
            if entry.is_requested:
                entry.is_loading_or_too_large = True
                entry.frame = await self._load_frame(key[1], key[2], load)
                self._evict()
            entry.is_requested = True
        return entry.frame

    async def _load_frame(self, table: Table, names: frozenset[str], load: Load) -> Frame | None:
        types = {name: column_type for name, column_type in infer_source_types(table).items() if name in names}
        try:
            rows = await load(table, tuple(types))
        except StoreError:  # the plan itself may still succeed
            return None
        if rows is None or rows.nbytes > 4 * self._max_bytes:
            return None
        frame = await asyncio.to_thread(build_frame, rows, types)
        return frame if frame.nbytes <= self._max_bytes // 2 else None

    def _evict(self) -> None:
        total = sum(entry.frame.nbytes for entry in self._entries.values() if entry.frame is not None)
        while total > self._max_bytes or len(self._entries) > _MAX_ENTRIES:
            _, entry = self._entries.popitem(last=False)
            total -= 0 if entry.frame is None else entry.frame.nbytes


def _evaluate_plan(plan: Aggregate | Select, frame: Frame, row_limit: int | None) -> pa.Table:
    return select_rows(plan, frame, row_limit) if isinstance(plan, Select) else aggregate_rows(plan, frame, row_limit)
