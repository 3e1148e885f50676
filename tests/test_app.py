"""Tests of what the application sets in its process while it runs."""

import gc
from pathlib import Path

import pytest
from okube_api.app import create_app
from okube_api.settings import Settings


@pytest.mark.anyio
async def test_garbage_is_collected_seldom_while_the_server_runs(tmp_path: Path) -> None:
    before = gc.get_threshold()
    app = create_app(Settings(store_url=f"duckdb:{tmp_path / 'okube.duckdb'}"))
    async with app.router.lifespan_context(app):
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 10_000  # Python's is 700 or 2,000
    assert gc.get_threshold() == before
