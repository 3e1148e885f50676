"""Streams as blocks of whole lines, whatever pieces they come in."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as some
from okube_api.ingest.parse import line_blocks
from okube_api.ingest.parse.line_blocks import MAX_LINE_BYTES, LineBlock, read_line_blocks

pytestmark = pytest.mark.anyio

texts = some.lists(some.binary(max_size=12).map(lambda text: text.replace(b"\n", b"")), max_size=30)


async def stream(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def read(data: bytes, size: int, block: int) -> list[LineBlock]:
    return [one async for one in read_line_blocks(stream(data, size), block)]


@given(texts, some.integers(1, 9), some.integers(1, 40), some.sampled_from([b"\n", b"\r\n"]), some.booleans())
async def test_lines_and_their_numbers(content: list[bytes], size: int, block: int, ending: bytes, ends: bool) -> None:
    data = ending.join(content) + (ending if ends and content else b"")
    expected = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    found = await read(data, size, block)
    assert [one.get_line(at) for one in found for at in range(len(one))] == [
        line.removesuffix(b"\r") for line in expected
    ]
    numbers = [one.first_line + at for one in found for at in range(len(one))]
    assert numbers == list(range(1, len(expected) + 1))
    kept = [one.first_line + at for one in found for at in one.nonempty.tolist()]
    assert kept == [number for number, line in enumerate(expected, 1) if line.removesuffix(b"\r")]


@given(texts.filter(lambda content: len(content) > 1), some.data())
def test_a_part_is_a_block_of_its_own(content: list[bytes], data: some.DataObject) -> None:
    whole = LineBlock(b"\n".join(content) + b"\n", 5)
    low = data.draw(some.integers(0, len(whole) - 1))
    high = data.draw(some.integers(low + 1, len(whole)))
    part = whole.slice(low, high)
    assert [part.get_line(at) for at in range(len(part))] == [whole.get_line(at) for at in range(low, high)]
    assert part.first_line == 5 + low


async def test_of_a_line_that_is_too_long_the_rest_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_blocks, "MAX_LINE_BYTES", 100)
    data = b"a\n" + b"x" * 1000 + b"\nb\n" + b"y" * 5000
    found = await read(data, 64, 256)
    read_lines = [one.get_line(at) for one in found for at in range(len(one))]
    assert [line[:1] for line in read_lines] == [b"a", b"x", b"b", b"y"]
    assert all(100 < len(line) < 1001 for line in (read_lines[1], read_lines[3]))
    assert [one.first_line + at for one in found for at in range(len(one))] == [1, 2, 3, 4]


def test_a_line_may_have_a_mebibyte() -> None:
    assert MAX_LINE_BYTES == 2**20
