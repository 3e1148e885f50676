"""Comparisons with other periods, against plain Python: values, changes, days that are over, like-for-like, CSV."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from okube_api.auth.repository import Role
from okube_api.catalogue.kpi import Module

from tests.api.analytics import World, ask, build_body, build_path, load_world
from tests.api.server import Server, share_store
from tests.by_hand.changes import Answer, compare_answers
from tests.by_hand.conversion import conversion
from tests.by_hand.geomarketing import geomarketing
from tests.by_hand.presence import presence
from tests.by_hand.question import Question, only
from tests.by_hand.truth import Detection, Equipment, Place, Truth
from tests.engine.stores import fill

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
AUTUMN = (date(2024, 10, 21), date(2024, 11, 3))  # with the end of summer time in Europe and in New York
SPRING = (date(2024, 3, 25), date(2024, 4, 7))
ANSWERS: dict[Module, Answer] = {
    Module.PRESENCE: presence,
    Module.GEO_MARKETING: geomarketing,
    Module.CONVERSION: conversion,
}


def given(period: tuple[date, date]) -> Json:
    """Return a period to compare with."""
    return {"from": period[0].isoformat(), "to": period[1].isoformat()}


async def ask_compared(
    world: World, module: Module, kpis: tuple[str, ...], question: Question, compare: Json, **url: str
) -> Any:
    """Return the answer to a question that is compared."""
    parameters = {"from": question.first.isoformat(), "to": question.last.isoformat(), **url}
    if module is not Module.PRESENCE:
        parameters["uplift"] = str(question.uplift).lower()
    body = build_body(world, kpis, question) | {"compare": compare}
    response = await world.reader.post(build_path(world, module, question), params=parameters, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def sort_items(leaf: Any) -> Any:
    """Return a leaf whose lists of items are in one order: their order in a change is not of interest."""
    if isinstance(leaf, dict):
        return {name: sort_items(part) for name, part in leaf.items() if name not in {"_id", "code"}}
    if isinstance(leaf, list) and all(isinstance(part, dict) for part in leaf):
        return sorted(map(sort_items, leaf), key=repr)
    return leaf


CASES = [
    (Module.PRESENCE, ("sessions", "timespent", "uniqUsers", "timespentPerScope"), {"scope": "sites"}),
    (Module.PRESENCE, ("acquisition", "visitOrder", "rangeAmplitude"), {"granularity": "week"}),
    (Module.PRESENCE, ("sessions", "timespent"), {"scope": "equipments", "mode": "aggregation"}),
    (Module.PRESENCE, ("sessions",), {"site": 0, "granularity": "month"}),
    (Module.GEO_MARKETING, ("attendance", "uniqUsers", "os", "visitorVsPedestrian"), {"granularity": "week"}),
    (Module.GEO_MARKETING, ("posSessions", "timespent", "uniqUsers"), {"scope": "homes", "granularity": "month"}),
    (Module.GEO_MARKETING, ("attendance", "posAffinity"), {"uplift": True, "scope": "sites", "granularity": "week"}),
    (Module.CONVERSION, ("ctr", "cost", "roi", "offlineVisitsAndConversions"), {"granularity": "week"}),
    (Module.CONVERSION, ("offlineVisits", "globalLeverPerformance"), {"scope": "campaigns", "granularity": "year"}),
    (Module.CONVERSION, ("offlineVisitsPerCampaign", "printVsClick"), {"scope": "sites", "granularity": "month"}),
    (Module.CONVERSION, ("comparisonOfflineVisits", "venueRate"), {"mode": "aggregation", "uplift": True}),
]


def build_question(world: World, module: Module, options: Json, period: tuple[date, date] = AUTUMN) -> Question:
    """Return a question; its `site` is given by its position."""
    site = world.truth.sites[options["site"]].id if "site" in options else None
    study = world.truth.studies[1].id if module is Module.GEO_MARKETING else None
    return Question(*period, **options | {"site": site, "study": study})


@pytest.mark.parametrize(("module", "kpis", "options"), CASES)
async def test_values_and_changes_equal_plain_python(
    alpha: World, module: Module, kpis: tuple[str, ...], options: Json
) -> None:
    question = build_question(alpha, module, options)
    periods = {
        "previousPeriod": (date(2024, 10, 7), date(2024, 10, 20)),
        "previousYear": (date(2023, 10, 21), date(2023, 11, 3)),
        "spring": (date(2024, 3, 25), date(2024, 4, 7)),
        "longer": (date(2024, 10, 14), date(2024, 11, 4)),
    }
    targets = [given(period) if name in {"spring", "longer"} else name for name, period in periods.items()]
    results = await ask_compared(alpha, module, kpis, question, {"to": targets})
    for kpi, result in zip(kpis, results, strict=True):
        assert len(result["comparisons"]) == len(periods)
        for comparison, target, (first, last) in zip(result["comparisons"], targets, periods.values(), strict=True):
            assert {name: comparison[name] for name in ("to", "from", "until")} == {
                "to": target,
                "from": first.isoformat(),
                "until": last.isoformat(),
            }
            then = replace(question, first=first, last=last)
            expected = compare_answers(ANSWERS[module], alpha.truth, kpi, question, then)
            assert sort_items(comparison["data"]) == sort_items(expected["data"]), kpi
            assert sort_items(comparison["change"]) == sort_items(expected["change"]), kpi


async def post(world: World, body: Json, *, site: str | None = None, accept: str = "*/*", **url: str) -> Any:
    """Post a presence question about the autumn of 2024, unless `url` has another period."""
    path = f"/sites/{site}/presence/analytics" if site else "/presence/analytics"
    period = {"from": AUTUMN[0].isoformat(), "to": AUTUMN[1].isoformat()}
    return await world.reader.post(
        f"{world.tenant.url}{path}", params=period | url, json=body, headers={"Accept": accept}
    )


async def read(world: World, body: Json, **url: str) -> Any:
    """Post a presence question and return its answer."""
    response = await post(world, body, **url)
    assert response.status_code == 200, response.text
    return response.json()


# -- refusals ----------------------------------------------------------------------------------------------------

SESSIONS: Json = {"kpi": "sessions"}


@pytest.mark.parametrize(
    ("compare", "status", "pointer"),
    [
        ({"to": []}, 422, "/compare/to"),
        ({"to": ["previousYear"] * 5}, 422, "/compare/to"),
        ({"to": {"from": "2024-02-02", "to": "2024-02-01"}}, 422, "/compare/to"),
        ({"to": ["previousYear", {"from": "2000-01-01", "to": "2024-02-01"}]}, 422, "/compare/to/1"),
        ({"to": "lastYear"}, 400, "/compare/to"),
        ({"to": {"from": "2024-02-30", "to": "2024-03-01"}}, 400, "/compare/to/from"),
        ({"likeForLike": True}, 400, "/compare/to"),
        ({"to": "previousYear", "unit": "day"}, 400, "/compare/unit"),
    ],
)
async def test_impossible_comparisons_are_refused(alpha: World, compare: Json, status: int, pointer: str) -> None:
    response = await post(alpha, {"params": [SESSIONS], "compare": compare})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (status, pointer)


async def test_a_period_before_the_calendar_begins_is_refused(alpha: World) -> None:
    body = {"params": [SESSIONS], "compare": {"to": ["previousPeriod", "previousYear"]}}
    response = await post(alpha, body, **{"from": "0002-02-01", "to": "0002-02-02"})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/compare/to/1")


async def test_like_for_like_of_one_site_is_refused(alpha: World) -> None:
    compare = {"to": "previousYear", "likeForLike": True}
    response = await post(alpha, {"params": [SESSIONS], "compare": compare}, site=alpha.truth.sites[0].id)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/compare/likeForLike")


async def test_an_order_by_change_needs_a_comparison(alpha: World) -> None:
    response = await post(alpha, {"params": [SESSIONS | {"sites": {"sort": "-change"}}]})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/params/0/sites/sort")


# -- order and limit -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["-change", "change"])
async def test_scopes_can_be_sorted_by_the_change_since_the_first_period(alpha: World, sort: str) -> None:
    question = Question(*AUTUMN, scope="equipments")
    then = replace(question, first=SPRING[0], last=SPRING[1])
    change = compare_answers(presence, alpha.truth, "sessions", question, then)["change"]
    shown = presence(alpha.truth, "sessions", question)
    sign = -1 if sort == "-change" else 1
    order = sorted(shown, key=lambda site: (change[site]["all"] is None, sign * (change[site]["all"] or 0), site))
    assert len({change[site]["all"] for site in order}) > 2
    param = SESSIONS | {"globals": False, "temporals": False}
    compare = {"to": [given(SPRING), "previousYear"]}
    (result,) = await read(alpha, {"params": [param | {"equipments": {"sort": sort}}], "compare": compare})
    assert list(result["data"]) == order
    (result,) = await read(alpha, {"params": [param | {"equipments": {"sort": sort, "limit": 2}}], "compare": compare})
    assert (list(result["data"]), result["total"]) == (order[:2], len(order))
    for comparison in result["comparisons"]:
        assert list(comparison["data"]) == list(comparison["change"]) == order[:2]
    assert {site: row["all"] for site, row in result["comparisons"][0]["change"].items()} == {
        site: change[site]["all"] for site in order[:2]
    }


async def test_others_are_compared_with_the_same_others(alpha: World) -> None:
    param = {"kpi": "uniqUsers", "globals": False, "temporals": False}
    body = {"params": [param | {"sites": {"limit": 1, "others": True}}], "compare": {"to": given(SPRING)}}
    (result,) = await read(alpha, body)
    *shown, remainder = result["data"]
    assert remainder == "others"
    filters = {"sites": {"not": shown}}
    for period, row in ((AUTUMN, result["data"]), (SPRING, result["comparisons"][0]["data"])):
        url = {"from": period[0].isoformat(), "to": period[1].isoformat()}
        (rest,) = await read(alpha, {"params": [{"kpi": "uniqUsers", "temporals": False}], "filters": filters}, **url)
        assert row["others"]["all"] == rest["data"]["all"]
    now, then = (data["others"]["all"] for data in (result["data"], result["comparisons"][0]["data"]))
    assert result["comparisons"][0]["change"]["others"]["all"] == round((now - then) / then, 4)


# -- CSV ---------------------------------------------------------------------------------------------------------------


def find_lines(result: Json, name: str | None) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    """Return own value, compared value and change by scope value, bucket and compared period."""
    lines: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    for comparison in result["comparisons"]:
        to = comparison["to"]
        parts = [result["data"], comparison["data"], comparison["change"]]
        rows = [{"": part} for part in parts] if result["scope"] == "globals" else parts
        for value in {**rows[0], **rows[1]}:
            cells = [{"all": row.get(value, {}).get("all"), **row.get(value, {}).get("temporals", {})} for row in rows]
            for bucket in {**cells[0], **cells[1]}:
                triple = tuple(
                    cell.get(bucket) if name is None else (cell.get(bucket) or {}).get(name) for cell in cells
                )
                to_name = to if isinstance(to, str) else f"{to['from']}..{to['to']}"
                lines[value, bucket, to_name] = triple
    return lines


@pytest.mark.parametrize(("kpi", "field"), [("sessions", None), ("timespent", None), ("timespentPerScope", "total")])
@pytest.mark.parametrize("scope", ["globals", "sites"])
async def test_csv_equals_json(alpha: World, kpi: str, field: str | None, scope: str) -> None:
    param = {"kpi": kpi, "granularity": "week", "globals": scope == "globals", "sites": scope == "sites"}
    longer = {"from": "2024-03-11", "to": "2024-04-07"}
    body = {"params": [param], "compare": {"to": ["previousPeriod", longer]}}
    (result,) = await read(alpha, body)
    expected = find_lines(result, field)
    response = await post(alpha, body, accept="text/csv")
    lines = list(csv.DictReader(io.StringIO(response.text)))
    columns = ("value", "compared_value", "change")
    if field is not None:
        columns = (field, f"compared_value.{field}", f"change.{field}")
    is_count = kpi != "timespent"

    def parse(text: str) -> float | None:
        return float(text) if text else None

    by_key: dict[tuple[str, str, str], tuple[Any, ...]] = {
        (line["_id"], line["bucket"], line["compared_to"]): tuple(parse(line[column]) for column in columns)
        for line in lines
    }
    assert len(by_key) == len(lines)
    if scope == "sites" and is_count:  # in CSV, what JSON leaves out because it is empty is 0
        expected = {
            key: tuple(0 if number is None else number for number in values[:2]) + values[2:]
            for key, values in expected.items()
        }
        by_key = {
            key: tuple(0 if number is None else number for number in values[:2]) + values[2:]
            for key, values in by_key.items()
        }
    assert by_key == expected
    starts = {line["bucket"]: line["compared_from"] for line in lines if line["compared_to"] == "previousPeriod"}
    assert (starts["all"], starts["0"]) == ("2024-10-07", "2024-10-07")


async def test_plain_csv_has_no_columns_of_comparisons(alpha: World) -> None:
    response = await post(alpha, {"params": [SESSIONS]}, accept="text/csv")
    assert response.text.splitlines()[0].endswith("bucket,from,value")


# -- days that are over ----------------------------------------------------------------------------------------------


@pytest.fixture
def set_today(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """Return a function that sets the day that questions are asked on; tokens keep their clock."""

    def set_day(today: date) -> None:
        for module in ("service", "answer_cache"):
            monkeypatch.setattr(f"okube_api.analytics.{module}.to_local_date", lambda *_: today)

    return set_day


@pytest.mark.parametrize("scope", ["globals", "sites"])
@pytest.mark.parametrize(
    ("target", "first_then", "days_then"),
    [
        ("previousPeriod", date(2024, 10, 7), 9),
        ("previousMonth", date(2024, 9, 21), 9),
        (given(SPRING), SPRING[0], 9),
        (given((SPRING[0], date(2024, 3, 28))), SPRING[0], 4),
    ],
)
async def test_days_that_are_not_over_are_left_out_of_the_change(
    alpha: World, set_today: Callable[[date], None], *, scope: str, target: Any, first_then: date, days_then: int
) -> None:
    today = AUTUMN[0] + timedelta(days=9)  # nine days of the period are over
    set_today(today)
    for kpi, granularity in (("sessions", "day"), ("timespent", "week")):
        question = Question(*AUTUMN, scope=scope, granularity=granularity)
        now = replace(question, last=today - timedelta(days=1))
        then = replace(question, first=first_then, last=first_then + timedelta(days=days_then - 1))
        (result,) = await ask_compared(alpha, Module.PRESENCE, (kpi,), question, {"to": target})
        (comparison,) = result["comparisons"]
        assert comparison["complete"] is False
        assert comparison["lastDays"] == {"now": now.last.isoformat(), "then": then.last.isoformat()}
        assert (comparison["from"], comparison["until"]) == (then.first.isoformat(), then.last.isoformat())
        expected = compare_answers(presence, alpha.truth, kpi, now, then, uncut=question)
        assert sort_items(result["data"]) == presence(alpha.truth, kpi, question)
        assert sort_items(comparison["data"]) == expected["data"]
        assert comparison["change"] == expected["change"]


async def test_a_period_without_a_day_that_is_over_has_nothing_to_compare(
    alpha: World, set_today: Callable[[date], None]
) -> None:
    set_today(AUTUMN[0])
    param = SESSIONS | {"granularity": "week", "sites": True}
    answer = await read(alpha, {"params": [param], "compare": {"to": "previousPeriod"}})
    for result, data in zip(answer, ({"all": None, "temporals": {"0": None, "1": None}}, {}), strict=True):
        head = {"to": "previousPeriod", "from": None, "until": None, "complete": False}
        assert result["comparisons"] == [
            {**head, "lastDays": {"now": None, "then": None}, "data": data, "change": data}
        ]


@pytest.mark.parametrize(
    ("days", "message"),
    [
        (0, "No day of the comparison with previousPeriod is over: it has no values."),
        (
            9,
            "The comparison with previousPeriod leaves out days that are not over: it sets {now} against {then}.",
        ),
        (30, None),
    ],
)
async def test_a_note_says_which_days_are_compared(
    alpha: World, set_today: Callable[[date], None], days: int, message: str | None
) -> None:
    set_today(AUTUMN[0] + timedelta(days=days))
    length = (AUTUMN[1] - AUTUMN[0]).days + 1
    spans = {}
    for name, first in (("now", AUTUMN[0]), ("then", AUTUMN[0] - timedelta(days=length))):
        spans[name] = f"{first} to {first + timedelta(days=days - 1)}"
    body = {"params": [SESSIONS | {"temporals": False}], "compare": {"to": "previousPeriod"}}
    answer = await post(alpha, body, meta="true")
    notes = [note for note in answer.json()["meta"]["notes"] if note["code"] == "incomplete_comparison"]
    assert notes == ([{"code": "incomplete_comparison", "message": message.format(**spans)}] if message else [])
    for accept in ("application/json", "text/csv"):
        plain = await post(alpha, body, accept=accept)
        assert plain.headers.get("X-Okube-Notes") == ("incomplete_comparison" if message else None)


async def test_a_cached_comparison_follows_the_days(alpha: World, set_today: Callable[[date], None]) -> None:
    body = {"params": [SESSIONS | {"temporals": False}], "compare": {"to": "previousPeriod"}}
    last_days = []
    for days in (9, 9, 10, 30):
        set_today(AUTUMN[0] + timedelta(days=days))
        (result,) = await read(alpha, body)
        last_days.append(result["comparisons"][0].get("lastDays", {}).get("now"))
    assert last_days == ["2024-10-29", "2024-10-29", "2024-10-30", None]


# -- like-for-like ---------------------------------------------------------------------------------------------------

NOW, THEN = (date(2023, 6, 1), date(2023, 6, 30)), (date(2022, 6, 1), date(2022, 6, 30))
OPEN_DAYS = {
    "always": [*range(1, 31, 3)],
    "edges": [7, 24],  # the last day of the first week, and the first of the last one
    "middle": [8, 23],  # one day too late, and one too early
}


def build_shops() -> Truth:
    """Build sites with different days of data in June 2022 and 2023; only the first four were open in both."""
    days = {
        "lasting": ("always", "always"),
        "rare": ("edges", "edges"),
        "rare-then": ("edges", "always"),
        "rare-now": ("always", "edges"),
        "opened": (None, "always"),
        "closed": ("always", None),
        "late": ("middle", "always"),
        "brief": ("always", "middle"),
        "inactive": ("always", "always"),
    }
    sites, equipments, detections = [], [], []
    for number, (key, years) in enumerate(days.items()):
        site = Place(f"5e18{number:020x}", key, key.title(), active=key != "inactive")
        equipment = Equipment(f"5e19{number:020x}", f"eq-{key}", site.id)
        sites.append(site)
        equipments.append(equipment)
        for year, name in zip((2022, 2023), years, strict=True):
            for day in OPEN_DAYS.get(name or "", []):
                for visit in range(number + 1 + year % 2):
                    start = datetime(year, 6, day, 9 + visit % 12, tzinfo=UTC)
                    device = f"device-{visit}"
                    detections += [Detection(device, equipment.id, start + timedelta(minutes=m)) for m in (0, 5)]
    return Truth(sites=sites, equipments=equipments, detections=detections)


@pytest.fixture(scope="session")
async def shops(shared_server: Server) -> World:
    """Load an application with these sites."""
    return await load_world(shared_server, build_shops())


async def test_like_for_like_keeps_the_sites_that_were_open_in_both_periods(shops: World) -> None:
    ids = {site.key: site.id for site in shops.truth.sites}
    open_sites = only(*(ids[key] for key in ("lasting", "rare", "rare-then", "rare-now")))
    compare = {"to": given(THEN), "likeForLike": True}
    for scope in ("globals", "sites"):
        question = Question(*NOW, scope=scope, granularity="week")
        narrowed = replace(question, sites=open_sites)
        expected = compare_answers(
            presence, shops.truth, "sessions", narrowed, replace(narrowed, first=THEN[0], last=THEN[1])
        )
        answer = await ask_compared(shops, Module.PRESENCE, ("sessions",), question, compare, meta="true")
        (result,) = answer["results"]
        assert sort_items(result["data"]) == presence(shops.truth, "sessions", narrowed)
        assert sort_items(result["comparisons"][0]["data"]) == expected["data"]
        assert result["comparisons"][0]["change"] == expected["change"]
        left_out = {site["key"]: (site["reason"], site["from"], site["to"]) for site in answer["meta"]["likeForLike"]}
        assert left_out == {
            "opened": ("no_data", "2022-06-01", "2022-06-07"),
            "closed": ("no_data", "2023-06-01", "2023-06-07"),
            "late": ("no_data", "2022-06-01", "2022-06-07"),
            "brief": ("no_data", "2023-06-01", "2023-06-07"),
        }


async def test_like_for_like_leaves_inactive_sites_out_that_a_filter_names(shops: World) -> None:
    ids = {site.key: site.id for site in shops.truth.sites}
    question = Question(*NOW, scope="sites", sites=only(ids["inactive"], ids["lasting"]))
    compare = {"to": "previousYear", "likeForLike": True}
    answer = await ask_compared(shops, Module.PRESENCE, ("sessions",), question, compare, meta="true")
    assert list(answer["results"][0]["data"]) == [ids["lasting"]]
    assert answer["meta"]["likeForLike"] == [
        {"_id": ids["inactive"], "key": "inactive", "name": "Inactive", "reason": "inactive", "from": None, "to": None}
    ]


# -- filters of params -------------------------------------------------------------------------------------------------


async def test_filters_of_a_param_are_on_top_of_those_of_the_request(alpha: World) -> None:
    sites = [site.id for site in alpha.truth.sites if site.active][:3]
    params: list[Json] = [
        SESSIONS,
        SESSIONS | {"filters": {"sites": sites[:1]}},
        SESSIONS | {"filters": {"weekdays": {"not": [6]}, "sites": sites[1:]}},
        SESSIONS | {"filters": {}},
        {"kpi": "timespent", "filters": {"sites": sites[:1]}},
        {"kpi": "timespent", "sites": True, "filters": {"sites": {"not": sites[:1]}}},
    ]
    body = {"params": params, "filters": {"sites": sites[:2], "weekdays": [1, 2, 6]}}
    question = Question(*AUTUMN, sites=only(*sites[:2]), weekdays=frozenset({1, 2, 6}))
    first, second = (replace(question, sites=only(site)) for site in sites[:2])
    expected = [
        ("sessions", question),
        ("sessions", first),
        ("sessions", replace(second, weekdays=frozenset({1, 2}))),
        ("sessions", question),
        ("timespent", first),
        ("timespent", second),
        ("timespent", replace(second, scope="sites")),
    ]
    answer = await read(alpha, body)
    assert [(result["kpi"], result["scope"]) for result in answer] == [
        (kpi, narrowed.scope) for kpi, narrowed in expected
    ]
    for result, (kpi, narrowed) in zip(answer, expected, strict=True):
        assert sort_items(result["data"]) == presence(alpha.truth, kpi, narrowed)


@pytest.mark.parametrize(
    ("filters", "pointer"),
    [
        ({"sites": ["nowhere"]}, "/params/1/filters/sites/0"),
        ({"equipments": {"not": ["nothing"]}}, "/params/1/filters/equipments/not/0"),
        ({"homes": ["690010101"]}, "/params/1/filters/homes"),
    ],
)
async def test_faults_of_the_filters_of_a_param_name_their_place(alpha: World, filters: Json, pointer: str) -> None:
    response = await post(alpha, {"params": [SESSIONS, SESSIONS | {"filters": filters}]})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_the_plan_says_for_which_params_and_days_each_pass_is(alpha: World) -> None:
    body = {"params": [SESSIONS, SESSIONS | {"filters": {"weekdays": [1]}}], "compare": {"to": "previousPeriod"}}
    parameters = {"from": AUTUMN[0].isoformat(), "to": AUTUMN[1].isoformat(), "explain": "true"}
    response = await alpha.tenant.admin.post(f"{alpha.tenant.url}/presence/analytics", params=parameters, json=body)
    answer = response.json()
    periods = [{"from": "2024-10-21", "to": "2024-11-03"}, {"from": "2024-10-07", "to": "2024-10-20"}]
    passes = {(tuple(each["params"]), each["period"]["from"], each["period"]["to"]) for each in answer["plan"]}
    assert passes == {((param,), *period.values()) for param in (0, 1) for period in periods}
    assert answer["meta"]["change"] == {"sessions": "relative"}


async def test_like_for_like_of_conversion_is_a_filter_on_the_open_sites(alpha: World) -> None:
    """Costs and deliveries are shared by campaigns: the sites that are left must get their shares only."""
    kpis = ("cost", "prints", "offlineVisits", "venueRate")
    question = Question(*AUTUMN, granularity="week")
    compare = {"to": given(SPRING)}
    answer = await ask_compared(alpha, Module.CONVERSION, kpis, question, compare | {"likeForLike": True}, meta="true")
    left_out = {site["_id"] for site in answer["meta"]["likeForLike"]}
    open_sites = [site.id for site in alpha.truth.sites if site.active and site.id not in left_out]
    assert open_sites
    assert left_out
    narrowed = replace(question, sites=only(*open_sites))
    assert answer["results"] == await ask_compared(alpha, Module.CONVERSION, kpis, narrowed, compare)


# -- groupings, filled buckets, new events -----------------------------------------------------------------------------


async def test_two_groupings_are_compared_pair_by_pair(alpha: World) -> None:
    param = {"kpi": "sessions", "by": ["sites", "equipments"], "globals": False, "granularity": "week"}
    body = {"params": [param]}
    spring = {"from": SPRING[0].isoformat(), "to": SPRING[1].isoformat()}
    (own,), (then,) = await read(alpha, body), await read(alpha, body, **spring)
    (result,) = await read(alpha, body | {"compare": {"to": given(SPRING)}})
    (comparison,) = result["comparisons"]
    assert (result["data"], comparison["data"]) == (own["data"], then["data"])
    pairs = {(site, each) for data in (own["data"], then["data"]) for site, row in data.items() for each in row}
    assert len(pairs) > 4
    assert {(site, each) for site, row in comparison["change"].items() for each in row} == pairs
    for site, equipment in pairs:
        rows = [each["data"].get(site, {}).get(equipment, {}) for each in (own, then)]
        change = comparison["change"][site][equipment]
        assert change["all"] == divide_change(*(row.get("all", 0) for row in rows))
        temporals = [row.get("temporals", {}) for row in rows]
        assert change["temporals"] == {
            bucket: divide_change(*(row.get(bucket, 0) for row in temporals))
            for bucket in {**temporals[0], **temporals[1]}
        }


def divide_change(now: int, then: int) -> float | None:
    """Return the relative change of a count."""
    return float(round(Fraction(now - then, then), 4)) if then else None


async def test_filled_scopes_have_a_change_of_each_bucket(alpha: World) -> None:
    param = {"kpi": "sessions", "sites": True, "globals": False, "granularity": "day", "fill": True}
    (result,) = await read(alpha, {"params": [param], "compare": {"to": given(SPRING)}})
    (comparison,) = result["comparisons"]
    for site, row in comparison["change"].items():
        now, then = (data[site]["temporals"] for data in (result["data"], comparison["data"]))
        assert row["temporals"] == {str(day): divide_change(now[str(day)], then[str(day)]) for day in range(14)}


async def test_a_cached_comparison_follows_new_events(server: Server) -> None:
    site = Place(f"5e1a{1:020x}", "shop", "Shop")
    equipment = Equipment(f"5e1b{1:020x}", "eq-shop", site.id)

    def build_truth(*days: tuple[int, int]) -> Truth:
        detections = [
            Detection(f"device-{number}", equipment.id, datetime(2024, month, day, 12, minute, tzinfo=UTC))
            for number, (month, day) in enumerate(days)
            for minute in (0, 5)
        ]
        return Truth(sites=[site], equipments=[equipment], detections=detections)

    first = ((10, 22), (10, 8))
    world = await load_world(server, build_truth(*first))
    body = {"params": [SESSIONS | {"temporals": False}], "compare": {"to": "previousPeriod"}}
    for later in ((), (), ((10, 9), (10, 9), (10, 10)), ((10, 9), (10, 9), (10, 10), (10, 23))):
        await fill(server.services.store, world.tenant.id, build_truth(*first, *later))
        for _ in range(2):
            (result,) = await read(world, body)
            counts = [sum(day >= 21 for _, day in (*first, *later)), sum(day < 21 for _, day in (*first, *later))]
            comparison = result["comparisons"][0]
            assert [result["data"]["all"], comparison["data"]["all"]] == counts
            assert comparison["change"]["all"] == divide_change(*counts)


@pytest.mark.parametrize("module", Module)
async def test_all_modules_compare_like_for_like(alpha: World, module: Module) -> None:
    kpi = {"geo-marketing": "uniqUsers", "conversion": "ctr", "presence": "timespent"}.get(module, "sales")
    question = build_question(alpha, module, {"granularity": "month"})
    narrowed = {"to": given(SPRING), "likeForLike": True}
    answer = await ask_compared(alpha, module, (kpi,), question, narrowed, meta="true")
    closed = [site["_id"] for site in answer["meta"]["likeForLike"]]
    assert closed or module is Module.GEO_MARKETING  # all sites of the study were open
    kind = "difference" if kpi == "ctr" else "relative"
    assert answer["meta"]["change"] == {kpi: kind}
    open_sites = [site.id for site in alpha.truth.sites if site.active and site.id not in closed]
    for period, data in (
        (AUTUMN, answer["results"][0]["data"]),
        (SPRING, answer["results"][0]["comparisons"][0]["data"]),
    ):
        single = replace(question, first=period[0], last=period[1], sites=only(*open_sites))
        assert [data] == await ask(alpha, module, (kpi,), single)


async def test_values_of_all_periods_count_towards_the_limit(alpha: World, server: Server) -> None:
    """Fourteen days and `all` are 15 values at most: allowed alone, but not with those of another period."""
    async with share_store(server, query_values=15) as limited:
        client = limited.client_of(alpha.tenant.users[Role.READER])
        world = replace(alpha, tenant=replace(alpha.tenant, clients={Role.READER: client}))
        assert (await post(world, {"params": [SESSIONS]})).status_code == 200
        response = await post(world, {"params": [SESSIONS], "compare": {"to": given(SPRING)}})
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "/params/0/globals"


@pytest.mark.parametrize(
    "filters",
    [
        {"weekdays": [1, 6]},
        {"days": {"dates": ["2024-10-22", "2024-03-26", "2024-03-27"]}},
        {"any": [{"days": {"dates": ["2024-10-22", "2024-03-26"]}}, {"weekdays": [6]}]},
    ],
)
async def test_filters_on_days_keep_the_days_of_each_period(alpha: World, filters: Json) -> None:
    body = {"params": [SESSIONS], "filters": filters}
    (result,) = await read(alpha, body | {"compare": {"to": given(SPRING)}})
    (own,) = await read(alpha, body)
    (then,) = await read(alpha, body, **{"from": SPRING[0].isoformat(), "to": SPRING[1].isoformat()})
    assert (result["data"], result["comparisons"][0]["data"]) == (own["data"], then["data"])
    assert then["data"]["all"] > 0


async def test_buckets_of_the_other_period_have_their_days(alpha: World) -> None:
    question = Question(*AUTUMN, granularity="week")
    compare = {"to": ["previousYearSameWeekday", given(SPRING)]}
    answer = await ask_compared(alpha, Module.PRESENCE, ("sessions",), question, compare, meta="true")
    assert answer["meta"]["comparedBuckets"] == [
        {"week": ["2023-10-23", "2023-10-30"]},
        {"week": ["2024-03-25", "2024-04-01"]},
    ]
