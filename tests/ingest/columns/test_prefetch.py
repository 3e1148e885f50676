"""The next one is made while one is worked on, and no further one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from okube_api.ingest.columns.prefetch import ahead

pytestmark = pytest.mark.anyio


async def test_one_is_made_ahead() -> None:
    made: list[int] = []

    async def source() -> AsyncIterator[int]:
        for number in range(5):
            made.append(number)
            yield number

    seen = []
    async for one in ahead(source()):
        await asyncio.sleep(0.01)
        assert made == list(range(min(one + 2, 5)))
        seen.append(one)
    assert seen == [0, 1, 2, 3, 4]


async def test_what_goes_wrong_comes_after_what_went_well() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        raise ZeroDivisionError

    seen = []

    async def see() -> None:
        async for one in ahead(source()):
            seen.append(one)

    with pytest.raises(ZeroDivisionError):
        await see()
    assert seen == [1]
