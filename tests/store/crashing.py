"""Writes to an embedded store without end, saying what was acknowledged, until it is killed: `python -m ... PATH`."""

import asyncio
import sys
from hashlib import blake2b

import pyarrow as pa
from okube_api.store import open_store
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store

from tests.conformance.declared import EVENTS, SCHEMA, STAYS, THINGS
from tests.conformance.plain import kinds_of

EVENTS_EACH, STAYS_EACH, THINGS_EACH, NUMBERS_EACH = 3000, 400, 40, 500
APPLICATION = "a" * 24


def identifiers(at: int) -> list[bytes]:
    """Those that one round asks numbers for: half of them are new."""
    first = at * NUMBERS_EACH // 2
    return [blake2b(str(one).encode(), digest_size=16).digest() for one in range(first, first + NUMBERS_EACH)]


def rows(at: int) -> pa.Table:
    """The stays of one round, all in part 1 and 2."""
    columns = {name: pa.nulls(STAYS_EACH, pa.null()) for name in kinds_of(STAYS)}
    columns |= {"part": pa.array([1 + one % 2 for one in range(STAYS_EACH)]), "dwell_s": pa.repeat(at, STAYS_EACH)}
    return pa.table(columns)


async def round_of_writes(store: Store, at: int) -> None:
    """One change, one write of documents, one allotment of numbers."""
    events = pa.table(
        {
            "part": [one % 7 for one in range(EVENTS_EACH)],
            "user": range(EVENTS_EACH),
            "label": [f"{at} {one}" for one in range(EVENTS_EACH)],
        }
    )
    async with store.begin_change(APPLICATION, f"change {at}") as change:
        await change.append(EVENTS, at, events)
        await change.remove(EVENTS, at - 3)
        await change.replace(STAYS, (1, 2), rows(at))
        await change.commit()
    print("change", at, flush=True)
    made = [
        {"_id": f"{at:012x}{one:012x}", "application": APPLICATION, "key": f"{at} {one}", "version": at}
        for one in range(THINGS_EACH)
    ]
    await store.write(THINGS, made, ())
    await store.delete(THINGS, equal("version", at - 3))
    print("things", at, flush=True)
    await store.assign_numbers(APPLICATION, "user", identifiers(at))
    print("numbers", at, flush=True)


async def main(path: str, first: int) -> None:
    """Rounds of writes for ever."""
    store = open_store(f"duckdb:{path}", SCHEMA, memory_limit="256MB", threads=1)
    await store.start()
    print("started", first, flush=True)
    at = first
    while True:
        await round_of_writes(store, at)
        at += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
