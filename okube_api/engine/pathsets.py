"""Converts rows by set of campaigns (a path set) to rows by scope value.

Example: 3 visits of the set [a, b] become 3 visits of a and 3 of b; by lever, if both belong to the lever l, they are
3 visits of l.  Each distinct set is expanded once, however many rows have it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.engine.text_columns import ValuesByCode, drop_duplicate_pairs, encode_texts, flatten_lists
from okube_api.store.arrays import Ints
from okube_api.store.exact_integers import from_arrow, sum_by_position, to_arrow

_DENSE = 4_000_000


def expand_path_sets(
    table: pa.Table,
    column: str,
    values_of_campaigns: Callable[[Sequence[str | None]], ValuesByCode],
    measures: Sequence[str],
) -> tuple[Ints, pa.Table]:
    """Sum rows by scope value and by every other column; return the scope value of each row, and the rows.

    column: the sets, lists of texts, dictionary-encoded or not.
    values_of_campaigns: returns the numbers of the scope values of campaigns; a row counts once for each value.
    """
    lists, codes = _find_distinct_sets(table.column(column))
    list_of_campaign, flat = flatten_lists(lists)
    campaigns, names = encode_texts(flat)
    values_by_campaign = values_of_campaigns(names)
    positions, values = values_by_campaign.expand(campaigns)
    size = int(values_by_campaign.numbers.max()) + 1 if len(values_by_campaign.numbers) else 0
    rows, values = drop_duplicate_pairs(list_of_campaign[positions], values, size)
    if codes is not None:
        offsets = np.searchsorted(rows, np.arange(len(lists) + 1))
        rows, values = ValuesByCode(offsets, values).expand(codes)
    return _sum_rows(table.drop_columns([column]), rows, values, measures)


def _find_distinct_sets(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Ints | None]:
    """Return the sets, and the code of each row's set; None when each row has a set of its own."""
    if not pa.types.is_dictionary(column.type):
        return column, None
    codes, lists, before = [np.zeros(0, dtype=np.int64)], [], 0
    for chunk in column.chunks:
        codes.append(chunk.indices.to_numpy().astype(np.int64) + before)
        lists.append(chunk.dictionary)
        before += len(chunk.dictionary)
    return pa.chunked_array(lists, column.type.value_type), np.concatenate(codes)


@dataclass(frozen=True, slots=True)
class _EncodedColumn:
    """A column as codes below `size`.

    names: the value of each code; None for a column of integers, where the value is `code + low`.
    """

    name: str
    codes: Ints
    size: int
    low: int
    names: list[str | None] | None

    def decode(self, codes: Ints) -> pa.Array:
        """Return the values of codes."""
        if self.names is None:
            return pa.array(codes + self.low)
        return pa.array(self.names, pa.string()).take(pa.array(codes))


def _encode_column(table: pa.Table, name: str) -> _EncodedColumn:
    column = table.column(name)
    if pa.types.is_integer(column.type):
        numbers = column.to_numpy().astype(np.int64, copy=False)
        low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
        return _EncodedColumn(name, numbers - low, high - low + 1, low, None)
    codes, names = encode_texts(column)
    return _EncodedColumn(name, codes, max(len(names), 1), 0, names)


def _sum_rows(table: pa.Table, rows: Ints, values: Ints, measures: Sequence[str]) -> tuple[Ints, pa.Table]:
    """Sum the measures of `rows` by value and by every other column.

    The value and the codes of all other columns are packed into one integer key, which is unpacked again at the end.
    """
    columns = [_encode_column(table, name) for name in table.column_names if name not in measures]
    size = int(values.max()) + 1 if len(values) else 1
    keys = values
    for column in columns:
        keys = keys * column.size + column.codes[rows]
        size *= column.size
    if size > max(_DENSE, 4 * len(keys)):
        present, keys = np.unique(keys, return_inverse=True)
        size = len(present)
    else:
        flags = np.zeros(size, dtype=np.bool_)
        flags[keys] = True
        present = np.flatnonzero(flags)
        positions = np.zeros(size, dtype=np.int64)
        positions[present] = np.arange(len(present))
        keys = positions[keys]
    summed: dict[str, pa.Array] = {}
    for name in measures:
        summed[name] = to_arrow(sum_by_position(keys, from_arrow(table.column(name))[rows], len(present)))
    remaining = present
    for column in reversed(columns):
        remaining, codes = np.divmod(remaining, column.size)
        summed[column.name] = column.decode(codes)
    return remaining, pa.table(summed)
