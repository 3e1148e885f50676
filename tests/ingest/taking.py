"""`python -m tests.ingest.taking STORE_URL KIND FILE`: takes a file into the application of `beta`, as a command would.

Says `ready` when it begins and `done` at the end, so that whoever started it knows when to kill it.
"""

import asyncio
import sys
from pathlib import Path

from okube_api.applications.repository import Application
from okube_api.ingest.service import Ingest
from okube_api.schema import SCHEMA
from okube_api.store import open_store
from tests.ingest.land import SECRET, Land, clock
from tests.truth.tenant import beta


async def take(url: str, kind: str, path: Path) -> None:
    """Opens the store, finishes what was begun, takes the file."""
    store = open_store(url, SCHEMA)
    await store.start()
    ingest = Ingest(store, clock, SECRET)
    application: Application = Land(store, beta()).application
    print("ready", flush=True)
    await ingest.resume()
    await ingest.take_file(application, kind, path)
    print("done", flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
