"""Facts after changes of the resources that they depend on."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from okube_api.applications.repository import APPLICATIONS
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.catalogue.bands import Bands
from okube_api.catalogue.facts import GEO_STAYS
from okube_api.engine.band_edges import read_band_edges
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.ingest.invalidation import PENDING, Invalidation
from okube_api.ingest.service import Ingest
from okube_api.kit.application import ApplicationSettings
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, ResourceChange
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.plans import Aggregate, Count
from okube_api.store.protocol import Store
from okube_api.store.values import Json

from tests.ingest.expected import ALL, assert_tables
from tests.ingest.ingest_app import SECRET, IngestApp, get_fixed_time
from tests.ingest.spring import build_spring_tenant, create_spring_app

pytestmark = pytest.mark.anyio


async def open_full_app(store: Store) -> IngestApp:
    app = await create_spring_app(store)
    await app.ingest_all(build_spring_tenant().events)
    return app


async def update_and_wait(
    app: IngestApp, collection: Any, identifier: str, fields: Json, change: ResourceChange
) -> None:
    """Change a document as its repository does, and wait for the facts."""
    changes, invalidation = ChangePublisher(), Invalidation(app.ingest)
    changes.subscribe(invalidation.invalidate)
    async with changes.publish_around(app.application.id, (change,)):
        await app.store.update(collection, equal("_id", identifier), fields)
    await invalidation.drain(app.application.id)
    assert await app.store.find(PENDING, EVERYTHING) == []


@pytest.mark.slow
async def test_facts_are_the_same_as_with_the_resources_from_the_start(empty_store: Store) -> None:
    """Change a time zone, windows, cells and bands, and delete an equipment.

    The process of the last change dies right after it, and another one rebuilds the facts.
    """
    app = await open_full_app(empty_store)
    truth, own = app.truth, app.application.id
    site, deleted, campaign, poi = truth.sites[0], truth.equipments[1], truth.campaigns[0], truth.pois[0]
    windows = {"click": 2, "print": 1, "opening": 1}
    bands = {
        "dwell": [0, 1000],
        "distance": [0, 500, 5000],
        "visits": [1],
        "delay": [0, 5],
        "gap": [1, 3],
        "basket": [0, 40],
    }

    await update_and_wait(
        app, SITES, site.id, {"timezone": "America/New_York"}, ResourceChange("sites", (site.id,), ChangeKind.TIMEZONE)
    )
    changes, invalidation = ChangePublisher(), Invalidation(app.ingest)
    changes.subscribe(invalidation.invalidate)
    async with changes.publish_around(own, (ResourceChange("equipments", (deleted.id,), ChangeKind.DELETED),)):
        await empty_store.delete(EQUIPMENTS, equal("_id", deleted.id))
    await invalidation.drain()
    await update_and_wait(
        app,
        CAMPAIGNS,
        campaign.id,
        {"windows": windows},
        ResourceChange("campaigns", (campaign.id,), ChangeKind.WINDOWS),
    )
    fields = {"indoorIndexes": None, "outdoorIndexes": None}
    await update_and_wait(app, POIS, poi.id, fields, ResourceChange("pois", (poi.id,), ChangeKind.CELLS))
    dying = Invalidation(app.ingest)
    async with dying.invalidate(own, (ResourceChange("applications", (own,), ChangeKind.SETTINGS),)):
        await empty_store.update(APPLICATIONS, equal("_id", own), {"settings": {"bands": bands}})
    await dying.close()
    await Invalidation(Ingest(empty_store, get_fixed_time, SECRET)).resume()

    expected = replace(
        truth,
        sites=(replace(site, timezone="America/New_York"), *truth.sites[1:]),
        equipments=[equipment for equipment in truth.equipments if equipment != deleted],
        detections=[detection for detection in truth.detections if detection.equipment != deleted.id],
        campaigns=(replace(campaign, windows=windows), *truth.campaigns[1:]),
        stays=[stay for stay in truth.stays if stay.place != poi.id or is_stay_event(stay)],
        bands={name: tuple(edges) for name, edges in bands.items()},
    )
    assert_tables(await app.read_tables(), expected, *ALL)


def is_stay_event(stay: Any) -> bool:
    start = int(stay.start.timestamp())
    return any(
        event["user"] == stay.user and event["duration_s"] == stay.dwell_s and _seconds(event["start"]) == start
        for event in build_spring_tenant().events["stays"]
    )


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


async def test_without_events_nothing_is_invalidated(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    invalidation = Invalidation(app.ingest)
    async with invalidation.invalidate(app.application.id, (ResourceChange("sites", ("x",), ChangeKind.DELETED),)):
        assert await empty_store.find(PENDING, EVERYTHING) == []


async def test_campaigns_have_the_days_of_their_data(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    campaign = app.truth.campaigns[0]

    async def read_period() -> tuple[str | None, str | None]:
        document = await empty_store.get(CAMPAIGNS, equal("_id", campaign.id))
        assert document is not None
        return document.get("computedFrom"), document.get("computedTo")

    touch = {"user": "a", "campaign": campaign.key, "at": "2024-03-28T20:00:00Z", "kind": "print"}
    first = await app.ingest_events("touches", [touch])
    assert await read_period() == ("2024-03-29", "2024-03-29")  # in Shanghai
    await app.ingest_events("deliveries", [{"campaign": campaign.key, "day": "2024-04-02", "prints": 1}])
    assert await read_period() == ("2024-03-29", "2024-04-02")
    await app.ingest.remove_batch(app.application, first)
    assert await read_period() == ("2024-04-02", "2024-04-02")


@pytest.mark.slow
async def test_counts_stay_in_the_bands_that_they_were_made_with_until_the_rebuild(empty_store: Store) -> None:
    """Change the bands, send events before the facts are rebuilt, then rebuild: partly first, which rebuilds all."""
    app = await create_spring_app(empty_store)
    events, own = build_spring_tenant().events, app.application.id
    stays = events["stays"]
    before = {bands: tuple(getattr(app.application.settings.bands, bands.value)) for bands in Bands}
    after = {
        Bands.DWELL: (0, 700),
        Bands.DISTANCE: (0, 30),
        Bands.VISITS: (1, 9),
        Bands.DELAY: (0, 2),
        Bands.GAP: (1, 4),
        Bands.BASKET: (0, 15),
    }

    async def read_state() -> tuple[Any, set[int]]:
        async with empty_store.open_reader(own) as reader:
            rows = await reader.aggregate(Aggregate(GEO_STAYS.table, EVERYTHING, ("dwell_band",), (Count("stays"),)))
            return await read_band_edges(reader), set(rows["dwell_band"].to_pylist())

    await app.ingest_events("stays", stays[::2])
    assert (await read_state())[0] == before
    changed = replace(
        app.application,
        settings=ApplicationSettings.model_validate(
            {"bands": {name.value: list(edges) for name, edges in after.items()}}
        ),
    )
    await empty_store.update(APPLICATIONS, equal("_id", own), {"settings": changed.settings.model_dump(by_alias=True)})
    await app.ingest_events("stays", stays[1::2])
    edges, bands = await read_state()
    assert edges == before
    assert max(bands) > 1  # of the new bands there are only two
    await app.ingest_events("touches", events["touches"])
    await app.ingest.rebuild(changed, ("touches",))
    edges, bands = await read_state()
    assert (edges, bands) == (after, {0, 1})
