"""The application under test over one store, and its users."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import product
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from okube_api.api.container import Services
from okube_api.app import create_app
from okube_api.applications.repository import APPLICATIONS
from okube_api.auth.passwords import hash_password
from okube_api.auth.repository import USERS, Role, User
from okube_api.clock import utc_now
from okube_api.kit.application import Stays
from okube_api.kit.ids import new_id
from okube_api.settings import Settings

PASSWORD = "correct horse battery staple"
NO_LIMIT = "1000000/second"
SECRET = "a secret key for tests, which is long enough"
LOOPBACK = ("127.0.0.1", 40_000)
COPIES = 15  # of an application, with its users, for the next tests

Json = dict[str, Any]


@lru_cache
def password_hash() -> str:
    """Return the hash of `PASSWORD`, which is computed once since hashing is slow on purpose."""
    return hash_password(PASSWORD)


async def check_detail(response: httpx.Response) -> None:
    """Check that the detail of a refusal names the first field at fault, in each test that provokes a refusal."""
    if response.headers.get("content-type") != "application/problem+json" or response.request.method == "HEAD":
        return
    problem = json.loads(await response.aread())
    pointers = [fault["pointer"] for fault in problem.get("errors", ()) if "line" not in fault]
    names = [part.replace("~1", "/") for part in pointers[0].split("/") if not part.isdecimal()] if pointers else []
    if names and names[-1]:
        assert names[-1][:100].lower() in problem["detail"].lower(), problem


@dataclass
class MovableClock:
    """Clock that runs `ahead` of the present."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        """Return the current instant of the application."""
        return utc_now() + self.ahead


@dataclass(frozen=True)
class Server:
    """A running application.

    store: kind of its store, `duckdb` or `mongo`.
    """

    app: FastAPI
    store: str
    clock: MovableClock = field(default_factory=MovableClock)
    sample: list[Json] = field(default_factory=list)  # a user with one role, in no application, once there is one
    unused: list[tuple[Json, dict[Role, User]]] = field(default_factory=list)  # applications with their users

    @property
    def services(self) -> Services:
        """Services of the application."""
        services: Services = self.app.state.services
        return services

    def client(
        self, token: str | None = None, *, address: tuple[str, int] = LOOPBACK, **headers: str
    ) -> httpx.AsyncClient:
        """Return a client with this token, or without one.  As in production, bugs are answered with 500."""
        transport = httpx.ASGITransport(self.app, client=address)
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(
            transport=transport,
            base_url="http://127.0.0.1",
            headers={**authorization, **headers},
            event_hooks={"response": [check_detail]},
        )

    async def create_user(self, *, platform_admin: bool = False, roles: Mapping[str, Role] | None = None) -> User:
        """Create a user with the password `PASSWORD`; roles by application id."""
        return User.from_document(await self._create_document(platform_admin=platform_admin, roles=roles))

    async def _create_document(self, *, platform_admin: bool = False, roles: Mapping[str, Role] | None = None) -> Json:
        users, login = self.services.sessions.users, f"{uuid4().hex}@example.com"
        return await users.create(login, password_hash(), platform_admin=platform_admin, roles=roles)

    async def _create_members(self, applications: Sequence[str]) -> list[dict[Role, User]]:
        """Create a user with each role in each application, in one write: copies of a user that was created alone."""
        if not self.sample:
            self.sample.append(await self._create_document(roles={new_id(self.clock()): Role.READER}))
        documents: list[dict[Role, Json]] = [{} for _ in applications]
        for (place, application), role in product(enumerate(applications), Role):
            login, (entry,) = f"{uuid4().hex}@example.com", self.sample[0]["roles"]
            documents[place][role] = self.sample[0] | {
                "_id": new_id(self.clock()),
                "login": login,
                "name": login.partition("@")[0],
                "roles": [entry | {"application": application, "role": str(role)}],
                "applications": [application],
            }
        await self.services.store.insert(USERS, [document for members in documents for document in members.values()])
        return [{role: User.from_document(document) for role, document in members.items()} for members in documents]

    async def find_user(self, login: str) -> User:
        """Return the user with a login, which must exist."""
        document = await self.services.sessions.users.find_by_login(login)
        assert document is not None
        return User.from_document(document)

    def issue_token(self, user: User) -> str:
        """Return a token of the user, like a login does."""
        return self.services.sessions.issue(user)[1]

    def client_of(self, user: User) -> httpx.AsyncClient:
        """Return a client that is logged in as a user."""
        return self.client(self.issue_token(user))

    async def create_application(self, **fields: Any) -> Json:
        """Create an application, the stays of which follow the rule of older ones, which `tests.by_hand` knows."""
        older = {"stays": Stays().model_dump(by_alias=True)}
        return await self.services.applications.create({"key": f"app-{uuid4().hex[:12]}", "settings": older, **fields})

    async def create_tenant(self, **fields: Any) -> "Tenant":
        """Create an application and one user with each role in it."""
        application = await self.create_application(**fields)
        (users,) = await self._create_members([application["_id"]])
        return self._open_tenant(application, users)

    async def take_tenant(self) -> "Tenant":
        """Do as `create_tenant`, in two writes for several applications: copies of one that was created alone."""
        if not self.unused:
            first = await self.create_application()
            keys = [f"app-{uuid4().hex[:12]}" for _ in range(COPIES)]
            copies = [first | {"_id": new_id(self.clock()), "key": key, "name": key} for key in keys]
            await self.services.store.insert(APPLICATIONS, copies)
            applications = [first, *copies]
            members = await self._create_members([application["_id"] for application in applications])
            self.unused.extend(zip(applications, members, strict=True))
        return self._open_tenant(*self.unused.pop())

    def _open_tenant(self, application: Json, users: dict[Role, User]) -> "Tenant":
        return Tenant(self, application, users, {role: self.client_of(user) for role, user in users.items()})


@dataclass(frozen=True)
class Tenant:
    """An application and its users."""

    server: Server
    application: Json
    users: Mapping[Role, User]
    clients: Mapping[Role, httpx.AsyncClient]

    @property
    def id(self) -> str:
        """Id of the application."""
        return str(self.application["_id"])

    @property
    def key(self) -> str:
        """Key of the application."""
        return str(self.application["key"])

    @property
    def url(self) -> str:
        """Path of the application, with its key."""
        return f"/applications/{self.key}"

    @property
    def admin(self) -> httpx.AsyncClient:
        """Client of an administrator."""
        return self.clients[Role.ADMIN]

    @property
    def editor(self) -> httpx.AsyncClient:
        """Client of an editor."""
        return self.clients[Role.EDITOR]

    @property
    def reader(self) -> httpx.AsyncClient:
        """Client of a reader."""
        return self.clients[Role.READER]

    async def create(self, kind: str, **fields: Any) -> Json:
        """Create a resource as the editor: `await tenant.create("sites", name="Lyon", online=True)`."""
        response = await self.editor.post(f"{self.url}/{kind}", json=fields)
        assert response.status_code == 201, response.text
        document: Json = response.json()
        return document


@asynccontextmanager
async def run_server(store: str, url: str, **settings: Any) -> AsyncIterator[Server]:
    """Run the application over the store of a URL, with settings by name."""
    clock = MovableClock()
    defaults: Json = {"login_rate_limit": NO_LIMIT, "captcha_effort": 500}  # all tests log in from one address
    app = create_app(Settings(store_url=url, secret_key=SECRET, **defaults | settings), clock=clock)
    async with app.router.lifespan_context(app):
        yield Server(app, store, clock)


@asynccontextmanager
async def share_store(server: Server, **settings: Any) -> AsyncIterator[Server]:
    """Run another application over the same store with other settings, like a second process of the server."""
    original = server.services.settings
    own_settings = Settings(
        store_url=original.store_url, secret_key=SECRET, **{"login_rate_limit": NO_LIMIT} | settings
    )
    app = create_app(own_settings, store=server.services.store, clock=server.clock)
    async with app.router.lifespan_context(app):
        yield Server(app, server.store, server.clock)
