"""Bounds of questions: the number of values, time, places, memory; large answers come from a file, part by part."""

import asyncio
import csv
import io
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from okube_api.analytics import answer, memory_watch, rendering, service, table
from okube_api.auth.repository import Role
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.engine import selection
from okube_api.store.protocol import Reader
from okube_api.threads import check_stopped

from tests.api.analytics import World
from tests.api.connections import call_until
from tests.api.server import Server, Tenant, share_store

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
TEN_YEARS = {"from": "2015-01-01", "to": "2024-12-31"}


def build_everything(module: Module, **options: Any) -> Json:
    """Return a question with every KPI of a module by all of its scopes."""
    kpis = list(BY_NAME[module].values())[-50:]
    return {"params": [{"kpi": kpi.name, **dict.fromkeys(kpi.scopes, True), **options} for kpi in kpis]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"params": [{"kpi": "sessions", "all": False}]}, "/params/0/globals"),
        ({"params": [{"kpi": "sessions", "temporals": False}, {"kpi": "uniqUsers"}]}, "/params/1/globals"),
        ({"params": [{"kpi": "sessions", "globals": False, "sites": True}]}, "/params/0/sites"),
        ({"params": [{"kpi": "areaMatching", "temporals": False}]}, "/params/0/globals"),
        ({"params": [{"kpi": "timespentPerScope", "temporals": False}]}, "/params/0/globals"),
    ],
)
async def test_an_answer_with_too_many_values_is_refused(beta: World, body: Json, pointer: str) -> None:
    async with share_store(beta.tenant.server, query_values=3) as strict:
        reader = strict.client_of(beta.tenant.users[Role.READER])
        url = f"{beta.tenant.url}/presence/analytics"
        response = await reader.post(url, params={"from": "2024-03-01", "to": "2024-03-31"}, json=body)
        assert response.status_code == 422, response.text
        assert response.json()["code"] == "too_many_values"
        assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
        assert "more than 3 values" in response.json()["detail"]
        assert "shorter period" in response.json()["detail"]


async def test_values_that_are_certain_are_refused_before_anything_is_read(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("The question is planned.")

    async with share_store(server, query_values=150_000) as strict:
        tenant = await strict.create_tenant()
        monkeypatch.setattr("okube_api.engine.run.plan_question", fail)
        monkeypatch.setattr("okube_api.engine.run.subqueries", fail)
        body = {"params": [{"kpi": "sessions"}] * 50}
        response = await tenant.reader.post(f"{tenant.url}/presence/analytics", params=TEN_YEARS, json=body)
        assert response.status_code == 422
        assert response.json()["code"] == "too_many_values"


def answer_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write every answer in small parts, in a thread, to a file."""
    monkeypatch.setattr(rendering, "MOST_BYTES_IN_MEMORY", 10)
    monkeypatch.setattr(service, "_MOST_VALUES_ON_LOOP", 0)
    monkeypatch.setattr(selection, "_BLOCK_CELLS", 3)
    monkeypatch.setattr(answer, "_BLOCK_VALUES", 3)
    monkeypatch.setattr(table, "_MOST_LINES_IN_MEMORY", 2)


@pytest.mark.slow
@pytest.mark.one_store
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
@pytest.mark.parametrize("module", [Module.PRESENCE, Module.CONVERSION, Module.PERFORMANCE])
@pytest.mark.parametrize("options", [{}, {"mode": "aggregation", "granularity": "month"}])
async def test_a_large_answer_is_the_same_as_a_small_one(
    alpha: World, monkeypatch: pytest.MonkeyPatch, accept: str, module: Module, options: Json
) -> None:
    suffix = {Module.CONVERSION: "conversions/levers"}.get(module, module.value)
    url, body = f"{alpha.tenant.url}/{suffix}/analytics", build_everything(module, **options)
    body["params"][0] |= {"sites": {"sort": "-all", "limit": 2, "properties": ["key", "name"]}}
    inner = {"of": "sites", "properties": ["key"], "sort": "-all", "limit": 1, "others": True}
    body["params"][1] |= {"by": ["sites.tags", inner]}
    parameters = {"from": "2024-03-01", "to": "2024-04-30"}
    cache = alpha.tenant.server.services.analytics.answer_cache
    cache.clear()
    responses = []
    for is_large in (False, True):
        if is_large:
            cache.clear()
            answer_in_parts(monkeypatch)
        response = await alpha.reader.post(url, params=parameters, json=body, headers={"Accept": accept})
        assert response.status_code == 200, response.text
        assert int(response.headers.get("Content-Length", len(response.content))) > 0
        responses.append(response)
        assert cache.size == (0 if is_large else 1)
    small, large = responses
    assert large.content == small.content
    assert large.headers["ETag"] == small.headers["ETag"]
    assert large.headers["Content-Type"] == small.headers["Content-Type"]
    if accept == "text/csv":
        assert len(list(csv.reader(io.StringIO(large.text)))) > 50
    headers = {"Accept": accept, "If-None-Match": large.headers["ETag"]}
    unchanged = await alpha.reader.post(url, params=parameters, json=body, headers=headers)
    assert unchanged.status_code == 304


async def test_a_large_answer_is_compressed(alpha: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_in_parts(monkeypatch)
    url, body = f"{alpha.tenant.url}/presence/analytics", build_everything(Module.PRESENCE)
    response = await alpha.reader.post(url, json=body, headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert len(response.json()) >= len(body["params"])


@pytest.mark.parametrize("meta", ["meta", "explain"])
async def test_a_large_answer_with_meta(alpha: World, monkeypatch: pytest.MonkeyPatch, meta: str) -> None:
    answer_in_parts(monkeypatch)
    url, body = f"{alpha.tenant.url}/presence/analytics", {"params": [{"kpi": "sessions", "sites": True}]}
    response = await alpha.tenant.admin.post(url, params={meta: True}, json=body)
    fields = ["results", "meta", "plan"] if meta == "explain" else ["results", "meta"]
    assert list(response.json()) == fields
    assert [element["scope"] for element in response.json()["results"]] == ["globals", "sites"]


def evaluate_forever(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Let the evaluation of questions never end; return events that are set when one begins and when it stops."""
    begun, stopped = threading.Event(), threading.Event()

    def evaluate(*_: Any) -> None:
        begun.set()
        try:
            while True:
                check_stopped()
                time.sleep(0.001)
        finally:
            stopped.set()

    monkeypatch.setattr("okube_api.engine.run.evaluate_question", evaluate)
    monkeypatch.setattr("okube_api.engine.fetched_rows._SMALL_BYTES", -1)
    return begun, stopped


async def test_the_time_limit_ends_the_evaluation(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async with share_store(server, query_timeout_s=0.3) as strict:
        tenant = await strict.create_tenant()
        _, stopped = evaluate_forever(monkeypatch)
        response = await tenant.reader.post(f"{tenant.url}/presence/analytics", json={"params": [{"kpi": "sessions"}]})
        problem = response.json()
        assert (response.status_code, problem["code"]) == (503, "question_timeout")
        assert problem["type"] == "urn:okube:problem:question_timeout"
        assert "0.3 seconds" in response.json()["detail"]
        assert stopped.is_set()


async def test_the_evaluation_ends_when_the_client_disconnects(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, stopped = evaluate_forever(monkeypatch)
    disconnected = asyncio.Event()
    url = f"{tenant.url}/presence/analytics"
    call = asyncio.ensure_future(call_until(disconnected, url, tenant.reader, tenant.server.app))
    assert await asyncio.to_thread(begun.wait, 10)
    disconnected.set()
    assert await asyncio.to_thread(stopped.wait, 2)
    sent = await asyncio.wait_for(call, 2)
    assert sent[0]["status"] == 499


async def test_too_little_memory_ends_the_newest_question(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async with share_store(server, process_memory_mb=512) as strict:
        tenant = await strict.create_tenant()
        _, stopped = evaluate_forever(monkeypatch)
        monkeypatch.setattr(memory_watch, "read_resident_bytes", lambda: 513 * 2**20)
        response = await tenant.reader.post(f"{tenant.url}/presence/analytics", json={"params": [{"kpi": "sessions"}]})
        assert response.status_code == 503
        assert "too little memory" in response.json()["detail"]
        assert response.headers["Retry-After"]
        assert stopped.is_set()


@pytest.mark.slow
async def test_a_large_answer_that_is_not_read_in_time_is_cut(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_in_parts(monkeypatch)
    async with share_store(server, query_timeout_s=1) as strict:
        tenant = await strict.create_tenant()
        never = asyncio.Event()
        with pytest.raises(TimeoutError):
            await call_until(
                never, f"{tenant.url}/presence/analytics", tenant.reader, tenant.server.app, reads_body=False
            )


async def test_a_sum_that_the_store_cannot_hold_is_refused(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer 422 when the store reports a sum of too many digits (`tests/conformance/test_wide_sums.py`)."""
    store = tenant.server.services.store
    open_reader = store.open_reader

    async def overflow(*_: Any) -> None:
        raise OverflowError("A sum has more than 38 digits.")

    @asynccontextmanager
    async def open_full_reader(application: str, **limits: Any) -> AsyncIterator[Reader]:
        async with open_reader(application, **limits) as reader:
            monkeypatch.setattr(reader, "aggregate", overflow)
            monkeypatch.setattr(reader, "select", overflow)
            yield reader

    monkeypatch.setattr(store, "open_reader", open_full_reader)
    response = await tenant.reader.post(f"{tenant.url}/presence/analytics", json={"params": [{"kpi": "sessions"}]})
    assert response.status_code == 422
    assert response.json()["code"] == "sum_too_large"
    assert "shorter period" in response.json()["detail"]
