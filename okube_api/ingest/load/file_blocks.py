"""Files of events as blocks of parsed rows."""

import asyncio
import csv
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from io import SEEK_END, StringIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from okube_api.ingest.parse.cell_columns import CellReader
from okube_api.ingest.parse.codecs import Encoding, Format, create_decoder, detect_format
from okube_api.ingest.parse.column_map import ColumnMap
from okube_api.ingest.parse.csv_parser import CsvParser
from okube_api.ingest.parse.json_array import ArrayLines
from okube_api.ingest.parse.line_blocks import LineBlock, read_line_blocks
from okube_api.ingest.parse.local_times import ZoneLookup
from okube_api.ingest.parse.parquet import read_parquet
from okube_api.ingest.parse.read_options import DEFAULT_OPTIONS, ReadOptions, create_local_times
from okube_api.ingest.parse.row_checks import parse_json_line
from okube_api.ingest.parse.text import NdjsonParser, ParsedBlock, Parser
from okube_api.ingest.parse.transcoding import Transcoder
from okube_api.store.values import Json
from okube_api.tables.workbook import MAX_SMALL_UNPACKED_BYTES, MAX_UNPACKED_BYTES, ZIP_MARK, open_sheet

SMALL_BYTES = 2**20
_CHUNK_BYTES = 2**20
_MAX_BYTES_ON_LOOP = 2**16
_SHEET_ROWS = 5000
WORKBOOK_DELIMITER = ";"
"""Between the cells of rejected lines of workbooks."""


@dataclass(frozen=True, slots=True)
class EventFile:
    """A file of events, read as a stream of bytes.

    name: the file's name, for answers and messages.
    content_hash: recognises the file when it is sent again; None when it is not known before the file is read.
    path: where the file is on disk; None when it comes over the network.
    options: how the file is written, as far as the sender says so.
    limit: maximum size of the decompressed file, in bytes.
    size: size of the decompressed file in bytes; None when it is not known before the file is read, as for workbooks.
    """

    chunks: AsyncIterator[bytes]
    format: Format
    encoding: Encoding = Encoding.IDENTITY
    name: str | None = None
    content_hash: str | None = None
    path: Path | None = None
    options: ReadOptions = DEFAULT_OPTIONS
    limit: int | None = None
    size: int | None = None

    @property
    def is_binary(self) -> bool:
        """Whether the file has a format that is no text."""
        return self.format in (Format.PARQUET, Format.XLSX)

    @property
    def is_small(self) -> bool:
        """Whether the file is known to fit into one change with others."""
        return self.size is not None and self.size <= SMALL_BYTES


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a file has been read.

    size: bytes, compressed as in the file.
    """

    size: int
    lines: int


@dataclass(frozen=True, slots=True)
class FileBlock:
    """Some lines of a file, parsed.

    get_line: returns the text of a line of the block by its number in the file.
    read_line: returns the values of such a text by field, not validated; raises InvalidLine.
    format: that of the file, by its content.
    header: the line that names the columns of CSV.
    """

    parsed: ParsedBlock
    progress: Progress
    get_line: Callable[[int], bytes]
    read_line: Callable[[bytes], Json | None]
    format: Format
    header: str | None = None


async def open_event_file(path: Path, options: ReadOptions = DEFAULT_OPTIONS) -> EventFile:
    """Return a file on disk; its suffixes give format and compression.  Raise UnsupportedMedia.

    The content hash includes the options, because other options can give other events.
    """
    file_format, encoding = detect_format(path)
    content_hash, size = await asyncio.to_thread(_hash_content, path)
    if parameters := options.as_parameters():
        content_hash = hashlib.blake2b(f"{content_hash} {parameters}".encode(), digest_size=32).hexdigest()
    plain_size = size if encoding is Encoding.IDENTITY and file_format is not Format.XLSX else None
    return EventFile(_read_chunks(path), file_format, encoding, path.name, content_hash, path, options, size=plain_size)


@asynccontextmanager
async def open_blocks(
    kind: str, file: EventFile, lookup: ZoneLookup | None = None
) -> AsyncIterator[AsyncIterator[FileBlock]]:
    """Open the blocks of a file of one kind of events.

    lookup: finds the time zones of places, if the options of the file ask for them.
    Reading them raises BadRequest or Impossible when the file as a whole cannot be read.
    """
    options = file.options
    reader = CellReader(
        kind,
        date_order=options.dates,
        local_times=create_local_times(options, lookup),
        factors=options.list_factors(kind),
    )
    column_map = ColumnMap(kind, options.mapper, options.times)
    if file.format is not Format.PARQUET:
        yield _read_text_blocks(file, reader, column_map)
    elif file.path is not None and file.encoding is Encoding.IDENTITY:
        with file.path.open("rb") as plain:
            yield _read_parquet_blocks(plain, reader, column_map, file.limit)
    else:
        # The metadata of Parquet is at the end of the file, so a stream is first written to an anonymous file.
        with TemporaryFile(prefix="okube-") as plain:
            decoder = create_decoder(file.encoding, file.limit)
            async for data in file.chunks:
                await asyncio.to_thread(_write_pieces, plain, decoder.feed(data))
            decoder.end()
            yield _read_parquet_blocks(plain, reader, column_map, file.limit)


async def _read_text_blocks(file: EventFile, reader: CellReader, column_map: ColumnMap) -> AsyncIterator[FileBlock]:
    size = 0

    async def decode() -> AsyncIterator[bytes]:
        nonlocal size
        decoder = create_decoder(file.encoding, file.limit)
        async for data in file.chunks:
            size += len(data)
            if file.encoding is Encoding.IDENTITY:
                yield data
            else:
                pieces = decoder.feed(data)
                while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                    yield piece
        decoder.end()

    pieces = decode()
    start = await anext(pieces, b"")
    parser: Parser
    array: ArrayLines | None = None
    is_workbook = file.format is Format.XLSX or start.startswith(ZIP_MARK)
    if is_workbook:
        parser = CsvParser(reader.kind, reader, WORKBOOK_DELIMITER, column_map, has_decimal_comma=False)
        texts = _read_workbook(_prepend(start, pieces), file)
    else:
        parser = (
            CsvParser(reader.kind, reader, file.options.delimiter, column_map)
            if file.format is Format.CSV
            else NdjsonParser(reader.kind, reader, column_map)
        )
        texts = _convert(_prepend(start, pieces), Transcoder(file.options.codec))
        if file.format is Format.JSON:
            array = ArrayLines()
            texts = _convert(texts, array)
    last_line = 0

    def create_block(parsed: ParsedBlock) -> FileBlock:
        file_format = Format.XLSX if is_workbook else file.format
        if array is not None and array.is_array is False:
            file_format = Format.NDJSON
        progress = Progress(size, last_line)
        return FileBlock(parsed, progress, parsed.get_line, parser.parse_line, file_format, parser.header)

    async for lines in read_line_blocks(texts):
        parsed = await asyncio.to_thread(partial(parser.read, lines, is_last=False))
        last_line = lines.last_line
        yield create_block(parsed)
    yield create_block(parser.read(LineBlock(b"", last_line + 1)))


async def _prepend(start: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield start
    async for piece in pieces:
        yield piece


async def _read_workbook(pieces: AsyncIterator[bytes], file: EventFile) -> AsyncIterator[bytes]:
    """Yield the rows of a sheet as CSV, one line each."""
    max_bytes = MAX_SMALL_UNPACKED_BYTES if file.is_small else MAX_UNPACKED_BYTES
    with TemporaryFile(prefix="okube-") as plain:
        async for piece in pieces:
            await asyncio.to_thread(plain.write, piece)
        sheet = await asyncio.to_thread(open_sheet, plain, file.options.sheet, max_bytes)
        while text := await asyncio.to_thread(_format_csv, sheet.rows):
            yield text


def _format_csv(rows: Iterator[list[str]]) -> bytes:
    """Return the next rows as CSV; an empty text after the last one."""
    text = StringIO()
    writer = csv.writer(text, delimiter=WORKBOOK_DELIMITER, lineterminator="\n")
    for row in islice(rows, _SHEET_ROWS):
        writer.writerow(row if any(row) else [])
    return text.getvalue().encode("utf-8", "replace")


async def _convert(pieces: AsyncIterator[bytes], converter: Transcoder | ArrayLines) -> AsyncIterator[bytes]:
    """Yield the pieces of a text, converted; large ones of arrays in a thread, since that takes longest."""
    async for piece in pieces:
        is_large = isinstance(converter, ArrayLines) and len(piece) > _MAX_BYTES_ON_LOOP
        if text := await asyncio.to_thread(converter.feed, piece) if is_large else converter.feed(piece):
            yield text
    if text := converter.end():
        yield text


async def _read_parquet_blocks(
    file: BinaryIO, reader: CellReader, column_map: ColumnMap, limit: int | None
) -> AsyncIterator[FileBlock]:
    size = file.seek(0, SEEK_END)
    file.seek(0)
    blocks = read_parquet(reader.kind, file, reader, column_map, limit)

    def read_line(text: bytes) -> Json:
        return column_map.rename_event(parse_json_line(text))

    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        parsed, sent = block
        yield FileBlock(parsed, Progress(size, sent.last_row), sent.format_row, read_line, Format.PARQUET)


def _write_pieces(file: BinaryIO, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        file.write(piece)


async def _read_chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while data := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield data


def _hash_content(path: Path) -> tuple[str, int]:
    """Return a hash of a file, and its size in bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=32)).hexdigest(), file.tell()
