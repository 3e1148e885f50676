"""Converts text files of any encoding and any line ends to UTF-8 with line feeds, piece by piece."""

import codecs
import re

from okube_api.kit.encodings import find_utf16_codec

BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_LONGEST_MARK = 3


class Transcoder:
    """Transcodes one file.  A byte-order mark overrides `codec`.

    codec: a result of `find_codec`; None for UTF-8.  Bytes that are invalid in it become invalid UTF-8, so that their
    line is rejected.
    """

    def __init__(self, codec: str | None = None) -> None:
        self._codec = codec or "utf-8"
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._is_started = False
        self._line_ends = _LineEnds()

    def feed(self, data: bytes) -> bytes:
        """Return the next bytes of the file as UTF-8."""
        if not self._is_started:
            self._head += data
            if len(self._head) < _LONGEST_MARK:
                return b""
            data = self._start()
        return self._line_ends.feed(self._transcode(data, is_last=False))

    def end(self) -> bytes:
        """Return the last bytes of the file as UTF-8."""
        data = b"" if self._is_started else self._start()
        return self._line_ends.feed(self._transcode(data, is_last=True)) + self._line_ends.end()

    def _start(self) -> bytes:
        """Choose the decoder by the first bytes of the file, and return them without their byte-order mark."""
        self._is_started = True
        data, self._head = self._head, b""
        for mark, codec in BYTE_ORDER_MARKS.items():
            if data.startswith(mark):
                self._codec, data = codec, data.removeprefix(mark)
        if self._codec == "utf-16":
            self._codec = find_utf16_codec(data)
        if self._codec not in ("utf-8", "utf-8-sig", "ascii"):
            errors = "replace" if self._codec.startswith("utf-16") else "surrogateescape"
            self._decoder = codecs.getincrementaldecoder(self._codec)(errors)
        return data

    def _transcode(self, data: bytes, *, is_last: bool) -> bytes:
        if self._decoder is None:
            return data
        return self._decoder.decode(data, is_last).encode("utf-8", "surrogatepass")


class _LineEnds:
    """Replaces carriage returns by line feeds in files whose first line ends with a carriage return alone."""

    def __init__(self) -> None:
        self._uses_returns: bool | None = None  # None until the first line end
        self._pending = b""  # a carriage return whose next byte is not known yet

    def feed(self, data: bytes) -> bytes:
        data, self._pending = self._pending + data, b""
        if self._uses_returns is not False:
            if data.endswith(b"\r"):
                data, self._pending = data[:-1], b"\r"
            if self._uses_returns is None and (match := re.search(rb"\r\n?|\n", data)) is not None:
                self._uses_returns = match[0] == b"\r"
        return _replace_returns(data) if self._uses_returns else data

    def end(self) -> bytes:
        return self._pending if self._uses_returns is False else _replace_returns(self._pending)


def _replace_returns(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
