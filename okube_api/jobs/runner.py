"""Runs jobs: one at a time in each process, and those of processes that have died again."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol

import anyio
import structlog

from okube_api.errors import ResultsTooLarge, ServiceUnavailable
from okube_api.jobs.leases import LeaseWatch
from okube_api.jobs.repository import MOST_CRASHES, JobRepository, JobState
from okube_api.jobs.results import JobResult, JobResults
from okube_api.store.errors import StoreError, Unavailable
from okube_api.store.values import Json

_POLL_S = 2.0  # between two searches for jobs that another process has queued or left
_RENEWAL_S = 1.0  # between two looks at whether the running job was cancelled

_ENDED_BY_WORK = (JobState.DONE, JobState.FAILED)

log = structlog.stdlib.get_logger("okube.jobs")


class JobWork(Protocol):
    """What jobs do."""

    def admit(self) -> AbstractAsyncContextManager[None]:
        """Wait until the process has time for a job, and hold its place for the duration of the context."""

    async def execute(self, job: Json, question: Json, report: Callable[[float], None]) -> JobResult:
        """Return the answer of a job; report the share that is done, from 0 to 1."""

    def describe_error(self, job: Json, error: Exception) -> Json:
        """Return an error of `execute` as a problem for the owner of the job."""


class JobRunner:
    """Runs the jobs of the store, one at a time; users take turns.

    most_bytes: of the results of an application together.
    """

    def __init__(
        self,
        jobs: JobRepository,
        results: JobResults,
        work: JobWork,
        *,
        most_bytes: int,
        leases: LeaseWatch | None = None,
    ) -> None:
        self._jobs, self._results, self._work, self._most_bytes = jobs, results, work, most_bytes
        self._leases = leases or LeaseWatch()
        self._name = secrets.token_hex(12)
        self._served: set[str] = set()  # the owners of jobs who have had their turn in this round
        self._interrupted: Json | None = None  # the job that the database has interrupted
        self._queued = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._running: tuple[str, asyncio.Task[None]] | None = None  # the id of the job, and its work
        self._progress = 0.0

    def start(self, starting: "asyncio.Task[None] | None" = None) -> None:
        """Run jobs until `close`; starting: ends when the database answers, None if it does."""
        self._task = asyncio.create_task(self._run(starting))

    async def close(self) -> None:
        """Stop; give the running job back to the queue."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Look for jobs now, because one was queued."""
        self._queued.set()

    async def cancel(self, job: Json) -> bool:
        """Cancel an unfinished job; return False when it has ended already.

        If another process runs it, that process stops it within some seconds.
        """
        is_cancelled = await self._jobs.cancel(job)
        if is_cancelled and self._running is not None and self._running[0] == job["_id"]:
            self._running[1].cancel()
        return is_cancelled

    async def delete(self, job: Json) -> None:
        """Delete a job that has ended, and its result."""
        await self._results.delete(job)
        await self._jobs.remove(job)

    async def delete_expired(self) -> None:
        """Delete the jobs and results that have expired."""
        await self._results.delete_expired()
        await self._jobs.delete_expired()

    async def _run(self, starting: "asyncio.Task[None] | None") -> None:
        if starting is not None:
            await asyncio.wait((starting,))
        while True:
            self._queued.clear()
            try:
                while await self._run_next_job():
                    pass
            except Unavailable:
                log.warning("jobs.interrupted", error="the database does not answer")
                self._leases.restart()
            except Exception as error:  # whatever it is, it must not end the loop for other jobs
                log.error("jobs.interrupted", error=repr(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._queued.wait()

    async def _run_next_job(self) -> bool:
        """Run the next job until it ends; return False when there is none."""
        if self._interrupted is not None:  # not by its process, so that it does not count as a crash
            await self._give_back(self._interrupted)
            self._interrupted = None
        async with self._work.admit():  # before a job is claimed, which another process may have time for
            job = await self._claim_next()
            if job is not None:
                await self._run_job(job)
        return job is not None

    async def _claim_next(self) -> Json | None:
        """Claim the oldest job of the users who have not had their turn, or begin a new round."""
        abandoned = self._leases.find_expired(await self._jobs.find_running())
        job = await self._jobs.claim(self._name, abandoned, self._served)
        if job is None and self._served:
            self._served.clear()
            job = await self._jobs.claim(self._name, abandoned)
        if job is not None:
            self._served.add(job["owner"])
        return job

    async def _run_job(self, job: Json) -> None:
        """Run a job until it ends, is cancelled or the process stops."""
        self._progress = 0.0
        work = asyncio.create_task(self._finish(job))
        self._running = job["_id"], work
        try:
            while not (await asyncio.wait((work,), timeout=_RENEWAL_S))[0]:
                with suppress(StoreError):  # the lease may expire meanwhile; the end of the work finds out
                    is_renewed = await self._jobs.renew(job, self._progress)
                    if not is_renewed and await self._jobs.get_state(job) not in _ENDED_BY_WORK:
                        work.cancel()
        except BaseException:  # the process stops, or there is a bug: the work must not go on by itself
            work.cancel()
            with anyio.CancelScope(shield=True), suppress(StoreError):
                await asyncio.gather(work, return_exceptions=True)
                await self._give_back(job)
            raise
        finally:
            self._running = None
        if work.cancelled():
            log.info("jobs.cancelled", job=job["_id"])
            await self._discard_result(job)
            return
        try:
            work.result()
        except Unavailable:
            self._interrupted = job
            raise

    async def _give_back(self, job: Json) -> None:
        """Give a job that has not ended back to the queue."""
        await self._jobs.release(job)
        await self._discard_result(job)

    async def _discard_result(self, job: Json) -> None:
        """Delete what an attempt at a job has stored, unless it ended the job just before it was cancelled."""
        if await self._jobs.get_state(job) is not JobState.DONE:
            await self._results.delete_attempt(job)

    async def _finish(self, job: Json) -> None:
        """Answer the question of a job, store the result and end the job.

        When the database does not answer, leave the job as it is, to be given back when it does.
        """
        try:
            if job["crashes"] >= MOST_CRASHES:
                raise ServiceUnavailable(
                    f"The server stopped {MOST_CRASHES} times while it worked on the job, which may need too much "
                    "memory. Ask for a shorter period, or for fewer params and scopes."
                )
            if job["attempts"] > 1:
                await self._results.delete_earlier_attempts(job)
            answer = await self._work.execute(job, await self._jobs.get_question(job), self._report)
            try:
                await self._store_result(job, answer)
            finally:
                answer.close()
        except Unavailable:
            raise
        except Exception as error:  # whatever it is, the owner must see it
            problem = self._work.describe_error(job, error)
            log.info("jobs.failed", job=job["_id"], code=problem["code"])
            await self._jobs.finish(job, JobState.FAILED, {"error": problem})

    async def _store_result(self, job: Json, answer: JobResult) -> None:
        if await self._jobs.sum_sizes(job["application"]) + answer.size > self._most_bytes:
            raise ResultsTooLarge(
                f"The results of the jobs of an application may have {self._most_bytes // 2**20:,} MB together. Delete "
                "jobs, ask for fewer values, or for Parquet, which is smaller."
            )
        await self._results.write(job, answer)
        fields = {"progress": 1.0, "size": answer.size, "headers": dict(answer.headers)}
        if not await self._jobs.finish(job, JobState.DONE, fields):
            await self._results.delete_attempt(job)

    def _report(self, share: float) -> None:
        self._progress = share
