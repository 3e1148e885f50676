"""Routing by the segments of the raw path."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.http.middleware.path_segments import PathSegments, decode_parameters
from starlette.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

SEGMENTS = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])), min_size=1, max_size=4)


async def rewrite(raw: bytes | None, path: str = "/") -> str | int:
    """Return the path that routes are matched with, or the status of a refused request."""
    results: list[str | int] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        results.append(scope["path"])

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            results.append(message["status"])

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: Scope = {"type": "http", "path": path, "raw_path": raw, "method": "GET", "headers": []}
    await PathSegments(inner)(scope, receive, send)
    return results[0]


@settings(max_examples=60, deadline=None)
@given(segments=SEGMENTS)
async def test_segments_are_decoded_one_by_one(segments: list[str]) -> None:
    raw = "/" + "/".join(quote(segment, safe="") for segment in segments)
    path = await rewrite(raw.encode())
    assert isinstance(path, str)
    parts = path.split("/")[1:]
    assert list(decode_parameters(dict(enumerate(parts))).values()) == segments  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"/a%2Fb/c", "/a%2Fb/c"),
        (b"/a%2fb", "/a%2Fb"),
        (b"/%25", "/%25"),
        (b"/100%", "/100%25"),
        (b"/%zz", "/%25zz"),
        (b"/a+b", "/a+b"),
        (b"/~a!b'", "/~a!b'"),
        (b"/a\x7fb", 404),
        (b"/a\tb", 404),
        ("/caf\u00e9".encode(), "/caf\u00e9"),
        (b"/%ff", 400),
        (b"/%c0%af", 400),
        (b"/%00", 404),
        (b"/a%0d%0ab", 404),
    ],
)
async def test_paths(raw: bytes, expected: str | int) -> None:
    assert await rewrite(raw) == expected


async def test_server_without_raw_paths_is_supported() -> None:
    assert await rewrite(None, "/é/100%") == "/é/100%25"
