"""Uploads whose client leaves: the work stops, and nothing of the file counts."""

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
from starlette.types import Message

from tests.api.server import LOOPBACK, Server, Tenant

pytestmark = pytest.mark.anyio

PING = {"user": "u", "at": "2024-03-28T10:00:00Z", "lng": 4.8, "lat": 45.7}
NDJSON = b'{"user": "u", "at": "2024-03-28T10:00:00Z", "lng": 4.8, "lat": 45.7}\n'


def write_parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([PING]), file)
    return file.getvalue()


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
    token = f"Bearer {server.issue_token(tenant.users[Role.EDITOR])}"
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": not is_complete}]
    sent: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop()
        if not is_complete:
            is_parsing.set()
        await leaves.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    path = f"{tenant.url}/ingest/pings"
    headers = {"host": "127.0.0.1", "authorization": token, "content-type": media}
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "client": LOOPBACK,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    request = asyncio.create_task(server.app(scope, receive, send))
    try:
        await asyncio.wait_for(is_parsing.wait(), 5)
        assert not request.done()
        leaves.set()
        await asyncio.wait_for(request, 2)
    finally:
        may_end.set()
    assert sent[0]["status"] == 499
    (batch,) = (await tenant.editor.get(f"{tenant.url}/ingest")).json()["documents"]
    assert (batch["state"], batch["accepted"]) == ("interrupted", 0)
