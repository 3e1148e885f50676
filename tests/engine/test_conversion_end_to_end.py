"""The KPIs of conversion over ingested events equal their computation by hand."""

from pathlib import Path

import pytest
from okube_api.store import open_store
from okube_api.store_schema import SCHEMA

from tests.by_hand.conversion import KPIS, conversion
from tests.by_hand.question import Question, without
from tests.engine.ask_conversion import ask
from tests.ingest.ingest_app import IngestApp
from tests.truth.random_events import BURSTS
from tests.truth.tenant import beta

pytestmark = pytest.mark.slow

KINDS = ("panelists", "touches", "visits", "purchases", "deliveries")


@pytest.mark.anyio
async def test_kpis_of_ingested_events_equal_those_by_hand(tmp_path: Path) -> None:
    tenant = beta()
    store = open_store(f"duckdb:{tmp_path / 'land.duckdb'}", SCHEMA)
    await store.start()
    try:
        ingest_app = await IngestApp(store, tenant).create_documents()
        for kind in KINDS:
            assert (await ingest_app.ingest_events(kind, tenant.events[kind]))["rejected"] == 0
        campaigns = without(tenant.truth.campaigns[1].id)
        for scope in ("sites", "levers"):
            question = Question(*BURSTS[1], granularity="week", scope=scope, uplift=True, campaigns=campaigns)
            kpis = tuple(KPIS)
            async with store.open_reader(tenant.id) as reader:
                answers = await ask(reader, tenant.truth, kpis, question)
            for kpi, actual in zip(kpis, answers, strict=True):
                assert actual == conversion(tenant.truth, kpi, question), kpi
    finally:
        await store.close()
