"""Results of jobs in parts, from memory and from a file."""

import tempfile

import pytest
from okube_api.errors import NotFound
from okube_api.jobs import results as results_module
from okube_api.jobs.repository import KEPT_FOR, JobRepository, JobState
from okube_api.jobs.results import JOB_RESULTS, JobResult, JobResults
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.values import Json

from tests.api.server import MovableClock
from tests.jobs.queueing import claim, queue

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(256)) * 3


def make_result(content: bytes = CONTENT, *, in_file: bool = False) -> JobResult:
    """Return a result in memory or in a file."""
    if not in_file:
        return JobResult(content, None, len(content), {})
    file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
    file.write(content)
    file.seek(0)
    return JobResult(b"", file, len(content), {})


async def read_all(results: JobResults, job: Json, size: int) -> bytes:
    """Return the result of a job."""
    return b"".join([part async for part in results.read(job | {"size": size})])


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("part_bytes", [1, 100, 256, len(CONTENT) - 1, len(CONTENT), 10_000])
async def test_parts_are_read_as_they_were_written(
    jobs: JobRepository, results: JobResults, monkeypatch: pytest.MonkeyPatch, part_bytes: int, in_file: bool
) -> None:
    monkeypatch.setattr(results_module, "_PART_BYTES", part_bytes)
    content = CONTENT if part_bytes > 1 else CONTENT[:5]
    await queue(jobs)
    job, result = await claim(jobs), make_result(content, in_file=in_file)
    await results.write(job, result)
    result.close()
    assert await jobs.store.count(JOB_RESULTS, EVERYTHING) == -(-len(content) // part_bytes)
    assert await read_all(results, job, len(content)) == content


async def test_an_empty_result_has_no_parts(jobs: JobRepository, results: JobResults) -> None:
    await queue(jobs)
    job = await claim(jobs)
    await results.write(job, make_result(b""))
    assert await read_all(results, job, 0) == b""


async def test_attempts_have_results_of_their_own(jobs: JobRepository, results: JobResults) -> None:
    await queue(jobs)
    attempts = [await claim(jobs)]
    for number in range(3):
        await results.write(attempts[-1], make_result(b"result %d" % number))
        attempts.append(await claim(jobs, abandoned=(attempts[-1],)))
    first, second, third, _ = attempts
    assert [await read_all(results, job, 8) for job in (first, second, third)] == [
        b"result 0",
        b"result 1",
        b"result 2",
    ]
    await results.delete_earlier_attempts(second)
    with pytest.raises(NotFound):
        await read_all(results, first, 8)
    await results.delete_attempt(third)
    with pytest.raises(NotFound):
        await read_all(results, third, 8)
    assert await read_all(results, second, 8) == b"result 1"
    await results.delete(first)
    assert await jobs.store.count(JOB_RESULTS, EVERYTHING) == 0


async def test_results_expire_after_their_jobs(jobs: JobRepository, results: JobResults, clock: MovableClock) -> None:
    job, abandoned = [await queue(jobs) for _ in range(2)]
    for _ in range(2):
        await results.write(await claim(jobs), make_result())
    await jobs.finish(job | {"attempts": 1}, JobState.DONE, {"size": len(CONTENT)})
    clock.ahead = KEPT_FOR
    await results.delete_expired()
    assert await jobs.store.count(JOB_RESULTS, equal("job", job["_id"])) == 1
    clock.ahead = KEPT_FOR * 2
    await results.delete_expired()
    assert await jobs.store.count(JOB_RESULTS, equal("job", abandoned["_id"])) == 0
