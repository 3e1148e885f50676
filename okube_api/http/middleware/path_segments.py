"""Route by the segments of the raw path, so that a key with an encoded slash (`%2F`) is one segment.

Servers decode the path before it is routed, and lose which slashes were part of a key.  This middleware decodes each
segment of the raw path on its own, and leaves only slashes and percent signs in it encoded until the route is chosen;
`decode_parameters` then decodes these in the path parameters.
"""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from okube_api.errors import BadRequest, NotFound, Refusal
from okube_api.http.problems import problem_response

_PLAIN = re.compile(rb"[!-$&-~]*")  # nothing to decode, and no control characters: nearly every path


class PathSegments:
    """Middleware that rewrites the path from the segments of the raw path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its path rewritten; answer 400 when the path is not UTF-8."""
        if scope["type"] == "http":
            try:
                scope["path"] = _rewrite_path(scope)
            except Refusal as refusal:
                await problem_response(refusal, scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def decode_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return path parameters with their slashes and percent signs decoded."""
    return {name: value.replace("%2F", "/").replace("%25", "%") for name, value in parameters.items()}


def _rewrite_path(scope: Scope) -> str:
    raw: bytes | None = scope.get("raw_path")
    if raw is None:  # some servers send no raw path: slashes in keys cannot be recognised then
        raw = scope["path"].replace("%", "%25").encode("utf-8")
    if _PLAIN.fullmatch(raw):
        return raw.decode("ascii")
    return "/".join(_decode_segment(part) for part in raw.split(b"/"))


def _decode_segment(raw: bytes) -> str:
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("The path is not UTF-8.") from None
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise NotFound("resource", text.encode("unicode_escape").decode("ascii"))
    return text.replace("%", "%25").replace("/", "%2F")
