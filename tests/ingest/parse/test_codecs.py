"""Compressed files, as tools and tapes write them, in pieces of any size."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.errors import BadRequest, UnsupportedMedia
from okube_api.ingest.parse.codecs import Encoding, create_decoder, parse_content_encoding


def decode(data: bytes, size: int) -> bytes:
    """Return the plain bytes of a gzip file that arrives in pieces of `size` bytes."""
    decoder = create_decoder(Encoding.GZIP)
    pieces = [piece for start in range(0, len(data), size) for piece in decoder.feed(data[start : start + size])]
    decoder.end()
    return b"".join(pieces)


@given(
    members=st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 40)), min_size=1, max_size=4),
    size=st.integers(1, 200),
)
def test_members_and_padding_between_and_after_them(members: list[tuple[bytes, int]], size: int) -> None:
    file = b"".join(gzip.compress(plain) + b"\0" * padding for plain, padding in members)
    assert decode(file, size) == b"".join(plain for plain, _ in members)


@pytest.mark.parametrize(
    "file",
    [
        b"\0" * 20,
        b"\0" + gzip.compress(b"x"),
        gzip.compress(b"x") + b"garbage",
        gzip.compress(b"x") + b"\0\0garbage",
        gzip.compress(b"x") + gzip.compress(b"y" * 99)[:-3],
        gzip.compress(b"x" * 99)[:-1],
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_other_bytes_and_cut_files_are_refused(file: bytes, size: int) -> None:
    with pytest.raises(BadRequest):
        decode(file, size)


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "X-GZip", " x-gzip "])
def test_gzip_has_two_names(name: str) -> None:
    assert parse_content_encoding(name) is Encoding.GZIP


@pytest.mark.parametrize("name", ["x-compress", "gzip, gzip", "x-", "deflate"])
def test_other_compressions_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedMedia):
        parse_content_encoding(name)
