"""Rate limits: off by default, exact when set."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import time_machine
from okube_api.http.client_address import group_address
from okube_api.settings import Settings
from pydantic import ValidationError

from tests.api.server import PASSWORD, Server, share_store

pytestmark = pytest.mark.anyio


async def count_statuses(caller: httpx.AsyncClient, times: int, path: str = "/sites") -> Counter[int]:
    """Send concurrent requests and count their statuses."""
    return Counter(answer.status_code for answer in await asyncio.gather(*(caller.get(path) for _ in range(times))))


async def test_no_limit_by_default(reader: httpx.AsyncClient) -> None:
    assert await count_statuses(reader, 100, "/auth/me") == {200: 100}
    assert "ratelimit" not in (await reader.get("/auth/me")).headers


async def test_exactly_the_allowed_requests_of_a_user_succeed(server: Server) -> None:
    async with share_store(server, rate_limit="10/hour") as limited:
        user = await limited.create_user()
        caller = limited.client_of(user)
        first = await caller.get("/sites")
        assert first.headers["ratelimit-policy"] == '"user";q=10;w=3600'
        assert first.headers["ratelimit"].startswith('"user";r=9;t=')
        assert await count_statuses(caller, 25) == {200: 9, 429: 16}
        refused = await limited.client_of(user).get("/sites")
        assert refused.status_code == 429
        assert 3500 < int(refused.headers["retry-after"]) <= 3600
        assert refused.headers["ratelimit"].startswith('"user";r=0;')
        assert (await limited.client_of(await limited.create_user()).get("/sites")).status_code == 200


async def test_api_keys_are_counted_separately(server: Server) -> None:
    async with share_store(server, rate_limit="3/hour") as limited:
        person = limited.client_of(await limited.create_user())
        program = limited.client((await person.post("/auth/keys", json={"name": "x"})).json()["token"])
        assert await count_statuses(person, 4) == {200: 2, 429: 2}
        assert await count_statuses(program, 4) == {200: 3, 429: 1}


async def test_addresses_are_limited_whoever_calls(server: Server) -> None:
    async with share_store(server, address_rate_limit="5/hour", require_https=False) as limited:
        here, there = limited.client(), limited.client(address=("192.0.2.7", 1))
        assert await count_statuses(here, 8) == {401: 5, 429: 3}
        assert await count_statuses(there, 1) == {401: 1}
        assert (await here.get("/openapi.json")).status_code == 200


async def test_logins_are_limited_by_address(server: Server) -> None:
    async with share_store(server, login_rate_limit="2/hour") as limited:
        user = await limited.create_user()
        login = {"login": user.login, "password": PASSWORD}
        answers = [(await limited.client().post("/auth/login", json=login)).status_code for _ in range(3)]
        assert answers == [200, 200, 429]
        assert (await limited.client_of(user).get("/auth/me")).status_code == 200


async def test_logins_are_limited_by_default_and_by_network(server: Server) -> None:
    assert Settings().login_rate_limit == "60/minute"
    async with share_store(server, login_rate_limit="2/hour", require_https=False) as limited:
        login = {"login": "nobody@example.com", "password": PASSWORD}
        addresses = ("2001:db8:9::1", "2001:db8:9::2", "2001:db8:9:0:f::3", "2001:db8:9:1::1")
        callers = [limited.client(address=(address, 1)) for address in addresses]
        statuses = [(await caller.post("/auth/login", json=login)).status_code for caller in callers]
        assert statuses == [401, 401, 429, 401]


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:51234", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::/64"),
        ("[2001:db8::7]:443", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("proxy.internal", "proxy.internal"),
    ],
)
def test_address_is_counted_by_its_group(text: str, group: str) -> None:
    assert group_address(text) == group


async def test_window_ends(server: Server) -> None:
    async with share_store(server, rate_limit="2/second") as limited:
        caller = limited.client_of(await limited.create_user())
        with time_machine.travel(datetime.now(UTC)) as present:
            assert (await count_statuses(caller, 4))[429] == 2
            present.shift(timedelta(seconds=1.1))
            assert (await caller.get("/sites")).status_code == 200


@pytest.mark.parametrize("limit", ["many", "10", "10/fortnight", ""])
def test_invalid_limit_is_refused(limit: str) -> None:
    with pytest.raises(ValidationError):
        Settings(rate_limit=limit)
