"""Damaged files of every format: each is parsed or refused.  `make fuzz-files` sends many more to a server."""

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random

import pytest
from okube_api.errors import BadRequest, Impossible, TooLarge
from okube_api.ingest.load.file_blocks import EventFile, open_blocks
from okube_api.ingest.parse.codecs import parse_content_encoding, parse_content_type
from scripts.fuzz_files import build_file, build_formats

pytestmark = pytest.mark.anyio
FORMATS = {name: file_format for name, file_format in build_formats().items() if not file_format.is_table}


async def parse(name: str, data: bytes) -> int:
    """Return the number of valid and rejected lines of a file."""

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 1000):
            yield data[start : start + 1000]

    headers = FORMATS[name].headers
    file = EventFile(
        chunks(),
        parse_content_type(headers["Content-Type"]),
        parse_content_encoding(headers.get("Content-Encoding", "")),
        limit=10**8,
    )
    async with open_blocks("pings", file) as blocks:
        return sum([block.parsed.rows.num_rows + len(block.parsed.rejected) async for block in blocks])


@pytest.mark.parametrize("name", FORMATS)
async def test_a_damaged_file_is_parsed_or_refused(name: str) -> None:
    for sample in FORMATS[name].samples:
        assert await parse(name, sample) == 60
    for number in range(40):
        started = time.perf_counter()
        with suppress(BadRequest, Impossible, TooLarge):
            await parse(name, build_file(FORMATS[name], Random(f"1 {name} {number}")))
        assert time.perf_counter() - started < 10, number
