"""References as they are now: of the events of one natural key, the latest batch's, and there the last line's."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from okube_api.ingest.columns.columns import changes, order
from okube_api.ingest.columns.sort_codes import ranks
from okube_api.store.arrays import Ints


def find_latest_rows(rows: pa.Table, key: Sequence[str]) -> Ints:
    """The numbers of the rows that count, in order of their key.

    rows: events with `batch` and `line`.
    """
    if rows.num_rows == 0:
        return np.empty(0, np.int64)
    found = [ranks(rows[name]) for name in key]
    by = order(*found, ranks(rows["batch"]), ranks(rows["line"]))
    heads = np.flatnonzero(changes(*(rank[by] for rank in found)))
    numbers: Ints = by[np.append(heads[1:], len(by)) - 1]
    return numbers


def find_changed_keys(before: pa.Table, after: pa.Table, key: Sequence[str]) -> pa.Table:
    """The keys whose row is in one of two tables only, or not the same in both; in either, a key stands once."""
    both = pa.concat_tables([before, after])
    if both.num_rows == 0:
        return both.select(list(key))
    found = [ranks(both[name]) for name in both.column_names]
    by = order(*found)
    first = changes(*(rank[by] for rank in found))
    alone = by[first & np.append(first[1:], True)]
    of_key = [rank[alone] for name, rank in zip(both.column_names, found, strict=True) if name in key]
    heads = order(*of_key)
    heads = heads[changes(*(rank[heads] for rank in of_key))] if len(alone) else heads
    return both.select(list(key)).take(pa.array(alone[heads]))
