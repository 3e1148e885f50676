"""Commands killed at any instant: their batch is whole or not there, and the same command finishes it."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from okube_api.catalogue.facts import FACTS
from okube_api.ingest.batches import State
from okube_api.schema import SCHEMA
from okube_api.store import open_store
from tests.ingest.expected import assert_same, expected
from tests.ingest.land import Land, Row, canonical
from tests.truth.tenant import beta

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("OKUBE_TEST_KILLS", "1"))
GEO = [fact for fact in FACTS if fact.name == "geo_stays"]
WHOLE_S = 1.0  # about as long as the file takes undisturbed
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["duckdb", "mongo"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty store."""
    if request.param == "duckdb":
        return f"duckdb:{tmp_path / 'okube.duckdb'}"
    return f"{request.getfixturevalue('mongo_uri').rstrip('/')}/killed_{uuid4().hex[:12]}"


@asynccontextmanager
async def land_of(url: str) -> AsyncIterator[Land]:
    store = open_store(url, SCHEMA)
    await store.start()
    try:
        yield Land(store, beta())
    finally:
        await store.close()


def run(url: str, path: Path, after_s: float | None) -> bool:
    """Takes the file in another process, killed so long after it had started; whether it came to its end."""
    command = [sys.executable, "-m", "tests.ingest.taking", url, "pings", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if after_s is not None:
            time.sleep(after_s)
            process.kill()
        return process.stdout.read() == "done\n"


async def test_killed_at_any_instant(url: str, tmp_path: Path) -> None:
    """Stays are there; a file of pings, sent in two parts, is killed again and again."""
    async with land_of(url) as land:
        await land.settle()
        for kind in ("areas", "panelists", "stays"):
            await land.take(kind, beta().events[kind])
        before = await land.tables(GEO)
    pings = [json.dumps(event) for event in beta().events["pings"]]
    path = tmp_path / "pings.ndjson"
    path.write_text("\n".join(pings))
    ends = 0
    for number in range(KILLS):
        ends += run(url, path, random.uniform(0, WHOLE_S))  # at each instant the same must hold
        async with land_of(url) as land:
            assert same(await land.tables(GEO)) in (same(before), whole()), f"kill {number}"
            await _take_back(land)
    assert run(url, path, None)
    async with land_of(url) as land:
        assert_same(await land.tables(), land.truth, "geo_stays", "panelists")
        await drop(url, land)
    print(f"{KILLS} kills, {ends} of them came too late")


async def _take_back(land: Land) -> None:
    """Removes the file where it came to its end, so that there is something to kill again."""
    for batch in await land.ingest.batches.in_state(State.VISIBLE, application=land.application.id):
        if batch["kind"] == "pings":
            await land.ingest.remove(land.application, batch)


def same(tables: dict[str, list[Row]]) -> dict[str, list[str]]:
    return {name: canonical(rows) for name, rows in tables.items()}


def whole() -> dict[str, list[str]]:
    wanted = expected(beta().truth)
    return {name: canonical(rows) for name, rows in wanted.items() if name.startswith(("geo_stays", "panelists"))}


async def drop(url: str, land: Land) -> None:
    if url.startswith("mongodb"):
        await land.store._client.drop_database(url.rpartition("/")[2])  # type: ignore[attr-defined]
