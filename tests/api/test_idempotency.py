"""`Idempotency-Key`: carried out once, answered the same again."""

import asyncio
from collections import Counter
from datetime import timedelta

import httpx
import pytest

from tests.api.server import MovableClock, Server, Tenant

pytestmark = pytest.mark.anyio

SITE = {"name": "Lyon", "online": True}


async def posted(caller: httpx.AsyncClient, tenant: Tenant, key: str, body: object = SITE) -> httpx.Response:
    """The answer to a creation under a key."""
    return await caller.post(f"{tenant.url}/sites", json=body, headers={"Idempotency-Key": key})


async def total(tenant: Tenant) -> int:
    """How many sites the application has."""
    listed = (await tenant.reader.get(f"{tenant.url}/sites", params={"per_page": 0})).json()
    return int(listed["_$paginated"]["total"])


async def test_the_same_request_is_answered_the_same_and_done_once(tenant: Tenant) -> None:
    first = await posted(tenant.editor, tenant, "once")
    again = await posted(tenant.editor, tenant, "once")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await total(tenant) == 1


async def test_a_hundred_at_once_make_one(tenant: Tenant) -> None:
    answers = await asyncio.gather(*(posted(tenant.editor, tenant, "many") for _ in range(100)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {201, 409}
    assert statuses[201] >= 1
    assert len({answer.json()["_id"] for answer in answers if answer.status_code == 201}) == 1
    assert await total(tenant) == 1
    assert (await posted(tenant.editor, tenant, "many")).status_code == 201


@pytest.mark.parametrize("body", [{"name": "Paris", "online": True}, {"online": True, "name": "Lyon"}])
async def test_another_body_under_the_same_key_is_refused(tenant: Tenant, body: dict[str, object]) -> None:
    await posted(tenant.editor, tenant, "one")
    answer = await posted(tenant.editor, tenant, "one", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert answer.json()["errors"][0]["in"] == "header"
    assert await total(tenant) == 1


async def test_another_path_under_the_same_key_is_refused(tenant: Tenant) -> None:
    await posted(tenant.editor, tenant, "one", {"key": "k", **SITE})
    answer = await tenant.editor.post(
        f"{tenant.url}/studies", json={"key": "k", **SITE}, headers={"Idempotency-Key": "one"}
    )
    assert answer.status_code == 422


async def test_while_it_is_under_way_it_is_409(server: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    sites, held = server.services.sites, asyncio.Event()
    create = type(sites).create

    async def slow(*given: object, **named: object) -> object:
        await held.wait()
        return await create(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(type(sites), "create", slow)
    first = asyncio.create_task(posted(tenant.editor, tenant, "slow"))
    await asyncio.sleep(0.2)
    assert (await posted(tenant.editor, tenant, "slow")).status_code == 409
    held.set()
    assert (await first).status_code == 201
    assert (await posted(tenant.editor, tenant, "slow")).json() == (await first).json()


async def test_a_refusal_leaves_the_key_free(tenant: Tenant) -> None:
    assert (await posted(tenant.editor, tenant, "k", {"name": 7, "online": True})).status_code == 400
    assert (await posted(tenant.reader, tenant, "k")).status_code == 403
    assert (await posted(tenant.editor, tenant, "k")).status_code == 201


async def test_a_caller_who_leaves_leaves_the_key_free(
    server: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    with monkeypatch.context() as patched:
        patched.setattr(type(server.services.sites), "create", never)
        gone = asyncio.create_task(posted(tenant.editor, tenant, "left"))
        await asyncio.sleep(0.2)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
    assert (await posted(tenant.editor, tenant, "left")).status_code == 201


async def test_a_key_is_the_callers_own(tenant: Tenant, platform: httpx.AsyncClient) -> None:
    first = await posted(tenant.editor, tenant, "same")
    second = await posted(platform, tenant, "same")
    assert first.json()["_id"] != second.json()["_id"]


async def test_a_key_is_forgotten_after_a_day(tenant: Tenant, clock: MovableClock) -> None:
    first = await posted(tenant.editor, tenant, "day")
    clock.ahead = timedelta(hours=23)
    assert (await posted(tenant.editor, tenant, "day")).json() == first.json()
    clock.ahead = timedelta(hours=25)
    assert (await posted(tenant.editor, tenant, "day")).json()["_id"] != first.json()["_id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "two words"])
async def test_a_bad_key_is_refused(tenant: Tenant, key: str) -> None:
    assert (await posted(tenant.editor, tenant, key)).status_code == 400


async def test_no_secret_is_kept(server: Server, editor: httpx.AsyncClient) -> None:
    """The answer of a new API key holds its token: it is made anew, never replayed."""
    made = [await editor.post("/auth/keys", json={"name": "x"}, headers={"Idempotency-Key": "key"}) for _ in range(2)]
    assert made[0].json()["_id"] != made[1].json()["_id"]
