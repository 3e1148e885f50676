"""The file of a backup: a ZIP archive with a Parquet file for each collection and table, and a manifest at its end.

The archive is only ever appended to, so that it can be sent while it is written.  Its members are not compressed, since
Parquet is; so a member is read in place.  `docs/backup.md` describes the format,
`docs/decisions/0029-backups.md` its reasons.
"""

import hashlib
import zipfile
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Self

import orjson
import pyarrow as pa

from okube_api.store.values import Json
from okube_api.threads import run_in_thread

FORMAT = 1
MANIFEST = "manifest.json"
_CHUNK_BYTES = 2**20
_LOCAL_HEADER_BYTES = 30


class BadBackup(Exception):
    """The file is no complete backup that this version can read; the message says why."""


class _HashedFile:
    """A writable file that computes the SHA-256 of what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest, self.size = file, hashlib.sha256(), 0
        self.closed = False

    def write(self, data: Any) -> int:
        """Write bytes."""
        view = memoryview(data)
        self.digest.update(view)
        self.size += view.nbytes
        self._file.write(view)
        return view.nbytes

    def flush(self) -> None:
        """Do nothing: the archive is flushed at the end."""


class ArchiveWriter:
    """Writes members one after the other; `close` adds the manifest.

    As a context, it leaves the file without an end unless it was closed.
    rows: the documents and rows that were written.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self.members: dict[str, Json] = {}
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._archive.fp = None  # else it writes to the file when it is collected, and prints what fails then

    async def write_blocks(
        self, name: str, schema: pa.Schema, blocks: AsyncGenerator[pa.Table, None], on_rows: Callable[[], None]
    ) -> None:
        """Write a Parquet file with the blocks as its row groups; `on_rows` is called after each of them."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - only backups need it

        with (
            self._open_member(name) as member,
            pq.ParquetWriter(pa.PythonFile(member, "w"), schema, compression="zstd") as writer,
        ):
            async with aclosing(blocks):  # after an error, too: it has a transaction or a lease
                async for block in blocks:
                    if block.num_rows:
                        await run_in_thread(partial(writer.write_table, block.cast(schema)))
                        self.rows += block.num_rows
                        on_rows()

    async def write_lines(self, name: str, records: AsyncGenerator[Json, None]) -> None:
        """Write a member with a line of JSON for each record, which can be sent at once."""
        with self._open_member(name) as member:
            async with aclosing(records):
                async for record in records:
                    member.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
                    self._file.flush()

    @contextmanager
    def _open_member(self, name: str) -> Iterator[_HashedFile]:
        with self._archive.open(_make_info(name), "w", force_zip64=True) as member:
            hashed = _HashedFile(member)
            yield hashed
        self.members[name] = {"sha256": hashed.digest.hexdigest(), "bytes": hashed.size}

    def close(self, manifest: Json) -> None:
        """Write the manifest and end the archive.  Blocks."""
        document = {"format": FORMAT, **manifest, "rows": self.rows, "members": self.members}
        self._archive.writestr(_make_info(MANIFEST), orjson.dumps(document, option=orjson.OPT_INDENT_2))
        self._archive.close()


def _make_info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o600 << 16
    return info


class ArchiveReader:
    """A backup that was read to its end and is complete.

    applications: the ids of the applications of which it has everything.
    """

    def __init__(self, path: Path, manifest: Json, offsets: Mapping[str, int]) -> None:
        self.path, self.manifest, self._offsets = path, manifest, offsets
        self.applications: frozenset[str] = frozenset(manifest["applications"])

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the whole file and compare its checksums.  Raise BadBackup.  Blocks."""
        try:
            with zipfile.ZipFile(path) as archive:
                manifest: Json = orjson.loads(archive.read(MANIFEST))
                _check_format(path, manifest)
                offsets = {}
                for name, member in manifest["members"].items():
                    offsets[name] = _find_content(path, archive.getinfo(name))
                    _check_member(archive, name, member)
            return cls(path, manifest, offsets)
        except (zipfile.BadZipFile, EOFError, KeyError, TypeError, ValueError, NotImplementedError) as error:
            raise BadBackup(
                f"{path} is damaged, not complete, or no backup of okube-api ({error}). Nothing was changed."
            ) from error
        except OSError as error:
            raise BadBackup(f"{path} cannot be read: {error.strerror or error}.") from error

    @contextmanager
    def open_blocks(self, name: str, rows: int) -> Iterator[Iterator[pa.Table]]:
        """Open a member, and yield its rows in blocks of at most `rows`; none when there is no such member."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - only backups need it

        if name not in self._offsets:
            yield iter(())
            return
        with pa.memory_map(str(self.path)) as file:
            file.seek(self._offsets[name])
            content = file.read_buffer(self.manifest["members"][name]["bytes"])
            parquet = pq.ParquetFile(pa.BufferReader(content))
            yield (pa.Table.from_batches([batch]) for batch in parquet.iter_batches(batch_size=rows))

    def read_lines(self, name: str) -> list[Json]:
        """Return the records of a member with lines of JSON; [] when there is no such member.  Blocks."""
        if name not in self._offsets:
            return []
        with zipfile.ZipFile(self.path) as archive, archive.open(name) as lines:
            return [orjson.loads(line) for line in lines]


def _check_format(path: Path, manifest: Json) -> None:
    if manifest["format"] > FORMAT:
        raise BadBackup(
            f"{path} has format {manifest['format']}; this version of okube-api reads formats up to {FORMAT}. Install "
            f"okube-api {manifest['version']} or later. Nothing was changed."
        )


def _check_member(archive: zipfile.ZipFile, name: str, member: Mapping[str, Any]) -> None:
    digest = hashlib.sha256()
    with archive.open(name) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != member["sha256"]:
        raise ValueError(f"wrong checksum of {name}")


def _find_content(path: Path, info: zipfile.ZipInfo) -> int:
    """Return the offset of a member's content, which follows a local header with names of any length."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER_BYTES)
    name_bytes, extra_bytes = (int.from_bytes(header[start : start + 2], "little") for start in (26, 28))
    return info.header_offset + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes
