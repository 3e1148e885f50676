"""The command line: what it does, and what it says when it cannot."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from okube_api.cli import cli
from okube_api.http.listener import listen
from typer.testing import CliRunner, Result

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, without settings from outside."""
    for name in os.environ:
        if name.startswith("OKUBE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, text: str = "") -> Result:
    """A command's result."""
    return CliRunner().invoke(cli, arguments, input=text)


def test_every_command_has_help() -> None:
    listed = run("--help").output
    for command in ("serve", "demo", "user", "ingest", "rebuild", "openapi", "bench"):
        assert command in listed
        assert len(run(command, "--help").output.splitlines()) > 5


def test_answers_do_not_wait_for_the_client() -> None:
    """A connection of the server sends each piece of an answer at once."""
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_openapi_prints_the_document() -> None:
    document = json.loads(run("openapi").stdout)
    assert document["info"]["title"] == "okube-api"
    assert "/auth/login" in document["paths"]


@pytest.mark.parametrize(
    ("arguments", "text", "words"),
    [
        (("user", "add", "nobody", "--platform-admin"), "", "no e-mail address"),
        (("user", "add", "a@b.example"), "", "either --platform-admin"),
        (("user", "add", "a@b.example", "--platform-admin", "--password-stdin"), "short\n", "12 characters"),
        (("user", "add", "a@b.example", "--platform-admin"), "", "--password-stdin"),
        (("user", "add", "a@b.example", "--application", "x", "--password-stdin"), f"{PASSWORD}\n", "No application"),
        (("serve", "--workers", "2"), "", "MongoDB"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: tuple[str, ...], text: str, words: str) -> None:
    result = run(*arguments, text=text)
    assert result.exit_code == 1
    assert words in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OKUBE_SECRET_KEY", "short", "32"),
        ("OKUBE_TOKEN_HOURS", "x", "OKUBE_TOKEN_HOURS"),
        ("OKUBE_STORE_URL", "x", "duckdb:PATH"),
    ],
)
def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv(name, value)
    result = run("serve")
    assert result.exit_code == 1
    assert words in result.stderr


# -- a server of its own process ------------------------------------------------------------------------------------


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A running server and its address; root@okube.example is its platform administrator."""
    added = run("user", "add", "root@okube.example", "--platform-admin", "--password-stdin", text=f"{PASSWORD}\n")
    assert added.exit_code == 0, added.output
    port = free_port()
    command = [sys.executable, "-m", "okube_api.cli", "serve", "--port", str(port)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log, cwd=folder) as process:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                httpx.get(f"{url}/health/ready")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield process, url
        process.kill()


def test_a_server_from_start_to_stop(server: tuple[subprocess.Popen[bytes], str], folder: Path) -> None:
    process, url = server
    login = {"login": "root@okube.example", "password": PASSWORD}
    token = httpx.post(f"{url}/auth/login", json=login).json()["auth"]["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.post(f"{url}/applications", json={"key": "acme"}, headers=headers).status_code == 201

    second = run("user", "add", "late@okube.example", "--platform-admin", "--password-stdin", text=f"{PASSWORD}\n")
    assert second.exit_code == 1
    assert "--url" in second.stderr

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    log = (folder / "log").read_text()
    assert all(json.loads(line)["event"] for line in log.splitlines())
    assert PASSWORD not in log
    assert token not in log
    assert (folder / "okube-data" / "secret.key").stat().st_mode & 0o777 == 0o600
