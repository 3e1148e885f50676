"""Measure the processor time of small batches of stays, in process, on an embedded store of its own.

    .venv/bin/python -m scripts.ingest_cost                            # requests of 1 stay, one after the other
    .venv/bin/python -m scripts.ingest_cost --stays 550 --together 20  # 20 requests at once
    .venv/bin/python -m scripts.ingest_cost --stays 550 --together 20 --accept  # acknowledged when they are stored

The application has the 500 sites of `okube-api bench` and no events before.  The requests are not sent over HTTP: their
files are given to the ingest, which stores, derives and counts their stays.  Processor time is that of the process,
with the threads of DuckDB; the least of the rounds depends least on other work of the machine.  With `--accept` each
round begins as soon as the stays of the last one are stored, while those of earlier rounds are counted.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

from okube_api.api.container import Services
from okube_api.app import create_app
from okube_api.bench.collectors import generate_bodies
from okube_api.bench.world import EMPTY_KEY, create_empty_application
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.ingest.parse.codecs import Format
from okube_api.kit.application import Application
from okube_api.settings import Settings
from okube_api.store.values import Json

_WARMING_ROUNDS = 3


def build_files(stays: int, count: int) -> list[EventFile]:
    """Return files of NDJSON with generated stays of one day."""
    lines = (line for _, body in generate_bodies(7) for line in body.splitlines())
    return [_build_file(b"\n".join(islice(lines, stays))) for _ in range(count)]


def _build_file(body: bytes) -> EventFile:
    async def stream() -> AsyncIterator[bytes]:
        yield body

    return EventFile(stream(), Format.NDJSON, size=len(body))


async def measure(services: Services, arguments: argparse.Namespace) -> None:
    """Ingest files in rounds, and print the time and the processor time of a round."""
    application = Application.from_document(await services.applications.get_by_name(EMPTY_KEY))
    rounds = arguments.rounds + _WARMING_ROUNDS
    files = iter(build_files(arguments.stays, rounds * arguments.together))
    times_ms: list[tuple[float, float]] = []
    began = time.perf_counter(), time.process_time()
    batches: list[Json] = []
    for _ in range(rounds):
        started = time.perf_counter(), time.process_time()
        receive = services.ingest.accept if arguments.accept else services.ingest.ingest
        requests = (receive(application, "stays", file) for file in islice(files, arguments.together))
        batches = await asyncio.gather(*requests)
        ended = time.perf_counter(), time.process_time()
        times_ms.append(((ended[0] - started[0]) * 1000, (ended[1] - started[1]) * 1000))
    walls, processor = zip(*times_ms[_WARMING_ROUNDS:], strict=True)
    until = "stored" if arguments.accept else "visible"
    print(
        f"{arguments.together} x {arguments.stays} stays: processor time {min(processor):.0f} ms at least, "
        f"{statistics.median(processor):.0f} ms as median; {min(walls):.0f} ms at least until all are {until}"
    )
    if arguments.accept:
        await services.ingest.publish(application, batches)  # which are the last
        wall, processor_time = (time.perf_counter() - began[0]) * 1000, (time.process_time() - began[1]) * 1000
        print(f"all {rounds} rounds, until all are visible: processor time {processor_time:.0f} ms, {wall:.0f} ms")


async def main() -> None:
    """Run a server without HTTP on a store in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stays", type=int, default=1, help="stays of a request")
    parser.add_argument("--together", type=int, default=1, help="requests at the same time")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--accept", action="store_true", help="wait until the stays are stored, not until they count")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(store_url=f"duckdb:{folder}/okube.duckdb", log_level="error"))
        async with app.router.lifespan_context(app):
            await create_empty_application(app.state.services, Path(folder), print)
            await measure(app.state.services, arguments)


if __name__ == "__main__":
    asyncio.run(main())
