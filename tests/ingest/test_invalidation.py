"""Facts follow the resources that they were made with."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from okube_api.applications.repository import APPLICATIONS
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.ingest.invalidation import PENDING, Invalidation
from okube_api.ingest.service import Ingest
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, ResourceChange
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.protocol import Store
from okube_api.store.values import Json

from tests.ingest.expected import ALL, assert_tables
from tests.ingest.ingest_app import SECRET, IngestApp, get_fixed_time
from tests.ingest.spring import build_spring_tenant

pytestmark = pytest.mark.anyio


async def full(store: Store) -> IngestApp:
    land = await IngestApp(store, build_spring_tenant()).create_documents()
    await land.ingest_all(build_spring_tenant().events)
    return land


async def rewrite(land: IngestApp, collection: Any, identifier: str, fields: Json, change: ResourceChange) -> None:
    """Changes a document as its repository would, followed."""
    changes, following = ChangePublisher(), Invalidation(land.ingest)
    changes.subscribe(following.invalidate)
    async with changes.publish_around(land.application.id, (change,)):
        await land.store.update(collection, equal("_id", identifier), fields)
    await following.drain(land.application.id)
    assert await land.store.find(PENDING, EVERYTHING) == []


async def test_facts_are_as_if_resources_had_been_so_from_the_start(ingested: Store) -> None:
    """A site in another time zone, an equipment gone, a campaign with other windows, a place without cells, other
    bands; the last change's process dies right after it, and another one does the work."""
    land = await full(ingested)
    truth, own = land.truth, land.application.id
    site, gone, campaign, poi = truth.sites[0], truth.equipments[1], truth.campaigns[0], truth.pois[0]
    windows = {"click": 2, "print": 1, "opening": 1}
    bands = {"dwell": [0, 1000], "distance": [0, 500, 5000], "visits": [1], "delay": [0, 5], "gap": [1, 3]}

    await rewrite(
        land, SITES, site.id, {"timezone": "America/New_York"}, ResourceChange("sites", (site.id,), ChangeKind.ZONE)
    )
    changes, following = ChangePublisher(), Invalidation(land.ingest)
    changes.subscribe(following.invalidate)
    async with changes.publish_around(own, (ResourceChange("equipments", (gone.id,), ChangeKind.DELETED),)):
        await ingested.delete(EQUIPMENTS, equal("_id", gone.id))
    await following.drain()
    await rewrite(
        land,
        CAMPAIGNS,
        campaign.id,
        {"windows": windows},
        ResourceChange("campaigns", (campaign.id,), ChangeKind.WINDOWS),
    )
    fields = {"indoorIndexes": None, "outdoorIndexes": None}
    await rewrite(land, POIS, poi.id, fields, ResourceChange("pois", (poi.id,), ChangeKind.PLACE))
    dying = Invalidation(land.ingest)
    async with dying.invalidate(own, (ResourceChange("applications", (own,), ChangeKind.SETTINGS),)):
        await ingested.update(APPLICATIONS, equal("_id", own), {"settings": {"bands": bands}})
    await dying.close()
    await Invalidation(Ingest(ingested, get_fixed_time, SECRET)).resume()

    so = replace(
        truth,
        sites=(replace(site, timezone="America/New_York"), *truth.sites[1:]),
        equipments=[one for one in truth.equipments if one != gone],
        detections=[one for one in truth.detections if one.equipment != gone.id],
        campaigns=(replace(campaign, windows=windows), *truth.campaigns[1:]),
        stays=[stay for stay in truth.stays if stay.place != poi.id or as_sent(stay)],
        bands={name: tuple(edges) for name, edges in bands.items()},
    )
    assert_tables(await land.read_tables(), so, *ALL)


def as_sent(stay: Any) -> bool:
    start = int(stay.start.timestamp())
    return any(
        event["user"] == stay.user and event["duration_s"] == stay.dwell_s and _seconds(event["start"]) == start
        for event in build_spring_tenant().events["stays"]
    )


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


async def test_without_events_there_is_nothing_to_do(ingested: Store) -> None:
    land = await IngestApp(ingested, build_spring_tenant()).create_documents()
    following = Invalidation(land.ingest)
    async with following.invalidate(land.application.id, (ResourceChange("sites", ("x",), ChangeKind.DELETED),)):
        assert await ingested.find(PENDING, EVERYTHING) == []


async def test_campaigns_know_the_days_of_their_data(ingested: Store) -> None:
    land = await IngestApp(ingested, build_spring_tenant()).create_documents()
    campaign = land.truth.campaigns[0]

    async def days() -> tuple[str | None, str | None]:
        found = await ingested.get(CAMPAIGNS, equal("_id", campaign.id))
        assert found is not None
        return found.get("computedFrom"), found.get("computedTo")

    touch = {"user": "a", "campaign": campaign.key, "at": "2024-03-28T20:00:00Z", "kind": "print"}
    first = await land.ingest_events("touches", [touch])
    assert await days() == ("2024-03-29", "2024-03-29")  # in Shanghai
    await land.ingest_events("deliveries", [{"campaign": campaign.key, "day": "2024-04-02", "prints": 1}])
    assert await days() == ("2024-03-29", "2024-04-02")
    await land.ingest.remove_batch(land.application, first)
    assert await days() == ("2024-04-02", "2024-04-02")
