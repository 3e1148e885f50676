"""The file of a backup: what happens when it cannot be written or read."""

import errno
import io
import zipfile
from collections.abc import AsyncGenerator
from pathlib import Path

import pyarrow as pa
import pytest
from okube_api.backup.archive import ArchiveReader, ArchiveWriter, BadBackup

pytestmark = pytest.mark.anyio


class FullDisk(io.BytesIO):
    """A file that takes 1,000 bytes."""

    def write(self, data: object) -> int:
        """Write bytes, or raise the error of a full disk."""
        if self.tell() > 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)  # type: ignore[arg-type]


async def test_source_of_rows_is_closed_when_the_disk_is_full() -> None:
    """Leave the context of what is read at once: it may be a transaction, or a lease that others wait for."""
    is_closed = False
    schema = pa.schema([("number", pa.int64())])

    async def read() -> AsyncGenerator[pa.Table, None]:
        nonlocal is_closed
        try:
            for _ in range(1000):
                yield pa.table([list(range(1000))], schema=schema)
        finally:
            is_closed = True

    with pytest.raises(OSError, match="No space left"), ArchiveWriter(FullDisk()) as archive:
        await archive.write_blocks("rows.parquet", schema, read(), lambda: None)
    assert is_closed


@pytest.mark.parametrize(
    "manifest",
    [
        "{",
        "[]",
        '{"format": 1}',
        '{"format": 1, "members": {}}',
        '{"format": 1, "applications": [], "members": {"a": {}}}',
    ],
)
def test_manifest_that_lacks_something_is_refused(manifest: str, tmp_path: Path) -> None:
    """Say that a file is no backup, whatever its manifest lacks."""
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", manifest)
    with pytest.raises(BadBackup, match="no backup of okube-api"):
        ArchiveReader.open(path)


def test_later_format_is_refused_with_the_version_that_reads_it(tmp_path: Path) -> None:
    """Name the version to install."""
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", '{"format": 2, "version": "3.1.4"}')
    with pytest.raises(BadBackup, match=r"Install okube-api 3\.1\.4 or later"):
        ArchiveReader.open(path)
