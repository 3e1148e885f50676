"""Each cache by each way of losing access: what was answered before is not answered again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from okube_api.api import route
from okube_api.applications.repository import APPLICATIONS
from okube_api.areas.repository import AREAS as STORED_AREAS
from okube_api.auth.repository import Role, User
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.sites.repository import SITES
from okube_api.store.conditions import equal
from okube_api.views.repository import VIEWS

from tests.api.connections import delay_body
from tests.api.server import LOOPBACK, PASSWORD, Json, Server, Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

REFUSALS = {401, 403, 404}
NEW_PASSWORD = "violet harbour tram 72"
SITE = {"name": "Lyon", "online": True}
QUESTION = {"params": [{"kpi": "prints", "mode": "aggregation"}]}


@dataclass(frozen=True)
class Caller:
    """An editor of an application and of another one, with a token or an API key."""

    server: Server
    tenant: Tenant
    user: User
    client: httpx.AsyncClient
    session: httpx.AsyncClient
    key: str


Request = Callable[[Caller], Awaitable[httpx.Response]]
Loss = Callable[[Caller], Awaitable[object]]


# -- caches: the first answer is 2xx and fills the cache, the second one comes from it ---------------------------


async def repeat_creation(caller: Caller) -> httpx.Response:
    """Create a site with an idempotency key, under the application."""
    headers = {"Idempotency-Key": "matrix"}
    return await caller.client.post(f"{caller.tenant.url}/sites", json=SITE, headers=headers)


async def repeat_creation_with_app(caller: Caller) -> httpx.Response:
    """Create a site with an idempotency key, the application being named in the body."""
    body = {**SITE, "app": caller.tenant.key}
    return await caller.client.post("/sites", json=body, headers={"Idempotency-Key": "matrix"})


async def repeat_upload(caller: Caller) -> httpx.Response:
    """Ingest with an idempotency key."""
    headers = {"Idempotency-Key": "matrix", "Content-Type": "application/x-ndjson"}
    area = b'{"code": "693820101", "name": "x", "lng": 4.8, "lat": 45.7}\n'
    return await caller.client.post(f"{caller.tenant.url}/ingest/areas", content=area, headers=headers)


async def ask_question(caller: Caller) -> httpx.Response:
    """Ask a question whose answer is cached."""
    return await caller.client.post(f"{caller.tenant.url}/conversions/levers/analytics", json=QUESTION)


async def repeat_question(caller: Caller) -> httpx.Response:
    """Ask a question until its response is known before the route."""
    return [await ask_question(caller) for _ in range(3)][-1]


async def ask_question_of_resource(caller: Caller) -> httpx.Response:
    """Ask a question about a campaign, whose resources are cached."""
    body = {**QUESTION, "filters": {"campaigns": ["print"]}}
    await caller.tenant.editor.post(f"{caller.tenant.url}/campaigns", json={"key": "print"})
    return await caller.client.post(f"{caller.tenant.url}/conversions/levers/analytics", json=body)


async def list_conditionally(caller: Caller) -> httpx.Response:
    """Read a list with the tag of its last answer."""
    url = f"{caller.tenant.url}/sites"
    tag = caller.client.headers.get("If-None-Match")
    answer = await caller.client.get(url)
    if tag is None and answer.status_code == 200:
        caller.client.headers["If-None-Match"] = answer.headers["ETag"]
    return answer


async def list_any_version(caller: Caller) -> httpx.Response:
    """Read a list with a condition that matches every tag."""
    return await caller.client.get(f"{caller.tenant.url}/sites", headers={"If-None-Match": "*"})


async def read_document_conditionally(caller: Caller) -> httpx.Response:
    """Read the application with the tag of its last answer."""
    tag = caller.client.headers.get("If-None-Match")
    answer = await caller.client.get(caller.tenant.url)
    if tag is None and answer.status_code == 200:
        caller.client.headers["If-None-Match"] = answer.headers["ETag"]
    return answer


CACHES: tuple[Request, ...] = (
    repeat_creation,
    repeat_creation_with_app,
    repeat_upload,
    ask_question,
    repeat_question,
    ask_question_of_resource,
    list_conditionally,
    list_any_version,
    read_document_conditionally,
)
WRITERS = (repeat_creation, repeat_creation_with_app, repeat_upload)


# -- ways of losing access ---------------------------------------------------------------------------------------


def user_url(caller: Caller) -> str:
    """Return the path of the caller among the users of the application."""
    return f"{caller.tenant.url}/users/{caller.user.id}"


async def remove_role(caller: Caller) -> object:
    """Remove the role in the application."""
    return (await caller.tenant.admin.delete(user_url(caller))).raise_for_status()


async def disable_role(caller: Caller) -> object:
    """Suspend the role in the application."""
    return (await caller.tenant.admin.put(user_url(caller), json={"disabled": True})).raise_for_status()


async def lower_role(caller: Caller) -> object:
    """Make the editor a reader, who does not write."""
    return (await caller.tenant.admin.put(user_url(caller), json={"role": "reader"})).raise_for_status()


async def disable_user(caller: Caller) -> object:
    """Disable the user in all applications."""
    users = caller.server.services.sessions.users

    async def disable(stored: Json) -> Json:
        return stored | {"disabled": True}

    return await users.change(await users.get_by_id(caller.user.id), disable)


async def change_password(caller: Caller) -> object:
    """Change the password, which ends tokens and keys."""
    body = {"current": PASSWORD, "new": NEW_PASSWORD}
    return (await caller.session.post("/auth/password", json=body)).raise_for_status()


async def revoke_credentials(caller: Caller) -> object:
    """Log out, and revoke the API key."""
    (await caller.session.delete(f"/auth/keys/{caller.key}")).raise_for_status()
    return (await caller.session.post("/auth/logout")).raise_for_status()


async def delete_application(caller: Caller) -> object:
    """Delete the document of the application."""
    return await caller.server.services.store.delete(APPLICATIONS, equal("_id", caller.tenant.id))


LOSSES: tuple[Loss, ...] = (
    remove_role,
    disable_role,
    lower_role,
    disable_user,
    change_password,
    revoke_credentials,
    delete_application,
)


@pytest.fixture(params=["token", "key"])
async def caller(request: pytest.FixtureRequest, server: Server) -> Caller:
    """Return an editor with a token or an API key."""
    tenant, other = await server.create_tenant(), await server.create_application()
    user = await server.create_user(roles={tenant.id: Role.EDITOR, other["_id"]: Role.EDITOR})
    session = server.client_of(user)
    key = (await session.post("/auth/keys", json={"name": uuid4().hex})).json()
    client = server.client(key["token"]) if request.param == "key" else server.client(server.issue_token(user))
    if request.param == "token":
        session = client
    return Caller(server, tenant, user, client, session, key["_id"])


@pytest.mark.parametrize("lose_access", LOSSES)
@pytest.mark.parametrize("repeat_request", CACHES)
async def test_cached_answer_ends_with_the_access(caller: Caller, repeat_request: Request, lose_access: Loss) -> None:
    if lose_access is lower_role and repeat_request not in WRITERS:
        return  # a reader may still read
    first, second = await repeat_request(caller), await repeat_request(caller)
    assert first.status_code in {200, 201, 202, 304}, first.text
    assert second.status_code in {200, 201, 202, 304}, second.text
    await lose_access(caller)
    for _ in range(2):
        lost = await repeat_request(caller)
        assert lost.status_code in REFUSALS, lost.text


async def test_only_platform_administrators_get_the_answer_of_a_creation_again(server: Server) -> None:
    user = await server.create_user(platform_admin=True)
    session = server.client_of(user)
    users, key = server.services.sessions.users, (await session.post("/auth/keys", json={"name": "x", "role": "admin"}))
    body, headers = {"key": uuid4().hex}, {"Idempotency-Key": uuid4().hex}
    for _ in range(2):
        assert (await session.post("/applications", json=body, headers=headers)).status_code == 201
    restricted = server.client(key.json()["token"])
    assert (await restricted.post("/applications", json=body, headers=headers)).status_code == 403

    async def demote(stored: Json) -> Json:
        return stored | {"platformAdmin": False}

    await users.change(await users.get_by_id(user.id), demote)
    assert (await session.post("/applications", json=body, headers=headers)).status_code == 403


# -- access that is lost during an upload ------------------------------------------------------------------------

AREAS = (b'{"code": "693820101", "name": "x", "lng": 4.8, "lat": 45.7}\n', b'{"code": "2", "lng": 4, "lat": 45}\n')
TABLE_HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\nkey\nfirst\n'
UPLOADS = (
    ("ingest/areas", "application/x-ndjson", AREAS),
    ("campaigns", "multipart/form-data; boundary=x", (TABLE_HEAD, b"second\n\r\n--x--\r\n")),
    ("campaigns", "application/json", (b'[{"key": "first"},', b'{"key": "second"}]')),
)


@pytest.mark.parametrize("lose_access", LOSSES)
@pytest.mark.parametrize(("path", "media_type", "parts"), UPLOADS)
async def test_upload_ends_with_the_access(
    caller: Caller, path: str, media_type: str, parts: tuple[bytes, bytes], lose_access: Loss
) -> None:
    """Send a part of an upload, lose the access, and send the rest."""

    async def send_parts() -> AsyncIterator[bytes]:
        """Yield the parts, and lose the access in between."""
        yield parts[0]
        await lose_access(caller)
        yield parts[1]

    url, headers = f"{caller.tenant.url}/{path}", {"Content-Type": media_type}
    lost = await caller.client.post(url, content=send_parts(), headers=headers)
    assert lost.status_code in REFUSALS, lost.text
    store = caller.server.services.store
    for collection in (CAMPAIGNS, STORED_AREAS):
        assert await store.count(collection, equal("application", caller.tenant.id)) == 0


LATE = (
    ("sites", SITE),
    ("campaigns", {"key": "first"}),
    ("views", {"name": "x", "path": "overview", "shared": True}),
)


@pytest.mark.parametrize("lose_access", LOSSES)
@pytest.mark.parametrize(("path", "body"), LATE)
async def test_late_body_does_not_outlive_the_access(
    caller: Caller, path: str, body: Json, lose_access: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Send the head of a request, lose the access, and send the whole body."""
    if lose_access is lower_role and path == "views":
        return  # a reader may still save views
    monkeypatch.setattr(route, "_LATE_S", 0.0)
    app = delay_body(caller.server.app, lambda: lose_access(caller))
    transport = httpx.ASGITransport(app, client=LOOPBACK)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers=caller.client.headers
    ) as late:
        lost = await late.post(f"{caller.tenant.url}/{path}", json=body)
    assert lost.status_code in REFUSALS, lost.text
    for collection in (CAMPAIGNS, SITES, VIEWS):
        assert await caller.server.services.store.count(collection, equal("application", caller.tenant.id)) == 0


@pytest.mark.parametrize("lose_access", [disable_user, change_password, revoke_credentials])
async def test_late_body_gets_no_api_key(server: Server, lose_access: Loss, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send the head of a request for an API key, lose the login, and send the whole body."""
    monkeypatch.setattr(route, "_LATE_S", 0.0)
    tenant = await server.create_tenant()
    user = tenant.users[Role.EDITOR]
    session = server.client_of(user)
    key = (await session.post("/auth/keys", json={"name": "x"})).json()["_id"]
    caller = Caller(server, tenant, user, session, session, key)
    transport = httpx.ASGITransport(delay_body(server.app, lambda: lose_access(caller)), client=LOOPBACK)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=session.headers) as late:
        refused = await late.post("/auth/keys", json={"name": "y", "survivesPasswordChange": True})
    assert refused.status_code == 401, refused.text


async def test_any_version_of_a_foreign_list_is_not_found(tenant: Tenant, stranger: httpx.AsyncClient) -> None:
    for url in (tenant.url, "/applications/no-such"):
        answer = await stranger.get(f"{url}/sites", headers={"If-None-Match": "*"})
        assert answer.status_code == 404
