"""Jobs for tests."""

from okube_api.jobs.repository import JobRepository
from okube_api.store.values import Json

APPLICATION, OTHER_APPLICATION = "5e1834b0e12d62a85b388a1a", "5e1834b0e12d62a85b388a1b"
ANN, BOB, CLO = "5e1834b0e12d62a85b388a01", "5e1834b0e12d62a85b388a02", "5e1834b0e12d62a85b388a03"


async def queue(jobs: JobRepository, owner: str = ANN, *, application: str = APPLICATION, most_jobs: int = 100) -> Json:
    """Create a job whose question is about nothing."""
    return await jobs.create(application, owner, {"question": {"path": "/"}}, {"body": "{}"}, most_jobs)


async def claim(jobs: JobRepository, runner: str = "this process", abandoned: tuple[Json, ...] = ()) -> Json:
    """Claim the next job, which must exist."""
    job = await jobs.claim(runner, abandoned)
    assert job is not None
    return job
