"""Events read back: of the batches that count, in order of day, as far as asked, each event once."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.ingest.columns.columns import changes, integers, order
from okube_api.ingest.columns.sort_codes import ranks
from okube_api.ingest.events.kinds import OWN_ID_KEY
from okube_api.ingest.events.tables import LEDGER, UNDATED_PART
from okube_api.store.arrays import Flags, Ints
from okube_api.store.base import Reader, Table
from okube_api.store.kinds import arrow_schema, stored_kinds


@dataclass(frozen=True, slots=True)
class BatchDelta:
    """Which batches count, before and after a change.

    live: after it.  new, gone: the numbers of the batches that the change brings and takes away.
    since: the first UTC day whose events still count after it, None where age does not matter.
    """

    live: frozenset[int]
    added: frozenset[int] = frozenset()
    removed: frozenset[int] = frozenset()
    oldest_day: int | None = None

    def row_changes(self, rows: pa.Table) -> Ints:
        """1 for rows (`part`, `batch`) of new batches, -1 for those taken away or too old, else 0."""
        batches = integers(rows["batch"])
        gone = np.isin(batches, sorted(self.removed))
        if self.oldest_day is not None:
            gone |= integers(rows["part"]) < self.oldest_day
        return np.isin(batches, sorted(self.added)).astype(np.int64) - gone

    def deduplicate(self, rows: pa.Table, content: Sequence[str]) -> tuple[Flags, Flags]:
        """Which rows count after the change, each event once, and which count on one side of it only.

        rows: whole parts, of batches on either side.
        """
        change = self.row_changes(rows)
        before, after = (_counting(rows, kept, content) for kept in (change <= 0, change >= 0))
        return after, before != after

    @property
    def either_side(self) -> frozenset[int]:
        """The batches that count before or after."""
        return self.live | self.removed


async def read_live_batches(view: Reader) -> dict[int, str]:
    """The kinds of the batches whose facts are visible, by number."""
    found: dict[int, str] = {}
    async for block in view.read_parts(LEDGER, UNDATED_PART, UNDATED_PART):
        found |= dict(zip(block["number"].to_pylist(), block["kind"].to_pylist(), strict=True))
    return found


async def read_blocks(
    view: Reader, table: Table, low: int, high: int, batches: Collection[int]
) -> AsyncIterator[pa.Table]:
    """The events of some batches in the parts [low, high], part ascending, a bounded block at a time, none empty."""
    wanted = np.array(sorted(batches), np.int64)
    if len(wanted) == 0:
        return
    async for block in view.read_parts(table, low, high):
        kept = np.isin(integers(block["batch"]), wanted)
        if kept.any():
            yield block if kept.all() else block.filter(pa.array(kept))


async def read_events(view: Reader, table: Table, low: int, high: int, batches: Collection[int]) -> pa.Table:
    """The same in one table."""
    found = [block async for block in read_blocks(view, table, low, high, batches)]
    return pa.concat_tables(found) if found else arrow_schema(stored_kinds(table)).empty_table()


# -- each event once -----------------------------------------------------------------------------------------


def _counting(rows: pa.Table, kept: Flags, content: Sequence[str]) -> Flags:
    counts = np.zeros(rows.num_rows, np.bool_)
    counts[kept] = mark_first_occurrences(rows.filter(pa.array(kept)), content)
    return counts


def mark_first_occurrences(rows: pa.Table, content: Sequence[str]) -> Flags:
    """Which rows count, each event once: of those with the same `id`, or without one, of the same content, the first.

    That is the one of the earliest batch.  An `id` is looked for among the events of its day (`part`) alone.
    """
    has_id = rows[OWN_ID_KEY[0]].is_valid().to_numpy()
    found = np.zeros(rows.num_rows, np.bool_)
    for some, keys in ((has_id, ("part", *OWN_ID_KEY)), (~has_id, ("part", *content))):
        numbers = np.flatnonzero(some)
        if len(numbers):
            found[numbers[_heads(rows.take(pa.array(numbers)), keys, content)]] = True
    return found


def _heads(rows: pa.Table, keys: Sequence[str], content: Sequence[str]) -> Ints:
    """The number of the first row of each of the groups that `keys` make, by batch, then by content."""
    found = {name: ranks(rows[name]) for name in dict.fromkeys((*keys, "batch", *content))}
    by = order(*found.values())
    return by[changes(*(found[name][by] for name in keys))]
