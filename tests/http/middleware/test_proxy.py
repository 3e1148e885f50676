"""Headers of proxies: `Forwarded` (RFC 7239) is read beside `X-Forwarded-*`, from trusted proxies only."""

from collections.abc import Mapping
from typing import Any

import pytest
from okube_api.http.middleware.proxy import ProxyHeaders, parse_forwarded, parse_networks
from starlette.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

PROXY = "10.1.2.3"


async def pass_on(headers: Mapping[str, str], address: str = PROXY) -> dict[str, Any] | int:
    """Return what the application sees of a request through a proxy, or the status of its refusal."""
    seen: dict[str, Any] = {}
    sent: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        host = [value.decode() for name, value in scope["headers"] if name == b"host"]
        seen.update(scheme=scope["scheme"], address=scope["client"][0], host=host)

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
    await ProxyHeaders(application, parse_networks(["10.0.0.0/8"]), require_https=True)(scope, receive, send)
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
    seen = await pass_on({"Forwarded": forwarded})
    assert seen == dict(zip(("scheme", "address", "host"), expected, strict=True))


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"Forwarded": "for=127.0.0.1;proto=https"}, "198.51.100.9"),
        ({"Forwarded": "for=127.0.0.1"}, "127.0.0.1"),
        ({"Forwarded": "for=6.6.6.6;proto=https, for=192.0.2.7;proto=http"}, PROXY),
        ({"Forwarded": "for=6.6.6.6;proto=https", "X-Forwarded-Proto": "http"}, PROXY),
        ({"Forwarded": "proto=https;;"}, PROXY),
    ],
    ids=["not trusted", "not direct", "nearest proxy", "invented beside X-Forwarded", "malformed"],
)
async def test_plain_http_stays_refused(headers: dict[str, str], address: str) -> None:
    assert await pass_on(headers, address) == 403


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
