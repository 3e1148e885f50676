"""Health and metrics."""

import httpx
import pytest
from okube_api.app import create_app
from okube_api.settings import Settings
from okube_api.store.errors import Unavailable

from tests.api.server import SECRET, Server, share_store

pytestmark = pytest.mark.anyio


async def test_running_server_is_live_and_ready(nobody: httpx.AsyncClient) -> None:
    assert (await nobody.get("/health/live")).json() == {"status": "live"}
    assert (await nobody.get("/health/ready")).json() == {"status": "ready"}


async def test_server_is_live_but_not_ready_without_its_database(
    server: Server, nobody: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise Unavailable("no answer")

    store = server.services.store
    caller = server.client_of(await server.create_user())
    for name in ("ping", "get"):
        monkeypatch.setattr(type(store), name, fail)
    assert (await nobody.get("/health/live")).status_code == 200
    for answer in (await nobody.get("/health/ready"), await caller.get("/sites")):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
    monkeypatch.undo()
    assert (await caller.get("/sites")).status_code == 200


@pytest.mark.slow
async def test_server_starts_without_its_database() -> None:
    """Start with a port on which nothing listens."""
    app = create_app(Settings(store_url="mongodb://127.0.0.1:9/okube?serverSelectionTimeoutMS=200", secret_key=SECRET))
    async with app.router.lifespan_context(app):
        nobody = Server(app, "mongo").client()
        assert (await nobody.get("/health/live")).status_code == 200
        assert (await nobody.get("/health/ready")).status_code == 503


async def test_metrics_require_their_own_token(server: Server) -> None:
    assert (await server.client().get("/metrics")).status_code == 404
    async with share_store(server, metrics_token="a token for metrics") as metered:
        admin = metered.client_of(await metered.create_user(platform_admin=True))
        await admin.get("/applications/one%20of%20many")
        for caller in (metered.client(), admin, metered.client("another token")):
            assert (await caller.get("/metrics")).status_code == 401
        answer = await metered.client("a token for metrics").get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        route = 'method="GET",route="/applications/{application}",status="404"'
        assert f"okube_requests_total{{{route}}} 1.0" in answer.text
        assert "one of many" not in answer.text
