"""Paths by their segments: a key may hold a slash, and still be one segment (`%2F`).

Servers decode a path before it is routed, and lose which slashes were part of a name.  This starts again from the
raw path: each segment is decoded on its own, and only the slashes and percent signs in it stay encoded until the
route is found; `decoded` then takes these out of the parameters.
"""

from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from okube_api.errors import BadRequest, NotFound, Refusal
from okube_api.http.problems import answer


class SegmentedPaths:
    """Middleware that routes by the segments of the raw path; undecodable ones are refused."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes requests on with their path rewritten."""
        if scope["type"] == "http":
            try:
                scope["path"] = _routable(scope)
            except Refusal as refusal:
                await answer(refusal, scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def decoded(parameters: dict[str, Any]) -> dict[str, Any]:
    """Path parameters as their keys were meant."""
    return {name: value.replace("%2F", "/").replace("%25", "%") for name, value in parameters.items()}


def _routable(scope: Scope) -> str:
    raw: bytes | None = scope.get("raw_path")
    if raw is None:  # the server gives none: its path is decoded, so that slashes in keys cannot be told
        raw = scope["path"].replace("%", "%25").encode("utf-8")
    return "/".join(_segment(part) for part in raw.split(b"/"))


def _segment(raw: bytes) -> str:
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("The path is not UTF-8.") from None
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise NotFound("resource", text.encode("unicode_escape").decode("ascii"))
    return text.replace("%", "%25").replace("/", "%2F")
