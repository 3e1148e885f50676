"""Route of the backup: who gets one, and when."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from okube_api.backup import stream

from tests.api.server import Server, run_server

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def shared_server(store_kind: str, fresh_store_url: Callable[[], str]) -> AsyncIterator[Server]:
    """Run the application on a store of its own: a backup takes all that other tests have left in the shared one."""
    async with run_server(store_kind, fresh_store_url()) as server:
        yield server


async def test_backup_is_a_complete_archive(platform: httpx.AsyncClient) -> None:
    """Send an archive that ends with its manifest, and let nobody store it on the way."""
    response = await platform.post("/admin/backup")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[-1] == "manifest.json"


async def test_second_backup_at_the_same_time_is_refused(server: Server, platform: httpx.AsyncClient) -> None:
    """Answer 429 with a time to wait while another backup is being sent, and a backup afterwards."""
    async with server.app.state.backup_slot.lock:
        refused = await platform.post("/admin/backup")
    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_requests"
    assert int(refused.headers["Retry-After"]) > 0
    assert (await platform.post("/admin/backup")).status_code == 200


async def test_client_that_leaves_ends_its_backup(
    server: Server, platform: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop the work on a backup before another one may begin."""
    steps: list[str] = []
    has_begun = asyncio.Event()

    async def write_forever(*_arguments: object) -> None:
        has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("stopped")

    monkeypatch.setattr(stream, "write_backup", write_forever)
    request = asyncio.create_task(platform.post("/admin/backup"))
    await has_begun.wait()
    lock = server.app.state.backup_slot.lock
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    async with lock:
        steps.append("free")
    assert steps == ["stopped", "free"]


async def test_backup_needs_a_platform_administrator(
    nobody: httpx.AsyncClient, reader: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    """Refuse a backup without a token, and to users of an application, also its administrators."""
    statuses = [(await client.post("/admin/backup")).status_code for client in (nobody, reader, admin)]
    assert statuses == [401, 403, 403]
