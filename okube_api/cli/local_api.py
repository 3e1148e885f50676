"""The application in the process of a command, without a socket: its requests are those of the operator."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import httpx
import structlog

from okube_api.api.container import Services
from okube_api.app import create_app
from okube_api.auth.repository import Role, User
from okube_api.auth.sessions import Identity, LoginSessions
from okube_api.auth.tokens import Token
from okube_api.cli.requests import ApiRequests
from okube_api.cli.runtime import open_services, require_store, show_status
from okube_api.kit.ids import new_id
from okube_api.settings import Settings

_BASE_URL = "http://localhost"
_SERVER_ONLY = {
    "explorer": False,
    "manual": False,
    "rate_limit": None,
    "address_rate_limit": None,
    "login_rate_limit": None,
}
"""Settings that protect or decorate a server, and have no use without one."""


class OperatorSessions(LoginSessions):
    """Sessions of the operator, who has the store itself: each request is that of a platform administrator.

    The administrator is no user of the store and exists in this process only.
    """

    def __init__(self, services: Services) -> None:
        super().__init__(services.store, services.clock, services.secret, services.passwords, services.settings)
        self._store = services.store
        now = services.clock()
        user = User(
            id=new_id(now),
            login="okube-api",
            name="okube-api",
            platform_admin=True,
            disabled=False,
            generation=1,
            roles=MappingProxyType({}),
            global_role=Role.ADMIN,
        )
        self._identity = Identity(user, Token(new_id(now), user.id, 1, now, now + timedelta(days=1)))

    async def identify(self, authorization: str | None) -> Identity:  # noqa: ARG002 - requests need no token
        """Return the operator."""
        await self._store.read_revisions()
        return self._identity


@asynccontextmanager
async def open_local_api(*, creates_store: bool) -> AsyncIterator[ApiRequests]:
    """Yield requests to an application on the store of the settings.

    At the end, rebuild facts that have become stale, and remove the data of deleted applications.
    creates_store: whether an embedded store that does not exist is created.
    Raise ValueError when it is not, and what opening a store raises, such as StoreLocked.
    """
    settings = Settings()
    if not creates_store:
        require_store(settings)
    async with open_services(settings.model_copy(update=_SERVER_ONLY)) as services:
        app = create_app(services.settings, store=services.store)
        app.state.services, app.state.starting = replace(services, sessions=OperatorSessions(services)), None
        transport = httpx.ASGITransport(app)
        try:
            with _hide_access_log():
                async with httpx.AsyncClient(transport=transport, base_url=_BASE_URL) as client:
                    yield ApiRequests(client, _BASE_URL)
                if services.invalidation.is_rebuilding:
                    with show_status("Rebuilding facts..."):
                        await services.invalidation.drain()
                if services.deletion.is_removing:
                    with show_status("Removing data..."):
                        await services.deletion.drain()
        finally:
            await services.deletion.close()
            await services.invalidation.close()
            services.passwords.close()


@contextmanager
def _hide_access_log() -> Iterator[None]:
    """Log warnings and errors only."""
    wrapper_class = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.configure(wrapper_class=wrapper_class)
