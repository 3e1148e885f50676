"""Ingests files of events, and rebuilds the facts of an application."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from okube_api.cli.requests import ApiRequests, connect
from okube_api.cli.runtime import echo, fail, open_services, require_store, run_command, show_status
from okube_api.cli.uploads import progress_bar
from okube_api.client.request_values import build_path
from okube_api.errors import format_suggestion
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.load.file_blocks import Progress
from okube_api.ingest.parse.codecs import detect_format
from okube_api.ingest.parse.read_options import ReadOptions
from okube_api.kit.application import Application
from okube_api.settings import Settings

_CHUNK_BYTES = 2**20
_REASONS_SHOWN = 5
_COUNTS_SHOWN = {
    "unmatched": "in no place",
    "inaccurate": "left out, too inaccurate",
    "moving": "left out, too fast",
    "jumps": "left out, jumps",
    "future": "from the future",
}
"""Counts of a batch that are printed unless they are 0, and what they say."""


def ingest(
    application: str,
    kind: str,
    files: list[Path],
    options: ReadOptions,
    *,
    atomic: bool,
    allow_rejected: bool,
    url: str | None,
    token: str | None,
) -> None:
    """Ingest files of a kind, through a server or straight into the store.

    Ends the process with status 1 when lines were rejected, unless `allow_rejected` is set.
    """
    if kind not in KINDS:
        fail(f"Unknown kind '{kind}'.{format_suggestion(kind, KINDS)} Known kinds: {', '.join(KINDS)}.")
    rejected = 0

    def show(path: Path, batch: Mapping[str, Any]) -> None:
        nonlocal rejected
        rejected += batch["rejected"]
        print_result(path, batch)

    run_command(
        _ingest(
            application,
            kind,
            files,
            options,
            atomic=atomic,
            url=url,
            token=token,
            show_batch=show,
        )
    )
    if rejected and not allow_rejected:
        fail("Lines were rejected. Use --allow-rejected to accept this.")


async def _ingest(
    name: str,
    kind: str,
    files: list[Path],
    options: ReadOptions,
    *,
    atomic: bool,
    url: str | None,
    token: str | None,
    show_batch: Callable[[Path, Mapping[str, Any]], None],
) -> None:
    """Ingest files one after the other; show_batch: called with each file and its batch."""
    options.check(kind)
    for path in files:
        detect_format(path)  # a file name with an unknown format fails before any file is ingested
    if url is not None:
        async with connect(url, token) as requests:
            for path in files:
                with progress_bar(path, "computing facts") as show_size:
                    batch = await _upload_file(
                        requests, name, kind, path, options, atomic=atomic, on_progress=show_size
                    )
                show_batch(path, batch)
        return
    settings = Settings()
    require_store(settings)
    async with open_services(settings) as services:
        application = Application.from_document(await services.applications.get_by_name(name))
        for path in files:
            with progress_bar(path, "computing facts") as show_size:
                on_progress = partial(_show_progress, show_size)
                batch = await services.ingest.ingest_file(
                    application, kind, path, options=options, atomic=atomic, on_progress=on_progress
                )
            show_batch(path, batch)


async def _upload_file(
    requests: ApiRequests,
    application: str,
    kind: str,
    path: Path,
    options: ReadOptions,
    *,
    atomic: bool,
    on_progress: Callable[[int], None],
) -> Mapping[str, Any]:
    """Ingest a file through a server and return its batch, visible to questions.  Raise RemoteError.

    A batch of which every line was rejected is returned like others.
    on_progress: called with the number of bytes sent so far.
    """
    media_type, encoding = detect_format(path)
    response = await requests.send(
        "POST",
        build_path("applications", application, "ingest", kind),
        params={**options.as_parameters(), **({"atomic": "true"} if atomic else {})},
        allowed_codes=("nothing_accepted",),
        headers={"Content-Type": media_type, "Content-Encoding": encoding},
        content=_read_chunks(path, on_progress),
    )
    batch: dict[str, Any] = response.json()
    return batch


async def _read_chunks(path: Path, on_progress: Callable[[int], None]) -> AsyncIterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
            sent += len(chunk)
            on_progress(sent)


def _show_progress(show_size: Callable[[int], None], progress: Progress) -> None:
    show_size(progress.size)


def print_result(path: Path, batch: Mapping[str, Any]) -> None:
    """Print the counts of a batch and its first rejected lines."""
    counts = f"{batch['accepted']:,} accepted, {batch['duplicate']:,} duplicate, {batch['rejected']:,} rejected"
    echo(f"{path.name}: {counts} (batch {batch['_id']})")
    for name, description in _COUNTS_SHOWN.items():
        if count := batch.get(name, 0):
            echo(f"  {description}: {count:,}")
    for reason in batch.get("reasons", [])[:_REASONS_SHOWN]:
        echo(f"  line {reason['line']}: {reason['reason']}")
    if batch.get("message"):
        echo(f"  {batch['message']}")


def rebuild(application: str, url: str | None, token: str | None) -> None:
    """Rebuild the facts of an application, through a server or straight in the store."""
    run_command(_rebuild(application, url, token))


async def _rebuild(name: str, url: str | None, token: str | None) -> None:
    with show_status(f"Rebuilding the facts of {name}..."):
        if url is not None:
            async with connect(url, token) as requests:
                await requests.send("POST", build_path("applications", name, "rebuild"))
        else:
            settings = Settings()
            require_store(settings)
            async with open_services(settings) as services:
                application = Application.from_document(await services.applications.get_by_name(name))
                await services.ingest.rebuild(application)
    echo(f"The facts of {name} are rebuilt.")
