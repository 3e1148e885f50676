"""Stores jobs and the questions that they answer, and lets only one process work on a job.

A process that works on a job holds a lease on it, which it renews.  When the process dies the lease expires, and any
process begins the job again, unless `MOST_CRASHES` processes have died: a question that ends its process must not do so
forever.
"""

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from okube_api.clock import Clock, stamp
from okube_api.errors import NotFound, TooManyRequests
from okube_api.jobs.leases import ENDED
from okube_api.kit.ids import is_id
from okube_api.kit.repository import Repository
from okube_api.store.conditions import Between, Condition, Missing, OneOf, equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json


class JobState(StrEnum):
    """States of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)

JOBS = Collection(
    "jobs",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "owner": ColumnType.TEXT,  # the id of the user
        "state": ColumnType.TEXT,
        "attempts": ColumnType.INTEGER,  # how often a process began it
        "size": ColumnType.INTEGER,  # of the result, in bytes
        "expiresAt": ColumnType.TEXT,  # absent until it has ended
    },
)
JOB_QUESTIONS = Collection("job_questions", fields={"application": ColumnType.TEXT, "createdAt": ColumnType.TEXT})
"""The question of each unfinished job, under the `_id` of the job."""

KEPT_FOR = timedelta(hours=24)
"""How long a job and its result are kept after its end."""
MOST_CRASHES = 3
_RETRY_AFTER_S = 60  # in the answer to a user who has too many jobs
_LONGEST_CREATION = timedelta(hours=1)
"""After this time a question without a job belongs to a process that died between its two writes."""


class JobRepository(Repository):
    """Stores the jobs of all users."""

    collection = JOBS
    kind = "job"

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock)
        self._creating = asyncio.Lock()  # so that requests at the same time do not exceed the number of jobs together

    async def get(self, application: str, id_or_key: str) -> Json:
        """Return the job of an application with this id.  Raise NotFound."""
        job = await self.get_by_id(id_or_key)
        if job["application"] != application:
            raise NotFound(self.kind, id_or_key)
        return job

    async def get_by_id(self, identifier: str) -> Json:
        """Return the job with this id, in any application.  Raise NotFound, also for a job that has expired."""
        job = await self.store.get(JOBS, equal("_id", identifier.lower())) if is_id(identifier) else None
        if job is None or job.get("expiresAt", "~") <= stamp(self.clock()):
            raise NotFound(self.kind, identifier)
        return job

    async def create(self, application: str, owner: str, fields: Json, question: Json, most_jobs: int) -> Json:
        """Insert a queued job of a user with its question, and return the job.

        Raise TooManyRequests when the user has `most_jobs` in the application already.
        """
        if (created := await self.find_created()) is not None:
            return created
        async with self._creating:
            where = match_visible(application, owner, is_admin=False) & match_current(self.clock())
            if await self.store.count(JOBS, where) >= most_jobs:
                raise TooManyRequests(
                    f"You have {most_jobs:,} jobs in this application, the most that are allowed. Delete some, or wait "
                    "until they expire.",
                    _RETRY_AFTER_S,
                )
            head = {"owner": owner, "state": JobState.QUEUED, "progress": 0.0, "attempts": 0, "crashes": 0, "size": 0}
            job = self.build_document(application, {**head, **fields})
            # The question first: a job without one could not be answered.  An earlier attempt may have stored it.
            await self.store.delete(JOB_QUESTIONS, equal("_id", job["_id"]))
            stored = {**question, "_id": job["_id"], "application": application, "createdAt": job["createdAt"]}
            await self.store.insert(JOB_QUESTIONS, [stored])
            await self.store.insert(JOBS, [job])
        return job

    async def find_unfinished(self, ids: AbstractSet[str]) -> set[str]:
        """Return those of some ids whose jobs have not ended."""
        jobs = await self.store.find(JOBS, OneOf("_id", tuple(ids)) & OneOf("state", UNFINISHED), fields=("state",))
        return {job["_id"] for job in jobs}

    async def get_question(self, job: Json) -> Json:
        """Return the question of an unfinished job.  Raise NotFound."""
        question = await self.store.get(JOB_QUESTIONS, equal("_id", job["_id"]))
        if question is None:
            raise NotFound("question of the job", job["_id"])
        return question

    # -- running

    async def find_running(self) -> list[Json]:
        """Return the running jobs of all processes."""
        return await self.store.find(JOBS, equal("state", JobState.RUNNING))

    async def claim(
        self, runner: str, abandoned: Sequence[Json] = (), served: AbstractSet[str] = frozenset()
    ) -> Json | None:
        """Claim the oldest job that waits for a process, and return it; return None when there is none.

        abandoned: running jobs whose processes have died.  served: owners whose jobs are not considered.
        """
        candidates = [job for job in abandoned if job["owner"] not in served]
        where = equal("state", JobState.QUEUED) & ~OneOf("owner", tuple(served))
        while jobs := [*candidates, *await self.store.find(JOBS, where, limit=1)]:
            job = min(jobs, key=lambda job: str(job["_id"]))
            now = stamp(self.clock())
            fields = {
                "state": JobState.RUNNING,
                "runner": runner,
                "renewedAt": now,
                "attempts": job["attempts"] + 1,
                "crashes": job["crashes"] + (job["state"] == JobState.RUNNING),
                "startedAt": now,
                "progress": 0.0,
            }
            if await self.store.update(JOBS, _match_unchanged(job), fields):
                return job | fields
            candidates = [candidate for candidate in candidates if candidate is not job]
        return None

    async def renew(self, job: Json, progress: float) -> bool:
        """Renew the lease of a running job and store its progress; return False when it was cancelled or taken over."""
        return await self._update_running(job, {"renewedAt": stamp(self.clock()), "progress": progress})

    async def finish(self, job: Json, state: JobState, fields: Mapping[str, Any]) -> bool:
        """End a running job; return False when it was cancelled or taken over."""
        is_finished = await self._update_running(job, {"state": state, **self._build_end(), **fields})
        if is_finished:
            await self.store.delete(JOB_QUESTIONS, equal("_id", job["_id"]))
        return is_finished

    async def release(self, job: Json) -> None:
        """Give a running job back to the queue, because the process cannot go on with it."""
        await self._update_running(job, {"state": JobState.QUEUED, "progress": 0.0})

    async def get_state(self, job: Json) -> JobState | None:
        """Return the state of this attempt at a job; None after a later attempt, or when the job was deleted."""
        where = equal("_id", job["_id"]) & equal("attempts", job["attempts"])
        stored = await self.store.get(JOBS, where)
        return None if stored is None else JobState(stored["state"])

    async def expire_leases(self) -> None:
        """End the leases of all running jobs, which belong to a process that has died."""
        await self.store.update(JOBS, equal("state", JobState.RUNNING), {"renewedAt": ENDED})

    async def cancel(self, job: Json) -> bool:
        """Cancel an unfinished job; return False when it has ended already."""
        where = equal("_id", job["_id"]) & OneOf("state", UNFINISHED)
        is_cancelled = bool(await self.store.update(JOBS, where, {"state": JobState.CANCELLED, **self._build_end()}))
        if is_cancelled:
            await self.store.delete(JOB_QUESTIONS, equal("_id", job["_id"]))
        return is_cancelled

    async def sum_sizes(self, application: str) -> int:
        """Return the bytes of the results of an application together."""
        where = equal("application", application) & match_current(self.clock())
        jobs = await self.store.find(JOBS, where, fields=("size",))
        return sum(job.get("size", 0) for job in jobs)

    async def delete_expired(self) -> None:
        """Delete the jobs that have expired, and the questions that have no job or whose job has ended.

        A process that dies between two writes leaves such questions.
        """
        now = self.clock()
        await self.store.delete(JOBS, Between("expiresAt", None, stamp(now)))
        old = Between("createdAt", None, stamp(now - _LONGEST_CREATION))
        questions = await self.store.find(JOB_QUESTIONS, old, fields=("application",))
        jobs = await self.store.find(JOBS, OneOf("state", UNFINISHED), fields=("state",)) if questions else []
        unfinished = {job["_id"] for job in jobs}
        for question in questions:
            if question["_id"] not in unfinished:
                await self.store.delete(JOB_QUESTIONS, equal("_id", question["_id"]))

    def _build_end(self) -> Json:
        now = self.clock()
        return {"endedAt": stamp(now), "expiresAt": stamp(now + KEPT_FOR)}

    async def _update_running(self, job: Json, fields: Mapping[str, Any]) -> bool:
        """Set fields of a job while the process that has claimed it may do so."""
        return bool(await self.store.update(JOBS, _match_unchanged(job) & equal("state", JobState.RUNNING), fields))


def match_visible(application: str, user: str, *, is_admin: bool) -> Condition:
    """Return the condition that a user (an id) sees a job of the application: an own one, an administrator any."""
    within = equal("application", application)
    return within if is_admin else within & equal("owner", user)


def match_current(now: datetime) -> Condition:
    """Return the condition that a job has not expired."""
    return Missing("expiresAt") | Between("expiresAt", stamp(now), None)


def _match_unchanged(job: Json) -> Condition:
    """Return the condition that no process has claimed a job since it was read."""
    return equal("_id", job["_id"]) & equal("attempts", job["attempts"]) & OneOf("state", UNFINISHED)
