"""Tests that the columns that questions needed are in memory again after the next start of the server."""

from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from okube_api.analytics.warming import LOADED_COLUMNS, ColumnWarming
from okube_api.catalogue.facts import BAND_EDGES
from okube_api.store import open_store
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.plans import Aggregate, Count
from okube_api.store.protocol import Store
from okube_api.store_schema import SCHEMA

pytestmark = pytest.mark.anyio
COLUMNS = ("bands", "edge", "part")
COUNT = Aggregate(BAND_EDGES, EVERYTHING, ("bands",), (Count("edges"),))


@pytest.fixture(params=["duckdb", "mongo"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of an empty store of each kind."""
    if request.param == "duckdb":
        return f"duckdb:{tmp_path / 'warm.duckdb'}"
    return f"{request.getfixturevalue('mongo_uri').rstrip('/')}/warm_{uuid4().hex[:12]}"


async def start(url: str) -> tuple[Store, ColumnWarming]:
    """Start a store as a server does."""
    store = open_store(url, SCHEMA)
    await store.start()
    warming = ColumnWarming(store, SCHEMA.tables)
    await warming.refresh()
    return store, warming


async def count_edges(store: Store, application: str) -> int:
    """Ask a question of one table."""
    async with store.open_reader(application) as reader:
        counts = (await reader.aggregate(COUNT)).column("edges").to_pylist()
    return sum(counts)


async def write_edges(store: Store, application: str, name: str, edges: list[int]) -> None:
    """Replace the rows of the table."""
    rows = pa.table({"part": [0] * len(edges), "bands": ["dwell"] * len(edges), "edge": edges})
    async with store.begin_change(application, name) as change:
        await change.replace(BAND_EDGES, [0], rows)
        await change.commit()


async def test_columns_are_loaded_again_after_a_restart(url: str) -> None:
    store, warming = await start(url)
    await write_edges(store, "a", "first", [0, 60, 300])
    assert not store.list_loaded_columns()
    for _ in range(2):  # columns are loaded at the second request
        await count_edges(store, "a")
    assert store.list_loaded_columns() == {"a": [("band_edges", COLUMNS)]}
    await warming.close()
    await store.close()

    store, warming = await start(url)
    assert store.list_loaded_columns() == {"a": [("band_edges", COLUMNS)]}
    assert await count_edges(store, "a") == 3
    await write_edges(store, "a", "second", [0, 60])
    assert await count_edges(store, "a") == 2
    await warming.close()
    await store.close()


async def test_changes_of_all_applications_are_saved_together(url: str) -> None:
    """Save what is new beside what has changed, after another server has saved one of the applications."""
    store, warming = await start(url)
    other_tables = [["band_edges", ["part"]]]
    for application in "abc":
        await write_edges(store, application, "first", [0])
    for applications in ("b", "ac"):
        for application in applications * 2:
            await count_edges(store, application)
        await store.delete(LOADED_COLUMNS, equal("_id", "a"))
        await store.insert(LOADED_COLUMNS, [{"_id": "a", "application": "a", "tables": other_tables}])
        await warming.save()
    expected: list[object] = [["band_edges", list(COLUMNS)]]
    assert {document["_id"]: document["tables"] for document in await store.find(LOADED_COLUMNS, EVERYTHING)} == (
        dict.fromkeys("abc", expected)
    )
    await warming.close()
    await store.close()


async def test_columns_that_no_longer_exist_are_not_loaded(url: str) -> None:
    store, warming = await start(url)
    await write_edges(store, "a", "first", [0])
    tables = [["band_edges", ["part", "colour"]], ["no_such_table", ["part"]]]
    await store.insert(LOADED_COLUMNS, [{"_id": "a", "application": "a", "tables": tables}])
    later = ColumnWarming(store, SCHEMA.tables)
    await later.refresh()
    assert not store.list_loaded_columns()
    for _ in range(2):
        await count_edges(store, "a")
    await later.refresh()
    document = await store.get(LOADED_COLUMNS, equal("_id", "a"))
    assert document is not None
    assert document["tables"] == [["band_edges", list(COLUMNS)]]
    await warming.close()
    await store.close()
