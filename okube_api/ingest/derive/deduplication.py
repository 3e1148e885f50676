"""Recognises events that were sent twice by a user on a UTC day: with the same `id`, or without ids the same content.

The event of the earliest batch counts.  The columns of the content are declared for each kind in
`events/kinds.py`; `raw/new_events.py` counts the accepted events of a batch by the same rule.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from okube_api.ingest.columns.columns import mark_group_starts, sort_order
from okube_api.ingest.columns.row_hashes import hash_rows
from okube_api.ingest.columns.sort_codes import to_sort_codes
from okube_api.ingest.events.kinds import OWN_ID_KEY, PING_DETAILS
from okube_api.store.arrays import Flags, Ints


def deduplicate(rows: pa.Table, changes: Ints, content: Sequence[str]) -> tuple[Flags, Flags]:
    """Return which rows count after a change, one per event, and which count only before or only after the change.

    rows: all rows of some parts, of the batches that count before or after the change.
    changes: per row, 1 if the change adds it, -1 if the change removes it, else 0.
    content: columns in which two rows of the same event are equal when it has no `id`.
    """
    before, after = changes <= 0, changes >= 0
    repeated = _find_repeated(rows, content)
    if len(repeated):
        suspects = rows.take(pa.array(repeated))
        for counts in (before, after):
            numbers = repeated[counts[repeated]]
            counts[numbers] = mark_first_occurrences(suspects.filter(pa.array(counts[repeated])), content)
    return after, before != after


def _find_repeated(rows: pa.Table, content: Sequence[str]) -> Ints:
    """Return the rows that can be the same event as another row, ascending: all that are, and hardly any others.

    Most rows are the only ones of their event.  Sorting one hash of each row finds the others several times faster than
    sorting the rows by their columns.
    """
    words = hash_rows([rows[name] for name in content], rows.num_rows)
    has_id = rows[OWN_ID_KEY[0]].is_valid().to_numpy()
    if has_id.any():
        words = np.where(has_id, hash_rows([rows[name] for name in OWN_ID_KEY], rows.num_rows), words)
    ascending = np.sort(words)
    if not (ascending[1:] == ascending[:-1]).any():
        return np.empty(0, np.int64)
    by = np.argsort(words)
    is_new = mark_group_starts(words[by])
    return np.sort(by[~(is_new & np.append(is_new[1:], True))])


def mark_first_occurrences(rows: pa.Table, content: Sequence[str]) -> Flags:
    """Return which rows are the first of their event: those of the earliest batch; ties are broken by content."""
    has_id = rows[OWN_ID_KEY[0]].is_valid().to_numpy()
    is_first = np.zeros(rows.num_rows, np.bool_)
    for has_key, key in ((has_id, ("part", *OWN_ID_KEY)), (~has_id, ("part", *content))):
        numbers = np.flatnonzero(has_key)
        if len(numbers) == 0:
            continue
        events = rows.take(pa.array(numbers))
        details = (name for name in PING_DETAILS if name in events.column_names)
        columns = dict.fromkeys((*key, "batch", *content, *details))
        sort_codes = {name: to_sort_codes(events[name]) for name in columns}
        # Of rows that are equal in every column the first counts, whichever other rows there are.
        by = sort_order(*sort_codes.values(), np.arange(len(numbers)))
        starts = mark_group_starts(*(sort_codes[name][by] for name in key))
        is_first[numbers[by[starts]]] = True
    return is_first
