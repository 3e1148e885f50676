"""Files are loaded while their memory fits; small ones do not wait for large ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from okube_api.errors import ServiceUnavailable
from okube_api.ingest.load.admission import PARQUET_MB, TEXT_MB, LoadAdmission
from okube_api.ingest.load.file_blocks import SMALL_BYTES

pytestmark = pytest.mark.anyio

RESERVED_MB = 768


class Loads:
    """Loads that are in work, and how much memory they were planned with at most."""

    def __init__(self, admission: LoadAdmission) -> None:
        self.admission = admission
        self.running_mb = self.most_mb = self.done = 0

    async def load(self, *, is_parquet: bool = False, size: int | None = None) -> None:
        """Load a file for some turns of the event loop."""
        memory_mb = PARQUET_MB if is_parquet else TEXT_MB
        async with self.admission.admit(is_binary=is_parquet, size=size):
            self.running_mb += memory_mb
            self.most_mb = max(self.most_mb, self.running_mb)
            for _ in range(3):
                await asyncio.sleep(0)
            self.running_mb -= memory_mb
            self.done += 1


@asynccontextmanager
async def fill(admission: LoadAdmission, files: int) -> AsyncIterator[None]:
    """Hold the memory of large text files."""
    async with AsyncExitStack() as stack:
        for _ in range(files):
            await stack.enter_async_context(admission.admit(is_binary=False, size=None))
        yield


@pytest.mark.parametrize(("memory_mb", "most_mb"), [(768 + 1600, 1600), (768 + 1199, 800), (1024, 400), (256, 400)])
async def test_files_in_work_fit_into_the_memory(memory_mb: int, most_mb: int) -> None:
    loads = Loads(LoadAdmission(memory_mb))
    await asyncio.gather(*(loads.load() for _ in range(20)))
    assert (loads.most_mb, loads.done) == (most_mb, 20)


async def test_parquet_takes_more_and_is_not_overtaken() -> None:
    loads = Loads(LoadAdmission(RESERVED_MB + 2 * PARQUET_MB))
    await asyncio.gather(*(loads.load(is_parquet=5 <= number < 15) for number in range(20)))
    assert (loads.most_mb, loads.done) == (2 * PARQUET_MB, 20)


async def test_small_file_does_not_wait_for_large_ones() -> None:
    admission = LoadAdmission(RESERVED_MB + TEXT_MB)
    async with fill(admission, 1):
        await asyncio.wait_for(Loads(admission).load(size=SMALL_BYTES), 1)


async def test_file_is_refused_when_too_many_wait() -> None:
    admission = LoadAdmission(RESERVED_MB + TEXT_MB)
    loads = Loads(admission)
    async with fill(admission, 1):
        waiting = [asyncio.create_task(loads.load()) for _ in range(32)]
        await asyncio.sleep(0)
        with pytest.raises(ServiceUnavailable) as refusal:
            await loads.load()
        assert refusal.value.headers["Retry-After"] == "10"
    await asyncio.gather(*waiting)
    assert loads.done == 32


async def test_file_is_refused_when_it_waits_too_long() -> None:
    admission = LoadAdmission(RESERVED_MB + TEXT_MB, max_wait_s=0.01)
    async with fill(admission, 1):
        with pytest.raises(ServiceUnavailable):
            await Loads(admission).load()
    await asyncio.wait_for(Loads(admission).load(), 1)


@pytest.mark.parametrize("is_served", [False, True])
async def test_cancelled_file_gives_its_memory_back(*, is_served: bool) -> None:
    """Cancel a file while it waits, or in the moment in which it is served."""
    admission = LoadAdmission(RESERVED_MB + TEXT_MB)
    loads = Loads(admission)
    async with fill(admission, 1):
        first, second = asyncio.create_task(loads.load()), asyncio.create_task(loads.load())
        await asyncio.sleep(0)
        if not is_served:
            first.cancel()
    if is_served:
        first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert first.cancelled()
    await asyncio.wait_for(second, 1)
    await asyncio.wait_for(loads.load(), 1)
    assert loads.done == 2
