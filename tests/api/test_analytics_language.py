"""The language of questions: periods, properties, sorting, filters, metadata, CSV."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from okube_api.analytics.modules import MODULES
from okube_api.catalogue.kpi import Module
from okube_api.store.conditions import equal
from okube_api.studies.repository import STUDIES

from tests.api.analytics import World, ask, load_world
from tests.api.server import MovableClock, Server
from tests.by_hand.geomarketing import geomarketing
from tests.by_hand.presence import presence
from tests.by_hand.question import Question, only
from tests.by_hand.truth import Place, Stay, Study, Truth
from tests.truth.places import AREAS, build_panel

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
FIRST, LAST = date(2024, 3, 18), date(2024, 4, 7)


async def post(
    world: World, body: Json, path: str = "/presence/analytics", *, accept: str = "*/*", **params: Any
) -> httpx.Response:
    """Post a question, about March 2024 unless `params` has another period."""
    period = {"from": FIRST.isoformat(), "to": LAST.isoformat()}
    query = {name: value for name, value in (period | params).items() if value is not None}
    return await world.reader.post(f"{world.tenant.url}{path}", params=query, json=body, headers={"Accept": accept})


async def read_answer(world: World, body: Json, path: str = "/presence/analytics", **params: Any) -> Any:
    """Post a question and return its answer."""
    response = await post(world, body, path, **params)
    assert response.status_code == 200, response.text
    return response.json()


def get_spring(world: World) -> Study:
    """Return the study that has a period."""
    return world.truth.studies[0]


def get_geo_path(world: World) -> str:
    """Return the path of geo-marketing questions about that study."""
    return f"/studies/{get_spring(world).key}/geo-marketing/analytics"


def find_numbers(leaf: Any) -> Iterator[int | float]:
    """Yield all numbers in an answer."""
    if isinstance(leaf, dict):
        for part in leaf.values():
            yield from find_numbers(part)
    elif isinstance(leaf, list):
        for part in leaf:
            yield from find_numbers(part)
    elif isinstance(leaf, int | float):
        yield leaf


# -- results, and their order -------------------------------------------------------------------------------------


async def test_one_result_for_each_param_and_scope_in_order(alpha: World) -> None:
    param = {"kpi": "sessions", "granularity": "week", "equipments": True, "sites": True}
    results = await read_answer(alpha, {"params": [param, {"kpi": "uniqUsers", "mode": "aggregation"}]})
    assert [(result["kpi"], result["mode"], result["scope"], result["granularity"]) for result in results] == [
        ("sessions", "histogram", "globals", "week"),
        ("sessions", "histogram", "sites", "week"),
        ("sessions", "histogram", "equipments", "week"),
        ("uniqUsers", "aggregation", "globals", "day"),
    ]
    assert all(set(result) == {"kpi", "mode", "scope", "granularity", "data"} for result in results)


@pytest.mark.parametrize(("all_", "temporals"), [(True, False), (False, True)])
async def test_all_and_temporals_can_be_left_out(alpha: World, all_: bool, temporals: bool) -> None:
    param = {"kpi": "sessions", "sites": True, "all": all_, "temporals": temporals}
    for result in await read_answer(alpha, {"params": [param]}):
        rows = [result["data"]] if result["scope"] == "globals" else result["data"].values()
        for row in rows:
            assert ("all" in row, "temporals" in row) == (all_, temporals)


async def test_globals_can_be_left_out(alpha: World) -> None:
    results = await read_answer(alpha, {"params": [{"kpi": "sessions", "globals": False, "sites": True}]})
    assert [result["scope"] for result in results] == ["sites"]


async def test_globals_have_every_bucket_of_the_period(alpha: World) -> None:
    empty_period = {"from": "2022-02-26", "to": "2022-03-15"}
    params = [{"kpi": kpi, "granularity": "week"} for kpi in ("sessions", "timespent", "timespentPerScope")]
    count, mean, bands = await read_answer(alpha, {"params": params}, **empty_period)
    assert count["data"] == {"all": 0, "temporals": {"0": 0, "1": 0, "2": 0, "3": 0}}
    assert mean["data"] == {"all": None, "temporals": {"0": None, "1": None, "2": None, "3": None}}
    for leaf in (bands["data"]["all"], *bands["data"]["temporals"].values()):
        assert [bin_["value"] for bin_ in leaf["bins"]] == [0] * 8
        assert {bin_["share"] for bin_ in leaf["bins"]} == {leaf["mean"]} == {leaf["median"]} == {None}


# -- properties, sorting ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("properties", [["_id"], ["key"], ["name", "key"], ["_id", "key", "name"]])
async def test_properties_of_resources(alpha: World, properties: list[str]) -> None:
    sites = {site.id: site for site in alpha.truth.sites}
    body = {"params": [{"kpi": "sessions", "globals": False, "sites": {"properties": properties}}]}
    (result,) = await read_answer(alpha, body)
    assert result["data"]
    for identifier, row in result["data"].items():
        site = sites[identifier]
        values = {"_id": identifier, "key": site.key, "name": site.name}
        assert {name: row.pop(name) for name in properties} == {name: values[name] for name in properties}
        assert set(row) == {"all", "temporals"}


@pytest.fixture
async def panel_world(server: Server) -> World:
    """Create an application with a site, a study and a panel, whose members live in areas of `AREAS` and elsewhere."""
    site = Place(uuid4().hex[:24], "lyon", "Lyon", (4.8320, 45.7570))
    panelists = build_panel(12)
    noon = datetime(2024, 3, 20, 12, tzinfo=UTC)
    stays = tuple(Stay(panelist.user, site.id, "indoor", noon, 600) for panelist in panelists)
    study = Study(uuid4().hex[:24], "spring", (site.id,))
    truth = Truth(sites=(site,), studies=(study,), areas=AREAS, panelists=panelists, stays=stays)
    return await load_world(server, truth)


async def test_areas_have_names_where_the_application_has_them(server: Server, panel_world: World) -> None:
    names = {area.code: area.name for area in AREAS[:3]}
    documents = [{"code": code, "name": name} for code, name in names.items()]
    await server.services.areas.upsert(panel_world.tenant.id, documents)
    body = {"params": [{"kpi": "attendance", "globals": False, "homes": {"properties": ["name", "code"]}}]}
    (result,) = await read_answer(panel_world, body, get_geo_path(panel_world))
    assert {"unknown", *names} < result["data"].keys()
    assert {code: row["name"] for code, row in result["data"].items()} == {
        code: names.get(code) for code in result["data"]
    }
    assert all(row["code"] == code for code, row in result["data"].items())


@pytest.mark.parametrize("sort", ["all", "-all", None])
@pytest.mark.parametrize("kpi", ["sessions", "timespentPerScope"])
async def test_a_limit_returns_the_first_values_and_the_total(alpha: World, sort: str | None, kpi: str) -> None:
    options = {"limit": 3} | ({"sort": sort} if sort else {})
    body = {"params": [{"kpi": kpi, "globals": False, "equipments": options}]}
    (result,) = await read_answer(alpha, body)
    question = Question(FIRST, LAST, scope="equipments")
    values = {
        identifier: row["all"] if kpi == "sessions" else row["all"]["total"]
        for identifier, row in presence(alpha.truth, kpi, question).items()
    }
    sign = 1 if sort == "all" else -1
    ordered = sorted(values, key=lambda identifier: (sign * values[identifier], identifier))
    assert list(result["data"]) == ordered[:3]
    assert result["total"] == len(values) > 3


async def test_sorting_without_a_limit_returns_all_values(alpha: World) -> None:
    body = {"params": [{"kpi": "timespent", "globals": False, "sites": {"sort": "-all"}}]}
    (result,) = await read_answer(alpha, body)
    values = [row["all"] for row in result["data"].values()]
    assert values == sorted(values, reverse=True)
    assert len(values) > 1
    assert "total" not in result


# -- filters ---------------------------------------------------------------------------------------------------------


async def test_resources_that_a_filter_names_are_in_the_answer_without_data(alpha: World) -> None:
    quiet = next(site for site in alpha.truth.sites if site.key == "quiet")
    param = {"kpi": "sessions", "globals": False, "sites": True}
    (result,) = await read_answer(alpha, {"filters": {"sites": ["quiet", "lyon-2"]}, "params": [param]})
    assert result["data"][quiet.id] == {"_id": quiet.id, "all": 0, "temporals": {}}
    (result,) = await read_answer(alpha, {"filters": {"sites": {"not": ["lyon-2"]}}, "params": [param]})
    assert result["data"]
    assert quiet.id not in result["data"]


async def test_a_filter_on_an_unknown_area_gives_an_empty_answer(alpha: World) -> None:
    param = {"kpi": "attendance", "homes": True, "temporals": False}
    total, by_home = await read_answer(
        alpha, {"filters": {"homes": ["123456789"]}, "params": [param]}, get_geo_path(alpha)
    )
    assert total["data"] == {"all": 0}
    assert by_home["data"] == {"123456789": {"code": "123456789", "all": 0}}


async def test_inactive_sites_count_only_when_named(alpha: World) -> None:
    closed = next(site for site in alpha.truth.sites if site.key == "closed")
    assert not closed.active
    path, param = get_geo_path(alpha), {"kpi": "attendance", "globals": False, "sites": True, "temporals": False}
    (result,) = await read_answer(alpha, {"params": [param]}, path, uplift="false")
    assert closed.id not in result["data"]
    body = {"filters": {"sites": ["closed"]}, "params": [param]}
    (result,) = await read_answer(alpha, body, path, uplift="false")
    question = Question(FIRST, LAST, scope="sites", study=get_spring(alpha).id, sites=only(closed.id))
    expected = geomarketing(alpha.truth, "attendance", question)
    assert result["data"] == {closed.id: {"_id": closed.id, "all": expected[closed.id]["all"]}}
    assert expected[closed.id]["all"] > 0
    direct = replace(question, scope="globals", site=closed.id, sites=None)
    (of_site,) = await ask(alpha, Module.GEO_MARKETING, ("attendance",), direct)
    assert of_site["all"] == expected[closed.id]["all"]


async def test_a_study_without_sites_covers_all_sites(server: Server, alpha: World) -> None:
    study = Study(uuid4().hex[:24], "everywhere", ())
    document = {**server.services.studies.build_document(alpha.tenant.id, {"key": study.key}), "_id": study.id}
    await server.services.store.insert(STUDIES, [document])
    world = World(alpha.tenant, replace(alpha.truth, studies=(*alpha.truth.studies, study)))
    question = Question(FIRST, LAST, scope="sites", granularity="month", study=study.id)
    kpis = ("attendance", "uniqUsers", "posAffinity")
    try:
        for kpi, data in zip(kpis, await ask(world, Module.GEO_MARKETING, kpis, question), strict=True):
            assert data == geomarketing(world.truth, kpi, question), kpi
            assert len(data) > len(get_spring(alpha).sites) - 2
    finally:
        await server.services.store.delete(STUDIES, equal("_id", study.id))


# -- periods ---------------------------------------------------------------------------------------------------------


async def read_period(world: World, path: str = "/presence/analytics", **params: Any) -> tuple[str, str]:
    """Return the first and last day of the answer to a question."""
    body = {"params": [{"kpi": "uniqUsers"}]}
    meta = (await read_answer(world, body, path, **({"from": None, "to": None, "meta": "true"} | params)))["meta"]
    return meta["from"], meta["to"]


async def test_a_question_without_a_period_has_that_of_the_study(alpha: World) -> None:
    assert await read_period(alpha, get_geo_path(alpha)) == ("2024-03-18", "2024-04-07")
    assert await read_period(alpha, get_geo_path(alpha), to="2024-03-31") == ("2024-03-02", "2024-03-31")


@pytest.mark.parametrize("hour", [0, 17, 23])
async def test_a_question_without_any_period_is_about_the_last_thirty_days(
    beta: World, clock: MovableClock, hour: int
) -> None:
    now = (clock() + timedelta(days=1)).replace(hour=hour, minute=30)
    clock.ahead = now - datetime.now(UTC)
    yesterday = now.astimezone(ZoneInfo(beta.truth.timezone)).date() - timedelta(days=1)
    expected = ((yesterday - timedelta(days=29)).isoformat(), yesterday.isoformat())
    assert await read_period(beta) == expected
    study_without_period = f"/studies/{beta.truth.studies[1].id}/geo-marketing/analytics"
    assert await read_period(beta, study_without_period) == expected


async def test_one_side_of_a_period_is_29_days_from_the_other(alpha: World, clock: MovableClock) -> None:
    assert await read_period(alpha, to="2021-03-05") == ("2021-02-04", "2021-03-05")
    assert await read_period(alpha, **{"from": "2021-03-05"}) == ("2021-03-05", "2021-04-03")
    today = clock().astimezone(ZoneInfo(alpha.truth.timezone)).date()
    soon, yesterday = today - timedelta(days=5), today - timedelta(days=1)
    assert await read_period(alpha, **{"from": soon.isoformat()}) == (soon.isoformat(), yesterday.isoformat())
    later = (today + timedelta(days=5)).isoformat()
    assert await read_period(alpha, **{"from": later}) == (later, later)


async def test_a_period_is_at_most_ten_years(alpha: World) -> None:
    body = {"params": [{"kpi": "sessions", "granularity": "year"}]}
    (result,) = await read_answer(alpha, body, **{"from": "2016-01-01", "to": "2026-01-07"})
    assert len(result["data"]["temporals"]) == 11
    expected = presence(alpha.truth, "sessions", Question(date(2016, 1, 1), date(2026, 1, 7)))
    assert result["data"]["all"] == expected["all"]
    response = await post(alpha, body, **{"from": "2016-01-01", "to": "2026-01-08"})
    assert response.status_code == 422
    assert "3660" in response.json()["detail"]


# -- metadata, uplift, plan -------------------------------------------------------------------------------------------


async def test_meta_wraps_the_answer(alpha: World) -> None:
    params = [{"kpi": "sessions", "granularity": by} for by in ("day", "week", "month", "year")]
    body = {"params": [*params, {"kpi": "sessions", "mode": "aggregation", "granularity": "week"}]}
    results = await read_answer(alpha, body)
    document = await read_answer(alpha, body, meta="true")
    assert document["results"] == results
    meta = document["meta"]
    assert (meta["from"], meta["to"], meta["timezone"]) == ("2024-03-18", "2024-04-07", "Europe/Paris")
    assert meta["uplift"] is False
    assert meta["freshness"] is None
    assert meta["rows"] > 0
    assert meta["ms"] >= 0
    days = [(FIRST + timedelta(days=number)).isoformat() for number in range(21)]
    assert meta["buckets"] == {
        "day": days,
        "week": ["2024-03-18", "2024-03-25", "2024-04-01"],
        "month": ["2024-03-01", "2024-04-01"],
        "year": ["2024-01-01"],
    }
    assert meta["cut"] == {"day": [], "week": [], "month": ["0", "1"], "year": ["0"]}


async def test_a_note_says_that_a_site_is_not_in_the_study(alpha: World) -> None:
    body = {"params": [{"kpi": "attendance", "temporals": False}]}
    for site in alpha.truth.sites:
        url = f"/sites/{site.id}/studies/{get_spring(alpha).id}/geo-marketing/analytics?meta=true"
        document = (await alpha.reader.post(url, json=body)).json()
        codes = [note["code"] for note in document["meta"]["notes"]]
        is_outside = site.id not in get_spring(alpha).sites
        assert ("site_outside_study" in codes) == is_outside
        if is_outside:
            assert codes == ["site_outside_study"]
            assert document["results"][0]["data"] == {"all": 0}


@pytest.mark.parametrize(("param", "uplift"), [(None, True), ("true", True), ("false", False)])
async def test_uplift_is_on_by_default(alpha: World, param: str | None, uplift: bool) -> None:
    body = {"params": [{"kpi": "attendance"}]}
    question = Question(FIRST, LAST, study=get_spring(alpha).id, uplift=uplift)
    document = await read_answer(alpha, body, get_geo_path(alpha), uplift=param, meta="true")
    assert document["meta"]["uplift"] is uplift
    assert document["results"][0]["data"] == geomarketing(alpha.truth, "attendance", question)


async def test_counts_are_integers_without_uplift_and_decimals_with_it(alpha: World) -> None:
    body = {"params": [{"kpi": kpi, "sites": True} for kpi in ("attendance", "uniqUsers", "acquisition")]}
    for response in (
        await post(alpha, body, get_geo_path(alpha), uplift="false"),
        await post(alpha, body),
    ):
        assert all(isinstance(number, int) for result in response.json() for number in find_numbers(result["data"]))
    response = await post(alpha, body, get_geo_path(alpha), uplift="true")
    assert '"all":' in response.text
    numbers = [number for result in response.json() for number in find_numbers(result["data"])]
    assert numbers
    assert all(isinstance(number, float) and round(number, 2) == number for number in numbers)


async def test_only_admins_see_the_plan(alpha: World) -> None:
    url, body = f"{alpha.tenant.url}/presence/analytics?explain=true", {"params": [{"kpi": "sessions"}]}
    assert (await alpha.reader.post(url, json=body)).status_code == 403
    assert (await alpha.tenant.editor.post(url, json=body)).status_code == 403
    document = (await alpha.tenant.admin.post(url, json=body)).json()
    assert set(document) == {"results", "meta", "plan"}
    (pass_,) = document["plan"]
    assert pass_["table"] == "presence_stays_site_day"
    assert pass_["statement"]


async def test_the_plan_says_why_other_sources_were_not_read(alpha: World) -> None:
    url = f"{alpha.tenant.url}{get_geo_path(alpha)}?explain=true"
    document = (await alpha.tenant.admin.post(url, json={"params": [{"kpi": "posSessions"}]})).json()
    assert document["plan"]
    for pass_ in document["plan"]:
        assert {"table": "geo_stays", "reason": "`geo_stays_place` has fewer rows."} in pass_["rejected"]
    document = (
        await alpha.tenant.admin.post(url, json={"params": [{"kpi": "posSessions", "globals": False, "homes": True}]})
    ).json()
    (pass_,) = document["plan"]
    assert pass_["table"] == "geo_stays"
    assert {"table": "geo_stays_place", "reason": "It has no dimension `home`."} in pass_["rejected"]


# -- refusals --------------------------------------------------------------------------------------------------------

PRESENCE, CONVERSION = "/presence/analytics", "/conversions/levers/analytics"
SHIFTS = "'previousPeriod', 'previousYear', 'previousYearSameWeekday', 'previousQuarter', 'previousMonth'"


@pytest.mark.parametrize(
    ("path", "body", "pointer", "message"),
    [
        (
            PRESENCE,
            {"compare": {"to": "lastYear"}, "params": [{"kpi": "sessions"}]},
            "/compare/to",
            f"Use {SHIFTS}, or an object with 'from' and 'to'.",
        ),
        (
            PRESENCE,
            {"compare": {"to": ["previousYear", 5]}, "params": [{"kpi": "sessions"}]},
            "/compare/to/1",
            f"Use {SHIFTS}, or an object with 'from' and 'to'.",
        ),
        (
            PRESENCE,
            {"params": [{"kpi": "sessions", "by": [5]}]},
            "/params/0/by/0",
            "Use the name of a grouping, such as 'sites', or an object with it in 'of'.",
        ),
        (
            PRESENCE,
            {"params": [{"kpi": "sessions", "by": []}]},
            "/params/0/by",
            "List should have at least 1 item, not 0.",
        ),
        (
            PRESENCE,
            {"filters": {"days": {"schoolHolidays": "A"}}, "params": [{"kpi": "sessions"}]},
            "/filters/days/schoolHolidays",
            "Use false, or a list of the zones A, B and C.",
        ),
        (
            CONVERSION,
            {"filters": {"extras": ["vip"]}, "params": [{"kpi": "clicks"}]},
            "/filters/extras/0",
            "Write an extra as 'name:value'.",
        ),
    ],
)
async def test_refusals_say_what_works(alpha: World, path: str, body: Json, pointer: str, message: str) -> None:
    response = await post(alpha, body, path)
    (fault,) = response.json()["errors"]
    assert (response.status_code, fault["pointer"], fault["message"]) == (400, pointer, message)


# -- examples ---------------------------------------------------------------------------------------------------------

QUESTIONS = [module.path for module in MODULES.values()]


@pytest.mark.parametrize("start", ["/applications/{application}", "/sites/{site}"])
@pytest.mark.parametrize("path", QUESTIONS)
async def test_examples_of_the_document_are_answered(alpha: World, path: str, start: str) -> None:
    body = alpha.tenant.server.app.openapi()["paths"][f"{start}{path}"]["post"]["requestBody"]["content"][
        "application/json"
    ]
    names = {"application": alpha.tenant.id, "site": alpha.truth.sites[0].id, "study": get_spring(alpha).id}
    assert ("group" in body["examples"]) == (start == "/applications/{application}")
    for example in body["examples"].values():
        response = await alpha.reader.post(f"{start}{path}".format(**names), json=example["value"])
        assert response.status_code == 200, response.text


# -- CSV -------------------------------------------------------------------------------------------------------------


def read_lines(response: httpx.Response) -> list[dict[str, str]]:
    """Return the lines of a CSV answer by column."""
    return list(csv.DictReader(io.StringIO(response.text)))


@pytest.mark.parametrize("accept", ["text/csv", "application/vnd.ms-excel", "text/csv;q=0.9, application/json;q=0.2"])
async def test_csv_where_accept_prefers_it(alpha: World, accept: str) -> None:
    params = [
        {"kpi": "sessions", "granularity": "week", "sites": True},
        {"kpi": "timespentPerScope", "temporals": False},
    ]
    response = await post(alpha, {"params": params}, accept=accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{accept.partition(';')[0]}; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="presence.csv"'
    lines = read_lines(response)
    columns = ["kpi", "mode", "scope", "granularity", "_id", "key", "name", "bucket", "from", "value"]
    assert list(lines[0])[: len(columns)] == columns

    total = presence(alpha.truth, "sessions", Question(FIRST, LAST, granularity="week"))
    rows = [line for line in lines if (line["kpi"], line["scope"]) == ("sessions", "globals")]
    assert [(row["bucket"], row["from"], row["value"]) for row in rows] == [
        ("all", "2024-03-18", str(total["all"])),
        *zip("012", ("2024-03-18", "2024-03-25", "2024-04-01"), map(str, total["temporals"].values()), strict=True),
    ]
    by_site = presence(alpha.truth, "sessions", Question(FIRST, LAST, granularity="week", scope="sites"))
    sites = {site.id: site for site in alpha.truth.sites}
    rows = [line for line in lines if line["scope"] == "sites"]
    assert {(row["_id"], row["bucket"]): row["value"] for row in rows} == {
        (site, bucket): str(value)
        for site, data in by_site.items()
        for bucket, value in {"all": data["all"], **data["temporals"]}.items()
    }
    assert all((row["key"], row["name"]) == (sites[row["_id"]].key, sites[row["_id"]].name) for row in rows)
    (bands,) = (line for line in lines if line["kpi"] == "timespentPerScope")
    expected = presence(alpha.truth, "timespentPerScope", Question(FIRST, LAST))["all"]
    assert (bands["value"], bands["total"], bands["mean"]) == ("", str(expected["total"]), str(expected["mean"]))
    assert bands["bins"] == httpx.Request("POST", "http://x", json=expected["bins"]).content.decode()


async def test_csv_has_the_names_of_areas(server: Server, panel_world: World) -> None:
    names = {area.code: area.name for area in AREAS}
    documents = [{"code": code, "name": name} for code, name in names.items()]
    await server.services.areas.upsert(panel_world.tenant.id, documents)
    body = {"params": [{"kpi": "attendance", "temporals": False, "homes": True}]}
    response = await post(panel_world, body, get_geo_path(panel_world), accept="text/csv")
    rows = [line for line in read_lines(response) if line["scope"] == "homes"]
    assert len(rows) > 3
    assert all(names.get(row["_id"], "") == row["name"] for row in rows)


async def test_csv_has_no_formulas(server: Server) -> None:
    site = Place(f"{'5e18' * 5}f001", "+33 1", "=1+1", (4.8, 45.7))
    start = datetime(2024, 3, 20, 12, tzinfo=UTC)
    truth = Truth(
        sites=(site,),
        studies=(Study(f"{'5e18' * 5}f002", "-1", (site.id,)),),
        stays=(Stay("user-1", site.id, "indoor", start, 600),),
    )
    world = await load_world(server, truth)
    body = {"params": [{"kpi": "attendance", "temporals": False, "globals": False, "sites": True}]}
    (row,) = read_lines(await post(world, body, "/studies/-1/geo-marketing/analytics", accept="text/csv"))
    assert (row["key"], row["name"], row["value"]) == ("'+33 1", "'=1+1", "1.0")


# -- the catalogue ---------------------------------------------------------------------------------------------------


async def test_the_catalogue_lists_all_kpis(server: Server, reader: httpx.AsyncClient) -> None:
    assert (await server.client().get("/analytics/kpis")).status_code == 401
    records = (await reader.get("/analytics/kpis")).json()
    assert [sum(record["module"] == module for record in records) for module in Module] == [18, 66, 13, 16]
    matching = next(record for record in records if record["kpi"] == "areaMatching")
    assert (matching["unit"], matching["kind"], matching["scopes"], matching["leaf"]) == (
        "mixed",
        "C",
        ["globals", "sites", "equipments"],
        "MTX",
    )
    assert set(matching["example"]) == {"areas", "users", "rate"}
    assert all(record["description"].endswith(".") for record in records)
