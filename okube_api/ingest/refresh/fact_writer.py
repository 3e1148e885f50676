"""Facts put in the place of those of whole days, and the rollups that follow from them."""

import asyncio
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.buckets import bucket_numbers, month_start
from okube_api.catalogue.facts import DAY_COLUMNS, Fact, Grain, Span
from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.derive.rollups import can_merge_days, merge_days_into_months, roll_up, roll_up_days
from okube_api.store.arrays import Ints
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Change

MAX_ROWS = 100_000
_ENOUGH_ROWS = 100_000


class FactWriter:
    """The days of one fact that a change replaces; their months are summed anew at the end."""

    def __init__(self, change: Change, fact: Fact) -> None:
        self._change, self._fact = change, fact
        self._months: set[int] = set()

    async def replace(self, days: Collection[int], rows: pa.Table) -> None:
        """Makes rows (the fact's columns and `day`, in the order in which they are kept) all that these days have."""
        if not days:
            return
        whole = await asyncio.to_thread(_completed, self._fact, rows)
        if self._fact.is_stored:
            await self._change.replace(self._fact.table, sorted(days), whole)
        found = roll_up_days(self._fact, whole)
        while (one := await asyncio.to_thread(next, found, None)) is not None:
            await self._change.replace(one[0], sorted(days), one[1])
        self._months |= set(bucket_numbers(np.array(sorted(days), np.int64), "month").tolist())

    async def finish(self) -> None:
        """Sums the months of the days that were replaced."""
        for first, last in _runs(sorted(self._months)):
            for grain in self._fact.grains:
                if Span.MONTH in grain.spans:
                    await self._sum(grain, first, last)

    async def _sum(self, grain: Grain, first: int, last: int) -> None:
        """Sums neighbouring months, as many at a time as make a block."""
        merges = can_merge_days(grain)
        source = self._fact.rollup(grain, Span.DAY) if merges else self._fact.table
        held = make_arrow_schema(get_stored_types(source)).empty_table()
        async for block in self._change.read_parts(source, month_start(first), month_start(last + 1) - 1):
            held = pa.concat_tables([held, block])
            month = int(block["month"][-1].as_py())  # blocks come in order of days: what comes may be of this month
            if held.num_rows >= MAX_ROWS and month > first:
                before = pa.array(to_integers(held["month"]) < month)
                await self._replace_months(grain, range(first, month), held.filter(before), merges=merges)
                held, first = held.filter(pc.invert(before)), month
        await self._replace_months(grain, range(first, last + 1), held, merges=merges)

    async def _replace_months(self, grain: Grain, months: range, rows: pa.Table, *, merges: bool) -> None:
        if merges:
            made = await asyncio.to_thread(merge_days_into_months, self._fact, grain, rows)
        else:
            made = await asyncio.to_thread(roll_up, self._fact, grain, rows, Span.MONTH)
        await self._change.replace(self._fact.rollup(grain, Span.MONTH), list(months), made)


class BufferedFactWriter:
    """As `writing.Facts`, a few steps for many days; nothing is read back before `flush`."""

    def __init__(self, change: Change, fact: Fact) -> None:
        self._facts = FactWriter(change, fact)
        self._days: list[int] = []
        self._rows: list[pa.Table] = []

    async def replace(self, days: Collection[int], rows: pa.Table) -> None:
        """Makes rows all that these days have, which come but once."""
        self._days += days
        self._rows.append(rows)
        if sum(one.num_rows for one in self._rows) >= _ENOUGH_ROWS:
            await self.flush()

    async def finish(self) -> None:
        """Writes what is left, and sums the months."""
        await self.flush()
        await self._facts.finish()

    async def flush(self) -> None:
        """Writes what is gathered, so that it can be read back."""
        days, rows, self._days, self._rows = self._days, self._rows, [], []
        if days:
            await self._facts.replace(days, pa.concat_tables(rows))


def _runs(months: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending months as runs of neighbours."""
    found: list[tuple[int, int]] = []
    for month in months:
        if found and found[-1][1] == month - 1:
            found[-1] = (found[-1][0], month)
        else:
            found.append((month, month))
    return found


def _completed(fact: Fact, rows: pa.Table) -> pa.Table:
    """The rows with `part` and the bucket numbers of their day."""
    day: Ints = to_integers(rows["day"])
    low = int(day.min(initial=day[0])) if len(day) else 0
    known = np.arange(low, int(day.max(initial=low)) + 1)
    made = {"part": pa.array(day), **{name: pa.array(bucket_numbers(known, name)[day - low]) for name in DAY_COLUMNS}}
    columns = {column.name: rows[column.name] for column in fact.columns}
    return pa.table(made | columns)
