"""Proxy to a server that can be cut and opened again, to simulate a database that stops and restarts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Forwards bytes between a local port and a server while it is open; holds them back while it is frozen."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._server_port = host, port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_flowing = asyncio.Event()
        self.port = 0

    async def open(self) -> None:
        """Accept connections, on the same port as before."""
        self._is_flowing.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Close every connection and accept no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        """Stop forwarding without closing connections."""
        self._is_flowing.clear()

    def thaw(self) -> None:
        """Forward again."""
        self._is_flowing.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opening = asyncio.create_task(asyncio.open_connection(self._host, self._server_port))
        writers, directions = [writer], []
        try:
            server_reader, server_writer = await asyncio.shield(opening)
            writers.append(server_writer)
            directions = [
                asyncio.create_task(self._copy(reader, server_writer)),
                asyncio.create_task(self._copy(server_reader, writer)),
            ]
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if len(writers) == 1:  # cut while the connection was being opened: wait for it, to close it
                writers.append((await opening)[1])
            for direction in directions:
                direction.cancel()
            for writer_to_close in writers:
                with suppress(OSError):
                    writer_to_close.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._is_flowing.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def open_proxy(host: str, port: int) -> AsyncIterator[Proxy]:
    """Open a proxy, and cut it at the end."""
    proxy = Proxy(host, port)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.cut()
