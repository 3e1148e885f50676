"""Test that the loader keeps to the memory limit of the settings."""

from collections.abc import Callable

import pytest
from okube_api.api.container import build_services
from okube_api.cli.fill_demo import build_demo_services
from okube_api.ingest.load import pseudonyms
from okube_api.ingest.service import Ingest
from okube_api.settings import Settings
from okube_api.store import open_workbench
from okube_api.store.protocol import Store, Workbench

from tests.ingest.ingest_app import SECRET, get_fixed_time
from tests.ingest.spring import create_spring_app

pytestmark = pytest.mark.anyio

LIMIT, LIMIT_AS_DUCKDB_WRITES_IT = "100MB", "95.3 MiB"
VISIT = {"user": "a", "site": "lyon-2", "at": "2024-03-28T10:00:00Z"}
VISITS = [VISIT | {"id": f"v{number}"} for number in range(2100)]  # fewer ids are hashed without DuckDB


def build_for_server(store: Store, settings: Settings) -> Ingest:
    """Return the ingest of a server, which the command line and the benchmark use, too."""
    return build_services(settings, store, get_fixed_time, SECRET).ingest


def build_for_demo(store: Store, settings: Settings) -> Ingest:
    """Return the ingest that fills the demo."""
    return build_demo_services(store, SECRET, memory_limit=settings.memory_limit, threads=settings.threads).ingest


@pytest.mark.parametrize("build", [build_for_server, build_for_demo])
@pytest.mark.parametrize("shared_store", ["duckdb"], indirect=True)
async def test_the_memory_limit_of_the_settings_bounds_the_workbench(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch, build: Callable[[Store, Settings], Ingest]
) -> None:
    """Check the limit of the DuckDB that hashes the ids of events."""
    limits: list[str] = []

    def open_and_record(memory_limit: str, threads: int) -> Workbench:
        workbench = open_workbench(memory_limit, threads)
        limits.extend(workbench.query("SELECT current_setting('memory_limit') AS value")["value"].to_pylist())
        return workbench

    monkeypatch.setattr(pseudonyms, "open_workbench", open_and_record)
    app = await create_spring_app(empty_store)
    app.ingest = build(empty_store, Settings(memory_limit=LIMIT))
    assert (await app.ingest_events("visits", VISITS))["accepted"] == len(VISITS)
    assert limits == [LIMIT_AS_DUCKDB_WRITES_IT]
