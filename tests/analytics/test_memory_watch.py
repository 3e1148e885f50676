"""Questions that are ended when the process takes too much memory: which one, and when the next."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from okube_api.analytics import memory_watch
from okube_api.analytics.memory_watch import MemoryWatch, read_resident_bytes

pytestmark = pytest.mark.anyio

MOST_BYTES = 1000


class WatchedQuestions:
    """Questions in work, each in a task, and the memory that the process seems to take."""

    def __init__(self) -> None:
        self.watch = MemoryWatch(MOST_BYTES)
        self.resident_bytes = 0
        self.looks = 0
        self.ended: list[str] = []
        self.has_ended_by_memory: dict[str, bool] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._may_end: dict[str, asyncio.Event] = {}

    async def begin(
        self, name: str, *, in_background: bool = False, timeout_s: float | None = None, ends_late: bool = False
    ) -> None:
        """Begin a question.  ends_late: once it has expired, it goes on until `let_end`, as a thread may."""
        self._may_end[name] = asyncio.Event()
        if not ends_late:
            self._may_end[name].set()
        self._tasks[name] = asyncio.create_task(self._work(name, timeout_s, in_background=in_background))
        await asyncio.sleep(0)

    def let_end(self, name: str) -> None:
        """Let a question that has expired end."""
        self._may_end[name].set()

    async def wait_for_ends(self, count: int) -> None:
        """Wait until so many questions have ended; 5 s at most."""
        async with asyncio.timeout(5):
            while len(self.ended) < count:  # noqa: ASYNC110 - the watch has no event
                await asyncio.sleep(0.001)

    def look(self) -> int:
        """Return the memory that the process seems to take."""
        self.looks += 1
        return self.resident_bytes

    async def let_watch(self) -> None:
        """Let the watch go round several times."""
        for _ in range(5):
            await asyncio.sleep(2 * memory_watch._INTERVAL_S)

    async def close(self) -> None:
        """End all questions."""
        for name, task in self._tasks.items():
            self.let_end(name)
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self.let_watch()

    async def _work(self, name: str, timeout_s: float | None, *, in_background: bool) -> None:
        timeout = asyncio.timeout(timeout_s)
        with self.watch.watch(timeout, in_background=in_background):
            try:
                async with timeout:
                    try:
                        await asyncio.Event().wait()
                    finally:
                        await self._may_end[name].wait()
            except TimeoutError:
                self.ended.append(name)
                self.has_ended_by_memory[name] = self.watch.has_ended(timeout)


@pytest.fixture
async def questions(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WatchedQuestions]:
    """Return questions in a process whose memory the test sets."""
    questions = WatchedQuestions()
    monkeypatch.setattr(memory_watch, "_INTERVAL_S", 0.001)
    monkeypatch.setattr(memory_watch, "read_resident_bytes", questions.look)
    yield questions
    await questions.close()


async def test_nothing_ends_while_there_is_memory(questions: WatchedQuestions) -> None:
    questions.resident_bytes = MOST_BYTES
    await questions.begin("first")
    await questions.let_watch()
    assert questions.looks > 0
    assert questions.ended == []


async def test_the_newest_question_ends_first(questions: WatchedQuestions) -> None:
    for name in ("first", "second"):
        await questions.begin(name)
    questions.resident_bytes = MOST_BYTES + 1
    await questions.wait_for_ends(2)
    assert questions.ended == ["second", "first"]
    assert questions.has_ended_by_memory == {"second": True, "first": True}


async def test_questions_in_the_background_end_before_others(questions: WatchedQuestions) -> None:
    await questions.begin("job", in_background=True)
    for name in ("first", "second"):
        await questions.begin(name)
    questions.resident_bytes = MOST_BYTES + 1
    await questions.wait_for_ends(3)
    assert questions.ended == ["job", "second", "first"]


async def test_the_next_question_ends_after_the_memory_of_the_first_is_free(questions: WatchedQuestions) -> None:
    await questions.begin("first")
    await questions.begin("second", ends_late=True)
    questions.resident_bytes = MOST_BYTES + 1
    await questions.let_watch()
    assert questions.ended == []
    questions.resident_bytes = MOST_BYTES
    questions.let_end("second")
    await questions.wait_for_ends(1)
    await questions.let_watch()
    assert questions.ended == ["second"]


async def test_the_memory_is_watched_after_a_question_has_expired(questions: WatchedQuestions) -> None:
    """A question beyond its own deadline, whose thread goes on, must not end the watch."""
    await questions.begin("first")
    await questions.begin("late", timeout_s=0, ends_late=True)
    questions.resident_bytes = MOST_BYTES + 1
    await questions.let_watch()
    assert questions.ended == []
    questions.let_end("late")
    await questions.wait_for_ends(2)
    assert questions.ended == ["late", "first"]
    assert questions.has_ended_by_memory == {"late": False, "first": True}


async def test_questions_that_begin_later_are_watched(questions: WatchedQuestions) -> None:
    questions.resident_bytes = MOST_BYTES + 1
    for number in (1, 2):
        await questions.begin(f"question {number}")
        await questions.wait_for_ends(number)
        await questions.let_watch()  # the watch itself has ended


async def test_the_memory_of_this_process_is_read() -> None:
    assert 2**20 < read_resident_bytes() < 2**40
