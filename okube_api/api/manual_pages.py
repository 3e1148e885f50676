"""The manual: the pages of `docs/` as a site, at `/manual/`.

`make manual` builds it from `docs/` into the folder `manual` next to this file.  All its links are relative, so that it
works behind any prefix.
"""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import Scope

from okube_api.api.explorer_pages import PageRoute
from okube_api.api.static_files import CachedFiles, FilesMount
from okube_api.clock import DAY_S
from okube_api.http.middleware.proxy import public_path

MANUAL = Path(__file__).parent / "manual"
"""The folder of the build."""

MANUAL_PATH = "/manual"

_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src {styles}; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILE_POLICY = _POLICY.format(scripts="'self'", styles="'self'")  # of the search's worker, among others
_PICTURE_POLICY = _POLICY.format(scripts="'none'", styles="'unsafe-inline'")
_IMMUTABLE = f"public, max-age={365 * DAY_S}, immutable"
_HASHED_NAME = re.compile(r"\.[0-9a-f]{8}\.min\.(js|css)$")
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_NOT_BUILT = (
    "The manual is not built: this copy of the server has no folder okube_api/api/manual.\n"
    "Run `make manual`, then start the server again. The same pages are in docs/.\n"
)


class ManualFiles(CachedFiles):
    """The files of the manual, each page with a policy that allows no scripts but its own."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, {"Cache-Control": "no-cache", "Content-Security-Policy": _FILE_POLICY})
        self._policies: dict[tuple[str, str], str] = {}

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the answer with a file, or 304; the folder itself answers its first page."""
        path = "index.html" if path == "." else path
        response = await super().get_response(path, scope)
        if path.endswith(".html"):
            key = path, response.headers["ETag"]
            if key not in self._policies:
                self._policies[key] = await to_thread.run_sync(self._build_policy, path)
            response.headers["Content-Security-Policy"] = self._policies[key]
        elif path.endswith(".svg"):
            response.headers["Content-Security-Policy"] = _PICTURE_POLICY
        elif _HASHED_NAME.search(path):
            response.headers["Cache-Control"] = _IMMUTABLE
        return response

    def _build_policy(self, path: str) -> str:
        """Return the policy of a page, with the hashes of its inline scripts."""
        html = Path(self.lookup_path(path)[0]).read_text(encoding="utf-8")
        hashes = {f"'sha256-{_hash_script(script)}'": None for script in _INLINE_SCRIPT.findall(html)}
        return _POLICY.format(scripts=" ".join(["'self'", *hashes]), styles="'self'")


def build_manual_routes(folder: Path = MANUAL) -> list[BaseRoute]:
    """Return the routes of the manual.  Without its build, `/manual/` says so.

    folder: of the build.
    """
    routes: list[BaseRoute] = [PageRoute(MANUAL_PATH, _redirect)]
    if (folder / "index.html").is_file():
        return [*routes, FilesMount(MANUAL_PATH, ManualFiles(folder))]
    return [*routes, PageRoute(f"{MANUAL_PATH}/", _answer_not_built)]


async def _redirect(request: Request) -> Response:
    return RedirectResponse(public_path(request.scope, f"{MANUAL_PATH}/"), 308)


async def _answer_not_built(_request: Request) -> Response:
    return PlainTextResponse(_NOT_BUILT, 404)


def _hash_script(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()
