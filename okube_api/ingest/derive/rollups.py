"""Sums rows of facts into rollups: by day from the facts, by week and month from the days or from the facts.

All work is NumPy on whole columns.  Rows come in the order of their keys, and sets as sorted little-endian u32, so
that the same facts always make the same rollups, byte for byte.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.buckets import bucket_numbers, get_first_days
from okube_api.catalogue.fact import DAY_COLUMNS, SPAN_COLUMNS, Fact, Grain, Measure, MemberSet, Span
from okube_api.ingest.columns.columns import mark_group_starts, sort_order, to_column, to_integers
from okube_api.ingest.columns.sort_codes import fill_nulls, to_sort_codes
from okube_api.store.arrays import Flags, Ints
from okube_api.store.exact_integers import Numerators, from_arrow, multiply_pairs, sum_slices
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.schema import ColumnType, Table

_USER_BITS = np.uint64(32)
_SET_DTYPE = np.dtype("<u4")


@dataclass(frozen=True, slots=True, eq=False)
class RowGroups:
    """Groups of rows that are equal in some columns.

    by: the permutation that sorts the rows by the columns.  starts: the position of each group among the sorted rows.
    size: the number of rows.
    """

    by: Ints
    starts: Ints
    size: int

    @property
    def first_rows(self) -> Ints:
        """The index of one row of each group."""
        return self.by[self.starts]

    @property
    def group_of_row(self) -> Ints:
        """The group of each row."""
        groups = np.empty(self.size, np.int64)
        groups[self.by] = np.repeat(np.arange(len(self.starts)), np.diff(self.starts, append=self.size))
        return groups

    def sum(self, values: Numerators) -> Numerators:
        """Return the sum of the values of each group."""
        return sum_slices(values[self.by], self.starts)


def group_rows(rows: pa.Table, keys: Sequence[str]) -> RowGroups:
    """Return the groups of rows that are equal in these columns."""
    return _group_codes([to_sort_codes(rows[name]) for name in keys], rows.num_rows)


def _group_codes(key_codes: Sequence[Ints], size: int) -> RowGroups:
    by = sort_order(*key_codes)
    is_start = mark_group_starts(*(codes[by] for codes in key_codes)) if size else np.zeros(0, np.bool_)
    return RowGroups(by, np.flatnonzero(is_start), size)


# -- sets --------------------------------------------------------------------------------------------------


def encode_sets(groups: Ints, users: Ints, size: int) -> pa.Array:
    """Return the distinct users of each of the groups 0 to size - 1 as a binary column.

    groups, users: pairs of a group and a user, in any order.  A pair is packed into one integer, the group in the
    upper 32 bits: sorting these sorts by group, then by user.
    """
    pairs = (groups.astype(np.uint64) << _USER_BITS) | users.astype(np.uint64)
    pairs.sort()
    pairs = pairs[mark_group_starts(pairs)] if len(pairs) else pairs
    ends = np.searchsorted(pairs, np.arange(size + 1, dtype=np.uint64) << _USER_BITS)
    data = pa.py_buffer((pairs & np.uint64(2**32 - 1)).astype(_SET_DTYPE).tobytes())
    offsets = pa.py_buffer((ends * _SET_DTYPE.itemsize).astype(np.int32).tobytes())
    return pa.Array.from_buffers(pa.binary(), size, [None, offsets, data])


def decode_sets(blobs: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """Return the number of users of each set, and the users of all sets, concatenated."""
    joined = pc.fill_null(pa.concat_arrays([pa.array([], pa.binary()), *blobs.chunks]), b"")
    if len(joined) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    _, offsets, data = joined.buffers()
    bounds = np.frombuffer(offsets, np.int32)[joined.offset : joined.offset + len(joined) + 1].astype(np.int64)
    users = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]].view(_SET_DTYPE)
    return np.diff(bounds) // _SET_DTYPE.itemsize, users.astype(np.int64)


# -- from facts --------------------------------------------------------------------------------------------


def add_buckets(fact: Fact, rows: pa.Table) -> pa.Table:
    """Return rows with `part` and the bucket numbers of their day."""
    day = to_integers(rows["day"])
    low = int(day.min(initial=day[0])) if len(day) else 0
    all_days = np.arange(low, int(day.max(initial=low)) + 1)
    buckets = {name: pa.array(bucket_numbers(all_days, name)[day - low]) for name in DAY_COLUMNS}
    return pa.table({"part": pa.array(day), **buckets, **{column.name: rows[column.name] for column in fact.columns}})


class FactRows:
    """Rows of a fact to sum into rollups; what several grains or spans need of them is computed once."""

    def __init__(self, fact: Fact, rows: pa.Table) -> None:
        self.fact, self.rows = fact, rows
        self._codes: dict[str, Ints] = {}
        self._sums: dict[Measure, tuple[Numerators, ...]] = {}
        self._restricted: dict[tuple[str, str], FactRows] = {}

    def restrict(self, only: tuple[str, str] | None) -> "FactRows":
        """Return the rows that a grain sums: all, or those with a value in a column."""
        if only is None:
            return self
        if only not in self._restricted:
            self._restricted[only] = FactRows(self.fact, self.rows.filter(pc.field(only[0]) == only[1]))
        return self._restricted[only]

    def group(self, keys: Sequence[str]) -> RowGroups:
        """Return the groups of rows that are equal in these columns."""
        for name in keys:
            if name not in self._codes:
                self._codes[name] = to_sort_codes(self.rows[name])
        return _group_codes([self._codes[name] for name in keys], self.rows.num_rows)

    def get_summands(self, measure: Measure) -> tuple[Numerators, ...]:
        """Return what each row adds to each column of a measure."""
        if measure not in self._sums:
            self._sums[measure] = compute_summands(self.fact, self.rows, measure)
        return self._sums[measure]


def compute_summands(fact: Fact, rows: pa.Table, measure: Measure) -> tuple[Numerators, ...]:
    """Return what each row of a fact adds to each column of a measure."""
    values = np.ones(rows.num_rows, np.int64) if measure.field is None else from_arrow(rows[measure.field])
    if not measure.weighted:
        return (values,)
    assert fact.weight is not None, f"{fact.name} has no weights"
    return values, multiply_pairs(values, fill_nulls(rows[fact.weight]))


def roll_up_days(fact: Fact, rows: pa.Table, grains: Sequence[Grain]) -> Iterator[tuple[Table, pa.Table]]:
    """Yield the rollups by day of some grains of a fact, with their rows."""
    fact_rows = FactRows(fact, rows)
    for grain in grains:
        if Span.DAY in grain.spans:
            yield fact.rollup(grain, Span.DAY), roll_up(grain, fact_rows, Span.DAY)


def roll_up(grain: Grain, fact_rows: FactRows, span: Span = Span.DAY) -> pa.Table:
    """Return the rollup rows of a fact's rows, which must be complete for each of their days (or longer spans)."""
    fact_rows = fact_rows.restrict(grain.only)
    fact, rows = fact_rows.fact, fact_rows.rows
    groups = fact_rows.group((span.value, *grain.dimensions))
    columns = {name: rows[name].take(pa.array(groups.first_rows)) for name in grain.dimensions}
    for measure in grain.measures:
        for name, summands in zip(measure.columns, fact_rows.get_summands(measure), strict=True):
            columns[name] = groups.sum(summands)
    if sets := grain.sets(span):
        users, group_of_row = fill_nulls(rows["user"]), groups.group_of_row
        for members in sets:
            is_member = _mark_members(rows, members)
            columns[members.name] = encode_sets(group_of_row[is_member], users[is_member], len(groups.starts))
    rollup = build_rollup(fact.rollup(grain, span), fill_nulls(rows[span.value])[groups.first_rows], span, columns)
    return drop_empty_rows(fact, grain, span, rollup)


def drop_empty_rows(fact: Fact, grain: Grain, span: Span, rollup: pa.Table) -> pa.Table:
    """Return the rows of a rollup that are stored: those with a sum other than 0 or with a set.

    So a row disappears with the last rows of the fact that it sums, also where only the rows of some users are known.
    All rows of a grain that neither has users nor counts rows are stored: a delivery may say that nothing was shown.
    """
    if not fact.has_users and not grain.counts_rows:
        return rollup
    is_filled = np.zeros(rollup.num_rows, np.bool_)
    for name in (*(members.size_column for members in grain.sets(span)), *(measure.name for measure in grain.measures)):
        is_filled |= (from_arrow(rollup[name]) != 0).astype(np.bool_)
        if is_filled.all():
            return rollup
    return rollup.filter(pa.array(is_filled))


def _mark_members(rows: pa.Table, members: MemberSet) -> Flags:
    """Return which rows add their user to a set."""
    if members.flag is None:
        return np.ones(rows.num_rows, np.bool_)
    is_member: Flags = fill_nulls(rows[members.flag]) == 1
    return is_member


def build_rollup(table: Table, period: Ints, span: Span, columns: Mapping[str, object]) -> pa.Table:
    """Return the columns of a rollup as declared: with `part`, the bucket numbers, and the sizes of the sets."""
    values: dict[str, object] = {"part": period, **columns}
    first_days = get_first_days(period, span)
    values |= {name: bucket_numbers(first_days, name) for name in SPAN_COLUMNS[span]}
    for name, members in columns.items():
        if table.type_of(name) is ColumnType.BYTES:
            assert isinstance(members, pa.Array)
            values[MemberSet(name).size_column] = pc.divide(pc.binary_length(members), _SET_DTYPE.itemsize)
    schema = make_arrow_schema({name: kind for name, kind in get_stored_types(table).items() if name != "batch"})
    return pa.table([to_column(values[name], schema.field(name).type) for name in schema.names], schema=schema)


# -- from days ---------------------------------------------------------------------------------------------


def can_merge_days(grain: Grain, span: Span) -> bool:
    """Return whether a grain's rows of a span can be computed from its days, which must have all sets needed."""
    return Span.DAY in grain.spans and set(grain.sets(span)) <= set(grain.sets(Span.DAY))


def merge_days(fact: Fact, grain: Grain, days: pa.Table, span: Span) -> pa.Table:
    """Return the rows of a longer span of a grain's day rows, which must be complete for each week or month."""
    groups = group_rows(days, (span.value, *grain.dimensions))
    columns = {name: days[name].take(pa.array(groups.first_rows)) for name in grain.dimensions}
    for measure in grain.measures:
        columns |= {name: groups.sum(from_arrow(days[name])) for name in measure.columns}
    for members in grain.sets(span):
        counts, users = decode_sets(days[members.name])
        columns[members.name] = encode_sets(np.repeat(groups.group_of_row, counts), users, len(groups.starts))
    return build_rollup(fact.rollup(grain, span), fill_nulls(days[span.value])[groups.first_rows], span, columns)
