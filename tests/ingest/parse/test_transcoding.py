"""Test that files of any encoding and line end become UTF-8 with line feeds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.errors import UnsupportedMedia
from okube_api.ingest.parse.transcoding import Transcoder
from okube_api.kit.encodings import find_codec

TEXT = "user,at\nZoé,€ 1\n"


def transcode(data: bytes, codec: str | None = None, size: int = 1) -> bytes:
    transcoder = Transcoder(codec)
    pieces = [transcoder.feed(data[low : low + size]) for low in range(0, len(data), size)]
    return b"".join([*pieces, transcoder.end()])


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "iso8859-15"])
def test_encodings(encoding: str, size: int) -> None:
    assert transcode(TEXT.encode(encoding), find_codec(encoding), size) == TEXT.encode()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_counts_more_than_the_sender(encoding: str) -> None:
    assert transcode(TEXT.encode(encoding), "cp1252") == TEXT.encode()


@given(st.text("a\r\n", max_size=12), st.integers(1, 5))
def test_line_ends(text: str, size: int) -> None:
    data = text.encode()
    first = next((end for end in (text[at:] for at in range(len(text))) if end[0] in "\r\n"), "")
    has_returns = first.startswith("\r") and not first.startswith("\r\n")
    expected = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if has_returns else data
    assert transcode(data, size=size) == expected


@pytest.mark.parametrize("data", [b"", b"a", b"\xef", b"\xef\xbb\xbf"])
def test_short_files(data: bytes) -> None:
    assert transcode(data) == data.removeprefix(b"\xef\xbb\xbf")


def test_bytes_that_the_encoding_lacks_stay_invalid() -> None:
    with pytest.raises(UnicodeDecodeError):
        transcode(b"a\x81", "cp1252").decode()


@pytest.mark.parametrize("name", ["", "klingon", "rot13", "utf-7", "idna", "x" * 500])
def test_unknown_encodings_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedMedia):
        find_codec(name)


@pytest.mark.parametrize(("name", "codec"), [("UTF-8", "utf-8"), ('"windows-1252"', "cp1252"), ("latin1", "iso8859-1")])
def test_usual_names_of_encodings(name: str, codec: str) -> None:
    assert find_codec(name) == codec


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(encoding: str) -> None:
    assert transcode(TEXT.encode(encoding), find_codec("utf-16")) == TEXT.encode()
