"""Test that a command killed at any instant leaves all or nothing of a file, and that the same command finishes it."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from okube_api.ingest.batches import ABANDONED_AFTER, State
from okube_api.ingest.service import Ingest
from okube_api.store import open_store
from okube_api.store_schema import SCHEMA

from tests.ingest.event_truth import Batch, build_truth
from tests.ingest.expected import build_expected_tables
from tests.ingest.ingest_app import DEFAULT_CELLS, NOW, SECRET, IngestApp
from tests.ingest.rows import to_comparable
from tests.ingest.spring import build_spring_tenant, list_events_by_id

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KILLS = int(os.environ.get("OKUBE_TEST_KILLS", "1"))
BEFORE, FILES = ("areas", "panelists", "stays"), ("pings", "detections", "touches", "visits", "purchases")
REBUILD = "rebuild"
MAX_DELAY_S = 0.4  # about the time that one work takes
ROOT = Path(__file__).parents[2]

Tables = Mapping[str, Sequence[str]]


@pytest.fixture(params=["duckdb", "mongo"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Provide the URL of an empty store."""
    if request.param == "duckdb":
        return f"duckdb:{tmp_path / 'okube.duckdb'}"
    return f"{request.getfixturevalue('mongo_uri').rstrip('/')}/killed_{uuid4().hex[:12]}"


@asynccontextmanager
async def open_app(url: str) -> AsyncIterator[IngestApp]:
    """Open the store of a URL and the application in it."""
    store = open_store(url, SCHEMA)
    await store.start()
    app = IngestApp(store, build_spring_tenant())
    try:
        yield app
    finally:
        await app.ingest.close()  # what holds the application gives it up before the store ends
        await store.close()


@lru_cache
def compute_tables(files: int) -> Tables:
    """Return the tables after so many of the files."""
    truth = build_spring_tenant().truth
    nothing: dict[str, Any] = dict.fromkeys(("stays", "detections", "visits", "touches", "purchases"), ())
    batches = [Batch(at, kind, list_events_by_id(kind)) for at, kind in enumerate((*BEFORE, *FILES[:files]))]
    base = replace(truth, areas=(), panelists=(), deliveries=(), **nothing)
    cells = {place.id: DEFAULT_CELLS for place in (*truth.sites, *truth.pois)}
    return sort_tables(build_expected_tables(build_truth(base, batches, cells)))


def sort_tables(tables: Mapping[str, Sequence[dict[str, object]]]) -> Tables:
    return {name: to_comparable(rows) for name, rows in tables.items()}


@dataclass
class Command:
    """A command that ingests files one after the other, then rebuilds, and that is killed again and again."""

    url: str
    files: Mapping[str, Path]
    done: int = 0  # works that were acknowledged
    dice: random.Random = field(default_factory=random.Random)  # not seeded: the test must pass at any instant

    @property
    def works(self) -> list[str]:
        """Arguments of the command."""
        return [*(f"{kind}={path}" for kind, path in self.files.items()), REBUILD]

    def run(self, work: str | None) -> bool:
        """Run the command in a process that is killed during a work; return whether the command ended before."""
        command = [sys.executable, "-m", "tests.ingest.ingest_process", self.url, *self.works]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            output: list[str] = []
            while work is not None and f"begin {work}\n" not in output:
                output.append(process.stdout.readline())
                assert output[-1], output
            if work is not None:
                time.sleep(self.dice.uniform(0, MAX_DELAY_S))
                process.kill()
            output += process.stdout
        acknowledged = sum(line.startswith("done ") for line in output)
        self.done = max(self.done, acknowledged)
        return acknowledged > len(FILES)


async def test_killed_at_any_instant(url: str, tmp_path: Path) -> None:
    """Kill the command, check the tables, and start it again.

    Nothing that was acknowledged is lost; of the next file there is all or nothing; the command continues from there.
    While facts are rebuilt, they stay as they are.
    """
    async with open_app(url) as app:
        await app.create_documents()
        for kind in BEFORE:
            await app.ingest_events(kind, build_spring_tenant().events[kind])
    command, kills = Command(url, write_files(tmp_path)), Counter[str]()
    turn = command.dice.randrange(2)
    for number in range(turn, turn + KILLS):
        work = REBUILD if number % 2 else command.dice.choice(FILES[command.done :])
        ended = command.run(work)
        kills["too late" if ended else work] += 1
        async with open_app(url) as app:
            tables = sort_tables(
                {name: rows for name, rows in (await app.read_tables()).items() if name in compute_tables(0)}
            )
            done = min(command.done, len(FILES))
            assert tables in [compute_tables(files) for files in (done, min(done + 1, len(FILES)))], (
                number,
                work,
                command.done,
            )
            if number % 2:
                await remove_files(app)
                command.done = 0
    assert command.run(None)
    async with open_app(url) as app:
        assert sort_tables(await app.read_tables()) == compute_tables(len(FILES))
        batches = await app.ingest.batches.find_in_states(*State, application=app.application.id)
        counts = {batch["kind"]: batch["accepted"] for batch in batches if batch["state"] == State.VISIBLE}
        assert counts == {kind: len(build_spring_tenant().events[kind]) for kind in (*BEFORE, *FILES)}
        await drop_database(url, app)
    print(f"{KILLS} kills: {dict(kills)}")


def write_files(folder: Path) -> dict[str, Path]:
    """Write the files; return their paths by kind."""
    paths = {kind: folder / f"{kind}.ndjson" for kind in FILES}
    for kind, path in paths.items():
        path.write_text("\n".join(json.dumps(event) for event in build_spring_tenant().events[kind]))
    return paths


async def remove_files(app: IngestApp) -> None:
    """Remove the batches of the files, so that they can be ingested again."""
    later = Ingest(app.store, lambda: NOW + ABANDONED_AFTER + timedelta(seconds=1), SECRET)
    await later.resume()
    for batch in await later.batches.find_in_states(State.VISIBLE, application=app.application.id):
        if batch["kind"] in FILES:
            await later.remove_batch(app.application, batch)
    await later.close()


async def drop_database(url: str, app: IngestApp) -> None:
    if url.startswith("mongodb"):
        await app.store._client.drop_database(url.rpartition("/")[2])  # type: ignore[attr-defined]
