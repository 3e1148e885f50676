"""Waiting for the ends of jobs: for many requests at the same time, and when the database does not answer."""

import asyncio

import pytest
from okube_api.jobs import ends
from okube_api.jobs.ends import JobEnds
from okube_api.jobs.repository import JobRepository
from okube_api.store.errors import Unavailable
from okube_api.store.protocol import Store

from tests.api.server import MovableClock
from tests.jobs.queueing import ANN, queue

pytestmark = pytest.mark.anyio

LONG_S = 20


async def test_many_requests_cost_the_store_as_much_as_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "_POLL_S", 0.01)
    jobs, stopping = JobRepository(store, MovableClock()), asyncio.Event()
    first, second = [await queue(jobs, ANN) for _ in range(2)]
    looks = 0
    find = jobs.find_unfinished

    async def count_looks(ids: set[str]) -> set[str]:
        nonlocal looks
        looks += 1
        if looks == 3:
            await jobs.cancel(first)
        if looks == 6:
            await jobs.cancel(second)
        return await find(ids)

    monkeypatch.setattr(jobs, "find_unfinished", count_looks)
    job_ends = JobEnds(jobs)
    async with asyncio.timeout(LONG_S / 2):
        identifiers = [first["_id"], second["_id"]] * 50
        await asyncio.gather(*(job_ends.wait(each, LONG_S, stopping) for each in identifiers))
    assert looks == 6
    await job_ends.wait(second["_id"], LONG_S, stopping)  # it has ended already
    assert looks == 7


async def test_a_wait_that_begins_during_a_look_does_not_end_with_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "_POLL_S", 0.01)
    jobs, stopping = JobRepository(store, MovableClock()), asyncio.Event()
    first, second = [await queue(jobs, ANN) for _ in range(2)]
    job_ends, find, late = JobEnds(jobs), jobs.find_unfinished, list[asyncio.Task[None]]()

    async def begin_another_wait(ids: set[str]) -> set[str]:
        unfinished = await find(ids)
        if not late:
            late.append(asyncio.create_task(job_ends.wait(second["_id"], LONG_S, stopping)))
            await asyncio.sleep(0)
            await jobs.cancel(first)
        return unfinished

    monkeypatch.setattr(jobs, "find_unfinished", begin_another_wait)
    async with asyncio.timeout(LONG_S / 2):
        await job_ends.wait(first["_id"], LONG_S, stopping)
        assert not late[0].done()
        await jobs.cancel(second)
        await late[0]


async def test_waits_end_after_their_time_and_when_the_server_stops(store: Store) -> None:
    jobs, stopping = JobRepository(store, MovableClock()), asyncio.Event()
    job, job_ends = await queue(jobs, ANN), JobEnds(jobs)
    async with asyncio.timeout(LONG_S / 2):
        await job_ends.wait(job["_id"], 0.01, stopping)
        stopping.set()
        await job_ends.wait(job["_id"], LONG_S, stopping)


async def test_waits_end_when_the_database_does_not_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "_POLL_S", 0.01)
    jobs = JobRepository(store, MovableClock())
    job, job_ends = await queue(jobs, ANN), JobEnds(jobs)

    async def fail(_: object) -> set[str]:
        raise Unavailable("The database did not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "find_unfinished", fail)
        async with asyncio.timeout(LONG_S / 2):
            await job_ends.wait(job["_id"], LONG_S, asyncio.Event())
    await jobs.cancel(job)
    async with asyncio.timeout(LONG_S / 2):  # another wait begins anew
        await job_ends.wait(job["_id"], LONG_S, asyncio.Event())
