"""A stream of bytes as blocks of whole lines, with their numbers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from okube_api.store.arrays import Ints

BLOCK_BYTES = 16 * 2**20
MAX_LINE_BYTES = 2**20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, eq=False)
class LineBlock:
    """Whole lines that follow each other; the last may lack its end.

    first: the number of the first line, from 1.
    """

    data: bytes
    first_line: int

    @cached_property
    def ends(self) -> Ints:
        """Where each line ends, its line end left out."""
        found = np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord("\n"))
        if self.data and not self.data.endswith(b"\n"):
            found = np.append(found, len(self.data))
        return found.astype(np.int64)

    @cached_property
    def starts(self) -> Ints:
        """Where each line begins."""
        return np.concatenate((np.zeros(1, np.int64), self.ends[:-1] + 1))[: len(self.ends)]

    def __len__(self) -> int:
        return len(self.ends)

    def get_line(self, at: int) -> bytes:
        """One line, by its place in the block from 0."""
        return self.data[int(self.starts[at]) : int(self.ends[at])].removesuffix(b"\r")

    def slice(self, low: int, high: int) -> "LineBlock":
        """The lines [low, high) of the block."""
        return LineBlock(self.data[int(self.starts[low]) : int(self.ends[high - 1]) + 1], self.first_line + low)

    @cached_property
    def nonempty(self) -> Ints:
        """The places of the lines that are not empty."""
        return np.flatnonzero(self.starts < self.content_ends)

    @cached_property
    def content_ends(self) -> Ints:
        """Where each line ends, a carriage return left out, too."""
        data = np.frombuffer(self.data, np.uint8)
        before = data[np.maximum(self.ends - 1, 0)] == ord("\r") if len(data) else np.zeros(0, np.bool_)
        return self.ends - (before & (self.ends > self.starts))


async def read_line_blocks(source: AsyncIterator[bytes], size: int = BLOCK_BYTES) -> AsyncIterator[LineBlock]:
    """The lines of a stream, about `size` bytes at a time; of a line that is too long, only its beginning is left."""
    pending: list[bytes] = []
    held, first, dropping = 0, 1, False
    async for data in source:
        piece = data
        if dropping:
            _, found, piece = piece.partition(b"\n")
            if not found:
                continue
            pending, held, dropping = [*pending, b"\n"], held + 1, False
        pending.append(piece)
        held += len(piece)
        if held >= size or (held > MAX_LINE_BYTES and b"\n" not in piece):
            whole = b"".join(pending)
            cut = whole.rfind(b"\n") + 1
            rest = whole[cut:]
            if len(rest) > MAX_LINE_BYTES:
                rest, dropping = rest[: MAX_LINE_BYTES + 1], True
            if cut:
                block = _without_mark(LineBlock(whole[:cut], first))
                yield block
                first += len(block)
            pending, held = [rest], len(rest)
    if held:
        yield _without_mark(LineBlock(b"".join(pending), first))


def _without_mark(lines: LineBlock) -> LineBlock:
    return LineBlock(lines.data.removeprefix(_BOM), 1) if lines.first_line == 1 else lines
