"""Writer of endless rounds to an embedded store, which prints each acknowledged write until it is killed.

Run it with `python -m tests.store.crashing PATH FIRST_ROUND`.
"""

import asyncio
import sys
from hashlib import blake2b

import pyarrow as pa
from okube_api.store import open_store
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store

from tests.conformance.declared import DOCUMENTS, EVENTS, SCHEMA, STAYS
from tests.conformance.plain import get_types

EVENTS_PER_ROUND, STAYS_PER_ROUND, DOCUMENTS_PER_ROUND, NUMBERS_PER_ROUND = 3000, 400, 40, 500
APPLICATION = "a" * 24


def make_identifiers(round_number: int) -> list[bytes]:
    """Return the identifiers of a round, half of which are new."""
    first = round_number * NUMBERS_PER_ROUND // 2
    return [blake2b(str(index).encode(), digest_size=16).digest() for index in range(first, first + NUMBERS_PER_ROUND)]


def make_rows(round_number: int) -> pa.Table:
    """Return the stays of a round, in parts 1 and 2."""
    columns = {name: pa.nulls(STAYS_PER_ROUND, pa.null()) for name in get_types(STAYS)}
    columns |= {
        "part": pa.array([1 + index % 2 for index in range(STAYS_PER_ROUND)]),
        "dwell_s": pa.repeat(round_number, STAYS_PER_ROUND),
    }
    return pa.table(columns)


async def write_round(store: Store, round_number: int) -> None:
    """Commit one change, write documents once and assign numbers once."""
    events = pa.table(
        {
            "part": [index % 7 for index in range(EVENTS_PER_ROUND)],
            "user": range(EVENTS_PER_ROUND),
            "label": [f"{round_number} {index}" for index in range(EVENTS_PER_ROUND)],
        }
    )
    async with store.begin_change(APPLICATION, f"change {round_number}") as change:
        await change.append(EVENTS, round_number, events)
        await change.remove(EVENTS, round_number - 3)
        await change.replace(STAYS, (1, 2), make_rows(round_number))
        await change.commit()
    print("change", round_number, flush=True)
    documents = [
        {
            "_id": f"{round_number:012x}{index:012x}",
            "application": APPLICATION,
            "key": f"{round_number} {index}",
            "version": round_number,
        }
        for index in range(DOCUMENTS_PER_ROUND)
    ]
    await store.write(DOCUMENTS, documents, ())
    await store.delete(DOCUMENTS, equal("version", round_number - 3))
    print("documents", round_number, flush=True)
    await store.assign_numbers(APPLICATION, "user", make_identifiers(round_number))
    print("numbers", round_number, flush=True)


async def main(path: str, first: int) -> None:
    """Write rounds for ever."""
    store = open_store(f"duckdb:{path}", SCHEMA, memory_limit="256MB", threads=1)
    await store.start()
    print("started", first, flush=True)
    round_number = first
    while True:
        await write_round(store, round_number)
        round_number += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
