"""Tests of what the application sets in its process while it runs."""

import asyncio
import gc
from pathlib import Path

import anyio
import pytest
from okube_api.app import create_app
from okube_api.settings import Settings
from okube_api.store.duckdb.store import DuckStore
from okube_api.store.errors import Unavailable

from tests.api.server import PASSWORD


@pytest.mark.anyio
async def test_garbage_is_collected_seldom_while_the_server_runs(tmp_path: Path) -> None:
    before = gc.get_threshold()
    app = create_app(Settings(store_url=f"duckdb:{tmp_path / 'okube.duckdb'}"))
    async with app.router.lifespan_context(app):
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 10_000  # Python's is 700 or 2,000
    assert gc.get_threshold() == before


@pytest.mark.anyio
async def test_administrator_of_the_settings_is_created_once_the_database_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the first two attempts to start the store fail, as if its database did not run yet."""
    start, attempts = DuckStore.start, 0

    async def start_late(store: DuckStore) -> None:
        nonlocal attempts
        attempts += 1
        if attempts <= 2:
            raise Unavailable("no answer")
        await start(store)

    monkeypatch.setattr(DuckStore, "start", start_late)
    monkeypatch.setattr(DuckStore, "is_exclusive", False)  # as the only stores that may not answer
    monkeypatch.setattr("okube_api.app.RETRY_INTERVAL_S", 0.01)
    password_file = tmp_path / "password"
    await anyio.Path(password_file).write_text(PASSWORD, encoding="utf-8")
    url = f"duckdb:{tmp_path / 'okube.duckdb'}"
    app = create_app(Settings(store_url=url, admin_login="root@example.com", admin_password_file=password_file))
    async with app.router.lifespan_context(app):
        await app.state.starting
        users = app.state.services.sessions.users
        with anyio.fail_after(20):
            while (user := await users.find_by_login("root@example.com")) is None:  # noqa: ASYNC110 - nothing tells when the user exists
                await asyncio.sleep(0.01)
        assert user["platformAdmin"]
    assert attempts == 3
