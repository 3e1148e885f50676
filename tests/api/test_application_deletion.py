"""Deletion of applications: nothing of them is left, nothing of others changes, whatever is interrupted."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from okube_api.api.application_deletion import CLAIM, LATER_PASSES, ApplicationDeletion
from okube_api.applications.deletions import DELETIONS
from okube_api.applications.repository import APPLICATIONS
from okube_api.auth.keys import KEYS
from okube_api.auth.repository import Role
from okube_api.errors import NotFound
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.retry import commit_with_retry
from okube_api.sites.repository import SITES
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.protocol import Change

from tests.api.application_content import (
    count_documents,
    count_rows,
    dump_application,
    fill_application,
    find_mentions,
)
from tests.api.server import PASSWORD, Server, Tenant, share_store
from tests.api.tenancy import create_resources

pytestmark = pytest.mark.anyio

NDJSON = {"Content-Type": "application/x-ndjson"}
SECOND_PASS = timedelta(seconds=60)
"""After this time, rows are removed on a store for several processes, too."""


async def delete(caller: httpx.AsyncClient, tenant: Tenant, **headers: str) -> httpx.Response:
    return await caller.delete(tenant.url, params={"confirm": tenant.key}, headers=headers)


async def run_passes(server: Server, ahead: timedelta) -> None:
    """Carry out the passes that are due at a later time."""
    server.clock.ahead = ahead
    await server.services.deletion.drain()
    await server.services.deletion.resume_in_background()
    await server.services.deletion.drain()


async def count_areas(server: Server, tenant: Tenant) -> int:
    """Return the number of partitions with areas, which `create_resources` has ingested."""
    async with server.services.store.open_reader(tenant.id) as reader:
        return len(await reader.list_parts(KINDS["areas"].table))


@pytest.fixture(autouse=True)
async def _no_later_passes(server: Server) -> AsyncIterator[None]:
    """Leave no pass to the next test, which would carry it out when it moves the clock."""
    yield
    await server.services.deletion.drain()
    await server.services.store.delete(DELETIONS, EVERYTHING)


@pytest.fixture
def idle_removal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes die right after an application is deleted."""
    monkeypatch.setattr(ApplicationDeletion, "_start", lambda *_: None)


@pytest.mark.slow
async def test_nothing_is_left_and_other_applications_are_untouched(
    server: Server, tenant: Tenant, other_tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    await fill_application(tenant, "own")
    await fill_application(other_tenant, "other")
    for counts in (await count_documents(server, tenant.id), await count_rows(server, tenant.id)):
        assert [name for name, count in counts.items() if not count] == []
    other = await dump_application(server, other_tenant.id)
    assert (await delete(platform, tenant)).status_code == 204
    await run_passes(server, SECOND_PASS)
    assert set((await count_documents(server, tenant.id)).values()) == {0}
    assert set((await count_rows(server, tenant.id)).values()) == {0}
    assert await server.services.store.find_numbers(tenant.id, "user", [b"0" * 16]) == [None]
    assert await server.services.store.next_number(tenant.id, "batches") == 1
    assert await find_mentions(server, tenant.id) == {DELETIONS.name}
    for delay in LATER_PASSES:
        await run_passes(server, delay)
    assert await find_mentions(server, tenant.id) == set()
    assert await dump_application(server, other_tenant.id) == other


@pytest.mark.usefixtures("idle_removal")
async def test_a_deleted_application_cannot_be_read_before_its_data_is_removed(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    names = await create_resources(tenant, tenant.key)
    lists = ("/sites", "/pois", "/campaigns", "/studies", "/applications")
    own: dict[str, str | int] = {"q": tenant.key, "per_page": 100}
    async with share_store(server) as other:
        readers = [tenant.admin, platform, other.client_of(tenant.users[Role.ADMIN])]
        for reader in readers:  # what they read is in memory then
            assert (await reader.get(f"{tenant.url}/sites")).status_code == 200
        etags = {}
        for path in lists:
            answer = await platform.get(path, params=own)
            assert tenant.id in answer.text, path
            etags[path] = answer.headers["ETag"]
        assert (await delete(platform, tenant)).status_code == 204
        for reader in readers:
            for path in (tenant.url, f"/a/{tenant.id}", f"{tenant.url}/sites", f"/sites/{names['site'][0]}"):
                assert (await reader.get(path)).status_code == 404, path
            for path in lists:
                answer = await reader.get(path, params=own, headers={"If-None-Match": etags[path]})
                assert answer.status_code == 200
                assert tenant.id not in answer.text, path
            assert (await reader.get(f"/jobs/{names['job'][0]}")).status_code == 404
            assert (await reader.get(f"/campaigns/{names['campaign'][1]}")).status_code == 404
            assert tenant.id not in (await reader.get("/auth/me")).text
            answer = await reader.post(f"{tenant.url}/sites", json={"name": "x", "online": True})
            assert answer.status_code == 404
            question = {"params": [{"kpi": "attendance"}]}
            assert (await reader.post(f"{tenant.url}/presence/analytics", json=question)).status_code == 404


@pytest.mark.usefixtures("idle_removal")
async def test_invitations_end_with_their_application(
    server: Server, tenant: Tenant, other_tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    invited = other_tenant.users[Role.READER].login
    logins = {f"{tenant.key}@example.com": "violet harbour tram 72", invited: PASSWORD}
    invitations = {}
    for login in logins:
        created = await tenant.admin.post(f"{tenant.url}/users", json={"login": login, "role": "reader"})
        assert created.status_code == 201, created.text
        invitations[login] = created.json()
    assert (await delete(platform, tenant)).status_code == 204
    for login, password in logins.items():
        body = {"token": invitations[login]["token"], "password": password}
        refused = await server.client().post("/auth/invitations/accept", json=body)
        assert refused.status_code == 422, refused.text
    assert await server.services.sessions.users.find_by_login(f"{tenant.key}@example.com") is None
    for action in ("accept", "decline"):
        url = f"/auth/invitations/{invitations[invited]['_id']}/{action}"
        assert (await other_tenant.reader.post(url)).status_code == 404


@pytest.mark.parametrize("dies_before_the_document", [True, False])
async def test_another_process_removes_what_a_killed_one_left(
    server: Server,
    tenant: Tenant,
    platform: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    dies_before_the_document: bool,
) -> None:
    await create_resources(tenant, "own")
    with monkeypatch.context() as patch:
        patch.setattr(ApplicationDeletion, "_start", lambda *_: None)
        assert (await delete(platform, tenant)).status_code == 204
    if dies_before_the_document:
        await server.services.store.insert(APPLICATIONS, [tenant.application])
    async with share_store(server) as other:
        await run_passes(other, timedelta(0))
        assert await server.services.store.count(SITES, equal("application", tenant.id)) == 1  # it may be at work
        await run_passes(other, CLAIM)
        await run_passes(other, CLAIM + SECOND_PASS)
    assert set((await count_documents(server, tenant.id)).values()) == {0}
    assert await count_areas(server, tenant) == 0


async def test_a_pass_that_fails_in_the_middle_is_carried_out_again(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_resources(tenant, "own")

    async def fail(*_: object) -> None:
        raise OSError("the process is killed")

    with monkeypatch.context() as patch:
        patch.setattr(ApplicationDeletion, "_remove_access", fail)
        assert (await delete(platform, tenant)).status_code == 204
        with pytest.raises(OSError, match="killed"):
            await server.services.deletion.drain()
    for ahead in (CLAIM, CLAIM + SECOND_PASS):
        await run_passes(server, ahead)
    assert set((await count_documents(server, tenant.id)).values()) == {0}
    assert await count_areas(server, tenant) == 0


async def test_a_later_pass_removes_what_a_slow_request_wrote(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    site = await tenant.create("sites", name="x", online=True)
    document = await server.services.sites.get_by_id(site["_id"])
    assert (await delete(platform, tenant)).status_code == 204
    await run_passes(server, SECOND_PASS)
    await server.services.store.insert(SITES, [document])
    assert (await platform.get(f"/sites/{site['_id']}")).status_code == 404
    await run_passes(server, LATER_PASSES[0])
    assert await server.services.store.count(SITES, equal("_id", site["_id"])) == 0


async def test_the_key_can_be_used_again_at_once(server: Server, tenant: Tenant, platform: httpx.AsyncClient) -> None:
    await create_resources(tenant, "own")
    assert (await delete(platform, tenant)).status_code == 204
    created = await platform.post("/applications", json={"key": tenant.key})
    assert created.status_code == 201, created.text
    assert created.json()["_id"] != tenant.id
    for kind in ("sites", "pois", "campaigns", "studies", "users", "views", "jobs", "ingest", "areas"):
        listed = (await platform.get(f"{tenant.url}/{kind}")).json()
        assert listed["documents"] == [], kind
    for client in tenant.clients.values():
        assert (await client.get(tenant.url)).status_code == 404
    await run_passes(server, SECOND_PASS)
    assert (await platform.get(tenant.url)).json()["_id"] == created.json()["_id"]


async def test_a_repeated_creation_does_not_answer_a_deleted_application(
    server: Server, platform: httpx.AsyncClient
) -> None:
    body, header = {"key": f"once {server.clock()}"}, {"Idempotency-Key": "once"}
    first = (await platform.post("/applications", json=body, headers=header)).json()
    await platform.delete(f"/a/{first['_id']}", params={"confirm": body["key"]})
    repeated = await platform.post("/applications", json=body, headers=header)
    assert repeated.status_code in {201, 404}  # by whether the recorded answer is removed already
    await server.services.deletion.drain()
    second = await platform.post("/applications", json=body, headers=header)
    assert second.status_code == 201
    assert second.json()["_id"] != first["_id"]


async def test_changes_of_a_deleted_application_fail(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    assert (await delete(platform, tenant)).status_code == 204

    async def write(change: Change) -> None:
        raise AssertionError

    with pytest.raises(NotFound):
        await commit_with_retry(server.services.store, tenant.id, "late", write)


async def test_a_change_in_flight_is_stopped_by_the_deletion(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    has_begun = asyncio.Event()

    async def write(_change: Change) -> None:
        has_begun.set()
        await asyncio.Event().wait()

    change = asyncio.create_task(commit_with_retry(server.services.store, tenant.id, "long", write))
    await has_begun.wait()
    assert (await delete(platform, tenant)).status_code == 204
    with pytest.raises(NotFound):
        await change
    await run_passes(server, SECOND_PASS)
    assert set((await count_documents(server, tenant.id)).values()) == {0}


async def test_an_upload_in_flight_is_refused_and_leaves_nothing(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    has_begun, is_deleted = asyncio.Event(), asyncio.Event()

    async def send_slowly() -> AsyncIterator[bytes]:
        line = b'{"user": "u", "at": "2024-03-28T10:00:00Z", "lng": 4.8, "lat": 45.7}\n'
        yield line * 1000
        has_begun.set()
        await is_deleted.wait()
        yield line * 1000

    upload = asyncio.create_task(
        tenant.editor.post(f"{tenant.url}/ingest/pings", content=send_slowly(), headers=NDJSON)
    )
    await has_begun.wait()
    assert (await delete(platform, tenant)).status_code == 204
    await server.services.deletion.drain()
    is_deleted.set()
    answer = await upload
    assert answer.status_code in {401, 404}, answer.text
    for ahead in (SECOND_PASS, LATER_PASSES[0]):
        await run_passes(server, ahead)
    assert set((await count_documents(server, tenant.id)).values()) == {0}
    async with server.services.store.open_reader(tenant.id) as reader:
        assert await reader.list_parts(KINDS["pings"].table) == []


async def test_api_keys_lose_the_application_and_never_gain_others(
    server: Server, tenant: Tenant, other_tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    tokens = [
        (await platform.post("/auth/keys", json={"name": "x", "applications": names})).json()["token"]
        for names in ([tenant.id], [tenant.id, other_tenant.id])
    ]
    before = await server.services.store.count(
        KEYS, equal("user", (await platform.get("/auth/me")).json()["user"]["_id"])
    )
    assert before == 2
    await delete(platform, tenant)
    await server.services.deletion.drain()
    assert (await server.client(tokens[0]).get("/applications")).status_code == 401
    listed = (await server.client(tokens[1]).get("/applications")).json()["documents"]
    assert [document["_id"] for document in listed] == [other_tenant.id]


async def test_an_api_key_that_is_revoked_meanwhile_does_not_stop_the_removal(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = server.services.sessions.keys
    drop = keys.drop_application

    async def revoke_first(key: dict[str, Any], application: str) -> None:
        await keys.remove(key)
        await drop(key, application)

    await platform.post("/auth/keys", json={"name": "x", "applications": [tenant.id]})
    monkeypatch.setattr(keys, "drop_application", revoke_first)
    assert (await delete(platform, tenant)).status_code == 204
    await server.services.deletion.drain()
    assert set((await count_documents(server, tenant.id)).values()) == {0}


# -- who may delete, and confirmation -----------------------------------------------------------------------------


@pytest.mark.parametrize(("confirm", "status"), [({}, 400), ({"confirm": "another"}, 422)])
async def test_the_key_confirms_the_deletion(
    tenant: Tenant, platform: httpx.AsyncClient, confirm: dict[str, str], status: int
) -> None:
    refused = await platform.delete(tenant.url, params=confirm)
    (fault,) = refused.json()["errors"]
    assert (refused.status_code, fault["in"], fault["pointer"]) == (status, "query", "/confirm")
    assert (await platform.get(tenant.url)).status_code == 200


async def test_only_platform_administrators_delete(
    tenant: Tenant, stranger: httpx.AsyncClient, platform: httpx.AsyncClient
) -> None:
    assert (await delete(tenant.admin, tenant)).status_code == 403
    assert (await delete(stranger, tenant)).status_code == 404
    assert (await platform.get(tenant.url)).status_code == 200


async def test_an_outdated_precondition_deletes_nothing(tenant: Tenant, platform: httpx.AsyncClient) -> None:
    etag = (await platform.get(tenant.url)).headers["ETag"]
    await platform.put(tenant.url, json={"name": "Another"})
    assert (await delete(platform, tenant, **{"If-Match": etag})).status_code == 412
    etag = (await platform.get(tenant.url)).headers["ETag"]
    assert (await delete(platform, tenant, **{"If-Match": etag})).status_code == 204
    assert (await delete(platform, tenant)).status_code == 404
