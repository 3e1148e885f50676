"""No name of a user or device is found anywhere: not in the store, the logs or temporary files, whatever was sent."""

import gzip
import io
import json
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

from tests.processes import client, folder, serving, with_administrator
from tests.cli.test_commands import free_port

__all__ = ["folder"]

NAMES = ("zaphod beeblebrox", "trillian's phone")
WHO, WHAT = NAMES
AT = "2024-03-28T10:00:00Z"
NDJSON, CSV, PARQUET = "application/x-ndjson", "text/csv", "application/vnd.apache.parquet"
GOOD: dict[str, dict[str, Any]] = {
    "panelists": {"user": WHO, "weight": 2},
    "pings": {"user": WHO, "at": AT, "lng": 4.83, "lat": 45.76},
    "stays": {"user": WHO, "site": "shop", "start": AT, "duration_s": 600, "zone": "indoor"},
    "detections": {"device": WHAT, "equipment": "door", "at": AT},
    "visits": {"user": WHO, "site": "shop", "at": AT},
    "purchases": {"user": WHO, "site": "shop", "at": AT, "amount": 5},
}
BAD = (
    f'{{"user": "{WHO}", "at":',
    f'{{"user": "{WHO}", "device": "{WHAT}", "at": "never", "lng": "{WHO}"}}',
    f'["{WHO}"]',
    f'"{WHAT}"',
    f'{{"{WHO}": 1}}',
    f'{{"user": "shop", "site": "{WHO}", "at": "{AT}", "amount": 5}}',
    f'{{"device": "door", "equipment": "{WHAT}", "at": "{AT}"}}',
)


def sent(caller: httpx.Client, kind: str, body: bytes, media: str = NDJSON, query: str = "", **headers: str) -> int:
    """The status that a file is answered with."""
    url = f"/applications/acme/ingest/{kind}{query}"
    return caller.post(url, content=body, headers={"Content-Type": media, **headers}).status_code


def parquet(event: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([event, {**event, "weight": -1}]), file)
    return file.getvalue()


def everything(caller: httpx.Client) -> None:
    """Files in every way in which they can be taken, or refused."""
    places = {"sites": {"key": "shop", "online": False, "coordinates": [4.83, 45.76], "name": "Shop"}}
    places["sites/shop/equipments"] = {"key": "door", "name": "Door"}
    assert caller.post("/applications", json={"key": "acme"}).status_code == 201
    for what, place in places.items():
        assert caller.post(f"/applications/acme/{what}", json=place).status_code == 201
    for kind, event in GOOD.items():
        body = "\n".join((json.dumps(event), *BAD)).encode()
        packed = {"Content-Encoding": "gzip", "Idempotency-Key": kind}
        assert sent(caller, kind, gzip.compress(body), **packed) == 201
        assert sent(caller, kind, body, query="?atomic=true") == 422
        assert sent(caller, kind, gzip.compress(body)[:-9], **{"Content-Encoding": "gzip"}) == 400
        header, cells = ",".join(event), ",".join(map(str, event.values()))
        assert sent(caller, kind, f"{cells}\n{cells}\n".encode(), CSV) == 422  # without a header
        assert sent(caller, kind, f'{header}\n{cells}\n{cells},{WHO}\n"{WHAT}\n'.encode(), CSV) == 201
    assert sent(caller, "panelists", parquet(GOOD["panelists"]), PARQUET) == 201
    batches = caller.get("/applications/acme/ingest").json()["documents"]
    rejected = [caller.get(f"/applications/acme/ingest/{batch['_id']}/rejected") for batch in batches]
    assert any(WHO in one.text for one in rejected if one.is_success)  # whoever may, reads them as they were
    for url in ("/applications/acme/users-data/", "/applications/nowhere/users-data/", "/nowhere/users-data/"):
        caller.delete(url + NAMES[0])
    assert sent(caller, "pings", json.dumps(GOOD["pings"]).encode(), query="?wait=false") == 202


@pytest.fixture(params=["duckdb", "mongo"])
def database(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str | None]:
    """The settings name a store, and a folder for temporary files; the name of MongoDB's database."""
    (folder / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(folder / "temporary"))
    if request.param == "duckdb":
        yield None
        return
    uri, name = request.getfixturevalue("mongo_uri").rstrip("/"), f"names_{uuid4().hex[:12]}"
    monkeypatch.setenv("OKUBE_STORE_URL", f"{uri}/{name}")
    monkeypatch.setenv("OKUBE_SECRET_KEY", "a secret key for tests, which is long enough")
    yield name
    with MongoClient[Any](uri) as found:
        found.drop_database(name)


def holding(folder: Path, database: str | None, uri: str | None, text: str) -> list[str]:
    """Where a text stands: files, and documents of MongoDB."""
    found = [str(path) for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
    if database is not None:
        with MongoClient[RawBSONDocument](uri, document_class=RawBSONDocument) as server:
            for collection in server[database].list_collections():
                for document in server[database][collection["name"]].find():
                    if text.encode() in document.raw:
                        found.append(collection["name"])
    return found


def test_no_name_is_found_anywhere(folder: Path, database: str | None, request: pytest.FixtureRequest) -> None:
    """While the server runs, after it was killed with work under way, and after it has finished that."""
    uri = request.getfixturevalue("mongo_uri") if database else None
    with_administrator()
    port, log = free_port(), folder / "log"
    with serving(port, log) as server, client(port) as caller:
        everything(caller)
        assert holding(folder, database, uri, "door"), "what is stored can be found"
        for name in NAMES:
            assert holding(folder, database, uri, name) == []
        server.kill()
    for name in NAMES:
        assert holding(folder, database, uri, name) == []
    with serving(port, log) as server:
        server.terminate()
        server.wait(20)
    for name in (*NAMES, "zaphod", "trillian"):
        assert holding(folder, database, uri, name) == []
    assert "users-data" in log.read_text()
    if database is None:
        assert not told_by_tables(folder / "okube-data" / "okube.duckdb", "zaphod")


def told_by_tables(path: Path, text: str) -> bool:
    """Whether a text stands in a column of a table: files hold them compressed."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        rows = [row for table in tables for row in connection.execute(f'SELECT * FROM "{table}"').fetchall()]
    assert any("door" in repr(row) for row in rows)
    return any(text in repr(row) for row in rows)
