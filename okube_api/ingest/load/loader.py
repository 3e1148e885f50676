"""A file of events on its way into the store: read, checked, recorded, and kept as a batch that does not count yet."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from io import SEEK_END
from typing import BinaryIO

import pyarrow as pa

from okube_api.ingest.batches import MAX_REASONS, Batches
from okube_api.ingest.columns.prefetch import prefetch
from okube_api.ingest.encryption import LineCipher
from okube_api.ingest.events.kinds import EventKind
from okube_api.ingest.load.normalizer import Normalizer
from okube_api.ingest.parse.codecs import Decoder, Encoding, Format, create_decoder
from okube_api.ingest.parse.line_blocks import LineBlock, read_line_blocks
from okube_api.ingest.parse.parquet import format_row, read_parquet
from okube_api.ingest.parse.text import CsvParser, NdjsonParser, ParsedBlock, Parser, RejectedLine
from okube_api.ingest.retry import commit_with_retry
from okube_api.store.base import Change, Json, Store

MOST_ROWS = 300_000
_LINES_AT_ONCE = 500
MOST_KEPT, MOST_KEPT_BYTES = 100_000, 64 * 2**20
"""Rejected lines that are kept of one file; further ones are counted only."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is: bytes as they came, lines read."""

    size: int
    lines: int


OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class LoadCounts:
    """What was received so far."""

    stored: int = 0
    rejected: int = 0
    kept_bytes: int = 0  # of rejected lines
    latest_ms: int | None = None
    header: str | None = None
    reasons: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FileBlock:
    """Rows as they were sent, how far the file is, where to find a line's text by its number, and the file's header."""

    read: ParsedBlock
    progress: Progress
    text: Callable[[int], bytes]
    header: str | None = None


# -- blocks of a file -----------------------------------------------------------------------------------------


async def text_blocks(
    source: AsyncIterator[bytes], kind: str, shape: Format, encoding: Encoding
) -> AsyncIterator[FileBlock]:
    """The blocks of a stream of NDJSON or CSV."""
    size = 0

    async def plain() -> AsyncIterator[bytes]:
        nonlocal size
        undo: Decoder = create_decoder(encoding)
        async for data in source:
            size += len(data)
            for piece in await asyncio.to_thread(undo.feed, data) if encoding is not Encoding.IDENTITY else [data]:
                yield piece
        undo.end()

    parser: Parser = NdjsonParser(kind) if shape is Format.NDJSON else CsvParser(kind)
    async for lines in read_line_blocks(plain()):
        read = await asyncio.to_thread(parser.read, lines)
        yield FileBlock(read, Progress(size, lines.first_line + len(lines) - 1), _texts(lines), parser.header)


def _texts(lines: LineBlock) -> Callable[[int], bytes]:
    return lambda number: lines.get_line(number - lines.first_line)


async def parquet_blocks(file: BinaryIO, kind: str) -> AsyncIterator[FileBlock]:
    """The blocks of a Parquet file."""
    size = file.seek(0, SEEK_END)
    file.seek(0)
    found = read_parquet(kind, file)
    while (one := await asyncio.to_thread(next, found, None)) is not None:
        read, through = one
        yield FileBlock(read, Progress(size, through), partial(format_row, read))


# -- into the store -------------------------------------------------------------------------------------------


class Receiver:
    """Keeps the events of one batch."""

    def __init__(
        self, store: Store, batches: Batches, seals: LineCipher, kind: EventKind, recorder: Normalizer
    ) -> None:
        self._store, self._batches, self._seals, self._kind, self._recorder = store, batches, seals, kind, recorder

    async def receive(self, batch: Json, source: AsyncIterator[FileBlock], tell: OnProgress | None) -> LoadCounts:
        """Stores every good event of a file, and keeps the bad lines."""
        tally, changes = LoadCounts(), 0
        async for rows in prefetch(self._recorded(batch, prefetch(source), tally, tell)):
            changes += 1
            append = partial(self._append, batch["number"], rows)
            name = f"{batch['_id']}:{changes}"
            await commit_with_retry(self._store, batch["application"], name, append, attempts=8, pause_s=0.05)
        return tally

    async def _append(self, number: int, rows: pa.Table, change: Change) -> None:
        await change.append(self._kind.table, number, rows)

    async def _recorded(
        self, batch: Json, source: AsyncIterator[FileBlock], tally: LoadCounts, tell: OnProgress | None
    ) -> AsyncIterator[pa.Table]:
        """The rows to be stored, about `MOST_ROWS` at a time."""
        held: list[pa.Table] = []
        async for block in source:
            held.append(await self._taken(batch, block, tally))
            if sum(one.num_rows for one in held) >= MOST_ROWS:
                yield pa.concat_tables(held)
                held = []
            if tell is not None:
                tell(block.progress)
        if any(one.num_rows for one in held):
            yield pa.concat_tables(held)

    async def _taken(self, batch: Json, block: FileBlock, tally: LoadCounts) -> pa.Table:
        """The good rows of a block; the bad ones are kept."""
        found = await self._recorder.normalize(block.read.rows, block.read.line_numbers)
        numbers = block.read.line_numbers
        refused = [
            RejectedLine(int(numbers[row]), reason, block.text(int(numbers[row])))
            for row, reason in found.refused.items()
        ]
        await self._reject(batch, tally, sorted([*block.read.rejected, *refused], key=lambda one: one.number))
        tally.stored += found.rows.num_rows
        tally.header = block.header
        if found.latest_ms is not None:
            tally.latest_ms = max(tally.latest_ms or 0, found.latest_ms)
        return found.rows

    async def _reject(self, batch: Json, tally: LoadCounts, rejected: list[RejectedLine]) -> None:
        """Counts rejected lines, and keeps the first of them."""
        room = MAX_REASONS - len(tally.reasons)
        tally.reasons += [{"line": one.number, "reason": one.reason} for one in rejected[:room]]
        for at in range(0, len(rejected), _LINES_AT_ONCE):
            some = rejected[at : at + _LINES_AT_ONCE]
            if tally.rejected < MOST_KEPT and tally.kept_bytes < MOST_KEPT_BYTES:
                await self._batches.store_rejected(batch, tally.rejected, some, self._seals)
                tally.kept_bytes += sum(len(one.text) for one in some)
            tally.rejected += len(some)
