"""Corrects rollups by the rows of some users: takes away what their old rows added, and adds their new rows.

The rows of all other users stay unread.  Sums are differences; a user leaves a set when no new row belongs to it.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.catalogue.fact import Fact, Grain, Span
from okube_api.ingest.columns.sort_codes import fill_nulls
from okube_api.ingest.derive.latest import find_changed_keys
from okube_api.ingest.derive.rollups import (
    FactRows,
    build_rollup,
    decode_sets,
    drop_empty_rows,
    encode_sets,
    group_rows,
    roll_up,
)
from okube_api.store.arrays import Ints
from okube_api.store.exact_integers import from_arrow, multiply_pairs, sum_by_position

_USER_BITS, _USER_MASK = np.uint64(32), np.uint64(2**32 - 1)
_STORED, _BEFORE, _AFTER = 0, 1, 2


class RollupMismatch(Exception):
    """The stored rollups lack what the old rows of users must have added to them."""


@dataclass(frozen=True, slots=True)
class RollupChange:
    """How the rows of some users change the rollup of one grain and span.

    keys: `part` and the dimensions of the rollup rows that change.
    before, after: the rollups of these users' rows alone, before and after the change.
    """

    fact: Fact
    grain: Grain
    span: Span
    keys: pa.Table
    before: pa.Table
    after: pa.Table

    def correct(self, stored: pa.Table) -> pa.Table:
        """Return the rollup rows with the changed keys, after the change; keys without any row are left out.

        stored: the rows of the rollup before the change that have these keys, and possibly others.
        Raise RollupMismatch when they lack what is taken away.
        """
        names, tables = self.keys.column_names, (stored, self.before, self.after)
        size, table = self.keys.num_rows, self.fact.rollup(self.grain, self.span)
        rows = pa.concat_tables([piece.select(self.before.column_names) for piece in tables])
        side = np.repeat([_STORED, _BEFORE, _AFTER], [piece.num_rows for piece in tables])
        groups = group_rows(pa.concat_tables([self.keys, rows.select(names)]), names)
        group_of_key, group_of_row = np.split(groups.group_of_row, [size])
        key_of_group = np.full(len(groups.starts), -1, np.int64)
        key_of_group[group_of_key] = np.arange(size)
        keys = key_of_group[group_of_row]
        is_changed = keys >= 0
        rows, keys, side = rows.filter(pa.array(is_changed)), keys[is_changed], side[is_changed]
        columns: dict[str, object] = {name: self.keys[name] for name in self.grain.dimensions}
        signs = np.where(side == _BEFORE, -1, 1)
        for measure in self.grain.measures:
            for name in measure.columns:
                columns[name] = sum_by_position(keys, multiply_pairs(from_arrow(rows[name]), signs), size)
        for members in self.grain.sets(self.span):
            columns[members.name] = _correct_sets(rows[members.name], keys, side, size)
        corrected = build_rollup(table, fill_nulls(self.keys["part"]), self.span, columns)
        return drop_empty_rows(self.fact, self.grain, self.span, corrected)


def compare_rollups(grain: Grain, span: Span, before: FactRows, after: FactRows) -> RollupChange | None:
    """Return how a rollup changes when rows of some users are replaced, None when it does not.

    before, after: rows of the fact.  They are all rows of these users in each day (or week, or month: the span) whose
    rows differ; if the span's rows hold no sets, rows that are the same before and after may be missing.
    """
    old, new = (roll_up(grain, rows, span) for rows in (before, after))
    keys = find_changed_keys(old, new, ("part", *grain.dimensions))
    return RollupChange(after.fact, grain, span, keys, old, new) if keys.num_rows else None


def _correct_sets(sets: pa.ChunkedArray, keys: Ints, side: Ints, size: int) -> pa.Array:
    """Return the set of each of the keys 0 to size - 1: the stored users without the old ones, with the new ones."""
    lengths, users = decode_sets(sets)
    pairs = np.repeat(keys.astype(np.uint64) << _USER_BITS, lengths) | users.astype(np.uint64)
    side_of_pair = np.repeat(side, lengths)
    old, stored, new = (pairs[side_of_pair == number] for number in (_BEFORE, _STORED, _AFTER))
    old.sort()
    at = np.minimum(np.searchsorted(old, stored), max(len(old) - 1, 0))
    remains = old[at] != stored if len(old) else np.ones(len(stored), np.bool_)
    if len(stored) - np.count_nonzero(remains) != len(old):
        raise RollupMismatch("A set of users lacks some of its users.")
    pairs = np.concatenate((stored[remains], new))
    return encode_sets((pairs >> _USER_BITS).astype(np.int64), (pairs & _USER_MASK).astype(np.int64), size)
