"""Runs a server in a process of its own on an embedded store, for benchmarks and scripts that send requests to it."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

_COMMAND = (sys.executable, "-m", "okube_api.cli")
# The server of this login ends with the script.
LOGIN, PASSWORD = "script@okube.example", "a long password of this script"


@dataclass(frozen=True)
class LocalServer:
    """A running server: its port, its process, a token of a platform administrator, and how long its start took."""

    port: int
    process: int
    token: str
    start_s: float


@contextmanager
def run_local_server(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[LocalServer]:
    """Run a server on the store in a folder, which may exist; settings: more environment variables."""
    environment = {
        **os.environ,
        "OKUBE_STORE_URL": f"duckdb:{folder}/okube.duckdb",
        "OKUBE_LOG_LEVEL": "error",
        **(settings or {}),
    }
    add = [*_COMMAND, "user", "add", LOGIN, "--platform-admin", "--password-stdin"]
    with suppress(subprocess.CalledProcessError):  # the user of an earlier run; a login fails if there is none
        subprocess.run(add, input=PASSWORD, text=True, env=environment, check=True, capture_output=True)
    started_s = time.perf_counter()
    process = subprocess.Popen([*_COMMAND, "serve", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(re.search(r":(\d+)", process.stdout.readline())[1])  # type: ignore[index]
        start_s = time.perf_counter() - started_s
        yield LocalServer(port, process.pid, _log_in(port), start_s)
    finally:
        process.terminate()
        process.wait(30)


def _log_in(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port)
    body = json.dumps({"login": LOGIN, "password": PASSWORD})
    connection.request("POST", "/auth/login", body, {"Content-Type": "application/json"})
    token: str = json.load(connection.getresponse())["auth"]["token"]
    return token
