"""Test the facts of all kinds of events, sent as any files in any order, against facts computed in plain Python."""

import os
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from okube_api.ingest.events.kinds import KINDS
from okube_api.store.protocol import Store

from tests.ingest.expected import ALL, assert_tables
from tests.ingest.ingest_app import IngestApp, with_new_id
from tests.ingest.spring import build_spring_tenant
from tests.truth.tenant import alpha

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_every_kind_at_once(empty_store: Store) -> None:
    tenant = alpha() if "OKUBE_FUZZ" in os.environ else build_spring_tenant()  # the larger one takes its time
    app = await IngestApp(empty_store, with_new_id(tenant)).create_documents()
    for batch in await app.ingest_all(tenant.events):
        accepted = len(tenant.events[batch["kind"]])
        assert (batch["state"], batch["accepted"], batch["duplicate"]) == ("visible", accepted, 0), batch
    assert_tables(await app.read_tables(), tenant.truth, *ALL)


@pytest.mark.slow
async def test_files_in_any_order_lead_to_the_same_facts(empty_store: Store) -> None:
    """Send files in any order, with some lines in two files.  Send a wrong file in between, and remove it later."""
    dice, tenant = Random(0), build_spring_tenant()
    app = await IngestApp(empty_store, with_new_id(tenant)).create_documents()
    files = [(kind, part) for kind in KINDS for part in split_at_random(dice, tenant.events[kind])]
    dice.shuffle(files)
    middle = len(files) // 2
    for part in (files[:3], files[3:middle]):
        await ingest_together(app, part)
    mistake = await app.ingest_events("pings", shift_pings(tenant.events["pings"]))
    await ingest_together(app, files[middle:])
    await app.ingest.remove_batch(app.application, mistake)
    assert_tables(await app.read_tables(), tenant.truth, *ALL)


@pytest.mark.slow
@pytest.mark.parametrize("shared_store", ["duckdb"], indirect=True)
@pytest.mark.parametrize("kind", ["visits", "deliveries"])
async def test_a_panel_published_with_another_kind_weights_all_facts(empty_store: Store, kind: str) -> None:
    tenant = build_spring_tenant()
    app, last = await IngestApp(empty_store, with_new_id(tenant)).create_documents(), ("panelists", kind)
    await app.ingest_all({name: events for name, events in tenant.events.items() if name not in last})
    await app.ingest_all({name: tenant.events[name] for name in last})
    assert_tables(await app.read_tables(), tenant.truth, *ALL)


async def ingest_together(app: IngestApp, files: Sequence[tuple[str, list[Any]]]) -> None:
    """Load files and publish them together."""
    batches = [await app.load(kind, events) for kind, events in files]
    published = await app.ingest.publish(app.application, batches)
    assert [batch["accepted"] + batch["duplicate"] for batch in published] == [len(events) for _, events in files]


def split_at_random(dice: Random, events: Sequence[Any]) -> list[list[Any]]:
    """Return two or three files that together hold all events, in any order; some events are in two files."""
    files: list[list[Any]] = [[] for _ in range(dice.randrange(2, 4))]
    for event in events:
        for part in {dice.randrange(len(files)), *([dice.randrange(len(files))] if dice.random() < 0.1 else ())}:
            files[part].append(event)
    return [dice.sample(file, len(file)) for file in files if file]


def shift_pings(pings: Sequence[Any]) -> list[Any]:
    """Return the pings, with a later instant where one of its fields starts with 1."""
    return [{**ping, "at": ping["at"].replace(":1", ":2", 1)} for ping in pings]
