"""Ingest commands and servers that are killed: the same command finishes the work, and no event counts twice."""

import asyncio
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from okube_api.catalogue.facts import GEO_STAYS
from okube_api.cli.runtime import open_services
from okube_api.ingest.batches import State
from okube_api.kit.application import Application
from okube_api.settings import Settings

from tests.processes import Command, create_administrator, find_free_port, log_in, start_server

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("OKUBE_TEST_KILLS", "1"))
USERS = {"first.ndjson": range(40), "second.ndjson": range(40, 1540)}
PINGS_PER_USER = 12  # half a minute apart, so that each user has one stay
STAYS = sum(map(len, USERS.values()))
MAX_DELAY_S = 0.8  # between a message of the command and the kill


@pytest.fixture
def files(work_folder: Path) -> list[Path]:
    """Write two files of pings, and create the platform administrator."""
    create_administrator()
    for name, users in USERS.items():
        lines = [
            f'{{"user":"u{user}","at":"2024-03-28T10:{at // 2:02}:{at % 2 * 30:02}Z","lng":4.83,"lat":45.76}}\n'
            for user in users
            for at in range(PINGS_PER_USER)
        ]
        (work_folder / name).write_text("".join(lines))
    return [work_folder / name for name in USERS]


def wait_for_message(process: Command, message: str) -> None:
    """Read the output of a command until a line holds the message."""
    lines: list[str] = []
    while not lines or message not in lines[-1]:
        lines.append(process.stderr.readline())
        assert lines[-1], lines


def kill_after(process: Command, message: str) -> None:
    """Kill a command at a random instant after it has printed a message."""
    wait_for_message(process, message)
    time.sleep(random.uniform(0, MAX_DELAY_S))
    process.kill()
    process.finish()


async def create_shop() -> None:
    async with open_services(Settings()) as services:
        application = await services.applications.create({"key": "acme", "timezone": "UTC"})
        shop = {"key": "shop", "name": "Shop", "online": False, "coordinates": [4.83, 45.76]}
        await services.sites.create(Application.from_document(application), shop)


async def read_store() -> tuple[list[tuple[str, int, int]], int]:
    """Return the visible batches (name, accepted, duplicate) and the number of stays."""
    async with open_services(Settings()) as services:
        application = await services.applications.get_by_name("acme")
        batches = await services.ingest.batches.find_in_states(State.VISIBLE, application=application["_id"])
        async with services.store.open_reader(application["_id"]) as view:
            stays = sum([block.num_rows async for block in view.read_parts(GEO_STAYS.table, 0, 99_999)])
    return [(batch["name"], batch["accepted"], batch["duplicate"]) for batch in batches], stays


def test_same_command_finishes_an_interrupted_ingest(files: list[Path]) -> None:
    """Kill the command in the middle of the second file; the first one is visible already."""
    asyncio.run(create_shop())
    for _ in range(KILLS):
        kill_after(Command("ingest", "acme", "pings", *files), "first.ndjson: 480 accepted")
        _, stays = asyncio.run(read_store())
        assert stays in {40, STAYS}
    process = Command("ingest", "acme", "pings", *files)
    status, output = process.finish()
    assert status == 0, output
    assert "first.ndjson: 480 accepted" in output
    assert "second.ndjson: 18,000 accepted" in output
    batches, stays = asyncio.run(read_store())
    assert sorted(batches) == [("first.ndjson", 480, 0), ("second.ndjson", 18_000, 0)]
    assert stays == STAYS


# -- through a server ---------------------------------------------------------------------------------------------


def count_stays(client: httpx.Client) -> int:
    """Ask for the number of stays."""
    url = "/applications/acme/studies/all/geo-marketing/analytics?from=2024-03-28&to=2024-03-28&uplift=false"
    answer = client.post(url, json={"params": [{"kpi": "posSessions", "temporals": False}]})
    count: int = answer.json()[0]["data"]["all"]
    return count


def list_batches(client: httpx.Client) -> list[dict[str, Any]]:
    batches: list[dict[str, Any]] = client.get("/applications/acme/ingest").json()["documents"]
    return batches


def wait_until_visible(client: httpx.Client, batch_id: str) -> dict[str, Any]:
    """Return a batch once it is visible."""
    deadline = time.monotonic() + 60
    while True:
        batch: dict[str, Any] = client.get(f"/applications/acme/ingest/{batch_id}").json()
        if batch["state"] == "visible":
            return batch
        assert time.monotonic() < deadline, batch
        time.sleep(0.05)


def start_upload(port: int, client: httpx.Client, files: Sequence[Path]) -> Command:
    """Start the command that ingests files through a server."""
    token = str(client.headers["Authorization"]).removeprefix("Bearer ")
    return Command("ingest", "acme", "pings", *files, "--url", f"http://127.0.0.1:{port}", "--token", token)


def test_killed_server_loses_no_batch_that_it_has_stored(files: list[Path]) -> None:
    """Upload a file without waiting, then both by the command: kill first the command, then its server."""
    asyncio.run(create_shop())
    port, log = find_free_port(), files[0].with_name("log")
    with start_server(port, log) as server, log_in(port) as client:
        study = client.post("/applications/acme/studies", json={"key": "all", "sites": ["shop"]})
        assert study.status_code == 201, study.text
        headers = {"Content-Type": "application/x-ndjson"}
        url = "/applications/acme/ingest/pings?wait=false"
        upload = client.post(url, content=files[0].read_bytes(), headers=headers)
        assert upload.status_code == 202
        server.kill()
    with start_server(port, log) as server, log_in(port) as client:
        batch = wait_until_visible(client, upload.json()["_id"])
        assert (batch["accepted"], batch["duplicate"], count_stays(client)) == (480, 0, 40)

        kill_after(start_upload(port, client, files), "first.ndjson: 0 accepted, 480 duplicate")
        assert count_stays(client) in {40, STAYS}
        process = start_upload(port, client, files)
        wait_for_message(process, "first.ndjson: 0 accepted, 480 duplicate")
        time.sleep(random.uniform(0, MAX_DELAY_S))
        server.kill()
        status, output = process.finish()
        assert (status, "does not answer" in output) in {(1, True), (0, False)}, output
    with start_server(port, log), log_in(port) as client:
        process = start_upload(port, client, files)
        status, output = process.finish()
        assert status == 0, output
        assert count_stays(client) == STAYS
        assert sum(batch["accepted"] for batch in list_batches(client)) == STAYS * PINGS_PER_USER
