"""`python -m tests.ingest.taking STORE_URL WORK...`: takes files into the application of `beta`, as a command would.

WORK is `kind=path`, or `rebuild`.  Says `ready` when it begins, and before and after each work `begin` and `done` with
its name, so that whoever started it knows when to kill it and what was acknowledged.
"""

import asyncio
import sys
from pathlib import Path

from okube_api.ingest.service import Ingest
from okube_api.store import open_store
from okube_api.store_schema import SCHEMA

from tests.ingest.land import SECRET, Land, clock
from tests.truth.tenant import beta


async def work_through(url: str, works: list[str]) -> None:
    """Opens the store, finishes what was begun, does the work."""
    store = open_store(url, SCHEMA)
    await store.start()
    ingest, application = Ingest(store, clock, SECRET), Land(store, beta()).application
    print("ready", flush=True)
    await ingest.resume()
    for work in works:
        name, _, path = work.partition("=")
        print("begin", name, flush=True)
        if path:
            await ingest.take_file(application, name, Path(path))
        else:
            await ingest.rebuild(application)
        print("done", name, flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(work_through(sys.argv[1], sys.argv[2:]))
