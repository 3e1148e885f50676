"""Bodies: refused before they are read without the role or above a limit, and never in the way of others."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from time import perf_counter
from typing import Any

import orjson
import pytest
from fastapi.routing import APIRoute
from okube_api.api import request_body
from okube_api.api.aliases import AliasRoute
from okube_api.auth.repository import Role, User
from okube_api.kit.json_text import read_json
from starlette.types import Message

from tests.api.server import LOOPBACK, Server, Tenant, share_store
from tests.api.tenancy import PERSONAL, PLATFORM, ROWS, create_resources

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

PUBLIC_PATHS = {"/auth/login", "/auth/captcha", "/auth/invitations/accept"}
KINDS = ("application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded")


class BodyRead(Exception):
    """The application asked for the body."""


async def send_headers(
    server: Server, method: str, path: str, headers: Mapping[str, str], user: User | None = None
) -> tuple[int, str]:
    """Send a request without its body; return status and code of the answer.  Raise BodyRead when the body is read."""
    token = {"Authorization": f"Bearer {server.issue_token(user)}"} if user else {}
    pairs = {"Host": "127.0.0.1", "Content-Length": "100", **token, **headers}
    sent: list[Message] = []
    was_read = False

    async def receive() -> Message:
        nonlocal was_read
        was_read = True
        raise BodyRead

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "client": LOOPBACK,
        "server": LOOPBACK,
        "headers": [(name.lower().encode(), value.encode()) for name, value in pairs.items()],
    }
    await server.app(scope, receive, send)
    if was_read:
        raise BodyRead(f"{method} {path} {headers}")
    content = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], orjson.loads(content)["code"]


def find_document_path(path: str) -> str:
    """Return the documented path of an alias, or the path itself."""
    return re.sub(r"(^|\})/s(?=/|$)", r"\1/sites", re.sub(r"^/a(?=/\{)", "/applications", path))


def list_routes_with_bodies(server: Server) -> set[tuple[str, str]]:
    """Return path and method of all routes that may have a body, except those of the callers themselves."""
    return {
        (route.path, method)
        for route in server.app.routes
        if isinstance(route, APIRoute | AliasRoute)
        for method in (route.methods or set()) & {"POST", "PUT", "PATCH"}
        if ROWS[find_document_path(route.path)] is not PERSONAL
    }


def choose_users(tenant: Tenant, nobody: User, required: str) -> list[User]:
    """Return users who lack a role: one without any, and one with the highest role that is not enough."""
    lower = {Role.EDITOR: Role.READER, Role.ADMIN: Role.EDITOR, PLATFORM: Role.ADMIN}.get(required)
    return [nobody, *([tenant.users[Role(lower)]] if lower else [])]


async def test_role_is_checked_before_the_body_is_read(server: Server, tenant: Tenant) -> None:
    names = await create_resources(tenant, "x")
    nobody = await server.create_user()
    routes = list_routes_with_bodies(server)
    assert len(routes) > 60
    read = []
    for path, method in sorted(routes):
        url = re.sub(r"\{(\w+)\}", lambda match: names[match[1]][0], path)
        for place, user in enumerate(choose_users(tenant, nobody, ROWS[find_document_path(path)].write)):
            for kind in KINDS[place:]:
                try:
                    status, _ = await send_headers(server, method, url, {"Content-Type": kind}, user)
                except BodyRead as error:
                    read.append(str(error))
                else:
                    assert status in {403, 404}, (method, path, kind)
    assert not read


async def test_credentials_are_checked_before_the_body_is_read(server: Server) -> None:
    for path, method in sorted(list_routes_with_bodies(server)):
        url = re.sub(r"\{(\w+)\}", "x", path)
        assert await send_headers(server, method, url, {"Content-Type": KINDS[1]}) == (401, "unauthorised")


@pytest.mark.parametrize("path", ["/auth/login", "/auth/invitations/accept", "/auth/setup"])
@pytest.mark.parametrize("kind", KINDS)
async def test_large_bodies_of_public_routes_are_refused_before_they_are_read(
    server: Server, path: str, kind: str
) -> None:
    headers = {"Content-Type": kind, "Content-Length": "16385"}
    status, code = await send_headers(server, "POST", path, headers)
    assert (status, code) in {(413, "too_large"), (415, "unsupported_media_type")}


async def test_public_body_of_unknown_length_is_limited(server: Server) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1000
            yield b"1" * 1000

    answer = await server.client().post("/auth/login", content=chunks(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert read < 20_000


async def test_public_body_within_the_limit_is_read(server: Server) -> None:
    login = {"login": "x@example.com", "password": "x" * 100}
    content = orjson.dumps(login).ljust(16_384)
    answer = await server.client().post("/auth/login", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 401


def build_scope(server: Server, tenant: Tenant) -> dict[str, Any]:
    """Return the scope of a creation of a site by the editor."""
    token = f"Bearer {server.issue_token(tenant.users[Role.EDITOR])}"
    headers = {"host": "127.0.0.1", "authorization": token, "content-type": "application/json", "content-length": "9"}
    return {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": f"{tenant.url}/sites",
        "raw_path": f"{tenant.url}/sites".encode(),
        "query_string": b"",
        "client": LOOPBACK,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


# -- large bodies -------------------------------------------------------------------------------------------------


async def measure_longest_pause(work: "asyncio.Task[Any]") -> float:
    """Return the longest time in which the event loop did nothing else, in seconds."""
    longest_s = 0.0
    while not work.done():
        started = perf_counter()
        await asyncio.sleep(0.001)
        longest_s = max(longest_s, perf_counter() - started)
    return longest_s


async def test_body_of_very_many_values_is_refused_before_it_is_parsed(tenant: Tenant) -> None:
    content = b"[" + b"1," * 400_000 + b"1]"
    answer = await tenant.editor.post(
        f"{tenant.url}/sites", content=content, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_client_that_leaves_before_its_body_is_complete_is_no_bug(server: Server, tenant: Tenant) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await server.app(build_scope(server, tenant), receive, send)
    assert sent[0]["status"] == 499


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" + b"1," * 190_000 + b"1]", 400),
        (b'{"name": "x", "x": [' + b"[]," * 190_000 + b"[]]}", 400),
        (b"[" + b'{"name":"x","online":true},' * 10_001 + b"{}]", 400),
    ],
    ids=["numbers", "lists", "sites"],
)
async def test_large_body_does_not_block_the_event_loop(
    server: Server, tenant: Tenant, body: bytes, status: int
) -> None:
    url, headers = f"{tenant.url}/sites", {"Content-Type": "application/json"}
    for _ in range(3):  # other processes can hold up one of them
        request = asyncio.create_task(tenant.editor.post(url, content=body, headers=headers))
        pause_s = await measure_longest_pause(request)
        assert (await request).status_code == status
        if pause_s < 0.15:  # several times that when parsed and validated in the event loop
            break
    else:
        raise AssertionError(pause_s)


def build_campaigns(count: int, **fields: str) -> list[dict[str, Any]]:
    """Return bodies of campaigns of 100 bytes each."""
    return [{"name": "x" * 80, "key": f"c{n}", **fields} for n in range(count)]


async def test_large_body_is_validated_like_a_small_one(tenant: Tenant) -> None:
    url = f"{tenant.url}/campaigns"
    wrong = [{"name": 1, "key": f"w{n}"} for n in range(3)]
    small = await tenant.editor.post(url, json=wrong)
    large = await tenant.editor.post(url, json=[*wrong, *build_campaigns(300)])
    assert small.status_code == large.status_code == 400
    assert small.json()["errors"] == large.json()["errors"]
    accepted = await tenant.editor.post(url, json=build_campaigns(300))
    assert accepted.status_code == 201, accepted.text
    assert len(accepted.json()) == 300


async def test_unknown_fields_of_a_large_body_are_ignored_where_they_are_of_a_small_one(
    server: Server, tenant: Tenant
) -> None:
    async with share_store(server, unknown_fields="ignore") as other:
        client = other.client_of(tenant.users[Role.EDITOR])
        answer = await client.post(f"{tenant.url}/campaigns", json=build_campaigns(200, colour="red"))
        assert answer.status_code == 201, answer.text
        assert "body/0/colour" in answer.headers["x-okube-ignored"]


async def test_work_stops_when_the_client_disconnects(
    server: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let one body keep the thread busy: a second one, whose client leaves, is never parsed."""
    parsed: list[int] = []

    def slow_read_json(body: bytes) -> Any:
        parsed.append(len(body))
        return read_json(body)

    monkeypatch.setattr(request_body, "read_json", slow_read_json)
    limiter = server.app.state.body_limiter
    await limiter.acquire_on_behalf_of("test")
    body = b"[" + b"1," * 20_000 + b"1]"
    leaves = asyncio.Event()
    is_sent = False
    sent: list[Message] = []

    async def receive() -> Message:
        nonlocal is_sent
        if not is_sent:
            is_sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await leaves.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    request = asyncio.create_task(server.app(build_scope(server, tenant), receive, send))
    await asyncio.sleep(0.05)
    assert not request.done()
    leaves.set()
    await asyncio.wait_for(request, 2)
    limiter.release_on_behalf_of("test")
    assert sent[0]["status"] == 499
    assert parsed == []
