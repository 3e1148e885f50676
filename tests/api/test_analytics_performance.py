"""Store performance over HTTP: answers on each store equal those computed by hand from the truth."""

import csv
from collections.abc import Callable
from datetime import date
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.performance import MOST_SITES

from tests.api.analytics import World, ask
from tests.api.server import Tenant
from tests.by_hand.performance import KPIS, performance
from tests.by_hand.question import Question
from tests.engine.strategies import random_performance_question
from tests.truth.random_events import BURSTS

pytestmark = pytest.mark.anyio

SPRING = {"from": BURSTS[1][0].isoformat(), "to": BURSTS[1][1].isoformat()}


@pytest.mark.parametrize("seed", range(12))
async def test_random_questions_on_all_paths(alpha: World, beta: World, seed: int) -> None:
    world, random = (alpha, beta)[seed % 3 == 2], Random(seed)
    question = random_performance_question(world.truth, random)
    kpis = tuple(KPIS)
    for kpi, data in zip(kpis, await ask(world, Module.PERFORMANCE, kpis, question, alias=seed), strict=True):
        assert data == performance(world.truth, kpi, question), kpi


async def test_users_are_not_weighed_unless_uplift_is_requested(alpha: World) -> None:
    url, body = f"{alpha.tenant.url}/performance/analytics", {"params": [{"kpi": "visits", "temporals": False}]}
    answers = [
        (await alpha.reader.post(url, params={**SPRING, **more}, json=body)).json() for more in ({}, {"uplift": "true"})
    ]
    plain, uplifted = (answer[0]["data"]["all"] for answer in answers)
    first, last = BURSTS[1]
    assert plain == performance(alpha.truth, "visits", Question(first, last))["all"]
    assert uplifted == performance(alpha.truth, "visits", Question(first, last, uplift=True))["all"] != plain


async def test_channels_have_names_and_order(alpha: World) -> None:
    body = {
        "params": [{"kpi": "sales", "globals": False, "temporals": False, "channels": {"sort": "-all", "limit": 1}}],
        "filters": {"channels": {"not": []}},
    }
    response = await alpha.reader.post(f"{alpha.tenant.url}/performance/analytics", params=SPRING, json=body)
    (element,) = response.json()
    sales = performance(alpha.truth, "sales", Question(*BURSTS[1], scope="channels"))
    largest = max(sales, key=lambda channel: sales[channel]["all"])
    assert element["data"] == {largest: {"name": largest, "all": sales[largest]["all"]}}
    assert (element["scope"], element["total"]) == ("channels", 2)


def count_by_hand(world: World, scope: str, row_test: Callable[[Any], bool]) -> dict[str, Any]:
    """Return the data of each KPI by hand, of the visits and purchases that pass a test."""
    question = Question(*BURSTS[1], granularity="week", scope=scope, row_test=row_test)
    return {kpi: performance(world.truth, kpi, question) for kpi in KPIS}


@pytest.mark.parametrize("scope", ["globals", "channels"])
@pytest.mark.parametrize("kind", ["hours", "any"])
async def test_filters_on_rows(alpha: World, kind: str, scope: str) -> None:
    """Filter visits and purchases by the hour of each, and by alternatives; a purchase can be later than its visit."""
    truth, site = alpha.truth, alpha.truth.sites[1].id

    def is_at_noon(event: Any) -> bool:
        return event.at.astimezone(ZoneInfo(truth.zone_of(event.site))).hour in (12, 15, 17)

    def is_online_or_at_noon(event: Any) -> bool:
        return truth.place(event.site).online or (event.site == site and is_at_noon(event))

    filters, row_test = {
        "hours": ({"hours": [12, 15, 17]}, is_at_noon),
        "any": (
            {"any": [{"channels": ["online"]}, {"sites": [site], "hours": [12, 15, 17]}]},
            is_online_or_at_noon,
        ),
    }[kind]
    param = {"granularity": "week", "globals": scope == "globals", "channels": scope == "channels"}
    response = await alpha.reader.post(
        f"{alpha.tenant.url}/performance/analytics",
        params=SPRING,
        json={"params": [{"kpi": kpi, **param} for kpi in KPIS], "filters": filters},
    )
    assert response.status_code == 200, response.text
    expected = count_by_hand(alpha, scope, row_test)
    assert expected["purchases"] != count_by_hand(alpha, scope, lambda _: True)["purchases"]
    for element in response.json():
        data = element["data"]
        for entry in data.values() if scope == "channels" else ():
            del entry["name"]
        assert data == expected[element["kpi"]], element["kpi"]


async def test_answers_as_csv(alpha: World) -> None:
    body = {"params": [{"kpi": "purchases", "temporals": False, "channels": True}]}
    response = await alpha.reader.post(
        f"{alpha.tenant.url}/performance/analytics", params=SPRING, json=body, headers={"Accept": "text/csv"}
    )
    assert response.headers["content-disposition"] == 'attachment; filename="performance.csv"'
    lines = response.text.splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["purchases", "histogram", scope] for scope in ("globals", "channels", "channels")
    ]


async def test_groups_do_not_have_names_of_resources_in_csv(tenant: Tenant) -> None:
    """A tag can be called like a channel."""
    site = await tenant.create("sites", online=True, tags=["online"], key="shop", name="The shop")
    content = f"user,site,at\nanne,{site['_id']},2024-03-05T09:00:00Z"
    headers = {"Content-Type": "text/csv"}
    answer = await tenant.editor.post(f"{tenant.url}/ingest/visits", content=content, headers=headers)
    assert answer.json()["accepted"] == 1
    groupings = (["sites.tags"], ["channels"], ["sites.tags", "sites"])
    params = [{"kpi": "visits", "globals": False, "temporals": False, "by": by} for by in groupings]
    response = await tenant.reader.post(
        f"{tenant.url}/performance/analytics",
        params={"from": "2024-03-05", "to": "2024-03-05"},
        json={"params": params},
        headers={"Accept": "text/csv"},
    )
    names = ("_id", "key", "name", "outer_id", "outer_key", "outer_name")
    lines = [tuple(line[name] for name in names) for line in csv.DictReader(response.text.splitlines())]
    assert lines == [
        ("online", "", "", "", "", ""),
        ("online", "online", "online", "", "", ""),
        (site["_id"], "shop", "The shop", "online", "", ""),
    ]


async def test_baskets_have_the_currency_and_the_bands_of_the_application(tenant: Tenant) -> None:
    settings = {"bands": {"basket": [0, 1000]}}
    response = await tenant.admin.put(tenant.url, json={"currency": "JPY", "settings": settings})
    assert response.status_code == 200
    body = {"params": [{"kpi": "basketDistribution", "temporals": False}]}
    (element,) = (await tenant.reader.post(f"{tenant.url}/performance/analytics", json=body)).json()
    leaf = element["data"]["all"]
    assert (leaf["unit"], leaf["measure"], leaf["unknown"]) == ("JPY", "purchases", 0)
    assert [(band["from"], band["to"]) for band in leaf["bins"]] == [(0, 1000), (1000, None)]


@pytest.mark.parametrize(
    ("param", "pointer"),
    [
        ({"kpi": "visits", "equipments": True}, "/params/0/equipments"),
        ({"kpi": "visits", "campaigns": True}, "/params/0/campaigns"),
    ],
)
async def test_scopes_of_other_modules_are_refused(alpha: World, param: dict[str, Any], pointer: str) -> None:
    response = await alpha.reader.post(f"{alpha.tenant.url}/performance/analytics", json={"params": [param]})
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("filters", "pointer"),
    [({"channels": ["mail"]}, "/filters/channels/0"), ({"channels": {"not": ["mail"]}}, "/filters/channels/not/0")],
)
async def test_channels_are_offline_and_online(alpha: World, filters: dict[str, Any], pointer: str) -> None:
    body = {"params": [{"kpi": "visits"}], "filters": filters}
    response = await alpha.reader.post(f"{alpha.tenant.url}/performance/analytics", json=body)
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_a_site_query_has_no_scope_of_sites(alpha: World) -> None:
    site = alpha.truth.sites[0].id
    response = await alpha.reader.post(
        f"/sites/{site}/performance/analytics", json={"params": [{"kpi": "visits", "sites": True}]}
    )
    assert response.status_code == 422


async def test_shared_visitors_of_too_many_sites_are_refused(alpha: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("okube_api.analytics.resolve.performance.MOST_SITES", 2)
    url = f"{alpha.tenant.url}/performance/analytics"
    body: dict[str, Any] = {"params": [{"kpi": "visits"}, {"kpi": "sharedVisitors", "temporals": False}]}
    response = await alpha.reader.post(url, params={"from": "2021-01-01", "to": "2021-01-02"}, json=body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/params/1/kpi"]
    assert "more than 2" in response.json()["detail"]
    body["filters"] = {"sites": [site.id for site in alpha.truth.sites[:2]]}
    response = await alpha.reader.post(url, params={"from": "2021-01-01", "to": "2021-01-02"}, json=body)
    assert response.status_code == 200
    assert MOST_SITES == 100


async def test_a_reader_of_another_application_sees_nothing(alpha: World, beta: World) -> None:
    for path in (alpha.tenant.url, f"/sites/{alpha.truth.sites[0].id}"):
        response = await beta.reader.post(f"{path}/performance/analytics", json={"params": [{"kpi": "visits"}]})
        assert response.status_code == 404


async def test_the_last_30_days_are_the_default_period(alpha: World) -> None:
    response = await alpha.reader.post(
        f"{alpha.tenant.url}/performance/analytics?meta=true", json={"params": [{"kpi": "visits"}]}
    )
    meta = response.json()["meta"]
    assert (date.fromisoformat(meta["to"]) - date.fromisoformat(meta["from"])).days == 29
    assert meta["uplift"] is False
