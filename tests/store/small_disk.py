"""A small disk: a tmpfs that only root can mount."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CannotMount(Exception):
    """This process may not mount a tmpfs; the message says why."""


class SmallDisk:
    """A mounted tmpfs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, leave_bytes: int = 0) -> None:
        """Fill the disk with a file, but for some bytes."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass
            size = filler.seek(0, 2)
            filler.truncate(max(0, size - leave_bytes))

    def empty(self) -> None:
        """Delete the file that fills the disk."""
        (self.folder / "filler").unlink(missing_ok=True)


@contextmanager
def mount_small_disk(folder: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """Mount a tmpfs of that size in an empty folder; unmount it at the end.  Raise CannotMount."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=0700", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CannotMount("There is no command 'mount'.") from error
    if done.returncode:
        raise CannotMount(f"A tmpfs cannot be mounted, which needs root: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
