"""A person's events taken out of every batch, and the facts made anew without them."""

from collections.abc import Mapping

import pyarrow as pa

from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.events.kinds import KINDS, EventKind
from okube_api.ingest.load.pseudonyms import DEVICE, USER
from okube_api.ingest.refresh.context import DerivationContext
from okube_api.ingest.refresh.refresh import FactRefresh
from okube_api.store.protocol import Change, Reader

_ALL_PARTS = (-(2**31), 2**31 - 1)


async def erase_events(change: Change, view: Reader, told: DerivationContext, numbers: Mapping[str, int]) -> None:
    """Removes the events of a user and of a device.

    view: what is there before the change.  numbers: those of the user and of the device, where they have one.
    """
    for kind in KINDS.values():
        number = numbers.get(DEVICE if kind.name == "detections" else USER)
        if number is not None and "user" in {column.name for column in kind.table.columns}:
            await _without(change, view, kind, number)
    await FactRefresh(change, told).exclude(numbers)


async def _without(change: Change, view: Reader, kind: EventKind, number: int) -> None:
    """Takes a person's rows out of the batches that hold some: the others of these batches are written again."""
    batches: set[int] = set()
    async for block in view.read_parts(kind.table, *_ALL_PARTS):
        mine = to_integers(block["user"]) == number
        batches |= set(to_integers(block["batch"])[mine].tolist())
    if not batches:
        return
    for batch in sorted(batches):
        await change.remove(kind.table, batch)
    async for block in view.read_parts(kind.table, *_ALL_PARTS):
        others = to_integers(block["user"]) != number
        of_block = to_integers(block["batch"])
        for batch in sorted(batches & set(of_block.tolist())):
            rows = block.filter(pa.array(others & (of_block == batch))).drop_columns(["batch"])
            await change.append(kind.table, batch, rows)
