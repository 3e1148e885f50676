"""The application under test over one store, and the people who call it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from okube_api.api.container import Services
from okube_api.app import create_app
from okube_api.auth.passwords import hash_password
from okube_api.auth.repository import Role, User
from okube_api.clock import utc_now
from okube_api.settings import Settings

PASSWORD = "correct horse battery staple"
SECRET = "a secret key for tests, which is long enough"
HERE = ("127.0.0.1", 40_000)

Json = dict[str, Any]


@lru_cache
def password_hash() -> str:
    """The hash of `PASSWORD`, made once: hashing is slow by intent."""
    return hash_password(PASSWORD)


@dataclass
class MovableClock:
    """The present, or as much later as a test says."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        """The instant that the application takes for the present."""
        return utc_now() + self.ahead


@dataclass(frozen=True)
class Server:
    """A running application.

    store: which kind it runs on, `duckdb` or `mongo`.
    """

    app: FastAPI
    store: str
    clock: MovableClock = field(default_factory=MovableClock)

    @property
    def services(self) -> Services:
        """The objects behind its routes."""
        found: Services = self.app.state.services
        return found

    def client(self, token: str | None = None, *, address: tuple[str, int] = HERE, **headers: str) -> httpx.AsyncClient:
        """Who calls with this token, or with none; answers are never redirected, bugs are 500 as in production."""
        transport = httpx.ASGITransport(self.app, client=address)
        known = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={**known, **headers})

    async def user(self, *, platform_admin: bool = False, roles: Mapping[str, Role] | None = None) -> User:
        """A new user, whose password is `PASSWORD`; roles by application id."""
        users, login = self.services.sessions.users, f"{uuid4().hex}@example.com"
        return User.from_document(await users.create(login, password_hash(), platform_admin=platform_admin, roles=roles))

    def token(self, user: User) -> str:
        """A token of the user's, as a login would give."""
        return self.services.sessions.issue(user)[1]

    def client_of(self, user: User) -> httpx.AsyncClient:
        """The user, calling."""
        return self.client(self.token(user))

    async def application(self, **fields: Any) -> Json:
        """A new application."""
        return await self.services.applications.create({"key": f"app-{uuid4().hex[:12]}", **fields})

    async def tenant(self, **fields: Any) -> "Tenant":
        """A new application, and one user of each role in it."""
        application = await self.application(**fields)
        users = {role: await self.user(roles={application["_id"]: role}) for role in Role}
        clients = {role: self.client_of(user) for role, user in users.items()}
        return Tenant(self, application, users, clients)


@dataclass(frozen=True)
class Tenant:
    """An application and the people of it."""

    server: Server
    application: Json
    users: Mapping[Role, User]
    clients: Mapping[Role, httpx.AsyncClient]

    @property
    def id(self) -> str:
        """The application's id."""
        return str(self.application["_id"])

    @property
    def key(self) -> str:
        """The application's key."""
        return str(self.application["key"])

    @property
    def url(self) -> str:
        """The application's path, by key."""
        return f"/applications/{self.key}"

    @property
    def admin(self) -> httpx.AsyncClient:
        """The application's administrator."""
        return self.clients[Role.ADMIN]

    @property
    def editor(self) -> httpx.AsyncClient:
        """Who may change what is in it."""
        return self.clients[Role.EDITOR]

    @property
    def reader(self) -> httpx.AsyncClient:
        """Who may only read."""
        return self.clients[Role.READER]

    async def make(self, what: str, **fields: Any) -> Json:
        """A new resource, posted by the editor: `await tenant.make("sites", name="Lyon", online=True)`."""
        response = await self.editor.post(f"{self.url}/{what}", json=fields)
        assert response.status_code == 201, response.text
        made: Json = response.json()
        return made


@asynccontextmanager
async def running(store: str, url: str, **settings: Any) -> AsyncIterator[Server]:
    """The application over the store of that URL, started; other settings by name."""
    clock = MovableClock()
    app = create_app(Settings(store_url=url, secret_key=SECRET, **settings), clock=clock)
    async with app.router.lifespan_context(app):
        yield Server(app, store, clock)


@asynccontextmanager
async def sharing(server: Server, **settings: Any) -> AsyncIterator[Server]:
    """Another process of the same server, as it were: with other settings, over the same store."""
    known = server.services.settings
    changed = Settings(store_url=known.store_url, secret_key=SECRET, **settings)
    app = create_app(changed, store=server.services.store, clock=server.clock)
    async with app.router.lifespan_context(app):
        yield Server(app, server.store, server.clock)
