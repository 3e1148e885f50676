"""The demonstration's file, and the process that fills it while this one imports what it will serve it with."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

FILE, DRAFT = "okube.duckdb", "filling.duckdb"

Filling = subprocess.Popen[bytes]


@contextmanager
def filled(folder: Path, until: date | None) -> Iterator[Filling | None]:
    """The process that fills the folder's file, None where it is filled already; it ends when the body does.

    Its memory goes with it, and it has a core of its own.
    """
    if (folder / FILE).exists():
        yield None
        return
    words = [sys.executable, "-m", "okube_api.cli.fill_demo", str(folder), *([until.isoformat()] if until else [])]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:  # noqa: S603 - ourselves
        try:
            yield process
        finally:
            process.terminate()
