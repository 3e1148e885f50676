"""Facts of an earlier version, whose rows have no hours: small batches are added, and a rebuild adds the hours."""

import pyarrow as pa
import pytest
from okube_api.catalogue.fact import ELAPSED, HOUR_OF_DAY, MINUTE_OF_DAY
from okube_api.catalogue.facts import FACTS, ROLLUP_VERSIONS
from okube_api.engine.rollup_versions import read_complete_facts
from okube_api.ingest.invalidation import FACTS_VERSION, FACTS_VERSIONS, Invalidation
from okube_api.store.conditions import EVERYTHING
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Change, Store
from okube_api.store.schema import Table

from tests.ingest.expected import ALL, assert_tables
from tests.ingest.spring import build_spring_tenant, create_spring_app

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

HOUR_COLUMNS = (ELAPSED, HOUR_OF_DAY, MINUTE_OF_DAY)
KINDS = ("stays", "detections", "visits", "purchases")


async def remove_hours(change: Change, table: Table, *, keeps_rows: bool) -> None:
    """Remove the hours of the rows of a table, or the rows."""
    parts = await change.list_parts(table)
    blocks = [block async for block in change.read_parts(table, 0, 10**6)] if keeps_rows else []
    schema = make_arrow_schema({name: kind for name, kind in get_stored_types(table).items() if name != "batch"})
    rows = pa.concat_tables([schema.empty_table(), *(block.select(schema.names).cast(schema) for block in blocks)])
    for name in HOUR_COLUMNS:
        if name in rows.column_names:
            rows = rows.set_column(rows.column_names.index(name), name, pa.nulls(rows.num_rows, pa.int64()))
    await change.replace(table, parts, rows)


async def test_hours_are_added_to_facts_of_an_earlier_version(empty_store: Store) -> None:
    tenant = build_spring_tenant()
    app = await create_spring_app(empty_store)
    await app.ingest_all({kind: events[:-4] if kind in KINDS else events for kind, events in tenant.events.items()})
    async with empty_store.begin_change(app.application.id, "an earlier version") as change:
        for fact in (fact for fact in FACTS if fact.has_hours):
            hours = [fact.rollup(grain, span) for grain in fact.grains if grain.name == "hour" for span in grain.spans]
            for table in fact.tables:
                await remove_hours(change, table, keeps_rows=table.name not in {each.name for each in hours})
        versions = make_arrow_schema(get_stored_types(ROLLUP_VERSIONS)).empty_table()
        await change.replace(ROLLUP_VERSIONS, [0], versions)
        await change.commit()
    for kind in KINDS:
        batch = await app.ingest_events(kind, tenant.events[kind][-4:])
        assert batch["state"] == "visible"
    async with empty_store.open_reader(app.application.id) as reader:
        assert not await read_complete_facts(reader)
    await empty_store.update(FACTS_VERSIONS, EVERYTHING, {"version": FACTS_VERSION - 1})
    invalidation = Invalidation(app.ingest)
    await invalidation.request_upgrade()
    await invalidation.resume()
    assert_tables(await app.read_tables(), tenant.truth, *ALL)
    async with empty_store.open_reader(app.application.id) as reader:
        assert await read_complete_facts(reader) >= {fact.name for fact in FACTS if fact.has_hours}
