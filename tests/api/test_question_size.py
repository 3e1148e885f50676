"""Bodies of questions that are far too large are refused in a few milliseconds, before they are validated."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from okube_api.analytics import directory
from okube_api.analytics.resource_cache import Resource, ResourceSet
from okube_api.errors import format_suggestion

from tests.api.server import Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

LONGEST_S = 2.0  # of processor time: parsing 1 MB takes a quarter of it; comparing all names took half a minute


def fill_body(template: str) -> str:
    """Return an array of 1 MB with the template repeated; `%d` in it becomes a number."""
    count = 1_000_000 // len(template) - 100
    texts = [template % number for number in range(count)] if "%d" in template else [template] * count
    return ",".join(texts)[:1_000_000].rpartition(",")[0]


LARGE_BODIES = {
    "unknown KPIs": ('{"params":[%s]}', '{"kpi":"sesionnss%d"}', 422, "/params"),
    "unknown fields": ('{"params":[{"kpi":"sessions"}],%s}', '"field%d":1', 400, ""),
    "unknown fields of a param": ('{"params":[{"kpi":"sessions",%s}]}', '"field%d":1', 400, "/params/0"),
    "unknown filters": ('{"params":[{"kpi":"sessions"}],"filters":{%s}}', '"filter%d":1', 400, "/filters"),
    "values of a wrong type": (
        '{"params":[{"kpi":"sessions"}],"filters":{"sites":[%s]}}',
        "12345678",
        400,
        "/filters/sites",
    ),
    "lists as params": ('{"params":[%s]}', "[[1]]", 422, "/params"),
}


@pytest.mark.parametrize("name", LARGE_BODIES)
async def test_a_large_body_is_refused_fast(tenant: Tenant, name: str) -> None:
    outside, template, status, pointer = LARGE_BODIES[name]
    body = outside.replace("%s", fill_body(template))
    started_s = time.process_time()
    response = await tenant.reader.post(
        f"{tenant.url}/presence/analytics", content=body, headers={"Content-Type": "application/json"}
    )
    elapsed_s = time.process_time() - started_s
    assert response.status_code == status, response.text[:300]
    assert response.json()["errors"][0]["pointer"].startswith(pointer)
    assert elapsed_s < LONGEST_S


async def test_only_the_first_unknown_kpi_gets_a_suggestion(tenant: Tenant) -> None:
    body: dict[str, Any] = {"params": [{"kpi": "sesions"}, {"kpi": "uniqUser"}, {"kpi": "x" * 5000}]}
    response = await tenant.reader.post(f"{tenant.url}/presence/analytics", json=body)
    messages = [error["message"] for error in response.json()["errors"]]
    assert messages[0].endswith("Did you mean 'sessions'?")
    assert messages[1] == "Unknown KPI 'uniqUser' in presence. GET /analytics/kpis lists all KPIs."
    assert len(messages[2]) < 300


async def test_only_the_first_unknown_query_parameter_gets_a_suggestion(tenant: Tenant) -> None:
    response = await tenant.reader.get("/sites?per_pag=1&per_pagee=2")
    messages = [error["message"] for error in response.json()["errors"]]
    assert ["Did you mean" in message for message in messages] == [True, False]


@pytest.mark.parametrize(
    ("name", "names", "suggestion"),
    [
        ("sesions", ["sessions"], " Did you mean 'sessions'?"),
        ("s" * 61, ["s" * 60], ""),
        ("s" * 60, ["s" * 61], ""),
        ("last", [*map(str, range(1000)), "lasts"], ""),
    ],
)
async def test_suggestions_compare_a_bounded_number_of_short_names(
    name: str, names: list[str], suggestion: str
) -> None:
    assert format_suggestion(name, names) == suggestion


async def test_thousands_of_names_are_looked_up_outside_of_the_event_loop(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ask with many known names, then also with unknown ones, of which the first 100 are reported."""
    keys = [f"campaign-{number}" for number in range(600)]
    created = await tenant.editor.post(f"{tenant.url}/campaigns", json=[{"key": key} for key in keys])
    assert created.status_code == 201, created.text
    threads = set()

    def choose(resources: ResourceSet, kind: str, names: Sequence[str], pointer: str) -> list[Resource]:
        threads.add(threading.current_thread())
        return choose_named(resources, kind, names, pointer)

    choose_named = directory._choose_named
    monkeypatch.setattr(directory, "_choose_named", choose)
    url = f"{tenant.url}/conversions/levers/analytics?from=2025-01-01&to=2025-01-31"
    params = [{"kpi": "prints", "mode": "aggregation", "globals": True}]
    answer = await tenant.reader.post(url, json={"params": params, "filters": {"campaigns": keys}})
    assert answer.status_code == 200, answer.text
    unknown = [f"unknown {number}" for number in range(150)]
    refused = await tenant.reader.post(url, json={"params": params, "filters": {"campaigns": [*keys, *unknown]}})
    assert refused.status_code == 422
    pointers = [error["pointer"] for error in refused.json()["errors"]]
    assert pointers == [f"/filters/campaigns/{position}" for position in range(600, 700)]
    assert threads
    assert threading.main_thread() not in threads
