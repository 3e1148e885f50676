"""A way to a server that can be cut and opened again, for a database that dies and comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Forwards bytes between a local port and a server while it is open; hangs when it is frozen."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._server_port = host, port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self.port = 0

    async def open(self) -> None:
        """Takes connections, on the same port as before."""
        self._flowing.set()
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Drops every connection and takes no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        """Lets nothing through any more, and drops nothing."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Lets everything through again."""
        self._flowing.set()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opening = asyncio.create_task(asyncio.open_connection(self._host, self._server_port))
        ends, ways = [writer], []
        try:
            there_reader, there = await asyncio.shield(opening)
            ends.append(there)
            ways = [
                asyncio.create_task(self._carry(reader, there)),
                asyncio.create_task(self._carry(there_reader, writer)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if len(ends) == 1:  # cut while it was being opened: what opens has to be closed, too
                ends.append((await opening)[1])
            for way in ways:
                way.cancel()
            for end in ends:
                with suppress(OSError):
                    end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def open_proxy(host: str, port: int) -> AsyncIterator[Proxy]:
    """An open proxy."""
    proxy = Proxy(host, port)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.cut()
