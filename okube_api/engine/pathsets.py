"""Rows by set of campaigns, brought down to rows by scope value: each set is looked at once, whatever its rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.engine.text_columns import ValuesByCode, drop_duplicate_pairs, encode_texts, flatten_lists
from okube_api.store.arrays import Ints

_DENSE = 4_000_000


def expand_path_sets(
    table: pa.Table, column: str, belonging: Callable[[Sequence[str | None]], ValuesByCode], measures: Sequence[str]
) -> tuple[Ints, pa.Table]:
    """Rows added up by scope value and every other column, and the number of each one's scope value.

    column: the sets, lists of texts, dictionary-encoded or not.
    belonging: the numbers of the scope values that campaigns belong to; a row counts once for each of them.
    """
    lists, codes = _sets(table.column(column))
    of_list, flat = flatten_lists(lists)
    campaigns, names = encode_texts(flat)
    known = belonging(names)
    positions, values = known.expand(campaigns)
    size = int(known.numbers.max()) + 1 if len(known.numbers) else 0
    of_list, values = drop_duplicate_pairs(of_list[positions], values, size)
    rows = of_list
    if codes is not None:
        offsets = np.searchsorted(of_list, np.arange(len(lists) + 1))
        rows, values = ValuesByCode(offsets, values).expand(codes)
    return _added(table.drop_columns([column]), rows, values, measures)


def _sets(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Ints | None]:
    """The lists that there are, and which of them each row has; None where each has its own."""
    if not pa.types.is_dictionary(column.type):
        return column, None
    codes, lists, before = [np.zeros(0, dtype=np.int64)], [], 0
    for chunk in column.chunks:
        codes.append(chunk.indices.to_numpy().astype(np.int64) + before)
        lists.append(chunk.dictionary)
        before += len(chunk.dictionary)
    return pa.chunked_array(lists, column.type.value_type), np.concatenate(codes)


@dataclass(frozen=True, slots=True)
class _Coded:
    """A column as codes below `size`; names: what they stand for, None where code + low is the value itself."""

    name: str
    codes: Ints
    size: int
    low: int
    names: list[str | None] | None

    def column(self, codes: Ints) -> pa.Array:
        """The values of codes."""
        if self.names is None:
            return pa.array(codes + self.low)
        return pa.array(self.names, pa.string()).take(pa.array(codes))


def _coded(table: pa.Table, name: str) -> _Coded:
    column = table.column(name)
    if pa.types.is_integer(column.type):
        numbers = column.to_numpy().astype(np.int64, copy=False)
        low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
        return _Coded(name, numbers - low, high - low + 1, low, None)
    codes, names = encode_texts(column)
    return _Coded(name, codes, max(len(names), 1), 0, names)


def _added(table: pa.Table, rows: Ints, values: Ints, measures: Sequence[str]) -> tuple[Ints, pa.Table]:
    """The measures of `rows` by value and by every other column."""
    others = [_coded(table, name) for name in table.column_names if name not in measures]
    size = int(values.max()) + 1 if len(values) else 1
    keys = values
    for other in others:
        keys = keys * other.size + other.codes[rows]
        size *= other.size
    if size > max(_DENSE, 4 * len(keys)):
        present, keys = np.unique(keys, return_inverse=True)
        size = len(present)
    else:
        flags = np.zeros(size, dtype=np.bool_)
        flags[keys] = True
        present = np.flatnonzero(flags)
        places = np.zeros(size, dtype=np.int64)
        places[present] = np.arange(len(present))
        keys = places[keys]
    columns: dict[str, pa.Array] = {}
    for name in measures:
        totals = np.zeros(len(present), dtype=np.int64)
        np.add.at(totals, keys, table.column(name).to_numpy().astype(np.int64, copy=False)[rows])
        columns[name] = pa.array(totals)
    left = present
    for other in reversed(others):
        left, codes = np.divmod(left, other.size)
        columns[other.name] = other.column(codes)
    return left, pa.table(columns)
