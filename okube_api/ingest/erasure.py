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
    batches: dict[str, set[int]] = {}
    days: dict[str, set[int]] = {}
    for kind in KINDS.values():
        number = _get_number(kind, numbers)
        if number is not None:
            batches[kind.name], days[kind.name] = await _find_batches_and_days(view, kind, number)
    # Facts first: the refresh reads the events of the person, to find the days and stays that change without them.
    await FactRefresh(change, context).exclude(numbers, {name: parts for name, parts in days.items() if parts})
    for name, affected in batches.items():
        number = _get_number(KINDS[name], numbers)
        if affected and number is not None:
            await _erase_from_batches(change, view, KINDS[name], number, affected)


def _get_number(kind: EventKind, numbers: Mapping[str, int]) -> int | None:
    """Return the number of the person in events of a kind, None if they have no events of it."""
    if "user" not in {column.name for column in kind.table.columns}:
        return None
    return numbers.get(DEVICE if kind.name == "detections" else USER)


async def _find_batches_and_days(view: Reader, kind: EventKind, number: int) -> tuple[set[int], set[int]]:
    """Return the batches and the parts with rows of a user number."""
    batches: set[int] = set()
    days: set[int] = set()
    async for block in view.read_parts(kind.table, *_ALL_PARTS):
        of_person = to_integers(block["user"]) == number
        batches |= set(to_integers(block["batch"])[of_person].tolist())
        days |= set(to_integers(block["part"])[of_person].tolist())
    return batches, days


async def _erase_from_batches(change: Change, view: Reader, kind: EventKind, number: int, affected: set[int]) -> None:
    """Remove the rows of a user number from the batches that have any.

    A batch can only be removed as a whole, so its other rows are appended again.
    """
    for batch in sorted(affected):
        await change.remove(kind.table, batch)
    async for block in view.read_parts(kind.table, *_ALL_PARTS):
        of_other_people = to_integers(block["user"]) != number
        batches = to_integers(block["batch"])
        for batch in sorted(affected & set(batches.tolist())):
            rows = block.filter(pa.array(of_other_people & (batches == batch))).drop_columns(["batch"])
            await change.append(kind.table, batch, rows)
