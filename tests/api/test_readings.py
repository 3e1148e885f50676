"""Readings of the definitions of KPIs, each on events that it decides, with weights and amounts near their limits.

The expected values are computed here from the words of the definitions, with neither the product nor the computation by
hand (`tests/by_hand`).
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from fractions import Fraction
from math import exp, log, sqrt
from typing import Any

import pytest

from tests.api.server import Server, Tenant
from tests.worked import Json, ModuleClient, ingest_rows

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

HEAVY = Fraction("999999.875")
"""A weight just below the greatest."""
DEAR = Fraction("999999999.99")
"""An amount just below the greatest."""
MAY = ("2025-05-01", "2025-05-31")


def to_amount(value: Fraction) -> float:
    """Return a value as answers show it, with 2 decimals."""
    return float(round(value, 2))


# -- conversion ----------------------------------------------------------------------------------------------------

TOUCHES = (
    ("ann", "poster", "2025-05-02T08:00:00Z", "print"),
    ("ann", "mail", "2025-05-02T09:00:00Z", "click"),
    ("bob", "mail", "2025-05-02T09:00:00Z", "click"),
    ("bob", "mail", "2025-05-02T09:00:00Z", "print"),  # at the same instant, sent after the click
    ("cid", "poster", "2025-05-04T08:00:00Z", "click"),
    ("dan", "radio", "2025-05-04T08:00:00Z", "click"),
    ("eve", "poster", "2025-05-02T08:00:00Z", "control"),
    ("ann", "poster", "2025-05-01T08:00:00Z", "control"),  # exposed, too: not in the control group
)
VISITS = (
    ("ann", "north", "2025-05-03T10:00:00Z"),
    ("bob", "north", "2025-05-20T10:00:00Z"),  # 18 days later: in the window of the click alone
    ("dan", "south", "2025-05-06T10:00:00Z"),
    ("eve", "north", "2025-05-02T08:00:00Z"),  # at the instant of the touch
)
PURCHASES = (
    ("ann", "north", "2025-05-03T10:00:00Z", float(DEAR), "1"),  # at the instant of the visit
    ("ann", "north", "2025-05-03T12:00:00Z", -(10**9), "2"),  # a refund, of the same visit
    ("bob", "north", "2025-05-20T09:59:59Z", 50, "3"),  # a second before the visit
    ("cid", "south", "2025-05-05T10:00:00Z", -(10**9), "4"),  # a refund without a visit
    ("dan", "south", "2025-05-06T11:00:00Z", -3, "5"),  # all that the visit has: no conversion
)
WEIGHTS = {"ann": HEAVY, "bob": Fraction(1), "cid": Fraction("250000.001"), "dan": HEAVY, "eve": HEAVY}


@pytest.fixture(scope="module")
async def shops(shared_server: Server) -> Tenant:
    """Fill an application that no test changes."""
    return await fill_shops(await shared_server.create_tenant())


async def fill_shops(tenant: Tenant) -> Tenant:
    """Fill an application: three sites, of which one is not active, three campaigns, five people."""
    for key in ("north", "south", "closed"):
        await tenant.create("sites", key=key, name=key, online=False, active=key != "closed")
    for lever in ("street", "letters"):
        answer = await tenant.admin.post(f"{tenant.url}/levers", json={"key": lever, "match": {"format": [lever]}})
        assert answer.status_code == 201, answer.text
    days = {"type": "fixed", "from": "2025-05-01", "to": "2025-05-10"}
    for key, lever, wave, sites, amount in (
        ("poster", "street", "1", ["north", "closed"], 10**9),
        ("mail", "letters", "2", [], 8),
        ("radio", "street", "2", ["closed"], 700),
    ):
        extra, costs = [{"key": "wave", "value": wave}], [{**days, "amount": amount}]
        await tenant.create("campaigns", key=key, format=lever, extra=extra, sites=sites, costs=costs)
    await ingest_rows(tenant, "panelists", "user weight", [(user, float(weight)) for user, weight in WEIGHTS.items()])
    await ingest_rows(tenant, "touches", "user campaign at kind", TOUCHES)
    await ingest_rows(tenant, "visits", "user site at", VISITS)
    await ingest_rows(tenant, "purchases", "user site at amount order", PURCHASES)
    return tenant


def ask_conversion(tenant: Tenant, **url: str) -> ModuleClient:
    """Return a client of conversion, for May."""
    return ModuleClient(tenant, "/conversions/levers/analytics", MAY, **url)


def sum_weights(*users: str) -> Fraction:
    """Return the sum of the weights of users."""
    return sum((WEIGHTS[user] for user in users), Fraction(0))


async def test_purchases_refunds_and_touches_of_one_instant(shops: Tenant) -> None:
    client = ask_conversion(shops)
    revenues = HEAVY * (DEAR - 10**9) + 50 - WEIGHTS["cid"] * 10**9 - 3 * HEAVY
    assert await client.over_period("offlineRevenues") == to_amount(revenues)
    assert await client.over_period("offlineVisits") == to_amount(sum_weights("ann", "bob", "dan"))
    assert await client.over_period("offlineConversions") == to_amount(HEAVY)  # Ann's; that of Bob was before his visit
    assert await client.over_period("offlineConversionPurchases") == to_amount(HEAVY + 1)  # refunds are none
    touches = await client.over_period("printVsClick")
    assert (touches["print"]["visits"], touches["click"]["visits"]) == (0, to_amount(sum_weights("ann", "bob", "dan")))
    assert await client.over_period("cohortOfflineRevenues") == to_amount(revenues)

    by_day = await client.data("offlineRevenues")  # from 1 May on
    assert by_day["temporals"]["4"] == to_amount(-WEIGHTS["cid"] * 10**9)
    assert by_day["temporals"]["19"] == 50


@pytest.mark.parametrize(
    ("filters", "visitors"),
    [
        ({"campaigns": ["poster"], "levers": ["letters"]}, ""),  # Ann saw both, but no campaign is both
        ({"levers": ["street"], "extras": ["wave:2"]}, "dan"),
        ({"levers": ["letters"], "extras": ["wave:2"]}, "ann bob"),
        ({"campaigns": {"not": ["mail"]}}, "ann dan"),  # Ann's path holds the poster, too
        ({"campaigns": {"not": ["mail", "poster"]}}, "dan"),
        ({"extras": {"not": ["wave:2"]}}, "ann"),
        ({"levers": {"not": ["letters"]}, "extras": ["wave:1"]}, "ann"),
    ],
)
async def test_one_campaign_of_the_path_meets_all_filters(shops: Tenant, filters: Json, visitors: str) -> None:
    for uplift in ("true", "false"):
        client = ask_conversion(shops, uplift=uplift)
        users = visitors.split()
        expected = to_amount(sum_weights(*users)) if uplift == "true" else len(users)
        assert await client.over_period("offlineVisits", filters=filters) == expected


async def test_shares_of_sites_and_rates_of_users(shops: Tenant) -> None:
    client = ask_conversion(shops)
    # The poster belongs to its active site; the mail to both active ones; the radio, whose site is not active, to none.
    assert await client.over_period("cost") == 10**9 + 8
    assert await client.over_period("cost", "sites") == {"north": 10**9 + 4, "south": 4}
    assert await client.over_period("cost", "sites", {"sites": ["closed", "south"]}) == {"closed": 700, "south": 4}
    assert await client.over_period("cost", "levers", {"sites": ["closed"]}) == {"street": 700}

    def compute_rate(visitors: str, exposed: str) -> float:
        return float(round(sum_weights(*visitors.split()) / sum_weights(*exposed.split()), 4))

    rates = {
        "wave:1": compute_rate("ann", "ann cid"),
        "wave:2": compute_rate("ann bob dan", "ann bob dan"),
    }
    assert await client.over_period("venueRate", "extras") == rates
    assert await client.over_period("venueRate") == compute_rate("ann bob dan", "ann bob cid dan")
    records = await client.over_period("globalLeverPerformance", "extras")
    assert {extra: record["venueRate"] for extra, record in records.items()} == rates
    assert {extra: record["offlineVisits"] for extra, record in records.items()} == {
        "wave:1": to_amount(HEAVY),
        "wave:2": to_amount(2 * HEAVY + 1),
    }
    records = await client.over_period("globalLeverPerformance", "campaigns")
    assert {key: record["cost"] for key, record in records.items()} == {"poster": 10**9, "mail": 8, "radio": 0}
    by_day = (await client.data("venueRate"))["temporals"]
    assert (by_day["0"], by_day["1"], by_day["2"]) == (None, 0, None)  # exposed, and come, on different days

    # Ann and Cid against Eve alone, without weights: 1 of 2, 1 of 1
    comparison = (await client.over_period("comparisonOfflineVisits", "extras"))["wave:1"]
    error = 1.96 * sqrt(1 / 1 - 1 / 2 + 1 / 1 - 1 / 1)
    assert comparison == {
        "exposed": {"users": 2, "visitors": 1, "rate": 0.5},
        "control": {"users": 1, "visitors": 1, "rate": 1.0},
        "lift": -0.5,
        "incrementalVisitors": -1,
        "ci95": [round(exp(log(0.5) - error) - 1, 4), round(exp(log(0.5) + error) - 1, 4)],
        "significant": False,
    }
    second_day = (await client.data("comparisonOfflineVisits"))["temporals"]["1"]
    assert second_day["exposed"] == {"users": 2, "visitors": 0, "rate": 0}  # Ann and Bob
    assert second_day["control"] == {"users": 1, "visitors": 1, "rate": 1}


async def test_a_deleted_campaign_is_in_no_path(tenant: Tenant) -> None:
    client = ask_conversion(await fill_shops(tenant))
    linear = await client.over_period("offlineVisitsLinear", "campaigns")
    credits = {"poster": HEAVY / 2, "mail": HEAVY / 2 + 1, "radio": HEAVY}
    assert linear == {key: to_amount(credit) for key, credit in credits.items()}
    assert (await tenant.editor.delete(f"{tenant.url}/campaigns/mail")).status_code == 204
    await tenant.server.services.invalidation.drain(tenant.id)
    linear = await client.over_period("offlineVisitsLinear", "campaigns")
    assert linear == dict.fromkeys(("poster", "radio"), to_amount(HEAVY))
    assert await client.over_period("offlineVisits") == to_amount(2 * HEAVY)  # Bob's path is empty


# -- geo-marketing -------------------------------------------------------------------------------------------------

LIGHT = Fraction("0.125")
PEOPLE = (  # user, weight, home
    ("ann", float(HEAVY), "751010101"),
    ("bob", float(LIGHT), "751010101"),
    ("cid", float(HEAVY), "751010102"),  # seen at a point of interest only
)
STAYS = (
    ("ann", "a", None, "2023-03-01T10:00:00Z"),
    ("ann", "b", None, "2024-03-02T10:00:00Z"),  # new again: the first was more than twelve months before
    ("bob", "a", None, "2023-03-01T10:00:00Z"),
    ("bob", "b", None, "2024-03-01T10:00:00Z"),  # twelve months before are from 1 March 2023 on
    ("ann", "a", None, "2025-05-05T10:00:00Z"),  # a Monday
    ("ann", None, "park", "2025-05-12T12:00:00Z"),  # the next Monday
    ("ann", None, "park", "2025-05-13T12:00:00Z"),
    ("ann", None, "pond", "2025-05-13T14:00:00Z"),
    ("bob", "b", None, "2025-05-06T10:00:00Z"),  # a Tuesday
    ("bob", None, "park", "2025-05-12T10:00:00Z"),
    ("cid", None, "park", "2025-05-12T10:00:00Z"),
)


@pytest.fixture
async def panel(tenant: Tenant) -> Tenant:
    """Fill an application: two sites, two points of interest, three people, a study that names nothing."""
    for key in ("a", "b"):
        await tenant.create("sites", key=key, name=key, online=False, coordinates=[2.3, 48.8])
    for key in ("park", "pond"):
        await tenant.create("pois", key=key, name=key, coordinates=[2.5, 48.8])
    await tenant.create("studies", key="walks", pois=["park", "pond"])
    await tenant.create("studies", key="bare")
    areas = (("751010101", "One", 2.3, 48.8), ("751010102", "Two", 2.3, 48.9))
    await ingest_rows(tenant, "areas", "code name lng lat", areas)
    await ingest_rows(tenant, "panelists", "user weight home", PEOPLE)
    stays = [(*stay, 600, "indoor") for stay in STAYS]
    await ingest_rows(tenant, "stays", "user site poi start duration_s zone", stays)
    return tenant


def ask_geo_marketing(tenant: Tenant, study: str, days: tuple[str, str] = MAY, **url: str) -> ModuleClient:
    """Return a client of geo-marketing."""
    return ModuleClient(tenant, f"/studies/{study}/geo-marketing/analytics", days, **url)


async def test_new_users_and_points_of_interest(panel: Tenant) -> None:
    years = ask_geo_marketing(panel, "bare", ("2023-01-01", "2024-12-31"))
    new = await years.data("acquisition", granularity="year")
    both = to_amount(HEAVY + LIGHT)
    assert (new["all"], new["temporals"]) == (both, {"0": both, "1": to_amount(HEAVY)})

    # A study that names no site has all of them; one that names no point of interest has none.
    all_sites = ask_geo_marketing(panel, "bare", uplift="false")
    assert await all_sites.over_period("posSessions", "sites") == {"a": 1, "b": 1}
    assert await all_sites.over_period("poiSessions") == 0
    assert (await all_sites.over_period("posAffinity"))["items"] == []

    walks = ask_geo_marketing(panel, "walks")
    days_by_site = await walks.data("poiSessions", "sites")
    assert days_by_site["a"]["all"] == to_amount(3 * HEAVY)  # Ann's three, on their own days
    assert {day: value for day, value in days_by_site["a"]["temporals"].items() if value} == {
        "11": to_amount(HEAVY),
        "12": to_amount(2 * HEAVY),
    }
    counts = ask_geo_marketing(panel, "walks", uplift="false")
    assert await counts.over_period("poiSessions", "sites") == {"a": 3, "b": 1}
    assert await counts.over_period("poiSessions") == 5  # Cid's belongs to no site
    # On Mondays, the question reaches Ann at her site and one of her stays in the park; nobody at the other site.
    mondays = {"weekdays": [1]}
    assert await counts.over_period("poiSessions", "sites", mondays) == {"a": 1}
    by_poi = await counts.over_period("perPoiSessions", "sites", mondays)
    assert {site: [(item["key"], item["value"]) for item in leaf["items"]] for site, leaf in by_poi.items()} == {
        "a": [("park", 1)]
    }
    at_site = {"sites": ["b"]}  # a filter on sites keeps the rows of these, and no stay at a POI out
    assert await counts.over_period("poiSessions", "sites", at_site) == {"b": 1}
    assert await counts.over_period("poiSessions", filters=at_site) == 5

    # By home, visitors and reference are of the area: two of two; Cid's area has no visitor and is left out.
    affinity = await walks.over_period("posAffinity", "homes")
    assert list(affinity) == ["751010101"]
    (park, pond), users = affinity["751010101"]["items"], HEAVY + LIGHT
    assert (park["key"], park["visitors"], park["share"], park["referenceShare"], park["index"]) == (
        "park",
        to_amount(users),
        1,
        1,
        100,
    )
    assert (pond["key"], pond["share"], pond["index"]) == ("pond", float(round(HEAVY / users, 4)), 100)
    everywhere = (await walks.over_period("posAffinity"))["items"][1]  # the pond: Ann among three
    assert everywhere["referenceShare"] == float(round(HEAVY / (users + HEAVY), 4))
    assert everywhere["index"] == float(round(100 * (HEAVY / users) / (HEAVY / (users + HEAVY)), 4))


# -- presence ------------------------------------------------------------------------------------------------------

PATHS = {"one": "aba", "two": "bc", "six": "cacb", "ten": "b"}
"""The areas that each device passes, ten minutes at each."""


@pytest.fixture
async def halls(tenant: Tenant) -> Tenant:
    """Fill an application: three areas in a hall, four devices that walk through it, one that is silent in a yard."""
    for site, equipments in (("hall", "abc"), ("yard", "d")):
        await tenant.create("sites", key=site, name=site, online=False)
        for key in equipments:
            answer = await tenant.admin.post(f"{tenant.url}/sites/{site}/equipments", json={"key": key})
            assert answer.status_code == 201, answer.text
    rows = [
        (device, area, f"2025-05-05T1{step // 6}:{step % 6}0:00Z")
        for device, path in PATHS.items()
        for step, area in enumerate([*path, path[-1]])
    ]
    rows += [("silent", "d", f"2025-05-05T{clock}Z") for clock in ("10:00:00", "10:30:00", "11:00:00")]
    rows += [("gone", "d", f"2025-05-05T{clock}Z") for clock in ("10:00:00", "10:10:00", "10:40:00.001", "10:50:00")]
    await ingest_rows(tenant, "detections", "device equipment at", rows)
    return tenant


def order_paths(paths: list[str]) -> Json:
    """Return ranks (of first passages), transitions and mean ranks of the areas of paths, as numbers."""
    ranks = Counter((path.index(area) + 1, area) for path in paths for area in set(path))
    steps = Counter(step for path in paths for step in zip(path, [*path[1:], None], strict=True))
    totals = Counter(rank for rank, _ in ranks.elements())
    return {
        "ranks": {
            (rank, area): (value, float(round(Fraction(value, totals[rank]), 4)))
            for (rank, area), value in ranks.items()
        },
        "transitions": dict(steps),
        "meanRank": {
            area: float(round(Fraction(sum(ranks_of_area), len(ranks_of_area)), 4))
            for area in {area for _, area in ranks}
            if (ranks_of_area := [rank for rank, other in ranks.elements() if other == area])
        },
    }


def flatten_order(*leaves: Json) -> Json:
    """Return leaves of `visitOrder` together, in the form of `order_paths`; no part may be in two of them."""
    ranks = [
        ((rank["rank"], item["key"]), (item["value"], item["share"]))
        for leaf in leaves
        for rank in leaf["ranks"]
        for item in rank["items"]
    ]
    steps = [((step["from"], step["to"]), step["value"]) for leaf in leaves for step in leaf["transitions"]]
    means = [pair for leaf in leaves for pair in leaf["meanRank"].items()]
    for pairs in (ranks, steps, means):
        assert len(dict(pairs)) == len(pairs)
    return {"ranks": dict(ranks), "transitions": dict(steps), "meanRank": dict(means)}


async def test_stays_paths_and_areas(halls: Tenant) -> None:
    client = ModuleClient(halls, "/presence/analytics", MAY)
    assert await client.over_period("sessions", "sites") == {"hall": 4, "yard": 3}  # 30 minutes are one stay, more two

    # A filter on equipments keeps stays; their paths are shown whole, and by equipment they are parts of one leaf.
    ask: Callable[..., Awaitable[Any]] = client.over_period
    for areas in ("abc", "a", "c", "ac"):
        filters = {"sites": ["hall"], "equipments": list(areas)}
        expected = order_paths([path for path in PATHS.values() if set(path) & set(areas)])
        assert flatten_order(await ask("visitOrder", filters=filters)) == expected
        by_area = await ask("visitOrder", "equipments", filters)
        assert flatten_order(*by_area.values()) == expected
        assert {area: set(leaf["meanRank"]) for area, leaf in by_area.items()} == {
            area: {area} for area in expected["meanRank"]
        }

    seen_by = {area: {device for device, path in PATHS.items() if area in path} for area in "abc"}
    for areas in ("abc", "ab"):  # shows the areas that a filter names
        filters = {"sites": ["hall"], "equipments": list(areas)}
        columns = sorted(areas, key=lambda area: (-len(seen_by[area]), area))
        rows = {area: [len(seen_by[area] & seen_by[other]) for other in columns] for area in columns}
        by_area = await ask("areaMatching", "equipments", filters)
        assert by_area == {
            area: {
                "areas": columns,
                "users": [row],
                "rate": [[float(round(Fraction(value, len(seen_by[area])), 4)) for value in row]],
            }
            for area, row in rows.items()
        }
        matrix = await ask("areaMatching", filters=filters)
        assert (matrix["areas"], matrix["users"]) == (columns, [rows[area] for area in columns])
