"""Finds out whether there are pings, for notes on answers without stays."""

from okube_api.engine.calendar import Period
from okube_api.ingest.events.kinds import PINGS
from okube_api.ingest.raw.reader import read_live_batches
from okube_api.store.protocol import Reader


async def has_pings(reader: Reader, period: Period) -> bool:
    """Return whether a UTC day of a period has pings that count, wherever they are."""
    if PINGS.name not in (await read_live_batches(reader)).values():
        return False
    return any(period.first <= day <= period.last for day in await reader.list_parts(PINGS.table))
