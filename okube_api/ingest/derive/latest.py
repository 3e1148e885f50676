"""Selects the current row of each natural key: that of the latest batch and, within a batch, of the last line."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from okube_api.ingest.columns.columns import mark_group_starts, sort_order
from okube_api.ingest.columns.sort_codes import to_sort_codes
from okube_api.store.arrays import Ints


def find_latest_rows(rows: pa.Table, key: Sequence[str]) -> Ints:
    """Return the position of the current row of each key, in order of the keys.

    rows: events with `batch` and `line`.
    """
    if rows.num_rows == 0:
        return np.empty(0, np.int64)
    key_codes = [to_sort_codes(rows[name]) for name in key]
    by = sort_order(*key_codes, to_sort_codes(rows["batch"]), to_sort_codes(rows["line"]))
    starts = np.flatnonzero(mark_group_starts(*(codes[by] for codes in key_codes)))
    latest: Ints = by[np.append(starts[1:], len(by)) - 1]
    return latest


def find_changed_keys(before: pa.Table, after: pa.Table, key: Sequence[str]) -> pa.Table:
    """Return the keys whose row is in only one of two tables, or differs between them.

    Each table has at most one row per key.
    """
    rows = pa.concat_tables([before, after])
    if before.num_rows == 0 or after.num_rows == 0:
        return rows.select(list(key))
    # Rows that are equal in both tables form groups of two.  The changed rows are those in groups of one.
    row_codes = [to_sort_codes(rows[name]) for name in rows.column_names]
    by = sort_order(*row_codes)
    starts = mark_group_starts(*(codes[by] for codes in row_codes))
    single = by[starts & np.append(starts[1:], True)]
    # A key whose row differs has such a row in each table: take one of the two.
    key_codes = [codes[single] for name, codes in zip(rows.column_names, row_codes, strict=True) if name in key]
    by_key = sort_order(*key_codes)
    if len(single):
        by_key = by_key[mark_group_starts(*(codes[by_key] for codes in key_codes))]
    return rows.select(list(key)).take(pa.array(single[by_key]))
