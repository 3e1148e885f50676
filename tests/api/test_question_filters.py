"""Filters of questions over HTTP: answers on each store equal those computed by hand from the truth."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.catalogue.kpi import Module
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.conditions import equal

from tests.api.analytics import World, build_body, build_path, load_world
from tests.api.server import Server
from tests.by_hand import question as by_hand
from tests.by_hand.conversion import conversion
from tests.by_hand.geomarketing import KPIS as GEO_KPIS
from tests.by_hand.geomarketing import geomarketing
from tests.by_hand.performance import performance
from tests.by_hand.presence import presence
from tests.by_hand.question import Question, only, without
from tests.by_hand.truth import Truth
from tests.truth import tenant as truths

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
FIRST, LAST = date(2024, 3, 18), date(2024, 4, 30)
SITES_BY_KEY: dict[str, Json] = {
    "lyon-2": {
        "attributes": {"region": "Sud", "surface": 200.0, "drive": True},
        "address": {"city": "Lyon", "postalCode": "69002", "country": "France"},
        "type": "street",
    },
    "lille/grand place": {
        "attributes": {"region": "Nord", "surface": 80},
        "address": {"city": "Lille", "postalCode": "59000", "country": "FR"},
        "type": "street",
    },
    "broadway": {"attributes": {"region": "Nord"}, "address": {"city": "New York", "country": "US"}, "type": "mall"},
    "bund": {"attributes": {"surface": 80}},
    "closed": {"attributes": {"region": "Sud"}, "address": {"city": "Marseille", "country": "FRA"}},
}
HOURS_BY_KEY: dict[str, Json] = {
    "lyon-2": {
        **{day: [["09:00", "12:30"], ["14:00", "19:00"]] for day in ("monday", "tuesday", "friday")},
        "saturday": [["22:00", "24:00"]],
        "sunday": [["00:00", "02:00"]],
    },
    "lille/grand place": {"wednesday": [["00:00", "24:00"]], "thursday": []},
    "broadway": {day: [["10:00", "18:00"]] for day in ("monday", "wednesday", "saturday")},
}
CAMPAIGNS_BY_KEY: dict[str, Json] = {
    "winter-display": {"provider": "X", "tags": ["sale"]},
    "lyon-display": {"provider": "Y", "agency": "A", "format": "banner"},
    "mails": {"provider": "X", "format": "mail"},
}


def label(document: Json) -> frozenset[str]:
    """Return the texts by which a site or campaign of the truth is selected by hand, one for each of its values."""
    address = document.get("address", {})
    fields = {**document.get("attributes", {}), "city": address.get("city"), "type": document.get("type")}
    fields |= {name: document.get(name) for name in ("provider", "agency", "format")}
    fields |= {"department": address.get("postalCode", "unknown")[:2], "country": address.get("country")}
    texts = {f"{name}:{value if value is not None else 'unknown'}" for name, value in fields.items()}
    return frozenset(texts | {f"{name}:unknown" for name in ("region", "surface") if name not in fields})


def build_truth() -> Truth:
    """Return the truth of a tenant whose sites and campaigns are labelled with the values of their documents."""
    truth = truths.gamma().truth
    return replace(
        truth,
        sites=[replace(site, tags=site.tags | label(SITES_BY_KEY.get(site.key, {}))) for site in truth.sites],
        campaigns=[
            replace(each, extras=each.extras | label(CAMPAIGNS_BY_KEY.get(each.key, {}))) for each in truth.campaigns
        ],
    )


@pytest.fixture(scope="session")
async def labelled(shared_server: Server) -> World:
    """Load an application whose sites have attributes and addresses."""
    world = await load_world(shared_server, build_truth())
    store = shared_server.services.store
    for site in world.truth.sites:
        changes = SITES_BY_KEY.get(site.key, {}) | {"openings": HOURS_BY_KEY.get(site.key, {})}
        await store.update(SITES, equal("_id", site.id), changes)
    for campaign in world.truth.campaigns:
        await store.update(CAMPAIGNS, equal("_id", campaign.id), CAMPAIGNS_BY_KEY.get(campaign.key, {}))
    for number, poi in enumerate(world.truth.pois):
        await store.update(POIS, equal("_id", poi.id), {"type": ("station", "shop")[number % 2], "tags": [poi.key]})
    for number, equipment in enumerate(world.truth.equipments):
        await store.update(EQUIPMENTS, equal("_id", equipment.id), {"type": ("wifi", "ble")[number % 2]})
    return world


async def post(world: World, module: Module, kpis: tuple[str, ...], question: Question, filters: Json) -> Any:
    """Post a question with filters; return the response."""
    body = build_body(world, kpis, question)
    parameters = {"from": question.first.isoformat(), "to": question.last.isoformat()}
    if module is not Module.PRESENCE:
        parameters["uplift"] = str(question.uplift).lower()
    path = build_path(world, module, question, alias=1)
    return await world.reader.post(path, params=parameters, json=body | {"filters": filters})


async def read_data(world: World, module: Module, kpis: tuple[str, ...], question: Question, filters: Json) -> Any:
    """Return the `data` of each KPI, without the properties of scope values."""
    response = await post(world, module, kpis, question, filters)
    assert response.status_code == 200, response.text
    data = [result["data"] for result in response.json()]
    if question.scope == "globals":
        return data
    rows = ("all", "temporals")
    return [{value: {row: part[row] for row in rows} for value, part in each.items()} for each in data]


async def assert_geo(world: World, filters: Json, expected: Question, kpis: tuple[str, ...] = tuple(GEO_KPIS)) -> None:
    """Assert that geo-marketing KPIs under filters equal the question computed by hand."""
    kpis = tuple(kpi for kpi in kpis if expected.scope in GEO_KPIS[kpi].scopes)
    plain = replace(
        expected, sites=None, tags=None, pois=None, homes=None, works=None, weekdays=None, dates=None, row_test=None
    )
    for kpi, data in zip(kpis, await read_data(world, Module.GEO_MARKETING, kpis, plain, filters), strict=True):
        assert data == geomarketing(world.truth, kpi, expected), kpi


def ask_geo(world: World, **more: Any) -> Question:
    """Return a question about the study of the spring."""
    options = {"granularity": "week", "study": world.truth.studies[0].id, **more}
    return Question(FIRST, LAST, **options)


# -- by what things are --------------------------------------------------------------------------------------------

SELECTIONS: list[tuple[Json, by_hand.Filter]] = [
    ({"sites.attributes.region": ["Nord"]}, only("region:Nord")),
    ({"sites.attributes.region": {"not": ["Nord"]}}, without("region:Nord")),
    ({"sites.attributes.region": ["unknown", "Sud"]}, only("region:Sud", "region:unknown")),
    ({"sites.attributes.region": ["no such"]}, only("no such")),
    ({"sites.attributes.surface": [80]}, only("surface:80")),
    ({"sites.attributes.drive": [True]}, only("drive:True")),
    ({"sites.city": ["Lyon", "New York"]}, only("city:Lyon", "city:New York")),
    ({"sites.postalCode": ["69", "590"]}, only("department:69", "department:59")),
    ({"sites.postalCode": {"not": ["6"]}}, without("department:69")),
    ({"sites.postalCode": ["unknown"]}, only("department:un")),
    ({"sites.country": ["France"]}, only("country:France")),
    ({"sites.type": ["mall"]}, only("type:mall")),
    ({"sites.tags": ["flagship"]}, only("flagship")),
    ({"tags": ["flagship"]}, only("flagship")),
]


@pytest.mark.parametrize(("filters", "tags"), SELECTIONS)
async def test_sites_are_selected_by_what_they_are(labelled: World, filters: Json, tags: by_hand.Filter) -> None:
    question = Question(FIRST, LAST, granularity="month", scope="sites", tags=tags)
    plain = replace(question, tags=None)
    for kpi, data in zip(
        ("sessions", "uniqUsers"),
        await read_data(labelled, Module.PRESENCE, ("sessions", "uniqUsers"), plain, filters),
        strict=True,
    ):
        assert data == presence(labelled.truth, kpi, question)


async def test_two_filters_on_sites_both_hold(labelled: World) -> None:
    filters = {"sites.attributes.region": ["Nord"], "sites.type": ["street"], "sites.country": {"not": ["US"]}}
    await assert_geo(labelled, filters, ask_geo(labelled, tags=only("city:Lille")))


async def test_a_filter_on_sites_shares_deliveries_and_costs(labelled: World) -> None:
    kpis = ("cost", "prints", "offlineVisits", "costByVisit", "roi")
    question = Question(FIRST, LAST, granularity="month", scope="campaigns", tags=only("region:Nord"))
    plain = replace(question, tags=None)
    answers = await read_data(labelled, Module.CONVERSION, kpis, plain, {"sites.attributes.region": ["Nord"]})
    for kpi, data in zip(kpis, answers, strict=True):
        assert data == conversion(labelled.truth, kpi, question), kpi


@pytest.mark.parametrize(
    ("filters", "extras"),
    [
        ({"campaigns.provider": ["X"]}, only("provider:X")),
        ({"campaigns.provider": {"not": ["X"]}}, without("provider:X")),
        ({"campaigns.agency": ["A", "B"]}, only("agency:A")),
        ({"campaigns.format": ["mail", "unknown"]}, only("format:mail", "format:unknown")),
        ({"extras.segment": ["vip"]}, only("segment:vip")),
        ({"extras.wave": {"not": ["1"]}}, without("wave:1")),
    ],
)
async def test_campaigns_are_selected_by_what_they_are(labelled: World, filters: Json, extras: by_hand.Filter) -> None:
    kpis = ("cost", "offlineVisits", "offlineVisitsAttributions", "venueRate")
    for scope in ("globals", "campaigns"):
        question = Question(FIRST, LAST, granularity="month", scope=scope, extras=extras)
        plain = replace(question, extras=None)
        answers = await read_data(labelled, Module.CONVERSION, kpis, plain, filters)
        for kpi, data in zip(kpis, answers, strict=True):
            assert data == conversion(labelled.truth, kpi, question), kpi


async def test_campaigns_are_selected_by_tag(labelled: World) -> None:
    winter = next(each.id for each in labelled.truth.campaigns if each.key == "winter-display")
    question = Question(date(2020, 12, 1), date(2021, 1, 31), granularity="month", campaigns=only(winter))
    plain = replace(question, campaigns=None)
    (data,) = await read_data(labelled, Module.CONVERSION, ("cost",), plain, {"campaigns.tags": ["sale"]})
    assert data == conversion(labelled.truth, "cost", question)


async def test_pois_are_selected_by_type_and_tag(labelled: World) -> None:
    pois = labelled.truth.pois
    stations = without(*(poi.id for poi in pois[1::2]))  # excluding names nothing
    kpis = ("poiSessions", "perPoiSessions", "posAffinity", "uniqUsers")
    for scope in ("globals", "sites"):
        await assert_geo(labelled, {"pois.type": ["station"]}, ask_geo(labelled, scope=scope, pois=stations), kpis)
    await assert_geo(
        labelled,
        {"pois.tags": {"not": [pois[0].key]}},
        ask_geo(labelled, pois=without(pois[0].id)),
        kpis,
    )


async def test_equipments_are_selected_by_type(labelled: World) -> None:
    wifi = without(*(each.id for each in labelled.truth.equipments[1::2]))
    question = Question(FIRST, LAST, granularity="week", scope="equipments", equipments=wifi)
    kpis = ("sessions", "uniqUsers", "attendance")
    answers = await read_data(
        labelled, Module.PRESENCE, kpis, replace(question, equipments=None), {"equipments.type": ["wifi"]}
    )
    for kpi, data in zip(kpis, answers, strict=True):
        assert data == presence(labelled.truth, kpi, question), kpi


# -- days ------------------------------------------------------------------------------------------------------------


def keep_days(question: Question, *days: date) -> frozenset[date]:
    """Return the days of a question other than these."""
    return frozenset(question.days()) - {*days}


FRENCH_HOLIDAYS = (date(2024, 4, 1), date(2024, 5, 1), date(2024, 5, 8), date(2024, 5, 9), date(2024, 5, 20))
IN_FRANCE = {"sites.country": ["France", "FR", "FRA"]}
ZONE_A = (date(2024, 4, 13), date(2024, 4, 28))  # as the ministry published it


@pytest.mark.parametrize(
    ("days", "is_kept"),
    [
        ({"dates": ["2024-03-20", "2024-04-01"]}, lambda day: day in (date(2024, 3, 20), date(2024, 4, 1))),
        ({"dates": {"not": ["2024-03-20"]}}, lambda day: day != date(2024, 3, 20)),
        ({"publicHolidays": True}, lambda day: day in FRENCH_HOLIDAYS),
        ({"publicHolidays": False}, lambda day: day not in FRENCH_HOLIDAYS),
        ({"schoolHolidays": ["A"]}, lambda day: ZONE_A[0] <= day <= ZONE_A[1]),
        (
            {"publicHolidays": False, "weekdays": [1, 2], "dates": {"not": ["2024-03-26"]}},
            lambda day: day not in FRENCH_HOLIDAYS and day.isoweekday() < 3 and day != date(2024, 3, 26),
        ),
    ],
)
async def test_days_are_kept_in_every_module(labelled: World, days: Json, is_kept: Any) -> None:
    dates = frozenset(FIRST + timedelta(days=n) for n in range(44))
    filters = IN_FRANCE | {"days": days}
    french = only("country:France", "country:FR", "country:FRA")
    options: Json = {"dates": frozenset(filter(is_kept, dates)), "tags": french}
    await assert_geo(labelled, filters, ask_geo(labelled, **options), ("attendance", "uniqUsers", "acquisition"))
    visits = Question(FIRST, LAST, granularity="week", scope="sites", **options)
    plain = replace(visits, dates=None, tags=None)
    (data,) = await read_data(labelled, Module.PRESENCE, ("attendance",), plain, filters)
    assert data == presence(labelled.truth, "attendance", visits)
    costs = Question(FIRST, LAST, granularity="month", scope="campaigns", **options)
    kpis = ("cost", "prints", "offlineVisits", "comparisonOfflineVisits")
    answers = await read_data(labelled, Module.CONVERSION, kpis, replace(costs, dates=None, tags=None), filters)
    for kpi, data in zip(kpis, answers, strict=True):
        assert data == conversion(labelled.truth, kpi, costs), kpi


async def test_each_site_has_the_public_holidays_of_its_country(labelled: World) -> None:
    first, last = date(2024, 5, 1), date(2024, 7, 31)
    question = Question(first, last, granularity="day", scope="sites")
    filters = {"sites.country": ["France", "FR", "US"], "days": {"publicHolidays": False}}
    (data,) = await read_data(labelled, Module.PRESENCE, ("sessions",), question, filters)
    expected: Json = {}
    american = (date(2024, 5, 27), date(2024, 6, 19), date(2024, 7, 4))
    for countries, holidays in ((("France", "FR"), (*FRENCH_HOLIDAYS, date(2024, 7, 14))), (("US",), american)):
        of_country = replace(
            question,
            tags=only(*(f"country:{country}" for country in countries)),
            dates=keep_days(question, *holidays),
        )
        expected |= presence(labelled.truth, "sessions", of_country)
    assert data == dict(sorted(expected.items()))


# -- hours and opening hours ---------------------------------------------------------------------------------------


def find_minute(truth: Truth, at: datetime, place: str) -> int:
    """Return the minute of the local day of an instant at a place."""
    local = at.astimezone(ZoneInfo(truth.zone_of(place)))
    return local.hour * 60 + local.minute


def find_minute_of_row(truth: Truth, row: Any) -> int:
    """Return the minute of the local day at which a stay of a device starts."""
    return find_minute(truth, row.session.start, row.session.site)


@pytest.mark.parametrize(("scope", "uplift"), [("globals", True), ("sites", False), ("homes", True)])
async def test_stays_start_in_the_hours(labelled: World, scope: str, uplift: bool) -> None:
    truth = labelled.truth

    def passes(marked: Any) -> bool:
        return find_minute(truth, marked.stay.start, marked.stay.place) // 60 in (9, 10, 14)

    question = ask_geo(labelled, scope=scope, uplift=uplift, row_test=passes)
    await assert_geo(labelled, {"hours": [9, 10, 14]}, question)


async def test_other_hours_on_a_day_of_clock_change(labelled: World) -> None:
    truth, day = labelled.truth, date(2024, 3, 31)

    def passes(marked: Any) -> bool:
        return find_minute(truth, marked.stay.start, marked.stay.place) // 60 not in (1, 3)

    question = replace(ask_geo(labelled, scope="sites", row_test=passes), first=day, last=day, granularity="day")
    await assert_geo(labelled, {"hours": {"not": [1, 3]}}, question)


NO_REFERENCE = tuple(kpi for kpi in GEO_KPIS if kpi not in ("posAffinity", "poiSessions", "perPoiSessions"))
PRESENCE_KPIS = ("sessions", "uniqUsers", "attendance", "timespent", "acquisition", "dropouts", "timespentPerScope")


def find_start(truth: Truth, row: Any) -> datetime:
    """Return the local instant at which a stay of a device, or its passage at an equipment, starts."""
    return datetime.fromtimestamp(row.start_s, ZoneInfo(truth.zone_of(row.session.site)))


async def test_passages_start_in_the_hours(labelled: World) -> None:
    question = Question(FIRST, LAST, granularity="week", scope="equipments")
    expected = replace(question, row_test=lambda row: find_start(labelled.truth, row).hour in (10, 11, 12))
    kpis = tuple(kpi for kpi in PRESENCE_KPIS if kpi != "acquisition")
    answers = await read_data(labelled, Module.PRESENCE, kpis, question, {"hours": [10, 11, 12]})
    for kpi, data in zip(kpis, answers, strict=True):
        assert data == presence(labelled.truth, kpi, expected), kpi


@pytest.mark.parametrize("filters", [{"hours": [10, 11, 12, 13]}, {"any": [{"hours": [10, 11]}, {"hours": [12, 13]}]}])
async def test_the_paths_of_stays_that_start_in_the_hours(labelled: World, filters: Json) -> None:
    question = Question(FIRST, LAST, granularity="month")
    expected = replace(question, row_test=lambda row: 10 <= find_start(labelled.truth, row).hour < 14)
    (data,) = await read_data(labelled, Module.PRESENCE, ("visitOrder",), question, filters)
    assert data == presence(labelled.truth, "visitOrder", expected)


@pytest.mark.parametrize("scope", ["globals", "sites"])
async def test_stays_of_devices_start_in_the_hours(labelled: World, scope: str) -> None:
    question = Question(FIRST, LAST, granularity="week", scope=scope)
    expected = replace(question, row_test=lambda row: find_minute_of_row(labelled.truth, row) // 60 in (10, 11, 12))
    answers = await read_data(labelled, Module.PRESENCE, PRESENCE_KPIS, question, {"hours": [10, 11, 12]})
    for kpi, data in zip(PRESENCE_KPIS, answers, strict=True):
        assert data == presence(labelled.truth, kpi, expected), kpi


async def test_exits_are_in_the_hour_of_their_end(labelled: World) -> None:
    truth = labelled.truth
    question = Question(FIRST, LAST, granularity="week", scope="sites")

    def passes(row: Any) -> bool:
        return find_minute(truth, row.session.end, row.session.site) // 60 in (10, 11, 12)

    filters = {"hours": [10, 11, 12]}
    (data,) = await read_data(labelled, Module.PRESENCE, ("leaving",), question, filters)
    assert data == presence(truth, "leaving", replace(question, row_test=passes))


async def test_visits_start_in_the_hours(labelled: World) -> None:
    truth, hours = labelled.truth, [9, 10, 11, 12, 13, 14]
    visits = [visit for visit in truth.visits if find_minute(truth, visit.at, visit.site) // 60 in hours]
    assert 0 < len(visits) < len(truth.visits)
    in_hours = replace(truth, visits=visits)
    kpis = ("offlineVisits", "offlineVisitsAttributions", "offlineVisitsLinear", "timeBeforeOfflineVisitPerScope")
    for scope in ("globals", "sites", "campaigns"):
        question = Question(date(2024, 3, 1), date(2024, 11, 30), granularity="month", scope=scope)
        answers = await read_data(labelled, Module.CONVERSION, kpis, question, {"hours": hours})
        for kpi, data in zip(kpis, answers, strict=True):
            assert data == conversion(in_hours, kpi, question), kpi


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def is_open(key: str, day: date, minute: int) -> bool:
    """Return whether a site is open at a minute of a local day."""
    clock = f"{minute // 60:02}:{minute % 60:02}"
    intervals = HOURS_BY_KEY.get(key, {}).get(WEEKDAYS[day.weekday()], ())
    return any(start <= clock < end for start, end in intervals)


async def test_stays_start_within_opening_hours(labelled: World) -> None:
    truth = labelled.truth
    keys = {site.id: site.key for site in truth.sites}

    def passes(marked: Any) -> bool:
        minute = find_minute(truth, marked.stay.start, marked.stay.place)
        return is_open(keys.get(marked.stay.place, ""), marked.day, minute)

    for scope in ("globals", "sites", "works"):
        question = ask_geo(labelled, scope=scope, row_test=passes)
        await assert_geo(labelled, {"opening": True}, question, NO_REFERENCE)


async def test_passages_start_within_opening_hours_of_their_own_day(labelled: World) -> None:
    truth = labelled.truth
    keys = {site.id: site.key for site in truth.sites}

    def passes(row: Any) -> bool:
        start = find_start(truth, row)
        return is_open(keys[row.session.site], start.date(), start.hour * 60 + start.minute)

    question = Question(FIRST, date(2024, 11, 30), granularity="month", scope="equipments")
    kpis = ("sessions", "attendance", "timespent")
    answers = await read_data(labelled, Module.PRESENCE, kpis, question, {"opening": True})
    for kpi, data in zip(kpis, answers, strict=True):
        assert data == presence(truth, kpi, replace(question, row_test=passes)), kpi


async def test_open_or_at_some_hours(labelled: World) -> None:
    keys = {site.id: site.key for site in labelled.truth.sites}

    def passes(row: Any) -> bool:
        minute = find_minute_of_row(labelled.truth, row)
        return is_open(keys[row.session.site], row.day, minute) or minute // 60 == 20

    question = Question(FIRST, LAST, granularity="week", scope="sites")
    filters = {"any": [{"opening": True}, {"hours": [20]}]}
    answers = await read_data(labelled, Module.PRESENCE, PRESENCE_KPIS, question, filters)
    for kpi, data in zip(PRESENCE_KPIS, answers, strict=True):
        assert data == presence(labelled.truth, kpi, replace(question, row_test=passes)), kpi


async def test_sites_without_opening_hours_are_in_a_note(labelled: World) -> None:
    body = {"params": [{"kpi": "sessions"}], "filters": {"opening": True}}
    path = build_path(labelled, Module.PRESENCE, Question(FIRST, LAST), alias=1)
    period = {"from": FIRST.isoformat(), "to": LAST.isoformat(), "meta": "true"}
    response = await labelled.reader.post(path, params=period, json=body)
    notes = {note["code"]: note["message"] for note in response.json()["meta"]["notes"]}
    assert notes["sites_without_openings"].endswith("are left out: bund, web, quiet.")


# -- alternatives ----------------------------------------------------------------------------------------------------


async def test_parts_on_sites_are_united(labelled: World) -> None:
    lyon = next(site.id for site in labelled.truth.sites if site.key == "lyon-2")
    filters = {"any": [{"sites": [lyon]}, {"sites.attributes.region": ["Nord"]}]}
    question = ask_geo(labelled, scope="sites", tags=only("city:Lyon", "region:Nord"))
    await assert_geo(labelled, filters, question)


async def test_a_part_names_an_inactive_site(labelled: World) -> None:
    filters = {"any": [{"sites": ["closed"]}, {"sites.city": ["Lyon"]}]}
    closed = next(site.id for site in labelled.truth.sites if site.key == "closed")
    lyon = next(site.id for site in labelled.truth.sites if site.key == "lyon-2")
    question = ask_geo(labelled, sites=only(closed, lyon))
    await assert_geo(labelled, filters, question, ("uniqUsers", "attendance", "posSessions"))


async def test_parts_on_campaigns_are_united_in_costs_too(labelled: World) -> None:
    filters = {"any": [{"campaigns.provider": ["X"]}, {"campaigns": ["radio"]}, {"extras.segment": ["new"]}]}
    extras = only("provider:X", "segment:new")
    radio = next(each for each in labelled.truth.campaigns if each.key == "radio")
    truth = replace(
        labelled.truth,
        campaigns=[
            replace(each, extras=each.extras | {"provider:X"}) if each is radio else each
            for each in labelled.truth.campaigns
        ],
    )
    for scope in ("globals", "campaigns", "sites"):
        question = Question(FIRST, LAST, granularity="month", scope=scope, extras=extras)
        kpis = ("cost", "offlineVisits", "roi")
        answers = await read_data(labelled, Module.CONVERSION, kpis, replace(question, extras=None), filters)
        for kpi, data in zip(kpis, answers, strict=True):
            assert data == conversion(truth, kpi, question), kpi


async def test_parts_on_days_are_united_in_costs_too(labelled: World) -> None:
    filters = {"any": [{"weekdays": [6]}, {"days": {"dates": ["2024-03-20"]}}, {"weekdays": {"not": [1, 2, 3, 4, 6]}}]}
    question = Question(FIRST, LAST, granularity="month", scope="campaigns")
    dates = frozenset(day for day in question.days() if day.isoweekday() in (5, 6, 7) or day == date(2024, 3, 20))
    kpis = ("cost", "prints", "offlineVisits")
    for kpi, data in zip(kpis, await read_data(labelled, Module.CONVERSION, kpis, question, filters), strict=True):
        assert data == conversion(labelled.truth, kpi, replace(question, dates=dates)), kpi


@pytest.mark.parametrize(("scope", "uplift"), [("globals", True), ("sites", False), ("homes", True)])
async def test_rows_pass_one_of_several_parts(labelled: World, scope: str, uplift: bool) -> None:
    home = labelled.truth.areas[0].code
    filters = {"any": [{"sites.attributes.region": ["Nord"], "weekdays": [1, 2, 3]}, {"homes": [home]}]}
    nord = {site.id for site in labelled.truth.sites if "region:Nord" in site.tags}

    def passes(marked: Any) -> bool:
        in_part = marked.stay.place in nord and marked.day.isoweekday() <= 3
        return bool(in_part or marked.panelist.home == home)

    question = ask_geo(labelled, scope=scope, uplift=uplift, row_test=passes)
    await assert_geo(labelled, filters, question, NO_REFERENCE)


async def test_a_condition_and_alternatives_of_the_request_and_of_a_param_all_hold(labelled: World) -> None:
    home, work = labelled.truth.areas[0].code, labelled.truth.areas[1].code
    body = {
        "filters": {"weekdays": {"not": [7]}, "any": [{"homes": [home]}, {"weekdays": [1, 2, 3]}]},
        "params": [
            {"kpi": "posSessions", "granularity": "week"},
            {
                "kpi": "posSessions",
                "granularity": "week",
                "filters": {"any": [{"works": [work]}, {"homes": {"not": [home]}}]},
            },
        ],
    }

    def passes_first(marked: Any) -> bool:
        return bool(marked.panelist.home == home or marked.day.isoweekday() <= 3)

    def passes_both(marked: Any) -> bool:
        return passes_first(marked) and (marked.panelist.work == work or marked.panelist.home != home)

    question = ask_geo(labelled, weekdays=frozenset(range(1, 7)))
    path = build_path(labelled, Module.GEO_MARKETING, question, alias=1)
    period = {"from": FIRST.isoformat(), "to": LAST.isoformat(), "uplift": "false"}
    response = await labelled.reader.post(path, params=period, json=body)
    assert response.status_code == 200, response.text
    assert [result["data"] for result in response.json()] == [
        geomarketing(labelled.truth, "posSessions", replace(question, row_test=test))
        for test in (passes_first, passes_both)
    ]


async def test_stays_of_devices_pass_one_of_several_parts(labelled: World) -> None:
    equipment = labelled.truth.equipments[1]
    lyon = next(site.id for site in labelled.truth.sites if site.key == "lyon-2")
    filters = {"any": [{"equipments": [equipment.key]}, {"sites": {"not": [lyon]}}, {"weekdays": [5]}]}

    def passes(row: Any) -> bool:
        equipments = row.session.path if row.equipment is None else (row.equipment,)
        return equipment.id in equipments or row.session.site != lyon or row.day.isoweekday() == 5

    for scope in ("globals", "sites", "equipments"):
        question = Question(FIRST, LAST, granularity="week", scope=scope)
        kpis = ("sessions", "uniqUsers", "attendance", "timespent", "acquisition")
        answers = await read_data(labelled, Module.PRESENCE, kpis, question, filters)
        for kpi, data in zip(kpis, answers, strict=True):
            assert data == presence(labelled.truth, kpi, replace(question, row_test=passes)), kpi


# -- random filters --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RandomFilters:
    """Random filters as a request has them, and as a test of the stays of a panel."""

    world: World
    random: Random

    def draw(self, most: int = 3) -> tuple[Json, Callable[[Any], bool]]:
        """Return up to `most` filters, all of which hold."""
        makers = self.random.sample((self.region, self.city, self.area, self.weekdays, self.dates, self.hours), most)
        filters: Json = {}
        tests: list[Callable[[Any], bool]] = []
        for make in makers[: self.random.randint(1, most)]:
            added, test = make()
            filters |= added
            tests.append(test)
        if self.random.random() < 0.2:
            filters["opening"] = True
            tests.append(self.is_open)
        return filters, lambda marked: all(test(marked) for test in tests)

    def draw_with_alternatives(self) -> tuple[Json, Callable[[Any], bool]]:
        """Return filters, some of them with `any`."""
        filters, passes = self.draw(2) if self.random.random() < 0.5 else ({}, lambda _: True)
        if self.random.random() < 0.3:
            return filters, passes
        parts = [self.draw(2) for _ in range(self.random.randint(1, 3))]
        tests = [test for _, test in parts]
        return (
            filters | {"any": [part for part, _ in parts]},
            lambda marked: passes(marked) and any(test(marked) for test in tests),
        )

    def choose(self, name: str, values: list[Any], read: Callable[[Any], Any]) -> tuple[Json, Callable[[Any], bool]]:
        """Return a filter on some of the values, or on all but these."""
        chosen = self.random.sample(values, self.random.randint(1, len(values)))
        negated = self.random.random() < 0.4
        return {name: {"not": chosen} if negated else chosen}, lambda marked: (read(marked) in chosen) != negated

    def read_site(self, marked: Any) -> Json:
        """Return the document of the site of a stay; of a POI an empty one."""
        key = next((site.key for site in self.world.truth.sites if site.id == marked.stay.place), "")
        return SITES_BY_KEY.get(key, {})

    def region(self) -> tuple[Json, Callable[[Any], bool]]:
        def read(marked: Any) -> Any:
            return self.read_site(marked).get("attributes", {}).get("region", "unknown")

        return self.choose("sites.attributes.region", ["Nord", "Sud", "unknown", "Est"], read)

    def city(self) -> tuple[Json, Callable[[Any], bool]]:
        def read(marked: Any) -> Any:
            return self.read_site(marked).get("address", {}).get("city", "unknown")

        return self.choose("sites.city", ["Lyon", "Lille", "New York", "unknown"], read)

    def area(self) -> tuple[Json, Callable[[Any], bool]]:
        codes = [area.code for area in self.world.truth.areas]
        name, attribute = self.random.choice((("homes", "home"), ("works", "work"), ("zones", "home")))
        return self.choose(name, codes, lambda marked: getattr(marked.panelist, attribute))

    def weekdays(self) -> tuple[Json, Callable[[Any], bool]]:
        return self.choose("weekdays", [1, 2, 3, 4, 5, 6, 7], lambda marked: marked.day.isoweekday())

    def dates(self) -> tuple[Json, Callable[[Any], bool]]:
        days = [(FIRST + timedelta(days=n)).isoformat() for n in self.random.sample(range(44), 20)]
        filters, test = self.choose("dates", days, lambda marked: marked.day.isoformat())
        return {"days": filters}, test

    def hours(self) -> tuple[Json, Callable[[Any], bool]]:
        def read(marked: Any) -> int:
            return find_minute(self.world.truth, marked.stay.start, marked.stay.place) // 60

        return self.choose("hours", [*range(7, 22)], read)

    def is_open(self, marked: Any) -> bool:
        key = next((site.key for site in self.world.truth.sites if site.id == marked.stay.place), "")
        return is_open(key, marked.day, find_minute(self.world.truth, marked.stay.start, marked.stay.place))


@pytest.mark.parametrize("seed", range(14))
async def test_random_filters(labelled: World, seed: int) -> None:
    world, random = labelled, Random(seed)
    drawn = RandomFilters(world, random)
    filters, passes = drawn.draw_with_alternatives()
    own, passes_own = drawn.draw_with_alternatives()
    question = ask_geo(
        world,
        scope=random.choice(("globals", "sites", "homes", "works")),
        uplift=random.random() < 0.5,
        mode=random.choice(("histogram", "aggregation")),
        granularity=random.choice(("day", "week", "month")),
    )
    kpis = tuple(random.sample(NO_REFERENCE, 6))
    body = build_body(world, kpis, question) | {"filters": filters}
    for param in body["params"][3:]:
        param["filters"] = own
    path = build_path(world, Module.GEO_MARKETING, question, alias=1)
    period = {"from": FIRST.isoformat(), "to": LAST.isoformat(), "uplift": str(question.uplift).lower()}
    response = await world.reader.post(path, params=period, json=body)
    assert response.status_code == 200, response.text
    named = {**own, **filters}
    for index, (kpi, result) in enumerate(zip(kpis, response.json(), strict=True)):

        def passes_all(marked: Any, has_own: bool = index >= 3) -> bool:
            return passes(marked) and (not has_own or passes_own(marked))

        expected = geomarketing(world.truth, kpi, replace(question, row_test=passes_all))
        data = result["data"]
        if question.scope != "globals":  # values that a filter names are there without data
            data = {value: {row: part[row] for row in ("all", "temporals")} for value, part in data.items()}
            assert data.keys() - expected.keys() <= {*_list_named(named)}
            data = {value: part for value, part in data.items() if value in expected}
        assert data == expected, (kpi, filters, own)


def _list_named(filters: Json) -> list[str]:
    return [
        value for name in ("homes", "works", "zones") if isinstance(filters.get(name), list) for value in filters[name]
    ]


# -- performance, questions about one site, other forms of answers -----------------------------------------------------

PERFORMANCE_KPIS = ("visits", "visitors", "sales", "conversionRate", "attributedShare")


async def test_performance_has_the_filters_on_sites_and_days(labelled: World) -> None:
    filters = {"sites.attributes.region": {"not": ["Sud"]}, "days": {"dates": {"not": ["2024-03-20"]}}}
    question = Question(FIRST, LAST, granularity="week", scope="sites", tags=without("region:Sud"))
    question = replace(question, dates=keep_days(question, date(2024, 3, 20)))
    plain = replace(question, tags=None, dates=None)
    answers = await read_data(labelled, Module.PERFORMANCE, PERFORMANCE_KPIS, plain, filters)
    for kpi, data in zip(PERFORMANCE_KPIS, answers, strict=True):
        assert data == performance(labelled.truth, kpi, question), kpi


async def test_visits_of_a_channel_or_of_some_days(labelled: World) -> None:
    truth = labelled.truth
    online = {site.id for site in truth.sites if site.online}

    def passes(visit: Any) -> bool:
        day = by_hand.local_day(visit.at, truth.zone_of(visit.site))
        return visit.site in online or day.isoweekday() in (5, 6)

    visits = [visit for visit in truth.visits if passes(visit)]
    assert 0 < len(visits) < len(truth.visits)
    question = Question(FIRST, date(2024, 11, 30), granularity="month", scope="sites")
    filters = {"any": [{"channels": ["online"]}, {"weekdays": [5, 6]}]}
    (data,) = await read_data(labelled, Module.PERFORMANCE, ("visits",), question, filters)
    assert data == performance(replace(truth, visits=visits), "visits", question)


async def test_a_question_about_one_site_has_filters_but_those_on_sites(labelled: World) -> None:
    site = next(site.id for site in labelled.truth.sites if site.key == "lyon-2")
    question = Question(FIRST, LAST, granularity="month", site=site)
    kpis = ("cost", "offlineVisits")
    filters = {"any": [{"extras.segment": ["new"]}, {"campaigns.provider": ["X"]}], "days": {"weekdays": [1, 2, 3, 4]}}
    dates = frozenset(day for day in question.days() if day.isoweekday() <= 4)
    expected = replace(question, extras=only("segment:new", "provider:X"), dates=dates)
    for kpi, data in zip(kpis, await read_data(labelled, Module.CONVERSION, kpis, question, filters), strict=True):
        assert data == conversion(labelled.truth, kpi, expected), kpi
    response = await post(labelled, Module.CONVERSION, kpis, question, {"any": [{"sites.city": ["Lyon"]}]})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/filters/any/0/sites.city"


async def test_an_answer_follows_a_changed_attribute(labelled: World) -> None:
    site = next(site for site in labelled.truth.sites if site.key == "bund")
    question = Question(FIRST, LAST, granularity="month")
    filters = {"sites.attributes.region": ["Nord"]}
    path = f"{labelled.tenant.url}/sites/{site.id}"
    before = await read_data(labelled, Module.PRESENCE, ("uniqUsers",), question, filters)
    changed = await labelled.tenant.admin.patch(path, json={"attributes": {"region": "Nord"}})
    assert changed.status_code == 200
    try:
        (data,) = await read_data(labelled, Module.PRESENCE, ("uniqUsers",), question, filters)
        nord = [each.id for each in labelled.truth.sites if "region:Nord" in each.tags or each is site]
        assert data == presence(labelled.truth, "uniqUsers", replace(question, sites=only(*nord)))
    finally:
        await labelled.tenant.admin.patch(path, json={"attributes": SITES_BY_KEY["bund"]["attributes"]})
    assert await read_data(labelled, Module.PRESENCE, ("uniqUsers",), question, filters) == before


async def test_the_country_of_the_application_is_that_of_sites_without_one(labelled: World) -> None:
    url, question = labelled.tenant.url, Question(date(2024, 5, 1), date(2024, 5, 31), granularity="day")
    filters = {"sites.country": ["unknown"], "days": {"publicHolidays": True}}
    response = await post(labelled, Module.PRESENCE, ("sessions",), question, filters)
    assert (response.status_code, "/filters/days/publicHolidays" in response.text) == (422, True)
    assert (await labelled.tenant.admin.patch(url, json={"settings": {"country": "CN"}})).status_code == 200
    try:
        (data,) = await read_data(labelled, Module.PRESENCE, ("sessions",), question, filters)
        labour_days = frozenset(date(2024, 5, day) for day in range(1, 6))
        expected = replace(question, dates=labour_days, tags=only("country:unknown"))
        assert data == presence(labelled.truth, "sessions", expected)
    finally:
        await labelled.tenant.admin.patch(url, json={"settings": {"country": None}})


async def test_groups_of_sites_under_a_filter_on_the_same_field(labelled: World) -> None:
    question = Question(FIRST, LAST, granularity="month", tags=only("region:Nord"))
    param = {"kpi": "uniqUsers", "granularity": "month", "globals": False, "by": ["sites.attributes.region"]}
    body = {"params": [param], "filters": {"sites.attributes.region": ["Nord"], "hours": {"not": [3]}}}
    period = {"from": FIRST.isoformat(), "to": LAST.isoformat()}
    response = await labelled.reader.post(build_path(labelled, Module.PRESENCE, question), params=period, json=body)
    assert response.status_code == 200, response.text
    (result,) = response.json()
    test = replace(question, row_test=lambda row: find_minute_of_row(labelled.truth, row) // 60 != 3)
    expected = presence(labelled.truth, "uniqUsers", test)
    assert {name: part["all"] for name, part in result["data"].items()} == {"Nord": expected["all"]}


async def test_a_compared_period_has_the_days_of_its_own(labelled: World) -> None:
    first, last = date(2024, 3, 25), date(2024, 4, 7)
    filters = IN_FRANCE | {"days": {"publicHolidays": False, "weekdays": [1, 2, 3]}}
    question = Question(first, last, granularity="week", tags=only("country:France", "country:FR", "country:FRA"))
    before = replace(question, first=date(2024, 3, 11), last=date(2024, 3, 24))
    body = {
        "params": [{"kpi": "sessions", "granularity": "week"}],
        "filters": filters,
        "compare": {"to": "previousPeriod"},
    }
    period = {"from": first.isoformat(), "to": last.isoformat()}
    response = await labelled.reader.post(build_path(labelled, Module.PRESENCE, question), params=period, json=body)
    assert response.status_code == 200, response.text
    (result,) = response.json()

    def compute(compared: Question) -> Any:
        dates = frozenset(
            day for day in compared.days() if day.isoweekday() in (1, 2, 3) and day not in FRENCH_HOLIDAYS
        )
        return presence(labelled.truth, "sessions", replace(compared, dates=dates))

    assert result["data"] == compute(question)
    assert result["comparisons"][0]["data"] == compute(before)


async def test_the_plan_says_that_days_need_rows_of_days(labelled: World) -> None:
    question = Question(date(2024, 3, 1), date(2024, 4, 30), granularity="month")
    body = build_body(labelled, ("sessions",), question) | {"filters": {"days": {"dates": {"not": ["2024-03-20"]}}}}
    path = build_path(labelled, Module.PRESENCE, question, alias=1)
    period = {"from": "2024-03-01", "to": "2024-04-30", "explain": "true"}
    response = await labelled.tenant.admin.post(path, params=period, json=body)
    assert response.status_code == 200, response.text
    assert "the filter on days needs days" in response.text


# -- refusals --------------------------------------------------------------------------------------------------------

MIXED = {"any": [{"sites.attributes.region": ["Nord"]}, {"campaigns.provider": ["X"]}]}


@pytest.mark.parametrize(
    ("module", "kpi", "scope", "filters", "pointer", "texts"),
    [
        (
            Module.PRESENCE,
            "sessions",
            "globals",
            {"sites.attributes.regoin": ["Nord"]},
            "/filters/sites.attributes.regoin",
            ["drive", "region", "surface"],
        ),
        (Module.CONVERSION, "cost", "globals", {"extras.nothing": ["x"]}, "/filters/extras.nothing", ["segment"]),
        (Module.CONVERSION, "cost", "globals", MIXED, "/filters/any", ["cost", "each part by itself"]),
        (Module.CONVERSION, "offlineVisits", "campaigns", MIXED, "/filters/any", ["offlineVisits", "by sites"]),
        (Module.CONVERSION, "offlineVisits", "globals", {"homes": ["693820101"]}, "/filters/homes", ["extras.<name>"]),
        (
            Module.CONVERSION,
            "prints",
            "globals",
            {"sites.country": ["US", "FR"], "days": {"publicHolidays": True}},
            "/filters/days",
            ["prints", "sites.country"],
        ),
        (
            Module.PRESENCE,
            "sessions",
            "globals",
            {"days": {"publicHolidays": True}},
            "/filters/days/publicHolidays",
            ["country", "settings"],
        ),
        (
            Module.PRESENCE,
            "sessions",
            "globals",
            {"any": [{"sites": ["lyon-2"]}, {"sites": ["no such"]}]},
            "/filters/any/1/sites/0",
            ["no such"],
        ),
        (Module.PRESENCE, "sessions", "globals", {"days": {"schoolHolidays": ["A"]}}, "/filters/days", ["France"]),
        (Module.CONVERSION, "cost", "globals", {"hours": [9]}, "/filters/hours", ["cost", "day"]),
        (Module.CONVERSION, "cost", "globals", {"opening": True}, "/filters/opening", ["cost"]),
    ],
)
async def test_what_cannot_be_answered_is_refused_with_what_would_work(  # noqa: PLR0917 - a table of cases
    labelled: World, module: Module, kpi: str, scope: str, filters: Json, pointer: str, texts: list[str]
) -> None:
    response = await post(labelled, module, (kpi,), Question(FIRST, LAST, scope=scope), filters)
    problem = response.json()
    assert response.status_code == 422, problem
    assert problem["errors"][0]["pointer"].startswith(pointer)
    assert all(text in problem["errors"][0]["message"] for text in texts), problem


@pytest.mark.parametrize(
    ("filters", "pointer"),
    [
        ({"any": [{"sites": ["lyon-2"]}] * 21}, "/filters/any"),
        ({"any": [{"any": [{"sites": ["lyon-2"]}]}]}, "/filters/any/0/any"),
        ({f"sites.attributes.a{n}": ["x"] for n in range(21)}, "/filters"),
        ({f"sites.attributes.{'x' * 251}": ["x"]}, "/filters"),
        ({"sites.attributes.a.b": ["x"]}, "/filters"),
        ({"sites.type": [None]}, "/filters/sites.type/0"),
        ({"sites.type": ["x" * 1001]}, "/filters/sites.type/0"),
        ({"hours": [24]}, "/filters/hours/0"),
        ({"days": {"schoolHolidays": True}}, "/filters/days/schoolHolidays"),
        ({"days": {"schoolHolidays": ["D"]}}, "/filters/days/schoolHolidays/0"),
        ({"days": {"dates": ["2024-02-30"]}}, "/filters/days/dates/0"),
        ({"days": {"no": 1}}, "/filters/days/no"),
        ({"@names": {"sites.type": ["x"]}}, "/filters"),
    ],
)
async def test_malformed_filters_are_refused_with_a_pointer(labelled: World, filters: Json, pointer: str) -> None:
    response = await post(labelled, Module.PRESENCE, ("sessions",), Question(FIRST, LAST), filters)
    assert response.status_code == 400, response.text
    assert [error["pointer"] for error in response.json()["errors"]][:1] == [pointer]


@pytest.mark.parametrize(
    "filters", [{"any": []}, {"days": {}}, {"hours": []}, {"opening": False}, {"sites.type": []}, {"days": None}]
)
async def test_empty_filters_filter_nothing(labelled: World, filters: Json) -> None:
    question = Question(FIRST, LAST, granularity="month")
    (data,) = await read_data(labelled, Module.PRESENCE, ("sessions",), question, filters)
    assert data == presence(labelled.truth, "sessions", question)


async def test_a_part_without_filters_is_refused(labelled: World) -> None:
    filters = {"any": [{"sites": ["lyon-2"]}, {"sites": []}]}
    response = await post(labelled, Module.PRESENCE, ("sessions",), Question(FIRST, LAST), filters)
    assert response.status_code == 422
    assert "Part 1 of 'any' has no filter" in response.json()["detail"]


# -- other applications ----------------------------------------------------------------------------------------------


async def test_filters_select_nothing_of_another_application(labelled: World, beta: World) -> None:
    site = beta.truth.sites[0]
    question = Question(FIRST, LAST, scope="sites")
    response = await post(labelled, Module.PRESENCE, ("sessions",), question, {"any": [{"sites": [site.id]}]})
    assert response.status_code == 422
    response = await post(beta, Module.PRESENCE, ("sessions",), question, {"sites.attributes.region": ["Nord"]})
    assert response.status_code == 422
    assert "region" not in response.json()["detail"].partition("'. ")[2]
    for filters in ({"sites.city": ["Lyon"]}, {"any": [{"sites.city": ["Lyon"]}, {"sites.type": ["street"]}]}):
        assert await read_data(beta, Module.PRESENCE, ("sessions",), question, filters) == [{}]
