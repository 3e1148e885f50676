"""Test that the ledger of batches is right, and that a change costs the same however many batches it has."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
import pyarrow as pa
import pytest
from okube_api.ingest.events.tables import LEDGER, UNDATED_PART
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.ingest.parse.codecs import Format
from okube_api.store.conditions import EVERYTHING, Condition
from okube_api.store.errors import Unavailable
from okube_api.store.protocol import Change, Store
from okube_api.store.schema import Table
from okube_api.store.values import Json

from tests.ingest.ingest_app import IngestApp, stream_chunks
from tests.ingest.spring import create_spring_app

pytestmark = pytest.mark.anyio

EARLIER = dict.fromkeys(range(-500, 0), "detections")
"""Batches that count, of which no event is stored any longer."""


class LedgerWatch:
    """A store that counts the rows of the ledger that its changes read and write, and whose commits may fail."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.rows, self.fails = 0, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @asynccontextmanager
    async def begin_change(self, application: str, name: str) -> AsyncIterator["WatchedChange"]:
        """Begin a change that is watched."""
        async with self._store.begin_change(application, name) as change:
            yield WatchedChange(change, self)

    def count(self, table: Table, rows: pa.Table) -> None:
        """Count rows of the ledger."""
        self.rows += rows.num_rows if table == LEDGER else 0


class WatchedChange:
    """A change of a `LedgerWatch`."""

    def __init__(self, change: Change, watch: LedgerWatch) -> None:
        self._change, self._watch = change, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._change, name)

    async def run_apart(self, work: Callable[[Change], Awaitable[Any]]) -> Any:
        """Watch work that runs apart, too."""
        return await self._change.run_apart(lambda own: work(cast("Change", WatchedChange(own, self._watch))))

    async def read_parts(
        self, table: Table, low: int, high: int, where: Condition = EVERYTHING
    ) -> AsyncIterator[pa.Table]:
        """Count what is read."""
        async for block in self._change.read_parts(table, low, high, where):
            self._watch.count(table, block)
            yield block

    async def append(self, table: Table, batch: int, rows: pa.Table) -> None:
        """Count what is appended."""
        self._watch.count(table, rows)
        await self._change.append(table, batch, rows)

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Count what is written again."""
        self._watch.count(table, rows)
        await self._change.replace(table, parts, rows)

    async def commit(self) -> None:
        """Commit, or fail."""
        if self._watch.fails:
            raise Unavailable("The process stopped.")
        await self._change.commit()


@pytest.fixture
async def app(empty_store: Store) -> IngestApp:
    """Provide an application with many batches."""
    store: Any = LedgerWatch(empty_store)
    app = await create_spring_app(store)
    rows = {"part": [UNDATED_PART] * len(EARLIER), "number": list(EARLIER), "kind": list(EARLIER.values())}
    async with empty_store.begin_change(app.application.id, "earlier") as change:
        await change.replace(LEDGER, [UNDATED_PART], pa.table(rows))
        await change.commit()
    return app


async def send(app: IngestApp, number: int) -> Json:
    """Send a small file with a visit of a user."""
    visit = {"user": f"u{number}", "site": "lyon-2", "at": "2024-03-28T10:00:00Z"}
    data = orjson.dumps(visit)
    return await app.ingest.ingest(
        app.application, "visits", EventFile(stream_chunks(data), Format.NDJSON, size=len(data))
    )


async def read_ledger(app: IngestApp) -> dict[int, str]:
    """Return the batches that count, and check that none is there twice."""
    async with app.store.open_reader(app.application.id) as reader:
        blocks = [block async for block in reader.read_parts(LEDGER, UNDATED_PART, UNDATED_PART)]
    rows = [row for block in blocks for row in block.to_pylist()]
    assert len({row["number"] for row in rows}) == len(rows)
    return {row["number"]: row["kind"] for row in rows}


@pytest.mark.slow
async def test_a_change_reads_and_writes_only_its_own_batches(app: IngestApp) -> None:
    """Send files one after the other and together; on MongoDB the whole ledger is written each time."""
    watch: Any = app.store
    batches = [await send(app, 0)]
    if app.store.is_exclusive:
        assert watch.rows == len(EARLIER) + 1  # read once, by the first change of the process
    watch.rows = 0
    batches += [await send(app, number) for number in range(1, 6)]
    batches += await asyncio.gather(*(send(app, number) for number in range(6, 12)))
    if app.store.is_exclusive:
        assert watch.rows == 11
    else:
        assert watch.rows > len(EARLIER)
    assert await read_ledger(app) == EARLIER | {batch["number"]: "visits" for batch in batches}
    assert await app.ingest.read_live_kinds(app.application.id) == await read_ledger(app)


@pytest.mark.slow
async def test_removed_batches_and_failed_changes_leave_the_ledger_right(app: IngestApp) -> None:
    """Remove a batch between two others, and fail a commit, which is then repeated with the same batch or another."""
    watch: Any = app.store
    first, second = await send(app, 1), await send(app, 2)
    await app.ingest.remove_batch(app.application, first)
    assert await read_ledger(app) == EARLIER | {second["number"]: "visits"}
    third = await send(app, 3)
    watch.fails = True
    with pytest.raises(Unavailable):
        await send(app, 4)
    watch.fails = False
    assert await read_ledger(app) == EARLIER | {batch["number"]: "visits" for batch in (second, third)}
    fifth = await send(app, 3)
    assert (fifth["accepted"], fifth["duplicate"]) == (0, 1)
    await app.ingest.resume()
    expected = EARLIER | {batch["number"]: "visits" for batch in (second, third, fifth)}
    assert {number: kind for number, kind in (await read_ledger(app)).items() if number in expected} == expected
    await app.ingest.remove_batch(app.application, third)
    again = await send(app, 3)
    assert again["accepted"] == 0  # the fifth file has the same visit
    assert third["number"] not in await read_ledger(app)
