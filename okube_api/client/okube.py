"""The entry of the client: a server with the account of a user."""

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from okube_api import __version__
from okube_api.client.application_client import ApplicationClient, AsyncApplicationClient
from okube_api.client.calls import (
    AsyncCaller,
    AsyncTransport,
    BlockingCaller,
    BlockingTransport,
    CallPlan,
    Listing,
    Operation,
    PagePlan,
    build_timeout,
)
from okube_api.client.errors import read_json
from okube_api.client.resource_lists import ResourceDocument, plan_pages
from okube_api.client.session import STANDARD_RETRIES, RetryRule, ServerSession
from okube_api.urls import hide_password

_TIMEOUT_S = 120.0


class _OkubeCalls:
    """What can be asked of a server besides its applications."""

    _session: ServerSession

    @Listing
    def applications(self, q: str | None = None) -> PagePlan[ResourceDocument]:
        """Return an iterator over the applications of the user."""
        return plan_pages(self._session, "/applications", {"q": q}, ResourceDocument)

    @Operation
    def kpis(self) -> CallPlan[list[dict[str, Any]]]:
        """Return the catalogue of KPIs: what each means, and what it can be asked for."""
        response = yield from self._session.request("GET", "/analytics/kpis")
        catalogue: list[dict[str, Any]] = read_json(response)
        return catalogue

    @Operation
    def me(self) -> CallPlan[dict[str, Any]]:
        """Return the user with the roles in applications."""
        response = yield from self._session.request("GET", "/auth/me")
        user: dict[str, Any] = read_json(response)
        return user

    @Operation
    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallPlan[httpx.Response]:
        """Send any request of the API and return its response, for what has no method here.

        path: below the address of the server, such as `/ingest/schemas`.
        Requests that change something are sent once, unless `headers` has an `Idempotency-Key`.
        Raise RequestRefused for an answer that is no success.
        """
        if not path.startswith("/"):  # the token is not sent to other servers
            raise ValueError(f"The path '{path}' does not begin with '/'.")
        return self._session.request(method, path, params=params, body=body, headers=headers)


class Okube(_OkubeCalls, BlockingCaller):
    """A server, with calls that block.

    url: its address; by default the environment variable OKUBE_URL.
    login, password: of the user; the client requests tokens and renews them.
    token: instead of them, an API key or a token; by default OKUBE_TOKEN.
    timeout_s: the longest time without a byte of the server.
    retries: how often requests are repeated that can be.
    transport: of httpx, for tests, proxies and own certificates.
    Raise ValueError without an address.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        login: str | None = None,
        password: str | None = None,
        token: str | None = None,
        timeout_s: float = _TIMEOUT_S,
        retries: RetryRule = STANDARD_RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._session = _open_session(login, password, token, retries)
        self._transport = BlockingTransport(httpx.Client(transport=transport, **_build_options(url, timeout_s)))

    def application(self, id_or_key: str) -> ApplicationClient:
        """Return the application with an id or a key, without a request."""
        return ApplicationClient(self._session, self._transport, id_or_key)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncOkube(_OkubeCalls, AsyncCaller):
    """A server, with calls that are awaited.  Parameters: as of `Okube`."""

    def __init__(
        self,
        url: str | None = None,
        *,
        login: str | None = None,
        password: str | None = None,
        token: str | None = None,
        timeout_s: float = _TIMEOUT_S,
        retries: RetryRule = STANDARD_RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._session = _open_session(login, password, token, retries)
        self._transport = AsyncTransport(httpx.AsyncClient(transport=transport, **_build_options(url, timeout_s)))

    def application(self, id_or_key: str) -> AsyncApplicationClient:
        """Return the application with an id or a key, without a request."""
        return AsyncApplicationClient(self._session, self._transport, id_or_key)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def _open_session(login: str | None, password: str | None, token: str | None, retries: RetryRule) -> ServerSession:
    if (login is None) is not (password is None):
        raise ValueError("Give both 'login' and 'password', or a token.")
    if login is not None and token is not None:
        raise ValueError("Give either 'login' and 'password', or 'token'.")
    if login is None and token is None:
        token = os.environ.get("OKUBE_TOKEN")
    token = token.strip() or None if token is not None else None  # files of secrets end in a line break
    return ServerSession(login=login, password=password, token=token, retries=retries)


def _build_options(url: str | None, timeout_s: float) -> dict[str, Any]:
    address = url or os.environ.get("OKUBE_URL")
    if not address:
        raise ValueError("Give the address of the server, such as http://127.0.0.1:8000, or set OKUBE_URL.")
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"The address '{hide_password(address)}' must begin with http:// or https://.")
    if "@" in address:
        raise ValueError(
            f"The address '{hide_password(address)}' has a user or a password, which would be sent instead of the "
            "token. Remove what is before the @, and give 'login' and 'password', or 'token'."
        )
    return {
        "base_url": address.rstrip("/"),
        "timeout": build_timeout(timeout_s),
        "headers": {"User-Agent": f"okube-api-client/{__version__}"},
    }
