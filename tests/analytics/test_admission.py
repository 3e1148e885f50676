"""Questions in work at the same time: places, the order of those that wait, refusals."""

import asyncio
from contextlib import suppress

import pytest
from okube_api.analytics.admission import LARGEST_SMALL_COST, Admission
from okube_api.errors import ServiceUnavailable

pytestmark = pytest.mark.anyio

LARGE = LARGEST_SMALL_COST + 1


class Questions:
    """Questions that stay in work until they are told to end."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.in_work: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Event] = {}

    async def ask(self, name: str, cost: int) -> None:
        """Ask a question; return when it is in work or waits."""
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._work(name, cost))
        await settle()

    async def end(self, name: str) -> None:
        """End a question and let the next one begin."""
        self._ends[name].set()
        await settle()

    async def cancel(self, name: str) -> None:
        """Cancel a question."""
        self._tasks[name].cancel()
        with suppress(asyncio.CancelledError):
            await self._tasks[name]
        await settle()

    async def _work(self, name: str, cost: int) -> None:
        async with self._admission.admit(cost):
            self.in_work.append(name)
            try:
                await self._ends[name].wait()
            finally:
                self.in_work.remove(name)


async def settle() -> None:
    """Let all tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_cheapest_question_is_next() -> None:
    questions = Questions(Admission(1, 8))
    for name, cost in (("first", LARGE), ("dear", LARGE + 9), ("cheap", LARGE + 1), ("also cheap", LARGE + 1)):
        await questions.ask(name, cost)
    assert questions.in_work == ["first"]
    for ended, begun in (("first", "cheap"), ("cheap", "also cheap"), ("also cheap", "dear")):
        await questions.end(ended)
        assert questions.in_work == [begun]


async def test_small_questions_do_not_wait_for_large_ones() -> None:
    questions = Questions(Admission(1, 8))
    await questions.ask("large", LARGE)
    await questions.ask("waiting", LARGE)
    for number in range(4):
        await questions.ask(f"small {number}", LARGEST_SMALL_COST)
    assert questions.in_work == ["large", *(f"small {number}" for number in range(4))]


async def test_questions_beyond_the_queue_are_refused() -> None:
    admission = Admission(2, 1)
    questions = Questions(admission)
    for name in ("a", "b", "waiting"):
        await questions.ask(name, LARGE)
    with pytest.raises(ServiceUnavailable) as refusal:
        async with admission.admit(LARGE):
            pass
    assert int(refusal.value.headers["Retry-After"]) > 0


async def test_a_cancelled_question_leaves_its_place() -> None:
    questions = Questions(Admission(1, 2))
    for name in ("a", "b", "c"):
        await questions.ask(name, LARGE)
    await questions.cancel("b")
    await questions.ask("d", LARGE)
    await questions.cancel("a")
    assert questions.in_work == ["c"]
    await questions.end("c")
    assert questions.in_work == ["d"]
    await questions.end("d")
    await questions.ask("e", LARGE)
    assert questions.in_work == ["e"]
