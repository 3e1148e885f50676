"""Imports tables of resources: sites, points of interest, campaigns and studies."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from okube_api.cli.api import open_api
from okube_api.cli.requests import ApiRefusal, RemoteError
from okube_api.cli.runtime import echo, fail, run_command
from okube_api.cli.suggestions import suggest_name
from okube_api.cli.uploads import progress_bar
from okube_api.client.request_values import build_path
from okube_api.errors import format_suggestion

LISTS = {"sites": ("sites", "import"), "pois": ("pois",), "campaigns": ("campaigns",), "studies": ("studies",)}
"""The path under an application to which tables of each kind are sent."""

_FAULTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a table is read, as the form fields of the API say it, and what is done with it.

    partial: import the valid rows even if others are not.
    dry_run: check the rows and write nothing.
    """

    encoding: str | None = None
    delimiter: str | None = None
    dates: str | None = None
    timezone: str | None = None
    sheet: str | None = None
    mapper: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    partial: bool = False
    dry_run: bool = False

    def list_fields(self) -> dict[str, str]:
        """Return the form fields that accompany the file."""
        texts = {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "dates": self.dates,
            "timezone": self.timezone,
            "sheet": self.sheet,
            **{f"mapper[{name}]": column for name, column in self.mapper.items()},
            **{f"unit[{name}]": unit for name, unit in self.units.items()},
        }
        return {name: text for name, text in texts.items() if text is not None}

    def list_parameters(self) -> dict[str, str]:
        """Return the parameters of the request."""
        switches = {"partial": self.partial, "dryRun": self.dry_run}
        return {name: "true" for name, is_on in switches.items() if is_on}


class CountedFile(io.FileIO):
    """A file to read, which reports how many bytes were read."""

    def __init__(self, path: Path, on_progress: Callable[[int], None]) -> None:
        super().__init__(path, "rb")
        self._on_progress = on_progress

    def read(self, size: int | None = -1, /) -> bytes:
        """Read the next bytes."""
        content = super().read(size) or b""
        self._on_progress(self.tell())
        return content


def import_file(
    application: str,
    kind: str,
    path: Path,
    options: ImportOptions,
    *,
    allow_rejected: bool,
    url: str | None,
    token: str | None,
) -> None:
    """Import a table, through a server or straight into the store.

    Ends the process with status 1 when rows were rejected, unless `allow_rejected` is set.
    The application and the kind may also be in the other order.
    """
    if kind not in LISTS and application in LISTS:
        application, kind = kind, application
    if kind not in LISTS:
        fail(f"Unknown kind '{kind}'.{format_suggestion(kind, LISTS)} Known kinds: {', '.join(LISTS)}.")
    rejected = 0

    async def work() -> None:
        nonlocal rejected
        rejected = await _import_file(application, kind, path, options, url=url, token=token)

    run_command(work())
    if rejected and not allow_rejected:
        fail("Rows were rejected. Use --allow-rejected to accept this.")


async def _import_file(
    application: str, kind: str, path: Path, options: ImportOptions, *, url: str | None, token: str | None
) -> int:
    """Import a table, print what came of it, and return the number of rejected rows.

    Raise RemoteError, or ValueError when rows are invalid and nothing was imported.
    """
    async with open_api(url, token) as requests:
        try:
            with progress_bar(path, "importing") as show_size, CountedFile(path, show_size) as file:
                response = await requests.send(
                    "POST",
                    build_path("applications", application, *LISTS[kind]),
                    params=options.list_parameters(),
                    data=options.list_fields(),
                    files={"file": (path.name, file)},
                )
        except ApiRefusal as refusal:
            if "failed" not in refusal.problem:
                raise RemoteError(f"{refusal}{await suggest_name(requests, application, refusal)}") from None
            failed: int = refusal.problem["failed"]
            _print_faults(refusal.problem["errors"], failed)
            advice = "Correct the invalid rows, or import the others with --partial."
            raise ValueError(f"{path.name}: {refusal.problem['detail']} {advice}") from None
    report: dict[str, Any] = response.json()
    return _print_trial(path, report) if options.dry_run else _print_report(path, report)


def _print_report(path: Path, report: Mapping[str, Any]) -> int:
    """Print the result of an import, and return the number of rejected rows."""
    failed: int = report["failed"]
    counts = ", ".join(f"{report[name]:,} {name}" for name in ("created", "updated", "unchanged"))
    echo(f"{path.name}: {counts}, {failed:,} rejected")
    _print_faults(report["errors"], failed)
    return failed


def _print_trial(path: Path, report: Mapping[str, Any]) -> int:
    """Print the result of a dry run, and return the number of rows that would be rejected."""
    rejected: int = report["rejected"]
    echo(f"{path.name}: {report['accepted']:,} accepted, {rejected:,} rejected. Nothing was written.")
    _print_faults(
        [
            {"line": line["line"], "column": error["field"], "message": error["message"]}
            for line in report["lines"]
            for error in line["errors"]
        ],
        rejected,
    )
    return rejected


def _print_faults(faults: Sequence[Mapping[str, Any]], failed: int) -> None:
    """Print the first faults of rows: the line, the column if it is of one, and the reason.

    failed: the number of rows with faults.
    """
    shown = faults[:_FAULTS_SHOWN]
    for fault in shown:
        column = f", {fault['column']}" if fault["column"] else ""
        echo(f"  line {fault['line']}{column}: {fault['message']}")
    if (left_out := failed - len({fault["line"] for fault in shown})) > 0:
        echo(f"  and {left_out:,} more")
