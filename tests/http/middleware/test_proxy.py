"""Headers of proxies: those that trusted proxies set, `X-Forwarded-*` or `Forwarded` (RFC 7239), and no others."""

from collections.abc import Mapping
from typing import Any

import pytest
from okube_api.http.middleware.proxy import ProxyHeaders, parse_forwarded, parse_networks
from starlette.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

PROXY = "10.1.2.3"


async def pass_on(
    headers: Mapping[str, str], address: str = PROXY, *, reads_forwarded: bool = False, loopback: str | None = None
) -> dict[str, Any] | int:
    """Return what the application sees of a request through a proxy, or the status of its refusal."""
    seen: dict[str, Any] = {}
    sent: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        host = [value.decode() for name, value in scope["headers"] if name == b"host"]
        seen.update(scheme=scope["scheme"], address=scope["client"][0], host=host)
        if prefix := scope.get("state", {}).get("prefix"):
            seen["prefix"] = prefix

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    pairs = {"host": "inside", **headers}
    scope: Scope = {
        "type": "http",
        "scheme": "http",
        "path": "/sites",
        "client": (address, 1),
        "headers": [(name.lower().encode(), value.encode()) for name, value in pairs.items()],
    }
    middleware = ProxyHeaders(
        application,
        parse_networks(["10.0.0.0/8"]),
        require_https=True,
        reads_forwarded=reads_forwarded,
        loopback=parse_networks([loopback] if loopback else []),
    )
    await middleware(scope, receive, send)
    return seen or int(sent[0]["status"])


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("for=192.0.2.43;proto=https", [{"for": "192.0.2.43", "proto": "https"}]),
        ('For="[2001:db8::1]:4711";Proto=https', [{"for": "[2001:db8::1]:4711", "proto": "https"}]),
        ("for=192.0.2.1, for=unknown;host=a.example", [{"for": "192.0.2.1"}, {"for": "unknown", "host": "a.example"}]),
        (r'by="a\"b";for=_x', [{"by": 'a"b', "for": "_x"}]),
        ('for="a,b;c"', [{"for": "a,b;c"}]),
        ("", []),
        ("for", []),
        ('for="192.0.2.1', []),
        ("for=192.0.2.1 proto=https", []),
        ("proto=https,,", []),
    ],
)
def test_forwarded_is_parsed(header: str, expected: list[dict[str, str]]) -> None:
    assert parse_forwarded(header) == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("for=192.0.2.43;proto=https", ("https", "192.0.2.43", ["inside"])),
        ('for="[2001:db8::1]:4711";proto=HTTPS', ("https", "2001:db8::1", ["inside"])),
        ('for="192.0.2.43:80";proto=https;host="api.example:8443"', ("https", "192.0.2.43", ["api.example:8443"])),
        ("for=6.6.6.6;host=evil.example, for=192.0.2.7;proto=https", ("https", "192.0.2.7", ["inside"])),
        ("for=192.0.2.7, for=10.9.9.9;proto=https", ("https", "192.0.2.7", ["inside"])),
    ],
)
async def test_forwarded_of_a_trusted_proxy_counts(forwarded: str, expected: tuple[Any, ...]) -> None:
    seen = await pass_on({"Forwarded": forwarded}, reads_forwarded=True)
    assert seen == dict(zip(("scheme", "address", "host"), expected, strict=True))


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"Forwarded": "for=127.0.0.1;proto=https"}, "198.51.100.9"),
        ({"Forwarded": "for=127.0.0.1"}, "127.0.0.1"),
        ({"Forwarded": "for=6.6.6.6;proto=https, for=192.0.2.7;proto=http"}, PROXY),
        ({"Forwarded": "proto=https;;"}, PROXY),
    ],
    ids=["not trusted", "not direct", "nearest proxy", "malformed"],
)
async def test_plain_http_stays_refused(headers: dict[str, str], address: str) -> None:
    assert await pass_on(headers, address, reads_forwarded=True) == 403


async def test_gateway_of_a_container_engine_counts_as_loopback() -> None:
    seen = await pass_on({}, "172.30.99.1", loopback="172.30.99.1")
    assert seen == {"scheme": "http", "address": "127.0.0.1", "host": ["inside"]}


@pytest.mark.parametrize(
    ("headers", "address", "loopback"),
    [
        ({}, "172.30.99.1", None),
        ({}, "172.30.99.2", "172.30.99.1"),
        ({"X-Forwarded-For": "127.0.0.1"}, "172.30.99.1", "172.30.99.1"),
        ({"Forwarded": "for=127.0.0.1"}, "172.30.99.1", "172.30.99.1"),
    ],
    ids=["not set", "another container", "from a proxy", "from a proxy, RFC 7239"],
)
async def test_other_addresses_do_not_count_as_loopback(
    headers: dict[str, str], address: str, loopback: str | None
) -> None:
    assert await pass_on(headers, address, loopback=loopback) == 403


X_FORWARDED = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/api"}


@pytest.mark.parametrize("invented", [{}, {"Forwarded": "for=6.6.6.6;proto=http;host=evil.example"}])
async def test_forwarded_is_ignored_where_proxies_set_x_forwarded(invented: dict[str, str]) -> None:
    expected = {"scheme": "https", "address": "192.0.2.1", "host": ["inside"], "prefix": "/api"}
    assert await pass_on({**X_FORWARDED, **invented}) == expected


@pytest.mark.parametrize("invented", [{}, X_FORWARDED, {"X-Forwarded-For": "6.6.6.6, 192.0.2.9"}])
async def test_x_forwarded_is_ignored_where_proxies_set_forwarded(invented: dict[str, str]) -> None:
    seen = await pass_on({"Forwarded": "for=192.0.2.7;proto=https", **invented}, reads_forwarded=True)
    assert seen == {"scheme": "https", "address": "192.0.2.7", "host": ["inside"]}


@pytest.mark.parametrize("reads_forwarded", [True, False])
async def test_invented_header_alone_does_not_make_https(reads_forwarded: bool) -> None:
    headers = X_FORWARDED if reads_forwarded else {"Forwarded": "for=6.6.6.6;proto=https"}
    assert await pass_on(headers, reads_forwarded=reads_forwarded) == 403


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("192.0.2.1:5555", "192.0.2.1"),
        ("[2001:db8::1%eth0]:80", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, 10.9.9.9:443", "192.0.2.1"),
        ("192.0.2.1, ::ffff:10.9.9.9", "192.0.2.1"),
        ("192.0.2.1, [::ffff:10.9.9.9]:443", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1:80", "192.0.2.1"),
        ("10.9.9.9, unknown", "unknown"),
    ],
)
@pytest.mark.parametrize("proxy", [PROXY, f"::ffff:{PROXY}"])
async def test_x_forwarded_for_may_have_ports_zones_and_mapped_addresses(
    addresses: str, expected: str, proxy: str
) -> None:
    seen = await pass_on({"X-Forwarded-Proto": "https", "X-Forwarded-For": addresses}, proxy)
    assert isinstance(seen, dict)
    assert seen["address"] == expected
