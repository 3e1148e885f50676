"""Cuts a stream of bytes into blocks of whole lines that know their line numbers."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from okube_api.store.arrays import Ints

BLOCK_BYTES = 16 * 2**20
MAX_BLOCK_LINES = 2**17
"""A line takes some memory and time however short it is."""
MAX_LINE_BYTES = 2**20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, eq=False)
class LineBlock:
    """Consecutive whole lines; the last one may lack its line end.

    In CSV, a record may span several lines.  "Line" below then means a record, which has the number of its first line.

    first_line: the number of the first line in the file, from 1.
    record_ends: offset of the line feed of each record; None when every line is a record.
    malformed: why some lines are no records, by their index in the block.
    """

    data: bytes
    first_line: int
    record_ends: Ints | None = None
    malformed: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def _line_ends(self) -> Ints:
        ends = np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord("\n"))
        if self.data and not self.data.endswith(b"\n"):
            ends = np.append(ends, len(self.data))
        return ends.astype(np.int64)

    @property
    def ends(self) -> Ints:
        """Offset of the line feed of each line."""
        return self._line_ends if self.record_ends is None else self.record_ends

    @cached_property
    def numbers(self) -> Ints:
        """Number of each line in the file; of a record, that of its first line."""
        if self.record_ends is None:
            return np.arange(self.first_line, self.first_line + len(self), dtype=np.int64)
        return self.first_line + np.searchsorted(self._line_ends, self.starts)

    @property
    def last_line(self) -> int:
        """Number of the last line in the file; records count with all of their lines."""
        return self.first_line + len(self._line_ends) - 1

    @cached_property
    def starts(self) -> Ints:
        """Offset of the first byte of each line."""
        return np.concatenate((np.zeros(1, np.int64), self.ends[:-1] + 1))[: len(self.ends)]

    @cached_property
    def content_ends(self) -> Ints:
        """Offset of the end of each line without its line feed and a carriage return before it."""
        data = np.frombuffer(self.data, np.uint8)
        before = data[np.maximum(self.ends - 1, 0)] == ord("\r") if len(data) else np.zeros(0, np.bool_)
        return self.ends - (before & (self.ends > self.starts))

    @cached_property
    def nonempty(self) -> Ints:
        """Indices of the lines that are not empty."""
        return np.flatnonzero(self.starts < self.content_ends)

    def __len__(self) -> int:
        return len(self.ends)

    def get_line(self, index: int) -> bytes:
        """Return a line without its line end, by its index in the block."""
        return self.data[int(self.starts[index]) : int(self.ends[index])].removesuffix(b"\r")

    def slice(self, low: int, high: int) -> "LineBlock":
        """Return the lines [low, high) of the block."""
        start = int(self.starts[low])
        return LineBlock(
            self.data[start : int(self.ends[high - 1]) + 1],
            int(self.numbers[low]),
            None if self.record_ends is None else self.record_ends[low:high] - start,
            {index - low: reason for index, reason in self.malformed.items() if low <= index < high},
        )


async def read_line_blocks(source: AsyncIterator[bytes], size: int = BLOCK_BYTES) -> AsyncIterator[LineBlock]:
    """Yield the lines of a stream in blocks of about `size` bytes, and of at most `MAX_BLOCK_LINES` lines.

    A line longer than MAX_LINE_BYTES is cut to MAX_LINE_BYTES + 1, which is enough to reject it and bounds the memory.
    """
    pending: list[bytes] = []
    pending_bytes, first_line, is_dropping = 0, 1, False
    async for data in source:
        piece = data
        if is_dropping:  # skip the rest of a line that is too long
            _, line_end, piece = piece.partition(b"\n")
            if not line_end:
                continue
            pending, pending_bytes, is_dropping = [*pending, b"\n"], pending_bytes + 1, False
        pending.append(piece)
        pending_bytes += len(piece)
        if pending_bytes >= size or (pending_bytes > MAX_LINE_BYTES and b"\n" not in piece):
            joined = b"".join(pending)
            cut = joined.rfind(b"\n") + 1
            rest = joined[cut:]
            if len(rest) > MAX_LINE_BYTES:
                rest, is_dropping = rest[: MAX_LINE_BYTES + 1], True
            for lines in _split_lines(joined[:cut]):
                block = _remove_bom(LineBlock(lines, first_line))
                yield block
                first_line += len(block)
            pending, pending_bytes = [rest], len(rest)
    for lines in _split_lines(b"".join(pending)):
        block = _remove_bom(LineBlock(lines, first_line))
        yield block
        first_line += len(block)


def _split_lines(data: bytes) -> Iterator[bytes]:
    """Yield lines in parts of at most `MAX_BLOCK_LINES` lines, none when there are no lines."""
    if np.count_nonzero(np.frombuffer(data, np.uint8) == ord("\n")) <= MAX_BLOCK_LINES:
        if data:
            yield data
        return
    middle = data.rfind(b"\n", 0, len(data) // 2) + 1 or data.index(b"\n") + 1
    yield from _split_lines(data[:middle])
    yield from _split_lines(data[middle:])


def _remove_bom(block: LineBlock) -> LineBlock:
    return LineBlock(block.data.removeprefix(_BOM), 1) if block.first_line == 1 else block
