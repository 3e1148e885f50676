"""Client of a running server, for commands that otherwise work on the store themselves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from okube_api.cli.requests import RemoteError, connect
from okube_api.ingest.parse.codecs import detect_format
from okube_api.ingest.parse.read_options import ReadOptions

if TYPE_CHECKING:
    import httpx

_CHUNK_BYTES = 2**20


class RemoteServer:
    """The API at an address, called with a token.

    url: such as http://127.0.0.1:8000.
    token: from POST /auth/login, or an API key.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token

    async def upload_file(
        self,
        application: str,
        kind: str,
        path: Path,
        options: ReadOptions,
        *,
        atomic: bool,
        on_progress: Callable[[int], None],
    ) -> dict[str, Any]:
        """Ingest a file and return its batch, visible to questions.  Raise RemoteError.

        A batch of which every line was rejected is returned like others.
        on_progress: called with the number of bytes sent so far.
        """
        media_type, encoding = detect_format(path)
        response = await self._post(
            f"/applications/{quote(application, safe='')}/ingest/{quote(kind, safe='')}",
            params={**options.as_parameters(), **({"atomic": "true"} if atomic else {})},
            allowed_codes=("nothing_accepted",),
            headers={"Content-Type": media_type, "Content-Encoding": encoding},
            content=_read_chunks(path, on_progress),
        )
        batch: dict[str, Any] = response.json()
        return batch

    async def rebuild(self, application: str) -> None:
        """Rebuild the facts of an application.  Raise RemoteError."""
        await self._post(f"/applications/{quote(application, safe='')}/rebuild")

    async def add_user(self, application: str, email: str, password: str | None, role: str) -> str | None:
        """Invite a user to an application, and return the token of the invitation; None when it was sent by mail.

        password: creates the user without an invitation, for which the caller must be a platform administrator.
        Raise RemoteError.
        """
        body = {"login": email, "role": role, **({"password": password} if password is not None else {})}
        response = await self._post(f"/applications/{quote(application, safe='')}/users", json=body)
        user: dict[str, Any] = response.json()
        if password is not None and user["status"] != "active":
            raise RemoteError(
                f"{email} is invited and sets the password. Token: {user['token'] or 'sent by mail'}. Only platform "
                "administrators may set the password."
            )
        token: str | None = user["token"]
        return token

    async def _post(self, path: str, **request: Any) -> "httpx.Response":
        """Send a POST request.  Raise RemoteError."""
        async with connect(self._url, self._token) as requests:
            return await requests.send("POST", path, **request)


async def _read_chunks(path: Path, on_progress: Callable[[int], None]) -> AsyncIterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
            sent += len(chunk)
            on_progress(sent)
