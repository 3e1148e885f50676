"""Fixtures: the running application over each store, and clients of users with different roles.

`server` is the running application, one per store and session.  `server.client(token)` returns a client with any token;
`server.app` and `server.services` give access to its parts.  A test may move `server.clock`; the fixture resets it.
`tests.api.server.share_store(server, rate_limit="5/hour")` runs another application over the same store with other
settings.  `fresh_store_url` returns the URL of an empty store for a server of its own (`run_server`); slow on MongoDB.

`tenant` is an application of its own with one user per role: `tenant.key`, `tenant.id`, `tenant.url`,
`await tenant.create("sites", name="Lyon", online=True)`, and the clients `tenant.admin`, `tenant.editor` and
`tenant.reader` (each an `httpx.AsyncClient`).  These are also the fixtures `admin`, `editor` and `reader`.  `platform`
is a platform administrator, `stranger` an administrator of another application, `nobody` a client without a token.

Test modules set `pytestmark = pytest.mark.anyio`.  Applications are not deleted: each test uses its own.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, settings
from okube_api.auth import passwords
from pymongo import MongoClient
from starlette.routing import BaseRoute

from tests.api.analytics import World, load_world
from tests.api.server import MovableClock, Server, Tenant, run_server
from tests.logging_state import keep_logging
from tests.truth import tenant as truths

STORES = ("duckdb", "mongo")
SCHEME, DUMMY_HASH = passwords._SCHEME, passwords._DUMMY_HASH

# A fixture lives as long as the test, not the example: examples share it and must not change it.
settings.register_profile("api", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """Log warnings and errors only."""
    with keep_logging():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
        )
        yield


@pytest.fixture(scope="module", autouse=True)
def _cheap_hashes() -> Iterator[None]:
    """Hash passwords with the least cost; `tests.auth.test_passwords` checks that of the server."""
    with pytest.MonkeyPatch.context() as patch:
        scheme = SCHEME.using(memory_cost=8, rounds=1)
        patch.setattr(passwords, "_SCHEME", scheme)
        patch.setattr(passwords, "_DUMMY_HASH", str(scheme.hash("nobody has it")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_description_of_routes() -> Iterator[None]:
    """Let FastAPI describe the routes once, which takes a second: all applications have the same."""
    descriptions: dict[tuple[int, ...], Any] = {}
    described: list[Sequence[BaseRoute]] = []  # kept, so that no other route gets the id of one of them

    def describe(*, routes: Sequence[BaseRoute], **fields: Any) -> Any:
        key = tuple(id(route) for route in routes if isinstance(route, APIRoute))
        if key not in descriptions:
            described.append([*routes])
            descriptions[key] = get_openapi(routes=routes, **fields)
        return deepcopy(descriptions[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("okube_api.api.openapi.get_openapi", describe)
        yield


@pytest.fixture
def costly_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with the cost of the server: for floods, in which hashes wait for each other."""
    monkeypatch.setattr(passwords, "_SCHEME", SCHEME)
    monkeypatch.setattr(passwords, "_DUMMY_HASH", DUMMY_HASH)


@pytest.fixture(scope="session", params=STORES)
def store_kind(request: pytest.FixtureRequest) -> str:
    """Return each kind of store in turn."""
    kind: str = request.param
    if kind == "mongo":
        request.getfixturevalue("mongo_uri")
    return kind


@pytest.fixture(scope="session")
def fresh_store_url(
    request: pytest.FixtureRequest, store_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """Return a function that creates URLs of empty stores; databases in MongoDB are dropped at the end."""
    names: list[str] = []

    def create_url() -> str:
        if store_kind == "duckdb":
            folder: Path = tmp_path_factory.mktemp("api")
            return f"duckdb:{folder / 'okube.duckdb'}"
        names.append(f"api_{uuid4().hex[:12]}")
        return f"{request.getfixturevalue('mongo_uri').rstrip('/')}/{names[-1]}"

    yield create_url
    if names:
        with MongoClient[dict[str, object]](request.getfixturevalue("mongo_uri")) as client:
            for name in names:
                client.drop_database(name)


@pytest.fixture(scope="session")
async def shared_server(store_kind: str, fresh_store_url: Callable[[], str]) -> AsyncIterator[Server]:
    """Run the application for the session; tests use `server`, which resets the clock."""
    async with run_server(store_kind, fresh_store_url()) as server:
        yield server


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """Return the application over each store in turn."""
    yield shared_server
    shared_server.clock.ahead = timedelta(0)


@pytest.fixture
def clock(server: Server) -> MovableClock:
    """Return the clock of the application."""
    return server.clock


@pytest.fixture
async def tenant(server: Server) -> Tenant:
    """Return an application with its users, which no other test uses."""
    return await server.take_tenant()


@pytest.fixture
async def other_tenant(server: Server) -> Tenant:
    """Return another application with other users."""
    return await server.take_tenant()


@pytest.fixture
def admin(tenant: Tenant) -> httpx.AsyncClient:
    """Return the client of the tenant's administrator."""
    return tenant.admin


@pytest.fixture
def editor(tenant: Tenant) -> httpx.AsyncClient:
    """Return the client of the tenant's editor."""
    return tenant.editor


@pytest.fixture
def reader(tenant: Tenant) -> httpx.AsyncClient:
    """Return the client of the tenant's reader."""
    return tenant.reader


@pytest.fixture
async def platform(server: Server) -> httpx.AsyncClient:
    """Return the client of a platform administrator."""
    return server.client_of(await server.create_user(platform_admin=True))


@pytest.fixture
def stranger(other_tenant: Tenant) -> httpx.AsyncClient:
    """Return the client of an administrator of another application."""
    return other_tenant.admin


@pytest.fixture
def nobody(server: Server) -> httpx.AsyncClient:
    """Return a client without a token."""
    return server.client()


@pytest.fixture(scope="session")
async def alpha(shared_server: Server) -> World:
    """Load an application whose expected results are known; tests must not change it."""
    return await load_world(shared_server, truths.alpha().truth)


@pytest.fixture(scope="session")
async def beta(shared_server: Server) -> World:
    """Load another one in another time zone, with the same keys; tests must not change it."""
    return await load_world(shared_server, truths.beta().truth)
