"""Ingest files in a process of its own: `python -m tests.ingest.ingest_process STORE_URL WORK...`.

WORK is `kind=path`, or `rebuild`.  The process writes `ready` when it has started, and `begin` and `done` with the
name before and after each work, so that the parent knows when to kill it and what was acknowledged.
"""

import asyncio
import sys
from pathlib import Path

from okube_api.ingest.service import Ingest
from okube_api.store import open_store
from okube_api.store_schema import SCHEMA

from tests.ingest.ingest_app import SECRET, IngestApp, get_fixed_time
from tests.truth.tenant import beta


async def run_works(url: str, works: list[str]) -> None:
    """Open the store, finish what is unfinished, and do the works for the application of `beta`."""
    store = open_store(url, SCHEMA)
    await store.start()
    ingest, application = Ingest(store, get_fixed_time, SECRET), IngestApp(store, beta()).application
    print("ready", flush=True)
    await ingest.resume()
    for work in works:
        name, _, path = work.partition("=")
        print("begin", name, flush=True)
        if path:
            await ingest.ingest_file(application, name, Path(path))
        else:
            await ingest.rebuild(application)
        print("done", name, flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(run_works(sys.argv[1], sys.argv[2:]))
