"""Requests of commands to the API of a running server, or of an application in this process."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from okube_api.errors import name_field
from okube_api.urls import hide_password

if TYPE_CHECKING:
    import httpx

_CONNECT_S = 10.0
_PAGE_DOCUMENTS = 100


class RemoteError(Exception):
    """The server refused the request or cannot be reached."""


class ApiRefusal(RemoteError):
    """The API refused a request.

    status: of the response.
    problem: the problem document; empty when the answer is none, such as that of a proxy.
    """

    def __init__(self, message: str, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem


class ApiRequests:
    """Sends requests to one API, with its address and credentials.

    address: of the server, for messages.
    """

    def __init__(self, client: "httpx.AsyncClient", address: str) -> None:
        self._client = client
        self._address = address

    async def send(
        self, method: str, path: str, *, allowed_codes: Collection[str] = (), **request: Any
    ) -> "httpx.Response":
        """Send a request and return the response.

        path: such as `/applications/acme/sites`, with its parts percent-encoded.
        allowed_codes: problems with these codes are returned instead of raised.
        request: further arguments of `httpx.AsyncClient.request`, such as `params`, `json`, `content` and `files`.
        Raise ApiRefusal for every other problem, RemoteError when the server does not answer, or with a web page.
        """
        import httpx  # noqa: PLC0415 - a server does not need it

        try:
            response = await self._client.request(method, path, **request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RemoteError(_describe_silence(self._address, error)) from None
        if response.has_redirect_location:
            location = hide_password(response.headers["Location"])
            raise RemoteError(f"{self._address} redirects to {location}. Correct --url.")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise RemoteError(
                f"{self._address} answered with a web page ({response.status_code}). Check --url: it must be the "
                "address of the API."
            )
        if response.is_success:
            return response
        problem = _read_problem(response)
        if problem.get("code") in allowed_codes:
            return response
        raise ApiRefusal(_describe_refusal(response, problem), response.status_code, problem)

    async def read_list(self, path: str) -> list[dict[str, Any]]:
        """Return all documents of a list, page by page.  Raise RemoteError."""
        documents: list[dict[str, Any]] = []
        page, has_more = 1, True
        while has_more:
            answer = (await self.send("GET", path, params={"page": page, "per_page": _PAGE_DOCUMENTS})).json()
            documents += answer["documents"]
            page, has_more = page + 1, answer["_$paginated"]["has_more"]
        return documents


@asynccontextmanager
async def connect(url: str, token: str | None) -> AsyncIterator[ApiRequests]:
    """Yield requests to a running server.

    url: such as http://127.0.0.1:8000.
    token: from POST /auth/login, or an API key.
    Raise RemoteError for a URL or a token that is none, or certificates that cannot be read.
    """
    import httpx  # noqa: PLC0415 - a server does not need it

    require_url_without_password(url)
    headers = {"Authorization": f"Bearer {require_token(token)}"}
    timeout = httpx.Timeout(None, connect=_CONNECT_S)
    try:
        client = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=timeout, headers=headers)
    except httpx.InvalidURL as error:
        raise RemoteError(_describe_silence(url, error)) from None
    except OSError as error:
        raise RemoteError(f"The certificates of SSL_CERT_FILE cannot be read ({error.strerror}).") from None
    async with client:
        yield ApiRequests(client, url)


def require_url_without_password(url: str) -> None:
    """Raise RemoteError for a URL with a user or a password: the HTTP library would send them instead of the token."""
    if "@" in url:
        raise RemoteError(
            f"The address '{hide_password(url)}' of --url or OKUBE_URL has a user or a password, which would be sent "
            "instead of the token. Remove what is before the @."
        )


def require_token(token: str | None) -> str:
    """Return the token for a running server.

    Spaces and line ends around it are left out: a file that was written on Windows ends with them.
    Raise RemoteError when there is none, or one that cannot be sent: errors of the HTTP library would have the token in
    their text.
    """
    text = (token or "").strip()
    if not text:
        raise RemoteError("--url needs a token: pass --token, or set OKUBE_TOKEN.")
    if not (text.isascii() and text.isprintable()):
        raise RemoteError(
            "The token of --token or OKUBE_TOKEN has a character that tokens cannot have. Copy the token again."
        )
    return text


def _describe_silence(address: str, error: Exception) -> str:
    """Return a sentence on a server that does not answer."""
    reason = str(error) or type(error).__name__
    return f"{address} does not answer ({reason}). Check --url, and that the server is running."


def _read_problem(response: "httpx.Response") -> Mapping[str, Any]:
    """Return the problem document of a response; an empty one when it is none."""
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _describe_refusal(response: "httpx.Response", problem: Mapping[str, Any]) -> str:
    """Return the texts of a problem document, or the status when the answer is none (of a proxy, for example)."""
    try:
        detail = problem["detail"]
        messages = (name_field(fault["message"], fault["pointer"]) for fault in problem.get("errors", ()))
        return " ".join(dict.fromkeys((detail, *(message for message in messages if message not in detail))))
    except (KeyError, TypeError):
        return f"The server answered {response.status_code} {response.reason_phrase}."
