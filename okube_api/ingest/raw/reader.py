"""Reads events from raw tables: those of some batches, ascending by day, in blocks of bounded size."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.ingest.columns.columns import find_distinct, to_integers
from okube_api.ingest.derive.deduplication import deduplicate
from okube_api.ingest.events.kinds import EventKind
from okube_api.ingest.events.tables import LEDGER, UNDATED_PART
from okube_api.store.arrays import Flags, Ints
from okube_api.store.conditions import EVERYTHING, Condition
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Reader
from okube_api.store.schema import Table


@dataclass(frozen=True, slots=True)
class BatchDelta:
    """The batches and events that count before and after a change; batches by number.

    live: batches that count after the change.  added, removed: batches that the change adds or removes.
    oldest_day: the first UTC day whose events count after the change; None for no limit.
    excluded_user, excluded_device: numbers of a user and of a device whose events do not count after the change.
    kinds: the kinds of events that the batches have; None when they are not known.
    """

    live: frozenset[int]
    added: frozenset[int] = frozenset()
    removed: frozenset[int] = frozenset()
    oldest_day: int | None = None
    excluded_user: int | None = None
    excluded_device: int | None = None
    kinds: frozenset[str] | None = None

    def list_batches(self, kind: EventKind) -> frozenset[int]:
        """Return the batches that count before the change, after it, or both; none if they have no events of a kind."""
        if self.kinds is not None and kind.name not in self.kinds:
            return frozenset()
        return self.live | self.removed if self.removed else self.live  # there may be many: they are not copied

    def find_row_changes(self, rows: pa.Table) -> Ints:
        """Return 1 for rows of a table of events that the change adds, -1 for those that it removes, else 0."""
        batches = to_integers(rows["batch"])
        is_removed = np.isin(batches, sorted(self.removed))
        if self.oldest_day is not None:
            is_removed |= to_integers(rows["part"]) < self.oldest_day
        excluded = self.excluded_device if "equipment" in rows.column_names else self.excluded_user
        if excluded is not None and "user" in rows.column_names:
            is_removed |= to_integers(rows["user"]) == excluded
        return np.isin(batches, sorted(self.added)).astype(np.int64) - is_removed

    def deduplicate(self, rows: pa.Table, content: Sequence[str]) -> tuple[Flags, Flags]:
        """Return which rows count after the change, one per event, and which count only before or only after it.

        rows: all rows of some parts, of the batches of `list_batches`.
        """
        return deduplicate(rows, self.find_row_changes(rows), content)


async def read_live_batches(view: Reader) -> dict[int, str]:
    """Return the kind of events of each batch that counts, by batch number."""
    kinds: dict[int, str] = {}
    async for block in view.read_parts(LEDGER, UNDATED_PART, UNDATED_PART):
        kinds |= dict(zip(block["number"].to_pylist(), block["kind"].to_pylist(), strict=True))
    return kinds


async def read_blocks(
    view: Reader, table: Table, low: int, high: int, batches: Collection[int], *, where: Condition = EVERYTHING
) -> AsyncIterator[pa.Table]:
    """Yield the events of batches in the parts [low, high] in blocks of bounded size: ascending by part, none empty.

    batches: a set or mapping, which may have many more batches than there are in these parts.
    where: a condition on other columns than `part`.
    """
    if not batches:
        return
    async for block in view.read_parts(table, low, high, where):
        of_events = to_integers(block["batch"])
        present = np.array([number for number in find_distinct(of_events).tolist() if number in batches], np.int64)
        counts = np.isin(of_events, present)
        if counts.any():
            yield block if counts.all() else block.filter(pa.array(counts))


async def read_events(view: Reader, table: Table, low: int, high: int, batches: Collection[int]) -> pa.Table:
    """Return the events of batches in the parts [low, high] as one table."""
    blocks = [block async for block in read_blocks(view, table, low, high, batches)]
    return pa.concat_tables(blocks) if blocks else make_arrow_schema(get_stored_types(table)).empty_table()


def make_empty_rows(table: Table) -> pa.Table:
    """Return a table without rows, with dictionary-encoded texts."""
    return encode_texts(make_arrow_schema(get_stored_types(table)).empty_table())


def encode_texts(rows: pa.Table) -> pa.Table:
    """Return rows with dictionary-encoded texts: they repeat, so this saves memory."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_string(field.type):
            rows = rows.set_column(place, field.name, rows[field.name].dictionary_encode())
    return rows
