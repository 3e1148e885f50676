"""Taking in files of events, and making facts of them anew."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn, TransferSpeedColumn
from rich.progress import Progress as ProgressBar

from okube_api.cli.runtime import fail, open_services, build_remote, console, told
from okube_api.cli.remote import RemoteServer
from okube_api.errors import format_suggestion
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.load.loader import Progress
from okube_api.ingest.parse.codecs import of_path
from okube_api.kit.application import Application
from okube_api.settings import Settings

_REASONS_SHOWN = 5


def ingest(application: str, kind: str, files: list[Path], *, atomic: bool, url: str | None, token: str | None) -> None:
    """The command."""
    if kind not in KINDS:
        fail(f"there is no kind '{kind}'.{format_suggestion(kind, KINDS)} The kinds: {', '.join(KINDS)}.")
    told(_ingest)(application, kind, files, atomic, build_remote(url, token))


async def _ingest(application: str, kind: str, files: list[Path], atomic: bool, server: RemoteServer | None) -> None:
    for path in files:
        of_path(path)
    if server is not None:
        for path in files:
            with bar(path) as advance:
                batch = await server.take_file(application, kind, path, atomic=atomic, tell=advance)
            report(path, batch)
        return
    async with open_services(Settings()) as services:
        place = Application.of(await services.applications.find(application))
        for path in files:
            with bar(path) as advance:
                tell = partial(_tell_size, advance)
                batch = await services.ingest.take_file(place, kind, path, atomic=atomic, tell=tell)
            report(path, batch)


def _tell_size(advance: Callable[[int], None], at: Progress) -> None:
    advance(at.size)


@contextmanager
def bar(path: Path) -> Iterator[Callable[[int], None]]:
    """A progress bar over a file's bytes; once all are read, the facts are made."""
    size = path.stat().st_size
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with ProgressBar(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task(path.name, total=size)

        def advance(read: int) -> None:
            progress.update(task, completed=read, description=f"{path.name}: facts" if read >= size else path.name)

        yield advance


def report(path: Path, batch: Mapping[str, Any]) -> None:
    """What became of a file."""
    counts = f"{batch['accepted']:,} accepted, {batch['duplicate']:,} duplicate, {batch['rejected']:,} rejected"
    console.print(f"{path.name}: {counts} (batch {batch['_id']})", markup=False)
    for reason in batch.get("reasons", [])[:_REASONS_SHOWN]:
        console.print(f"  line {reason['line']}: {reason['reason']}", markup=False)


def rebuild(application: str, url: str | None, token: str | None) -> None:
    """The command."""
    told(_rebuild)(application, build_remote(url, token))


async def _rebuild(application: str, server: RemoteServer | None) -> None:
    with console.status(f"Rebuilding {application}..."):
        if server is not None:
            await server.rebuild(application)
        else:
            async with open_services(Settings()) as services:
                await services.ingest.rebuild(Application.of(await services.applications.find(application)))
    console.print(f"{application} is rebuilt.", markup=False)
