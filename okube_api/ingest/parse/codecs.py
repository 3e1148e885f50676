"""Formats and compressions of event files: NDJSON, a JSON array, CSV or Parquet; plain, gzip or zstd."""

import sys
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from okube_api.errors import BadRequest, TooLarge, UnsupportedMedia
from okube_api.tables.workbook import XLSX

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_WINDOW_BITS = 31  # data with a gzip header, not a zlib header
_PIECE_BYTES = 2**20
_HTTP_WINDOW_LOG = 23  # RFC 9659: `Content-Encoding: zstd` has windows of at most 8 MB
_FILE_WINDOW_LOG = 27  # what the zstd command reads by default
MAX_RATIO = 250
"""How many times larger than the compressed file the decompressed file may be, above `MIN_LIMITED_BYTES`."""
MIN_LIMITED_BYTES = 256 * 2**20


class Format(StrEnum):
    """Format of a file, by its media type."""

    NDJSON = "application/x-ndjson"
    CSV = "text/csv"
    PARQUET = "application/vnd.apache.parquet"
    JSON = "application/json"
    XLSX = XLSX


class Encoding(StrEnum):
    """Compression of a file, by its name in `Content-Encoding`."""

    IDENTITY = "identity"
    GZIP = "gzip"
    ZSTD = "zstd"


_FORMAT_SUFFIXES = {
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
    ".xlsx": Format.XLSX,
}
_MEDIA_TYPES = {"application/vnd.ms-excel": Format.CSV}  # what browsers call CSV where Excel is installed
_ENCODING_SUFFIXES = {".gz": Encoding.GZIP, ".zst": Encoding.ZSTD}


def parse_content_type(content_type: str) -> Format:
    """Return the format of a media type, whose parameters are ignored.  Raise UnsupportedMedia."""
    name = content_type.partition(";")[0].strip().lower()
    try:
        return _MEDIA_TYPES.get(name) or Format(name)
    except ValueError:
        raise UnsupportedMedia(
            f"Unsupported Content-Type '{name[:100]}'. Send events as one of {', '.join(Format)}."
        ) from None


def parse_charset(content_type: str) -> str | None:
    """Return the `charset` of a media type, None when it has none."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'") or None
    return None


def parse_content_encoding(content_encoding: str) -> Encoding:
    """Return the compression of this name; no name means none.  Raise UnsupportedMedia."""
    name = content_encoding.strip().lower() or Encoding.IDENTITY
    if name == "x-gzip":  # means the same (RFC 9110)
        name = Encoding.GZIP
    try:
        return Encoding(name)
    except ValueError:
        raise UnsupportedMedia(f"Unsupported Content-Encoding '{name[:100]}'. Use gzip or zstd.") from None


def detect_format(path: Path) -> tuple[Format, Encoding]:
    """Return the format and the compression by the suffixes of a file name, such as `events.csv.gz`.

    Raise UnsupportedMedia.
    """
    *_, last = path.suffixes or [""]
    encoding = _ENCODING_SUFFIXES.get(last.lower(), Encoding.IDENTITY)
    suffix = Path(path.stem).suffix if encoding is not Encoding.IDENTITY else last
    try:
        return _FORMAT_SUFFIXES[suffix.lower()], encoding
    except KeyError:
        raise UnsupportedMedia(
            f"The format of '{path.name}' cannot be determined from its name. "
            f"Use one of the suffixes {', '.join(_FORMAT_SUFFIXES)}, followed by .gz or .zst if compressed."
        ) from None


class Decoder(Protocol):
    """Decompresses one file, piece by piece."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the plain bytes of the next part of the file, in pieces of at most 1 MB unless it is not compressed.

        All pieces must be read before the next call.  Raise BadRequest when the data is invalid, TooLarge.
        """

    def end(self) -> None:
        """Check that the file is complete.  Raise BadRequest."""


def create_decoder(encoding: Encoding, limit: int | None = None) -> Decoder:
    """Return a decoder for one file.

    limit: maximum size of the plain file, in bytes; None for a file on the server's own disk, which is trusted.  With a
    limit, the window of zstd and the ratio of the sizes are limited, too (see `check_ratio`).
    """
    decoder: Decoder
    match encoding:
        case Encoding.GZIP:
            decoder = _GzipDecoder()
        case Encoding.ZSTD:
            decoder = _ZstdDecoder(_FILE_WINDOW_LOG if limit is None else _HTTP_WINDOW_LOG)
        case _:
            decoder = _IdentityDecoder()
    return decoder if limit is None else _LimitedDecoder(decoder, limit)


def check_ratio(plain_bytes: int, compressed_bytes: int) -> None:
    """Raise TooLarge when a file is so much larger than its compressed form that it is no file of real events."""
    if plain_bytes > max(MIN_LIMITED_BYTES, MAX_RATIO * compressed_bytes):
        raise TooLarge(
            f"The decompressed file is more than {MAX_RATIO} times larger than the compressed file. Files of this kind "
            f"may have {MIN_LIMITED_BYTES // 2**20} MB at most when they are decompressed. Send the events in several "
            "files."
        )


class _LimitedDecoder:
    """A decoder of a file whose plain size is limited."""

    def __init__(self, decoder: Decoder, limit: int) -> None:
        self._decoder = decoder
        self._limit = limit
        self._size = self._compressed_size = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._compressed_size += len(data)
        for piece in self._decoder.feed(data):
            self._size += len(piece)
            if self._size > self._limit:
                raise TooLarge(f"The decompressed file may have {self._limit:,} bytes at most.")
            check_ratio(self._size, self._compressed_size)
            yield piece

    def end(self) -> None:
        self._decoder.end()


class _IdentityDecoder:
    def feed(self, data: bytes) -> Iterator[bytes]:
        if data:
            yield data

    def end(self) -> None:
        return


class _GzipDecoder:
    """A file may consist of several gzip members, with zero bytes after each: tapes and block devices pad files."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_WINDOW_BITS)
        self._started = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._member.eof:
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    self._member = zlib.decompressobj(_WINDOW_BITS)
                self._started = True
                piece = self._member.decompress(data, _PIECE_BYTES)
                data = self._member.unconsumed_tail or self._member.unused_data
                if piece:
                    yield piece
        except zlib.error as error:
            raise BadRequest(f"The body is not valid gzip: {error}.") from None

    def end(self) -> None:
        if self._started and not self._member.eof:
            raise BadRequest("The gzip data is incomplete.")


class _ZstdDecoder:
    """A file may consist of several zstd frames."""

    def __init__(self, window_log: int) -> None:
        self._window_log = window_log
        self._frame: zstd.ZstdDecompressor | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._frame is None or self._frame.eof:
                    parameters: dict[int, int] = {zstd.DecompressionParameter.window_log_max: self._window_log}
                    self._frame = zstd.ZstdDecompressor(options=parameters)
                piece = self._frame.decompress(data, _PIECE_BYTES)
                while piece:
                    yield piece
                    piece = (
                        b"" if self._frame.eof or self._frame.needs_input else self._frame.decompress(b"", _PIECE_BYTES)
                    )
                data = self._frame.unused_data
        except zstd.ZstdError as error:
            hint = ""
            if "memory" in str(error):
                hint = (
                    f" The window may have {2 ** (self._window_log - 20)} MB at most: compress the file without "
                    "`--long` and `--ultra`."
                )
            raise BadRequest(f"The body is not valid zstd: {str(error).rstrip('.')}.{hint}") from None

    def end(self) -> None:
        if self._frame is not None and not self._frame.eof:
            raise BadRequest("The zstd data is incomplete.")
