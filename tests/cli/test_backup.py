"""Backup and restore: between stores, over HTTP, damaged files and other secrets."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient

from tests.processes import create_administrator, find_free_port, log_in, run_cli, start_cli, start_server

SECRET = "a secret key of at least 32 bytes, for tests"
DAYS = "from=2026-01-01&to=2026-02-28"


@pytest.fixture
def choose_store(
    work_folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[[str], None]:
    """Return a function that sets a new store of a kind, with the same secret."""
    monkeypatch.setenv("OKUBE_SECRET_KEY", SECRET)

    def choose(kind: str) -> None:
        name = f"backup_{uuid4().hex[:12]}"
        url = f"duckdb:{work_folder / name / 'okube.duckdb'}"
        if kind == "mongo":
            uri = request.getfixturevalue("mongo_uri").rstrip("/")
            url = f"{uri}/{name}"
            request.addfinalizer(lambda: _drop(uri, name))
        monkeypatch.setenv("OKUBE_STORE_URL", url)

    return choose


def _drop(uri: str, name: str) -> None:
    with MongoClient[dict[str, object]](uri) as client:
        client.drop_database(name)


def _fill(client: httpx.Client) -> None:
    client.post("/applications", json={"name": "Shop", "key": "shop"}).raise_for_status()
    site = {"name": "Paris", "key": "paris", "online": True}
    client.post("/applications/shop/sites", json=site).raise_for_status()
    lines = "\n".join(f"user-{n % 7},paris,2026-01-{n % 28 + 1:02}T10:00:00Z,900" for n in range(60))
    headers = {"Content-Type": "text/csv"}
    body = f"user,site,start,duration_s\n{lines}\n"
    client.post("/applications/shop/ingest/stays", content=body, headers=headers).raise_for_status()


def _read(client: httpx.Client) -> list[bytes]:
    question = {"params": [{"kpi": "attendance", "granularity": "week"}, {"kpi": "uniqUsers", "sites": True}]}
    url = f"/applications/shop/studies/all/geo-marketing/analytics?{DAYS}"
    answers = [client.post(url, json=question), client.get("/applications/shop/sites")]
    answers.append(client.get("/applications/shop/ingest"))
    return [answer.raise_for_status().content for answer in answers]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("duckdb", "duckdb"),
        pytest.param("duckdb", "mongo", marks=pytest.mark.slow),
        pytest.param("mongo", "duckdb", marks=pytest.mark.slow),
        pytest.param("mongo", "mongo", marks=pytest.mark.slow),
    ],
)
def test_restored_store_gives_the_same_answers(
    source: str, target: str, choose_store: Callable[[str], None], work_folder: Path
) -> None:
    """Back up a server over HTTP, verify the file, restore it elsewhere, and compare the bytes of answers."""
    choose_store(source)
    create_administrator()
    port = find_free_port()
    with start_server(port, work_folder / "log"), log_in(port) as client:
        _fill(client)
        expected = _read(client)
        token = client.headers["Authorization"].removeprefix("Bearer ")
        result = run_cli("backup", "b.okube", "--url", f"http://127.0.0.1:{port}", "--token", token)
        assert result.exit_code == 0, result.output
    path = Path("b.okube")
    assert path.stat().st_mode & 0o777 == 0o600
    verified = run_cli("restore", "b.okube", "--verify")
    assert verified.exit_code == 0, verified.output
    choose_store(target)
    restored = run_cli("restore", "b.okube")
    assert restored.exit_code == 0, restored.output
    again = run_cli("restore", "b.okube")
    assert again.exit_code == 1
    assert "--replace" in again.output
    with start_server(port, work_folder / "log"), log_in(port) as client:
        assert _read(client) == expected


def _make_backup(choose_store: Callable[[str], None]) -> Path:
    choose_store("duckdb")
    create_administrator()
    result = run_cli("backup", "b.okube")
    assert result.exit_code == 0, result.output
    return Path("b.okube")


@pytest.mark.parametrize("damage", ["truncated", "changed"])
def test_damaged_file_is_refused(damage: str, choose_store: Callable[[str], None]) -> None:
    """Refuse a damaged file before a store is created."""
    path = _make_backup(choose_store)
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        del content[len(content) // 2 :]
    else:
        content[200] ^= 255
    path.write_bytes(content)
    choose_store("duckdb")
    result = run_cli("restore", str(path))
    assert result.exit_code == 1
    assert "damaged" in result.output
    assert not Path(os.environ["OKUBE_STORE_URL"].removeprefix("duckdb:")).exists()


def test_other_secret_is_explained(choose_store: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse another secret key, unless it is confirmed."""
    path = _make_backup(choose_store)
    choose_store("duckdb")
    monkeypatch.setenv("OKUBE_SECRET_KEY", SECRET[::-1])
    result = run_cli("restore", str(path))
    assert result.exit_code == 1
    assert "fingerprint" in result.output
    assert run_cli("restore", str(path), "--other-secret").exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.6, 1.0, 1.6])
def test_killed_backup_leaves_no_file_under_its_name(seconds: float, choose_store: Callable[[str], None]) -> None:
    """Kill a backup at some instant: its file is complete or does not exist."""
    choose_store("duckdb")
    create_administrator()
    with start_cli("backup", "b.okube") as process:
        time.sleep(seconds)
        process.kill()
    if Path("b.okube").exists():
        assert run_cli("restore", "b.okube", "--verify").exit_code == 0


def test_existing_file_is_not_overwritten(choose_store: Callable[[str], None]) -> None:
    """Refuse the name of a file that exists."""
    _make_backup(choose_store)
    assert run_cli("backup", "b.okube").exit_code == 1


def test_backup_needs_a_platform_administrator(choose_store: Callable[[str], None], work_folder: Path) -> None:
    """Refuse a backup without a token."""
    choose_store("duckdb")
    create_administrator()
    port = find_free_port()
    with start_server(port, work_folder / "log"):
        assert httpx.post(f"http://127.0.0.1:{port}/admin/backup").status_code == 401
