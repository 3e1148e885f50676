"""Calendars of applications over HTTP: weeks, quarters and fiscal periods equal their computation by hand."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import product
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from okube_api.catalogue.kpi import Module

from tests.api.analytics import World, ask, load_world
from tests.api.server import Server, Tenant
from tests.by_hand.calendars import Calendar, CalendarMonths, RetailMonths
from tests.by_hand.conversion import conversion
from tests.by_hand.geomarketing import geomarketing
from tests.by_hand.performance import performance
from tests.by_hand.presence import presence
from tests.by_hand.question import Question, only
from tests.by_hand.truth import (
    Campaign,
    Cost,
    Delivery,
    Detection,
    Equipment,
    Place,
    Purchase,
    Stay,
    Study,
    Touch,
    Truth,
    Visit,
)

pytestmark = pytest.mark.anyio

FIRST, LENGTH_D = datetime(2023, 1, 20, tzinfo=UTC), 430  # a retail year of 53 weeks, and 29 February 2024
PERIOD = (date(2023, 2, 10), date(2024, 3, 5))  # cuts the first and last bucket of each granularity
CALENDARS = [
    ({"retail": "4-5-4", "yearEnds": "saturday nearest 31 January"}, Calendar(RetailMonths((4, 5, 4), 6, 1, 31), 7)),
    ({"fiscalYearStart": "02-01", "weekStart": "sunday"}, Calendar(CalendarMonths(2, 1), 7)),
    ({"fiscalYearStart": "02-29"}, Calendar(CalendarMonths(2, 29))),
    ({"retail": "4-4-5", "yearEnds": "Last sunday of january"}, Calendar(RetailMonths((4, 4, 5), 7, 1))),
]
GRANULARITIES = ("week", "quarter", "fiscalMonth", "fiscalQuarter", "fiscalYear")
MODULES = (
    (Module.GEO_MARKETING, geomarketing, ("uniqUsers", "posSessions", "acquisition")),
    (Module.PRESENCE, presence, ("uniqUsers", "attendance", "timespent")),
    (Module.CONVERSION, conversion, ("cost", "prints", "offlineVisits", "roi", "venueRate")),
    (Module.PERFORMANCE, performance, ("visitors", "sales", "newVisitorShare", "conversionRate")),
)
Json = dict[str, Any]


def make_id() -> str:
    """Return a new id."""
    return uuid4().hex[:24]


def build_truth(seed: int = 1) -> Truth:
    """Return an application whose few users come back in many months."""
    random = Random(seed)

    def draw_instant() -> datetime:
        return FIRST + timedelta(minutes=random.randrange(LENGTH_D * 24 * 60))

    users = [f"user-{number}" for number in range(6)]
    sites = [Place(make_id(), f"site-{name}", f"Site {name}", (4.8, 45.7)) for name in "ab"]
    doors = [Equipment(make_id(), f"door-{site.key}", site.id) for site in sites]
    spread = Cost("fixed", Fraction(1000), date(2024, 1, 11), date(2024, 3, 20))
    lever = make_id()
    campaigns = [
        Campaign(make_id(), "poster", lever, costs=(spread,)),
        Campaign(make_id(), "mail", lever, sites=(sites[0].id,), costs=(Cost("cpm", Fraction(700)),)),
    ]
    visits = [Visit(random.choice(users), random.choice(sites).id, draw_instant()) for _ in range(90)]
    detections = []
    for _ in range(90):
        device, door, at = random.choice(users), random.choice(doors).id, draw_instant()
        detections += [Detection(device, door, at + timedelta(minutes=minute)) for minute in (0, 4, 11)]
    return Truth(
        sites=sites,
        equipments=doors,
        studies=(Study(make_id(), "study", ()),),
        campaigns=campaigns,
        stays=[Stay(random.choice(users), random.choice(sites).id, "indoor", draw_instant(), 600) for _ in range(150)],
        detections=detections,
        touches=[
            Touch(visit.user, random.choice(campaigns).id, visit.at - timedelta(days=random.randrange(40)), "click")
            for visit in visits[::2]
        ],
        visits=visits,
        purchases=[Purchase(visit.user, visit.site, visit.at, Fraction(25)) for visit in visits[::3]],
        deliveries=[
            Delivery(random.choice(campaigns).id, FIRST.date() + timedelta(days=7 * week), prints=100 + week)
            for week in range(60)
        ],
    )


async def set_calendar(tenant: Tenant, settings: Json) -> None:
    calendar = {"fiscalYearStart": None, "retail": None, "weekStart": None} | settings
    answer = await tenant.admin.patch(tenant.url, json={"settings": {"calendar": calendar}})
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="session")
async def world(shared_server: Server) -> World:
    """Create an application for these tests; each sets its calendar."""
    return await load_world(shared_server, build_truth())


@pytest.mark.slow
async def test_all_modules_follow_the_calendar_as_by_hand(world: World) -> None:
    truth, random = world.truth, Random(5)
    for settings, calendar in CALENDARS:
        await set_calendar(world.tenant, settings)
        for number, (granularity, mode) in enumerate(product(GRANULARITIES, ("histogram", "aggregation"))):
            module, compute, kpis = random.choice(MODULES)
            requested = kpis[random.randrange(2) :: 2]
            question = Question(
                *PERIOD,
                mode=mode,
                granularity=granularity,
                scope=random.choice(("globals", "sites")),
                study=truth.studies[0].id if module is Module.GEO_MARKETING else None,
                sites=only(truth.sites[0].id) if random.random() < 0.3 else None,
                weekdays=frozenset({5, 6}) if random.random() < 0.3 else None,
                calendar=calendar,
            )
            answers = await ask(world, module, requested, question, alias=number)
            for kpi, data in zip(requested, answers, strict=True):
                assert data == compute(truth, kpi, question), (kpi, question)


BY_SITE = {"globals": False, "sites": True}


async def ask_presence(world: World, *params: Json) -> Any:
    """Return the answer to a question about distinct users, for each param."""
    response = await world.reader.post(
        f"{world.tenant.url}/presence/analytics",
        json={"params": [{"kpi": "uniqUsers", **param} for param in params]},
        params={"from": PERIOD[0].isoformat(), "to": PERIOD[1].isoformat()},
    )
    assert response.status_code == 200, response.text
    return response.json()


def compute_by_site(world: World, granularity: str, calendar: Calendar) -> Json:
    """Return the distinct users of each site, computed by hand."""
    question = Question(*PERIOD, granularity=granularity, scope="sites", calendar=calendar)
    answer: Json = presence(world.truth, "uniqUsers", question)
    return answer


def read_temporals(data: Json) -> Json:
    """Return the buckets of each site."""
    return {site: row["temporals"] for site, row in data.items()}


@pytest.mark.parametrize(
    ("granularity", "calendar"),
    [
        ("quarter", 0),
        *((granularity, number) for granularity in ("fiscalMonth", "fiscalQuarter", "fiscalYear") for number in (0, 1)),
    ],
)
async def test_distinct_users_of_buckets_alone_are_no_sums(world: World, granularity: str, calendar: int) -> None:
    """Ask for buckets without the whole period, which sizes of monthly sets can answer where each is a bucket."""
    settings, plain = CALENDARS[calendar]
    await set_calendar(world.tenant, settings)
    (element,) = await ask_presence(world, {"granularity": granularity, "all": False, **BY_SITE})
    assert read_temporals(element["data"]) == read_temporals(compute_by_site(world, granularity, plain))


async def test_granularities_of_one_question_share_rows(world: World) -> None:
    """Ask for months, whose sets need not be merged, together with buckets that merge months."""
    settings, calendar = CALENDARS[1]
    await set_calendar(world.tenant, settings)
    granularities = ("month", "quarter", "fiscalMonth", "fiscalQuarter", "fiscalYear")
    params = [{"granularity": granularity, "all": False, **BY_SITE} for granularity in granularities]
    for granularity, element in zip(granularities, await ask_presence(world, *params), strict=True):
        expected = compute_by_site(world, granularity, calendar)
        assert read_temporals(element["data"]) == read_temporals(expected), granularity


async def test_buckets_have_their_first_days(world: World) -> None:
    await set_calendar(world.tenant, CALENDARS[0][0])
    expected = {
        "week": ["2024-01-28", "2024-02-04", "2024-02-11"],
        "quarter": ["2024-01-01"],
        "fiscalMonth": ["2023-12-31", "2024-02-04"],
        "fiscalQuarter": ["2023-10-29", "2024-02-04"],
        "fiscalYear": ["2023-01-29", "2024-02-04"],
    }
    body = {"params": [{"kpi": "uniqUsers", "granularity": granularity} for granularity in expected]}
    parameters = {"from": "2024-02-01", "to": "2024-02-12", "meta": "true"}
    url = f"{world.tenant.url}/presence/analytics"
    answer = (await world.reader.post(url, json=body, params=parameters)).json()
    assert answer["meta"]["buckets"] == expected
    assert answer["meta"]["cut"] == {
        "week": ["0", "2"],
        "quarter": ["0"],
        "fiscalMonth": ["0", "1"],
        "fiscalQuarter": ["0", "1"],
        "fiscalYear": ["0", "1"],
    }
    text = (await world.reader.post(url, json=body, params=parameters, headers={"Accept": "text/csv"})).text
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["bucket"] != "all"]
    assert [(row["granularity"], row["bucket"], row["from"]) for row in rows] == [
        (granularity, str(number), day) for granularity, days in expected.items() for number, day in enumerate(days)
    ]


@pytest.mark.parametrize("granularity", ["fiscalMonth", "fiscalQuarter", "fiscalYear"])
async def test_fiscal_granularities_need_a_fiscal_calendar(world: World, granularity: str) -> None:
    body = {"params": [{"kpi": "uniqUsers"}, {"kpi": "uniqUsers", "granularity": granularity}]}
    for settings in ({}, {"weekStart": "sunday"}):
        await set_calendar(world.tenant, settings)
        answer = await world.reader.post(f"{world.tenant.url}/presence/analytics", json=body)
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["pointer"], error["code"]) == (422, "/params/1/granularity", "impossible")
        assert "Set 'settings.calendar' of the application" in error["message"]
    await set_calendar(world.tenant, {"fiscalYearStart": "04-01"})
    answer = await world.reader.post(f"{world.tenant.url}/presence/analytics", json=body)
    assert answer.status_code == 200


async def test_answers_change_with_the_calendar(world: World) -> None:
    param = {"mode": "aggregation", "granularity": "fiscalMonth"}
    answers = []
    for settings, calendar in [*CALENDARS, CALENDARS[0]]:
        await set_calendar(world.tenant, settings)
        for _ in range(2):  # the second answer may be a cached one
            (element,) = await ask_presence(world, param)
            by_hand = Question(*PERIOD, "aggregation", "fiscalMonth", calendar=calendar)
            assert element["data"] == presence(world.truth, "uniqUsers", by_hand)
        answers.append(element["data"])
    assert answers[0] == answers[-1]
    assert answers[0] != answers[1]
