"""Headers of trusted proxies: set the scheme and address of the client and the prefix of paths, and require HTTPS."""

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from okube_api.errors import Forbidden
from okube_api.http.problems import problem_response

Networks = Sequence[IPv4Network | IPv6Network]
_HTTPS_REQUIRED = "HTTPS is required. Use https://, or a proxy whose address is in OKUBE_TRUSTED_PROXIES."
_PREFIX = re.compile(r"(/[A-Za-z0-9._~%@!$&'()*+,;=:-]+)+")


def public_path(scope: Scope, path: str) -> str:
    """Return a path of this server as clients see it: with the prefix that a trusted proxy takes off."""
    prefix: str = scope.get("state", {}).get("prefix", "")
    return prefix + path


def parse_networks(names: Iterable[str]) -> Networks:
    """Parse addresses and networks.  Raise ValueError for anything else."""
    return [ip_network(name, strict=False) for name in names]


class ProxyHeaders:
    """Middleware that takes the scheme and client address from trusted proxies, then refuses plain HTTP (403)."""

    def __init__(self, app: ASGIApp, proxies: Networks, require_https: bool) -> None:
        self.app = app
        self.proxies = proxies
        self.require_https = require_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the scheme and address of its client; answer 403 where HTTPS is required."""
        if scope["type"] == "http":
            forwarded = [name for name, _ in scope["headers"] if name.startswith(b"x-forwarded-")]
            is_direct_from_loopback = not forwarded and _is_loopback(_client_address(scope))
            if forwarded and _is_in_networks(_client_address(scope), self.proxies):
                self._apply_forwarded(scope)
            if self.require_https and not is_direct_from_loopback and not _is_https_or_health(scope):
                await problem_response(Forbidden(_HTTPS_REQUIRED), scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _apply_forwarded(self, scope: Scope) -> None:
        """Set the scheme, the client and the prefix of paths from the forwarded headers.

        Each proxy appends the scheme and address of its own client.  The last scheme is therefore that of the nearest
        proxy, and the last address that is not a trusted proxy is the client.
        """
        schemes = _read_list(scope, b"x-forwarded-proto")
        if schemes and schemes[-1] in {"http", "https"}:
            scope["scheme"] = schemes[-1]
        prefix = "".join(part.rstrip("/") for part in _read_list(scope, b"x-forwarded-prefix"))
        if _PREFIX.fullmatch(prefix):
            scope.setdefault("state", {})["prefix"] = prefix
        for address in reversed(_read_list(scope, b"x-forwarded-for")):
            scope["client"] = (address, 0)
            if not _is_in_networks(address, self.proxies):
                return


def _is_https_or_health(scope: Scope) -> bool:
    scheme: str = scope["scheme"]
    path: str = scope["path"]
    return scheme == "https" or path.startswith("/health/")


def _client_address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _read_list(scope: Scope, header: bytes) -> list[str]:
    """Return the comma-separated values of a header, which may be repeated."""
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == header]
    return [part.strip() for part in ",".join(values).split(",") if part.strip()]


def _is_in_networks(address: str, networks: Networks) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
