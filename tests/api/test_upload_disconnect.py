"""Uploads whose client leaves: the work stops and nothing of the file counts, unless it is being stored already."""

import asyncio
import io
import threading
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from okube_api.auth.repository import Role
from okube_api.ingest.load import file_blocks
from okube_api.ingest.parse.line_blocks import LineBlock
from okube_api.ingest.parse.text import NdjsonParser
from okube_api.kit.bulk_upsert import BulkUpsert
from starlette.types import Message

from tests.api.server import LOOPBACK, Server, Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PING = {"user": "u", "at": "2024-03-28T10:00:00Z", "lng": 4.8, "lat": 45.7}
NDJSON = b'{"user": "u", "at": "2024-03-28T10:00:00Z", "lng": 4.8, "lat": 45.7}\n'


def write_parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([PING]), file)
    return file.getvalue()


async def upload(
    server: Server,
    tenant: Tenant,
    path: str,
    headers: dict[str, str],
    body: bytes,
    *,
    leaves: asyncio.Event,
    is_complete: bool = True,
) -> int | None:
    """Send a body, disconnect when `leaves` is set, and return the status that the server would have answered."""
    token = f"Bearer {server.issue_token(tenant.users[Role.EDITOR])}"
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": not is_complete}]
    statuses: list[int] = []

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await leaves.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    all_headers = {"host": "127.0.0.1", "authorization": token, **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "client": LOOPBACK,
        "headers": [(name.encode(), value.encode()) for name, value in all_headers.items()],
    }
    await server.app(scope, receive, send)
    return statuses[0] if statuses else None


@pytest.mark.parametrize("is_complete", [True, False], ids=["whole body", "part of the body"])
@pytest.mark.parametrize(
    ("media", "body"),
    [("application/x-ndjson", NDJSON), ("application/vnd.apache.parquet", write_parquet())],
    ids=["ndjson", "parquet"],
)
async def test_an_upload_stops_when_its_client_leaves(
    server: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, media: str, body: bytes, *, is_complete: bool
) -> None:
    """Let parsing wait until the client has left; a file of which only a part arrives is not parsed at all."""
    is_parsing, may_end, leaves = asyncio.Event(), threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def block(*arguments: Any, **options: Any) -> Any:
        loop.call_soon_threadsafe(is_parsing.set)
        assert may_end.wait(10)
        return iter(())

    def block_lines(parser: NdjsonParser, lines: LineBlock, *, is_last: bool = True) -> Any:
        return block()

    monkeypatch.setattr(file_blocks, "read_parquet", lambda *arguments: (block() for _ in range(1)))
    monkeypatch.setattr(NdjsonParser, "read", block_lines)
    path = f"{tenant.url}/ingest/pings"
    upload_file = upload(server, tenant, path, {"content-type": media}, body, leaves=leaves, is_complete=is_complete)
    request = asyncio.create_task(upload_file)
    try:
        if is_complete:
            await asyncio.wait_for(is_parsing.wait(), 5)
        else:
            await asyncio.wait({request}, timeout=0.2)
        assert not request.done()
        leaves.set()
        assert await asyncio.wait_for(request, 2) == 499
    finally:
        may_end.set()
    (batch,) = (await tenant.editor.get(f"{tenant.url}/ingest")).json()["documents"]
    assert (batch["state"], batch["accepted"]) == ("interrupted", 0)


TABLES = {
    "sites/import": b"key,name\none,One\ntwo,Two\n",
    "pois": b"key,name,latitude,longitude\none,One,45.7,4.8\ntwo,Two,45.8,4.9\n",
    "campaigns": b"key,name\none,One\ntwo,Two\n",
    "studies": b"key,name\none,One\ntwo,Two\n",
}


def build_form(table: bytes) -> bytes:
    """Return a multipart body with a table."""
    return b'--x\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n' + table + b"\r\n--x--\r\n"


async def list_keys(tenant: Tenant, path: str) -> set[str]:
    """Return the keys of the imported resources."""
    listed = (await tenant.reader.get(f"{tenant.url}/{path.partition('/')[0]}")).json()["documents"]
    return {document["key"] for document in listed}


@pytest.mark.parametrize("path", TABLES)
@pytest.mark.parametrize("step", ["prepare", "write"])
async def test_an_import_whose_client_leaves_is_stored_completely_or_not_at_all(
    server: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, path: str, step: str
) -> None:
    """Let the client leave while the table is checked, and while it is stored; then repeat the request."""
    has_begun, may_end, leaves = asyncio.Event(), asyncio.Event(), asyncio.Event()
    perform = getattr(BulkUpsert, step)

    async def wait_and_perform(bulk: BulkUpsert, *arguments: Any) -> Any:
        has_begun.set()
        await may_end.wait()
        return await perform(bulk, *arguments)

    headers = {"content-type": "multipart/form-data; boundary=x", "idempotency-key": f"{path}-{step}"}
    url, body = f"{tenant.url}/{path}", build_form(TABLES[path])
    with monkeypatch.context() as patched:
        patched.setattr(BulkUpsert, step, wait_and_perform)
        request = asyncio.create_task(upload(server, tenant, url, headers, body, leaves=leaves))
        await asyncio.wait_for(has_begun.wait(), 5)
        leaves.set()
        if step == "prepare":
            assert await asyncio.wait_for(request, 5) == 499
        else:
            await asyncio.wait({request}, timeout=0.2)
            may_end.set()
            assert await asyncio.wait_for(request, 5) == 200
    assert await list_keys(tenant, path) == (set() if step == "prepare" else {"one", "two"})
    again = await tenant.editor.post(url, content=body, headers=headers)
    assert (again.status_code, again.json()["created"]) == (200, 2)
    assert ("idempotency-replayed" in again.headers) == (step == "write")
    assert await list_keys(tenant, path) == {"one", "two"}
