"""Questions as jobs: how they are queued and run, who sees them, their bounds and their end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from okube_api.analytics.service import Analytics
from okube_api.auth.repository import USERS, Role
from okube_api.catalogue.kpi import Module
from okube_api.jobs import ends, runner
from okube_api.jobs.repository import JOB_QUESTIONS, JOBS
from okube_api.jobs.results import JOB_RESULTS
from okube_api.store.conditions import equal

from tests.api.analytics import World
from tests.api.jobs import ASYNC, ATTENDANCE, DAYS, SESSIONS, build_url, poll, queue, read, run, wait_until
from tests.api.server import Json, Server, Tenant, share_store

pytestmark = pytest.mark.anyio


class PausedQuestions:
    """The questions of jobs, which pause until they may go on."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.may_continue = asyncio.Event()

    async def compute(self, original: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Compute an answer; one in the background waits first."""
        if (background := options.get("background")) is not None:
            self.started += 1
            background.report(0.25)
            try:
                await self.may_continue.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return await original(*args, **options)

    async def wait_for(self, *, started: int = 0, cancelled: int = 0) -> None:
        """Wait until so many questions have started, and so many were cancelled."""

        async def are_enough() -> bool:
            return self.started >= started and self.cancelled >= cancelled

        await poll(are_enough)


@pytest.fixture
async def paused(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PausedQuestions]:
    """Pause the questions of jobs, and let them go on at the end."""
    paused, original = PausedQuestions(), Analytics._compute

    async def compute(*args: Any, **options: Any) -> Any:
        return await paused.compute(original, *args, **options)

    monkeypatch.setattr(Analytics, "_compute", compute)
    monkeypatch.setattr(runner, "_RENEWAL_S", 0.02)
    monkeypatch.setattr(runner, "_POLL_S", 0.05)
    yield paused
    paused.may_continue.set()


# -- queueing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("wait=false", {}),
        ("wait=0", {}),
        ("%77ait=false", {}),
        ("wa%69t=%66alse", {}),
        ("", ASYNC),
        ("wait=true", ASYNC),
    ],
)
async def test_a_question_becomes_a_job(tenant: Tenant, query: str, headers: dict[str, str]) -> None:
    answer = await tenant.reader.post(build_url(tenant, query=f"{DAYS}&{query}"), json=SESSIONS, headers=headers)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/applications/{tenant.id}/jobs/{job['_id']}"
    assert answer.headers.get("preference-applied") == ("respond-async" if headers else None)
    assert answer.headers["retry-after"] == "1"
    user = tenant.users[Role.READER]
    assert job["application"] == tenant.id
    assert job["owner"] == {"_id": user.id, "name": user.name}
    assert (job["state"], job["progress"], job["result"], job["endedAt"]) == ("queued", 0, None, None)
    assert job["question"] == {
        "module": "presence",
        "path": f"{tenant.url}/presence/analytics",
        "query": f"{DAYS}&{query}",
        "kpis": ["sessions"],
    }
    ended = await wait_until(tenant.reader, job, "done")
    assert (ended["progress"], ended["result"]) == (1, f"{answer.headers['location']}/result")
    assert job["createdAt"] <= ended["startedAt"] <= ended["endedAt"] < ended["expiresAt"]


@pytest.mark.parametrize(
    "preference", ["RESPOND-ASYNC", "return=minimal, respond-async; x=1, wait=10", "handling=lenient,respond-async"]
)
async def test_the_preference_is_read_like_other_headers(tenant: Tenant, preference: str) -> None:
    answer = await tenant.reader.post(build_url(tenant), json=SESSIONS, headers={"Prefer": preference})
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("query", "headers"), [("", {}), ("wait=true", {}), ("", {"Prefer": "return=minimal, wait=10"})]
)
async def test_other_questions_are_answered_at_once(tenant: Tenant, query: str, headers: dict[str, str]) -> None:
    answer = await tenant.reader.post(build_url(tenant, query=f"{DAYS}&{query}"), json=SESSIONS, headers=headers)
    assert answer.status_code == 200
    assert isinstance(answer.json(), list)


async def test_a_cached_answer_does_not_replace_a_job(tenant: Tenant) -> None:
    for _ in range(2):
        assert (await tenant.reader.post(build_url(tenant), json=SESSIONS)).status_code == 200
    await run(tenant.reader, build_url(tenant))
    for _ in range(3):
        answer = await tenant.reader.post(build_url(tenant, query=f"{DAYS}&wai%74=false"), json=SESSIONS)
        assert answer.status_code == 202


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        (DAYS, {"params": [{"kpi": "session"}]}, 400),
        (DAYS, {"params": []}, 400),
        (f"{DAYS}&wait=perhaps", SESSIONS, 400),
        ("from=2025-02-01&to=2025-01-01", SESSIONS, 422),
        (DAYS, {**SESSIONS, "filters": {"sites": ["nowhere"]}}, 422),
        (DAYS, {"params": [{"kpi": "sessions", "granularity": "fiscalMonth"}]}, 422),
        ("from=2020-01-01&to=2025-01-01", {"params": [{"kpi": "sessions", "granularity": "hour"}]}, 422),
    ],
)
async def test_invalid_questions_are_refused_at_once(tenant: Tenant, query: str, body: Json, status: int) -> None:
    direct = await tenant.reader.post(build_url(tenant, query=query), json=body)
    refused = await tenant.reader.post(build_url(tenant, query=query), json=body, headers=ASYNC)
    assert (refused.status_code, direct.status_code) == (status, status), refused.text
    assert refused.json()["errors"] == direct.json()["errors"]
    assert (await tenant.reader.get(f"{tenant.url}/jobs")).json()["_$paginated"]["total"] == 0


async def test_too_many_certain_values_are_refused_at_once(server: Server, tenant: Tenant) -> None:
    async with share_store(server, query_values=10) as strict:
        client = strict.client_of(tenant.users[Role.READER])
        refused = await client.post(
            build_url(tenant), json={"params": [{"kpi": "sessions", "granularity": "day"}]}, headers=ASYNC
        )
    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_values")


async def test_an_idempotency_key_creates_one_job(tenant: Tenant) -> None:
    headers = {**ASYNC, "Idempotency-Key": "weekly-report"}
    first, second = [await tenant.reader.post(build_url(tenant), json=SESSIONS, headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code) == (202, 202)
    assert (second.json(), second.headers["location"]) == (first.json(), first.headers["location"])
    assert second.headers["idempotency-replayed"] == "true"
    other = await tenant.reader.post(build_url(tenant), json=ATTENDANCE, headers=headers)
    assert (other.status_code, other.json()["code"]) == (400, "invalid") or other.status_code == 422
    direct = await tenant.reader.post(build_url(tenant), json=SESSIONS, headers={"Idempotency-Key": "weekly-report"})
    assert direct.status_code == 200


# -- jobs without a result ---------------------------------------------------------------------------------------------


async def test_an_unfinished_job_has_no_result(tenant: Tenant, paused: PausedQuestions) -> None:
    job = await queue(tenant.reader, build_url(tenant))
    refused = await tenant.reader.get(f"{tenant.url}/jobs/{job['_id']}/result")
    assert (refused.status_code, refused.headers["retry-after"]) == (409, "1")
    await paused.wait_for(started=1)
    assert (await tenant.reader.get(f"/jobs/{job['_id']}/result")).status_code == 409


async def test_a_study_that_is_deleted_meanwhile_fails_the_job(tenant: Tenant, paused: PausedQuestions) -> None:
    site = await tenant.create("sites", key="lyon", name="Lyon", online=True)
    study = await tenant.create("studies", key="rivals", name="Rivals", sites=[site["_id"]])
    before = await queue(tenant.reader, build_url(tenant))
    await paused.wait_for(started=1)
    job = await queue(tenant.reader, build_url(tenant, Module.GEO_MARKETING, study="rivals"), ATTENDANCE)
    assert (await tenant.admin.delete(f"{tenant.url}/studies/{study['_id']}")).status_code == 204
    paused.may_continue.set()
    await wait_until(tenant.reader, before, "done")
    assert (await wait_until(tenant.reader, job, "failed"))["error"]["status"] == 404


# -- progress and waiting ----------------------------------------------------------------------------------------------


async def test_progress_is_shown(tenant: Tenant, paused: PausedQuestions) -> None:
    job = await queue(tenant.reader, build_url(tenant))
    await paused.wait_for(started=1)

    async def has_progress() -> bool:
        return bool((await read(tenant.reader, job))["progress"] == 0.25)

    await poll(has_progress)
    assert (await read(tenant.reader, job))["state"] == "running"
    paused.may_continue.set()
    assert (await wait_until(tenant.reader, job, "done"))["progress"] == 1


async def test_progress_counts_periods_and_groups_of_params(alpha: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    original = Analytics._compute

    async def compute(*args: Any, **options: Any) -> Any:
        if (background := options.get("background")) is not None:
            options["background"] = replace(background, report=shares.append)
        return await original(*args, **options)

    monkeypatch.setattr(Analytics, "_compute", compute)
    body = {
        "params": [{"kpi": "sessions"}, {"kpi": "sessions", "filters": {"weekdays": [6]}}],
        "compare": {"to": ["previousPeriod"]},
    }
    await run(alpha.reader, build_url(alpha.tenant), body)
    # Two groups of params: each reads two periods and computes them; then the answer is written.
    assert shares == sorted(set(shares))
    assert {number / 7 for number in range(1, 7)} <= set(shares)
    assert shares[-1] == 6 / 7


async def test_a_client_can_wait_for_the_end(
    tenant: Tenant, paused: PausedQuestions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "_POLL_S", 0.01)
    job = await queue(tenant.reader, build_url(tenant))
    await paused.wait_for(started=1)
    soon = await tenant.reader.get(f"/jobs/{job['_id']}?wait=0")
    assert (soon.json()["state"], soon.headers["retry-after"]) == ("running", "1")
    waiting = asyncio.create_task(tenant.reader.get(f"/jobs/{job['_id']}?wait=20"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    paused.may_continue.set()
    ended = await waiting
    assert (ended.json()["state"], "retry-after" in ended.headers) == ("done", False)
    assert (await tenant.reader.get(f"/jobs/{job['_id']}?wait=31")).status_code == 400


async def test_a_client_does_not_wait_for_a_server_that_stops(
    server: Server, tenant: Tenant, paused: PausedQuestions
) -> None:
    job = await queue(tenant.reader, build_url(tenant))
    await paused.wait_for(started=1)
    waiting = asyncio.create_task(tenant.reader.get(f"/jobs/{job['_id']}?wait=20"))
    await asyncio.sleep(0.05)
    server.app.state.stopping.set()
    try:
        async with asyncio.timeout(5):
            answer = await waiting
    finally:
        server.app.state.stopping.clear()
    assert (answer.status_code, answer.json()["state"], answer.headers["retry-after"]) == (200, "running", "1")


async def test_direct_questions_do_not_wait_for_jobs(server: Server, tenant: Tenant, paused: PausedQuestions) -> None:
    async with share_store(server, query_places=1, query_queue=0) as narrow:
        client = narrow.client_of(tenant.users[Role.READER])
        await queue(client, build_url(tenant))
        await paused.wait_for(started=1)
        large = {"params": [{"kpi": "sessions", "granularity": "day", "sites": True}] * 4}
        for body, query in ((SESSIONS, DAYS), (large, "from=2015-01-01&to=2024-12-31")):
            assert (await client.post(build_url(tenant, query=query), json=body)).status_code == 200
        paused.may_continue.set()


# -- tenancy -----------------------------------------------------------------------------------------------------------


async def test_only_owners_and_administrators_see_a_job(
    tenant: Tenant, stranger: httpx.AsyncClient, nobody: httpx.AsyncClient, platform: httpx.AsyncClient
) -> None:
    job = await run(tenant.reader, build_url(tenant))
    urls = [f"{start}/jobs/{job['_id']}" for start in ("", tenant.url, f"/a/{tenant.key}")]
    for url in (*urls, *(f"{url}/result" for url in urls)):
        for client, status in (
            (tenant.reader, 200),
            (tenant.admin, 200),
            (platform, 200),
            (tenant.editor, 404),
            (stranger, 404),
            (nobody, 401),
        ):
            assert (await client.get(url)).status_code == status, url
    for client in (tenant.editor, stranger):
        assert (await client.delete(urls[0])).status_code == 404
    assert (await read(tenant.reader, job))["state"] == "done"


async def test_a_job_belongs_to_one_application(server: Server, tenant: Tenant, other_tenant: Tenant) -> None:
    user = await server.create_user(roles={tenant.id: Role.ADMIN, other_tenant.id: Role.ADMIN})
    client = server.client_of(user)
    job = await run(client, build_url(tenant))
    for path in ("", "/result"):
        assert (await client.get(f"{other_tenant.url}/jobs/{job['_id']}{path}")).status_code == 404
    assert (await client.get(f"{other_tenant.url}/jobs")).json()["documents"] == []


async def test_jobs_are_listed(tenant: Tenant, stranger: httpx.AsyncClient) -> None:
    own, other = [await run(client, build_url(tenant)) for client in (tenant.reader, tenant.editor)]
    for client, jobs in ((tenant.reader, [own]), (tenant.editor, [other]), (tenant.admin, [own, other])):
        assert (await client.get(f"{tenant.url}/jobs")).json()["documents"] == jobs
    assert (await tenant.admin.get(f"{tenant.url}/jobs?state=failed")).json()["documents"] == []
    assert (await tenant.admin.get(f"{tenant.url}/jobs?state=done&per_page=1&page=2")).json()["documents"] == [other]
    assert (await tenant.admin.get(f"{tenant.url}/jobs?state=over")).status_code == 400
    assert (await stranger.get(f"{tenant.url}/jobs")).status_code == 404


async def test_a_result_cannot_be_read_without_the_role(server: Server, tenant: Tenant, other_tenant: Tenant) -> None:
    user = await server.create_user(roles={tenant.id: Role.READER, other_tenant.id: Role.READER})
    client = server.client_of(user)
    job = await run(client, build_url(tenant))
    assert (await tenant.admin.delete(f"{tenant.url}/users/{user.id}")).status_code == 204
    for url in (f"/jobs/{job['_id']}", f"{tenant.url}/jobs/{job['_id']}", f"/a/{tenant.key}/jobs/{job['_id']}"):
        for answer in (
            await client.get(url),
            await client.get(f"{url}?wait=1"),
            await client.get(f"{url}/result"),
            await client.get(f"{url}/result", headers={"If-None-Match": "*"}),
            await client.head(f"{url}/result"),
            await client.delete(url),
        ):
            assert answer.status_code == 404
    assert (await client.get(f"{tenant.url}/jobs")).status_code == 404
    assert (await tenant.admin.get(job["result"])).status_code == 200


@pytest.mark.parametrize(
    ("query", "loss"), [("", "role"), ("", "role in use"), ("", "account"), ("&explain=true", "higher role")]
)
async def test_a_job_whose_owner_has_lost_the_access_fails(
    server: Server, tenant: Tenant, paused: PausedQuestions, query: str, loss: str
) -> None:
    users = server.services.sessions.users
    user = await server.create_user(roles={tenant.id: Role.ADMIN})
    running = await queue(tenant.reader, build_url(tenant))
    await paused.wait_for(started=1)
    job = await queue(server.client_of(user), build_url(tenant, query=DAYS + query))
    document = await users.get_by_id(user.id)
    if loss == "role":
        await users.drop_role(document, tenant.id)
    elif loss == "role in use":
        await users.set_role(document, tenant.id, Role.ADMIN, disabled=True)
    elif loss == "higher role":
        await users.set_role(document, tenant.id, Role.EDITOR)
    else:
        await server.services.store.update(USERS, equal("_id", user.id), {"disabled": True})
    paused.may_continue.set()
    await wait_until(tenant.reader, running, "done")
    failed = await wait_until(tenant.admin, job, "failed")
    assert (failed["error"]["status"], failed["error"]["code"]) == (403, "forbidden")
    assert paused.started == 1


async def test_a_job_goes_on_when_the_key_is_revoked(server: Server, tenant: Tenant, paused: PausedQuestions) -> None:
    """It belongs to the user, as the job of a session goes on after the logout."""
    key = (await tenant.reader.post("/auth/keys", json={"name": "nightly"})).json()
    job = await queue(server.client(key["token"]), build_url(tenant))
    await paused.wait_for(started=1)
    assert (await tenant.reader.delete(f"/auth/keys/{key['_id']}")).status_code == 204
    paused.may_continue.set()
    assert (await wait_until(tenant.reader, job, "done"))["owner"]["_id"] == tenant.users[Role.READER].id


@pytest.mark.parametrize("identifier", ["lyon", "5e1834b0e12d62a85b388a1b"])
async def test_unknown_jobs_are_not_found(tenant: Tenant, identifier: str) -> None:
    for url in (f"/jobs/{identifier}", f"{tenant.url}/jobs/{identifier}", f"/jobs/{identifier}/result"):
        assert (await tenant.admin.get(url)).status_code == 404


# -- cancelling, deleting and expiring ---------------------------------------------------------------------------------


async def test_a_running_job_is_cancelled(tenant: Tenant, paused: PausedQuestions) -> None:
    job = await queue(tenant.reader, build_url(tenant))
    await paused.wait_for(started=1)
    assert (await tenant.reader.delete(f"{tenant.url}/jobs/{job['_id']}")).status_code == 204
    await paused.wait_for(cancelled=1)
    cancelled = await read(tenant.reader, job)
    assert (cancelled["state"], cancelled["result"], cancelled["error"]) == ("cancelled", None, None)
    assert (await tenant.reader.get(f"/jobs/{job['_id']}/result")).status_code == 404
    paused.may_continue.set()
    await run(tenant.reader, build_url(tenant))  # others are run
    assert (await read(tenant.reader, job))["state"] == "cancelled"


async def test_a_queued_job_is_cancelled(tenant: Tenant, paused: PausedQuestions) -> None:
    first, second = [await queue(tenant.reader, build_url(tenant)) for _ in range(2)]
    await paused.wait_for(started=1)
    assert (await tenant.admin.delete(f"/jobs/{second['_id']}")).status_code == 204
    paused.may_continue.set()
    await wait_until(tenant.reader, first, "done")
    assert ((await read(tenant.reader, second))["state"], paused.started) == ("cancelled", 1)


async def test_an_ended_job_is_deleted_with_its_result(server: Server, tenant: Tenant) -> None:
    job = await run(tenant.reader, build_url(tenant))
    store = server.services.store
    assert await store.count(JOB_RESULTS, equal("job", job["_id"])) == 1

    async def has_no_question() -> bool:
        return await store.count(JOB_QUESTIONS, equal("_id", job["_id"])) == 0

    await poll(has_no_question)  # which is deleted just after the job has ended
    assert (await tenant.reader.delete(f"/jobs/{job['_id']}")).status_code == 204
    for url in (f"/jobs/{job['_id']}", job["result"]):
        assert (await tenant.reader.get(url)).status_code == 404
    assert await store.count(JOB_RESULTS, equal("job", job["_id"])) == 0


async def test_jobs_expire_after_a_day(server: Server, tenant: Tenant) -> None:
    job = await run(tenant.reader, build_url(tenant))
    server.clock.ahead = timedelta(hours=23, minutes=59)
    assert (await tenant.reader.get(job["result"])).status_code == 200
    await server.services.job_runner.delete_expired()
    assert (await tenant.reader.get(job["result"])).status_code == 200
    server.clock.ahead = timedelta(hours=24, minutes=1)
    assert (await tenant.reader.get(job["result"])).status_code == 404
    assert (await tenant.reader.get(f"{tenant.url}/jobs")).json()["documents"] == []
    server.clock.ahead = timedelta(hours=26)
    await server.services.job_runner.delete_expired()
    store = server.services.store
    assert await store.count(JOBS, equal("application", tenant.id)) == 0
    assert await store.count(JOB_RESULTS, equal("application", tenant.id)) == 0


# -- bounds ------------------------------------------------------------------------------------------------------------


async def test_the_jobs_of_a_user_are_bounded(server: Server, tenant: Tenant) -> None:
    async with share_store(server, jobs_per_user=2) as strict:
        client = strict.client_of(tenant.users[Role.READER])
        jobs = [await run(client, build_url(tenant)) for _ in range(2)]
        refused = await client.post(build_url(tenant), json=SESSIONS, headers=ASYNC)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert "retry-after" in refused.headers
        assert (await client.post(build_url(tenant), json=SESSIONS)).status_code == 200
        await run(strict.client_of(tenant.users[Role.EDITOR]), build_url(tenant))
        await client.delete(f"/jobs/{jobs[0]['_id']}")
        await run(client, build_url(tenant))
        server.clock.ahead = timedelta(hours=25)
        await run(client, build_url(tenant))


async def test_the_results_of_an_application_are_bounded(
    server: Server, tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await run(tenant.reader, build_url(tenant))
    monkeypatch.setattr(server.services.job_runner, "_most_bytes", first["size"] + 1)
    failed = await wait_until(tenant.editor, await queue(tenant.editor, build_url(tenant)), "failed")
    assert (failed["error"]["status"], failed["error"]["code"]) == (422, "results_too_large")
    await run(other_tenant.reader, build_url(other_tenant))
    await tenant.reader.delete(f"/jobs/{first['_id']}")
    await run(tenant.editor, build_url(tenant))


async def test_a_job_has_a_deadline_of_its_own(server: Server, alpha: World) -> None:
    user = alpha.tenant.users[Role.READER]
    url = build_url(alpha.tenant)
    await server.services.job_runner.close()
    try:
        async with share_store(server, query_timeout_s=0.000_1) as impatient:
            client = impatient.client_of(user)
            assert (await client.post(url, json=SESSIONS)).status_code == 503
            await run(client, url)
        async with share_store(server, job_timeout_s=0.000_1) as impatient:
            client = impatient.client_of(user)
            job = await wait_until(client, await queue(client, url), "failed")
            assert "more than 0.0001 seconds" in job["error"]["detail"]
    finally:
        server.services.job_runner.start()


# -- processes that stop and die ---------------------------------------------------------------------------------------


async def test_a_job_goes_on_elsewhere_when_a_process_stops(
    server: Server, tenant: Tenant, paused: PausedQuestions
) -> None:
    await server.services.job_runner.close()
    try:
        async with share_store(server):
            job = await queue(tenant.reader, build_url(tenant))
            await paused.wait_for(started=1)
        await paused.wait_for(cancelled=1)
        assert (await read(tenant.reader, job))["state"] == "queued"
    finally:
        server.services.job_runner.start()
    await paused.wait_for(started=2)
    paused.may_continue.set()
    await wait_until(tenant.reader, job, "done")
