"""Commands killed at any instant: what they do is whole or not there, and the same command finishes it."""

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
from tests.ingest.ingest_app import NOW, SECRET, IngestApp
from tests.ingest.rows import to_comparable
from tests.ingest.spring import build_spring_tenant, list_events_by_id

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("OKUBE_TEST_KILLS", "1"))
FIRST, THEN = ("areas", "panelists", "stays"), ("pings", "detections", "touches", "visits", "purchases")
REBUILD = "rebuild"
LONGEST_S = 0.4  # about as long as one of the works takes
ROOT = Path(__file__).parents[2]

Tables = Mapping[str, Sequence[str]]


@pytest.fixture(params=["duckdb", "mongo"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty store."""
    if request.param == "duckdb":
        return f"duckdb:{tmp_path / 'okube.duckdb'}"
    return f"{request.getfixturevalue('mongo_uri').rstrip('/')}/killed_{uuid4().hex[:12]}"


@asynccontextmanager
async def land_of(url: str) -> AsyncIterator[IngestApp]:
    store = open_store(url, SCHEMA)
    await store.start()
    try:
        yield IngestApp(store, build_spring_tenant())
    finally:
        await store.close()


@lru_cache
def state(done: int) -> Tables:
    """The tables once so many of the files are taken."""
    truth = build_spring_tenant().truth
    places = (*truth.sites, *truth.pois)
    nothing: dict[str, Any] = dict.fromkeys(("stays", "detections", "visits", "touches", "purchases"), ())
    files = [Batch(at, kind, list_events_by_id(kind)) for at, kind in enumerate((*FIRST, *THEN[:done]))]
    ground = replace(truth, areas=(), panelists=(), deliveries=(), **nothing)
    return canonical_of(build_expected_tables(build_truth(ground, files, {one.id: {"radius": 70.0} for one in places})))


def canonical_of(tables: Mapping[str, Sequence[dict[str, object]]]) -> Tables:
    return {name: to_comparable(rows) for name, rows in tables.items()}


@dataclass
class Command:
    """Files taken one after the other, then a rebuild; killed again and again."""

    url: str
    files: Mapping[str, Path]
    done: int = 0  # works acknowledged, so far
    dice: random.Random = field(default_factory=random.Random)  # at each instant the same must hold

    @property
    def works(self) -> list[str]:
        """What it is asked to do."""
        return [*(f"{kind}={path}" for kind, path in self.files.items()), REBUILD]

    def run(self, work: str | None) -> bool:
        """Does everything in another process, killed while it does that work; whether it came to its end before."""
        command = [sys.executable, "-m", "tests.ingest.ingest_process", self.url, *self.works]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said: list[str] = []
            while work is not None and f"begin {work}\n" not in said:
                said.append(process.stdout.readline())
                assert said[-1], said
            if work is not None:
                time.sleep(self.dice.uniform(0, LONGEST_S))
                process.kill()
            said += process.stdout
        acknowledged = sum(line.startswith("done ") for line in said)
        self.done = max(self.done, acknowledged)
        return acknowledged > len(THEN)


async def test_killed_at_any_instant(url: str, tmp_path: Path) -> None:
    """Nothing that was acknowledged is lost, of the next file there is all or nothing, and giving the command again
    goes on from there; while facts are rebuilt, they stay as they are."""
    async with land_of(url) as land:
        await land.create_documents()
        for kind in FIRST:
            await land.ingest_events(kind, build_spring_tenant().events[kind])
    command, met = Command(url, files_in(tmp_path)), Counter[str]()
    turn = command.dice.randrange(2)
    for number in range(turn, turn + KILLS):
        work = REBUILD if number % 2 else command.dice.choice(THEN[command.done :])
        ended = command.run(work)
        met["too late" if ended else work] += 1
        async with land_of(url) as land:
            found = canonical_of({name: rows for name, rows in (await land.read_tables()).items() if name in state(0)})
            done = min(command.done, len(THEN))
            assert found in [state(at) for at in (done, min(done + 1, len(THEN)))], (number, work, command.done)
            if number % 2:
                await take_back(land)
                command.done = 0
    assert command.run(None)
    async with land_of(url) as land:
        assert canonical_of(await land.read_tables()) == state(len(THEN))
        batches = await land.ingest.batches.find_in_states(*State, application=land.application.id)
        counts = {batch["kind"]: batch["accepted"] for batch in batches if batch["state"] == State.VISIBLE}
        assert counts == {kind: len(build_spring_tenant().events[kind]) for kind in (*FIRST, *THEN)}
        await drop(url, land)
    print(f"{KILLS} kills: {dict(met)}")


def files_in(folder: Path) -> dict[str, Path]:
    """The files, by kind."""
    found = {kind: folder / f"{kind}.ndjson" for kind in THEN}
    for kind, path in found.items():
        path.write_text("\n".join(json.dumps(event) for event in build_spring_tenant().events[kind]))
    return found


async def take_back(land: IngestApp) -> None:
    """Removes the files, so that there is something to kill again."""
    later = Ingest(land.store, lambda: NOW + ABANDONED_AFTER + timedelta(seconds=1), SECRET)
    await later.resume()
    for batch in await later.batches.find_in_states(State.VISIBLE, application=land.application.id):
        if batch["kind"] in THEN:
            await later.remove_batch(land.application, batch)


async def drop(url: str, land: IngestApp) -> None:
    if url.startswith("mongodb"):
        await land.store._client.drop_database(url.rpartition("/")[2])  # type: ignore[attr-defined]
