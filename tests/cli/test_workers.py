"""`serve --workers`: real processes on MongoDB."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from okube_api.store.values import Json
from pymongo import MongoClient

from tests.processes import find_free_port, open_client, run_cli

SECRET = "a secret of at least thirty-two bytes"
METRICS_TOKEN = "a token for metrics"


@pytest.fixture
def database(mongo_uri: str, work_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Set the settings to a database of its own, and drop it at the end."""
    name = f"workers_{uuid4().hex[:12]}"
    monkeypatch.setenv("OKUBE_STORE_URL", f"{mongo_uri.rstrip('/')}/{name}")
    monkeypatch.setenv("OKUBE_SECRET_KEY", SECRET)
    monkeypatch.setenv("OKUBE_METRICS_TOKEN", METRICS_TOKEN)
    yield name
    with MongoClient[Json](mongo_uri) as client:
        client.drop_database(name)


@dataclass
class Pool:
    """A server with two workers."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Return the answer to a request on a connection of its own."""
        with open_client(f"http://127.0.0.1:{self.port}") as client:
            return client.get(path, headers=headers)

    def read_output(self) -> str:
        """Return the standard output."""
        return self.log.with_suffix(".out").read_text()

    def read_log(self) -> list[Json]:
        """Return the log lines; every line is a JSON object."""
        complete, _, _ = self.log.read_text().rpartition("\n")
        return [json.loads(line) for line in complete.splitlines()]

    def list_events(self, event: str) -> list[Json]:
        """Return the log lines of an event."""
        return [line for line in self.read_log() if line["event"] == event]

    def list_workers(self) -> set[int]:
        """Return the process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(child) for child in children.split()}

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition is true."""
        deadline = time.monotonic() + 60  # two workers create a database together
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)


@pytest.fixture
def pool(database: str, work_folder: Path) -> Iterator[Pool]:
    """Return a server with two workers that answer."""
    port, log = find_free_port(), work_folder / "log"
    command = [sys.executable, "-m", "okube_api.cli", "serve", "--workers", "2", "--port", str(port)]
    with log.open("wb") as errors, log.with_suffix(".out").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=errors)
    started = Pool(process, port, log)
    try:
        started.wait_for(lambda: "Serving on" in started.read_output())
        yield started
    finally:
        process.kill()
        process.wait()


def is_running(pid: int) -> bool:
    """Return whether a process exists that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_workers_answer_log_and_stop_together(pool: Pool) -> None:
    assert f"Serving on http://127.0.0.1:{pool.port} with 2 workers" in pool.read_output()
    assert "/login#setup=" in pool.read_output()
    workers = pool.list_workers()
    assert len(workers) == 2
    assert pool.get("/health/ready").json() == {"status": "ready"}
    # A worker writes the line after the answer: the one that is killed may have not written it yet.
    pool.wait_for(lambda: len(pool.list_events("request")) == 1)

    dead = min(workers)
    os.kill(dead, signal.SIGKILL)
    pool.wait_for(lambda: len(pool.list_workers()) == 2 and dead not in pool.list_workers())
    pool.wait_for(lambda: len(pool.list_events("Application startup complete.")) == 3)
    (replaced,) = pool.list_events("a worker ended and is replaced")
    assert (replaced["pid"], replaced["status"]) == (dead, -signal.SIGKILL)
    assert pool.read_output().count("Serving on") == 1

    (request,) = pool.list_events("request")
    assert (request["path"], request["status"], request["level"]) == ("/health/ready", 200, "info")

    workers = pool.list_workers()
    pool.process.send_signal(signal.SIGTERM)
    assert pool.process.wait(timeout=30) == 0
    assert not any(map(is_running, workers))


@pytest.mark.slow
def test_workers_stop_when_their_parent_is_killed(pool: Pool) -> None:
    workers = pool.list_workers()
    pool.process.kill()
    pool.wait_for(lambda: not any(map(is_running, workers)))


def test_taken_port_is_refused_before_any_work(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_cli("serve", "--workers", "2", "--port", str(port))
    assert result.exit_code == 1
    assert f"Cannot listen on 127.0.0.1 port {port}" in result.output


@pytest.mark.slow
def test_worker_that_refuses_to_run_ends_the_server(
    mongo_uri: str, database: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Give the workers a URL that none can use, after the parent could not reach the database."""
    monkeypatch.setenv("OKUBE_LOG_LEVEL", "warning")
    code = (
        "import os, runpy, sys\n"
        "import okube_api.cli.serve as serve\n"
        "async def no_store(*_): os.environ['OKUBE_STORE_URL'] = 'mongodb://host:port/okube'\n"
        "serve.start_store = no_store\n"
        "serve.serve('127.0.0.1', 0, 2)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "a worker could not start" in result.stderr
    assert "URL" in result.stderr
    assert "Serving on" not in result.stdout
