"""Cancel the work for a request whose client closes the connection before the answer is sent."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from okube_api.errors import ClientDisconnected

T = TypeVar("T")


class BodyStream:
    """The body of a request, which is read once while it arrives.

    has_ended: set when all of it was read.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self.has_ended = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._request.stream():
            yield chunk
        self.has_ended.set()


async def cancel_on_disconnect(request: Request, work: Coroutine[Any, Any, T], body: BodyStream | None = None) -> T:
    """Return the result of `work`; cancel it and raise ClientDisconnected when the connection is closed first.

    body: what `work` reads; without one, the body must have been read before.  Nothing else may receive messages while
    it is read: it would take the one that reports the disconnection.
    """
    work_task = asyncio.ensure_future(work)
    disconnect_task = asyncio.ensure_future(_wait_for_disconnect(request, body))
    try:
        await asyncio.wait((work_task, disconnect_task), return_when=asyncio.FIRST_COMPLETED)
        if not work_task.done():
            raise ClientDisconnected("The client closed the connection before the answer was sent.")
        return work_task.result()
    finally:
        work_task.cancel()
        disconnect_task.cancel()
        await asyncio.gather(work_task, disconnect_task, return_exceptions=True)


async def _wait_for_disconnect(request: Request, body: BodyStream | None) -> None:
    if body is not None:
        await body.has_ended.wait()
    while (await request.receive())["type"] != "http.disconnect":
        pass
