"""How files of events are written: NDJSON, CSV or Parquet, plain or compressed."""

import zlib
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import zstandard

from okube_api.errors import BadRequest, UnsupportedMedia

_WINDOW_BITS = 31  # gzip's header, not zlib's
_MOST_AT_ONCE = 4 * 2**20


class Format(StrEnum):
    """What a file is made of, by its media type."""

    NDJSON = "application/x-ndjson"
    CSV = "text/csv"
    PARQUET = "application/vnd.apache.parquet"


class Encoding(StrEnum):
    """How a file is compressed, by its name in `Content-Encoding`."""

    IDENTITY = "identity"
    GZIP = "gzip"
    ZSTD = "zstd"


_ENDINGS = {
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".json": Format.NDJSON,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
}
_COMPRESSED = {".gz": Encoding.GZIP, ".zst": Encoding.ZSTD}


def parse_content_type(content_type: str) -> Format:
    """The format with this media type, whatever its parameters.  Raises UnsupportedMedia."""
    name = content_type.partition(";")[0].strip().lower()
    try:
        return Format(name)
    except ValueError:
        raise UnsupportedMedia(f"Events come as {', '.join(Format)}, not as '{name[:100]}'.") from None


def parse_content_encoding(content_encoding: str) -> Encoding:
    """The compression of this name.  Raises UnsupportedMedia."""
    name = content_encoding.strip().lower() or Encoding.IDENTITY
    try:
        return Encoding(name)
    except ValueError:
        raise UnsupportedMedia(f"Bodies may be compressed by gzip or zstd, not by '{name[:100]}'.") from None


def detect_format(path: Path) -> tuple[Format, Encoding]:
    """What the name of a file says, `events.csv.gz` for instance.  Raises UnsupportedMedia."""
    *_, last = path.suffixes or [""]
    encoding = _COMPRESSED.get(last.lower(), Encoding.IDENTITY)
    ending = Path(path.stem).suffix if encoding is not Encoding.IDENTITY else last
    try:
        return _ENDINGS[ending.lower()], encoding
    except KeyError:
        known = ", ".join(_ENDINGS)
        raise UnsupportedMedia(
            f"'{path.name}' says no format: its name ends in one of {known} (then .gz, .zst)."
        ) from None


class Decoder(Protocol):
    """Takes compressed pieces in, gives plain ones out, each of bounded size."""

    def feed(self, data: bytes) -> list[bytes]:
        """What this piece brings.  Raises BadRequest when it is not what it says."""

    def end(self) -> None:
        """The end of the file.  Raises BadRequest when it came too early."""


def create_decoder(encoding: Encoding) -> Decoder:
    """A decoder of one file."""
    makers: dict[Encoding, Callable[[], Decoder]] = {Encoding.GZIP: _GzipDecoder, Encoding.ZSTD: _ZstdDecoder}
    return makers.get(encoding, _IdentityDecoder)()


class _IdentityDecoder:
    def feed(self, data: bytes) -> list[bytes]:
        return [data] if data else []

    def end(self) -> None:
        return


class _GzipDecoder:
    """Files may be several gzip members one after the other."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_WINDOW_BITS)
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        found: list[bytes] = []
        try:
            while data:
                if self._member.eof:
                    self._member = zlib.decompressobj(_WINDOW_BITS)
                self._begun = True
                found.append(self._member.decompress(data, _MOST_AT_ONCE))
                data = self._member.unconsumed_tail or self._member.unused_data
        except zlib.error as error:
            raise BadRequest(f"The body is no gzip: {error}.") from None
        return [piece for piece in found if piece]

    def end(self) -> None:
        if self._begun and not self._member.eof:
            raise BadRequest("The gzip ends too early.")


class _ZstdDecoder:
    def __init__(self) -> None:
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def feed(self, data: bytes) -> list[bytes]:
        found: list[bytes] = []
        try:
            while data:
                if self._frame is None or self._frame.eof:
                    self._frame = zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
                found.append(self._frame.decompress(data))
                data = self._frame.unused_data
        except zstandard.ZstdError as error:
            raise BadRequest(f"The body is no zstd: {error}.") from None
        return [piece for piece in found if piece]

    def end(self) -> None:
        if self._frame is not None and not self._frame.eof:
            raise BadRequest("The zstd ends too early.")
