"""A store that cannot be used ends `serve` with one sentence and status 1."""

import asyncio
import errno
import os
import signal
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import pytest
import typer
from okube_api import app as application
from okube_api.cli import runtime
from okube_api.cli.runtime import run_command
from okube_api.http.listener import listen
from okube_api.store.errors import StoreFull, StoreTooNew, Unavailable
from okube_api.store.mongo.database_check import SCHEMA_VERSION
from okube_api.store.mongo.store import MongoStore
from okube_api.store.values import Json
from pymongo import MongoClient

from tests.processes import run_cli

SECRET = "a secret of at least thirty-two bytes"


@pytest.fixture
def newer_database(mongo_uri: str) -> Iterator[str]:
    """Return the URL of a database that a newer version of the server has used."""
    name = f"newer_{uuid4().hex[:12]}"
    with MongoClient[Json](mongo_uri) as client:
        client[name][SCHEMA_VERSION].insert_one({"_id": "schema", "version": 99})
        yield f"{mongo_uri.rstrip('/')}/{name}"
        client.drop_database(name)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_newer_database_is_refused(
    newer_database: str, work_folder: Path, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("OKUBE_STORE_URL", newer_database)
    monkeypatch.setenv("OKUBE_SECRET_KEY", SECRET)
    result = run_cli("serve", "--port", "0", "--workers", workers)
    assert result.exit_code == 1
    assert "has schema version 99; this version of okube-api knows versions up to" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("url", ["mongodb://host:port/okube", "mongodb://127.0.0.1:9"])
def test_invalid_url_is_refused(work_folder: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OKUBE_STORE_URL", url)
    monkeypatch.setenv("OKUBE_SECRET_KEY", SECRET)
    result = run_cli("serve", "--port", "0")
    assert result.exit_code == 1
    assert "URL" in result.output
    assert "Traceback" not in result.output


def test_port_that_is_taken_is_found_before_the_work(work_folder: Path) -> None:
    with listen("127.0.0.1", 0) as listening:
        port = str(listening.getsockname()[1])
        for command in ("serve", "demo"):
            result = run_cli(command, "--port", port)
            assert result.exit_code == 1
            assert (
                f"Cannot listen on 127.0.0.1 port {port}: Address already in use. Try another --port." in result.output
            )
    assert list(work_folder.iterdir()) == []


@pytest.mark.parametrize("arguments", [("serve", "--port", "0"), ("rebuild", "acme"), ("check",)])
def test_folder_that_cannot_be_used_is_named(
    work_folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    (work_folder / "file").write_text("not a folder")
    monkeypatch.setenv("OKUBE_STORE_URL", "duckdb:file/okube.duckdb")
    result = run_cli(*arguments)
    assert result.exit_code == 1
    assert "'file" in result.output
    assert "file/okube.duckdb" in result.output or "OKUBE_STORE_URL" in result.output


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.EACCES, os.strerror(errno.EACCES), "data"),
            "'data': Permission denied. Choose another folder (OKUBE_STORE_URL or --folder), or",
        ),
        (
            OSError(errno.EROFS, os.strerror(errno.EROFS), "data"),
            "'data': Read-only file system. Choose another folder",
        ),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "data"), "'data': No space left on device. Free some space"),
        (StoreFull("The disk is full."), "The disk is full. Free some space, then run the command again."),
    ],
)
def test_errors_of_the_disk_are_one_sentence(
    capsys: pytest.CaptureFixture[str], work_folder: Path, error: Exception, message: str
) -> None:
    async def work() -> None:
        raise error

    with pytest.raises(typer.Exit) as ending:
        run_command(work())
    assert ending.value.exit_code == 1
    assert message in " ".join(capsys.readouterr().err.split())


def test_misspelt_variable_is_warned_of_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_warned", set())
    for _ in range(2):
        runtime.warn_of_unknown_variables({"OKUBE_STORE_URI": "x", "OKUBE_TOKEN": "x", "OKUBE_LOG_LEVEL": "info"})
    message = "okube-api: warning: OKUBE_STORE_URI is unknown and ignored. Did you mean 'OKUBE_STORE_URL'?"
    assert capsys.readouterr().err.splitlines() == [message]


def test_interrupted_command_ends_with_status_130(capsys: pytest.CaptureFixture[str], work_folder: Path) -> None:
    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background process of a shell
    try:
        with pytest.raises(typer.Exit) as ending:
            run_command(work())
    finally:
        signal.signal(signal.SIGINT, handler)
    assert ending.value.exit_code == 130
    assert capsys.readouterr().err == "okube-api: interrupted.\n"


def test_newer_database_that_answers_later_ends_the_server(work_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[MongoStore] = []

    async def start(store: MongoStore) -> None:
        starts.append(store)
        raise Unavailable("no answer") if len(starts) < 3 else StoreTooNew("The database 'okube'", 99, 1)

    async def check_nothing(*_: object) -> None:
        pass

    monkeypatch.setattr(MongoStore, "start", start)
    monkeypatch.setattr(import_module("okube_api.cli.serve"), "check_secret", check_nothing)
    monkeypatch.setattr(application, "RETRY_INTERVAL_S", 0.1)
    monkeypatch.setenv("OKUBE_STORE_URL", "mongodb://127.0.0.1:9/okube")
    monkeypatch.setenv("OKUBE_SECRET_KEY", SECRET)
    result = run_cli("serve", "--port", "0")
    assert result.exit_code == 1
    assert "The database 'okube' has schema version 99" in result.output
    assert len(starts) == 3
