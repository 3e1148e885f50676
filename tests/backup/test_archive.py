"""The file of a backup: what happens when it cannot be written."""

import errno
import io
from collections.abc import AsyncGenerator

import pyarrow as pa
import pytest
from okube_api.backup.archive import ArchiveWriter

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
