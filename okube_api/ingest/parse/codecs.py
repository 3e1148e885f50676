"""Formats and compressions of event files: NDJSON, a JSON array, CSV or Parquet; plain, gzip or zstd."""

import zlib
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import zstandard

from okube_api.errors import BadRequest, TooLarge, UnsupportedMedia

_WINDOW_BITS = 31  # data with a gzip header, not a zlib header
_MAX_PIECE_BYTES = 4 * 2**20


class Format(StrEnum):
    """Format of a file, by its media type."""

    NDJSON = "application/x-ndjson"
    CSV = "text/csv"
    PARQUET = "application/vnd.apache.parquet"
    JSON = "application/json"


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
}
_ENCODING_SUFFIXES = {".gz": Encoding.GZIP, ".zst": Encoding.ZSTD}


def parse_content_type(content_type: str) -> Format:
    """Return the format of a media type, whose parameters are ignored.  Raise UnsupportedMedia."""
    name = content_type.partition(";")[0].strip().lower()
    try:
        return Format(name)
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

    def feed(self, data: bytes) -> list[bytes]:
        """Return the plain bytes of the next piece, in pieces of bounded size.  Raise BadRequest when invalid."""

    def end(self) -> None:
        """Check that the file is complete.  Raise BadRequest."""


def create_decoder(encoding: Encoding, limit: int | None = None) -> Decoder:
    """Return a decoder for one file.

    limit: maximum size of the plain file, in bytes; `feed` raises TooLarge above it.
    """
    classes: dict[Encoding, Callable[[], Decoder]] = {Encoding.GZIP: _GzipDecoder, Encoding.ZSTD: _ZstdDecoder}
    decoder = classes.get(encoding, _IdentityDecoder)()
    return decoder if limit is None else _LimitedDecoder(decoder, limit)


class _LimitedDecoder:
    """A decoder of a file whose plain size is limited."""

    def __init__(self, decoder: Decoder, limit: int) -> None:
        self._decoder = decoder
        self._limit = limit
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        pieces = self._decoder.feed(data)
        self._size += sum(map(len, pieces))
        if self._size > self._limit:
            raise TooLarge(f"The decompressed file may have {self._limit:,} bytes at most.")
        return pieces

    def end(self) -> None:
        self._decoder.end()


class _IdentityDecoder:
    def feed(self, data: bytes) -> list[bytes]:
        return [data] if data else []

    def end(self) -> None:
        return


class _GzipDecoder:
    """A file may consist of several gzip members, with zero bytes after each: tapes and block devices pad files."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_WINDOW_BITS)
        self._started = False

    def feed(self, data: bytes) -> list[bytes]:
        pieces: list[bytes] = []
        try:
            while data:
                if self._member.eof:
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    self._member = zlib.decompressobj(_WINDOW_BITS)
                self._started = True
                pieces.append(self._member.decompress(data, _MAX_PIECE_BYTES))
                data = self._member.unconsumed_tail or self._member.unused_data
        except zlib.error as error:
            raise BadRequest(f"The body is not valid gzip: {error}.") from None
        return [piece for piece in pieces if piece]

    def end(self) -> None:
        if self._started and not self._member.eof:
            raise BadRequest("The gzip data is incomplete.")


class _ZstdDecoder:
    """A file may consist of several zstd frames."""

    def __init__(self) -> None:
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def feed(self, data: bytes) -> list[bytes]:
        pieces: list[bytes] = []
        try:
            while data:
                if self._frame is None or self._frame.eof:
                    self._frame = zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
                pieces.append(self._frame.decompress(data))
                data = self._frame.unused_data
        except zstandard.ZstdError as error:
            raise BadRequest(f"The body is not valid zstd: {error}.") from None
        return [piece for piece in pieces if piece]

    def end(self) -> None:
        if self._frame is not None and not self._frame.eof:
            raise BadRequest("The zstd data is incomplete.")
