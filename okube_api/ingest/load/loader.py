"""A file of events on its way into the store: read, checked, recorded, and kept as a batch that does not count yet."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from io import SEEK_END
from typing import BinaryIO

import pyarrow as pa

from okube_api.ingest.batches import MOST_REASONS, Batches
from okube_api.ingest.columns.prefetch import ahead
from okube_api.ingest.encryption import Seals
from okube_api.ingest.events.kinds import EventKind
from okube_api.ingest.load.normalizer import Recorder
from okube_api.ingest.parse.codecs import Decoder, Encoding, Format, decoder
from okube_api.ingest.parse.line_blocks import Lines, blocks
from okube_api.ingest.parse.parquet import read_parquet, row_text
from okube_api.ingest.parse.text import CsvParser, NdjsonParser, Parser, Read, Rejected
from okube_api.store.base import Conflict, Json, Store

MOST_ROWS = 300_000
_LINES_AT_ONCE = 500
MOST_KEPT, MOST_KEPT_BYTES = 100_000, 64 * 2**20
"""Rejected lines that are kept of one file; further ones are counted only."""
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is: bytes as they came, lines read."""

    size: int
    lines: int


Tell = Callable[[Progress], None]


@dataclass(slots=True)
class Tally:
    """What was received so far."""

    stored: int = 0
    rejected: int = 0
    kept_bytes: int = 0  # of rejected lines
    latest_ms: int | None = None
    header: str | None = None
    reasons: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Block:
    """Rows as they were sent, how far the file is, where to find a line's text by its number, and the file's header."""

    read: Read
    progress: Progress
    text: Callable[[int], bytes]
    header: str | None = None


# -- blocks of a file -----------------------------------------------------------------------------------------


async def text_blocks(
    source: AsyncIterator[bytes], kind: str, shape: Format, encoding: Encoding
) -> AsyncIterator[Block]:
    """The blocks of a stream of NDJSON or CSV."""
    size = 0

    async def plain() -> AsyncIterator[bytes]:
        nonlocal size
        undo: Decoder = decoder(encoding)
        async for data in source:
            size += len(data)
            for piece in await asyncio.to_thread(undo.feed, data) if encoding is not Encoding.IDENTITY else [data]:
                yield piece
        undo.end()

    parser: Parser = NdjsonParser(kind) if shape is Format.NDJSON else CsvParser(kind)
    async for lines in blocks(plain()):
        read = await asyncio.to_thread(parser.read, lines)
        yield Block(read, Progress(size, lines.first + len(lines) - 1), _texts(lines), parser.header)


def _texts(lines: Lines) -> Callable[[int], bytes]:
    return lambda number: lines.line(number - lines.first)


async def parquet_blocks(file: BinaryIO, kind: str) -> AsyncIterator[Block]:
    """The blocks of a Parquet file."""
    size = file.seek(0, SEEK_END)
    file.seek(0)
    found = read_parquet(kind, file)
    while (one := await asyncio.to_thread(next, found, None)) is not None:
        read, through = one
        yield Block(read, Progress(size, through), partial(row_text, read))


# -- into the store -------------------------------------------------------------------------------------------


class Receiver:
    """Keeps the events of one batch."""

    def __init__(self, store: Store, batches: Batches, seals: Seals, kind: EventKind, recorder: Recorder) -> None:
        self._store, self._batches, self._seals, self._kind, self._recorder = store, batches, seals, kind, recorder

    async def receive(self, batch: Json, source: AsyncIterator[Block], tell: Tell | None) -> Tally:
        """Stores every good event of a file, and keeps the bad lines."""
        tally, changes = Tally(), 0
        async for rows in ahead(self._recorded(batch, ahead(source), tally, tell)):
            changes += 1
            await _appended(self._store, batch, f"{batch['_id']}:{changes}", self._kind, rows)
        return tally

    async def _recorded(
        self, batch: Json, source: AsyncIterator[Block], tally: Tally, tell: Tell | None
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

    async def _taken(self, batch: Json, block: Block, tally: Tally) -> pa.Table:
        """The good rows of a block; the bad ones are kept."""
        found = await self._recorder.record(block.read.rows, block.read.numbers)
        numbers = block.read.numbers
        refused = [
            Rejected(int(numbers[row]), reason, block.text(int(numbers[row]))) for row, reason in found.refused.items()
        ]
        await self._reject(batch, tally, sorted([*block.read.rejected, *refused], key=lambda one: one.number))
        tally.stored += found.rows.num_rows
        tally.header = block.header
        if found.latest_ms is not None:
            tally.latest_ms = max(tally.latest_ms or 0, found.latest_ms)
        return found.rows

    async def _reject(self, batch: Json, tally: Tally, rejected: list[Rejected]) -> None:
        """Counts rejected lines, and keeps the first of them."""
        room = MOST_REASONS - len(tally.reasons)
        tally.reasons += [{"line": one.number, "reason": one.reason} for one in rejected[:room]]
        for at in range(0, len(rejected), _LINES_AT_ONCE):
            some = rejected[at : at + _LINES_AT_ONCE]
            if tally.rejected < MOST_KEPT and tally.kept_bytes < MOST_KEPT_BYTES:
                await self._batches.keep_rejected(batch, tally.rejected, some, self._seals)
                tally.kept_bytes += sum(len(one.text) for one in some)
            tally.rejected += len(some)


async def _appended(store: Store, batch: Json, name: str, kind: EventKind, rows: pa.Table) -> None:
    for left in reversed(range(_TRIES)):
        try:
            async with store.changing(batch["application"], name) as change:
                await change.append(kind.table, batch["number"], rows)
                await change.commit()
                return
        except Conflict:
            if not left:
                raise
            await asyncio.sleep(0.05 * (_TRIES - left))
