"""Rate limits: off unless set, exact when they are."""

import asyncio
from collections import Counter

import httpx
import pytest
from okube_api.settings import Settings
from pydantic import ValidationError

from tests.api.server import PASSWORD, Server, sharing

pytestmark = pytest.mark.anyio


async def statuses(caller: httpx.AsyncClient, times: int, path: str = "/sites") -> Counter[int]:
    """How often each status was answered to so many requests at once."""
    return Counter(answer.status_code for answer in await asyncio.gather(*(caller.get(path) for _ in range(times))))


async def test_nothing_is_limited_unless_set(reader: httpx.AsyncClient) -> None:
    assert await statuses(reader, 100, "/auth/me") == {200: 100}
    assert "ratelimit" not in (await reader.get("/auth/me")).headers


async def test_exactly_the_allowance_of_a_user_gets_through(server: Server) -> None:
    async with sharing(server, rate_limit="20/hour") as limited:
        user = await limited.user()
        caller = limited.client_of(user)
        first = await caller.get("/sites")
        assert first.headers["ratelimit-policy"] == '"user";q=20;w=3600'
        assert first.headers["ratelimit"].startswith('"user";r=19;t=')
        assert await statuses(caller, 50) == {200: 19, 429: 31}
        refused = await limited.client_of(user).get("/sites")
        assert refused.status_code == 429
        assert 3500 < int(refused.headers["retry-after"]) <= 3600
        assert refused.headers["ratelimit"].startswith('"user";r=0;')
        assert (await limited.client_of(await limited.user()).get("/sites")).status_code == 200


async def test_a_key_counts_for_itself(server: Server) -> None:
    async with sharing(server, rate_limit="3/hour") as limited:
        person = limited.client_of(await limited.user())
        program = limited.client((await person.post("/auth/keys", json={"name": "x"})).json()["token"])
        assert await statuses(person, 4) == {200: 2, 429: 2}
        assert await statuses(program, 4) == {200: 3, 429: 1}


async def test_addresses_are_limited_whoever_calls(server: Server) -> None:
    async with sharing(server, address_rate_limit="5/hour", require_https=False) as limited:
        here, there = limited.client(), limited.client(address=("192.0.2.7", 1))
        assert await statuses(here, 8) == {401: 5, 429: 3}
        assert await statuses(there, 1) == {401: 1}
        assert (await here.get("/openapi.json")).status_code == 200


async def test_logins_are_limited_by_address(server: Server) -> None:
    async with sharing(server, login_rate_limit="2/hour") as limited:
        user = await limited.user()
        login = {"login": user.login, "password": PASSWORD}
        answers = [(await limited.client().post("/auth/login", json=login)).status_code for _ in range(3)]
        assert answers == [200, 200, 429]
        assert (await limited.client_of(user).get("/auth/me")).status_code == 200


async def test_a_window_ends(server: Server) -> None:
    async with sharing(server, rate_limit="2/second") as limited:
        caller = limited.client_of(await limited.user())
        assert (await statuses(caller, 4))[429] == 2
        await asyncio.sleep(1.1)
        assert (await caller.get("/sites")).status_code == 200


@pytest.mark.parametrize("limit", ["many", "10", "10/fortnight", ""])
def test_a_limit_that_is_none_refuses_to_start(limit: str) -> None:
    with pytest.raises(ValidationError):
        Settings(rate_limit=limit)
