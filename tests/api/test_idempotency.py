"""`Idempotency-Key`: the request is carried out once and gets the same answer again."""

import asyncio
from collections import Counter
from datetime import timedelta

import httpx
import pytest

from tests.api.server import MovableClock, Server, Tenant

pytestmark = pytest.mark.anyio

SITE = {"name": "Lyon", "online": True}


async def create_site(caller: httpx.AsyncClient, tenant: Tenant, key: str, body: object = SITE) -> httpx.Response:
    """Create a site with an idempotency key."""
    return await caller.post(f"{tenant.url}/sites", json=body, headers={"Idempotency-Key": key})


async def count_sites(tenant: Tenant) -> int:
    """Return the number of sites in the application."""
    listed = (await tenant.reader.get(f"{tenant.url}/sites", params={"per_page": 0})).json()
    return int(listed["_$paginated"]["total"])


async def test_repeated_request_is_carried_out_once(tenant: Tenant) -> None:
    first = await create_site(tenant.editor, tenant, "once")
    again = await create_site(tenant.editor, tenant, "once")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await count_sites(tenant) == 1


async def test_concurrent_requests_create_one_site(tenant: Tenant) -> None:
    answers = await asyncio.gather(*(create_site(tenant.editor, tenant, "many") for _ in range(100)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {201, 409}
    assert statuses[201] >= 1
    assert len({answer.json()["_id"] for answer in answers if answer.status_code == 201}) == 1
    assert await count_sites(tenant) == 1
    assert (await create_site(tenant.editor, tenant, "many")).status_code == 201


@pytest.mark.parametrize("body", [{"name": "Paris", "online": True}, {"online": True, "name": "Lyon"}])
async def test_other_body_with_the_same_key_is_refused(tenant: Tenant, body: dict[str, object]) -> None:
    await create_site(tenant.editor, tenant, "one")
    answer = await create_site(tenant.editor, tenant, "one", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert answer.json()["errors"][0]["in"] == "header"
    assert await count_sites(tenant) == 1


async def test_other_path_with_the_same_key_is_refused(tenant: Tenant) -> None:
    await create_site(tenant.editor, tenant, "one", {"key": "k", **SITE})
    answer = await tenant.editor.post(
        f"{tenant.url}/studies", json={"key": "k", **SITE}, headers={"Idempotency-Key": "one"}
    )
    assert answer.status_code == 422


async def test_request_in_progress_is_409(server: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    sites, started, released = server.services.sites, asyncio.Event(), asyncio.Event()
    create = type(sites).create

    async def wait_and_create(*arguments: object, **named: object) -> object:
        started.set()
        await released.wait()
        return await create(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(type(sites), "create", wait_and_create)
    first = asyncio.create_task(create_site(tenant.editor, tenant, "slow"))
    await started.wait()
    assert (await create_site(tenant.editor, tenant, "slow")).status_code == 409
    released.set()
    assert (await first).status_code == 201
    assert (await create_site(tenant.editor, tenant, "slow")).json() == (await first).json()


async def test_refused_request_releases_the_key(tenant: Tenant) -> None:
    assert (await create_site(tenant.editor, tenant, "k", {"name": 7, "online": True})).status_code == 400
    assert (await create_site(tenant.reader, tenant, "k")).status_code == 403
    assert (await create_site(tenant.editor, tenant, "k")).status_code == 201


async def test_disconnected_client_releases_the_key(
    server: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = asyncio.Event()

    async def never_finish(*_: object, **__: object) -> None:
        started.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(type(server.services.sites), "create", never_finish)
        request = asyncio.create_task(create_site(tenant.editor, tenant, "left"))
        await started.wait()
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
    assert (await create_site(tenant.editor, tenant, "left")).status_code == 201


async def test_keys_are_separate_for_each_caller(tenant: Tenant, platform: httpx.AsyncClient) -> None:
    first = await create_site(tenant.editor, tenant, "same")
    second = await create_site(platform, tenant, "same")
    assert first.json()["_id"] != second.json()["_id"]


async def test_key_expires_after_a_day(tenant: Tenant, clock: MovableClock) -> None:
    first = await create_site(tenant.editor, tenant, "day")
    clock.ahead = timedelta(hours=23)
    assert (await create_site(tenant.editor, tenant, "day")).json() == first.json()
    clock.ahead = timedelta(hours=25)
    assert (await create_site(tenant.editor, tenant, "day")).json()["_id"] != first.json()["_id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "two words"])
async def test_invalid_key_is_refused(tenant: Tenant, key: str) -> None:
    assert (await create_site(tenant.editor, tenant, key)).status_code == 400


async def test_answer_with_a_secret_is_not_stored(server: Server, editor: httpx.AsyncClient) -> None:
    """Create two API keys with one idempotency key: the answer contains the token, so it is never replayed."""
    headers = {"Idempotency-Key": "key"}
    answers = [await editor.post("/auth/keys", json={"name": "x"}, headers=headers) for _ in range(2)]
    assert answers[0].json()["_id"] != answers[1].json()["_id"]
