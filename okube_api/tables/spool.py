"""A list of documents on disk, for documents that are written all at once later."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from os import pread
from tempfile import TemporaryFile
from typing import Self, overload

import orjson

from okube_api.store.values import Json

_READ_DOCUMENTS = 100
"""Documents that are read at once; the file may have documents of many kilobytes."""


class Spool(Sequence[Json]):
    """A list of documents in a temporary file.  Only their offsets are in memory; each access parses a document."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed by `close`, or by the garbage collector
        self._ends = array("Q", [0])

    def append(self, document: Json) -> None:
        """Append a document."""
        raw = orjson.dumps(document)
        self._file.write(raw)
        self._ends.append(self._ends[-1] + len(raw))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[Json]:
        """Yield the documents, from blocks of the file: a read for each document takes longer than to parse it."""
        self._file.flush()
        for first in range(0, len(self), _READ_DOCUMENTS):
            ends = self._ends[first : first + _READ_DOCUMENTS + 1]
            raw = memoryview(pread(self._file.fileno(), ends[-1] - ends[0], ends[0]))
            for start, end in pairwise(ends):
                yield orjson.loads(raw[start - ends[0] : end - ends[0]])

    @overload
    def __getitem__(self, index: int) -> Json: ...

    @overload
    def __getitem__(self, index: slice) -> list[Json]: ...

    def __getitem__(self, index: int | slice) -> Json | list[Json]:
        self._file.flush()
        if isinstance(index, slice):
            return [self._read(position) for position in range(*index.indices(len(self)))]
        return self._read(range(len(self))[index])

    def _read(self, index: int) -> Json:
        start, end = self._ends[index : index + 2]
        document: Json = orjson.loads(pread(self._file.fileno(), end - start, start))
        return document

    def close(self) -> None:
        """Close and delete the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
