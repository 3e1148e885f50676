"""A store that cannot be used ends `serve` with one sentence and status 1."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import pytest
from okube_api import app as application
from okube_api.store.errors import StoreTooNew, Unavailable
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
