"""The API as commands use it: that of a running server, or the same application in this process on the store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from okube_api.cli.requests import ApiRequests, connect


@asynccontextmanager
async def open_api(url: str | None, token: str | None, *, creates_store: bool = False) -> AsyncIterator[ApiRequests]:
    """Yield requests to the server at a URL; without one, to an application in this process.

    That application works on the store of the settings, and all is allowed to its requests.  At the end, facts that a
    change has made stale are rebuilt.
    creates_store: whether an embedded store that does not exist is created.
    Raise ValueError when it is not, and what opening a store raises, such as StoreLocked.
    """
    if url is not None:
        async with connect(url, token) as requests:
            yield requests
        return
    from okube_api.cli.local_api import open_local_api  # noqa: PLC0415 - the whole server, which --url does not need

    async with open_local_api(creates_store=creates_store) as requests:
        yield requests
