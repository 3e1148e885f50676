"""Commands and servers in processes of their own, and clients of the servers."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from okube_api.cli import cli
from typer.main import get_command
from typer.testing import CliRunner, Result

from tests.forks import Fork

PASSWORD = "correct horse battery"
LOGIN = {"login": "root@okube.example", "password": PASSWORD}


def run_cli(*arguments: str, text: str = "") -> Result:
    """Run a command in this process; `text` is its standard input.

    `CliRunner.invoke` would build all commands again.
    """
    runner = CliRunner()
    status: Any = 0
    with runner.isolation(input=text) as (output, errors, both):
        try:
            _build_commands().main(arguments, prog_name="okube-api")
        except SystemExit as ending:
            status = ending.code
        sys.stdout.flush()
        return Result(runner, output.getvalue(), errors.getvalue(), both.getvalue(), None, status, None)


@cache
def _build_commands() -> Any:
    """Return the commands with their options, which typer reads from the functions in 24 ms."""
    return get_command(cli)


class Command(Fork):
    """A command in a process of its own; its messages are on `stderr`.

    stdin, stdout: descriptors of its standard input and output.
    """

    def __init__(self, *arguments: str | Path, stdin: int = 0, stdout: int = 1) -> None:
        reading, writing = os.pipe()
        self.stderr = os.fdopen(reading, encoding="utf-8")
        try:
            super().__init__([*map(str, arguments)], (stdin, stdout, writing))
        finally:
            os.close(writing)

    def finish(self) -> tuple[int, str]:
        """Wait until the command has ended; return its status and its other messages."""
        with self.stderr:
            messages = self.stderr.read()
        return self.wait(), messages


def create_administrator() -> None:
    """Create the platform administrator in the store of the settings."""
    result = run_cli("user", "add", LOGIN["login"], "--platform-admin", "--password-stdin", text=f"{PASSWORD}\n")
    assert result.exit_code == 0, result.output


def find_free_port() -> int:
    """Return a port that is not in use."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def open_client(address: str, **options: Any) -> httpx.Client:
    """Return a client of an `http://` address, with options of httpx; it waits 30 s, since other tests run as well.

    It does without the certificates of the machine, since httpx takes 35 ms of processor time to read them.
    """
    return httpx.Client(base_url=address, verify=False, **{"timeout": 30} | options)


@contextmanager
def start_server(port: int, log: Path) -> Iterator[Fork]:
    """Start a server, wait until it answers, and kill it at the end.

    Its log is appended to the file `log`, its standard output to `log` with the suffix `.out`.
    """
    with log.open("ab") as errors, log.with_suffix(".out").open("ab") as output:
        process = Fork(["serve", "--port", str(port)], (0, output.fileno(), errors.fileno()))
    with process:
        _wait_for_answer(port)
        yield process


def _wait_for_answer(port: int) -> None:
    deadline = time.monotonic() + 90  # a slow machine creates the indexes of MongoDB in 20 s
    with open_client(f"http://127.0.0.1:{port}") as client:
        while True:
            try:
                client.get("/health/ready")
                return
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the server does not start"
                time.sleep(0.05)


@contextmanager
def log_in(port: int) -> Iterator[httpx.Client]:
    """Yield a client of a server, with a token of the platform administrator."""
    with open_client(f"http://127.0.0.1:{port}") as client:
        token = client.post("/auth/login", json=LOGIN).json()["auth"]["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client
