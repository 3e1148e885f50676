"""A file that keeps some room on the disk, and is deleted when the disk is full."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

MAX_BYTES = 16 * 2**20
_SHARE = 4
"""The file takes at most this fraction of the room that is free when it is created."""
_MIN_BYTES = 2**18


class DiskReserve:
    """Room next to the database file, for the checkpoint and the writes that let an operator make room."""

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}.reserve")
        self._released_bytes = 0

    @property
    def is_present(self) -> bool:
        """Whether the room is reserved."""
        return self._path.exists()

    def create(self) -> bool:
        """Reserve room unless it is reserved already or too little is free; return whether it is reserved.

        Room that was given back is reserved again only once there is plenty, not from what was just made.
        """
        if self.is_present:
            return True
        size = min(MAX_BYTES, read_free_bytes(self._path.parent) // _SHARE)
        if size < max(_MIN_BYTES, self._released_bytes):
            return False
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)
        except OSError:
            self._path.unlink(missing_ok=True)
            return False
        return True

    def release(self) -> bool:
        """Give the room back; return False when there is none."""
        with suppress(FileNotFoundError):
            self._released_bytes = self._path.stat().st_size
            self._path.unlink()
            return True
        return False


def read_free_bytes(folder: Path) -> int:
    """Return the bytes that are free on the disk of a folder."""
    return shutil.disk_usage(folder).free
