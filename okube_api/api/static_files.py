"""Files of the package for browsers: scripts, styles and pictures, cached there and compressed once."""

import gzip
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import brotli
from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.routing import Match, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_MIN_COMPRESSED_BYTES = 500
_BROTLI_QUALITY = 9  # 1.7 MB take 0.1 s; quality 11 saves another 9 % and takes 2 s
_COMPRESSORS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": partial(brotli.compress, quality=_BROTLI_QUALITY),
    "gzip": partial(gzip.compress, mtime=0),
}
"""By content coding, the preferred one first."""


class CachedFiles(StaticFiles):
    """The files of a folder, compressed at the first request of each; the result stays in memory.

    headers: of every answer, `Cache-Control` among them.  A 304 has them, too: browsers replace stored headers by its.
    """

    def __init__(self, directory: Path, headers: Mapping[str, str]) -> None:
        super().__init__(directory=directory)
        self._headers = headers
        self._compressed: dict[tuple[str, str], tuple[str, bytes]] = {}

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the answer with a file, or 304.  Raise HTTPException for a path that is no file of the folder."""
        response = await super().get_response(path, scope)
        response.headers["ETag"] = f"W/{response.headers['ETag']}"  # weak: one tag for all content codings
        if isinstance(response, FileResponse) and _is_compressible(response):
            response.headers.add_vary_header("Accept-Encoding")
            if coding := _choose_coding(Headers(scope=scope)):
                response = await self._compress(response, coding)
        response.headers.update(self._headers)
        return response

    async def _compress(self, response: FileResponse, coding: str) -> Response:
        """Return the answer with the compressed file."""
        key, tag = (str(response.path), coding), response.headers["ETag"]
        stored_tag, content = self._compressed.get(key, ("", b""))
        if stored_tag != tag:  # the first request, or the file has changed

            def compress() -> bytes:
                return _COMPRESSORS[coding](Path(response.path).read_bytes())

            content = await to_thread.run_sync(compress)
            self._compressed[key] = tag, content
        names = ("Content-Type", "ETag", "Last-Modified", "Vary")
        headers = {name: response.headers[name] for name in names}
        return Response(content, headers={**headers, "Content-Encoding": coding})


class FilesMount(Mount):
    """The files of a folder under a path, which metrics count as one route."""

    def __init__(self, path: str, files: CachedFiles) -> None:
        super().__init__(path, files)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as Starlette does, and name the route in the scope as FastAPI does."""
        match, child_scope = super().matches(scope)
        return match, {**child_scope, "route": self} if match is not Match.NONE else child_scope


def _is_compressible(response: FileResponse) -> bool:
    media_type = response.media_type or ""
    is_text = media_type.startswith("text/") or media_type.endswith(("xml", "json", "javascript", "wasm"))
    return is_text and int(response.headers["Content-Length"]) >= _MIN_COMPRESSED_BYTES


def _choose_coding(headers: Headers) -> str | None:
    """Return the best content coding that the client accepts; None when it accepts none of ours."""
    accepted: set[str] = set()
    for element in ",".join(headers.getlist("Accept-Encoding")).split(","):
        coding, _, parameter = element.partition(";")
        weight = parameter.strip().removeprefix("q=")
        if weight.strip("0.") or not parameter:  # `q=0` refuses a coding
            accepted.add(coding.strip().lower())
    return next((coding for coding in _COMPRESSORS if coding in accepted), None)
