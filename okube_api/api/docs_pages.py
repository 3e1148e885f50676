"""Documentation pages: the OpenAPI document, Swagger UI and ReDoc, with all their files."""

from pathlib import Path
from typing import Any, Literal

import orjson
from anyio import to_thread
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from okube_api.api.container import get_services
from okube_api.api.credentials import identify_caller
from okube_api.api.openapi import build_document
from okube_api.api.static_files import CachedFiles, FilesMount
from okube_api.clock import DAY_S

STATIC = Path(__file__).parent / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Okube Analytics API</title>
<link rel="icon" href="static/swagger/favicon-32x32.png">
{head}
</head>
<body><div id="docs"></div></body>
</html>
"""
_SWAGGER = """<link rel="stylesheet" href="static/swagger/swagger-ui.css">
<script src="static/swagger/swagger-ui-bundle.js"></script>
<script src="static/docs.js"></script>"""
_REDOC = """<script src="static/redoc/redoc.standalone.js"></script>
<script src="static/redoc.js"></script>"""


def build_documentation_routes(app: FastAPI, readers: Literal["public", "login", "off"]) -> list[BaseRoute]:
    """Return the documentation routes; none if nobody may read them.

    readers: everyone, callers who have logged in, or nobody.
    """
    if readers == "off":
        return []
    document: bytes | None = None

    async def openapi(_request: Request) -> Response:
        nonlocal document
        if document is None:  # built at the first request, which takes half a second; only the text stays in memory
            document = await to_thread.run_sync(lambda: orjson.dumps(build_document(app)))
        return Response(document, media_type="application/json")

    routes: list[Route | Mount] = [
        Route("/openapi.json", openapi),
        Route("/docs", _page_endpoint(_SWAGGER)),
        Route("/redoc", _page_endpoint(_REDOC)),
        FilesMount("/static", CachedFiles(STATIC, {"Cache-Control": f"public, max-age={DAY_S}"})),
    ]
    if readers == "login":
        for route in routes:
            route.app = _RequireLogin(route.app)
    return [*routes]


class _RequireLogin:
    """Application that answers 401 to callers without a valid token or login cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        services = get_services(request)
        identity = await identify_caller(request, services.sessions, services.settings)
        scope["state"]["user_id"] = identity.user.id
        await self.app(scope, receive, send)


def _page_endpoint(head: str) -> Any:
    async def page(_request: Request) -> Response:
        return HTMLResponse(_PAGE.format(head=head), headers={"Content-Security-Policy": _POLICY})

    return page
