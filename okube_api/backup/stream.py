"""Sends a backup while it is written.

The backup goes to a file without a name, from which it is sent: a slow client delays neither the transaction of the
backup nor the leases, and memory stays bounded.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import anyio

from okube_api.backup.dump import BackupSource, write_backup
from okube_api.store.schema import Schema

_PART_BYTES = 262_144
_POLL_S = 0.05  # between two looks at the file that is being written


async def stream_backup(source: BackupSource) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a backup.

    Raise StoreError or OSError, which leaves the receiver an archive without an end.
    """
    with tempfile.TemporaryFile() as written:
        writing = asyncio.create_task(write_backup(source, written))
        try:
            sent = 0
            while True:
                is_complete = writing.done()
                if is_complete:
                    writing.result()
                if part := await asyncio.to_thread(_read_at, written.fileno(), sent):
                    sent += len(part)
                    yield part
                elif is_complete:
                    return
                else:
                    await asyncio.wait((writing,), timeout=_POLL_S)
        finally:
            writing.cancel()
            with anyio.CancelScope(shield=True):  # it writes to the file, and holds what it reads
                await asyncio.gather(writing, return_exceptions=True)


def _read_at(descriptor: int, offset: int) -> bytes:
    return os.pread(descriptor, _PART_BYTES, offset)


@dataclass(frozen=True, slots=True)
class BackupSlot:
    """The one backup that a process makes at a time: `lock` is held while it is sent.

    schema: that of the store.
    """

    schema: Schema
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
