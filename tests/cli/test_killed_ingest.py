"""Commands and servers killed in the middle of an ingest: the same again finishes it, and nothing counts twice."""

import asyncio
import os
import random
import subprocess
import sys
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

from tests.processes import client, folder, serving, with_administrator
from tests.cli.test_commands import free_port

__all__ = ["folder"]

KILLS = int(os.environ.get("OKUBE_TEST_KILLS", "1"))
PEOPLE = {"first.ndjson": range(40), "second.ndjson": range(40, 1540)}
PINGS_EACH = 12  # half a minute apart: one stay each
STAYS = sum(map(len, PEOPLE.values()))


@pytest.fixture
def files(folder: Path) -> list[Path]:
    """Two files of pings; root@okube.example is the platform's administrator."""
    with_administrator()
    for name, people in PEOPLE.items():
        lines = [
            f'{{"user":"u{one}","at":"2024-03-28T10:{at // 2:02}:{at % 2 * 30:02}Z","lng":4.83,"lat":45.76}}\n'
            for one in people
            for at in range(PINGS_EACH)
        ]
        (folder / name).write_text("".join(lines))
    return [folder / name for name in PEOPLE]


def command(*arguments: str | Path) -> subprocess.Popen[str]:
    """A command of its own process; what it says comes by `stderr`."""
    words = [sys.executable, "-m", "okube_api.cli", *map(str, arguments)]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)


def until(process: subprocess.Popen[str], words: str) -> None:
    """Reads until the command says so."""
    assert process.stderr is not None
    said: list[str] = []
    while not said or words not in said[-1]:
        said.append(process.stderr.readline())
        assert said[-1], said


def killed_after(process: subprocess.Popen[str], words: str, longest_s: float) -> None:
    """Kills a command at a random instant after it said something."""
    until(process, words)
    time.sleep(random.uniform(0, longest_s))
    process.kill()
    process.communicate()


async def _with_shop() -> None:
    async with open_services(Settings()) as services:
        application = await services.applications.create({"key": "acme", "timezone": "UTC"})
        shop = {"key": "shop", "name": "Shop", "online": False, "coordinates": [4.83, 45.76]}
        await services.sites.create(Application.from_document(application), shop)


async def _stored() -> tuple[list[tuple[str, int, int]], int]:
    """The batches that are visible (name, accepted, duplicate), and how many stays there are."""
    async with open_services(Settings()) as services:
        application = await services.applications.get_by_name("acme")
        batches = await services.ingest.batches.find_in_states(State.VISIBLE, application=application["_id"])
        async with services.store.open_reader(application["_id"]) as view:
            stays = sum([block.num_rows async for block in view.read_parts(GEO_STAYS.table, 0, 99_999)])
    return [(one["name"], one["accepted"], one["duplicate"]) for one in batches], stays


def test_the_same_command_finishes_what_was_cut_short(files: list[Path]) -> None:
    """The first file is visible already when the command is killed in the middle of the second."""
    asyncio.run(_with_shop())
    for _ in range(KILLS):
        killed_after(command("ingest", "acme", "pings", *files), "first.ndjson: 480 accepted", 0.8)
        _, stays = asyncio.run(_stored())
        assert stays in {40, STAYS}
    process = command("ingest", "acme", "pings", *files)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert "first.ndjson: 480 accepted" in said
    assert "second.ndjson: 18,000 accepted" in said
    batches, stays = asyncio.run(_stored())
    assert sorted(batches) == [("first.ndjson", 480, 0), ("second.ndjson", 18_000, 0)]
    assert stays == STAYS


# -- through a server ---------------------------------------------------------------------------------------------


def stays_of(caller: httpx.Client) -> int:
    """How many stays a question finds."""
    url = "/applications/acme/studies/all/geo-marketing/analytics?from=2024-03-28&to=2024-03-28&uplift=false"
    answer = caller.post(url, json={"params": [{"kpi": "posSessions", "temporals": False}]})
    found: int = answer.json()[0]["data"]["all"]
    return found


def batches_of(caller: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller.get("/applications/acme/ingest").json()["documents"]
    return found


def followed(caller: httpx.Client, identifier: str) -> dict[str, Any]:
    """The batch, once it is visible."""
    deadline = time.monotonic() + 60
    while True:
        batch: dict[str, Any] = caller.get(f"/applications/acme/ingest/{identifier}").json()
        if batch["state"] == "visible":
            return batch
        assert time.monotonic() < deadline, batch
        time.sleep(0.05)


def through(port: int, caller: httpx.Client, files: Sequence[Path]) -> subprocess.Popen[str]:
    """The command that takes files through a server."""
    token = str(caller.headers["Authorization"]).removeprefix("Bearer ")
    return command("ingest", "acme", "pings", *files, "--url", f"http://127.0.0.1:{port}", "--token", token)


def test_what_a_server_stored_is_visible_after_it_was_killed(files: list[Path]) -> None:
    """A file sent without waiting; then two through the command, which is killed, and again, while its server is."""
    asyncio.run(_with_shop())
    port, log = free_port(), files[0].with_name("log")
    with serving(port, log) as server, client(port) as caller:
        made = caller.post("/applications/acme/studies", json={"key": "all", "sites": ["shop"]})
        assert made.status_code == 201, made.text
        headers = {"Content-Type": "application/x-ndjson"}
        sent = caller.post("/applications/acme/ingest/pings?wait=false", content=files[0].read_bytes(), headers=headers)
        assert sent.status_code == 202
        server.kill()
    with serving(port, log) as server, client(port) as caller:
        batch = followed(caller, sent.json()["_id"])
        assert (batch["accepted"], batch["duplicate"], stays_of(caller)) == (480, 0, 40)

        killed_after(through(port, caller, files), "first.ndjson: 0 accepted, 480 duplicate", 0.8)
        assert stays_of(caller) in {40, STAYS}
        process = through(port, caller, files)
        until(process, "first.ndjson: 0 accepted, 480 duplicate")
        time.sleep(random.uniform(0, 0.8))
        server.kill()
        _, said = process.communicate()
        assert (process.returncode, "does not answer" in said) in {(1, True), (0, False)}, said
    with serving(port, log), client(port) as caller:
        process = through(port, caller, files)
        _, said = process.communicate()
        assert process.returncode == 0, said
        assert stays_of(caller) == STAYS
        assert sum(batch["accepted"] for batch in batches_of(caller)) == STAYS * PINGS_EACH
