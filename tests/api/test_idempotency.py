"""`Idempotency-Key`: the request is carried out once and gets the same answer again."""

import asyncio
import base64
import json
import zlib
from collections import Counter
from datetime import timedelta

import httpx
import pytest
from okube_api.clock import stamp
from okube_api.http.idempotency import IDEMPOTENCY, LEASE_LIFETIME
from okube_api.ingest.load import file_blocks
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.errors import Unavailable
from starlette.responses import Response

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
    answers = await asyncio.gather(*(create_site(tenant.editor, tenant, "many") for _ in range(30)))
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


# -- answers with a secret ---------------------------------------------------------------------------------------


def build_secret_request(tenant: Tenant, name: str) -> tuple[str, dict[str, object]]:
    """Return the path and body of a request whose answer has a token: an API key, or an invitation."""
    if name == "key":
        return "/auth/keys", {"name": "nightly", "applications": [tenant.key]}
    return f"{tenant.url}/users", {"login": f"{tenant.key}@example.com", "role": "reader"}


async def use_token(server: Server, tenant: Tenant, name: str, token: str) -> int:
    """Return the status of a request that needs the token of an answer."""
    if name == "key":
        return (await server.client(token).get(f"{tenant.url}/sites")).status_code
    body = {"token": token, "password": "violet harbour tram 72"}
    return (await server.client().post("/auth/invitations/accept", json=body)).status_code


@pytest.mark.parametrize(("name", "status"), [("key", 200), ("invitation", 204)])
async def test_repetition_gets_the_same_secret(server: Server, tenant: Tenant, name: str, status: int) -> None:
    path, body = build_secret_request(tenant, name)
    first, again = [await tenant.admin.post(path, json=body, headers={"Idempotency-Key": name}) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["token"]
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert await use_token(server, tenant, name, again.json()["token"]) == status
    other = await tenant.admin.post("/auth/keys", json={"name": "nightly"}, headers={"Idempotency-Key": "other"})
    assert other.json()["token"] != first.json()["token"]


@pytest.mark.parametrize("name", ["key", "invitation"])
async def test_stored_answer_does_not_contain_the_secret(server: Server, tenant: Tenant, name: str) -> None:
    await server.services.store.delete(IDEMPOTENCY, EVERYTHING)
    path, body = build_secret_request(tenant, name)
    token = (await tenant.admin.post(path, json=body, headers={"Idempotency-Key": name})).json()["token"]
    (stored,) = await server.services.store.find(IDEMPOTENCY, EVERYTHING)
    assert token not in json.dumps(stored)
    raw = base64.urlsafe_b64decode(stored["answer"]["body"])
    assert token.encode() not in raw
    with pytest.raises(zlib.error):
        zlib.decompress(raw)


@pytest.mark.parametrize(("name", "status"), [("key", 200), ("invitation", 204)])
async def test_secret_of_an_attempt_without_an_answer_is_answered_again(
    server: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, name: str, status: int
) -> None:
    path, body = build_secret_request(tenant, name)
    answers: list[dict[str, object]] = []

    async def lose_answer(claim: object, response: Response, *_: object) -> None:
        answers.append(json.loads(bytes(response.body)))
        raise Unavailable("The database did not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(server.services.idempotency, "_store_answer", lose_answer)
        assert (await tenant.admin.post(path, json=body, headers={"Idempotency-Key": name})).status_code == 503
    again = await tenant.admin.post(path, json=body, headers={"Idempotency-Key": name})
    assert (again.status_code, again.json()) == (201, answers[0])
    assert await use_token(server, tenant, name, again.json()["token"]) == status


async def test_login_created_by_an_attempt_without_an_answer_is_found(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"login": f"{tenant.key}@example.com", "role": "reader", "password": "violet harbour tram 72"}
    headers = {"Idempotency-Key": "login"}

    async def fail(*_: object) -> None:
        raise Unavailable("The database did not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(server.services.idempotency, "_store_answer", fail)
        assert (await platform.post(f"{tenant.url}/users", json=body, headers=headers)).status_code == 503
    user = await server.find_user(body["login"])
    again = await platform.post(f"{tenant.url}/users", json=body, headers=headers)
    assert (again.status_code, again.json()["_id"]) == (201, user.id)


async def test_api_key_does_not_get_the_token_of_a_key_that_its_user_created(server: Server, tenant: Tenant) -> None:
    """Repeat a creation with a key of the same user, which could not create one: it may be restricted."""
    weak = (await tenant.admin.post("/auth/keys", json={"name": "weak", "role": "reader"})).json()["token"]
    body, headers = {"name": "strong"}, {"Idempotency-Key": "strong"}
    assert (await tenant.admin.post("/auth/keys", json=body, headers=headers)).status_code == 201
    answer = await server.client(weak).post("/auth/keys", json=body, headers=headers)
    assert (answer.status_code, answer.json().get("token")) == (403, None)


# -- attempts that ended without an answer -----------------------------------------------------------------------

STAY = '{"user": "u", "site": "lyon", "start": "2025-03-01T10:00:00Z", "duration_s": 600, "zone": "indoor"}\n'
POI_TABLE = "name,latitude,longitude\nA,45.7,4.8\nB,45.8,4.9\n"

REQUESTS: dict[str, dict[str, object]] = {
    "sites": {"json": SITE},
    "pois": {"json": {"name": "Park", "coordinates": [4.8, 45.7]}},
    "campaigns": {"json": {"name": "Spring", "key": "spring"}},
    "levers": {"json": {"key": "mail", "name": "Mail"}},
    "studies": {"json": {"key": "all-shops", "name": "All", "sites": ["lyon"]}},
    "equipments": {"json": {"key": "box"}},
    "views": {"json": {"name": "Monday", "path": "overview", "shared": True}},
    "campaigns of a list": {"json": [{"name": "One", "key": "one"}, {"name": "Two", "key": "two"}]},
    "pois of a table": {"files": {"file": ("x.csv", POI_TABLE, "text/csv")}},
    "ingest": {"content": STAY, "headers": {"Content-Type": "application/x-ndjson"}},
}


def get_url(tenant: Tenant, name: str) -> str:
    """Return the URL of a request of `REQUESTS`."""
    if name == "equipments":
        return f"{tenant.url}/sites/lyon/equipments"
    return f"{tenant.url}/ingest/stays" if name == "ingest" else f"{tenant.url}/{name.partition(' ')[0]}"


async def send(tenant: Tenant, name: str, key: str) -> httpx.Response:
    """Send a request of `REQUESTS` with an idempotency key."""
    fields = dict(REQUESTS[name])
    headers = {"Idempotency-Key": key, **fields.pop("headers", {})}  # type: ignore[dict-item]
    return await tenant.admin.post(get_url(tenant, name), headers=headers, **fields)  # type: ignore[arg-type]


async def list_ids(tenant: Tenant, name: str) -> set[str]:
    """Return the ids of all resources of the kind that a request creates."""
    url = f"{tenant.url}/ingest" if name == "ingest" else get_url(tenant, name)
    listed = (await tenant.reader.get(url, params={"per_page": 100})).json()
    return {document["_id"] for document in listed["documents"]}


def without_times(answer: object) -> object:
    """Return an answer without what differs between two attempts: tags and instants."""
    if isinstance(answer, list):
        return [without_times(element) for element in answer]
    if isinstance(answer, dict):
        return {name: value for name, value in answer.items() if name not in {"updatedAt", "version"}}
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("ending", ["killed", "failed"])
async def test_repetition_finds_what_an_attempt_without_an_answer_created(
    server: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, name: str, ending: str
) -> None:
    """End the first attempt after its document was written and before its answer was stored."""
    await server.services.store.delete(IDEMPOTENCY, EVERYTHING)
    await tenant.create("sites", key="lyon", **SITE)
    before = await list_ids(tenant, name)
    answers: list[object] = []
    idempotency = server.services.idempotency

    async def lose_answer(claim: object, response: Response, *_: object) -> None:
        answers.append(json.loads(bytes(response.body)))
        raise Unavailable("The database did not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(idempotency, "_store_answer", lose_answer)
        assert (await send(tenant, name, "k")).status_code == 503
    created = await list_ids(tenant, name) - before
    if ending == "killed":  # as if it had been in another process, which ended a moment ago
        (claim,) = await server.services.store.find(IDEMPOTENCY, EVERYTHING)
        lease = {"owner": "another", "leaseUntil": stamp(server.clock() + timedelta(seconds=0.2))}
        await server.services.store.update(IDEMPOTENCY, equal("_id", claim["_id"]), lease)
    again = await send(tenant, name, "k")
    assert again.status_code in {200, 201}, again.text
    assert without_times(again.json()) == without_times(answers[0])
    assert await list_ids(tenant, name) - before == created
    assert len(created) == (2 if " of a " in name else 1)
    replayed = await send(tenant, name, "k")
    assert (replayed.json(), replayed.headers["idempotency-replayed"]) == (again.json(), "true")


async def test_upload_that_was_killed_is_taken_again_by_its_repetition(
    server: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """End the first attempt between the storing of the batch and its publication."""
    await tenant.create("sites", key="lyon", **SITE)
    publisher = server.services.ingest._publisher

    async def fail(*_: object) -> None:
        raise Unavailable("The database did not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(file_blocks, "SMALL_BYTES", 0)  # small files are stored and published in one change
        patched.setattr(publisher, "_publish_waiting", fail)  # the batch is stored, and not published
        assert (await send(tenant, "ingest", "k")).status_code == 503
    (identifier,) = await list_ids(tenant, "ingest")
    again = await send(tenant, "ingest", "k")
    assert (again.status_code, again.json()["_id"], again.json()["accepted"]) == (201, identifier, 1)
    assert await list_ids(tenant, "ingest") == {identifier}


async def test_claim_that_another_process_renews_is_in_progress(server: Server, tenant: Tenant) -> None:
    if server.store == "duckdb":
        return  # no other process can have the store open
    store = server.services.store
    await store.delete(IDEMPOTENCY, EVERYTHING)
    await create_site(tenant.editor, tenant, "k")
    (claim,) = await store.find(IDEMPOTENCY, EVERYTHING)
    alive = {name: value for name, value in claim.items() if name != "answer"} | {"owner": "another"}
    alive["leaseUntil"] = stamp(server.clock() + LEASE_LIFETIME)
    await store.replace(IDEMPOTENCY, equal("_id", claim["_id"]), alive)
    waiting = asyncio.create_task(create_site(tenant.editor, tenant, "k"))
    await asyncio.sleep(0.3)
    lease = {"leaseUntil": stamp(server.clock() + LEASE_LIFETIME)}
    await store.update(IDEMPOTENCY, equal("_id", claim["_id"]), lease)
    assert (await waiting).status_code == 409
