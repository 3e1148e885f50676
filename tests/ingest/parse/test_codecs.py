"""Compressed files, as tools and tapes write them, in pieces of any size."""

import gzip
import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from okube_api.errors import BadRequest, TooLarge, UnsupportedMedia
from okube_api.ingest.parse import codecs
from okube_api.ingest.parse.codecs import (
    MAX_RATIO,
    MIN_LIMITED_BYTES,
    Decoder,
    Encoding,
    check_ratio,
    create_decoder,
    parse_content_encoding,
)


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
    file = b"".join(gzip.compress(plain, mtime=0) + b"\0" * padding for plain, padding in members)
    assert decode(file, size) == b"".join(plain for plain, _ in members)


@pytest.mark.parametrize(
    "file",
    [
        b"\0" * 20,
        b"\0" + gzip.compress(b"x", mtime=0),
        gzip.compress(b"x", mtime=0) + b"garbage",
        gzip.compress(b"x", mtime=0) + b"\0\0garbage",
        gzip.compress(b"x", mtime=0) + gzip.compress(b"y" * 99, mtime=0)[:-3],
        gzip.compress(b"x" * 99, mtime=0)[:-1],
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


# -- bombs ------------------------------------------------------------------------------------------------------------


def compress_zeros(encoding: Encoding, size: int, window_log: int = 21) -> bytes:
    """Return a file of zero bytes, compressed in steps."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=window_log)
    compressor = (
        zlib.compressobj(9, wbits=31)
        if encoding is Encoding.GZIP
        else zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    )
    pieces = [compressor.compress(b"\0" * 2**20) for _ in range(size // 2**20)]
    return b"".join(pieces) + compressor.flush()


def measure(decoder: Decoder, file: bytes, sizes: list[int]) -> None:
    """Add the sizes of the pieces of a file to `sizes`."""
    for piece in decoder.feed(file):
        sizes.append(len(piece))


@pytest.mark.parametrize("encoding", [Encoding.GZIP, Encoding.ZSTD])
def test_a_file_expands_in_pieces_of_bounded_size_as_they_are_read(encoding: Encoding) -> None:
    file = compress_zeros(encoding, 64 * 2**20)
    tracemalloc.start()
    try:
        sizes = [len(piece) for piece in create_decoder(encoding).feed(file)]
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()
    assert sum(sizes) == 64 * 2**20
    assert max(sizes) <= 2**20


@pytest.mark.parametrize("encoding", [Encoding.GZIP, Encoding.ZSTD])
def test_a_file_that_expands_beyond_the_ratio_is_refused(monkeypatch: pytest.MonkeyPatch, encoding: Encoding) -> None:
    monkeypatch.setattr(codecs, "MIN_LIMITED_BYTES", 8 * 2**20)
    file = compress_zeros(encoding, 32 * 2**20)
    sizes: list[int] = []
    with pytest.raises(TooLarge, match="250 times larger"):
        measure(create_decoder(encoding, 10**10), file, sizes)
    assert sum(sizes) == 8 * 2**20
    measure(create_decoder(encoding), file, sizes)  # a file on disk is trusted
    assert sum(sizes) == 40 * 2**20


def test_the_ratio_counts_above_a_size_only() -> None:
    check_ratio(MIN_LIMITED_BYTES, 1)
    check_ratio(2 * MIN_LIMITED_BYTES, 2 * MIN_LIMITED_BYTES // MAX_RATIO + 1)
    with pytest.raises(TooLarge):
        check_ratio(2 * MIN_LIMITED_BYTES, 2 * MIN_LIMITED_BYTES // MAX_RATIO - 1)


def test_zstd_with_a_large_window_is_refused_over_http_only() -> None:
    large = compress_zeros(Encoding.ZSTD, 2**20, 24)
    with pytest.raises(BadRequest, match="window may have 8 MB at most"):
        list(create_decoder(Encoding.ZSTD, 10**10).feed(large))
    assert sum(map(len, create_decoder(Encoding.ZSTD).feed(large))) == 2**20


@given(frames=st.lists(st.binary(max_size=300), min_size=1, max_size=4), size=st.integers(1, 200))
def test_zstd_frames_in_pieces_of_any_size(frames: list[bytes], size: int) -> None:
    file = b"".join(map(zstandard.compress, frames))
    decoder = create_decoder(Encoding.ZSTD, 10**6)
    pieces = [piece for start in range(0, len(file), size) for piece in decoder.feed(file[start : start + size])]
    decoder.end()
    assert b"".join(pieces) == b"".join(frames)
    cut = create_decoder(Encoding.ZSTD)
    list(cut.feed(file[:-1]))
    with pytest.raises(BadRequest, match="incomplete"):
        cut.end()
