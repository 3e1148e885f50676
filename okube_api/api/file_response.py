"""Responses whose content is in a temporary file."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import IO, Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_PART_BYTES = 262_144  # that are read at a time


class TemporaryFileResponse(StreamingResponse):
    """The content of a file, sent in parts; the file is closed at the end.

    If it is not sent by `deadline_s` (of `time.monotonic`), the connection is closed, which shows the client that the
    answer is incomplete.
    """

    def __init__(self, file: IO[bytes], size: int, deadline_s: float | None = None, **options: Any) -> None:
        super().__init__(self._read(), **options)
        self.headers["Content-Length"] = str(size)
        self._file, self._deadline_s = file, deadline_s

    async def _read(self) -> AsyncIterator[bytes]:
        while part := await asyncio.to_thread(self._file.read, _PART_BYTES):
            yield part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        timeout_s = None if self._deadline_s is None else self._deadline_s - time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                await super().__call__(scope, receive, send)
        finally:
            self._file.close()
