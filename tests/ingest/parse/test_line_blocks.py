"""Test that streams are cut into blocks of whole lines, whatever chunks they come in."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.ingest.parse import line_blocks
from okube_api.ingest.parse.line_blocks import MAX_LINE_BYTES, LineBlock, read_line_blocks

pytestmark = pytest.mark.anyio

texts = st.lists(st.binary(max_size=12).map(lambda text: text.replace(b"\n", b"")), max_size=30)


async def stream(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def read(data: bytes, size: int, block_size: int) -> list[LineBlock]:
    return [block async for block in read_line_blocks(stream(data, size), block_size)]


@given(texts, st.integers(1, 9), st.integers(1, 40), st.sampled_from([b"\n", b"\r\n"]), st.booleans())
async def test_lines_and_their_numbers(
    content: list[bytes], size: int, block_size: int, ending: bytes, ends: bool
) -> None:
    data = ending.join(content) + (ending if ends and content else b"")
    expected = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    blocks = await read(data, size, block_size)
    assert [block.get_line(at) for block in blocks for at in range(len(block))] == [
        line.removesuffix(b"\r") for line in expected
    ]
    numbers = [block.first_line + at for block in blocks for at in range(len(block))]
    assert numbers == list(range(1, len(expected) + 1))
    nonempty = [block.first_line + at for block in blocks for at in block.nonempty.tolist()]
    assert nonempty == [number for number, line in enumerate(expected, 1) if line.removesuffix(b"\r")]


@given(texts.filter(lambda content: len(content) > 1), st.data())
def test_a_slice_is_a_block(content: list[bytes], data: st.DataObject) -> None:
    block = LineBlock(b"\n".join(content) + b"\n", 5)
    low = data.draw(st.integers(0, len(block) - 1))
    high = data.draw(st.integers(low + 1, len(block)))
    part = block.slice(low, high)
    assert [part.get_line(at) for at in range(len(part))] == [block.get_line(at) for at in range(low, high)]
    assert part.first_line == 5 + low


async def test_the_rest_of_a_line_that_is_too_long_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_blocks, "MAX_LINE_BYTES", 100)
    data = b"a\n" + b"x" * 1000 + b"\nb\n" + b"y" * 5000
    blocks = await read(data, 64, 256)
    read_lines = [block.get_line(at) for block in blocks for at in range(len(block))]
    assert [line[:1] for line in read_lines] == [b"a", b"x", b"b", b"y"]
    assert all(100 < len(line) < 1001 for line in (read_lines[1], read_lines[3]))
    assert [block.first_line + at for block in blocks for at in range(len(block))] == [1, 2, 3, 4]


def test_a_line_may_have_one_mebibyte() -> None:
    assert MAX_LINE_BYTES == 2**20


@given(texts, st.integers(1, 40), st.integers(1, 5))
async def test_a_block_has_a_bounded_number_of_lines(content: list[bytes], block_size: int, limit: int) -> None:
    data = b"\n".join(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_blocks, "MAX_BLOCK_LINES", limit)
        blocks = await read(data, 7, block_size)
    assert b"".join(block.data for block in blocks) == data.removeprefix(b"\xef\xbb\xbf")
    assert all(block.data.count(b"\n") <= limit for block in blocks)
    assert [block.first_line for block in blocks] == [
        1 + sum(len(earlier) for earlier in blocks[:index]) for index in range(len(blocks))
    ]
