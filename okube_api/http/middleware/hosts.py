"""Accept only requests for names of this server, as their `Host` header shows.

Pages of other sites could otherwise use a server that listens on loopback: their name resolves to its address (DNS
rebinding), so that browsers take both for the same site.
"""

import re
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from okube_api.errors import BadRequest, Refusal
from okube_api.http.middleware.proxy import is_from_loopback
from okube_api.http.problems import problem_response

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?")
_LOOPBACK = re.compile(r"localhost|[a-z0-9.-]+\.localhost|127(\.\d{1,3}){3}|\[::1\]")


class AllowedHosts:
    """Middleware that answers 400 to requests with no, several or foreign `Host` headers.

    hosts: allowed names, such as `api.example`, `*.example` or `*`.  If there are none, loopback names are allowed, and
    other names only by HTTPS on a server that requires it.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str], require_https: bool) -> None:
        self.app = app
        self.names = frozenset(host for host in hosts if not host.startswith("*."))
        self.suffixes = tuple(host[1:] for host in hosts if host.startswith("*."))
        self.allows_all = "*" in self.names
        self.require_https = require_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 400."""
        if scope["type"] == "http" and (refusal := self.check(scope)) is not None:
            await problem_response(refusal, scope)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def check(self, scope: Scope) -> Refusal | None:
        """Return the refusal of a request; None if its host is allowed.

        Health routes may be asked by any name or address: probes use those of a container.
        """
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        is_health = scope["path"].startswith("/health/")
        if not hosts and is_health:
            return None
        if len(hosts) != 1:
            return _refusal("missing" if not hosts else "repeated", "Send exactly one 'Host' header.")
        match = _HOST.fullmatch(hosts[0].decode("latin-1").lower())
        if match is None:
            return _refusal("invalid", "The 'Host' header must be a name or an address, and optionally a port.")
        if is_health or self._is_allowed(match[1].removesuffix("."), scope):
            return None
        return _refusal(
            "unknown_host", "This server does not answer requests for this host. Its names are in OKUBE_ALLOWED_HOSTS."
        )

    def _is_allowed(self, host: str, scope: Scope) -> bool:
        if self.allows_all or host in self.names or host.endswith(self.suffixes or ("\0",)):
            return True
        is_loopback = _LOOPBACK.fullmatch(host) is not None
        if self.names or self.suffixes:
            return is_loopback and is_from_loopback(scope)  # commands on the machine itself
        return is_loopback or (self.require_https and scope["scheme"] == "https")


def _refusal(code: str, message: str) -> Refusal:
    return BadRequest.with_code("header", "/Host", code, message)
