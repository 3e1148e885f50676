"""Requests over connections whose client leaves, does not read, or sends the body late."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def call_until(
    disconnected: asyncio.Event, url: str, client: httpx.AsyncClient, app: ASGIApp, *, reads_body: bool = True
) -> list[Message]:
    """Post a question over a connection that is closed when `disconnected` is set; return what the app sends.

    reads_body: whether the client reads more than the headers.
    """
    request = client.build_request("POST", url, json={"params": [{"kpi": "sessions"}]})
    messages: list[Message] = [{"type": "http.request", "body": request.read(), "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await disconnected.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not reads_body:
            await asyncio.Event().wait()
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 80),
        "root_path": "",
    }
    await app(scope, receive, send)
    return sent


def delay_body(app: ASGIApp, before_body: Callable[[], Awaitable[object]]) -> ASGIApp:
    """Return an application whose requests get their body at once, after something else has happened."""

    async def delayed(scope: Scope, receive: Receive, send: Send) -> None:
        is_first = True

        async def receive_late() -> Message:
            nonlocal is_first
            if not is_first:
                return await receive()
            is_first = False
            await before_body()
            body = b""
            while True:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    return {"type": "http.request", "body": body, "more_body": False}

        await app(scope, receive_late, send)

    return delayed
