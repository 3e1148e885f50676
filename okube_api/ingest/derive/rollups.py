"""Rows of facts summed into rollups: by day from the facts, by month from the days.

Everything is numpy over whole columns.  Rows come in the order of their keys, sets as sorted little-endian u32, so that
the same facts always make the same rollups, byte for byte.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.buckets import bucket_numbers
from okube_api.catalogue.facts import DAY_COLUMNS, MONTH_COLUMNS, Fact, Grain, MemberSet, Span
from okube_api.ingest.columns.columns import mark_group_starts, sort_order
from okube_api.ingest.columns.sort_codes import fill_nulls, to_sort_codes
from okube_api.store.arrays import Flags, Ints
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.schema import Table

_USER_BITS = np.uint64(32)
_SET = np.dtype("<u4")


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Rows that are equal in some columns: `by` sorts the rows by them, the group of each begins at `starts`."""

    by: Ints
    starts: Ints
    size: int

    @property
    def first(self) -> Ints:
        """A row of each group."""
        return self.by[self.starts]

    def total(self, values: Ints) -> Ints:
        """The sum over each group."""
        sums: Ints = np.add.reduceat(values[self.by], self.starts) if len(self.starts) else np.zeros(0, np.int64)
        return sums

    @property
    def counts(self) -> Ints:
        """The rows of each group."""
        return np.diff(self.starts, append=self.size)

    @property
    def of_row(self) -> Ints:
        """The group of each row."""
        found = np.empty(self.size, np.int64)
        found[self.by] = np.repeat(np.arange(len(self.starts)), self.counts)
        return found


def _grouped(rows: pa.Table, keys: Sequence[str]) -> _Groups:
    found = [to_sort_codes(rows[name]) for name in keys]
    by = sort_order(*found)
    starts = (
        np.flatnonzero(mark_group_starts(*(rank[by] for rank in found))) if rows.num_rows else np.zeros(0, np.int64)
    )
    return _Groups(by, starts, rows.num_rows)


# -- sets --------------------------------------------------------------------------------------------------


def _sets(groups: Ints, users: Ints, size: int) -> pa.Array:
    """The distinct users of each of the groups 0 to size - 1, as blobs; groups and users are of one pair each."""
    pairs = (groups.astype(np.uint64) << _USER_BITS) | users.astype(np.uint64)
    pairs.sort()
    pairs = pairs[mark_group_starts(pairs)] if len(pairs) else pairs
    ends = np.searchsorted(pairs, np.arange(size + 1, dtype=np.uint64) << _USER_BITS)
    data = pa.py_buffer((pairs & np.uint64(2**32 - 1)).astype(_SET).tobytes())
    return pa.Array.from_buffers(pa.binary(), size, [None, pa.py_buffer((ends * 4).astype(np.int32).tobytes()), data])


def _members(blobs: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """How many users each blob holds, and all of them one after the other."""
    joined = pc.fill_null(pa.concat_arrays([pa.array([], pa.binary()), *blobs.chunks]), b"")
    if len(joined) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    _, ends, data = joined.buffers()
    bounds = np.frombuffer(ends, np.int32)[joined.offset : joined.offset + len(joined) + 1].astype(np.int64)
    members = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]].view(_SET)
    return np.diff(bounds) // _SET.itemsize, members.astype(np.int64)


# -- days --------------------------------------------------------------------------------------------------


def roll_up(fact: Fact, grain: Grain, rows: pa.Table, span: Span = Span.DAY) -> pa.Table:
    """The rollup rows of a fact's rows, which are all of the days (or months) that they are of."""
    period = "day" if span is Span.DAY else "month"
    groups = _grouped(rows, (period, *grain.dimensions))
    columns = {name: rows[name].take(pa.array(groups.first)) for name in grain.dimensions}
    weight = fill_nulls(rows[fact.weight]) if fact.weight and any(one.weighted for one in grain.measures) else None
    for measure in grain.measures:
        values = np.ones(rows.num_rows, np.int64) if measure.field is None else fill_nulls(rows[measure.field])
        columns[measure.name] = groups.total(values)
        if measure.weighted:
            assert weight is not None, f"{fact.name} has no weights"
            columns[f"{measure.name}_w"] = groups.total(values * weight)
    if sets := grain.sets(span):
        users, of_row = fill_nulls(rows["user"]), groups.of_row
        for members in sets:
            carried = _carried(rows, members)
            columns[members.name] = _sets(of_row[carried], users[carried], len(groups.starts))
    return _rollup(fact.rollup(grain, span), fill_nulls(rows[period])[groups.first], span, columns)


def _carried(rows: pa.Table, members: MemberSet) -> Flags:
    if members.flag is None:
        return np.ones(rows.num_rows, np.bool_)
    carried: Flags = fill_nulls(rows[members.flag]) == 1
    return carried


def _rollup(table: Table, period: Ints, span: Span, columns: Mapping[str, object]) -> pa.Table:
    """The columns of a rollup as declared, with `part` and the bucket numbers of its days or months."""
    names = DAY_COLUMNS if span is Span.DAY else MONTH_COLUMNS
    made: dict[str, object] = {"part": period, **columns}
    if span is Span.DAY:
        made |= {name: bucket_numbers(period, name) for name in names}
    else:
        made |= {"month": period, "year": period // 12, "month_of_year": period % 12 + 1}
    schema = make_arrow_schema({name: kind for name, kind in get_stored_types(table).items() if name != "batch"})
    return pa.table([_column(made[name], schema.field(name).type) for name in schema.names], schema=schema)


def _column(values: object, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(kind)
    return pa.array(values, kind)


# -- months ------------------------------------------------------------------------------------------------


def can_merge_days(grain: Grain) -> bool:
    """Whether the months of a grain can be made of its days: their sets are there, too."""
    return Span.DAY in grain.spans and set(grain.sets(Span.MONTH)) <= set(grain.sets(Span.DAY))


def merge_days_into_months(fact: Fact, grain: Grain, days: pa.Table) -> pa.Table:
    """The month rows of a grain's day rows, which are all of the months that they are of."""
    groups = _grouped(days, ("month", *grain.dimensions))
    columns = {name: days[name].take(pa.array(groups.first)) for name in grain.dimensions}
    for measure in grain.measures:
        columns |= {name: groups.total(fill_nulls(days[name])) for name in measure.columns}
    for members in grain.sets(Span.MONTH):
        counts, users = _members(days[members.name])
        columns[members.name] = _sets(np.repeat(groups.of_row, counts), users, len(groups.starts))
    return _rollup(fact.rollup(grain, Span.MONTH), fill_nulls(days["month"])[groups.first], Span.MONTH, columns)


def roll_up_days(fact: Fact, rows: pa.Table) -> Iterator[tuple[Table, pa.Table]]:
    """Every rollup by day of a fact, with its rows."""
    for grain in fact.grains:
        if Span.DAY in grain.spans:
            yield fact.rollup(grain, Span.DAY), roll_up(fact, grain, rows)
