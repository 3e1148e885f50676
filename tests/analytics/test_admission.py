"""Questions in work at the same time: places, the order of those that wait, refusals."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import pytest
from okube_api.analytics.admission import LARGEST_SMALL_COST, Admission
from okube_api.errors import ServiceUnavailable

pytestmark = pytest.mark.anyio

LARGE = LARGEST_SMALL_COST + 1


class QuestionsInWork:
    """Questions that stay in work until they are told to end."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.in_work: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Event] = {}

    async def ask(self, name: str, cost: int) -> None:
        """Ask a question; return when it is in work or waits."""
        await self._begin(name, self._admission.admit(cost))

    async def ask_in_background(self, name: str) -> None:
        """Ask a question in the background; return when it is in work or waits."""
        await self._begin(name, self._admission.admit_in_background())

    async def end(self, *names: str) -> None:
        """End questions and let the next ones begin.  Raise what they have raised."""
        for name in names:
            self._ends[name].set()
        await settle()
        for name in names:
            if self._tasks[name].done():
                self._tasks[name].result()

    async def cancel(self, name: str) -> None:
        """Cancel a question."""
        self._tasks[name].cancel()
        with suppress(asyncio.CancelledError):
            await self._tasks[name]
        await settle()

    async def end_and_cancel(self, ended: str, cancelled: str) -> None:
        """End a question in the same round of the event loop in which another one is cancelled."""
        self._ends[ended].set()
        self._tasks[cancelled].cancel()
        await settle()
        self._tasks[ended].result()
        assert self._tasks[cancelled].cancelled()

    async def close(self) -> None:
        """Cancel all questions, so that none is left to the garbage collector while it waits."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _begin(self, name: str, admitted: AbstractAsyncContextManager[None]) -> None:
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._work(name, admitted))
        await settle()

    async def _work(self, name: str, admitted: AbstractAsyncContextManager[None]) -> None:
        async with admitted:
            self.in_work.append(name)
            try:
                await self._ends[name].wait()
            finally:
                self.in_work.remove(name)


@asynccontextmanager
async def ask_questions(admission: Admission) -> AsyncIterator[QuestionsInWork]:
    """Yield questions that an admission lets in; cancel those that are left."""
    questions = QuestionsInWork(admission)
    try:
        yield questions
    finally:
        await questions.close()


async def settle() -> None:
    """Let all tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_cheapest_question_is_next() -> None:
    async with ask_questions(Admission(1, 8)) as questions:
        for name, cost in (("first", LARGE), ("dear", LARGE + 9), ("cheap", LARGE + 1), ("also cheap", LARGE + 1)):
            await questions.ask(name, cost)
        assert questions.in_work == ["first"]
        for ended, begun in (("first", "cheap"), ("cheap", "also cheap"), ("also cheap", "dear")):
            await questions.end(ended)
            assert questions.in_work == [begun]


async def test_small_questions_do_not_wait_for_large_ones() -> None:
    async with ask_questions(Admission(1, 8)) as questions:
        await questions.ask("large", LARGE)
        await questions.ask("waiting", LARGE)
        for number in range(4):
            await questions.ask(f"small {number}", LARGEST_SMALL_COST)
        assert questions.in_work == ["large", *(f"small {number}" for number in range(4))]


async def test_questions_beyond_the_queue_are_refused() -> None:
    admission = Admission(2, 1)
    async with ask_questions(admission) as questions:
        for name in ("a", "b", "waiting"):
            await questions.ask(name, LARGE)
        with pytest.raises(ServiceUnavailable) as refusal:
            async with admission.admit(LARGE):
                pass
        assert int(refusal.value.headers["Retry-After"]) > 0


async def test_a_cancelled_question_leaves_its_place() -> None:
    async with ask_questions(Admission(1, 2)) as questions:
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


@pytest.mark.parametrize("waiting", [["b"], ["b", "c"]])
async def test_a_place_is_not_given_to_a_question_that_is_being_cancelled(waiting: list[str]) -> None:
    async with ask_questions(Admission(1, 2)) as questions:
        for name in ("a", *waiting):
            await questions.ask(name, LARGE)
        await questions.end_and_cancel("a", "b")
        assert questions.in_work == waiting[1:]
        await questions.end(*waiting[1:])
        await questions.ask("d", LARGE)
        await questions.ask("e", LARGE)
        assert questions.in_work == ["d"]


# -- in the background -------------------------------------------------------------------------------------------------


async def test_a_question_in_the_background_has_a_place_of_its_own() -> None:
    async with ask_questions(Admission(1, 0)) as questions:
        await questions.ask_in_background("job")
        await questions.ask("large", LARGE)
        assert questions.in_work == ["job", "large"]


async def test_one_question_is_in_the_background_at_a_time() -> None:
    async with ask_questions(Admission(4, 8)) as questions:
        for name in ("job", "cancelled job", "next job"):
            await questions.ask_in_background(name)
        assert questions.in_work == ["job"]
        await questions.cancel("cancelled job")
        await questions.end("job")
        assert questions.in_work == ["next job"]


async def test_a_question_in_the_background_waits_until_no_large_one_does() -> None:
    async with ask_questions(Admission(1, 8)) as questions:
        await questions.ask("first", LARGE)
        await questions.ask_in_background("job")
        await questions.ask("second", LARGE + 9)
        assert questions.in_work == ["first"]
        await questions.end("first")
        assert questions.in_work == ["second"]
        await questions.end("second")
        assert questions.in_work == ["job"]


async def test_a_waiting_question_in_the_background_takes_no_place_in_the_queue() -> None:
    async with ask_questions(Admission(1, 1)) as questions:
        await questions.ask("first", LARGE)
        await questions.ask_in_background("job")
        await questions.ask("second", LARGE)
        await questions.cancel("job")
        await questions.end("first")
        assert questions.in_work == ["second"]
        await questions.ask_in_background("next job")
        await questions.end("second")
        assert questions.in_work == ["next job"]


async def test_small_questions_do_not_delay_the_background() -> None:
    async with ask_questions(Admission(1, 8)) as questions:
        for number in range(6):
            await questions.ask(f"small {number}", LARGEST_SMALL_COST)
        await questions.ask_in_background("job")
        assert questions.in_work == [*(f"small {number}" for number in range(4)), "job"]
