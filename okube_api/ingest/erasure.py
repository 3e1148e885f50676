"""Erases a person: removes their events from every batch and refreshes the facts derived from these events."""

from collections.abc import Mapping

import pyarrow as pa

from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.events.kinds import KINDS, EventKind
from okube_api.ingest.load.pseudonyms import DEVICE, USER
from okube_api.ingest.refresh.context import DerivationContext
from okube_api.ingest.refresh.refresh import FactRefresh
from okube_api.store.protocol import Change, Reader

_ALL_PARTS = (-(2**31), 2**31 - 1)


async def erase_events(change: Change, view: Reader, context: DerivationContext, numbers: Mapping[str, int]) -> None:
    """Remove the events of a user and of a device, and refresh the facts derived from them.

    view: the rows before the change.  numbers: the user number (key USER), the device number (key DEVICE), or both.
    """
    for kind in KINDS.values():
        number = numbers.get(DEVICE if kind.name == "detections" else USER)
        if number is not None and "user" in {column.name for column in kind.table.columns}:
            await _erase_from_batches(change, view, kind, number)
    await FactRefresh(change, context).exclude(numbers)


async def _erase_from_batches(change: Change, view: Reader, kind: EventKind, number: int) -> None:
    """Remove the rows of a user number.

    A batch can only be removed as a whole, so its other rows are appended again.
    """
    affected: set[int] = set()
    async for block in view.read_parts(kind.table, *_ALL_PARTS):
        of_person = to_integers(block["user"]) == number
        affected |= set(to_integers(block["batch"])[of_person].tolist())
    if not affected:
        return
    for batch in sorted(affected):
        await change.remove(kind.table, batch)
    async for block in view.read_parts(kind.table, *_ALL_PARTS):
        of_other_people = to_integers(block["user"]) != number
        batches = to_integers(block["batch"])
        for batch in sorted(affected & set(batches.tolist())):
            rows = block.filter(pa.array(of_other_people & (batches == batch))).drop_columns(["batch"])
            await change.append(kind.table, batch, rows)
