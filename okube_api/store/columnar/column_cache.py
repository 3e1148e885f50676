"""Which tables are held in memory: those asked for again while they did not change, within a budget."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

import pyarrow as pa

from okube_api.store.columnar.answer import aggregated, selected
from okube_api.store.columnar.frame import Frame, frame
from okube_api.store.errors import StoreError, UnsupportedByStore
from okube_api.store.plan_analysis import collect_fields, infer_source_types, resolve_source
from okube_api.store.plans import Aggregate, Select
from okube_api.store.schema import ColumnType, Table

MOST_ROWS = 2_000_000
_AT_ONCE = 250_000
_LEFT_OUT = (ColumnType.BYTES, ColumnType.NUMBER)

Load = Callable[[Table, tuple[str, ...]], Awaitable[pa.Table | None]]
"""Reads columns of every row of a table; None when there are more than `MOST_ROWS`."""


_Key = tuple[str, Table, frozenset[str]]


@dataclass
class _Entry:
    version: Hashable
    asked: bool = False  # once before: most questions are asked only once between two changes
    out: bool = False  # too large, or on its way
    frame: Frame | None = None


class Held:
    """Tables of applications, each of one version; those used last stay within `most_bytes`."""

    def __init__(self, most_bytes: int = 256 * 2**20) -> None:
        self._most_bytes = most_bytes
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()

    async def answer(
        self, plan: Aggregate | Select, application: str, version: Hashable, load: Load, row_limit: int | None
    ) -> pa.Table | None:
        """A plan's answer; None when the database has to give it.  Raises TooManyRows.

        version: of the table, as the reader sees it; it changes whenever the table's rows do.
        """
        table, where = resolve_source(plan)
        if isinstance(plan, Select):  # sets are large: those asked for, with what the condition names
            wanted = frozenset(("part", *plan.columns, *collect_fields(where)))
        else:
            wanted = frozenset(name for name, kind in infer_source_types(table).items() if kind not in _LEFT_OUT)
        held = await self._frame((application, table, wanted), version, load)
        if held is None:
            return None
        try:
            if held.rows <= _AT_ONCE:
                return _answered(plan, held, row_limit)
            return await asyncio.to_thread(_answered, plan, held, row_limit)
        except UnsupportedByStore:
            return None

    async def _frame(self, key: _Key, version: Hashable, load: Load) -> Frame | None:
        entry = self._entries.get(key)
        if entry is None or entry.version != version:
            entry = self._entries[key] = _Entry(version)
        self._entries.move_to_end(key)
        if entry.frame is None and not entry.out:
            if entry.asked:
                entry.out = True
                entry.frame = await self._loaded(key[1], key[2], load)
                self._drop()
            entry.asked = True
        return entry.frame

    async def _loaded(self, table: Table, names: frozenset[str], load: Load) -> Frame | None:
        kinds = {name: kind for name, kind in infer_source_types(table).items() if name in names}
        try:
            rows = await load(table, tuple(kinds))
        except StoreError:  # the question itself may still be answered
            return None
        if rows is None or rows.nbytes > 4 * self._most_bytes:
            return None
        made = await asyncio.to_thread(frame, rows, kinds)
        return made if made.nbytes <= self._most_bytes // 2 else None

    def _drop(self) -> None:
        total = sum(entry.frame.nbytes for entry in self._entries.values() if entry.frame is not None)
        while total > self._most_bytes or len(self._entries) > 5000:
            _, entry = self._entries.popitem(last=False)
            total -= 0 if entry.frame is None else entry.frame.nbytes


def _answered(plan: Aggregate | Select, held: Frame, row_limit: int | None) -> pa.Table:
    return selected(plan, held, row_limit) if isinstance(plan, Select) else aggregated(plan, held, row_limit)
