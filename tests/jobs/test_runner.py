"""Jobs that are run: turns of users, cancelling, processes that stop or die, and outages of the database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from okube_api.errors import Impossible
from okube_api.jobs import runner
from okube_api.jobs.leases import LEASE_LIFETIME_S, LeaseWatch
from okube_api.jobs.repository import JOBS, MOST_CRASHES, JobRepository, JobState
from okube_api.jobs.results import JOB_RESULTS, JobResult, JobResults
from okube_api.jobs.runner import JobRunner
from okube_api.store.conditions import EVERYTHING, Condition
from okube_api.store.errors import Unavailable
from okube_api.store.protocol import Store
from okube_api.store.values import Json

from tests.api.server import MovableClock
from tests.jobs.queueing import ANN, APPLICATION, BOB, CLO, OTHER_APPLICATION, claim, queue

pytestmark = pytest.mark.anyio

ANSWER = b"the answer"


class PlannedWork:
    """Work on jobs, which ends when the test lets it end.

    error: raised in place of an answer, once.
    """

    def __init__(self) -> None:
        self.has_time, self.may_end = asyncio.Event(), asyncio.Event()
        self.has_time.set()
        self.may_end.set()
        self.started: list[Json] = []
        self.cancelled = 0
        self.error: Exception | None = None

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Wait until the process has time."""
        await self.has_time.wait()
        yield

    async def execute(self, job: Json, question: Json, report: Callable[[float], None]) -> JobResult:
        """Return the answer, once the work may end."""
        assert question["_id"] == job["_id"]
        self.started.append(job)
        report(0.5)
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        error, self.error = self.error, None
        if error is not None:
            raise error
        return JobResult(ANSWER, None, len(ANSWER), {"ETag": '"1"'})

    def describe_error(self, job: Json, error: Exception) -> Json:
        """Return an error as a problem."""
        return {"code": type(error).__name__, "detail": str(error), "job": job["_id"]}


class Process:
    """A process that runs jobs.  now_s: its monotonic clock, which stands still."""

    def __init__(self, jobs: JobRepository, results: JobResults, *, most_bytes: int = 1000) -> None:
        self.now_s = 0.0
        self.work, self.jobs = PlannedWork(), jobs
        leases = LeaseWatch(lambda: self.now_s)
        self.runner = JobRunner(jobs, results, self.work, most_bytes=most_bytes, leases=leases)

    async def wait_for(self, job: Json, *states: str) -> Json:
        """Return a job once it is in one of these states."""

        async def has_state() -> bool:
            return (await self.jobs.get_by_id(job["_id"]))["state"] in states

        await poll(has_state)
        return await self.jobs.get_by_id(job["_id"])

    async def wait_for_starts(self, count: int) -> None:
        """Wait until the work on so many jobs has started."""

        async def are_enough() -> bool:
            return len(self.work.started) >= count

        await poll(are_enough)


async def poll(is_true: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition is true; 20 s at most."""
    async with asyncio.timeout(20):
        while not await is_true():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.002)


@asynccontextmanager
async def running(process: Process) -> AsyncIterator[Process]:
    """Let a process run jobs."""
    process.runner.start()
    try:
        yield process
    finally:
        await process.runner.close()


@pytest.fixture(autouse=True)
def _short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_POLL_S", 0.01)
    monkeypatch.setattr(runner, "_RENEWAL_S", 0.01)


@pytest.fixture
def process(jobs: JobRepository, results: JobResults) -> Process:
    """Return a process, which does not run yet."""
    return Process(jobs, results)


@pytest.fixture
def other_process(jobs: JobRepository, results: JobResults) -> Process:
    """Return another process on the same store."""
    return Process(jobs, results)


async def test_a_job_ends_with_a_result(process: Process, results: JobResults) -> None:
    job = await queue(process.jobs)
    async with running(process):
        done = await process.wait_for(job, "done")
    assert (done["progress"], done["size"], done["headers"]) == (1, len(ANSWER), {"ETag": '"1"'})
    assert [part async for part in results.read(done)] == [ANSWER]


async def test_progress_is_stored_while_a_job_runs(process: Process) -> None:
    process.work.may_end.clear()
    job = await queue(process.jobs)
    async with running(process):
        await process.wait_for_starts(1)

        async def has_progress() -> bool:
            return bool((await process.jobs.get_by_id(job["_id"]))["progress"] == 0.5)

        await poll(has_progress)


async def test_an_error_ends_a_job(process: Process) -> None:
    process.work.error = Impossible("It is too large.")
    first, second = [await queue(process.jobs) for _ in range(2)]
    async with running(process):
        failed = await process.wait_for(first, "failed")
        await process.wait_for(second, "done")
    assert failed["error"] == {"code": "Impossible", "detail": "It is too large.", "job": first["_id"]}


# -- turns -------------------------------------------------------------------------------------------------------------


async def test_users_take_turns(process: Process) -> None:
    owners = (ANN, ANN, ANN, BOB, BOB, BOB, CLO)
    queued = [await queue(process.jobs, owner) for owner in owners]
    async with running(process):
        for job in queued:
            await process.wait_for(job, "done")
    assert [job["owner"] for job in process.work.started] == [ANN, BOB, CLO, ANN, BOB, ANN, BOB]


async def test_a_job_waits_in_the_queue_until_a_process_has_time(process: Process, other_process: Process) -> None:
    process.work.has_time.clear()
    process.work.may_end.clear()
    job = await queue(process.jobs)
    async with running(process):
        await asyncio.sleep(5 * runner._POLL_S)
        assert (await process.jobs.get_by_id(job["_id"]))["state"] == "queued"
        async with running(other_process):
            await other_process.wait_for(job, "done")
        process.work.has_time.set()
    assert process.work.started == []


# -- bounds ------------------------------------------------------------------------------------------------------------


async def test_the_results_of_an_application_are_bounded(jobs: JobRepository, results: JobResults) -> None:
    process = Process(jobs, results, most_bytes=2 * len(ANSWER) + 1)
    first, second, third = [await queue(jobs) for _ in range(3)]
    elsewhere = await queue(jobs, application=OTHER_APPLICATION)
    async with running(process):
        assert (await process.wait_for(third, "done", "failed"))["error"]["code"] == "ResultsTooLarge"
        for job in (first, second, elsewhere):
            await process.wait_for(job, "done")
        await process.runner.delete(first)
        last = await queue(jobs)
        await process.wait_for(last, "done")
    assert await jobs.sum_sizes(APPLICATION) == 2 * len(ANSWER)
    assert await jobs.store.count(JOB_RESULTS, EVERYTHING) == 3


# -- cancelling --------------------------------------------------------------------------------------------------------


async def test_a_running_job_is_cancelled(process: Process, other_process: Process) -> None:
    for canceller in (process, other_process):
        process.work.may_end.clear()
        job = await queue(process.jobs)
        async with running(process):
            await process.wait_for(job, "running")
            assert await canceller.runner.cancel(job)
            process.work.may_end.set()
            await process.wait_for(await queue(process.jobs), "done")
        assert (await process.jobs.get_by_id(job["_id"]))["state"] == "cancelled"
        assert not await canceller.runner.cancel(job)


async def test_a_job_that_has_ended_is_not_cancelled(
    process: Process, results: JobResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the end of a job and that of the work on it, its lease cannot be renewed, as if it had been cancelled."""
    finish, renew = JobRepository.finish, JobRepository.renew
    may_end, refused, completed = asyncio.Event(), 0, 0

    async def finish_late(self: JobRepository, job: Json, state: JobState, fields: Mapping[str, Any]) -> bool:
        nonlocal completed
        is_finished = await finish(self, job, state, fields)
        await may_end.wait()
        completed += 1
        return is_finished

    async def renew_and_count(self: JobRepository, job: Json, progress: float) -> bool:
        nonlocal refused
        is_renewed = await renew(self, job, progress)
        refused += not is_renewed
        if refused > 1:
            may_end.set()
        return is_renewed

    async def are_completed() -> bool:
        return completed == 2

    monkeypatch.setattr(JobRepository, "finish", finish_late)
    monkeypatch.setattr(JobRepository, "renew", renew_and_count)
    for error, state in ((None, "done"), (Impossible("It is too large."), "failed")):
        may_end.clear()
        refused, completed, process.work.error = 0, 0, error
        job, next_job = [await queue(process.jobs) for _ in range(2)]
        async with running(process):
            ended = await process.wait_for(job, state)
            await process.wait_for(next_job, "done")
            await poll(are_completed)  # the state is stored before the call has returned
        if state == "done":
            assert [part async for part in results.read(ended)] == [ANSWER]


# -- processes that stop and die ---------------------------------------------------------------------------------------


async def test_a_job_goes_on_elsewhere_when_its_process_stops(process: Process, other_process: Process) -> None:
    process.work.may_end.clear()
    job = await queue(process.jobs)
    async with running(process):
        await process.wait_for_starts(1)
    assert process.work.cancelled == 1
    released = await process.jobs.get_by_id(job["_id"])
    assert (released["state"], released["progress"]) == ("queued", 0)
    async with running(other_process):
        done = await other_process.wait_for(job, "done")
    assert (done["attempts"], done["crashes"]) == (2, 0)


async def test_a_job_that_has_ended_when_its_process_stops_has_its_result(
    process: Process, results: JobResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, has_ended = JobRepository.finish, asyncio.Event()

    async def finish(self: JobRepository, job: Json, state: JobState, fields: Mapping[str, Any]) -> bool:
        await original(self, job, state, fields)
        has_ended.set()
        return await asyncio.Event().wait()  # until it is cancelled

    monkeypatch.setattr(JobRepository, "finish", finish)
    job = await queue(process.jobs)
    async with running(process), asyncio.timeout(20):
        await has_ended.wait()
    done = await process.jobs.get_by_id(job["_id"])
    assert done["state"] == "done"
    assert [part async for part in results.read(done)] == [ANSWER]


async def test_a_job_of_a_dead_process_is_run_again(process: Process, results: JobResults, clock: MovableClock) -> None:
    job = await queue(process.jobs)
    lost = await claim(process.jobs, "a process that dies")
    await results.write(lost, JobResult(b"half", None, 4, {}))
    async with running(process):
        clock.ahead = timedelta(days=1)  # the clock of the machine is set: no lease ends
        await asyncio.sleep(5 * runner._POLL_S)
        assert process.work.started == []
        process.now_s = LEASE_LIFETIME_S
        done = await process.wait_for(job, "done")
    assert (done["attempts"], done["crashes"]) == (2, 1)
    assert await process.jobs.store.count(JOB_RESULTS, EVERYTHING) == 1


async def test_a_job_of_the_only_process_is_run_again_at_once(process: Process) -> None:
    job = await queue(process.jobs)
    await claim(process.jobs, "a process that dies")
    await process.jobs.expire_leases()
    async with running(process):
        assert (await process.wait_for(job, "done"))["crashes"] == 1


async def test_a_job_that_ends_its_processes_fails(process: Process) -> None:
    job = await queue(process.jobs)
    abandoned: tuple[Json, ...] = ()
    for crashes in range(MOST_CRASHES):
        lost = await claim(process.jobs, "a process that dies", abandoned)
        assert lost["crashes"] == crashes
        abandoned = (lost,)
    await process.jobs.expire_leases()
    async with running(process):
        failed = await process.wait_for(job, "failed")
    assert "3 times" in failed["error"]["detail"]
    assert process.work.started == []


# -- outages -----------------------------------------------------------------------------------------------------------


async def test_a_job_that_the_database_interrupts_is_run_again(process: Process) -> None:
    """However often: an outage is not a crash."""
    job = await queue(process.jobs)
    async with running(process):
        for number in range(MOST_CRASHES + 1):
            process.work.error = Unavailable("the database does not answer")
            await process.wait_for_starts(number + 1)
            process.runner.wake()
        done = await process.wait_for(job, "done")
    assert (done["crashes"], done["attempts"]) == (0, len(process.work.started))
    assert len(process.work.started) > MOST_CRASHES


async def test_a_job_is_given_back_once_the_database_answers(
    process: Process, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, original, attempts = True, store.update, 0

    async def update(collection: Any, where: Condition, changes: Mapping[str, Any]) -> int:
        nonlocal attempts
        if not answers:
            attempts += 1
            raise Unavailable("the database does not answer")
        return await original(collection, where, changes)

    async def has_tried_again() -> bool:
        return attempts > 3

    process.work.may_end.clear()
    job = await queue(process.jobs)
    async with running(process):
        await process.wait_for_starts(1)
        monkeypatch.setattr(store, "update", update)
        answers = False
        process.work.may_end.set()
        await poll(has_tried_again)
        assert (await process.jobs.get_by_id(job["_id"]))["state"] == "running"
        answers = True
        done = await process.wait_for(job, "done")
    assert (done["crashes"], done["attempts"], len(process.work.started)) == (0, 2, 2)
    assert await process.jobs.store.count(JOB_RESULTS, EVERYTHING) == 1


async def test_work_ends_with_a_bug_of_the_runner(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    original = JobRepository.renew

    async def renew(self: JobRepository, job: Json, progress: float) -> bool:
        if not process.work.started:
            return await original(self, job, progress)
        monkeypatch.setattr(JobRepository, "renew", original)
        raise RuntimeError("a bug")

    process.work.may_end.clear()
    monkeypatch.setattr(JobRepository, "renew", renew)
    job = await queue(process.jobs)
    async with running(process):
        await process.wait_for_starts(2)
        assert process.work.cancelled == 1
        process.work.may_end.set()
        await process.wait_for(job, "done")
    assert await process.jobs.store.count(JOBS, EVERYTHING) == 1
