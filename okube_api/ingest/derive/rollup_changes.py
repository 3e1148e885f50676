"""Corrects rollups by the rows of some users: takes away what their old rows added, and adds their new rows.

The rows of all other users stay unread.  Sums are differences; a user leaves a set when no new row belongs to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.fact import Fact, Grain, Measure, MemberSet, Span
from okube_api.ingest.columns.columns import find_distinct, mark_group_starts, sort_order
from okube_api.ingest.columns.sort_codes import fill_nulls, join_lists, to_sort_codes
from okube_api.ingest.derive.rollups import build_rollup, compute_summands, decode_sets, drop_empty_rows, encode_sets
from okube_api.store.arrays import Flags, Ints
from okube_api.store.exact_integers import (
    Numerators,
    concatenate_numbers,
    from_arrow,
    multiply_pairs,
    sum_by_position,
    sum_slices,
)

_MAX_COMBINATIONS = 2**62
_FEW_ROWS = 10
_USER_BITS, _USER_MASK = 32, 2**32 - 1


class RollupMismatch(Exception):
    """The stored rollups lack what the old rows of users must have added to them."""


@dataclass(frozen=True, slots=True)
class SetChange:
    """How the sets of some keys change: pairs of a key's position (upper 32 bits) and a user, ascending.

    old: the users that only rows of the change put into the stored sets.  removed, added: those that leave and enter.
    """

    old: Ints
    removed: Ints
    added: Ints

    def correct(self, sets: pa.ChunkedArray, positions: Ints, size: int) -> pa.Array:
        """Return the sets of the keys 0 to size - 1 after the change.

        sets, positions: stored sets and the position of their key.
        Raise RollupMismatch when they lack old users.
        """
        lengths, users = decode_sets(sets)
        stored = _pair(np.repeat(positions, lengths), users)
        if np.any(stored[1:] < stored[:-1]):  # the rows do not come in the order of the keys
            stored.sort()
        if np.count_nonzero(_find_members(self.old, stored)) != len(self.old):
            raise RollupMismatch("A set of users lacks some of its users.")
        remaining = stored[~_find_members(stored, self.removed)] if len(self.removed) else stored
        pairs = np.insert(remaining, np.searchsorted(remaining, self.added), self.added)
        return encode_sets(pairs >> _USER_BITS, pairs & _USER_MASK, size)


@dataclass(frozen=True, slots=True)
class RollupChange:
    """How the rows of some users change the rollup of one grain and span.

    keys: `part` and the dimensions of the rollup rows that change.
    sums: what is added to each sum of each key.  sets: how each set changes.
    """

    fact: Fact
    grain: Grain
    span: Span
    keys: pa.Table
    sums: Mapping[str, Numerators]
    sets: Mapping[str, SetChange]

    @property
    def stored_columns(self) -> tuple[str, ...]:
        """The columns of stored rows that `correct` needs."""
        return (*self.keys.column_names, *self.sums, *self.sets)

    def correct(self, stored: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Return the changed keys of stored rows, and the rollup rows with the changed keys after the change.

        Keys without any row then are left out.
        stored: the rows of the rollup before the change that have these keys, and possibly others.
        Raise RollupMismatch when they lack what is taken away.
        """
        size = self.keys.num_rows
        positions = _find_positions(self.keys, stored)
        if (positions < 0).any():
            is_changed = positions >= 0
            stored, positions = stored.filter(pa.array(is_changed)), positions[is_changed]
        columns: dict[str, object] = {name: self.keys[name] for name in self.grain.dimensions}
        positions_of_terms = np.concatenate((np.arange(size), positions))
        for name, added in self.sums.items():
            if stored.num_rows == 0:
                columns[name] = added
                continue
            terms = concatenate_numbers((added, from_arrow(stored[name])))
            columns[name] = sum_by_position(positions_of_terms, terms, size)
        for name, change in self.sets.items():
            columns[name] = change.correct(stored[name], positions, size)
        table = self.fact.rollup(self.grain, self.span)
        corrected = build_rollup(table, fill_nulls(self.keys["part"]), self.span, columns)
        stored_keys = self.keys.take(pa.array(find_distinct(positions)))
        return stored_keys, drop_empty_rows(self.fact, self.grain, self.span, corrected)


class ChangedRows:
    """Rows of some users in a fact, before and after a change; what several grains and spans need is computed once."""

    def __init__(self, fact: Fact, before: pa.Table, after: pa.Table, same_rows: pa.Table) -> None:
        """Set up the rows, all with the same columns.

        before, after: all rows of these users on the days whose rows change, before and after the change.
        same_rows: their rows on the other days of the weeks and months of these days, where rollups of these hold sets.
        """
        self._fact = fact
        self._rows = pa.concat_tables([before, after, same_rows]).combine_chunks()
        self._side = np.repeat([-1, 1, 0], [before.num_rows, after.num_rows, same_rows.num_rows])
        self._changing = before.num_rows + after.num_rows
        self._codes: dict[tuple[str, ...], tuple[Ints, int]] = {}
        self._summands: dict[Measure, tuple[Numerators, ...]] = {}
        self._selected: dict[tuple[str, str] | None, Flags] = {None: np.ones(self._rows.num_rows, np.bool_)}

    def compare(self, grain: Grain, span: Span) -> RollupChange | None:
        """Return how a rollup changes, None when it does not."""
        codes, _ = self._encode((span.value, *grain.dimensions))
        is_selected = self._select(grain.only)
        summed = np.flatnonzero(is_selected[: self._changing])
        if len(summed) == 0:
            return None
        by = summed[sort_order(codes[summed])]
        ascending = codes[by]
        starts = np.flatnonzero(mark_group_starts(ascending))
        sums = {
            name: sum_slices(summands[by], starts)
            for measure in grain.measures
            for name, summands in zip(measure.columns, self._compute_summands(measure), strict=True)
        }
        is_changed = np.zeros(len(starts), np.bool_)
        for numbers in sums.values():
            is_changed |= (numbers != 0).astype(np.bool_)
        sets = {}
        if of_span := grain.sets(span):
            sets = self._compare_sets(of_span, span, codes, ascending[starts], is_selected)
            for change in sets.values():
                for pairs in (change.removed, change.added):
                    is_changed[pairs >> _USER_BITS] = True
        if not is_changed.any():
            return None
        first_rows = pa.array(by[starts[is_changed]])
        names = {"part": span.value} | {name: name for name in grain.dimensions}
        keys = pa.table({name: self._rows[source].take(first_rows) for name, source in names.items()})
        return RollupChange(
            self._fact,
            grain,
            span,
            keys,
            {name: numbers[is_changed] for name, numbers in sums.items()},
            {name: _renumber(change, is_changed) for name, change in sets.items()},
        )

    def _compare_sets(
        self, sets: Sequence[MemberSet], span: Span, codes: Ints, groups: Ints, is_selected: Flags
    ) -> dict[str, SetChange]:
        """Return how the sets of groups of rows change.

        codes: of the key of each row.  groups: the codes of the groups, ascending.
        """
        group = np.minimum(np.searchsorted(groups, codes), len(groups) - 1)
        is_selected = is_selected & (groups[group] == codes)
        if span is Span.DAY:
            is_selected = is_selected & (self._side != 0)
        pairs = _pair(group, fill_nulls(self._rows["user"]))
        changes = {}
        for members in sets:
            is_member = is_selected
            if members.flag is not None:
                is_member = is_selected & (fill_nulls(self._rows[members.flag]) == 1)
            old, new = (find_distinct(pairs[is_member & (self._side != side)]) for side in (1, -1))
            removed, added = old[~_find_members(old, new)], new[~_find_members(new, old)]
            changes[members.name] = SetChange(old, removed, added)
        return changes

    def _encode(self, names: tuple[str, ...]) -> tuple[Ints, int]:
        """Return integers from 0 on that are equal for rows that are equal in these columns, and a bound above them."""
        if names not in self._codes:
            if len(names) == 1:
                codes = to_sort_codes(self._rows[names[0]])
                codes = codes - codes.min(initial=0 if len(codes) == 0 else codes[0])
                self._codes[names] = codes, int(codes.max(initial=0)) + 1
            else:
                (head, size), (tail, tail_size) = self._encode(names[:-1]), self._encode(names[-1:])
                if size * tail_size >= _MAX_COMBINATIONS:
                    (head, size), (tail, tail_size) = _make_dense(head), _make_dense(tail)
                self._codes[names] = head * tail_size + tail, size * tail_size
        return self._codes[names]

    def _select(self, only: tuple[str, str] | None) -> Flags:
        """Return which rows a grain sums: all, or those with a value in a column."""
        if only not in self._selected:
            assert only is not None, "set at first"
            self._selected[only] = pc.fill_null(pc.equal(self._rows[only[0]], only[1]), False).to_numpy()
        return self._selected[only]

    def _compute_summands(self, measure: Measure) -> tuple[Numerators, ...]:
        """Return what each row adds to each column of a measure: rows that are taken away have the opposite sign."""
        if measure not in self._summands:
            self._summands[measure] = tuple(
                multiply_pairs(numbers, self._side) for numbers in compute_summands(self._fact, self._rows, measure)
            )
        return self._summands[measure]


def _find_positions(keys: pa.Table, rows: pa.Table) -> Ints:
    """Return the position in `keys` of the key of each row, -1 for rows with other keys."""
    rows = rows.select(keys.column_names)
    if max(keys.num_rows, rows.num_rows) <= _FEW_ROWS:  # less than a call of Arrow for each column
        positions = {str(key): at for at, key in enumerate(keys.to_pylist())}
        return np.array([positions.get(str(row), -1) for row in rows.to_pylist()], np.int64)
    both = pa.concat_tables([keys, rows])
    codes, size = np.zeros(both.num_rows, np.int64), 1
    for column in both.columns:
        encoded = join_lists(column).combine_chunks().dictionary_encode()
        count = len(encoded.dictionary) + 1
        if size * count >= _MAX_COMBINATIONS:
            codes, size = _make_dense(codes)
        codes, size = codes * count + encoded.indices.fill_null(-1).to_numpy() + 1, size * count
    of_keys, of_rows = np.split(codes, [keys.num_rows])
    by = np.argsort(of_keys)
    at = by[np.minimum(np.searchsorted(of_keys, of_rows, sorter=by), len(by) - 1)]
    return np.where(of_keys[at] == of_rows, at, -1)


def _make_dense(codes: Ints) -> tuple[Ints, int]:
    """Return integers from 0 on in the same order, without gaps, and the number of different ones."""
    distinct, dense = np.unique(codes, return_inverse=True)
    return dense, len(distinct)


def _pair(positions: Ints, users: Ints) -> Ints:
    """Return pairs of a position and a user as one integer each."""
    pairs: Ints = (positions.astype(np.int64) << _USER_BITS) | users
    return pairs


def _find_members(values: Ints, ascending: Ints) -> Flags:
    """Return which values are among others, which ascend."""
    if len(ascending) == 0:
        return np.zeros(len(values), np.bool_)
    is_member: Flags = ascending[np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)] == values
    return is_member


def _renumber(change: SetChange, is_kept: Flags) -> SetChange:
    """Return the change of the sets of some groups, which are numbered without gaps."""
    positions = np.cumsum(is_kept) - 1
    pieces = []
    for pairs in (change.old, change.removed, change.added):
        group = pairs >> _USER_BITS
        kept = is_kept[group]
        pieces.append(_pair(positions[group[kept]], pairs[kept] & _USER_MASK))
    return SetChange(*pieces)
