"""Servers that are killed while they run jobs: the next server finishes every job."""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from okube_api.clock import stamp, utc_now
from pymongo import MongoClient

from tests.processes import create_administrator, find_free_port, log_in, start_server

pytestmark = pytest.mark.slow

KILLS = 2
MOST_SERVERS = 6
JOBS = 8
"""Queued before each kill.  Some of them are left: a server needs 10 times longer to answer one than to queue it."""
PARAMS = [{"kpi": "sessions", "granularity": "day", "mode": mode} for mode in ("histogram", "aggregation")] * 8
QUESTION = {"params": PARAMS, "compare": {"to": ["previousPeriod"]}}
URL = "/applications/acme/presence/analytics"
LONGEST_JOB_S = 60
"""How long nothing may be heard of: a job that is run, or the lease of a process that was killed."""


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


def list_jobs(client: httpx.Client) -> dict[str, dict[str, Any]]:
    """Return all jobs by id, none of which may have failed."""
    documents = client.get("/applications/acme/jobs?per_page=100").json()["documents"]
    assert {job["state"] for job in documents} <= {"queued", "running", "done"}, documents
    return {job["_id"]: job for job in documents}


def wait_for_jobs(client: httpx.Client, *, done: int) -> dict[str, dict[str, Any]]:
    """Return all jobs by id once so many are done.  It may take as long as another one is done now and then."""
    deadline, most_done = time.monotonic() + LONGEST_JOB_S, 0
    while True:
        jobs = list_jobs(client)
        done_now = sum(job["state"] == "done" for job in jobs.values())
        if done_now >= done:
            return jobs
        if done_now > most_done:
            deadline, most_done = time.monotonic() + LONGEST_JOB_S, done_now
        assert time.monotonic() < deadline, jobs
        time.sleep(0.02)


def test_killed_servers_lose_no_job(store: str, work_folder: Path) -> None:
    """Kill servers after they have finished a job, until two of them have left jobs; the last one finishes all.

    A server may have finished all jobs before it is killed; then another one is started and killed.
    """
    port, log = find_free_port(), work_folder / "log"
    # Each job has a period of its own, so that each has another answer.
    days = (f"{2015 + n // 336}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}" for n in count())
    periods: dict[str, dict[str, str]] = {}  # by job
    kills, done, killed_at = 0, 0, ""
    for number in range(MOST_SERVERS):
        with start_server(port, log) as server, log_in(port) as client:
            if number == 0:
                assert client.post("/applications", json={"key": "acme", "name": "Acme"}).status_code == 201
            else:
                jobs = list_jobs(client)
                assert set(jobs) == set(periods)
                # A job that was left is begun again, or will be.
                kills += any(job["state"] != "done" or job["startedAt"] > killed_at for job in jobs.values())
                done = sum(job["state"] == "done" for job in jobs.values())
            if kills == KILLS:
                jobs = wait_for_jobs(client, done=len(periods))
                for identifier, period in periods.items():
                    direct = client.post(URL, params=period, json=QUESTION)
                    assert direct.status_code == 200, direct.text
                    assert client.get(jobs[identifier]["result"]).content == direct.content
                break
            for _ in range(JOBS):
                period = {"from": next(days), "to": "2024-12-31"}
                answer = client.post(URL, params={**period, "wait": "false"}, json=QUESTION)
                periods[answer.json()["_id"]] = period
            wait_for_jobs(client, done=done + 1)
            server.kill()
        killed_at = stamp(utc_now())
    assert kills == KILLS, "the servers were not killed early enough"
    assert "Traceback" not in log.read_text(encoding="utf-8")
