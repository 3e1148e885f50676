"""Replaces whole days of a fact, and writes their rollups."""

import asyncio
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.buckets import bucket_numbers, first_day
from okube_api.catalogue.fact import Fact, Grain, Span
from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.derive.rollups import (
    FactRows,
    add_buckets,
    can_merge_days,
    merge_days,
    roll_up,
    roll_up_days,
)
from okube_api.ingest.refresh.fact_patcher import FactPatcher
from okube_api.ingest.refresh.user_slice import UserSlice
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Change
from okube_api.store.ranges import find_ranges

MAX_ROWS = 100_000
_BUFFERED_ROWS = 100_000


class FactWriter:
    """Replaces days of one fact and of its rollups by day; `finish` then refreshes those by week and by month.

    grains: those whose rollups can change; the others are left as they are.
    """

    def __init__(self, change: Change, fact: Fact, grains: Sequence[Grain]) -> None:
        self._change, self._fact, self._grains = change, fact, grains
        self._days: set[int] = set()

    async def replace(self, days: Collection[int], rows: pa.Table) -> None:
        """Replace the rows of days.

        rows: `day` and the fact's columns, in the order in which they are stored.
        """
        if not days:
            return
        complete = await asyncio.to_thread(add_buckets, self._fact, rows)
        if self._fact.is_stored:
            await self._change.replace(self._fact.table, sorted(days), complete)
        rollups = roll_up_days(self._fact, complete, self._grains)
        while (rollup := await asyncio.to_thread(next, rollups, None)) is not None:
            await self._change.replace(rollup[0], sorted(days), rollup[1])
        self._days |= set(days)

    async def finish(self) -> None:
        """Write the rollups of the weeks and months whose days were replaced."""
        days = np.array(sorted(self._days), np.int64)
        for span in (Span.WEEK, Span.MONTH):
            grains = [grain for grain in self._grains if span in grain.spans]
            for first, last in find_ranges(set(bucket_numbers(days, span).tolist()) if grains else ()):
                for grain in grains:
                    await self._sum_days(grain, span, first, last)

    async def _sum_days(self, grain: Grain, span: Span, first: int, last: int) -> None:
        """Write the rollups of consecutive weeks or months, several at a time while their rows fit into a block."""
        merges = can_merge_days(grain, span)
        source = self._fact.rollup(grain, Span.DAY) if merges else self._fact.table
        pending = make_arrow_schema(get_stored_types(source)).empty_table()
        async for block in self._change.read_parts(source, first_day(span, first), first_day(span, last + 1) - 1):
            pending = pa.concat_tables([pending, block])
            newest = int(block[span][-1].as_py())  # blocks ascend by day: the next may still be of this week or month
            if pending.num_rows >= MAX_ROWS and newest > first:
                is_complete = pa.array(to_integers(pending[span]) < newest)
                await self._replace(grain, span, range(first, newest), pending.filter(is_complete), merges=merges)
                pending, first = pending.filter(pc.invert(is_complete)), newest
        await self._replace(grain, span, range(first, last + 1), pending, merges=merges)

    async def _replace(self, grain: Grain, span: Span, parts: range, rows: pa.Table, *, merges: bool) -> None:
        if merges:
            sums = await asyncio.to_thread(merge_days, self._fact, grain, rows, span)
        else:
            sums = await asyncio.to_thread(roll_up, grain, FactRows(self._fact, rows), span)
        await self._change.replace(self._fact.rollup(grain, span), list(parts), sums)


class BufferedFactWriter:
    """Buffers days of a fact, so that few large blocks are written.  Call `flush` before reading days back.

    Whole days are replaced, or only those of the users of a slice.
    """

    def __init__(self, change: Change | UserSlice, fact: Fact, grains: Sequence[Grain] | None = None) -> None:
        """Set up a writer.

        grains: those whose rollups can change, None for all of the fact.
        """
        self._writer: FactWriter | FactPatcher
        if isinstance(change, UserSlice) and change.has_part_of(fact):
            self._writer = FactPatcher(change, fact)
        else:
            self._writer = FactWriter(change, fact, fact.grains if grains is None else grains)
        self._days: list[int] = []
        self._blocks: list[pa.Table] = []
        self._old_blocks: list[pa.Table] = []

    async def replace(self, days: Collection[int], rows: pa.Table, before: pa.Table | None = None) -> None:
        """Replace the rows of days; a day may be replaced only once between two calls of `flush`.

        before: the old rows, needed in a slice for a fact that is not stored.
        """
        self._days += days
        self._blocks.append(rows)
        if before is not None:
            self._old_blocks.append(before)
        if sum(block.num_rows for block in self._blocks) >= _BUFFERED_ROWS:
            await self.flush()

    async def finish(self) -> None:
        """Write the buffered days, and the rollups by month."""
        await self.flush()
        await self._writer.finish()

    async def flush(self) -> None:
        """Write the buffered days, so that they can be read back."""
        days, rows, before = self._days, self._blocks, self._old_blocks
        self._days, self._blocks, self._old_blocks = [], [], []
        if not days:
            return
        if before and isinstance(self._writer, FactPatcher):
            await self._writer.replace(days, pa.concat_tables(rows), pa.concat_tables(before))
        else:
            await self._writer.replace(days, pa.concat_tables(rows))
