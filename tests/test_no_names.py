"""Names of users and devices are stored nowhere: neither in the store nor in logs or temporary files."""

import gzip
import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from tests.processes import create_administrator, find_free_port, log_in, start_server

NAMES = ("zaphod beeblebrox", "trillian's phone")
USER, DEVICE = NAMES
AT = "2024-03-28T10:00:00Z"
NDJSON, CSV, PARQUET = "application/x-ndjson", "text/csv", "application/vnd.apache.parquet"
GOOD: dict[str, dict[str, Any]] = {
    "panelists": {"user": USER, "weight": 2},
    "pings": {"user": USER, "at": AT, "lng": 4.83, "lat": 45.76},
    "stays": {"user": USER, "site": "shop", "start": AT, "duration_s": 600, "zone": "indoor"},
    "detections": {"device": DEVICE, "equipment": "door", "at": AT},
    "visits": {"user": USER, "site": "shop", "at": AT},
    "purchases": {"user": USER, "site": "shop", "at": AT, "amount": 5},
}
BAD = (
    f'{{"user": "{USER}", "at":',
    f'{{"user": "{USER}", "device": "{DEVICE}", "at": "never", "lng": "{USER}"}}',
    f'["{USER}"]',
    f'"{DEVICE}"',
    f'{{"{USER}": 1}}',
    f'{{"user": "shop", "site": "{USER}", "at": "{AT}", "amount": 5}}',
    f'{{"device": "door", "equipment": "{DEVICE}", "at": "{AT}"}}',
)


def upload(caller: httpx.Client, kind: str, body: bytes, media: str = NDJSON, query: str = "", **headers: str) -> int:
    """Upload a file of events and return the status."""
    url = f"/applications/acme/ingest/{kind}{query}"
    return caller.post(url, content=body, headers={"Content-Type": media, **headers}).status_code


def parquet(event: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([event, {**event, "weight": -1}]), file)
    return file.getvalue()


def upload_everything(caller: httpx.Client) -> None:
    """Upload files in every way in which they can be accepted or rejected."""
    resources = {"sites": {"key": "shop", "online": False, "coordinates": [4.83, 45.76], "name": "Shop"}}
    resources["sites/shop/equipments"] = {"key": "door", "name": "Door"}
    assert caller.post("/applications", json={"key": "acme"}).status_code == 201
    for path, fields in resources.items():
        assert caller.post(f"/applications/acme/{path}", json=fields).status_code == 201
    for kind, event in GOOD.items():
        body = "\n".join((json.dumps(event), *BAD)).encode()
        headers = {"Content-Encoding": "gzip", "Idempotency-Key": kind}
        assert upload(caller, kind, gzip.compress(body), **headers) == 201
        assert upload(caller, kind, body, query="?atomic=true") == 422
        assert upload(caller, kind, gzip.compress(body)[:-9], **{"Content-Encoding": "gzip"}) == 400
        header, cells = ",".join(event), ",".join(map(str, event.values()))
        assert upload(caller, kind, f"{cells}\n{cells}\n".encode(), CSV) == 422  # without a header
        assert upload(caller, kind, f'{header}\n{cells}\n{cells},{USER}\n"{DEVICE}\n'.encode(), CSV) == 201
    assert upload(caller, "panelists", parquet(GOOD["panelists"]), PARQUET) == 201
    batches = caller.get("/applications/acme/ingest").json()["documents"]
    rejected = [caller.get(f"/applications/acme/ingest/{batch['_id']}/rejected") for batch in batches]
    assert any(USER in answer.text for answer in rejected if answer.is_success)  # decrypted for those with the right
    for url in ("/applications/acme/users-data/", "/applications/nowhere/users-data/", "/nowhere/users-data/"):
        caller.delete(url + NAMES[0])
    assert upload(caller, "pings", json.dumps(GOOD["pings"]).encode(), query="?wait=false") == 202


@pytest.fixture(params=["duckdb", "mongo"])
def database(
    request: pytest.FixtureRequest, work_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str | None]:
    """Point the settings to a store and a folder for temporary files; yield the name of the database of MongoDB."""
    (work_folder / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(work_folder / "temporary"))
    if request.param == "duckdb":
        yield None
        return
    uri, name = request.getfixturevalue("mongo_uri").rstrip("/"), f"names_{uuid4().hex[:12]}"
    monkeypatch.setenv("OKUBE_STORE_URL", f"{uri}/{name}")
    monkeypatch.setenv("OKUBE_SECRET_KEY", "a secret key for tests, which is long enough")
    yield name
    with MongoClient[Any](uri) as server:
        server.drop_database(name)


def find_text(work_folder: Path, database: str | None, uri: str | None, text: str) -> list[str]:
    """Return the files and the collections of MongoDB that contain a text."""
    places = [str(path) for path in work_folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
    if database is not None:
        with MongoClient[RawBSONDocument](uri, document_class=RawBSONDocument) as server:
            for collection in server[database].list_collections():
                for document in server[database][collection["name"]].find():
                    if text.encode() in document.raw:
                        places.append(collection["name"])
    return places


@pytest.mark.slow
def test_names_are_stored_nowhere(work_folder: Path, database: str | None, request: pytest.FixtureRequest) -> None:
    """Search while the server runs, after it was killed in the middle of work, and after it has finished that work."""
    uri = request.getfixturevalue("mongo_uri") if database else None
    create_administrator()
    port, log = find_free_port(), work_folder / "log"
    with start_server(port, log) as server, log_in(port) as caller:
        upload_everything(caller)
        assert find_text(work_folder, database, uri, "door"), "the search finds what is stored"
        for name in NAMES:
            assert find_text(work_folder, database, uri, name) == []
        server.kill()
    for name in NAMES:
        assert find_text(work_folder, database, uri, name) == []
    with start_server(port, log) as server:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    for name in (*NAMES, "zaphod", "trillian"):
        assert find_text(work_folder, database, uri, name) == []
    assert "users-data" in log.read_text()
    if database is None:
        assert not is_in_tables(work_folder / "okube-data" / "okube.duckdb", "zaphod")


def is_in_tables(path: Path, text: str) -> bool:
    """Return whether a table contains a text; a search of the file would not see it because columns are compressed."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        rows = [row for table in tables for row in connection.execute(f'SELECT * FROM "{table}"').fetchall()]
    assert any("door" in repr(row) for row in rows)
    return any(text in repr(row) for row in rows)
