"""Writes to an embedded store without end, saying what was acknowledged, until it is killed: `python -m ... PATH`."""

import asyncio
import sys
from hashlib import blake2b

import pyarrow as pa
from okube_api.store import open_store
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store

from tests.conformance.declared import EVENTS, SCHEMA, STAYS, DOCUMENTS
from tests.conformance.plain import get_types

EVENTS_PER_ROUND, STAYS_PER_ROUND, DOCUMENTS_PER_ROUND, NUMBERS_PER_ROUND = 3000, 400, 40, 500
APPLICATION = "a" * 24


def make_identifiers(at: int) -> list[bytes]:
    """Those that one round asks numbers for: half of them are new."""
    first = at * NUMBERS_PER_ROUND // 2
    return [blake2b(str(one).encode(), digest_size=16).digest() for one in range(first, first + NUMBERS_PER_ROUND)]


def make_rows(at: int) -> pa.Table:
    """The stays of one round, all in part 1 and 2."""
    columns = {name: pa.nulls(STAYS_PER_ROUND, pa.null()) for name in get_types(STAYS)}
    columns |= {"part": pa.array([1 + one % 2 for one in range(STAYS_PER_ROUND)]), "dwell_s": pa.repeat(at, STAYS_PER_ROUND)}
    return pa.table(columns)


async def write_round(store: Store, at: int) -> None:
    """One change, one write of documents, one allotment of numbers."""
    events = pa.table(
        {
            "part": [one % 7 for one in range(EVENTS_PER_ROUND)],
            "user": range(EVENTS_PER_ROUND),
            "label": [f"{at} {one}" for one in range(EVENTS_PER_ROUND)],
        }
    )
    async with store.begin_change(APPLICATION, f"change {at}") as change:
        await change.append(EVENTS, at, events)
        await change.remove(EVENTS, at - 3)
        await change.replace(STAYS, (1, 2), make_rows(at))
        await change.commit()
    print("change", at, flush=True)
    made = [
        {"_id": f"{at:012x}{one:012x}", "application": APPLICATION, "key": f"{at} {one}", "version": at}
        for one in range(DOCUMENTS_PER_ROUND)
    ]
    await store.write(DOCUMENTS, made, ())
    await store.delete(DOCUMENTS, equal("version", at - 3))
    print("things", at, flush=True)
    await store.assign_numbers(APPLICATION, "user", make_identifiers(at))
    print("numbers", at, flush=True)


async def main(path: str, first: int) -> None:
    """Rounds of writes for ever."""
    store = open_store(f"duckdb:{path}", SCHEMA, memory_limit="256MB", threads=1)
    await store.start()
    print("started", first, flush=True)
    at = first
    while True:
        await write_round(store, at)
        at += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
