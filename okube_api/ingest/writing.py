"""Facts put in the place of those of whole days, and the rollups that follow from them."""

import asyncio
from collections.abc import Collection

import numpy as np
import pyarrow as pa

from okube_api.catalogue.buckets import month_start, numbers
from okube_api.catalogue.facts import DAY_COLUMNS, Fact, Grain, Span
from okube_api.ingest.derive.columns import Ints, integers
from okube_api.ingest.rollups import by_day, by_month, mergeable, rollups_by_day
from okube_api.store.base import Change, Table
from okube_api.store.kinds import arrow_schema, stored_kinds


class Facts:
    """The days of one fact that a change replaces; their months are summed anew at the end."""

    def __init__(self, change: Change, fact: Fact) -> None:
        self._change, self._fact = change, fact
        self._months: set[int] = set()

    async def replace(self, days: Collection[int], rows: pa.Table) -> None:
        """Makes rows (the fact's columns and `day`, in the order in which they are kept) all that these days have."""
        if not days:
            return
        whole = await asyncio.to_thread(_completed, self._fact, rows)
        await self._change.replace(self._fact.table, sorted(days), whole)
        found = rollups_by_day(self._fact, whole)
        while (one := await asyncio.to_thread(next, found, None)) is not None:
            await self._change.replace(one[0], sorted(days), one[1])
        self._months |= set(numbers(np.array(sorted(days), np.int64), "month").tolist())

    async def finish(self) -> None:
        """Sums the months of the days that were replaced."""
        for month in sorted(self._months):
            for grain in self._fact.grains:
                if Span.MONTH in grain.spans:
                    rows = await self._month(grain, month)
                    await self._change.replace(self._fact.rollup(grain, Span.MONTH), [month], rows)

    async def _month(self, grain: Grain, month: int) -> pa.Table:
        span = month_start(month), month_start(month + 1) - 1
        if mergeable(grain):
            days = await self._read(self._fact.rollup(grain, Span.DAY), *span)
            return await asyncio.to_thread(by_month, self._fact, grain, days)
        rows = await self._read(self._fact.table, *span)
        return await asyncio.to_thread(by_day, self._fact, grain, rows, Span.MONTH)

    async def _read(self, table: Table, low: int, high: int) -> pa.Table:
        found = [block async for block in self._change.read(table, low, high)]
        return pa.concat_tables([arrow_schema(stored_kinds(table)).empty_table(), *found])


def _completed(fact: Fact, rows: pa.Table) -> pa.Table:
    """The rows with `part` and the bucket numbers of their day."""
    day: Ints = integers(rows["day"])
    made = {"part": pa.array(day), **{name: pa.array(numbers(day, name)) for name in DAY_COLUMNS}}
    columns = {column.name: rows[column.name] for column in fact.columns}
    return pa.table(made | columns)
