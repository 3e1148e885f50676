"""Commands that back up a store, and restore a backup."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

from okube_api.auth.secret import load_secret_key
from okube_api.backup.archive import ArchiveReader, BadBackup
from okube_api.backup.dump import BackupSource, write_backup
from okube_api.backup.figures import compare_figures, compute_figures
from okube_api.backup.restore import StoreNotEmpty, check_backup_secret, check_empty, open_backup, restore_archive
from okube_api.cli.runtime import build_store, echo, fail, run_command
from okube_api.clock import utc_now
from okube_api.settings import Settings
from okube_api.store import EMBEDDED_SCHEME, open_store
from okube_api.store_schema import SCHEMA

_SCRATCH_MEMORY = "256MB"
_REPORT_BYTES = 64 * 2**20


def backup(target: Path, url: str | None, token: str | None) -> None:
    """Write a backup to a file that does not exist."""
    if url is not None and not token:
        fail("--url needs a token: pass --token, or set OKUBE_TOKEN.")
    if target.exists():
        fail(f"{target} exists. Choose another file name.")
    if not target.absolute().parent.is_dir():
        fail(f"The folder {target.absolute().parent} does not exist.")
    try:
        run_command(_backup(target, url, token or ""))
    except (BadBackup, OSError) as error:
        fail(str(error))


async def _backup(target: Path, url: str | None, token: str) -> None:
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
    rows = sum(member["rows"] for member in archive.manifest["members"].values())
    echo(f"{target}: {rows:,} documents and rows, {size_mb:,.1f} MB, as of {archive.manifest['createdAt']}.")
    echo("The file has personal data. It does not have the secret key: store that key somewhere else.")


@contextmanager
def _open_draft(target: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Create a file next to the target that only this user can read; delete it unless it was renamed."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.absolute().parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield draft, file
    finally:
        draft.unlink(missing_ok=True)


async def _write_local(file: IO[bytes]) -> None:
    settings = Settings()
    if settings.store_url.startswith(EMBEDDED_SCHEME) and not settings.store_path.exists():
        raise BadBackup(f"There is no store at {settings.store_path}. Set OKUBE_STORE_URL.")
    store = build_store(settings)
    await store.start()
    try:
        await write_backup(BackupSource(store, SCHEMA, settings, utc_now), file, _report)
    finally:
        await store.close()


async def _download(file: IO[bytes], url: str, token: str) -> None:
    """Write the backup that a server sends.  Raise BadBackup when it refuses or stops."""
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
    size = reported = 0
    try:
        async with (
            httpx.AsyncClient(timeout=httpx.Timeout(600.0, connect=10.0), headers=headers) as client,
            client.stream("POST", f"{url.rstrip('/')}/admin/backup") as response,
        ):
            if not response.is_success:
                await response.aread()
                raise BadBackup(f"The server answered {response.status_code}: {_get_detail(response)}")
            async for part in response.aiter_bytes():
                await asyncio.to_thread(file.write, part)
                size += len(part)
                if size - reported >= _REPORT_BYTES:
                    reported = size
                    echo(f"{size / 1e6:,.0f} MB received")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BadBackup(f"The backup from {url} was not completed ({error}). Is the server running?") from None


def _get_detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase


def restore(path: Path, *, verify: bool, replace: bool, other_secret: bool) -> None:
    """Restore a backup into the store of the settings; with `verify`, into a temporary one to compare figures."""
    try:
        run_command(_verify(path) if verify else _restore(path, replace=replace, other_secret=other_secret))
    except (BadBackup, StoreNotEmpty, OSError) as error:
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
    target = build_store(settings)
    try:
        async with target.restoring() as restored:
            await restore_archive(archive, restored, SCHEMA, with_secret=not other_secret, on_progress=_report)
    finally:
        await target.close()
    echo(f"Restored the backup of {archive.manifest['createdAt']}. Start the server; it upgrades the store if needed.")


def _find_secret(settings: Settings) -> bytes | None:
    """Return the secret key of the settings or of the key file; None, without creating one, when there is none."""
    has_file = (settings.data_folder / "secret.key").exists()
    if settings.secret_key is None and not (has_file and settings.store_url.startswith(EMBEDDED_SCHEME)):
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
            await restore_archive(archive, scratch, SCHEMA, on_progress=_report)
            restored = await compute_figures(scratch, settings, utc_now)
        finally:
            await scratch.close()
    _report_differences(archive, restored)


def _report_differences(archive: ArchiveReader, restored: dict[str, object]) -> None:
    figures = archive.manifest["figures"]
    if figures is None:
        fail("The backup can be restored. It has no figures to compare, because resources changed while it was made.")
    lines = compare_figures(figures, restored)
    for line in lines:
        echo(line)
    if lines:
        fail(f"{len(lines)} figures differ from those of the store that was backed up.")
    count = sum(len(application["kpis"]) for application in figures.values())
    echo(f"The backup can be restored, and all {count} figures are those of the store that was backed up.")


def _report(name: str, rows: int) -> None:
    echo(f"{rows:>12,} documents and rows; now {name}")
