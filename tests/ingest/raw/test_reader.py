"""Reading events back, between events of batches that do not count."""

import pyarrow as pa
import pytest
from okube_api.ingest.events.tables import DETECTIONS
from okube_api.ingest.raw.reader import read_blocks
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Store

pytestmark = pytest.mark.anyio
EVERY_DAY = (1, 40)


def build_detections(day: int, many: int) -> pa.Table:
    rows = {"part": [day] * many, "user": [1] * many, "equipment": ["e"] * many, "at": list(range(many))}
    kinds = {name: kind for name, kind in get_stored_types(DETECTIONS).items() if name != "batch"}
    return (
        pa.Table.from_pydict(rows | {name: [None] * many for name in kinds.keys() - rows.keys()})
        .select(list(kinds))
        .cast(make_arrow_schema(kinds))
    )


async def test_blocks_without_live_events_are_skipped(empty_store: Store) -> None:
    """Read between blocks of a large batch that is still being loaded, or never will be."""
    async with empty_store.begin_change("a" * 24, "stored") as change:
        for day in (10, 11, 12):
            await change.append(DETECTIONS, 1, build_detections(day, 210_000))
        await change.append(DETECTIONS, 2, build_detections(12, 5))
        await change.append(DETECTIONS, 2, build_detections(30, 7))
        await change.commit()
    async with empty_store.open_reader("a" * 24) as reader:
        row_counts = [block.num_rows async for block in read_blocks(reader, DETECTIONS, *EVERY_DAY, {2})]
        assert sum(row_counts) == 12
        assert all(row_counts)
        assert [block async for block in read_blocks(reader, DETECTIONS, *EVERY_DAY, {3})] == []
    await empty_store.delete_rows("a" * 24)
