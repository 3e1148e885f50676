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


@dataclass(frozen=True, slots=True)
class PartnerNumbers:
    """The number of each row by another dimension, which a scope value is made of together with that of a campaign.

    combine: returns the scope values of partners and campaigns, -1 for those that are left out.
    may_repeat: whether several campaigns can have the same scope value with one partner.
    """

    numbers: Ints
    combine: Callable[[Ints, Ints], Ints]
    may_repeat: bool


def expand_path_sets(
    table: pa.Table,
    column: str,
    values_of_campaigns: Callable[[Sequence[str | None]], ValuesByCode],
    measures: Sequence[str],
    partners: PartnerNumbers | None = None,
) -> tuple[Ints, pa.Table]:
    """Sum rows by scope value and by every other column; return the scope value of each row, and the rows.

    column: the sets, lists of texts, dictionary-encoded or not.
    values_of_campaigns: returns the numbers of the scope values of campaigns; a row counts once for each value.
    partners: if given, the values of campaigns are one part of the scope values, and these are the other part.
    """
    lists, codes = _find_distinct_sets(table.column(column))
    list_of_campaign, flat = flatten_lists(lists)
    campaigns, names = encode_texts(flat)
    values_by_campaign = values_of_campaigns(names)
    positions, values = values_by_campaign.expand(campaigns)
    size = int(values_by_campaign.numbers.max()) + 1 if len(values_by_campaign.numbers) else 0
    rows, values = drop_duplicate_pairs(list_of_campaign[positions], values, size)
    if codes is not None or partners is not None:
        by_list = ValuesByCode(np.searchsorted(rows, np.arange(len(lists) + 1)), values)
        codes = np.arange(len(lists), dtype=np.int64) if codes is None else codes
        rows, values = by_list.expand(codes) if partners is None else _expand_with_partners(by_list, codes, partners)
    return _sum_rows(table.drop_columns([column]), rows, values, measures)


def _expand_with_partners(by_list: ValuesByCode, codes: Ints, partners: PartnerNumbers) -> tuple[Ints, Ints]:
    """Return the scope values of rows, made of the values of their lists and of their partners.

    by_list: the values of each list of campaigns.  codes: the list of each row.
    Each combination of a list and a partner is expanded once, however many rows have it.
    """
    size = int(partners.numbers.max(initial=-1)) + 1
    combinations, code_of_row = np.unique(codes * max(size, 1) + partners.numbers, return_inverse=True)
    list_codes, numbers = np.divmod(combinations, max(size, 1))
    positions, values = by_list.expand(list_codes)
    values = partners.combine(numbers[positions], values)
    if partners.may_repeat:
        positions, values = positions[values >= 0], values[values >= 0]
        positions, values = drop_duplicate_pairs(positions, values, int(values.max(initial=-1)) + 1)
    offsets = np.searchsorted(positions, np.arange(len(combinations) + 1))
    return ValuesByCode(offsets, values).expand(code_of_row)


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
