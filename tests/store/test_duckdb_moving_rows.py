"""Tests that readers of the embedded store see one snapshot, although DuckDB moves rows when it writes its log."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import okube_api.store.duckdb
import pyarrow as pa
import pytest
from okube_api.store.conditions import EVERYTHING, Between, equal
from okube_api.store.duckdb.connection import Cursor
from okube_api.store.duckdb.rows import BLOCK_ROWS
from okube_api.store.duckdb.store import DuckStore
from okube_api.store.errors import Conflict
from okube_api.store.schema import BY_ID, SortKey
from okube_api.store.values import Json

from tests.conformance.declared import DOCUMENTS, EVENTS, SCHEMA

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ORDERS = [BY_ID, (SortKey("_id", descending=True),), (SortKey("key"),), (SortKey("count", descending=True),)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DuckStore]:
    """Provide a store whose file has deleted rows between unmatched."""
    new_store = DuckStore(tmp_path / "okube.duckdb", SCHEMA, memory_limit="256MB", threads=1)
    await new_store.start()
    for first in range(0, 9000, 3000):
        await new_store.write(DOCUMENTS, make_documents(first, first + 3000), ())
        await new_store._database.checkpoint()
    await new_store.write(DOCUMENTS, (), make_documents(0, 3000))
    await new_store.delete(DOCUMENTS, Between("count", 3, 4))
    yield new_store
    await new_store.close()


def make_documents(low: int, high: int) -> list[Json]:
    """Return documents with ids and keys in different orders."""
    return [
        {"_id": f"{index:08}", "application": "a", "key": f"{index * 7919 % 9001:06}", "count": index % 9}
        for index in range(low, high)
    ]


def rewrite_rows(cursor: Cursor) -> None:
    """Write the documents again in reverse order: every row gets another number, and no document changes."""
    cursor.execute('CREATE TEMP TABLE copy AS SELECT * FROM documents ORDER BY "_id" DESC')
    cursor.execute("DELETE FROM documents")
    cursor.execute("INSERT INTO documents SELECT * FROM copy")
    cursor.execute("DROP TABLE copy")


async def change_and_checkpoint(store: DuckStore, round_number: int) -> None:
    """Delete and add documents, then write the log to the file unless a change is open."""
    await store.delete(DOCUMENTS, equal("count", round_number % 9))
    await store.insert(DOCUMENTS, [{"_id": f"new {round_number}", "application": "a", "key": f"new {round_number}"}])
    with suppress(Conflict):
        await store._database.checkpoint()


@pytest.mark.parametrize("sort", ORDERS)
async def test_streams_are_complete_when_the_log_is_written_meanwhile(
    store: DuckStore, sort: Sequence[SortKey]
) -> None:
    expected = await store.find(DOCUMENTS, equal("application", "a"), sort=sort)
    streams = [store.stream(DOCUMENTS, equal("application", "a"), sort=sort) for _ in range(2)]
    results: list[list[Json]] = [[], []]
    for round_number in range(len(expected)):
        blocks = await asyncio.gather(*(anext(stream, None) for stream in streams))
        if blocks[0] is None:
            break
        for result, block in zip(results, blocks, strict=True):
            assert block is not None
            result.extend(block)
        await change_and_checkpoint(store, round_number)
    assert results == [expected, expected]


@pytest.mark.parametrize("sort", ORDERS)
async def test_streams_do_not_depend_on_where_rows_are(store: DuckStore, sort: Sequence[SortKey]) -> None:
    """Move the rows within the transaction of the reader, which no version of DuckDB can hide."""
    where = equal("application", "a")
    expected = await store.find(DOCUMENTS, where, sort=sort)
    documents = store._collections[DOCUMENTS.name]
    result: list[Json] = []
    async with store._database.transaction() as cursor:
        ids = documents.list_ids(cursor, where, sort).to_pylist()
        for start in range(0, len(ids), 1000):
            result += documents.read_block(cursor, where, ids[start : start + 1000], sort)
            rewrite_rows(cursor)
    assert result == expected


async def test_an_update_changes_every_matching_document(store: DuckStore) -> None:
    where = Between("count", 5, 8)
    matching = await store.find(DOCUMENTS, where)
    unmatched = await store.find(DOCUMENTS, ~where)
    assert len(matching) > 2000, "the update must need several blocks"
    assert await store.update(DOCUMENTS, where, {"count": 7, "ratio": 0.5}) == len(matching)
    updated = await store.find(DOCUMENTS, equal("ratio", 0.5))
    assert updated == [{**document, "count": 7, "ratio": 0.5} for document in matching]
    assert await store.find(DOCUMENTS, ~equal("ratio", 0.5)) == unmatched


LARGE = 2 * BLOCK_ROWS + 7


@pytest.mark.parametrize("in_change", [False, True])
async def test_large_parts_are_complete_when_the_log_is_written_meanwhile(store: DuckStore, in_change: bool) -> None:
    rows = pa.table({"part": pa.repeat(3, LARGE), "user": range(LARGE), "label": pa.repeat("x", LARGE)})
    async with store.begin_change("a", "fill") as change:
        await change.append(EVENTS, 1, rows)
        await change.commit()
    users: list[int] = []
    async with store.begin_change("a", "read") if in_change else store.open_reader("a") as reader:
        async for block in reader.read_parts(EVENTS, 0, 9):
            assert block.num_rows <= BLOCK_ROWS
            users += block["user"].to_pylist()
            if not in_change:
                async with store.begin_change("a", f"change {len(users)}") as change:
                    await change.append(EVENTS, 2, rows.slice(0, 10))
                    await change.remove(EVENTS, 1)
                    await change.commit()
            await change_and_checkpoint(store, 0)
            await store.delete(DOCUMENTS, EVERYTHING)
    assert sorted(users) == list(range(LARGE))


def test_no_statement_names_the_row_ids_of_duckdb() -> None:
    """Row ids move: a statement may not even use them within one transaction."""
    folder = Path(okube_api.store.duckdb.__path__[0])
    assert [path.name for path in folder.glob("*.py") if "rowid" in path.read_text().lower()] == []
