"""Repeated questions, which are answered before the route: the same responses, and the same refusals, as through it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from okube_api.api.question_requests import QuestionRoute
from okube_api.auth.repository import Role
from starlette.requests import Request

from tests.api.server import Server, Tenant, share_store

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
QUESTION: Json = {"params": [{"kpi": "sessions", "granularity": "week", "sites": True}]}
PATH = "/presence/analytics?from=2025-01-01&to=2025-12-31"


@contextmanager
def record_routed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield a list that gets the path of each question that reaches its route."""
    routed: list[str] = []
    respond = QuestionRoute.respond_unparsed

    async def record(route: QuestionRoute, request: Request) -> Any:
        routed.append(request.url.path)
        return await respond(route, request)

    with monkeypatch.context() as patch:
        patch.setattr(QuestionRoute, "respond_unparsed", record)
        yield routed


async def ask(client: httpx.AsyncClient, tenant: Tenant, path: str = PATH, **headers: str) -> httpx.Response:
    """Ask the question."""
    return await client.post(f"{tenant.url}{path}", json=QUESTION, headers=headers)


async def ask_until_known(client: httpx.AsyncClient, tenant: Tenant, **headers: str) -> httpx.Response:
    """Ask until the response is known: it is computed, and then repeated."""
    answers = [await ask(client, tenant, **headers) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {200}
    return answers[-1]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (PATH, {}),
        (PATH, {"Accept": "text/csv"}),
        (PATH, {"Accept-Encoding": "gzip"}),
        (PATH.replace("?", "?unknown=1&"), {}),
    ],
)
async def test_a_repeated_response_equals_the_one_of_the_route(
    server: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, path: str, headers: dict[str, str]
) -> None:
    async with share_store(server, unknown_fields="ignore", rate_limit="9/hour") as lenient:
        client = lenient.client_of(tenant.users[Role.READER])
        with record_routed(monkeypatch) as routed:
            computed, first, second = [await ask(client, tenant, path, **headers) for _ in range(3)]
        assert len(routed) == 1
    assert computed.content == first.content == second.content
    left = [int(answer.headers["ratelimit"].split(";")[1].removeprefix("r=")) for answer in (computed, first, second)]
    assert left == [8, 7, 6]
    for each in (computed, first, second):
        del each.headers["x-request-id"], each.headers["ratelimit"]
    assert computed.headers == first.headers == second.headers
    assert computed.status_code == 200


async def test_an_unchanged_answer_is_not_sent_again(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = (await ask(tenant.reader, tenant)).headers["etag"]
    with record_routed(monkeypatch) as routed:
        answers = [await ask(tenant.reader, tenant, **{"If-None-Match": tag}) for _ in range(3)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(304, b"")] * 3
    assert len(routed) == 1


async def test_each_caller_is_checked(server: Server, tenant: Tenant, stranger: httpx.AsyncClient) -> None:
    await ask_until_known(tenant.reader, tenant)
    assert (await ask(tenant.editor, tenant)).status_code == 200
    assert (await ask(stranger, tenant)).status_code == 404
    assert (await ask(server.client(), tenant)).status_code == 401
    assert (await ask(server.client("wrong"), tenant)).status_code == 401


async def test_a_logout_and_a_lost_role_end_it_at_once(server: Server, tenant: Tenant) -> None:
    user = await server.create_user(roles={tenant.id: Role.READER})
    first, second = server.client_of(user), server.client_of(user)
    for client in (first, second):
        await ask_until_known(client, tenant)
    assert (await first.post("/auth/logout")).status_code < 300
    assert [(await ask(client, tenant)).status_code for client in (first, second)] == [401, 200]
    assert (await tenant.admin.delete(f"{tenant.url}/users/{user.id}")).status_code < 300
    assert (await ask(second, tenant)).status_code == 404


async def test_the_head_of_a_request_is_checked(tenant: Tenant) -> None:
    await ask_until_known(tenant.reader, tenant)
    assert (await ask(tenant.reader, tenant, Host="evil.example")).status_code == 400
    assert (await ask(tenant.reader, tenant, **{"Content-Type": "text/plain"})).status_code == 415
    url = f"{tenant.url}{PATH}&limit=3"
    assert (await tenant.reader.post(url, json=QUESTION)).status_code == 400
    other_question = {"params": [{"kpi": "sessions", "granularity": "week", "wrong": True}]}
    assert (await tenant.reader.post(f"{tenant.url}{PATH}", json=other_question)).status_code == 400


async def test_requests_are_counted_for_the_caller(server: Server, tenant: Tenant) -> None:
    async with share_store(server, rate_limit="5/hour") as limited:
        client = limited.client_of(tenant.users[Role.READER])
        answers = [await ask(client, tenant) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert answers[-1].headers["content-type"] == "application/problem+json"
        assert int(answers[-1].headers["retry-after"]) > 0


async def test_requests_are_counted_for_the_client_that_a_proxy_names(server: Server, tenant: Tenant) -> None:
    settings: Json = {"address_rate_limit": "4/hour", "trusted_proxies": "10.0.0.0/8", "require_https": False}
    async with share_store(server, allowed_hosts="*", **settings) as limited:
        token = limited.issue_token(tenant.users[Role.READER])
        client = limited.client(token, address=("10.0.0.1", 1))
        for address in ("192.0.2.1", "192.0.2.2"):
            statuses = [(await ask(client, tenant, **{"X-Forwarded-For": address})).status_code for _ in range(5)]
            assert statuses == [200] * 4 + [429]


async def test_a_body_in_several_parts_is_read(tenant: Tenant) -> None:
    expected = await ask_until_known(tenant.reader, tenant)
    body = expected.request.content

    async def stream_body() -> AsyncIterator[bytes]:
        yield body[:10]
        yield body[10:]

    for _ in range(3):
        headers = {"Content-Type": "application/json"}
        answer = await tenant.reader.post(f"{tenant.url}{PATH}", content=stream_body(), headers=headers)
        assert (answer.status_code, answer.content) == (200, expected.content)


async def test_unknown_names_in_the_body_are_ignored_each_time(server: Server, tenant: Tenant) -> None:
    """Send a body with an unknown name and the same body without it, both of the same length."""
    async with share_store(server, unknown_fields="ignore") as lenient:
        client = lenient.client_of(tenant.users[Role.READER])
        headers = {"Content-Type": "application/json"}
        plain = orjson.dumps(QUESTION)
        unknown = orjson.dumps({**QUESTION, "unknown": 1})
        for body, ignored in ((unknown, "body/unknown"), (plain.ljust(len(unknown)), None), (plain, None)) * 3:
            answer = await client.post(f"{tenant.url}{PATH}", content=body, headers=headers)
            assert (answer.status_code, answer.headers.get("x-okube-ignored")) == (200, ignored)
