"""A running server, for commands that cannot open its file: the same work over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from okube_api.ingest.parse.codecs import of_path

if TYPE_CHECKING:
    import httpx

_PIECE_BYTES = 2**20


class RemoteError(Exception):
    """The server refused, or cannot be reached; the message says what would work."""


class RemoteServer:
    """The API at an address, called with a token.

    url: such as http://127.0.0.1:8000; token: of POST /auth/login, or an API key.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    async def take_file(
        self, application: str, kind: str, path: Path, *, atomic: bool, tell: Callable[[int], None]
    ) -> dict[str, Any]:
        """The batch of a file, visible to questions; `tell` is given the bytes sent so far.  Raises RemoteError."""
        shape, encoding = of_path(path)
        found = await self._send(
            f"/applications/{quote(application, safe='')}/ingest/{quote(kind, safe='')}",
            params={"atomic": "true"} if atomic else {},
            headers={"Content-Type": shape, "Content-Encoding": encoding},
            content=_pieces(path, tell),
        )
        batch: dict[str, Any] = found.json()
        return batch

    async def rebuild(self, application: str) -> None:
        """Writes an application's facts anew.  Raises RemoteError."""
        await self._send(f"/applications/{quote(application, safe='')}/rebuild")

    async def add_user(self, application: str, email: str, password: str, role: str) -> None:
        """Makes a user with a role in an application.  Raises RemoteError."""
        body = {"login": email, "password": password, "role": role}
        await self._send(f"/applications/{quote(application, safe='')}/users", json=body)

    async def _send(self, path: str, *, headers: dict[str, str] | None = None, **request: Any) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - what a server itself never needs

        limits = httpx.Timeout(None, connect=10.0)
        try:
            async with httpx.AsyncClient(timeout=limits, headers=self._headers) as client:
                found = await client.post(f"{self._url}{path}", headers=headers, **request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RemoteError(f"{self._url} does not answer ({error}). Is --url right, and the server up?") from None
        if found.is_success:
            return found
        raise RemoteError(_words(found))


def _words(response: "httpx.Response") -> str:
    """What a problem says, or the status of an answer that is none of this API's."""
    try:
        problem = response.json()
        faults = [fault["message"] for fault in problem.get("errors", ())]
        return " ".join(dict.fromkeys((problem["detail"], *faults)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the server answered {response.status_code} {response.reason_phrase}."


async def _pieces(path: Path, tell: Callable[[int], None]) -> AsyncIterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            yield piece
            sent += len(piece)
            tell(sent)
