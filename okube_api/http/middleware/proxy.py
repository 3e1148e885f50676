"""Who really calls, and over what: HTTPS unless settings say otherwise, forwarded headers from known proxies only."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from okube_api.errors import Forbidden
from okube_api.http.problems import answer

Networks = Sequence[IPv4Network | IPv6Network]
_REFUSED = "HTTPS is required here. Use https://, or put the server behind a proxy named in OKUBE_TRUSTED_PROXIES."


def networks(names: Iterable[str]) -> Networks:
    """Addresses and networks as networks.  Raises ValueError for what is neither."""
    return [ip_network(name, strict=False) for name in names]


class Transport:
    """Middleware that sets the scheme and client that proxies tell, then refuses plain HTTP (403)."""

    def __init__(self, app: ASGIApp, proxies: Networks, require_https: bool) -> None:
        self.app = app
        self.proxies = proxies
        self.require_https = require_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes requests on, with the scheme and the client as they are at the other side of the proxies."""
        if scope["type"] == "http":
            forwarded = [name for name, _ in scope["headers"] if name.startswith(b"x-forwarded-")]
            direct_from_loopback = not forwarded and _is_loopback(_client(scope))
            if _within(_client(scope), self.proxies):
                self._look_through(scope)
            if self.require_https and not direct_from_loopback and not _may_be_plain(scope):
                await answer(Forbidden(_REFUSED), scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _look_through(self, scope: Scope) -> None:
        """Each proxy appends what it saw: the last scheme is the nearest one's, the last unknown one the client."""
        schemes = _listed(scope, b"x-forwarded-proto")
        if schemes and schemes[-1] in {"http", "https"}:
            scope["scheme"] = schemes[-1]
        for address in reversed(_listed(scope, b"x-forwarded-for")):
            scope["client"] = (address, 0)
            if not _within(address, self.proxies):
                return


def _may_be_plain(scope: Scope) -> bool:
    scheme: str = scope["scheme"]
    path: str = scope["path"]
    return scheme == "https" or path.startswith("/health/")


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _listed(scope: Scope, wanted: bytes) -> list[str]:
    """The comma-separated values of a header, repeated ones joined."""
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]
    return [part.strip() for part in ",".join(values).split(",") if part.strip()]


def _within(address: str, among: Networks) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in among)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
