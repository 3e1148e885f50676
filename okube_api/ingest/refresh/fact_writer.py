"""Replaces whole days of a fact, and writes their rollups."""

import asyncio
from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.buckets import bucket_numbers, month_start
from okube_api.catalogue.fact import DAY_COLUMNS, Fact, Grain, Span
from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.derive.rollups import can_merge_days, merge_days_into_months, roll_up, roll_up_days
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Change
from okube_api.store.ranges import find_ranges

MAX_ROWS = 100_000
_BUFFERED_ROWS = 100_000


class FactWriter:
    """Replaces days of one fact and of its rollups by day; `finish` then refreshes the rollups by month."""

    def __init__(self, change: Change, fact: Fact) -> None:
        self._change, self._fact = change, fact
        self._months: set[int] = set()

    async def replace(self, days: Collection[int], rows: pa.Table) -> None:
        """Replace the rows of days.

        rows: `day` and the fact's columns, in the order in which they are stored.
        """
        if not days:
            return
        complete = await asyncio.to_thread(_add_buckets, self._fact, rows)
        if self._fact.is_stored:
            await self._change.replace(self._fact.table, sorted(days), complete)
        rollups = roll_up_days(self._fact, complete)
        while (rollup := await asyncio.to_thread(next, rollups, None)) is not None:
            await self._change.replace(rollup[0], sorted(days), rollup[1])
        self._months |= set(bucket_numbers(np.array(sorted(days), np.int64), "month").tolist())

    async def finish(self) -> None:
        """Write the rollups of the months whose days were replaced."""
        for first, last in find_ranges(self._months):
            for grain in self._fact.grains:
                if Span.MONTH in grain.spans:
                    await self._sum_months(grain, first, last)

    async def _sum_months(self, grain: Grain, first: int, last: int) -> None:
        """Write the rollups of consecutive months, several months at a time while their rows fit into a block."""
        merges = can_merge_days(grain)
        source = self._fact.rollup(grain, Span.DAY) if merges else self._fact.table
        pending = make_arrow_schema(get_stored_types(source)).empty_table()
        async for block in self._change.read_parts(source, month_start(first), month_start(last + 1) - 1):
            pending = pa.concat_tables([pending, block])
            month = int(block["month"][-1].as_py())  # blocks ascend by day: the next may still be of this month
            if pending.num_rows >= MAX_ROWS and month > first:
                is_complete = pa.array(to_integers(pending["month"]) < month)
                await self._replace_months(grain, range(first, month), pending.filter(is_complete), merges=merges)
                pending, first = pending.filter(pc.invert(is_complete)), month
        await self._replace_months(grain, range(first, last + 1), pending, merges=merges)

    async def _replace_months(self, grain: Grain, months: range, rows: pa.Table, *, merges: bool) -> None:
        if merges:
            sums = await asyncio.to_thread(merge_days_into_months, self._fact, grain, rows)
        else:
            sums = await asyncio.to_thread(roll_up, self._fact, grain, rows, Span.MONTH)
        await self._change.replace(self._fact.rollup(grain, Span.MONTH), list(months), sums)


class BufferedFactWriter:
    """Buffers days for a `FactWriter`, so that it writes few large blocks.  Call `flush` before reading days back."""

    def __init__(self, change: Change, fact: Fact) -> None:
        self._writer = FactWriter(change, fact)
        self._days: list[int] = []
        self._blocks: list[pa.Table] = []

    async def replace(self, days: Collection[int], rows: pa.Table) -> None:
        """Replace the rows of days; a day may be replaced only once between two calls of `flush`."""
        self._days += days
        self._blocks.append(rows)
        if sum(block.num_rows for block in self._blocks) >= _BUFFERED_ROWS:
            await self.flush()

    async def finish(self) -> None:
        """Write the buffered days, and the rollups by month."""
        await self.flush()
        await self._writer.finish()

    async def flush(self) -> None:
        """Write the buffered days, so that they can be read back."""
        days, blocks, self._days, self._blocks = self._days, self._blocks, [], []
        if days:
            await self._writer.replace(days, pa.concat_tables(blocks))


def _add_buckets(fact: Fact, rows: pa.Table) -> pa.Table:
    """Return rows with `part` and the bucket numbers of their day."""
    day = to_integers(rows["day"])
    low = int(day.min(initial=day[0])) if len(day) else 0
    all_days = np.arange(low, int(day.max(initial=low)) + 1)
    buckets = {name: pa.array(bucket_numbers(all_days, name)[day - low]) for name in DAY_COLUMNS}
    return pa.table({"part": pa.array(day), **buckets, **{column.name: rows[column.name] for column in fact.columns}})
