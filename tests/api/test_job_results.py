"""Results of jobs: the bytes and headers of the direct answer, and the problems of failed jobs."""

from typing import Any

import httpx
import pytest
from okube_api.analytics.service import Analytics
from okube_api.auth.repository import Role
from okube_api.catalogue.kpi import Module
from okube_api.errors import QuestionTimeout
from okube_api.jobs import results
from okube_api.jobs.results import JOB_RESULTS
from okube_api.store.conditions import equal

from tests.api.analytics import PATH_SUFFIXES, World
from tests.api.file_readers import read_xlsx
from tests.api.jobs import ASYNC, ATTENDANCE, DAYS, SESSIONS, build_url, queue, run, wait_until
from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio

VISITS: Json = {"params": [{"kpi": "visits", "granularity": "month", "sites": {"properties": ["key"]}}]}
OFFLINE: Json = {"params": [{"kpi": "offlineVisits", "granularity": "month", "campaigns": True}]}
BODIES = {
    Module.PRESENCE: SESSIONS,
    Module.PERFORMANCE: VISITS,
    Module.CONVERSION: OFFLINE,
    Module.GEO_MARKETING: ATTENDANCE,
}
VARYING = {"x-request-id", "ratelimit", "date"}


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("", "*/*"),
        ("format=json", "text/csv"),
        ("", "text/csv"),
        ("", "application/vnd.ms-excel"),
        ("format=csv", "*/*"),
        ("format=csv&layout=wide&locale=fr", "*/*"),
        ("format=csv&delimiter=%3B&decimal=%2C&bom=true", "application/json"),
        ("format=xlsx", "*/*"),
        ("format=parquet&layout=wide", "*/*"),
    ],
)
async def test_a_result_is_the_direct_answer(alpha: World, query: str, accept: str) -> None:
    url = build_url(alpha.tenant, query=f"{DAYS}&{query}")
    direct = await alpha.reader.post(url, json=SESSIONS, headers={"Accept": accept})
    assert (direct.status_code, len(direct.content) > 100) == (200, True)
    job = await run(alpha.reader, url, Accept=accept)
    result = await alpha.reader.get(job["result"], headers={"Accept": "text/html"})
    assert result.status_code == 200
    assert job["size"] == len(result.content)
    varying = VARYING
    if "xlsx" in query:  # a workbook names the second in which it was written
        assert read_xlsx(result.content) == read_xlsx(direct.content) != []
        varying = VARYING | {"etag", "content-length"}
    else:
        assert result.content == direct.content
    assert _list_headers(result, varying) == _list_headers(direct, varying)
    unchanged = await alpha.reader.get(job["result"], headers={"If-None-Match": result.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (await alpha.reader.head(job["result"])).headers["etag"] == result.headers["etag"]


def _list_headers(response: httpx.Response, left_out: set[str]) -> Json:
    return {name: text for name, text in response.headers.items() if name not in left_out}


@pytest.mark.parametrize("module", list(Module))
@pytest.mark.parametrize("with_site", [False, True])
async def test_all_modules_answer_jobs(alpha: World, module: Module, with_site: bool) -> None:
    truth = alpha.truth
    site = f"/sites/{truth.sites[0].id}" if with_site else ""
    suffix = PATH_SUFFIXES[module].format(study=truth.studies[0].id)
    params = [{name: each for name, each in param.items() if name != "sites"} for param in BODIES[module]["params"]]
    body = {"params": params, "compare": {"to": ["previousPeriod"]}}
    url = f"{alpha.tenant.url}{site}{suffix}?{DAYS}"
    direct = await alpha.reader.post(url, json=body)
    job = await run(alpha.reader, url, body)
    assert job["question"]["module"] == module.value
    assert (await alpha.reader.get(job["result"])).json() == direct.json()


async def test_large_results_are_stored_in_parts(alpha: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_PART_BYTES", 100)
    direct = await alpha.reader.post(build_url(alpha.tenant), json=SESSIONS)
    job = await run(alpha.reader, build_url(alpha.tenant))
    store = alpha.tenant.server.services.store
    assert await store.count(JOB_RESULTS, equal("job", job["_id"])) == -(-len(direct.content) // 100) > 3
    assert (await alpha.reader.get(job["result"])).content == direct.content


async def test_a_result_is_that_of_the_role(tenant: Tenant) -> None:
    url = build_url(tenant, query=f"{DAYS}&explain=true")
    assert (await tenant.reader.post(url, json=SESSIONS, headers=ASYNC)).status_code == 403
    job = await run(tenant.admin, url)
    assert "plan" in (await tenant.admin.get(job["result"])).json()
    members = tenant.server.services.sessions.users
    await members.set_role(await members.get_by_id(tenant.users[Role.ADMIN].id), tenant.id, Role.READER)
    assert (await tenant.admin.get(job["result"])).status_code == 403


async def test_a_failed_job_says_why(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise QuestionTimeout("The question took more than 600 seconds.")

    monkeypatch.setattr(Analytics, "_compute", fail)
    job = await wait_until(tenant.reader, await queue(tenant.reader, build_url(tenant)), "failed")
    assert (job["error"]["status"], job["error"]["code"], job["result"]) == (503, "question_timeout", None)
    assert job["error"]["instance"] == f"{tenant.url}/presence/analytics"
    result = await tenant.reader.get(f"/jobs/{job['_id']}/result")
    assert (result.status_code, result.json()) == (503, job["error"])
    assert result.headers["content-type"] == "application/problem+json"


async def test_a_bug_fails_a_job_without_details(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(Analytics, "_compute", fail)
    job = await wait_until(tenant.reader, await queue(tenant.reader, build_url(tenant)), "failed")
    assert (job["error"]["status"], job["error"]["code"]) == (500, "internal_error")
    assert "secret" not in str(job)
