"""The explorer: the page that asks the API, at `/` and at the paths of its views.

`web/` has its sources; their build is in the folder `explorer` next to this file.  All its paths answer the same page,
which reads the rest from the URL.
"""

from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from okube_api.api.static_files import CachedFiles, FilesMount
from okube_api.clock import DAY_S
from okube_api.http.etags import digest, is_unchanged
from okube_api.http.middleware.proxy import public_path

EXPLORER = Path(__file__).parent / "explorer"
"""The folder of the build."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_ASSET_HEADERS = {
    "Cache-Control": f"public, max-age={365 * DAY_S}, immutable",  # their names change with their content
    "Content-Security-Policy": _POLICY,  # workers have the policy of their own script
}
_ROOT = 'name="okube-root" content="{}/"'
_MANUAL = 'name="okube-manual" content="{}"'
_NOT_BUILT = (
    "The explorer is not built: this copy of the server has no folder okube_api/api/explorer.\n"
    "Run `make web`, then start the server again. The API works without it.\n"
)

_UNDER = "/a/{application}"
PAGES = (
    "/",
    "/login",
    *(f"{_UNDER}/{page}" for page in ("overview", "explore", "map", "data", "manage")),
    f"{_UNDER}/manage/{{section}}",
    f"{_UNDER}/manage/{{section}}/{{item}}",
)
"""Paths that answer the page."""

SHARED_PAGES = (f"{_UNDER}/campaigns", f"{_UNDER}/views")
"""Paths that answer the page when a browser opens them, and are paths of the API otherwise."""


class PageRoute(Route):
    """The route of a page, which metrics count by its path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as Starlette does, and name the route in the scope as FastAPI does."""
        match, child_scope = super().matches(scope)
        return match, {**child_scope, "route": self} if match is not Match.NONE else child_scope


class NavigationRoute(PageRoute):
    """The route of a page at a path of the API: it matches only when a browser opens the path.

    Browsers accept HTML and XHTML then and have no token to send; clients of the API do neither.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path if the request is the navigation of a browser."""
        return super().matches(scope) if _is_navigation(scope) else (Match.NONE, {})


def build_explorer_routes(folder: Path = EXPLORER, *, has_manual: bool = True) -> list[BaseRoute]:
    """Return the routes of the explorer, which must come before those of the API.

    folder: of the build.  Without it, only `/` has a route, which says so.
    has_manual: whether the explorer links to the manual.
    """
    if not (folder / "index.html").is_file():
        return [PageRoute("/", _answer_not_built)]
    html = (folder / "index.html").read_text(encoding="utf-8")
    if not has_manual:
        html = html.replace(_MANUAL.format("yes"), _MANUAL.format("no"))

    async def answer_page(request: Request) -> Response:
        return _answer_page(request, html, {})

    async def answer_navigation(request: Request) -> Response:
        return _answer_page(request, html, {"Vary": "Accept, Authorization"})

    return [
        *(PageRoute(path, answer_page) for path in PAGES),
        *(NavigationRoute(path, answer_navigation) for path in SHARED_PAGES),
        FilesMount("/explorer/assets", CachedFiles(folder / "assets", _ASSET_HEADERS)),
    ]


def _answer_page(request: Request, html: str, headers: dict[str, str]) -> Response:
    """Return the page with the paths that the client sees, or 304."""
    prefix = escape(public_path(request.scope, ""))
    text = html.replace('="./', f'="{prefix}/explorer/').replace(_ROOT.format(""), _ROOT.format(prefix))
    tag = f'W/"{digest(text.encode())}"'
    headers |= {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY, "ETag": tag}
    if is_unchanged(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return HTMLResponse(text, headers=headers)


async def _answer_not_built(_request: Request) -> Response:
    return PlainTextResponse(_NOT_BUILT, 404)


def _is_navigation(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    headers = [(name, value) for name, value in scope["headers"] if name in (b"accept", b"authorization")]
    accepted = {part.partition(b";")[0].strip() for _, value in headers for part in value.lower().split(b",")}
    has_token = any(name == b"authorization" for name, _ in headers)
    return not has_token and accepted >= {b"text/html", b"application/xhtml+xml"}
