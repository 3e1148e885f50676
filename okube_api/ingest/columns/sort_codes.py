"""Integer codes of columns of any type, for sorting, grouping and comparing rows."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.store.arrays import Ints
from okube_api.store.exact_integers import from_arrow

_SEPARATOR = "\x1f"


def to_sort_codes(column: pa.ChunkedArray) -> Ints:
    """Return integers that sort like the values of this column, null first, and are equal for equal values."""
    if len(column) == 0:
        return np.empty(0, np.int64)
    if pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
        return _to_integer_codes(column)
    if pa.types.is_floating(column.type):
        codes: Ints = np.unique(column.to_numpy(), return_inverse=True)[1].astype(np.int64, copy=False)
        return codes
    return _to_text_codes(join_lists(column))


def join_lists(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a text for each list of texts, different for different lists; other columns are returned unchanged."""
    return pc.binary_join(column, _SEPARATOR) if pa.types.is_list(column.type) else column


def fill_nulls(column: pa.ChunkedArray) -> Ints:
    """Return the values of a column of integers, 0 for null."""
    values: Ints = (pc.fill_null(column, 0) if column.null_count else column).to_numpy().astype(np.int64, copy=False)
    return values


def _to_integer_codes(column: pa.ChunkedArray) -> Ints:
    values = from_arrow(column)
    if values.dtype == object:
        values = np.unique(values, return_inverse=True)[1].astype(np.int64, copy=False)
    if not column.null_count:
        return values
    valid = pc.is_valid(column).to_numpy()
    low, high = (int(values[valid].min()), int(values[valid].max())) if valid.any() else (0, 0)
    if high - low < 2**62:
        return np.where(valid, values - low + 1, 0)
    return np.where(valid, np.unique(values, return_inverse=True)[1] + 1, 0)


def _to_text_codes(column: pa.ChunkedArray) -> Ints:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    unified = encoded.unify_dictionaries()
    ranks = pc.rank(unified.chunk(0).dictionary, tiebreaker="dense").to_numpy().astype(np.int64)
    of_code = np.append(ranks, 0)  # code -1 stands for null
    chunks = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in unified.chunks]
    codes: Ints = of_code[np.concatenate(chunks)]
    return codes
