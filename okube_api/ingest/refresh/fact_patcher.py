"""Replaces the rows of some users on days of a fact, and corrects the fact's rollups by the difference."""

import asyncio
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa

from okube_api.catalogue.buckets import bucket_numbers, first_day
from okube_api.catalogue.fact import ELAPSED, Fact, Span
from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.derive.rollup_changes import ChangedRows, RollupChange, RollupMismatch
from okube_api.ingest.derive.rollups import add_buckets
from okube_api.ingest.refresh.user_slice import UserSlice
from okube_api.store.conditions import AnyOf, Between, Condition, Missing, OneOf
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.plans import Select
from okube_api.store.ranges import find_ranges, join_ranges
from okube_api.store.schema import ColumnType


class FactPatcher:
    """Replaces days of the users of a slice in one fact; `finish` then corrects the rollups.

    The stored rows of the users say what their old rows added to the rollups.  A fact that is not stored needs them
    from its caller.
    """

    def __init__(self, users: UserSlice, fact: Fact) -> None:
        self._slice, self._fact = users, fact
        self._schema = make_arrow_schema(get_stored_types(fact.table))
        self._days: set[int] = set()
        self._before: list[pa.Table] = []
        self._after: list[pa.Table] = []

    async def replace(self, days: Collection[int], rows: pa.Table, before: pa.Table | None = None) -> None:
        """Replace the users' rows on days, each day once.

        rows: `day` and the fact's columns.  before: the same of the old rows of a fact that is not stored.
        """
        if repeated := self._days & set(days):
            raise ValueError(f"day {min(repeated)} of {self._fact.name} was replaced before")
        after = await asyncio.to_thread(add_buckets, self._fact, rows)
        if before is None:
            old = await self._read_days(OneOf("part", tuple(days)))
            keys = old.select(["part", "user"]).group_by(["part", "user"]).aggregate([])
            if old.num_rows or after.num_rows:
                await self._slice.patch(self._fact.table, keys, after)
        else:
            old = await asyncio.to_thread(add_buckets, self._fact, before)
        if self._fact.has_hours and old[ELAPSED].null_count:
            raise RollupMismatch("Rows of an earlier version have no hours.")
        self._days |= set(days)
        self._before.append(old.cast(self._schema))
        self._after.append(after.cast(self._schema))

    async def finish(self) -> None:
        """Correct the rollups of the days, and of the longer periods that contain them."""
        if not self._days:
            return
        grains = self._fact.grains
        spans = [span for span in Span if any(span in grain.spans for grain in grains)]
        with_sets = [span for span in spans if span is not Span.DAY and any(grain.sets(span) for grain in grains)]
        other_days = await self._read_other_days(with_sets) if with_sets else self._schema.empty_table()
        before, after = pa.concat_tables(self._before), pa.concat_tables(self._after)
        rows = await asyncio.to_thread(ChangedRows, self._fact, before, after, other_days)
        for span in spans:
            for grain in grains:
                if span in grain.spans:
                    change = await asyncio.to_thread(rows.compare, grain, span)
                    if change is not None:
                        await self._correct(change)

    async def _read_days(self, where: Condition) -> pa.Table:
        return await self._slice.select(Select(self._fact.table, where, tuple(self._schema.names)))

    async def _read_other_days(self, spans: Sequence[Span]) -> pa.Table:
        """Return the users' rows on the other days of the weeks or months that contain a replaced day."""
        days = np.array(list(self._days), np.int64)
        numbers = {span: np.unique(bucket_numbers(days, span)).tolist() for span in spans}
        periods = join_ranges(
            (first_day(span, low), first_day(span, high + 1) - 1)
            for span, of_span in numbers.items()
            for low, high in find_ranges(of_span)
        )
        where = Between("part", periods[0][0], periods[-1][1])
        rows = await self._read_days(where & AnyOf(tuple(Between("part", *days) for days in periods)))
        return rows.filter(pa.array(~np.isin(to_integers(rows["part"]), list(self._days)))).cast(self._schema)

    async def _correct(self, change: RollupChange) -> None:
        table = self._fact.rollup(change.grain, change.span)
        where: Condition = OneOf("part", tuple(change.keys["part"].unique().to_pylist()))
        for name in change.grain.dimensions[:1]:
            if table.type_of(name) is ColumnType.TEXT:
                values = change.keys[name].unique()
                texts = OneOf(name, tuple(values.drop_null().to_pylist()))
                where &= texts | Missing(name) if values.null_count else texts
        stored = await self._slice.change.select(Select(table, where, change.stored_columns))
        keys, rows = await asyncio.to_thread(change.correct, stored)
        await self._slice.patch(table, keys, rows)
