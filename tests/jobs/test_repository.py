"""Jobs in the store: their number, claims by processes, and what is left of those that died."""

import asyncio
from datetime import timedelta

import pytest
from okube_api.errors import NotFound, TooManyRequests
from okube_api.jobs.repository import JOB_QUESTIONS, JOBS, KEPT_FOR, JobRepository, JobState
from okube_api.kit.creation_ids import CREATION_IDS, CreationIds
from okube_api.store.conditions import EVERYTHING, equal

from tests.api.server import MovableClock
from tests.jobs.queueing import ANN, APPLICATION, BOB, CLO, OTHER_APPLICATION, claim, queue

pytestmark = pytest.mark.anyio


async def test_requests_at_the_same_time_do_not_exceed_the_number_of_jobs(jobs: JobRepository) -> None:
    created = await asyncio.gather(*(queue(jobs, most_jobs=3) for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(each, TooManyRequests) for each in created) == 9
    assert await jobs.store.count(JOBS, EVERYTHING) == 3
    await queue(jobs, BOB, most_jobs=3)
    await queue(jobs, application=OTHER_APPLICATION, most_jobs=3)


async def test_a_request_that_is_repeated_creates_one_job(jobs: JobRepository) -> None:
    token = CREATION_IDS.set(CreationIds(b"seed", 1_700_000_000, secret_key=b"secret"))
    try:
        first = await queue(jobs)
        CREATION_IDS.set(CreationIds(b"seed", 1_700_000_000, is_repeated=True, secret_key=b"secret"))
        assert await queue(jobs) == first
        await jobs.store.delete(JOBS, equal("_id", first["_id"]))  # a process died before it had stored the job
        assert (await queue(jobs))["_id"] == first["_id"]
    finally:
        CREATION_IDS.reset(token)
    assert await jobs.store.count(JOBS, EVERYTHING) == 1
    assert await jobs.store.count(JOB_QUESTIONS, EVERYTHING) == 1


async def test_processes_claim_different_jobs(jobs: JobRepository) -> None:
    queued = [await queue(jobs) for _ in range(4)]
    claimed = await asyncio.gather(*(jobs.claim(f"process {number}") for number in range(6)))
    assert sorted(job["_id"] for job in claimed if job is not None) == [job["_id"] for job in queued]
    assert await jobs.claim("a late process") is None


async def test_the_oldest_job_is_claimed_first(jobs: JobRepository) -> None:
    first, second, third = [await queue(jobs, owner) for owner in (ANN, BOB, ANN)]
    running = await claim(jobs)
    assert running["_id"] == first["_id"]
    for abandoned, served, next_job in (
        ([], {ANN}, second),
        ([running], {BOB}, running),
        ([running], {ANN, BOB}, None),
        ([], {BOB}, third),
    ):
        claimed = await jobs.claim("another process", abandoned, served)
        assert (claimed and claimed["_id"]) == (next_job and next_job["_id"])
        if claimed is not None:
            await jobs.finish(claimed, JobState.DONE, {})


async def test_a_claim_is_counted(jobs: JobRepository) -> None:
    await queue(jobs)
    first = await claim(jobs)
    assert (first["attempts"], first["crashes"], first["progress"]) == (1, 0, 0)
    await jobs.release(first)
    second = await claim(jobs)
    assert (second["attempts"], second["crashes"]) == (2, 0)
    third = await claim(jobs, abandoned=(second,))
    assert (third["attempts"], third["crashes"]) == (3, 1)
    assert await jobs.claim("a third process", [second]) is None  # another one was faster


async def test_a_process_that_has_lost_its_job_changes_nothing(jobs: JobRepository) -> None:
    await queue(jobs)
    lost = await claim(jobs)
    job = await claim(jobs, "another process", (lost,))
    assert not await jobs.renew(lost, 0.5)
    assert not await jobs.finish(lost, JobState.FAILED, {"error": {}})
    await jobs.release(lost)
    stored = await jobs.get(APPLICATION, job["_id"])
    assert (stored["state"], stored["progress"], stored["runner"]) == ("running", 0, "another process")
    assert await jobs.finish(job, JobState.DONE, {"size": 3})
    assert await jobs.get_state(job) == JobState.DONE
    assert await jobs.get_state(lost) is None
    assert not await jobs.renew(job, 0.5)
    assert not await jobs.cancel(job)


async def test_a_cancelled_job_is_not_finished(jobs: JobRepository) -> None:
    await queue(jobs)
    job = await claim(jobs)
    assert await jobs.cancel(job)
    assert not await jobs.renew(job, 0.5)
    assert not await jobs.finish(job, JobState.DONE, {})
    await jobs.release(job)
    assert (await jobs.get_by_id(job["_id"]))["state"] == "cancelled"
    assert await jobs.store.count(JOB_QUESTIONS, EVERYTHING) == 0


async def test_a_job_belongs_to_one_application(jobs: JobRepository) -> None:
    job = await queue(jobs)
    for application, identifier in ((OTHER_APPLICATION, job["_id"]), (APPLICATION, "lyon"), (APPLICATION, ANN)):
        with pytest.raises(NotFound):
            await jobs.get(application, identifier)
    assert await jobs.get(APPLICATION, job["_id"].upper()) == job


async def test_jobs_expire_after_their_end(jobs: JobRepository, clock: MovableClock) -> None:
    ended, unfinished = await queue(jobs), await queue(jobs, BOB)
    await jobs.finish(await claim(jobs), JobState.DONE, {"size": 5})
    assert await jobs.sum_sizes(APPLICATION) == 5
    clock.ahead = KEPT_FOR + timedelta(minutes=1)
    with pytest.raises(NotFound):
        await jobs.get_by_id(ended["_id"])
    assert await jobs.sum_sizes(APPLICATION) == 0
    await queue(jobs, most_jobs=1)
    await jobs.delete_expired()
    assert await jobs.store.get(JOBS, equal("_id", ended["_id"])) is None
    assert (await jobs.get_by_id(unfinished["_id"]))["state"] == "queued"


async def test_questions_without_an_unfinished_job_are_deleted(jobs: JobRepository, clock: MovableClock) -> None:
    """A process that dies between two writes leaves a question without a job, or that of an ended job."""
    orphan, ended, queued, running = [await queue(jobs, owner) for owner in (ANN, BOB, CLO, CLO)]
    await jobs.store.delete(JOBS, equal("_id", orphan["_id"]))
    await jobs.store.update(JOBS, equal("_id", ended["_id"]), {"state": JobState.DONE})
    await jobs.store.update(JOBS, equal("_id", running["_id"]), {"state": JobState.RUNNING})
    await jobs.delete_expired()  # a job may be stored in this moment
    assert await jobs.store.count(JOB_QUESTIONS, EVERYTHING) == 4
    clock.ahead = timedelta(hours=2)
    recent = await queue(jobs)
    await jobs.delete_expired()
    questions = await jobs.store.find(JOB_QUESTIONS, EVERYTHING)
    assert [question["_id"] for question in questions] == [queued["_id"], running["_id"], recent["_id"]]
