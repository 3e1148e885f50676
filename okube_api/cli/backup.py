"""Commands that back up a store, and restore a backup."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any

import httpx

from okube_api import __version__
from okube_api.auth.secret import load_secret_key
from okube_api.auth.secret_fingerprint import claim_store
from okube_api.backup.archive import BadBackup
from okube_api.backup.dump import FIGURES, BackupSource, write_backup
from okube_api.backup.figures import FigureComparison, compare_figures, compute_figures
from okube_api.backup.restore import StoreNotEmpty, check_backup_secret, check_empty, open_backup, restore_archive
from okube_api.cli.requests import require_token, require_url_without_password
from okube_api.cli.runtime import build_store, echo, fail, require_store, run_command
from okube_api.clock import utc_now
from okube_api.ingest.batches import Batches
from okube_api.settings import Settings
from okube_api.store import EMBEDDED_SCHEME, open_store
from okube_api.store_schema import SCHEMA

_SCRATCH_MEMORY = "256MB"
_REPORT_S = 2.0
"""Time between two lines of progress."""
_SILENCE_S = 600.0
"""How long a server may send nothing, such as while it waits for facts that are being rebuilt."""


class _BackupProgress:
    """Progress of a backup or a restore: a line at most every `_REPORT_S`."""

    def __init__(self) -> None:
        self._started_s = self._reported_s = time.monotonic()

    def report(self, text: str) -> None:
        now_s = time.monotonic()
        if now_s - self._reported_s >= _REPORT_S:
            self._reported_s = now_s
            echo(f"{now_s - self._started_s:>5,.0f} s: {text}")

    def report_rows(self, name: str, rows: int) -> None:
        self.report(f"{rows:,} documents and rows; now {name}")


def backup(target: Path, url: str | None, token: str | None) -> None:
    """Write a backup to a file that does not exist."""
    if target.exists():
        fail(f"{target} exists. Choose another file name.")
    if not target.absolute().parent.is_dir():
        fail(f"The folder {target.absolute().parent} does not exist.")
    try:
        run_command(_backup(target, url, token))
    except BadBackup as error:
        fail(str(error))


async def _backup(target: Path, url: str | None, token: str | None) -> None:
    with _open_draft(target) as (draft, file):
        if url is None:
            await _write_local(file)
        else:
            await _download(file, url, token)
        file.flush()
        os.fsync(file.fileno())
        archive = await open_backup(draft, SCHEMA)
        size_mb = file.tell() / 1e6
        draft.replace(target)
    manifest = archive.manifest
    echo(f"{target}: {manifest['rows']:,} documents and rows, {size_mb:,.1f} MB, as of {manifest['createdAt']}.")
    echo("The file has personal data. It does not have the secret key: store that key somewhere else.")


@contextmanager
def _open_draft(target: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Create a file next to the target that only this user can read; delete it unless it was renamed.

    Raise BadBackup when it cannot be written.
    """
    draft: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.absolute().parent)
        draft = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            yield draft, file
    except OSError as error:
        raise BadBackup(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


async def _write_local(file: IO[bytes]) -> None:
    settings = Settings()
    require_store(settings)
    store = build_store(settings)
    await store.start()
    try:
        await write_backup(BackupSource(store, SCHEMA, settings, utc_now), file, _BackupProgress().report_rows)
    finally:
        await store.close()


async def _download(file: IO[bytes], url: str, token: str | None) -> None:
    """Write the backup that a server sends.  Raise BadBackup when it refuses or stops."""
    require_url_without_password(url)
    headers = {"Authorization": f"Bearer {require_token(token)}", "Accept-Encoding": "identity"}
    has_begun = False
    try:
        async with (
            httpx.AsyncClient(timeout=httpx.Timeout(_SILENCE_S, connect=10.0), headers=headers) as client,
            client.stream("POST", f"{url.rstrip('/')}/admin/backup") as response,
            _report_size(file),
        ):
            if not response.is_success:
                await response.aread()
                raise BadBackup(_describe_refusal(response))
            has_begun = True
            async for part in response.aiter_bytes():
                await asyncio.to_thread(file.write, part)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        advice = "The log of the server may say why." if has_begun else "Is the server running?"
        raise BadBackup(f"The backup from {url} was not completed ({error}). {advice}") from None


@asynccontextmanager
async def _report_size(file: IO[bytes]) -> AsyncIterator[None]:
    """Print how much was received, also while the server sends nothing."""
    progress = _BackupProgress()

    async def report_repeatedly() -> None:
        while True:
            await asyncio.sleep(_REPORT_S)
            progress.report(f"{file.tell() / 1e6:,.1f} MB received")

    task = asyncio.create_task(report_repeatedly())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _describe_refusal(response: httpx.Response) -> str:
    wait = response.headers.get("Retry-After")
    advice = "" if wait is None else f" Wait {wait} s."
    return f"The server answered {response.status_code}: {_get_detail(response)}{advice}"


def _get_detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase


def restore(path: Path, *, verify: bool, replace: bool, other_secret: bool) -> None:
    """Restore a backup into the store of the settings; with `verify`, into a temporary one to compare figures."""
    try:
        run_command(_verify(path) if verify else _restore(path, replace=replace, other_secret=other_secret))
    except (BadBackup, StoreNotEmpty) as error:
        fail(str(error))


async def _restore(path: Path, *, replace: bool, other_secret: bool) -> None:
    settings = Settings()
    archive = await open_backup(path, SCHEMA)
    if not other_secret:
        check_backup_secret(archive, _find_secret(settings))
    if not replace:
        await _check_target(settings)
    elif settings.store_url.startswith(EMBEDDED_SCHEME) and settings.store_path.exists():
        await _close_cleanly(settings)
    other_key = load_secret_key(settings) if other_secret else None
    target = build_store(settings)
    try:
        async with target.restoring() as restored:
            report = _BackupProgress().report_rows
            await restore_archive(archive, restored, SCHEMA, with_secret=not other_secret, on_progress=report)
            if other_key is not None:
                await claim_store(restored, other_key)
    finally:
        await target.close()
    echo(f"Restored the backup of {archive.manifest['createdAt']}. Start the server; it upgrades the store if needed.")
    if other_secret:
        echo("The store has another secret key than the backup from now on. Keep a copy of it somewhere else.")


def _find_secret(settings: Settings) -> bytes | None:
    """Return the secret key of the settings or of the key file; None, without creating one, when there is none."""
    has_file = (settings.data_folder / "secret.key").exists()
    has_setting = settings.secret_key is not None or settings.secret_key_file is not None
    if not has_setting and not (has_file and settings.store_url.startswith(EMBEDDED_SCHEME)):
        return None
    return load_secret_key(settings)


async def _check_target(settings: Settings) -> None:
    """Raise StoreNotEmpty, or StoreLocked, when the store cannot be restored into."""
    if settings.store_url.startswith(EMBEDDED_SCHEME) and not settings.store_path.exists():
        settings.store_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    store = build_store(settings)
    await store.start()
    try:
        await check_empty(store)
    finally:
        await store.close()


async def _close_cleanly(settings: Settings) -> None:
    """Open and close the store, so that no other process uses it, and its log is empty."""
    store = build_store(settings)
    await store.start()
    await store.close()


async def _verify(path: Path) -> None:
    settings = Settings()
    archive = await open_backup(path, SCHEMA)
    with tempfile.TemporaryDirectory(prefix="okube-verify-") as folder:
        scratch = open_store(f"{EMBEDDED_SCHEME}{folder}/okube.duckdb", SCHEMA, memory_limit=_SCRATCH_MEMORY)
        await scratch.start()
        try:
            progress = _BackupProgress()
            await restore_archive(archive, scratch, SCHEMA, on_progress=progress.report_rows)
            restored = []
            async for figure in compute_figures(scratch, settings, utc_now, Batches(scratch, utc_now).read_freshness):
                restored.append(figure)
                progress.report(f"{len(restored):,} figures computed")
        finally:
            await scratch.close()
    figures = (figure for figure in archive.read_lines(FIGURES) if figure["application"] in archive.applications)
    _report_comparison(archive.manifest, compare_figures(figures, restored))


def _report_comparison(manifest: Mapping[str, Any], comparison: FigureComparison) -> None:
    """Say how many figures are equal; exit with status 1 when that is not known of one that the backup has."""
    if not manifest["hasFigures"]:
        fail("The backup can be restored. It has no figures to compare, because resources changed while it was made.")
    for problem in comparison.problems:
        echo(problem)
    refused = comparison.refused
    if refused:
        codes = ", ".join(f"{code} {count}" for code, count in sorted(refused.items()))
        echo(
            f"Not compared: {_count_figures(refused.total())}, which the server refused when the backup was made "
            f"({codes})."
        )
    if comparison.problems:
        version = manifest["version"]
        hint = f" It was made by okube-api {version}, this is {__version__}." if version != __version__ else ""
        fail(
            f"{_count_figures(len(comparison.problems))} of the backup could not be reproduced, "
            f"{comparison.equal} could.{hint}"
        )
    if comparison.equal:
        echo(f"The backup can be restored, and {_count_figures(comparison.equal)} equal those of the backup.")
    elif refused:
        fail("The backup can be restored, but not one figure could be compared.")
    else:
        echo("The backup can be restored. It has no figures to compare, because no application has events.")


def _count_figures(count: int) -> str:
    return "1 figure" if count == 1 else f"{count:,} figures"
