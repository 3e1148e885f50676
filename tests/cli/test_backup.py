"""Backup and restore: between stores, over HTTP, damaged files and other secrets."""

import asyncio
import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from uuid import uuid4

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from okube_api.applications.repository import APPLICATIONS
from okube_api.cli.api import open_api
from okube_api.store.conditions import equal
from okube_api.store.mongo.frozen_store import PinnedReads
from okube_api.store.mongo.store import FrozenMongoStore
from pymongo import MongoClient

from tests.processes import Command, create_administrator, find_free_port, log_in, run_cli, start_server

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


SITE = {"name": "Paris", "key": "paris", "online": True}
STAYS = "user,site,start,duration_s\n" + "".join(
    f"user-{n % 7},paris,2026-01-{n % 28 + 1:02}T10:00:00Z,900\n" for n in range(60)
)
CSV = {"Content-Type": "text/csv"}


def _fill(client: httpx.Client) -> None:
    client.post("/applications", json={"name": "Shop", "key": "shop"}).raise_for_status()
    client.post("/applications/shop/sites", json=SITE).raise_for_status()
    client.post("/applications/shop/ingest/stays", content=STAYS, headers=CSV).raise_for_status()


def _fill_store(*keys: str) -> None:
    """Create applications with events in the store of the settings, without a server."""

    async def fill() -> None:
        async with open_api(None, None, creates_store=True) as api:
            for key in keys:
                await api.send("POST", "/applications", json={"name": key, "key": key})
                await api.send("POST", f"/applications/{key}/sites", json=SITE)
                await api.send("POST", f"/applications/{key}/ingest/stays", content=STAYS, headers=CSV)

    asyncio.run(fill())


def _read(client: httpx.Client) -> list[bytes]:
    question = {"params": [{"kpi": "attendance", "granularity": "week"}, {"kpi": "uniqUsers", "sites": True}]}
    url = f"/applications/shop/studies/all/geo-marketing/analytics?{DAYS}"
    answers = [client.post(url, json=question), client.get("/applications/shop/sites")]
    answers.append(client.get("/applications/shop/ingest"))
    return [answer.raise_for_status().content for answer in answers]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("duckdb", "duckdb"),
        ("duckdb", "mongo"),
        ("mongo", "duckdb"),
    ],  # each side runs the code of its own store
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
    assert "113 figures equal those of the backup" in _join_lines(verified.output)
    choose_store(target)
    restored = run_cli("restore", "b.okube")
    assert restored.exit_code == 0, restored.output
    again = run_cli("restore", "b.okube")
    assert again.exit_code == 1
    assert "--replace" in again.output
    with start_server(port, work_folder / "log"), log_in(port) as client:
        assert _read(client) == expected


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Back up a store that has a user only."""
    folder = tmp_path_factory.mktemp("backup")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OKUBE_SECRET_KEY", SECRET)
        patch.setenv("OKUBE_STORE_URL", f"duckdb:{folder / 'okube.duckdb'}")
        create_administrator()
        result = run_cli("backup", str(folder / "b.okube"))
    assert result.exit_code == 0, result.output
    return (folder / "b.okube").read_bytes()


@pytest.fixture
def path(backup: bytes, work_folder: Path) -> Path:
    """Return the path of a backup in the folder of the test."""
    path = work_folder / "b.okube"
    path.write_bytes(backup)
    return path


@pytest.mark.parametrize("damage", ["truncated", "changed"])
def test_damaged_file_is_refused(damage: str, path: Path, choose_store: Callable[[str], None]) -> None:
    """Refuse a damaged file before a store is created."""
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


def test_other_secret_is_explained(
    path: Path, choose_store: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refuse another secret key, unless it is confirmed; the store then belongs to that key."""
    choose_store("duckdb")
    monkeypatch.setenv("OKUBE_SECRET_KEY", SECRET[::-1])
    result = run_cli("restore", str(path))
    assert result.exit_code == 1
    assert "fingerprint" in result.output
    assert run_cli("restore", str(path), "--other-secret").exit_code == 0
    assert run_cli("user", "list").exit_code == 0
    monkeypatch.setenv("OKUBE_SECRET_KEY", SECRET)
    assert run_cli("user", "list").exit_code == 1


def test_lost_secret_is_replaced(
    path: Path, choose_store: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Create a key for a new store when this is confirmed, so that a server can use the store."""
    choose_store("duckdb")
    monkeypatch.delenv("OKUBE_SECRET_KEY")
    result = run_cli("restore", str(path))
    assert result.exit_code == 1
    assert "There is no secret key here" in result.output
    assert run_cli("restore", str(path), "--other-secret").exit_code == 0
    assert run_cli("user", "list").exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6])
def test_killed_backup_leaves_no_file_under_its_name(seconds: float, choose_store: Callable[[str], None]) -> None:
    """Kill a backup at some instant: its file is complete or does not exist."""
    choose_store("duckdb")
    create_administrator()
    process = Command("backup", "b.okube")
    time.sleep(seconds)
    process.kill()
    process.finish()
    if Path("b.okube").exists():
        assert run_cli("restore", "b.okube", "--verify").exit_code == 0


def _edit_figures(path: Path, edit: Callable[[dict[str, object]], dict[str, object]]) -> None:
    """Replace each figure of a backup by that which a function returns."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    lines = [json.loads(line) for line in members["figures.ndjson"].splitlines()]
    figures = b"".join(json.dumps(edit(line)).encode() + b"\n" for line in lines)
    manifest = json.loads(members["manifest.json"])
    manifest["members"]["figures.ndjson"] = {"sha256": hashlib.sha256(figures).hexdigest(), "bytes": len(figures)}
    members |= {"figures.ndjson": figures, "manifest.json": json.dumps(manifest).encode()}
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


@pytest.mark.slow
def test_verification_tells_equal_figures_from_others(choose_store: Callable[[str], None], work_folder: Path) -> None:
    """Name the figure that differs, and say how many are equal and how many cannot be compared."""
    choose_store("duckdb")
    _fill_store("shop")
    assert run_cli("backup", "b.okube").exit_code == 0

    def edit(figure: dict[str, object]) -> dict[str, object]:
        if figure["kpi"] == "presence attendance":
            return figure | {"etag": "changed"}
        if not str(figure["kpi"]).startswith("performance"):
            return figure
        return {name: figure[name] for name in ("application", "key", "until", "kpi")} | {"refused": "unavailable"}

    _edit_figures(Path("b.okube"), edit)
    result = run_cli("restore", "b.okube", "--verify")
    assert result.exit_code == 1
    output = _join_lines(result.output)
    assert "shop: presence attendance differs" in output
    assert "Not compared: 16 figures, which the server refused when the backup was made (unavailable 16)." in output
    assert "1 figure of the backup could not be reproduced, 96 could." in output


def _join_lines(output: str) -> str:
    """Return the output of a command without the line breaks of the terminal."""
    return " ".join(output.split())


def test_replace_deletes_what_the_store_had(path: Path, choose_store: Callable[[str], None]) -> None:
    """Restore over another store when this is confirmed."""
    choose_store("duckdb")
    _fill_store("shop")
    assert run_cli("restore", str(path)).exit_code == 1
    assert run_cli("restore", str(path), "--replace").exit_code == 0
    assert run_cli("backup", "replaced.okube").exit_code == 0
    with zipfile.ZipFile("replaced.okube") as archive:
        assert json.loads(archive.read("manifest.json"))["applications"] == []


@pytest.mark.slow
@pytest.mark.parametrize("store", ["duckdb", "mongo"])
def test_batches_of_a_backup_are_whole(store: str, choose_store: Callable[[str], None], work_folder: Path) -> None:
    """Send batches while backups are made: each is in a backup with all its rows, or not at all."""
    choose_store(store)
    create_administrator()
    port = find_free_port()
    with start_server(port, work_folder / "log"), log_in(port) as client, ThreadPoolExecutor(1) as thread:
        _fill(client)
        stop = Event()
        sent = thread.submit(_send_batches, client, stop)
        token = client.headers["Authorization"].removeprefix("Bearer ")
        for number in range(3):
            result = run_cli("backup", f"{number}.okube", "--url", f"http://127.0.0.1:{port}", "--token", token)
            assert result.exit_code == 0, result.output
        stop.set()
        assert sent.result() > 3
    counts = []
    for number in range(3):
        choose_store("duckdb")
        assert run_cli("restore", f"{number}.okube").exit_code == 0
        with start_server(port, work_folder / "log"), log_in(port) as client:
            url = "/applications/shop/studies/all/geo-marketing/analytics?from=2026-02-01&to=2026-02-28&uplift=false"
            answer = client.post(url, json={"params": [{"kpi": "posSessions"}]}).raise_for_status().json()
            counts.append(answer[0]["data"]["all"])
    assert all(count % BATCH == 0 for count in counts), counts
    assert counts == sorted(counts)


@pytest.mark.slow
def test_application_deleted_meanwhile_is_left_out(
    choose_store: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delete an application after its documents were read and before its rows are: nothing of it is restored."""
    choose_store("mongo")
    _fill_store("shop", "cafe")
    list_counters = PinnedReads.list_counters

    async def delete_shop(store: FrozenMongoStore) -> list[tuple[str, str, int]]:
        if shop := await store.get(APPLICATIONS, equal("key", "shop")):
            await store.delete(APPLICATIONS, equal("_id", shop["_id"]))
            await store.delete_rows(shop["_id"])
        return await list_counters(store)

    monkeypatch.setattr(PinnedReads, "list_counters", delete_shop)
    assert run_cli("backup", "b.okube").exit_code == 0
    verified = run_cli("restore", "b.okube", "--verify")
    assert verified.exit_code == 0, verified.output
    assert "113 figures equal those of the backup" in _join_lines(verified.output)
    assert len(_list_owners(Path("b.okube"))) == 2
    choose_store("duckdb")
    assert run_cli("restore", "b.okube").exit_code == 0
    assert run_cli("backup", "restored.okube").exit_code == 0
    assert len(_list_owners(Path("restored.okube"))) == 1


def _list_owners(path: Path) -> set[str]:
    """Return the ids of the applications to which documents, rows, numbers or counters of a backup belong."""
    owners: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith(".parquet"):
                continue
            rows = pq.read_table(pa.BufferReader(archive.read(name)))
            if "document" in rows.column_names:
                documents = [json.loads(text) for text in rows["document"].to_pylist()]
                owners |= {document["application"] for document in documents if "application" in document}
            else:
                owners |= set(rows["application"].to_pylist())
    return owners


BATCH = 40


def _send_batches(client: httpx.Client, stop: Event) -> int:
    """Send batches of stays of February until the event is set; return how many."""
    sent = 0
    while not stop.is_set():
        lines = "\n".join(f"user-{sent}-{n},paris,2026-02-{n % 28 + 1:02}T10:00:00Z,900" for n in range(BATCH))
        client.post(
            "/applications/shop/ingest/stays",
            content=f"user,site,start,duration_s\n{lines}\n",
            headers={"Content-Type": "text/csv"},
        ).raise_for_status()
        sent += 1
    return sent


def test_existing_file_is_not_overwritten(path: Path, backup: bytes, choose_store: Callable[[str], None]) -> None:
    """Refuse the name of a file that exists."""
    choose_store("duckdb")
    create_administrator()
    assert run_cli("backup", str(path)).exit_code == 1
    assert path.read_bytes() == backup
