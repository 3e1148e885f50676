"""The file of the demo, and the background process that fills it while this process imports the server."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

FILE, DRAFT = "okube.duckdb", "filling.duckdb"

FillProcess = subprocess.Popen[bytes]


@contextmanager
def fill_in_background(folder: Path, until: date | None) -> Iterator[FillProcess | None]:
    """Start a process that fills the file of a folder; yield None when the file exists already.

    The process uses a second core, and the memory that it needed is free once it ends. It is terminated at the end of
    the `with` block.
    """
    if (folder / FILE).exists():
        yield None
        return
    command = [sys.executable, "-m", "okube_api.cli.fill_demo", str(folder), *([until.isoformat()] if until else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: S603 - this package
        try:
            yield process
        finally:
            process.terminate()
