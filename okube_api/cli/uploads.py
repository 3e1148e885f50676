"""Options and progress of commands that read files."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from okube_api.cli.runtime import console, fail
from okube_api.cli.text_tables import make_printable


def parse_pairs(option: str, form: str, texts: Sequence[str]) -> dict[str, str]:
    """Return the values of a repeatable option `name=value` by name.  End the process when a text is no such pair."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not name.strip() or not value.strip():
            fail(f"{option} must be written as {form}.")
        if name.strip() in pairs:
            fail(f"{option} was given twice for {name.strip()}.")
        pairs[name.strip()] = value.strip()
    return pairs


@contextmanager
def progress_bar(path: Path, last_step: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar over the bytes of a file; yield a function that takes the number of bytes read so far.

    last_step: what is done once all bytes are read.
    The bar disappears at the end.  There is none where nobody watches it, such as in the mail of a cron job.
    """
    name, size = make_printable(path.name), path.stat().st_size
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(name, total=size)

        def show_size(read: int) -> None:
            description = f"{name}: {last_step}" if read >= size else name
            progress.update(task, completed=read, description=description)

        yield show_size
