"""Three small applications, one per module, filled and queried over HTTP; every answer was computed on paper.

The expected numbers are literals, with the calculation in a comment, so that these tests also find a misreading of
the definitions that the product and the computation by hand (`tests/by_hand`) have in common.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.server import Server, Tenant, run_server
from tests.worked import Json, ModuleClient, assert_exactly, ingest_rows, summarise

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Run a server with an empty DuckDB store."""
    folder = tmp_path_factory.mktemp("worked")
    async with run_server("duckdb", f"duckdb:{folder / 'okube.duckdb'}") as running:
        yield running


# -- geo-marketing -------------------------------------------------------------------------------------------------

STAYS = (
    # Ann's last visit was more than twelve months before 4 March 2024, Bob's less than twelve before the 5th
    ("ann", "a", None, "2023-02-01T10:00:00+01:00", 600, "indoor"),
    ("bob", "a", None, "2023-03-20T10:00:00+01:00", 600, "indoor"),
    ("ann", "a", None, "2024-03-04T10:00:00+01:00", 600, "indoor"),
    ("ann", "a", None, "2024-03-04T18:00:00+01:00", 1200, "indoor"),  # the same visitor-day
    ("ann", "a", None, "2024-03-07T10:00:00+01:00", 300, "indoor"),
    ("bob", "a", None, "2024-03-04T23:30:00Z", 1500, "indoor"),  # half past midnight on the 5th, in Paris
    ("bob", "b", None, "2024-03-11T09:00:00+01:00", 2400, "indoor"),
    ("cid", "b", None, "2024-03-11T09:10:00+01:00", 900, "outdoor"),
    ("cid", None, "p", "2024-03-05T12:00:00+01:00", 3600, "indoor"),
    ("ann", None, "p", "2024-03-05T13:00:00+01:00", 240, "indoor"),
)


@pytest.fixture(scope="module")
async def panel(server: Server) -> Tenant:
    """Fill an application: two sites 0.1 degrees apart, a POI, three people, and a site that is not in the study."""
    tenant = await server.create_tenant(timezone="Europe/Paris")
    for key, latitude in (("a", 48.8), ("b", 48.9), ("c", 49.0)):
        await tenant.create("sites", key=key, name=key, online=False, coordinates=[2.3, latitude])
    await tenant.create("pois", key="p", name="The park", coordinates=[2.5, 48.8])
    await tenant.create("studies", key="study", sites=["a", "b"], pois=["p"])
    areas = (("751010101", "By A", 2.3, 48.8), ("751010102", "By B", 2.3, 48.9))  # where the sites are
    await ingest_rows(tenant, "areas", "code name lng lat", areas)
    people = (("ann", 2.5, "751010101", "android"), ("bob", 1, "751010102", "ios"))  # Cid is unknown
    await ingest_rows(tenant, "panelists", "user weight home os", people)
    await ingest_rows(tenant, "stays", "user site poi start duration_s zone", STAYS)
    return tenant


def ask_geo_marketing(tenant: Tenant, **url: str) -> ModuleClient:
    """Return a client of geo-marketing, from Monday 4 to Monday 11 March 2024."""
    return ModuleClient(tenant, "/studies/study/geo-marketing/analytics", ("2024-03-04", "2024-03-11"), **url)


async def test_geo_marketing(panel: Tenant) -> None:
    client = ask_geo_marketing(panel, uplift="false")
    assert_exactly(await client.by_week("posSessions"), (5, {"0": 4, "1": 1}))
    assert_exactly(await client.by_week("attendance"), (4, {"0": 3, "1": 1}))  # Ann 4 and 7, Bob 5; Bob 11
    assert_exactly(await client.by_week("uniqUsers"), (2, {"0": 2, "1": 1}))
    assert_exactly(await client.by_week("acquisition"), (1, {"0": 1, "1": 0}))  # Ann
    assert_exactly(await client.by_week("returning"), (1, {"0": 1, "1": 1}))  # Bob
    assert_exactly(await client.over_period("acquisition", "sites"), {"a": 1, "b": 1})  # at B, Bob is new
    # (600 + 1200 + 300 + 1500) / 4, and 6000 / 5 with the 2400 of the second week
    assert_exactly(await client.by_week("timespent"), (1200.0, {"0": 900.0, "1": 2400.0}))
    # 300 600 | 1200 1500 | 2400; half of 5 is 2.5, a quarter of the way from 900 to 1800
    bins: Any = {300: (2, 0.4), 900: (2, 0.4), 1800: (1, 0.2)}
    assert_exactly(summarise(await client.over_period("timespentPerScope")), (bins, 0, 5, 1200.0, 1125.0))
    # both have two visitor-days; the middle of [2, 3)
    assert_exactly(summarise(await client.over_period("returningPerScope")), ({2: (2, 1.0)}, 0, 2, 2.0, 2.5))
    # at A: Ann after 397 days (365 + 32), then 3; Bob after 351; their first days close no interval; 751 / 3
    gaps = summarise(await client.over_period("returningFrequencyPerScope"))
    assert_exactly(gaps, ({2: (1, 0.3333), 91: (2, 0.6667)}, 0, 3, 250.3333, None))
    first, second = {"visitor": 2, "pedestrian": 0, "captureRate": 1.0}, {"visitor": 1, "pedestrian": 1}
    both = {"visitor": 2, "pedestrian": 1, "captureRate": 0.6667}  # Cid was only seen outdoors
    assert_exactly(
        await client.by_week("visitorVsPedestrian"), (both, {"0": first, "1": {**second, "captureRate": 0.5}})
    )
    assert_exactly(await client.by_week("poiSessions"), (2, {"0": 2, "1": 0}))


async def test_geo_marketing_by_item_and_area(panel: Tenant) -> None:
    client = ask_geo_marketing(panel, uplift="false")
    items = [{"key": "p", "label": "The park", "value": 2, "share": 1.0}]
    assert_exactly(await client.over_period("perPoiSessions"), {"items": items, "unknown": 0, "total": 2})
    items = [
        {"key": "android", "label": "Android", "value": 1, "share": 0.5},
        {"key": "ios", "label": "iOS", "value": 1, "share": 0.5},
    ]
    assert_exactly(await client.over_period("os"), {"items": items, "unknown": 0, "total": 2})
    # of two visitors one was in the park, of three people in all two: 100 x 1/2 / (2/3)
    affinity = await client.over_period("posAffinity")
    (item,) = affinity["items"]
    assert (affinity["visitors"], item["key"], item["visitors"]) == (2, "p", 1)
    assert (item["share"], item["referenceShare"], item["index"]) == (0.5, 0.6667, 75.0)
    assert_exactly(await client.over_period("attendance", "homes"), {"751010101": 2, "751010102": 2})
    # values of a filter are always shown: Ann on the 4th and 7th, Bob on the 5th; C is not in the study
    assert_exactly(await client.over_period("attendance", "sites", {"sites": ["a", "c"]}), {"a": 3, "c": 0})
    # Ann lives at A: 0, 0, 0; Bob at B: 0 there, and to A a tenth of a degree: 6,371,007.18 x pi / 1800 = 11,120
    homes = summarise(await client.over_period("homeDistanceVisitsPerScope"))
    assert_exactly(homes, ({0: (4, 0.8), 10_000: (1, 0.2)}, 0, 5, 2224.0, 625.0))  # the median: 2.5 of 4, up to 1000
    assert_exactly(summarise(await client.over_period("workDistanceVisitsPerScope")), ({}, 5, 5, None, None))


async def test_geo_marketing_with_uplift(panel: Tenant) -> None:
    client = ask_geo_marketing(panel)  # uplift is true by default: Ann weighs 2.5
    assert_exactly(await client.over_period("attendance"), 7.0)  # 2 x 2.5 + 2
    assert_exactly(await client.over_period("uniqUsers"), 3.5)
    assert_exactly(await client.over_period("timespent"), 963.1579)  # (2.5 x 2100 + 3900) / (2.5 x 3 + 2)
    capture = {"visitor": 3.5, "pedestrian": 1.0, "captureRate": 0.7778}
    assert_exactly(await client.over_period("visitorVsPedestrian"), capture)
    assert_exactly(await client.over_period("acquisition"), 2.5)


# -- conversion ----------------------------------------------------------------------------------------------------

TOUCHES = (
    ("ann", "poster", "2024-02-28T10:00:00Z", "print"),  # exactly seven days before Ann's visit: eligible
    ("ann", "mail", "2024-03-05T10:00:00Z", "click"),
    ("ann", "poster", "2024-03-05T12:00:00Z", "print"),
    ("bob", "poster", "2024-02-20T10:00:00Z", "print"),  # more than seven days before Bob's visit
    ("bob", "mail", "2024-03-04T10:00:00Z", "control"),  # control group: no touch
    ("cid", "poster", "2024-03-03T10:00:00Z", "print"),
    ("cid", "poster", "2024-03-04T10:00:00Z", "click"),  # the same campaign again: one touch, this one
    ("cid", "mail", "2024-03-04T12:00:00Z", "opening"),
    ("dan", "poster", "2024-03-02T10:00:00Z", "print"),  # never visits a shop
    ("eve", "mail", "2024-03-06T09:00:00Z", "opening"),
    ("eve", "mail", "2024-03-07T09:00:00Z", "click"),  # again one touch, at this instant
)
VISITS = (
    ("ann", "shop-1", "2024-03-06T10:00:00Z"),  # poster, mail, poster (print, 22 hours before)
    ("bob", "shop-1", "2024-03-05T10:00:00Z"),  # no touch before it
    ("cid", "shop-2", "2024-03-08T12:00:00Z"),  # poster (click), mail (opening, 4 days before)
    ("cid", "web", "2024-03-11T09:00:00Z"),  # the same two
    ("eve", "web", "2024-03-10T09:00:00Z"),  # mail, three days before
    ("dan", "web", "2024-03-02T10:00:00Z"),  # at the instant of his touch, which is not before it
)
PURCHASES = (
    ("ann", "shop-1", "2024-03-06T11:00:00Z", 40),
    ("ann", "shop-1", "2024-03-06T11:30:00Z", 10),  # of the same visit
    ("bob", "shop-1", "2024-03-05T12:00:00Z", 99),  # not attributed
    ("cid", "shop-2", "2024-03-09T10:00:00Z", 20),  # the day after: no visit, the same two touches
    ("cid", "web", "2024-03-11T09:05:00Z", 30),
)
DELIVERIES = (
    ("poster", "2024-03-01", None, 1000, 10, None),
    ("mail", "2024-03-05", None, 500, 20, 50),
    ("mail", "2024-03-06", None, None, 10, None),
    ("mail", "2024-03-07", "shop-1", 300, None, None),
)


@pytest.fixture(scope="module")
async def shops(server: Server) -> Tenant:
    """Fill an application: two shops and a web site, a poster at 10 a day for ten days, mail at 0.50 a click."""
    tenant = await server.create_tenant(timezone="Europe/Paris")
    for key, online in (("shop-1", False), ("shop-2", False), ("web", True)):
        await tenant.create("sites", key=key, name=key, online=online)
    for lever in ("street", "letters"):
        response = await tenant.admin.post(f"{tenant.url}/levers", json={"key": lever, "match": {"format": [lever]}})
        assert response.status_code == 201, response.text
    fixed = {"type": "fixed", "amount": 100, "from": "2024-03-01", "to": "2024-03-10"}
    await tenant.create("campaigns", key="poster", format="street", sites=["shop-1", "shop-2"], costs=[fixed])
    await tenant.create("campaigns", key="mail", format="letters", costs=[{"type": "cpc", "amount": 0.5}])
    await ingest_rows(tenant, "panelists", "user weight", [("ann", 3)])
    await ingest_rows(tenant, "touches", "user campaign at kind", TOUCHES)
    await ingest_rows(tenant, "deliveries", "campaign day site prints clicks openings", DELIVERIES)
    await ingest_rows(tenant, "visits", "user site at", VISITS)
    await ingest_rows(tenant, "purchases", "user site at amount", PURCHASES)
    return tenant


def ask_conversion(tenant: Tenant, days: tuple[str, str] = ("2024-03-01", "2024-03-11"), **url: str) -> ModuleClient:
    """Return a client of conversion."""
    return ModuleClient(tenant, "/conversions/levers/analytics", days, **url)


async def test_conversion_counts_and_money(shops: Tenant) -> None:
    client = ask_conversion(shops, uplift="false")
    visits = {"visits": 2, "conversions": 1, "rate": 0.5}  # Ann's and Cid's; hers alone with purchases that day
    assert_exactly(await client.over_period("offlineVisitsAndConversions"), visits)
    assert_exactly(await client.over_period("onlineVisits"), 2)
    assert_exactly(
        await client.over_period("offlineVisits", "campaigns"), {"poster": 2, "mail": 2}
    )  # participation: more than 2
    assert_exactly(await client.over_period("offlineVisits", "sites"), {"shop-1": 1, "shop-2": 1})
    assert_exactly(await client.over_period("offlineConversionPurchases"), 3)  # 40, 10, and the 20 without a visit
    assert_exactly(await client.over_period("offlineRevenues"), 70.0)
    assert_exactly(await client.over_period("revenues"), 100.0)
    assert_exactly(
        await client.over_period("revenueByOfflineVisit"), 50.0
    )  # of both channels, over the two offline visits
    assert_exactly(await client.over_period("offlineRevenueByOfflineVisit"), 35.0)
    assert_exactly(await client.over_period("cost"), 115.0)  # 100 + 30 clicks at 0.50
    # the poster's 100 by two shops, the mail's 15 by three sites
    assert_exactly(await client.over_period("cost", "sites"), {"shop-1": 55.0, "shop-2": 55.0, "web": 5.0})
    assert_exactly(await client.over_period("prints"), 1800)
    # 1000 by two, 500 by three, and 300 at shop 1
    assert_exactly(await client.over_period("prints", "sites"), {"shop-1": 966.67, "shop-2": 666.67, "web": 166.67})
    assert_exactly(await client.over_period("ctr"), 0.0222)  # 40 / 1800
    assert_exactly(await client.over_period("roi"), -0.1304)  # (100 - 115) / 115
    assert_exactly(await client.over_period("costByVisit"), 28.75)  # 115 / 4
    assert_exactly(await client.over_period("costByConversion"), 57.5)  # 115 / 2
    assert_exactly(await client.over_period("costByPurchase"), 28.75)  # 115 / 4
    assert_exactly(await client.over_period("printsByOfflineVisit"), 900.0)


async def test_conversion_models_and_touches(shops: Tenant) -> None:
    client = ask_conversion(shops, uplift="false")
    # poster: 2/3 + 1/2, 1/2 + 1/2, first of both, last of Ann's; mail: 1/3 + 1/2, 1/2 + 1/2, none, last of Cid's
    models: Json = {
        "poster": {"linear": 1.17, "shapley": 1.0, "fc": 2.0, "lc": 1.0, "participation": 2},
        "mail": {"linear": 0.83, "shapley": 1.0, "fc": 0.0, "lc": 1.0, "participation": 2},
    }
    assert_exactly(await client.over_period("offlineVisitsAttributions", "campaigns"), models)
    assert_exactly(
        await client.over_period("offlineVisitsAttributions", "levers"),
        {"street": models["poster"], "letters": models["mail"]},
    )
    total = {"linear": 2.0, "shapley": 2.0, "fc": 2.0, "lc": 2.0, "participation": 2}
    assert_exactly(await client.over_period("offlineVisitsAttributions"), total)
    mail = {"campaigns": ["mail"]}
    assert_exactly(await client.over_period("offlineVisitsAttributions", filters=mail), models["mail"])
    assert_exactly(await client.over_period("cost", filters=mail), 15.0)
    per = await client.over_period("offlineVisitsPerCampaign")
    assert [(item["key"], item["value"], item["share"]) for item in per["items"]] == [
        ("poster", 1.17, 0.5833),  # 7/6 of 2
        ("mail", 0.83, 0.4167),
    ]
    assert_exactly(per["total"], 2.0)
    touches = {
        "print": {"contacts": 1800, "visits": 1, "share": 0.5},  # Ann's
        "click": {"contacts": 40, "visits": 0, "share": 0.0},
        "opening": {"contacts": 50, "visits": 1, "share": 0.5},  # Cid's
    }
    assert_exactly(await client.over_period("printVsClickVsOpenings"), touches)
    two = {"print": {**touches["print"], "share": 1.0}, "click": touches["click"]}
    assert_exactly(await client.over_period("printVsClick"), two)
    # 22 and 96 hours: 59 on average, 2.4583 days; half of two is reached at the end of [0, 1)
    delay = await client.over_period("timeBeforeOfflineVisitPerScope")
    assert delay["unit"] == "d"
    assert_exactly(summarise(delay), ({0: (1, 0.5), 3: (1, 0.5)}, 0, 2, 2.4583, 1.0))
    # to the campaign of the credited touch alone, so that campaigns add up: Ann's is the poster's, Cid's the mail's
    delays = await client.over_period("timeBeforeOfflineVisitPerScope", "campaigns")
    assert_exactly(summarise(delays["poster"]), ({0: (1, 1.0)}, 0, 1, 0.9167, 0.5))
    assert_exactly(summarise(delays["mail"]), ({3: (1, 1.0)}, 0, 1, 4.0, 5.0))
    # Cid after 165 hours, Eve after 72, which is in [3, 7) as well: 118.5 on average; the middle of that bin
    delay = await client.over_period("timeBeforeOnlineVisitPerScope")
    assert_exactly(summarise(delay), ({3: (2, 1.0)}, 0, 2, 4.9375, 5.0))


async def test_conversion_of_users_and_levers(shops: Tenant) -> None:
    client = ask_conversion(shops, uplift="false")
    assert_exactly(
        await client.over_period("venueRate"), 0.5
    )  # Ann, Cid, Dan, Eve were exposed in March; Ann and Cid visited
    # 2 of 4 against Bob, who came: 1/2 - 1; 4 x (1/2 - 1); the interval by exp(ln 1/2 +- 1.96 x sqrt(1/4)) - 1
    comparison = {
        "exposed": {"users": 4, "visitors": 2, "rate": 0.5},
        "control": {"users": 1, "visitors": 1, "rate": 1.0},
        "lift": -0.5,
        "incrementalVisitors": -2.0,
        "ci95": [-0.8123, 0.3322],
        "significant": False,
    }
    assert_exactly(await client.over_period("comparisonOfflineVisits"), comparison)
    both: Json = {"offlineVisits": 2, "offlineConversions": 1, "onlineConversions": 1, "revenues": 100.0}
    street = {"prints": 1000, "clicks": 10, "openings": 0, "cost": 100.0, "onlineVisits": 1, "ctr": 0.01}
    letters = {"prints": 800, "clicks": 30, "openings": 50, "cost": 15.0, "onlineVisits": 2, "ctr": 0.0375}
    rates = ({"costByVisit": 33.3333, "roi": 0.0}, {"costByVisit": 3.75, "roi": 5.6667})  # 100 / 3; 15 / 4, 85 / 15
    levers = {  # two of three each: Dan saw the poster alone, Eve the mail
        "street": {**street, **both, **rates[0], "venueRate": 0.6667},
        "letters": {**letters, **both, **rates[1], "venueRate": 0.6667},
    }
    assert_exactly(await client.over_period("globalLeverPerformance", "levers"), levers)


async def test_conversion_with_uplift(shops: Tenant) -> None:
    client = ask_conversion(shops)  # Ann weighs 3
    assert_exactly(await client.over_period("offlineVisits"), 4.0)
    assert_exactly(
        await client.over_period("offlineVisitsLinear", "campaigns"), {"poster": 2.5, "mail": 1.5}
    )  # 3 x 2/3 + 1/2
    assert_exactly(await client.over_period("offlineRevenues"), 170.0)  # 3 x 50 + 20
    assert_exactly(await client.over_period("cost"), 115.0)  # no uplift
    assert_exactly(await client.over_period("roi"), 0.7391)  # (200 - 115) / 115
    assert_exactly(await client.over_period("venueRate"), 0.6667)  # (3 + 1) / (3 + 1 + 1 + 1)
    assert_exactly(
        (await client.over_period("comparisonOfflineVisits"))["exposed"], {"users": 4, "visitors": 2, "rate": 0.5}
    )


async def test_conversion_by_day_of_touch(shops: Tenant) -> None:
    """Check cohorts; credited touches: Cid's outcomes (two offline, one online) on the 4th, Ann's visit on the 5th."""
    client = ask_conversion(shops, ("2024-03-04", "2024-03-05"), uplift="false")
    days = ({"visits": 1, "conversions": 0, "rate": 0.0}, {"visits": 1, "conversions": 1, "rate": 1.0})
    both = {"visits": 2, "conversions": 1, "rate": 0.5}
    assert_exactly(await client.by_day("cohortOfflineVisitsAndConversions"), (both, {"0": days[0], "1": days[1]}))
    assert_exactly(await client.by_day("cohortOfflineRevenues"), (70.0, {"0": 20.0, "1": 50.0}))
    assert_exactly(await client.by_day("cohortRevenues"), (100.0, {"0": 50.0, "1": 50.0}))
    assert_exactly(
        await client.over_period("cohortRoi"), 2.3333
    )  # cost: two days at 10, 20 clicks at 0.50; (100 - 30) / 30
    assert_exactly(await client.over_period("offlineVisits"), 0)  # by their own day, these came later


# -- presence ------------------------------------------------------------------------------------------------------

DETECTIONS = (
    ("one", "a", "2024-03-04T10:00:00+01:00"),
    ("one", "b", "2024-03-04T10:10:00+01:00"),
    ("one", "a", "2024-03-04T10:20:00+01:00"),  # 1200 s: a 600, b 600, a 0
    ("one", "a", "2024-03-04T14:00:00+01:00"),
    ("one", "a", "2024-03-04T14:03:00+01:00"),  # 180 s
    ("two", "b", "2024-03-04T23:50:00+01:00"),
    ("two", "a", "2024-03-05T00:10:00+01:00"),  # 1200 s over midnight: b 1200, a 0
    ("two", "c", "2024-03-05T12:00:00+01:00"),
    ("two", "c", "2024-03-05T12:02:00+01:00"),  # 120 s: the minimum
    ("six", "a", "2024-03-05T09:00:00+01:00"),
    ("six", "a", "2024-03-05T09:01:59+01:00"),  # 119 s: too short
)


@pytest.fixture(scope="module")
async def halls(server: Server) -> Tenant:
    """Fill an application: equipments a and b at the hall, c at the yard; 4 and 5 March 2024."""
    tenant = await server.create_tenant(timezone="Europe/Paris")
    for site, equipments in (("hall", "ab"), ("yard", "c")):
        await tenant.create("sites", key=site, name=site, online=False)
        for key in equipments:
            response = await tenant.admin.post(f"{tenant.url}/sites/{site}/equipments", json={"key": key})
            assert response.status_code == 201, response.text
    await ingest_rows(tenant, "detections", "device equipment at", DETECTIONS)
    return tenant


def ask_presence(tenant: Tenant) -> ModuleClient:
    """Return a client of presence."""
    return ModuleClient(tenant, "/presence/analytics", ("2024-03-04", "2024-03-05"))


async def test_presence(halls: Tenant) -> None:
    client = ask_presence(halls)
    assert_exactly(await client.by_day("sessions"), (4, {"0": 3, "1": 1}))
    assert_exactly(await client.by_day("entering"), (4, {"0": 3, "1": 1}))
    assert_exactly(await client.by_day("leaving"), (4, {"0": 2, "1": 2}))  # one of them over midnight
    assert_exactly(await client.by_day("uniqUsers"), (2, {"0": 2, "1": 1}))
    assert_exactly(await client.by_day("acquisition"), (2, {"0": 2, "1": 0}))
    assert_exactly(
        await client.by_day("returning"), (0, {"0": 0, "1": 1})
    )  # the second device has been there since the 4th
    by_site = {"hall": (2, {"0": 2}), "yard": (1, {"1": 1})}
    assert_exactly(await client.by_day("acquisition", "sites"), by_site)
    assert_exactly(await client.by_day("attendance"), (3, {"0": 2, "1": 1}))
    assert_exactly(await client.by_day("dropouts"), (2, {"0": 1, "1": 1}))  # 180 s and 120 s
    assert_exactly(await client.over_period("timespent"), 675.0)  # 2700 / 4
    dwell: Any = {0: (2, 0.5), 900: (2, 0.5)}
    assert_exactly(summarise(await client.over_period("timespentPerScope")), (dwell, 0, 4, 675.0, 300.0))
    # 10:00 to 14:03 is 14,580 s; 1200 s; 120 s: 15,900 / 3; the median half way through [900, 1800)
    days = {0: (1, 0.3333), 900: (1, 0.3333), 7200: (1, 0.3333)}
    assert_exactly(summarise(await client.over_period("rangeAmplitude")), (days, 0, 3, 5300.0, 1350.0))


async def test_presence_by_area(halls: Tenant) -> None:
    client = ask_presence(halls)
    assert_exactly(await client.over_period("sessions", "equipments"), {"a": 3, "b": 2, "c": 1})
    # a: (600 + 0) + 180 + 0 over 3; b: 600 + 1200 over 2
    assert_exactly(await client.over_period("timespent", "equipments"), {"a": 260.0, "b": 900.0, "c": 120.0})
    matching = {
        "areas": ["a", "b", "c"],  # two devices, two, one
        "users": [[2, 2, 1], [2, 2, 1], [1, 1, 1]],
        "rate": [[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [1.0, 1.0, 1.0]],
    }
    assert_exactly(await client.over_period("areaMatching"), matching)
    # paths at the hall: a b a, a, b a
    order = {
        "ranks": [
            {"rank": 1, "items": [build_item("a", 2, 0.6667), build_item("b", 1, 0.3333)]},
            {"rank": 2, "items": [build_item("a", 1, 0.5), build_item("b", 1, 0.5)]},
        ],
        "transitions": [
            {"from": "a", "to": None, "value": 3},
            {"from": "b", "to": "a", "value": 2},
            {"from": "a", "to": "b", "value": 1},
        ],
        "meanRank": {"a": 1.3333, "b": 1.5},
    }
    assert_exactly((await client.over_period("visitOrder", "sites"))["hall"], order)


def build_item(key: str, value: int, share: float) -> Json:
    """Return an item of a rank."""
    return {"key": key, "value": value, "share": share}
