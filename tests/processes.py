"""Servers of their own process, and who calls them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.test_commands import PASSWORD, run

LOGIN = {"login": "root@okube.example", "password": PASSWORD}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, without settings from outside."""
    for name in os.environ:
        if name.startswith("OKUBE_") and not name.startswith("OKUBE_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_administrator() -> None:
    """Makes the administrator of the platform, in the store of the settings."""
    added = run("user", "add", LOGIN["login"], "--platform-admin", "--password-stdin", text=f"{PASSWORD}\n")
    assert added.exit_code == 0, added.output


@contextmanager
def serving(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server of its own process, which logs to a file; killed at the end, if it still runs."""
    words = [sys.executable, "-m", "okube_api.cli", "serve", "--port", str(port)]
    with log.open("ab") as said, subprocess.Popen(words, stdout=said, stderr=said) as process:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health/ready")
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the server does not start"
                time.sleep(0.05)
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def client(port: int) -> Iterator[httpx.Client]:
    """The administrator, logged in."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as found:
        found.headers["Authorization"] = f"Bearer {found.post('/auth/login', json=LOGIN).json()['auth']['token']}"
        yield found
