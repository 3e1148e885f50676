"""Servers that are killed while they run jobs: the next server finishes every job."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from okube_api.jobs.repository import LEASE_LIFETIME
from pymongo import MongoClient

from tests.processes import create_administrator, find_free_port, log_in, start_server

pytestmark = pytest.mark.slow

JOBS = 60
"""So many that a server has not finished them when it is killed, though it begins before it answers."""
# Long enough that a server is killed during one of them.
PARAMS = [{"kpi": "sessions", "granularity": "day", "mode": mode} for mode in ("histogram", "aggregation")] * 12
QUESTION = {"params": PARAMS}
URL = "/applications/acme/presence/analytics"
# Each job has a period of its own: the answer about the same one would come from the cache at once.
PERIODS = [{"from": f"2015-{n // 28 + 1:02}-{n % 28 + 1:02}", "to": "2024-12-31"} for n in range(JOBS)]
DEADLINE_S = 60 + LEASE_LIFETIME.total_seconds()


@pytest.fixture(params=["duckdb", "mongo"])
def store(request: pytest.FixtureRequest, work_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Set the settings of a server over each store in turn, and create the platform administrator."""
    kind: str = request.param
    if kind == "mongo":
        uri, name = request.getfixturevalue("mongo_uri"), f"jobs_{uuid4().hex[:12]}"
        monkeypatch.setenv("OKUBE_STORE_URL", f"{uri.rstrip('/')}/{name}")
        monkeypatch.setenv("OKUBE_SECRET_KEY", "a secret key for tests, which is long enough")
    create_administrator()
    yield kind
    if kind == "mongo":
        with MongoClient[dict[str, object]](uri) as client:
            client.drop_database(name)


def wait_for_jobs(client: httpx.Client, paths: list[str], *, finished: int) -> list[dict[str, Any]]:
    """Return the jobs once so many of them are done."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        jobs = [client.get(path).json() for path in paths]
        assert {job["state"] for job in jobs} <= {"queued", "running", "done"}, jobs
        if sum(job["state"] == "done" for job in jobs) >= finished:
            return jobs
        assert time.monotonic() < deadline, jobs
        time.sleep(0.02)


def test_a_killed_server_loses_no_job(store: str, work_folder: Path) -> None:
    """Kill a server twice, each time after it has finished another job."""
    port, log = find_free_port(), work_folder / "log"
    with start_server(port, log) as server, log_in(port) as client:
        assert client.post("/applications", json={"key": "acme", "name": "Acme"}).status_code == 201
        answers = [client.post(URL, params={**period, "wait": "false"}, json=QUESTION) for period in PERIODS]
        paths = [answer.headers["location"] for answer in answers]
        wait_for_jobs(client, paths, finished=1)
        server.kill()
    with start_server(port, log) as server, log_in(port) as client:
        jobs = wait_for_jobs(client, paths, finished=2)
        assert any(job["state"] != "done" for job in jobs), "the servers were not killed early enough"
        server.kill()
    with start_server(port, log), log_in(port) as client:
        for job, period in zip(wait_for_jobs(client, paths, finished=JOBS), PERIODS, strict=True):
            direct = client.post(URL, params=period, json=QUESTION)
            assert direct.status_code == 200, direct.text
            assert client.get(job["result"]).content == direct.content
    assert "Traceback" not in log.read_text(encoding="utf-8")
