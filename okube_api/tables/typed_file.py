"""Opens files with typed columns; their libraries are imported by the first file of each format."""

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, Protocol

from okube_api.errors import InsufficientStorage
from okube_api.kit.file_options import FileFormat
from okube_api.tables.file_columns import FileColumn, Value

TYPED_FORMATS = (FileFormat.XLSX, FileFormat.PARQUET)


@contextmanager
def refuse_full_disk() -> Iterator[None]:
    """Raise InsufficientStorage when the disk of temporary files is full."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise InsufficientStorage("The disk for temporary files is full. Ask for fewer rows.") from None


class TypedFile(Protocol):
    """A file with one table, which is written from the first row to the last."""

    def write(self, rows: Iterable[Sequence[Value]]) -> None:
        """Append rows, each with a value for every column."""

    def finish(self) -> None:
        """Write what is left; the file itself stays open."""

    def close(self) -> None:
        """Release what an unfinished table holds."""


def open_typed_file(file_format: FileFormat, file: BinaryIO, columns: Sequence[FileColumn], title: str) -> TypedFile:
    """Return the writer of a file in one of `TYPED_FORMATS`.  title: the name of the table."""
    if file_format is FileFormat.XLSX:
        from okube_api.tables.xlsx_file import XlsxFile  # noqa: PLC0415 - only exports need it

        return XlsxFile(file, columns, title)
    from okube_api.tables.parquet_file import ParquetFile  # noqa: PLC0415 - takes 9 MB of memory

    return ParquetFile(file, columns)
