"""Tests of what only the embedded store has: one process, one file, interrupted threads, a full disk."""

import asyncio
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pytest
from okube_api.store import open_store
from okube_api.store.conditions import EVERYTHING, Contains, Missing, equal
from okube_api.store.duckdb.connection import connect
from okube_api.store.duckdb.database import Database
from okube_api.store.duckdb.documents import nest_values
from okube_api.store.duckdb.store import DuckStore
from okube_api.store.duckdb.upkeep import FileUpkeep
from okube_api.store.errors import Duplicate, StoreDamaged, StoreFull, StoreLocked, Unavailable
from okube_api.store.exact_integers import WIDE_TYPE
from okube_api.store.plans import Aggregate, Count, Select, Sum
from okube_api.store.protocol import Reader, Store
from okube_api.store.schema import Collection, Column, ColumnType, Schema, SortKey, Table

from tests.conformance.declared import DOCUMENTS, EVENTS, SCHEMA

pytestmark = pytest.mark.anyio

ENDLESS = "SELECT count(*) FROM range(100000000000) WHERE hash(range) = 7"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DuckStore]:
    new_store = DuckStore(tmp_path / "okube.duckdb", SCHEMA, memory_limit="256MB", threads=1)
    await new_store.start()
    yield new_store
    await new_store.close()


async def test_a_database_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(FileUpkeep, "start", lambda _: pytest.fail("upkeep reserves room next to the file"))
    store = DuckStore(Path(":memory:"), SCHEMA, memory_limit="64MB", threads=1)
    await store.start()
    await store.insert(DOCUMENTS, [{"_id": "a"}])
    assert await store.count(DOCUMENTS, EVERYTHING) == 1
    await store.close()
    assert not [*os.scandir(tmp_path)]


# -- one process


async def test_a_second_process_gets_a_helpful_error(store: Store, tmp_path: Path) -> None:
    """Start a second process, which must fail within a second."""
    code = f"""
import asyncio, time
import okube_api.store.duckdb.store  # takes a while on a busy machine
from okube_api.store import open_store
from okube_api.store.errors import StoreLocked
from okube_api.store.schema import Schema
started_at = time.perf_counter()
try:
    asyncio.run(open_store("duckdb:{tmp_path / "okube.duckdb"}", Schema()).start())
except StoreLocked as error:
    print(time.perf_counter() - started_at < 1, error)
"""
    command = [sys.executable, "-c", code]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("True ")
    assert "--url" in done.stdout
    assert str(tmp_path / "okube.duckdb") in done.stdout


async def test_lock_errors_are_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise duckdb.IOException('IO Error: Could not set lock on file "x": Conflicting lock is held in python (PID 7)')

    monkeypatch.setattr(duckdb, "connect", refuse)
    with pytest.raises(StoreLocked, match="another process"):
        connect(tmp_path / "x.duckdb", "64MB", 1)


async def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "okube.duckdb"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreDamaged, match=f"{path} is damaged at its header. Restore the latest backup"):
        await open_store(f"duckdb:{path}", SCHEMA).start()


async def test_a_closed_store_is_unavailable(tmp_path: Path) -> None:
    store = open_store(f"duckdb:{tmp_path / 'okube.duckdb'}", SCHEMA)
    with pytest.raises(Unavailable):
        await store.ping()
    await store.start()
    await store.ping()
    await store.close()
    await store.close()
    with pytest.raises(Unavailable):
        await store.count(DOCUMENTS, EVERYTHING)
    await store.start()
    assert await store.count(DOCUMENTS, EVERYTHING) == 0
    await store.close()


# -- no other file, no network


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM '/etc/hostname'",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/other.duckdb'",
        "EXPORT DATABASE '{folder}/out'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM read_csv('https://localhost/x.csv')",
        "SET enable_external_access = true",
        "SET memory_limit = '10GB'",
        "SET temp_directory = '{folder}'",
        "SET lock_configuration = false",
    ],
)
def test_sql_cannot_reach_files_or_network(tmp_path: Path, sql: str) -> None:
    with connect(tmp_path / "okube.duckdb", "64MB", 1) as connection, pytest.raises(duckdb.Error):
        connection.execute(sql.replace("{folder}", str(tmp_path))).fetchall()
    assert {path.name for path in tmp_path.iterdir()} <= {"okube.duckdb", "okube.duckdb.wal"}


@pytest.mark.slow
def test_spilled_data_is_deleted_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "okube.duckdb"
    spill = tmp_path / "okube.duckdb.tmp"
    with connect(path, "40MB", 1) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS i, md5(range::VARCHAR) AS m FROM range(700000)")
        reading = connection.execute("SELECT i FROM t ORDER BY m, i")
        assert reading.fetchone() is not None
        assert any(spill.iterdir()), "the sort did not need the disk: make it larger"
    spill.mkdir(exist_ok=True)
    (spill / "duckdb_temp_storage-0.tmp").write_bytes(b"left by a crash")
    with connect(path, "64MB", 1) as connection:
        assert not spill.exists()
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(700000,)]
        assert connection.execute("SELECT i FROM t ORDER BY m, i").fetchone() is not None


# -- threads


async def test_a_cancelled_call_ends_within_two_seconds(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.duckdb", "64MB", 1)
    await database.open()
    for _ in range(3):
        task = asyncio.create_task(database.call(lambda cursor: cursor.execute(ENDLESS).fetchall()))
        await asyncio.sleep(0.1)
        started_at = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.perf_counter() - started_at < 2
    assert await database.call(lambda cursor: cursor.execute("SELECT 7").fetchall()) == [(7,)]
    await database.close()


async def test_a_call_past_its_time_is_unavailable(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.duckdb", "64MB", 1)
    await database.open()
    with pytest.raises(Unavailable, match=r"0\.1 s"):
        await database.call(lambda cursor: cursor.execute(ENDLESS).fetchall(), timeout_s=0.1)
    await database.close()


async def test_the_event_loop_is_not_blocked(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.duckdb", "64MB", 1)
    await database.open()
    task = asyncio.create_task(database.call(lambda cursor: cursor.execute(ENDLESS).fetchall()))
    turns = 0
    until = time.perf_counter() + 0.3
    while time.perf_counter() < until:
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 30
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.close()


@pytest.mark.parametrize("fields", [None, ("count",)])
async def test_many_documents_are_decoded_outside_of_the_event_loop(
    store: DuckStore, monkeypatch: pytest.MonkeyPatch, fields: tuple[str, ...] | None
) -> None:
    documents = [{"_id": f"{number:04}", "count": number} for number in range(600)]
    await store.insert(DOCUMENTS, documents)
    threads = []

    def record_thread(decode: Any, *arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return decode(*arguments)

    for name, decode in (("nest_values", nest_values), ("orjson.loads", orjson.loads)):
        monkeypatch.setattr(f"okube_api.store.duckdb.store.{name}", partial(record_thread, decode))
    assert await store.find(DOCUMENTS, EVERYTHING, fields=fields) == documents
    assert len(threads) == 600
    assert threading.main_thread() not in threads
    threads.clear()
    assert await store.find(DOCUMENTS, EVERYTHING, limit=3, fields=fields) == documents[:3]
    assert threads == [threading.main_thread()] * 3


async def test_a_cancelled_write_is_complete_or_absent(store: DuckStore) -> None:
    for at in range(12):
        documents = [{"_id": f"{at:012x}{index:012x}", "version": at, "key": f"{at} {index}"} for index in range(400)]
        task = asyncio.create_task(store.insert(DOCUMENTS, documents))
        await asyncio.sleep(0.004 * at)
        task.cancel()
        await asyncio.wait([task])
        assert await store.count(DOCUMENTS, equal("version", at)) in (0, 400)
    await store.insert(DOCUMENTS, [{"_id": "f" * 24, "version": 99}])
    assert await store.count(DOCUMENTS, equal("version", 99)) == 1


async def test_a_cancelled_change_leaves_nothing(store: DuckStore) -> None:
    rows = pa.table({"part": pa.repeat(1, 50_000), "user": range(50_000), "label": pa.repeat("x", 50_000)})

    async def change(at: int) -> None:
        async with store.begin_change("a", f"change {at}") as running:
            for batch in range(20):
                await running.append(EVENTS, batch, rows)

    for at in range(5):
        task = asyncio.create_task(change(at))
        await asyncio.sleep(0.02 * at)
        task.cancel()
        await asyncio.wait([task])
        async with store.open_reader("a") as reader:
            assert await reader.list_parts(EVENTS) == []


async def test_the_commit_raises_the_error_of_a_background_write(
    store: DuckStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise duckdb.IOException("no space left on device")

    async with store.begin_change("a" * 24, "refused") as change:
        with monkeypatch.context() as patch:
            patch.setattr("okube_api.store.duckdb.changes.insert", full)
            await change.append(EVENTS, 1, pa.table({"part": [1], "user": [1], "label": ["x"]}))
            with pytest.raises(StoreFull):
                await change.commit()
    assert not await store.is_committed("a" * 24, "refused")


async def test_concurrent_changes_of_two_applications_do_not_conflict(store: DuckStore) -> None:
    rows = pa.table({"part": [1], "user": [1], "label": ["x"]})
    async with store.begin_change("a", "one") as first, store.begin_change("b", "one") as second:
        for change in (first, second, first):
            await change.append(EVENTS, 1, rows)
        await first.commit()
        await second.commit()
    for application, count in (("a", 2), ("b", 1)):
        async with store.open_reader(application) as reader:
            assert sum([block.num_rows async for block in reader.read_parts(EVENTS, 0, 9)]) == count


async def test_appends_do_not_wait_for_a_running_change_which_does_not_see_them(store: DuckStore) -> None:
    rows = pa.table({"part": [1], "user": [1], "label": ["x"]})

    async def count(reader: Reader) -> int:
        return sum([block.num_rows async for block in reader.read_parts(EVENTS, 0, 9)])

    async with store.begin_change("a", "long") as running:
        version = running.version_of(EVENTS)
        async with asyncio.timeout(20), store.begin_append("a", "short") as short:
            await short.append(EVENTS, 1, rows)
            await short.commit()
        assert (await count(running), running.version_of(EVENTS)) == (0, version)
        async with store.open_reader("a") as reader:
            assert await count(reader) == 1
        await running.append(EVENTS, 2, rows)
        await running.commit()
    async with store.begin_change("a", "last") as change:
        assert await count(change) == 2
        assert change.version_of(EVENTS) != version


# -- the disk


@pytest.mark.slow
async def test_writes_fail_on_a_full_disk_and_work_afterwards(store: DuckStore) -> None:
    """Limit the size of files to simulate a full disk."""
    await store._upkeep.close()  # which sees the room on the disk, not the limit
    await store.insert(DOCUMENTS, [{"_id": "1", "key": "before"}])
    rows = pa.table(
        {"part": pa.repeat(1, 400_000), "user": range(400_000), "label": [f"{at * 7919:x}" for at in range(400_000)]}
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(StoreFull):
            await fill(store, rows)
        assert await store.count(DOCUMENTS, equal("key", "before")) == 1
        documents = [{"_id": f"x{at}", "key": f"{at}", "free": f"{at * 7919:x}" * 20} for at in range(20_000)]
        with pytest.raises(StoreFull):
            await store.insert(DOCUMENTS, documents)
        assert await store.count(DOCUMENTS, EVERYTHING) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await store.insert(DOCUMENTS, [{"_id": "2", "key": "after"}])
    await fill(store, rows)
    assert await store.count(DOCUMENTS, EVERYTHING) == 2
    assert await store.is_committed("a", "fill")


async def fill(store: Store, rows: pa.Table) -> None:
    async with store.begin_change("a", "fill") as change:
        await change.append(EVENTS, 1, rows)
        await change.commit()


# -- another version of the schema

OLD = Schema(
    (
        Collection(
            "sites", {"key": ColumnType.TEXT, "place.city": ColumnType.TEXT}, unique=(("key",),), search=("key",)
        ),
    ),
    (Table("facts", (Column("place", ColumnType.TEXT), Column("dwell_s", ColumnType.INTEGER))),),
)
NEW = Schema(
    (
        Collection(
            "sites",
            {"rank": ColumnType.INTEGER, "key": ColumnType.TEXT, "names": ColumnType.TEXTS},
            unique=(("names",),),
            search=("place.city",),
        ),
    ),
    (
        Table(
            "facts",
            (Column("zone", ColumnType.TEXT), Column("place", ColumnType.TEXT), Column("dwell_s", ColumnType.INTEGER)),
        ),
    ),
)


async def test_a_file_of_an_earlier_schema_is_migrated(tmp_path: Path) -> None:
    url = f"duckdb:{tmp_path / 'okube.duckdb'}"
    documents = [
        {"_id": f"{at:05}", "key": f"k{at}", "rank": -at, "names": [f"n{at}"], "place": {"city": f"Nîmes {at}"}}
        for at in range(4500)
    ]
    before = open_store(url, OLD)
    await before.start()
    await before.insert(OLD.collections[0], documents)
    async with before.begin_change("a", "fill") as change:
        await change.replace(OLD.tables[0], [1], pa.table({"part": [1], "place": ["p"], "dwell_s": [5]}))
        await change.commit()
    await before.close()

    (sites,), (facts,) = NEW.collections, NEW.tables
    for _ in range(2):
        after = open_store(url, NEW)
        await after.start()
        assert await after.find(sites, EVERYTHING, sort=(SortKey("rank"),)) == documents[::-1]
        assert await after.get(sites, Contains("nimes 4321")) == documents[4321]
        with pytest.raises(Duplicate):
            await after.insert(sites, [{"_id": "x", "names": ["n77"]}])
        async with after.open_reader("a") as reader:
            counts = await reader.aggregate(Aggregate(facts, Missing("zone"), ("place",), (Count("n"),)))
        assert counts.to_pylist() == [{"place": "p", "n": 1}]
        await after.close()

    again = open_store(url, NEW)
    await again.start()
    async with again.begin_change("a", "more") as change:
        rows = pa.table({"part": [2], "place": ["q"], "dwell_s": [7], "zone": ["indoor"]})
        await change.replace(facts, [2], rows)
        await change.commit()
    async with again.open_reader("a") as reader:
        rows = [row async for block in reader.read_parts(facts, 1, 2) for row in block.to_pylist()]
    assert rows == [
        {"part": 1, "zone": None, "place": "p", "dwell_s": 5},
        {"part": 2, "zone": "indoor", "place": "q", "dwell_s": 7},
    ]
    await again.close()


async def test_removed_collections_are_deleted(tmp_path: Path) -> None:
    url, (sites,) = f"duckdb:{tmp_path / 'okube.duckdb'}", OLD.collections
    for schema, count in ((OLD, 1), (Schema(removed=("sites",)), None), (Schema(removed=("sites",)), None), (OLD, 0)):
        store = open_store(url, schema)
        await store.start()
        if schema is OLD:
            await store.insert(sites, [{"_id": "a"}][:count])
            assert await store.count(sites, EVERYTHING) == count
        await store.close()


async def test_integers_of_an_earlier_schema_are_widened(tmp_path: Path) -> None:
    url = f"duckdb:{tmp_path / 'okube.duckdb'}"
    narrow, wide = (
        Table("sums", (Column("place", ColumnType.TEXT), Column("total", column_type)))
        for column_type in (ColumnType.INTEGER, ColumnType.WIDE_INTEGER)
    )
    plan = Aggregate(wide, EVERYTHING, (), (Sum("total", "total"),))
    for table, part, total in ((narrow, 1, 2**62), (wide, 2, 10**25), (wide, 3, -7)):
        store = open_store(url, Schema((), (table,)))
        await store.start()
        async with store.begin_change("a", f"fill {part}") as change:
            rows = pa.table({"part": [part], "place": ["p"], "total": pa.array([total], WIDE_TYPE)})
            await change.replace(table, [part], rows)
            await change.commit()
        if part == 3:
            async with store.open_reader("a") as reader:
                result = await reader.aggregate(plan)
            assert [int(value) for value in result["total"].to_pylist()] == [2**62 + 10**25 - 7]
        await store.close()


@pytest.mark.parametrize("count", [3, 5000])
async def test_columns_that_are_no_longer_declared_stay_empty(tmp_path: Path, count: int) -> None:
    """Replace few rows and many: they are written in different ways."""
    earlier, present = (
        Table("sums", tuple(Column(name, ColumnType.INTEGER) for name in names)) for names in (("year", "n"), ("n",))
    )
    for table in (earlier, present):
        store = DuckStore(tmp_path / "okube.duckdb", Schema(tables=(table,)), memory_limit="256MB", threads=1)
        await store.start()
        numbers = list(range(count))
        columns = {"part": [1] * count, **{column.name: numbers for column in table.columns}}
        async with store.begin_change("a", "sums") as change:
            await change.replace(table, [1], pa.table(columns))
            await change.commit()
        async with store.open_reader("a") as reader:
            rows = await reader.select(Select(table, EVERYTHING, ("n",)))
        assert sorted(rows["n"].to_pylist()) == numbers
        await store.close()
