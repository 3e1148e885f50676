"""Facts follow the resources that they were made with."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from okube_api.applications.repository import APPLICATIONS
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.changes import Change, Changes, What
from okube_api.ingest.following import NOTES, Following
from okube_api.ingest.service import Ingest
from okube_api.pois.repository import POIS
from okube_api.sites.repository import EQUIPMENTS, SITES
from okube_api.store.base import EVERYTHING, Json, Store, equal
from tests.by_hand.truth import Truth
from tests.ingest.expected import ALL, assert_same
from tests.ingest.land import SECRET, Land, clock
from tests.truth.tenant import beta

pytestmark = pytest.mark.anyio


async def full(store: Store) -> Land:
    land = await Land(store, beta()).settle()
    await land.take_all(beta().events)
    return land


async def rewrite(land: Land, collection: Any, identifier: str, fields: Json, change: Change) -> None:
    """Changes a document as its repository would, followed."""
    changes, following = Changes(), Following(land.ingest)
    changes.follow(following.follow)
    async with changes.around(land.application.id, (change,)):
        await land.store.update(collection, equal("_id", identifier), fields)
    await following.settled(land.application.id)
    assert await land.store.find(NOTES, EVERYTHING) == []


async def test_a_site_in_another_time_zone(ingested: Store) -> None:
    land = await full(ingested)
    site = land.truth.sites[0]
    change = Change("sites", (site.id,), What.ZONE)
    await rewrite(land, SITES, site.id, {"timezone": "America/New_York"}, change)
    moved = replace(land.truth, sites=(replace(site, timezone="America/New_York"), *land.truth.sites[1:]))
    assert_same(await land.tables(), moved, *ALL)


async def test_an_equipment_that_is_gone(ingested: Store) -> None:
    land = await full(ingested)
    gone = land.truth.equipments[1]
    changes, following = Changes(), Following(land.ingest)
    changes.follow(following.follow)
    async with changes.around(land.application.id, (Change("equipments", (gone.id,), What.GONE),)):
        await ingested.delete(EQUIPMENTS, equal("_id", gone.id))
    await following.settled()
    left = replace(
        land.truth,
        equipments=[one for one in land.truth.equipments if one != gone],
        detections=[one for one in land.truth.detections if one.equipment != gone.id],
    )
    assert_same(await land.tables(), left, "presence")


async def test_a_campaign_with_other_windows(ingested: Store) -> None:
    land = await full(ingested)
    campaign = land.truth.campaigns[0]
    windows = {"click": 2, "print": 1, "opening": 1}
    change = Change("campaigns", (campaign.id,), What.WINDOWS)
    await rewrite(land, CAMPAIGNS, campaign.id, {"windows": windows}, change)
    narrow = replace(land.truth, campaigns=(replace(campaign, windows=windows), *land.truth.campaigns[1:]))
    assert_same(await land.tables(), narrow, *ALL)


async def test_a_point_of_interest_without_cells(ingested: Store) -> None:
    """Pings no longer lie in it; stays that came as such stay."""
    land = await full(ingested)
    poi = land.truth.pois[0]
    fields = {"indoorIndexes": None, "outdoorIndexes": None}
    await rewrite(land, POIS, poi.id, fields, Change("pois", (poi.id,), What.PLACE))
    told = [stay for stay in land.truth.stays if stay.place != poi.id or as_sent(stay)]
    assert_same(await land.tables(), replace(land.truth, stays=told), "geo_stays")


def as_sent(stay: Any) -> bool:
    start = int(stay.start.timestamp())
    return any(
        event["user"] == stay.user and event["duration_s"] == stay.dwell_s and _seconds(event["start"]) == start
        for event in beta().events["stays"]
    )


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


async def test_an_application_with_other_bands(ingested: Store) -> None:
    land = await full(ingested)
    bands = {"dwell": [0, 1000], "distance": [0, 500, 5000], "visits": [1], "delay": [0, 5], "gap": [1, 3]}
    change = Change("applications", (land.application.id,), What.SETTINGS)
    settings = {"bands": bands, "stays": {"gapMinutes": 15, "minimumSeconds": 120}}
    await rewrite(land, APPLICATIONS, land.application.id, {"settings": settings}, change)
    other: Truth = replace(land.truth, bands={name: tuple(edges) for name, edges in bands.items()})
    assert_same(await land.tables(), other, "geo_stays", "outcomes", "cohorts", "credits", "presence")


async def test_what_was_noted_is_done_by_whoever_comes_next(ingested: Store) -> None:
    """A process that dies right after the resource has changed."""
    land = await full(ingested)
    site = land.truth.sites[0]
    dying = Following(land.ingest)
    async with dying.follow(land.application.id, (Change("sites", (site.id,), What.ZONE),)):
        await ingested.update(SITES, equal("_id", site.id), {"timezone": "America/New_York"})
    await dying.close()
    await Following(Ingest(ingested, clock, SECRET)).resume()
    moved = replace(land.truth, sites=(replace(site, timezone="America/New_York"), *land.truth.sites[1:]))
    assert_same(await land.tables(), moved, *ALL)


async def test_without_events_there_is_nothing_to_do(ingested: Store) -> None:
    land = await Land(ingested, beta()).settle()
    following = Following(land.ingest)
    async with following.follow(land.application.id, (Change("sites", ("x",), What.GONE),)):
        assert await ingested.find(NOTES, EVERYTHING) == []


async def test_campaigns_know_the_days_of_their_data(ingested: Store) -> None:
    land = await Land(ingested, beta()).settle()
    campaign = land.truth.campaigns[0]

    async def days() -> tuple[str | None, str | None]:
        found = await ingested.get(CAMPAIGNS, equal("_id", campaign.id))
        assert found is not None
        return found.get("computedFrom"), found.get("computedTo")

    touch = {"user": "a", "campaign": campaign.key, "at": "2024-03-28T20:00:00Z", "kind": "print"}
    first = await land.take("touches", [touch])
    assert await days() == ("2024-03-29", "2024-03-29")  # in Shanghai
    await land.take("deliveries", [{"campaign": campaign.key, "day": "2024-04-02", "prints": 1}])
    assert await days() == ("2024-03-29", "2024-04-02")
    await land.ingest.remove(land.application, first)
    assert await days() == ("2024-04-02", "2024-04-02")
