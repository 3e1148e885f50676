"""Test the size budget of rollups: under twice the bytes of their fact, and the sets in them under a quarter."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from okube_api.catalogue.facts import FACTS
from okube_api.cli.fill_demo import build_demo_services
from okube_api.demo import fill
from okube_api.demo.generator.events import generate_events
from okube_api.demo.generator.world import World
from okube_api.store import open_store
from okube_api.store.protocol import Reader
from okube_api.store.schema import Table
from okube_api.store_schema import SCHEMA

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FIRST, AFTER = datetime(2024, 12, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)  # with campaigns of all levers


def generate_month(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Yield the events of one month of the demo at its normal size."""
    for kind, rows in generate_events(world):
        at = next((name for name in ("at", "start", "day") if name in rows.column_names), None)
        if at is None:
            yield kind, rows
            continue
        type_ = rows.schema.field(at).type
        low, high = (pa.scalar(limit.date() if pa.types.is_date(type_) else limit, type_) for limit in (FIRST, AFTER))
        yield kind, rows.filter(pc.and_(pc.greater_equal(rows[at], low), pc.less(rows[at], high)))


async def measure(view: Reader, table: Table) -> tuple[int, int]:
    """Return the bytes of the rows of a table, and the bytes of the sets in them."""
    total, sets = 0, 0
    async for block in view.read_parts(table, -(2**31), 2**31 - 1):
        total += block.nbytes
        sets += sum(block[field.name].nbytes for field in block.schema if pa.types.is_binary(field.type))
    return total, sets


async def test_rollups_stay_under_twice_the_bytes_of_their_fact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "generate_events", generate_month)
    store = open_store(f"duckdb:{tmp_path / 'okube.duckdb'}", SCHEMA)
    await store.start()
    try:
        application, _ = await fill.fill_applications(
            build_demo_services(store, bytes(32), memory_limit="256MB", threads=2), date(2025, 1, 5)
        )
        async with store.open_reader(application["_id"]) as view:
            for fact in FACTS:
                rollups = [fact.rollup(grain, span) for grain in fact.grains for span in grain.spans]
                sizes = [await measure(view, table) for table in rollups]
                rows = (await measure(view, fact.table if fact.is_stored else fact.daily_table))[0]
                assert rows > 0, fact.name
                assert sum(total for total, _ in sizes) < 2 * rows, fact.name
                assert sum(sets for _, sets in sizes) < rows / 4, fact.name
    finally:
        await store.close()
