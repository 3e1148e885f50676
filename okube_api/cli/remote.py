"""Client of a running server, for commands that cannot open the store because the server holds its file."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from okube_api.ingest.parse.codecs import detect_format
from okube_api.ingest.parse.read_options import ReadOptions

if TYPE_CHECKING:
    import httpx

_CHUNK_BYTES = 2**20


class RemoteError(Exception):
    """The server refused the request or cannot be reached."""


class RemoteServer:
    """The API at an address, called with a token.

    url: such as http://127.0.0.1:8000.
    token: from POST /auth/login, or an API key.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

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
        response = await self._send(
            f"/applications/{quote(application, safe='')}/ingest/{quote(kind, safe='')}",
            params={**options.as_parameters(), **({"atomic": "true"} if atomic else {})},
            expected_code="nothing_accepted",
            headers={"Content-Type": media_type, "Content-Encoding": encoding},
            content=_read_chunks(path, on_progress),
        )
        batch: dict[str, Any] = response.json()
        return batch

    async def rebuild(self, application: str) -> None:
        """Rebuild the facts of an application.  Raise RemoteError."""
        await self._send(f"/applications/{quote(application, safe='')}/rebuild")

    async def add_user(self, application: str, email: str, password: str | None, role: str) -> str | None:
        """Invite a user to an application, and return the token of the invitation; None when it was sent by mail.

        password: creates the user without an invitation, for which the caller must be a platform administrator.
        Raise RemoteError.
        """
        body = {"login": email, "role": role, **({"password": password} if password is not None else {})}
        response = await self._send(f"/applications/{quote(application, safe='')}/users", json=body)
        user: dict[str, Any] = response.json()
        if password is not None and user["status"] != "active":
            raise RemoteError(
                f"{email} is invited and sets the password. Token: {user['token'] or 'sent by mail'}. Only platform "
                "administrators may set the password."
            )
        token: str | None = user["token"]
        return token

    async def _send(
        self, path: str, *, headers: dict[str, str] | None = None, expected_code: str | None = None, **request: Any
    ) -> "httpx.Response":
        """Send a POST request.  Raise RemoteError, except for the problem with the expected code."""
        import httpx  # noqa: PLC0415 - a server does not need it

        timeout = httpx.Timeout(None, connect=10.0)
        try:
            async with httpx.AsyncClient(timeout=timeout, headers=self._headers) as client:
                response = await client.post(f"{self._url}{path}", headers=headers, **request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RemoteError(
                f"{self._url} does not answer ({error}). Check --url, and that the server is running."
            ) from None
        if response.is_success or (expected_code is not None and _get_code(response) == expected_code):
            return response
        raise RemoteError(_error_message(response))


def _get_code(response: "httpx.Response") -> str | None:
    """Return the code of a problem document; None when the answer is not one."""
    try:
        code: str | None = response.json().get("code")
    except (ValueError, AttributeError):
        return None
    return code


def _error_message(response: "httpx.Response") -> str:
    """Return the texts of a problem document, or the status when the answer is not one (of a proxy, for example)."""
    try:
        problem = response.json()
        faults = [fault["message"] for fault in problem.get("errors", ())]
        return " ".join(dict.fromkeys((problem["detail"], *faults)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"The server answered {response.status_code} {response.reason_phrase}."


async def _read_chunks(path: Path, on_progress: Callable[[int], None]) -> AsyncIterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
            sent += len(chunk)
            on_progress(sent)
