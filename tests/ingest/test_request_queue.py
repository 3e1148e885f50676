"""Test how requests are grouped, and what becomes of errors."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from okube_api.ingest import request_queue
from okube_api.ingest.request_queue import Request, RequestQueue
from okube_api.kit.application import Application
from okube_api.store.errors import Unavailable
from okube_api.store.values import Json

pytestmark = pytest.mark.anyio

APPLICATION = Application.from_document(
    {"_id": "a" * 24, "key": "a", "name": "A", "timezone": "UTC", "currency": "EUR", "active": True, "settings": {}}
)


class Work:
    """Carries out requests when it may, and records the groups."""

    def __init__(self) -> None:
        self.may_begin = asyncio.Event()
        self.groups: list[list[str]] = []
        self.errors: list[Exception] = []  # of the next groups, as they are entered
        self.queue = RequestQueue(self.hold, self.carry_out)

    @asynccontextmanager
    async def hold(self, application: str) -> AsyncIterator[None]:
        await self.may_begin.wait()
        if self.errors:
            raise self.errors.pop()
        yield

    async def carry_out(self, application: Application, group: Sequence[Request]) -> None:
        self.groups.append([batch["_id"] for request in group for batch in request.batches])
        for request in group:
            request.succeed(list(request.batches))

    def add(self, name: str, events: int = 1) -> "asyncio.Task[list[Json]]":
        return asyncio.create_task(self.queue.add(APPLICATION, Request([{"_id": name, "stored": events}])))


async def test_requests_that_come_before_the_work_begins_are_one_group() -> None:
    work = Work()
    tasks = [work.add(name) for name in "abc"]
    await asyncio.sleep(0)
    work.may_begin.set()
    assert [batch["_id"] for task in tasks for batch in await task] == ["a", "b", "c"]
    await work.add("d")
    assert work.groups == [["a", "b", "c"], ["d"]]


async def test_groups_are_bounded_by_their_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_queue, "_MAX_EVENTS", 10)
    work = Work()
    tasks = [work.add(name, events) for name, events in (("a", 4), ("b", 6), ("c", 1), ("d", 40), ("e", 1))]
    work.may_begin.set()
    await asyncio.gather(*tasks)
    assert work.groups == [["a", "b"], ["c"], ["d"], ["e"]]


async def test_a_request_that_does_not_wait_is_left_out() -> None:
    work = Work()
    tasks = [work.add(name) for name in "abc"]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    work.may_begin.set()
    await asyncio.gather(*tasks[1:])
    assert work.groups == [["b", "c"]]


async def test_an_error_before_the_work_is_that_of_its_requests_only() -> None:
    work = Work()
    work.errors.append(Unavailable("The database does not answer."))
    failing = [work.add(name) for name in "ab"]
    work.may_begin.set()
    results = await asyncio.gather(*failing, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable, Unavailable]
    assert await work.add("c") == [{"_id": "c", "stored": 1}]


async def test_room_comes_when_a_group_begins() -> None:
    work = Work()
    task = work.add("a", 5)
    await asyncio.sleep(0)
    await work.queue.wait_for_room(APPLICATION.id, 5, 1)
    waiting = [asyncio.create_task(work.queue.wait_for_room(APPLICATION.id, *most)) for most in ((4, 1), (5, 0))]
    await asyncio.sleep(0.01)
    assert not any(each.done() for each in waiting)
    work.may_begin.set()
    await asyncio.gather(*waiting, task)


async def test_nothing_is_carried_out_after_the_end() -> None:
    work = Work()
    task = work.add("a")
    await asyncio.sleep(0)
    await work.queue.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.groups == []
