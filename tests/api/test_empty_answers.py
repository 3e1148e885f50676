"""Params without values: notes say why, and only then."""

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from tests.api.analytics import World
from tests.api.server import Json, Server, Tenant
from tests.by_hand.presence import sessions
from tests.by_hand.question import local_day

pytestmark = pytest.mark.anyio

FIRST, LAST = "of 2024-02-01", "of 2024-05-05"
MARCH = {"from": "2024-03-01", "to": "2024-03-31"}
GEO, CONVERSION, PRESENCE, PERFORMANCE = (
    "/studies/study/geo-marketing/analytics",
    "/conversions/levers/analytics",
    "/presence/analytics",
    "/performance/analytics",
)


async def ingest(tenant: Tenant, kind: str, *lines: str) -> None:
    """Ingest lines of CSV, all of which must be accepted."""
    headers = {"Content-Type": "text/csv"}
    answer = await tenant.editor.post(f"{tenant.url}/ingest/{kind}", content="\n".join(lines), headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (201, len(lines) - 1), answer.text


async def read_notes(
    tenant: Tenant, path: str, *kpis: str, filters: Json | None = None, period: Json = MARCH, **param: Any
) -> dict[str, str]:
    """Return the messages of the notes of an answer, by code; the header must have the same codes."""
    await tenant.server.services.invalidation.drain(tenant.id)  # of facts that a change of places made stale
    body: Json = {"params": [{"kpi": kpi, **param} for kpi in kpis], "filters": filters}
    plain = await tenant.reader.post(f"{tenant.url}{path}", json=body, params=period)
    answer = await tenant.reader.post(f"{tenant.url}{path}", json=body, params={**period, "meta": True})
    assert answer.status_code == 200, answer.text
    notes = {note["code"]: note["message"] for note in answer.json()["meta"]["notes"]}
    body["params"] = [{**each, "temporals": False} for each in body["params"]]
    only_totals = await tenant.reader.post(f"{tenant.url}{path}", json=body, params={**period, "meta": True})
    assert only_totals.json()["meta"]["notes"] == answer.json()["meta"]["notes"]
    codes = plain.headers.get("X-Okube-Notes")
    assert (codes.split(", ") if codes else []) == list(notes)
    assert len(notes) == len(answer.json()["meta"]["notes"])
    return notes


# -- stays of a panel ----------------------------------------------------------------------------------------------


async def create_walked(server: Server) -> Tenant:
    """Create an application with two sites, one of which has stays on 1 February and 5 May 2024."""
    tenant = await server.create_tenant()
    for key in ("here", "there"):
        await tenant.create("sites", key=key, name=key, online=False, coordinates=[4.83, 45.76], tags=[key])
    await tenant.create("studies", key="study", sites=["here", "there"])
    days = ("2024-02-01", "2024-05-05")
    stays = (f"anne,here,{day}T10:00:00Z,600,indoor" for day in days)
    await ingest(tenant, "stays", "user,site,start,duration_s,zone", *stays)
    return tenant


@pytest.fixture(scope="session")
async def walked(shared_server: Server) -> Tenant:
    """Create the application with stays; tests must not change it."""
    return await create_walked(shared_server)


@pytest.fixture
async def changing(server: Server) -> Tenant:
    """Create the application with stays for a test that changes it."""
    return await create_walked(server)


@pytest.mark.parametrize(
    ("period", "days"),
    [
        (MARCH, f"The last before are {FIRST}, the first after {LAST}."),
        ({"from": "2024-02-02", "to": "2024-02-03"}, f"The last before are {FIRST}, the first after {LAST}."),
        ({"from": "2024-05-06", "to": "2025-05-06"}, f"The last ones are {LAST}."),
        ({"from": "2024-05-10", "to": "2024-05-20"}, f"The last ones are {LAST}."),
        ({"from": "2023-01-01", "to": "2023-02-01"}, f"The first ones are {FIRST}."),
        ({"from": "2024-01-30", "to": "2024-01-31"}, f"The first ones are {FIRST}."),
    ],
)
async def test_a_note_says_which_days_have_events(walked: Tenant, period: Json, days: str) -> None:
    notes = await read_notes(walked, GEO, "posSessions", "uniqUsers", "timespent", "acquisition", period=period)
    between = f"from {period['from']} to {period['to']}"
    assert notes == {"no_events": f"There are no indoor stays at the sites of the question {between}. {days}"}


async def test_answers_with_values_have_no_notes(walked: Tenant) -> None:
    period = {"from": "2024-01-01", "to": "2024-02-29"}
    assert await read_notes(walked, GEO, "posSessions", "timespentPerScope", "os", period=period) == {}
    assert await read_notes(walked, GEO, "uniqUsers", period=period, sites=True, globals=False) == {}


async def test_notes_are_about_compared_periods_too(walked: Tenant) -> None:
    body = {"compare": {"to": ["previousYear", {**MARCH}]}, "params": [{"kpi": "posSessions"}]}
    period: Json = {"from": "2024-05-01", "to": "2024-05-31", "meta": True}
    answer = (await walked.reader.post(f"{walked.url}{GEO}", json=body, params=period)).json()
    assert answer["results"][0]["data"]["all"] == 1
    messages = [note["message"] for note in answer["meta"]["notes"] if note["code"] == "no_events"]
    at_sites = "There are no indoor stays at the sites of the question"
    assert messages == [
        f"{at_sites} from 2023-05-01 to 2023-05-31. The first ones are {FIRST}.",
        f"{at_sites} from 2024-03-01 to 2024-03-31. The last before are {FIRST}, the first after {LAST}.",
    ]


async def test_only_params_without_values_are_explained(changing: Tenant) -> None:
    await changing.create("pois", key="station", name="Station", coordinates=[4.86, 45.76])
    await changing.create("studies", key="other", sites=["here"], pois=["station"])
    path = GEO.replace("study", "other")
    period = {"from": "2024-01-01", "to": "2024-02-29"}
    notes = await read_notes(changing, path, "posSessions", "poiSessions", period=period)
    assert list(notes) == ["no_events"]
    assert "at the points of interest" in notes["no_events"]
    assert notes["no_events"].endswith("There are none on other days either.")


async def test_a_note_says_that_there_is_no_place(changing: Tenant) -> None:
    period = {"from": "2024-01-01", "to": "2024-02-29"}
    assert await read_notes(changing, GEO, "poiSessions", period=period) == {
        "no_pois": "The study has no point of interest."
    }
    filters = {"tags": ["nowhere"]}
    assert await read_notes(changing, GEO, "posSessions", filters=filters, period=period) == {
        "no_sites": "The filters keep no site of the study."
    }
    for key in ("here", "there"):
        answer = await changing.editor.put(f"{changing.url}/sites/{key}", json={"active": False})
        assert answer.status_code == 200
    assert await read_notes(changing, GEO, "posSessions", period=period) == {
        "no_sites": "No site of the study is active."
    }
    assert await read_notes(changing, GEO, "posSessions", filters={"sites": ["here"]}, period=period) == {}


async def test_an_application_without_sites(tenant: Tenant) -> None:
    notes = {"no_sites": "The application has no site."}
    assert await read_notes(tenant, PRESENCE, "sessions") == notes
    assert await read_notes(tenant, CONVERSION, "offlineVisits") == notes


async def test_a_note_says_that_filters_keep_no_stay(walked: Tenant) -> None:
    period = {"from": "2024-01-01", "to": "2024-02-29"}
    expected = {
        "filters_keep_none": "There are indoor stays at the sites of the question from 2024-01-01 to 2024-02-29, but "
        "the filters keep none of them."
    }
    for filters in (
        {"weekdays": [1]},
        {"hours": [3]},
        {"days": {"dates": {"not": ["2024-02-01"]}}},
        {"homes": ["693820101"]},
        {"works": ["693820101"], "sites": ["here"]},
        {"any": [{"homes": ["693820101"]}, {"weekdays": [1]}]},
    ):
        assert await read_notes(walked, GEO, "posSessions", filters=filters, period=period) == expected
        assert await read_notes(walked, GEO, "uniqUsers", filters=filters, period=period) == expected
    at_other_site = await read_notes(walked, GEO, "posSessions", filters={"sites": ["there"]}, period=period)
    assert list(at_other_site) == ["no_events"]
    assert at_other_site["no_events"].endswith("There are none on other days either.")


async def test_a_note_says_that_pings_match_no_place(tenant: Tenant) -> None:
    await tenant.create("sites", key="here", name="here", online=False, coordinates=[4.83, 45.76])
    await tenant.create("studies", key="study", sites=["here"])
    assert list(await read_notes(tenant, GEO, "posSessions")) == ["no_events"]
    pings = (f"anne,2024-03-05T10:0{minute}:00Z,2.35,48.85" for minute in range(9))
    await ingest(tenant, "pings", "user,at,lng,lat", *pings)
    assert list(await read_notes(tenant, GEO, "posSessions")) == ["no_events", "no_place_matched"]
    april = {"from": "2024-04-01", "to": "2024-04-30"}
    assert list(await read_notes(tenant, GEO, "posSessions", period=april)) == ["no_events"]
    stay = "jean,here,2024-03-06T10:00:00Z,600,indoor"
    await ingest(tenant, "stays", "user,site,start,duration_s,zone", stay)
    assert await read_notes(tenant, GEO, "posSessions") == {}


# -- outcomes of campaigns -------------------------------------------------------------------------------------------


@pytest.fixture
async def visited(tenant: Tenant) -> Tenant:
    """Create an application with a site, two campaigns, and visits on 5 March 2024."""
    await tenant.create("sites", key="here", name="here", online=False, coordinates=[4.83, 45.76])
    for key in ("mail", "radio"):
        await tenant.create("campaigns", key=key)
    await ingest(tenant, "visits", "user,site,at", *(f"{user},here,2024-03-05T09:00:00Z" for user in ("anne", "jean")))
    return tenant


async def test_notes_on_outcomes_without_touches(visited: Tenant) -> None:
    attributed = ("offlineVisits", "offlineConversionRate", "offlineVisitsLinear", "cohortOfflineConversions")
    none = "There are no touches of any campaign from 2024-03-01 to 2024-03-31. "
    expected = {"no_touches": f"{none}There are none on other days either."}
    assert await read_notes(visited, CONVERSION, *attributed) == expected
    await ingest(visited, "touches", "user,campaign,at,kind", "anne,mail,2023-06-01T08:00:00Z,click")
    assert await read_notes(visited, CONVERSION, *attributed) == {
        "no_touches": f"{none}The last ones are of 2023-06-01."
    }
    await ingest(visited, "touches", "user,campaign,at,kind", "anne,mail,2024-03-06T08:00:00Z,click")
    assert (await read_notes(visited, CONVERSION, "offlineVisits", "offlineVisitsLinear")) == {
        "not_attributed": "None of the offline visits and purchases at the sites of the question from 2024-03-01 to "
        "2024-03-31 follow a touch of a campaign within its window."
    }
    assert list(await read_notes(visited, CONVERSION, "cohortOfflineConversions")) == ["not_attributed"]
    await ingest(visited, "touches", "user,campaign,at,kind", "anne,mail,2024-03-04T08:00:00Z,click")
    assert await read_notes(visited, CONVERSION, "offlineVisits") == {}


async def test_notes_on_outcomes_of_other_days_and_channels(visited: Tenant) -> None:
    april = {"from": "2024-04-01", "to": "2024-04-30"}
    message = "There are no offline visits and purchases at the sites of the question from 2024-04-01 to 2024-04-30. "
    assert await read_notes(visited, CONVERSION, "offlineVisits", period=april) == {
        "no_events": f"{message}The last ones are of 2024-03-05."
    }
    online = await read_notes(visited, CONVERSION, "onlineVisits")
    assert online["no_events"].startswith("There are no online visits and purchases at the sites of the question")


async def test_notes_on_filters_of_campaigns(visited: Tenant) -> None:
    await ingest(visited, "touches", "user,campaign,at,kind", "anne,mail,2024-03-04T08:00:00Z,click")
    assert await read_notes(visited, CONVERSION, "offlineVisits", filters={"campaigns": ["radio"]}) == {
        "filters_keep_none": "There are attributed offline visits and purchases at the sites of the question from "
        "2024-03-01 to 2024-03-31, but the filters keep none of them."
    }
    assert list(await read_notes(visited, CONVERSION, "offlineVisitsShapley", filters={"campaigns": ["radio"]})) == [
        "filters_keep_none"
    ]
    assert list(await read_notes(visited, CONVERSION, "venueRate", filters={"campaigns": ["radio"]})) == [
        "filters_keep_none"
    ]


async def test_notes_on_exposures(visited: Tenant) -> None:
    message = "There are no exposures from 2024-03-01 to 2024-03-31. "
    expected = {"no_exposures": f"{message}There are none on other days either."}
    assert await read_notes(visited, CONVERSION, "venueRate", "comparisonOfflineVisits") == expected
    await ingest(visited, "touches", "user,campaign,at,kind", "anne,mail,2024-03-04T08:00:00Z,click")
    assert await read_notes(visited, CONVERSION, "venueRate", "comparisonOfflineVisits") == {}


async def test_notes_on_costs_and_deliveries(visited: Tenant) -> None:
    assert list(await read_notes(visited, CONVERSION, "cost", "roi")) == ["no_costs"]
    assert list(await read_notes(visited, CONVERSION, "prints", "ctr")) == ["no_events"]
    january = {"from": "2024-01-01", "to": "2024-01-31"}
    cost = {"type": "fixed", "amount": 10, **january}
    await visited.create("campaigns", key="poster", costs=[cost])
    assert await read_notes(visited, CONVERSION, "cost") == {
        "no_costs": "No costs of campaigns fall to the sites of the question from 2024-03-01 to 2024-03-31."
    }
    assert await read_notes(visited, CONVERSION, "cost", period=january) == {}
    await visited.create("campaigns", key="foreign", costs=[{**cost, "currency": "USD"}])
    assert list(await read_notes(visited, CONVERSION, "cost", filters={"campaigns": ["foreign"]})) == [
        "costs_left_out",
        "no_costs",
    ]


# -- stays of devices ------------------------------------------------------------------------------------------------


async def test_notes_on_presence(tenant: Tenant) -> None:
    await tenant.create("sites", key="here", name="here", online=False, coordinates=[4.83, 45.76])
    for key in ("door", "back"):
        answer = await tenant.admin.post(f"{tenant.url}/sites/here/equipments", json={"key": key})
        assert answer.status_code == 201, answer.text
    detections = (f"a1,door,2024-03-05T10:{minute:02}:00Z" for minute in range(0, 30, 5))
    await ingest(tenant, "detections", "device,equipment,at", *detections)
    assert await read_notes(tenant, PRESENCE, "sessions", "timespent", "leaving", "visitOrder") == {}
    notes = await read_notes(tenant, PRESENCE, "sessions", filters={"equipments": ["back"]})
    assert notes == {
        "filters_keep_none": "There are stays at the sites of the question from 2024-03-01 to 2024-03-31, but the "
        "filters keep none of them."
    }
    april = {"from": "2024-04-01", "to": "2024-04-30"}
    for kpi, rows in (("uniqUsers", "stays"), ("areaMatching", "passages"), ("leaving", "ends of stays")):
        notes = await read_notes(tenant, PRESENCE, kpi, period=april, equipments=True)
        message = f"There are no {rows} at the sites of the question from 2024-04-01 to 2024-04-30. "
        assert notes == {"no_events": f"{message}The last ones are of 2024-03-05."}


# -- all visits and purchases ----------------------------------------------------------------------------------------


async def test_notes_on_store_performance(visited: Tenant) -> None:
    april = {"from": "2024-04-01", "to": "2024-04-30"}
    at_sites = "at the sites of the question from 2024-04-01 to 2024-04-30."
    assert await read_notes(visited, PERFORMANCE, "visits", "visitors", "attributedShare", period=april) == {
        "no_events": f"There are no visits and purchases {at_sites} The last ones are of 2024-03-05."
    }
    assert await read_notes(visited, PERFORMANCE, "sales", "averageBasket", "basketDistribution", period=april) == {
        "no_events": f"There are no purchases {at_sites} There are none on other days either."
    }
    assert await read_notes(visited, PERFORMANCE, "visits", "unattributedVisits", "conversionRate") == {}
    assert list(await read_notes(visited, PERFORMANCE, "visits", filters={"channels": ["online"]})) == [
        "filters_keep_none"
    ]
    purchase = "anne,here,2024-03-05T10:00:00Z,12.50,1"
    await ingest(visited, "purchases", "user,site,at,amount,order", purchase)
    assert await read_notes(visited, PERFORMANCE, "sales", "averageBasket") == {}
    assert list(await read_notes(visited, PERFORMANCE, "refunds")) == []


# -- random questions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
async def test_days_of_notes_equal_those_of_the_events(alpha: World, seed: int) -> None:
    """Ask for a few days at one site: without stays, the note names the nearest days with some."""
    random = Random(seed)
    site = random.choice(alpha.truth.sites)
    zone = alpha.truth.zone_of(site.id)
    stays = sorted({local_day(stay.start, zone) for stay in sessions(alpha.truth) if stay.site == site.id})
    start = random.choice(stays) if stays else date(2024, 3, 20)
    for first in (start + timedelta(days=random.randint(-40, 40)) for _ in range(8)):
        last = first + timedelta(days=random.randint(0, 4))
        body = {"params": [{"kpi": "sessions", "temporals": False}]}
        period = {"from": first.isoformat(), "to": last.isoformat(), "meta": "true"}
        answer = (await alpha.reader.post(f"/sites/{site.id}/presence/analytics", params=period, json=body)).json()
        before, after = [day for day in stays if day < first], [day for day in stays if day > last]
        if len(before) + len(after) < len(stays):
            assert (answer["results"][0]["data"]["all"] > 0, answer["meta"]["notes"]) == (True, [])
            continue
        days = {
            (True, True): f"The last before are of {before and before[-1]}, the first after of {after and after[0]}.",
            (True, False): f"The last ones are of {before and before[-1]}.",
            (False, True): f"The first ones are of {after and after[0]}.",
            (False, False): "There are none on other days either.",
        }[bool(before), bool(after)]
        message = f"There are no stays at the sites of the question from {first} to {last}. {days}"
        assert answer["meta"]["notes"] == [{"code": "no_events", "message": message}]


# -- every answer ----------------------------------------------------------------------------------------------------


async def test_notes_are_about_the_own_application_only(walked: Tenant, other_tenant: Tenant) -> None:
    await other_tenant.create("sites", key="here", name="here", online=False, coordinates=[4.83, 45.76])
    await other_tenant.create("studies", key="study", sites=["here"])
    notes = await read_notes(other_tenant, GEO, "posSessions")
    assert notes["no_events"].endswith("There are none on other days either.")


async def test_cached_answers_and_csv_keep_their_notes(changing: Tenant) -> None:
    body = {"params": [{"kpi": "posSessions"}]}
    for accept in ("application/json", "text/csv"):
        for _ in range(3):
            answer = await changing.reader.post(
                f"{changing.url}{GEO}", json=body, params=MARCH, headers={"Accept": accept}
            )
            assert (answer.status_code, answer.headers["X-Okube-Notes"]) == (200, "no_events")
    stay = "anne,here,2024-03-02T10:00:00Z,600,indoor"
    await ingest(changing, "stays", "user,site,start,duration_s,zone", stay)
    answer = await changing.reader.post(f"{changing.url}{GEO}", json=body, params=MARCH)
    assert "X-Okube-Notes" not in answer.headers
