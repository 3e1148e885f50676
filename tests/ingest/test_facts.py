"""All kinds of events through the ingest, in any order and cut, against the same facts in plain Python."""

import os
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from okube_api.ingest.events.kinds import KINDS
from okube_api.store.protocol import Store

from tests.ingest.expected import ALL, assert_tables
from tests.ingest.ingest_app import IngestApp
from tests.ingest.spring import build_spring_tenant
from tests.truth.tenant import alpha

pytestmark = pytest.mark.anyio


async def test_every_kind_at_once(ingested: Store) -> None:
    tenant = alpha() if "OKUBE_FUZZ" in os.environ else build_spring_tenant()  # the larger one takes its time
    land = await IngestApp(ingested, tenant).create_documents()
    for batch in await land.ingest_all(tenant.events):
        accepted = len(tenant.events[batch["kind"]])
        assert (batch["state"], batch["accepted"], batch["duplicate"]) == ("visible", accepted, 0), batch
    assert_tables(await land.read_tables(), tenant.truth, *ALL)


async def test_any_order_and_cut_makes_the_same_facts(ingested: Store) -> None:
    """Files in any order, some lines in two of them; one that is wrong comes between, and is taken back."""
    dice, tenant = Random(0), build_spring_tenant()
    land = await IngestApp(ingested, tenant).create_documents()
    files = [(kind, part) for kind in KINDS for part in cut(dice, tenant.events[kind])]
    dice.shuffle(files)
    middle = len(files) // 2
    for some in (files[:3], files[3:middle]):
        await took(land, some)
    mistake = await land.ingest_events("pings", moved(tenant.events["pings"]))
    await took(land, files[middle:])
    await land.ingest.remove_batch(land.application, mistake)
    assert_tables(await land.read_tables(), tenant.truth, *ALL)


@pytest.mark.parametrize("shared_store", ["duckdb"], indirect=True)
@pytest.mark.parametrize("kind", ["visits", "deliveries"])
async def test_a_panel_that_comes_with_another_kind_weighs_all_that_was_there(ingested: Store, kind: str) -> None:
    tenant = build_spring_tenant()
    land, last = await IngestApp(ingested, tenant).create_documents(), ("panelists", kind)
    await land.ingest_all({one: events for one, events in tenant.events.items() if one not in last})
    await land.ingest_all({one: tenant.events[one] for one in last})
    assert_tables(await land.read_tables(), tenant.truth, *ALL)


async def took(land: IngestApp, files: Sequence[tuple[str, list[Any]]]) -> None:
    """Takes files, shown together."""
    batches = [await land.load(kind, events) for kind, events in files]
    shown = await land.ingest.publish(land.application, batches)
    assert [one["accepted"] + one["duplicate"] for one in shown] == [len(events) for _, events in files]


def cut(dice: Random, events: Sequence[Any]) -> list[list[Any]]:
    """Two or three parts that together are all of the events, in any order; some are in two."""
    found: list[list[Any]] = [[] for _ in range(dice.randrange(2, 4))]
    for event in events:
        for part in {dice.randrange(len(found)), *([dice.randrange(len(found))] if dice.random() < 0.1 else ())}:
            found[part].append(event)
    return [dice.sample(part, len(part)) for part in found if part]


def moved(pings: Sequence[Any]) -> list[Any]:
    """The same people at the same places, ten minutes later."""
    return [{**ping, "at": ping["at"].replace(":1", ":2", 1)} for ping in pings]
