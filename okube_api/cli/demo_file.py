"""The files of the demo, and the background process that fills them while this process imports the server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

FILE, DRAFT, DAYS_FILE = "okube.duckdb", "filling.duckdb", "demo.json"
TIMEZONE = "Europe/Paris"

FillProcess = subprocess.Popen[bytes]


class ChangedDaysFile(ValueError):
    """The file with the days of a demo cannot be read."""


@dataclass(frozen=True, slots=True)
class DemoDays:
    """The first and the last day whose events are in the file of a demo."""

    first: date
    last: date


def read_days(folder: Path) -> DemoDays | None:
    """Return the days of the demo in a folder; None when it has none, or one of an earlier version.

    Raise ChangedDaysFile.
    """
    try:
        text = (folder / DAYS_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        fields = json.loads(text)
        return DemoDays(date.fromisoformat(fields["first"]), date.fromisoformat(fields["last"]))
    except (ValueError, TypeError, KeyError):
        message = f"{folder / DAYS_FILE} was changed. Delete the folder {folder} to generate the demo again."
        raise ChangedDaysFile(message) from None


def write_days(folder: Path, days: DemoDays) -> None:
    """Write the days of the demo, once their events are stored.

    After an interruption before that, the events of the same days are generated again, and none of them counts twice.
    """
    draft = folder / f"{DAYS_FILE}.new"
    draft.write_text(json.dumps({"first": days.first.isoformat(), "last": days.last.isoformat()}), encoding="utf-8")
    draft.replace(folder / DAYS_FILE)


def compute_last_day() -> date:
    """Return yesterday where the shops of the demo are."""
    return datetime.now(ZoneInfo(TIMEZONE)).date() - timedelta(days=1)


@contextmanager
def fill_in_background(folder: Path, until: date | None) -> Iterator[FillProcess | None]:
    """Start a process that fills the file of a folder, or adds the days that it lacks; yield None when it lacks none.

    The process uses a second core, and the memory that it needed is free once it ends. It is terminated at the end of
    the `with` block.
    until: the last day of the generated events; yesterday when None.
    """
    last = until or compute_last_day()
    if (folder / FILE).exists():
        days = read_days(folder)
        if days is None or days.last >= last:
            yield None
            return
    command = [sys.executable, "-m", "okube_api.cli.fill_demo", str(folder), last.isoformat()]
    # A process group of its own: Ctrl-C in a terminal interrupts this process only, which then terminates the other.
    with subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0) as process:  # noqa: S603 - this package
        try:
            yield process
        finally:
            process.terminate()
