"""The limit of files of events: of the bytes that are sent, and of the decompressed file."""

import gzip
from collections.abc import AsyncIterator, Callable

import pytest
import zstandard
from okube_api.auth.repository import Role

from tests.api.server import Server, Tenant, share_store

pytestmark = pytest.mark.anyio

LIMIT = 20_000
LINE = b'{"user": "u", "at": "2024-03-28T10:00:00Z", "lng": 4.8, "lat": 45.7}\n'


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.fixture(scope="module")
async def limited(shared_server: Server) -> AsyncIterator[Server]:
    """Run the application with a low limit."""
    async with share_store(shared_server, ingest_limit=LIMIT) as other:
        yield other


@pytest.mark.parametrize(("size", "status"), [(LIMIT - 100, 201), (LIMIT + 100, 413)])
@pytest.mark.parametrize("encoding", COMPRESSIONS)
async def test_file_has_a_maximum_size(limited: Server, tenant: Tenant, encoding: str, size: int, status: int) -> None:
    lines = LINE * (size // len(LINE))
    body = COMPRESSIONS[encoding](lines + b" " * (size - len(lines)))
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": encoding}
    client = limited.client_of(tenant.users[Role.EDITOR])
    answer = await client.post(f"{tenant.url}/ingest/pings", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 413:
        assert answer.json()["code"] == "too_large"
        assert '"visible"' not in (await client.get(f"{tenant.url}/ingest")).text
