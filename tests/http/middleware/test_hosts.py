"""The `Host` header: exactly one, and a name of this server."""

from collections.abc import Sequence

import pytest
from okube_api.http.middleware.hosts import AllowedHosts
from starlette.types import Receive, Scope, Send

LOOPBACK, REMOTE = "127.0.0.1", "198.51.100.7"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer nothing."""


def find_code(
    hosts: Sequence[str],
    *,
    allowed: Sequence[str] = (),
    require_https: bool = True,
    scheme: str = "http",
    address: str = LOOPBACK,
    path: str = "/sites",
) -> str | None:
    """Return the code of the fault in the `Host` headers; None when the request is passed on."""
    headers = [(b"host", host.encode("latin-1")) for host in hosts]
    scope = {"type": "http", "scheme": scheme, "path": path, "client": (address, 1), "headers": headers}
    refusal = AllowedHosts(application, allowed, require_https).check(scope)
    if refusal is None:
        return None
    assert refusal.status == 400
    return refusal.faults[0].code


@pytest.mark.parametrize(
    ("hosts", "code"),
    [
        ([], "missing"),
        (["127.0.0.1", "127.0.0.1"], "repeated"),
        (["127.0.0.1", "evil.example"], "repeated"),
        ([""], "invalid"),
        (["a b"], "invalid"),
        (["127.0.0.1:port"], "invalid"),
        (["user@localhost"], "invalid"),
        (["localhost/path"], "invalid"),
        (["caf\xe9"], "invalid"),
    ],
)
def test_request_has_exactly_one_valid_host(hosts: list[str], code: str) -> None:
    assert find_code(hosts, allowed=["*"]) == code


@pytest.mark.parametrize("require_https", [True, False])
@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:80", "demo.localhost", "127.9.9.9"]
)
def test_loopback_names_are_allowed_by_default(host: str, require_https: bool) -> None:
    assert find_code([host], require_https=require_https) is None


@pytest.mark.parametrize(
    ("require_https", "scheme", "code"),
    [
        (True, "https", None),
        (True, "http", "unknown_host"),
        (False, "http", "unknown_host"),
        (False, "https", "unknown_host"),
    ],
)
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.1"])
def test_other_names_need_https_by_default(host: str, require_https: bool, scheme: str, code: str | None) -> None:
    assert find_code([host], require_https=require_https, scheme=scheme) == code


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("api.example", None),
        ("API.example.:443", None),
        ("eu.shops.example", None),
        ("shops.example", "unknown_host"),
        ("evilshops.example", "unknown_host"),
        ("other.example", "unknown_host"),
        ("localhost", "unknown_host"),
    ],
)
def test_only_named_hosts_are_allowed_once_they_are_set(host: str, code: str | None) -> None:
    allowed = ["api.example", "*.shops.example"]
    assert find_code([host], allowed=allowed, scheme="https", address=REMOTE) == code


def test_commands_on_the_same_machine_use_loopback_names() -> None:
    assert find_code(["127.0.0.1:8000"], allowed=["api.example"], address=LOOPBACK) is None


@pytest.mark.parametrize("hosts", [[], ["10.0.0.7:8000"], ["pod-1"]])
def test_health_routes_are_asked_by_any_name(hosts: list[str]) -> None:
    assert find_code(hosts, allowed=["api.example"], address=REMOTE, path="/health/live") is None
