"""The language of questions: periods, properties, sorting, what is named, what is told beside the numbers."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from okube_api.areas.repository import AREAS
from okube_api.catalogue.kpi import Module
from okube_api.store.conditions import equal
from okube_api.studies.repository import STUDIES

from tests.api.analytics import World, asked, settled
from tests.api.server import MovableClock, Server
from tests.by_hand.geomarketing import geomarketing
from tests.by_hand.presence import presence
from tests.by_hand.question import Question, only
from tests.by_hand.truth import Place, Stay, Study, Truth
from tests.truth.places import AREAS as KNOWN_AREAS

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
FIRST, LAST = date(2024, 3, 18), date(2024, 4, 7)


async def post(
    world: World, body: Json, path: str = "/presence/analytics", *, accept: str = "*/*", **params: Any
) -> httpx.Response:
    """A question, in March 2024 unless it says otherwise."""
    period = {"from": FIRST.isoformat(), "to": LAST.isoformat()}
    query = {name: value for name, value in (period | params).items() if value is not None}
    return await world.reader.post(f"{world.tenant.url}{path}", params=query, json=body, headers={"Accept": accept})


async def answer(world: World, body: Json, path: str = "/presence/analytics", **params: Any) -> Any:
    """Its answer."""
    response = await post(world, body, path, **params)
    assert response.status_code == 200, response.text
    return response.json()


def spring(world: World) -> Study:
    """The study that names a period."""
    return world.truth.studies[0]


def geo(world: World) -> str:
    """The path of geo-marketing, of that study."""
    return f"/studies/{spring(world).key}/geo-marketing/analytics"


def numbers(leaf: Any) -> Iterator[int | float]:
    """Every number in an answer."""
    if isinstance(leaf, dict):
        for part in leaf.values():
            yield from numbers(part)
    elif isinstance(leaf, list):
        for part in leaf:
            yield from numbers(part)
    elif isinstance(leaf, int | float):
        yield leaf


# -- what is answered, and in which order ---------------------------------------------------------------------------


async def test_one_element_for_each_param_and_scope_in_order(alpha: World) -> None:
    param = {"kpi": "sessions", "granularity": "week", "equipments": True, "sites": True}
    found = await answer(alpha, {"params": [param, {"kpi": "uniqUsers", "mode": "aggregation"}]})
    assert [(one["kpi"], one["mode"], one["scope"], one["granularity"]) for one in found] == [
        ("sessions", "histogram", "globals", "week"),
        ("sessions", "histogram", "sites", "week"),
        ("sessions", "histogram", "equipments", "week"),
        ("uniqUsers", "aggregation", "globals", "day"),
    ]
    assert all(set(one) == {"kpi", "mode", "scope", "granularity", "data"} for one in found)


@pytest.mark.parametrize(("all_", "temporals"), [(True, False), (False, True)])
async def test_all_and_temporals_can_be_left_out(alpha: World, all_: bool, temporals: bool) -> None:
    param = {"kpi": "sessions", "sites": True, "all": all_, "temporals": temporals}
    for one in await answer(alpha, {"params": [param]}):
        rows = [one["data"]] if one["scope"] == "globals" else one["data"].values()
        for row in rows:
            assert ("all" in row, "temporals" in row) == (all_, temporals)


async def test_globals_can_be_left_out(alpha: World) -> None:
    found = await answer(alpha, {"params": [{"kpi": "sessions", "globals": False, "sites": True}]})
    assert [one["scope"] for one in found] == ["sites"]


async def test_every_bucket_of_the_period_is_there_for_globals(alpha: World) -> None:
    quiet = {"from": "2022-02-26", "to": "2022-03-15"}
    params = [{"kpi": kpi, "granularity": "week"} for kpi in ("sessions", "timespent", "timespentPerScope")]
    count, mean, bands = await answer(alpha, {"params": params}, **quiet)
    assert count["data"] == {"all": 0, "temporals": {"0": 0, "1": 0, "2": 0, "3": 0}}
    assert mean["data"] == {"all": None, "temporals": {"0": None, "1": None, "2": None, "3": None}}
    for leaf in (bands["data"]["all"], *bands["data"]["temporals"].values()):
        assert [one["value"] for one in leaf["bins"]] == [0] * 8
        assert {one["share"] for one in leaf["bins"]} == {leaf["mean"]} == {leaf["median"]} == {None}


# -- properties, sorting ---------------------------------------------------------------------------------------------


async def test_properties_of_resources(alpha: World) -> None:
    sites = {site.id: site for site in alpha.truth.sites}
    for chosen in (["_id"], ["key"], ["name", "key"], ["_id", "key", "name"]):
        body = {"params": [{"kpi": "sessions", "globals": False, "sites": {"properties": chosen}}]}
        (found,) = await answer(alpha, body)
        assert found["data"]
        for identifier, row in found["data"].items():
            site = sites[identifier]
            known = {"_id": identifier, "key": site.key, "name": site.name}
            assert {name: row.pop(name) for name in chosen} == {name: known[name] for name in chosen}
            assert set(row) == {"all", "temporals"}


async def test_names_of_areas_where_they_are_known(server: Server, alpha: World) -> None:
    areas = server.services.areas
    await server.services.store.delete(AREAS, equal("application", alpha.tenant.id))
    await areas.upsert(alpha.tenant.id, [{"code": one.code, "name": one.name} for one in KNOWN_AREAS[:3]])
    body = {"params": [{"kpi": "attendance", "globals": False, "homes": {"properties": ["name", "code"]}}]}
    (found,) = await answer(alpha, body, geo(alpha))
    names = {one.code: one.name for one in KNOWN_AREAS[:3]}
    assert {"unknown", *names} < found["data"].keys()
    assert {code: row["name"] for code, row in found["data"].items()} == {
        code: names.get(code) for code in found["data"]
    }
    assert all(row["code"] == code for code, row in found["data"].items())


@pytest.mark.parametrize("sort", ["all", "-all", None])
@pytest.mark.parametrize("kpi", ["sessions", "timespentPerScope"])
async def test_the_first_by_value_and_how_many_there_were(alpha: World, sort: str | None, kpi: str) -> None:
    options = {"limit": 3} | ({"sort": sort} if sort else {})
    body = {"params": [{"kpi": kpi, "globals": False, "equipments": options}]}
    (found,) = await answer(alpha, body)
    question = Question(FIRST, LAST, scope="equipments")
    whole = {
        identifier: row["all"] if kpi == "sessions" else row["all"]["total"]
        for identifier, row in presence(alpha.truth, kpi, question).items()
    }
    sign = 1 if sort == "all" else -1
    ordered = sorted(whole, key=lambda identifier: (sign * whole[identifier], identifier))
    assert list(found["data"]) == ordered[:3]
    assert found["total"] == len(whole) > 3


async def test_sorting_alone_leaves_nothing_out(alpha: World) -> None:
    body = {"params": [{"kpi": "timespent", "globals": False, "sites": {"sort": "-all"}}]}
    (found,) = await answer(alpha, body)
    values = [row["all"] for row in found["data"].values()]
    assert values == sorted(values, reverse=True)
    assert len(values) > 1
    assert "total" not in found


# -- filters ---------------------------------------------------------------------------------------------------------


async def test_what_a_filter_names_is_there_even_when_empty(alpha: World) -> None:
    quiet = next(site for site in alpha.truth.sites if site.key == "quiet")
    param = {"kpi": "sessions", "globals": False, "sites": True}
    (found,) = await answer(alpha, {"filters": {"sites": ["quiet", "lyon-2"]}, "params": [param]})
    assert found["data"][quiet.id] == {"_id": quiet.id, "all": 0, "temporals": {}}
    (found,) = await answer(alpha, {"filters": {"sites": {"not": ["lyon-2"]}}, "params": [param]})
    assert found["data"]
    assert quiet.id not in found["data"]


async def test_areas_that_nobody_comes_from_are_empty_and_no_error(alpha: World) -> None:
    param = {"kpi": "attendance", "homes": True, "temporals": False}
    everybody, by_home = await answer(alpha, {"filters": {"homes": ["123456789"]}, "params": [param]}, geo(alpha))
    assert everybody["data"] == {"all": 0}
    assert by_home["data"] == {"123456789": {"code": "123456789", "all": 0}}


async def test_inactive_sites_are_left_out_unless_named(alpha: World) -> None:
    closed = next(site for site in alpha.truth.sites if site.key == "closed")
    assert not closed.active
    path, param = geo(alpha), {"kpi": "attendance", "globals": False, "sites": True, "temporals": False}
    (found,) = await answer(alpha, {"params": [param]}, path, uplift="false")
    assert closed.id not in found["data"]
    (found,) = await answer(alpha, {"filters": {"sites": ["closed"]}, "params": [param]}, path, uplift="false")
    question = Question(FIRST, LAST, scope="sites", study=spring(alpha).id, sites=only(closed.id))
    expected = geomarketing(alpha.truth, "attendance", question)
    assert found["data"] == {closed.id: {"_id": closed.id, "all": expected[closed.id]["all"]}}
    assert expected[closed.id]["all"] > 0
    direct = replace(question, scope="globals", site=closed.id, sites=None)
    (of_site,) = await asked(alpha, Module.GEO_MARKETING, ("attendance",), direct)
    assert of_site["all"] == expected[closed.id]["all"]


async def test_a_study_without_sites_is_global(server: Server, alpha: World) -> None:
    truth = alpha.truth
    whole = Study(f"{'5e18' * 5}abcd", "everywhere", ())
    document = {**server.services.studies.build_document(alpha.tenant.id, {"key": whole.key}), "_id": whole.id}
    await server.services.store.insert(STUDIES, [document])
    wide = World(alpha.tenant, Truth(**{**vars(truth), "studies": (*truth.studies, whole)}))
    question = Question(FIRST, LAST, scope="sites", granularity="month", study=whole.id)
    kpis = ("attendance", "uniqUsers", "posAffinity")
    try:
        for kpi, found in zip(kpis, await asked(wide, Module.GEO_MARKETING, kpis, question), strict=True):
            assert found == geomarketing(wide.truth, kpi, question), kpi
            assert len(found) > len(spring(alpha).sites) - 2
    finally:
        await server.services.store.delete(STUDIES, equal("_id", whole.id))


# -- periods ---------------------------------------------------------------------------------------------------------


async def period_of(world: World, path: str = "/presence/analytics", **params: Any) -> tuple[str, str]:
    """The period that a question turned out to be about."""
    body = {"params": [{"kpi": "uniqUsers"}]}
    meta = (await answer(world, body, path, **({"from": None, "to": None, "meta": "true"} | params)))["meta"]
    return meta["from"], meta["to"]


async def test_without_a_period_a_study_has_its_own(alpha: World) -> None:
    assert await period_of(alpha, geo(alpha)) == ("2024-03-18", "2024-04-07")
    assert await period_of(alpha, geo(alpha), to="2024-03-31") == ("2024-03-02", "2024-03-31")


@pytest.mark.parametrize("hour", [0, 17, 23])
async def test_without_any_period_the_last_thirty_days_of_the_application(
    beta: World, clock: MovableClock, hour: int
) -> None:
    now = (clock() + timedelta(days=1)).replace(hour=hour, minute=30)
    clock.ahead = now - datetime.now(UTC)
    yesterday = now.astimezone(ZoneInfo(beta.truth.timezone)).date() - timedelta(days=1)
    expected = ((yesterday - timedelta(days=29)).isoformat(), yesterday.isoformat())
    assert await period_of(beta) == expected
    abroad = f"/studies/{beta.truth.studies[1].id}/geo-marketing/analytics"  # a study without a period
    assert await period_of(beta, abroad) == expected


async def test_one_side_alone_is_29_days_from_the_other(alpha: World, clock: MovableClock) -> None:
    assert await period_of(alpha, to="2021-03-05") == ("2021-02-04", "2021-03-05")
    assert await period_of(alpha, **{"from": "2021-03-05"}) == ("2021-03-05", "2021-04-03")
    today = clock().astimezone(ZoneInfo(alpha.truth.timezone)).date()
    soon, yesterday = today - timedelta(days=5), today - timedelta(days=1)
    assert await period_of(alpha, **{"from": soon.isoformat()}) == (soon.isoformat(), yesterday.isoformat())
    later = (today + timedelta(days=5)).isoformat()
    assert await period_of(alpha, **{"from": later}) == (later, later)


async def test_ten_years_and_no_more(alpha: World) -> None:
    body = {"params": [{"kpi": "sessions", "granularity": "year"}]}
    (found,) = await answer(alpha, body, **{"from": "2016-01-01", "to": "2026-01-07"})
    assert len(found["data"]["temporals"]) == 11
    assert (
        found["data"]["all"] == presence(alpha.truth, "sessions", Question(date(2016, 1, 1), date(2026, 1, 7)))["all"]
    )
    response = await post(alpha, body, **{"from": "2016-01-01", "to": "2026-01-08"})
    assert response.status_code == 422
    assert "3660" in response.json()["detail"]


# -- beside the numbers ----------------------------------------------------------------------------------------------


async def test_meta_wraps_the_answer(alpha: World) -> None:
    params = [{"kpi": "sessions", "granularity": by} for by in ("day", "week", "month", "year")]
    body = {"params": [*params, {"kpi": "sessions", "mode": "aggregation", "granularity": "week"}]}
    plain = await answer(alpha, body)
    found = await answer(alpha, body, meta="true")
    assert found["results"] == plain
    meta = found["meta"]
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


async def test_a_site_that_the_study_does_not_have_is_said_to_be_so(alpha: World) -> None:
    body = {"params": [{"kpi": "attendance", "temporals": False}]}
    for site in alpha.truth.sites:
        url = f"/sites/{site.id}/studies/{spring(alpha).id}/geo-marketing/analytics?meta=true"
        found = (await alpha.reader.post(url, json=body)).json()
        assert len(found["meta"]["notes"]) == (site.id not in spring(alpha).sites)
        if site.id not in spring(alpha).sites:
            assert found["results"][0]["data"] == {"all": 0}


async def test_uplift_is_on_unless_switched_off(alpha: World) -> None:
    body = {"params": [{"kpi": "attendance"}]}
    question = Question(FIRST, LAST, study=spring(alpha).id)
    for param, uplift in ((None, True), ("true", True), ("false", False)):
        found = await answer(alpha, body, geo(alpha), uplift=param, meta="true")
        assert found["meta"]["uplift"] is uplift
        expected = geomarketing(alpha.truth, "attendance", replace(question, uplift=uplift))
        assert found["results"][0]["data"] == expected


async def test_counts_are_integers_and_uplifted_ones_are_not(alpha: World) -> None:
    body = {"params": [{"kpi": kpi, "sites": True} for kpi in ("attendance", "uniqUsers", "acquisition")]}
    for response in (
        await post(alpha, body, geo(alpha), uplift="false"),
        await post(alpha, body),
    ):
        assert all(isinstance(number, int) for one in response.json() for number in numbers(one["data"]))
    text = (await post(alpha, body, geo(alpha), uplift="true")).text
    assert '"all":' in text
    found = [number for one in httpx.Response(200, text=text).json() for number in numbers(one["data"])]
    assert found
    assert all(isinstance(number, float) and round(number, 2) == number for number in found)


async def test_only_admins_see_what_is_sent_to_the_store(alpha: World) -> None:
    url, body = f"{alpha.tenant.url}/presence/analytics?explain=true", {"params": [{"kpi": "sessions"}]}
    assert (await alpha.reader.post(url, json=body)).status_code == 403
    assert (await alpha.tenant.editor.post(url, json=body)).status_code == 403
    found = (await alpha.tenant.admin.post(url, json=body)).json()
    assert set(found) == {"results", "meta", "plan"}
    (one,) = found["plan"]
    assert one["table"] == "presence_stays_site_day"
    assert one["statement"]


# -- tables ----------------------------------------------------------------------------------------------------------


def lines_of(response: httpx.Response) -> list[dict[str, str]]:
    """The lines of a table."""
    return list(csv.DictReader(io.StringIO(response.text)))


@pytest.mark.parametrize("kind", ["text/csv", "application/vnd.ms-excel", "text/csv;q=0.9, application/json;q=0.2"])
async def test_a_table_for_those_who_want_one(alpha: World, kind: str) -> None:
    params = [
        {"kpi": "sessions", "granularity": "week", "sites": True},
        {"kpi": "timespentPerScope", "temporals": False},
    ]
    response = await post(alpha, {"params": params}, accept=kind)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{kind.partition(';')[0]}; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="presence.csv"'
    lines = lines_of(response)
    columns = ["kpi", "mode", "scope", "granularity", "_id", "key", "name", "bucket", "from", "value"]
    assert list(lines[0])[: len(columns)] == columns

    whole = presence(alpha.truth, "sessions", Question(FIRST, LAST, granularity="week"))
    rows = [line for line in lines if (line["kpi"], line["scope"]) == ("sessions", "globals")]
    assert [(row["bucket"], row["from"], row["value"]) for row in rows] == [
        ("all", "2024-03-18", str(whole["all"])),
        *zip("012", ("2024-03-18", "2024-03-25", "2024-04-01"), map(str, whole["temporals"].values()), strict=True),
    ]
    by_site = presence(alpha.truth, "sessions", Question(FIRST, LAST, granularity="week", scope="sites"))
    sites = {site.id: site for site in alpha.truth.sites}
    rows = [line for line in lines if line["scope"] == "sites"]
    assert {(row["_id"], row["bucket"]): row["value"] for row in rows} == {
        (site, bucket): str(value)
        for site, found in by_site.items()
        for bucket, value in {"all": found["all"], **found["temporals"]}.items()
    }
    assert all((row["key"], row["name"]) == (sites[row["_id"]].key, sites[row["_id"]].name) for row in rows)
    (bands,) = (line for line in lines if line["kpi"] == "timespentPerScope")
    expected = presence(alpha.truth, "timespentPerScope", Question(FIRST, LAST))["all"]
    assert (bands["value"], bands["total"], bands["mean"]) == ("", str(expected["total"]), str(expected["mean"]))
    assert bands["bins"] == httpx.Request("POST", "http://x", json=expected["bins"]).content.decode()


async def test_a_table_has_the_names_of_areas(server: Server, alpha: World) -> None:
    await server.services.areas.upsert(alpha.tenant.id, [{"code": one.code, "name": one.name} for one in KNOWN_AREAS])
    body = {"params": [{"kpi": "attendance", "temporals": False, "homes": True}]}
    response = await post(alpha, body, geo(alpha), accept="text/csv")
    names = {one.code: one.name for one in KNOWN_AREAS} | {"unknown": ""}
    rows = [line for line in lines_of(response) if line["scope"] == "homes"]
    assert len(rows) > 3
    assert all(names.get(row["_id"], "") == row["name"] for row in rows)


async def test_a_table_has_no_formulas(server: Server) -> None:
    site = Place(f"{'5e18' * 5}f001", "+33 1", "=1+1", (4.8, 45.7))
    start = datetime(2024, 3, 20, 12, tzinfo=UTC)
    truth = Truth(
        sites=(site,),
        studies=(Study(f"{'5e18' * 5}f002", "-1", (site.id,)),),
        stays=(Stay("someone", site.id, "indoor", start, 600),),
    )
    world = await settled(server, truth)
    body = {"params": [{"kpi": "attendance", "temporals": False, "globals": False, "sites": True}]}
    (row,) = lines_of(await post(world, body, "/studies/-1/geo-marketing/analytics", accept="text/csv"))
    assert (row["key"], row["name"], row["value"]) == ("'+33 1", "'=1+1", "1.0")


# -- the catalogue ---------------------------------------------------------------------------------------------------


async def test_the_catalogue_tells_what_can_be_asked(server: Server, reader: httpx.AsyncClient) -> None:
    assert (await server.client().get("/analytics/kpis")).status_code == 401
    records = (await reader.get("/analytics/kpis")).json()
    assert [sum(one["module"] == module for one in records) for module in Module] == [18, 66, 13]
    matching = next(one for one in records if one["kpi"] == "areaMatching")
    assert (matching["unit"], matching["kind"], matching["scopes"], matching["leaf"]) == (
        "mixed",
        "C",
        ["globals", "sites"],
        "MTX",
    )
    assert set(matching["example"]) == {"areas", "users", "rate"}
    assert all(one["description"].endswith(".") for one in records)
