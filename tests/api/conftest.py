"""The application over each store, and people who call it.

`server` is the application, running, once per store and session: `server.client(token)` calls it with any token, and
`server.app`, `server.services` and `server.clock` (which a test may move, it is put back) are what it is made of.
`tests.api.server.sharing(server, rate_limit="5/hour")` is another application over the same store, with other settings;
`fresh_store_url` makes the URL of an empty store, for a server of one's own (`running`): slow on MongoDB.

`tenant` is an application of the test's own, with one user a role: `tenant.key`, `tenant.id`, `tenant.url`,
`await tenant.make("sites", name="Lyon", online=True)`, and its people `tenant.admin`, `tenant.editor`,
`tenant.reader`, each an `httpx.AsyncClient`.  The same people are there as fixtures `admin`, `editor`, `reader`, with
`platform` (administrator of everything), `stranger` (an administrator of another application) and `nobody` (no token).

Test modules say `pytestmark = pytest.mark.anyio`.  Applications are never taken away: a test sees its own only.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import structlog
from hypothesis import HealthCheck, settings
from pymongo import MongoClient

from tests.api.analytics import World, settled
from tests.api.server import MovableClock, Server, Tenant, running
from tests.truth import tenant as truths

STORES = ("duckdb", "mongo")

# Fixtures live as long as a test, not an example: what examples share is never changed by them.
settings.register_profile("api", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> None:
    """Only what went wrong is logged."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
    )


@pytest.fixture(scope="session", params=STORES)
def store_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of store in turn."""
    kind: str = request.param
    if kind == "mongo":
        request.getfixturevalue("mongo_uri")
    return kind


@pytest.fixture(scope="session")
def fresh_store_url(
    request: pytest.FixtureRequest, store_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """Makes URLs of empty stores of the kind under test; MongoDB's are dropped in the end."""
    names: list[str] = []

    def made() -> str:
        if store_kind == "duckdb":
            folder: Path = tmp_path_factory.mktemp("api")
            return f"duckdb:{folder / 'okube.duckdb'}"
        names.append(f"api_{uuid4().hex[:12]}")
        return f"{request.getfixturevalue('mongo_uri').rstrip('/')}/{names[-1]}"

    yield made
    if names:
        with MongoClient[dict[str, object]](request.getfixturevalue("mongo_uri")) as client:
            for name in names:
                client.drop_database(name)


@pytest.fixture(scope="session")
async def shared_server(store_kind: str, fresh_store_url: Callable[[], str]) -> AsyncIterator[Server]:
    """The application of the session; tests take `server`, which puts the clock back."""
    async with running(store_kind, fresh_store_url()) as server:
        yield server


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """The application over each store in turn."""
    yield shared_server
    shared_server.clock.ahead = timedelta(0)


@pytest.fixture
def clock(server: Server) -> MovableClock:
    """What the application takes for the present."""
    return server.clock


@pytest.fixture
async def tenant(server: Server) -> Tenant:
    """An application of the test's own, with its people."""
    return await server.tenant()


@pytest.fixture
async def other_tenant(server: Server) -> Tenant:
    """Another application, of other people."""
    return await server.tenant()


@pytest.fixture
def admin(tenant: Tenant) -> httpx.AsyncClient:
    """The tenant's administrator."""
    return tenant.admin


@pytest.fixture
def editor(tenant: Tenant) -> httpx.AsyncClient:
    """The tenant's editor."""
    return tenant.editor


@pytest.fixture
def reader(tenant: Tenant) -> httpx.AsyncClient:
    """The tenant's reader."""
    return tenant.reader


@pytest.fixture
async def platform(server: Server) -> httpx.AsyncClient:
    """An administrator of the platform."""
    return server.client_of(await server.user(platform_admin=True))


@pytest.fixture
def stranger(other_tenant: Tenant) -> httpx.AsyncClient:
    """An administrator of another application."""
    return other_tenant.admin


@pytest.fixture
def nobody(server: Server) -> httpx.AsyncClient:
    """Someone without a token."""
    return server.client()


@pytest.fixture(scope="session")
async def alpha(shared_server: Server) -> World:
    """An application whose truth is known, for questions: nothing of it may be changed."""
    return await settled(shared_server, truths.alpha().truth)


@pytest.fixture(scope="session")
async def beta(shared_server: Server) -> World:
    """Another one, in another time zone, with the same keys."""
    return await settled(shared_server, truths.beta().truth)
