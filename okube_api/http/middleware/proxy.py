"""Headers of trusted proxies: set the scheme and address of the client and the prefix of paths, and require HTTPS."""

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from okube_api.errors import Forbidden
from okube_api.http.client_address import parse_address
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
    """Middleware that takes the scheme and client address from trusted proxies, then refuses plain HTTP (403).

    loopback: networks whose requests count as sent from loopback, unless a proxy passed them on: the gateway of a
    container engine.  Such a request then has 127.0.0.1 as its client for all that is inside of this middleware.

    reads_forwarded: whether the proxies set `Forwarded`; else they set `X-Forwarded-*`.  A proxy passes on the headers
    that it does not set, and its clients may have invented those: they are ignored.
    """

    def __init__(
        self,
        app: ASGIApp,
        proxies: Networks,
        require_https: bool,
        *,
        reads_forwarded: bool = False,
        loopback: Networks = (),
    ) -> None:
        self.app = app
        self.proxies = proxies
        self.loopback = loopback
        self.require_https = require_https
        self.reads_forwarded = reads_forwarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the scheme and address of its client; answer 403 where HTTPS is required."""
        if scope["type"] == "http":
            forwarded = is_forwarded(scope)
            if not forwarded and _is_in_networks(_client_address(scope), self.loopback):
                scope["client"] = ("127.0.0.1", scope["client"][1])
            must_be_https = self.require_https and (forwarded or not _is_loopback(_client_address(scope)))
            if forwarded and _is_in_networks(_client_address(scope), self.proxies):
                self._apply_forwarded(scope)
            if must_be_https and not _is_https_or_health(scope):
                await problem_response(Forbidden(_HTTPS_REQUIRED), scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _apply_forwarded(self, scope: Scope) -> None:
        """Set the scheme, the client and the prefix of paths from the forwarded headers.

        Each proxy appends the scheme and address of its own client.  The last scheme is therefore that of the nearest
        proxy, and the last address that is not a trusted proxy is the client.
        """
        if self.reads_forwarded:
            hops = parse_forwarded(_read_header(scope, b"forwarded"))
            schemes = [hop["proto"].lower() for hop in hops if "proto" in hop]
            addresses = [hop["for"] for hop in hops if "for" in hop]
            if hops and "host" in hops[-1]:
                others = [(name, value) for name, value in scope["headers"] if name != b"host"]
                scope["headers"] = [*others, (b"host", hops[-1]["host"].encode("latin-1"))]
        else:
            schemes = _read_list(scope, b"x-forwarded-proto")
            addresses = _read_list(scope, b"x-forwarded-for")
            prefix = "".join(part.rstrip("/") for part in _read_list(scope, b"x-forwarded-prefix"))
            if _PREFIX.fullmatch(prefix):
                scope.setdefault("state", {})["prefix"] = prefix
        if schemes and schemes[-1] in {"http", "https"}:
            scope["scheme"] = schemes[-1]
        for text in reversed(addresses):
            address = parse_address(text)
            scope["client"] = (text if address is None else str(address), 0)
            if not _is_in_networks(text, self.proxies):
                return


def _has_x_forwarded(scope: Scope) -> bool:
    return any(name.startswith(b"x-forwarded-") for name, _ in scope["headers"])


def is_forwarded(scope: Scope) -> bool:
    """Return whether a proxy passed the request on, by its headers."""
    return _has_x_forwarded(scope) or any(name == b"forwarded" for name, _ in scope["headers"])


def is_from_loopback(scope: Scope) -> bool:
    """Return whether the request comes from the same machine without a proxy."""
    return not is_forwarded(scope) and _is_loopback(_client_address(scope))


_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'\s*({_WORD})=(?:({_WORD}(?::\d+)?)|"((?:[^"\\]|\\.)*)")\s*([;,]|$)')


def parse_forwarded(header: str) -> list[dict[str, str]]:
    """Return the elements of a `Forwarded` header (RFC 7239), the nearest proxy last; none of a malformed header.

    Names of parameters are in lower case.
    """
    hops: list[dict[str, str]] = [{}]
    position = 0
    while position < len(header):
        match = _PAIR.match(header, position)
        if match is None:
            return []
        name, token, quoted, separator = match.groups()
        hops[-1][name.lower()] = token if token is not None else re.sub(r"\\(.)", r"\1", quoted)
        if separator == ",":
            hops.append({})
        position = match.end()
    return [hop for hop in hops if hop]


def _is_https_or_health(scope: Scope) -> bool:
    scheme: str = scope["scheme"]
    path: str = scope["path"]
    return scheme == "https" or path.startswith("/health/")


def _client_address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _read_header(scope: Scope, header: bytes) -> str:
    """Return the value of a header; several values are separated by commas."""
    return ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == header)


def _read_list(scope: Scope, header: bytes) -> list[str]:
    """Return the comma-separated values of a header, which may be repeated."""
    return [part.strip() for part in _read_header(scope, header).split(",") if part.strip()]


def _is_in_networks(address: str, networks: Networks) -> bool:
    parsed = parse_address(address)
    return parsed is not None and any(parsed in network for network in networks)


def _is_loopback(address: str) -> bool:
    parsed = parse_address(address)
    return parsed is not None and parsed.is_loopback
