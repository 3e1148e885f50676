"""Fixtures of the tests of jobs: a store of their collections, and what works on jobs in it.

`store` is empty in each test; `jobs` and `results` are over it, with the clock `clock`.
"""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from okube_api.jobs.repository import JOB_QUESTIONS, JOBS, JobRepository
from okube_api.jobs.results import JOB_RESULTS, JobResults
from okube_api.store import open_store
from okube_api.store.conditions import EVERYTHING
from okube_api.store.protocol import Store
from okube_api.store.schema import Schema
from pymongo import MongoClient

from tests.api.server import MovableClock

COLLECTIONS = (JOBS, JOB_QUESTIONS, JOB_RESULTS)


@pytest.fixture(scope="session", params=["duckdb", "mongo"])
async def shared_store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Start a store of each kind in turn."""
    if request.param == "duckdb":
        url, uri, name = "duckdb::memory:", None, ""
    else:
        uri, name = request.getfixturevalue("mongo_uri"), f"job_tests_{uuid4().hex[:12]}"
        url = f"{uri.rstrip('/')}/{name}"
    store = open_store(url, Schema(collections=COLLECTIONS))
    await store.start()
    yield store
    await store.close()
    if uri is not None:
        with MongoClient[dict[str, object]](uri) as client:
            client.drop_database(name)


@pytest.fixture
async def store(shared_store: Store) -> AsyncIterator[Store]:
    """Return the store; delete what the test leaves."""
    yield shared_store
    for collection in COLLECTIONS:
        await shared_store.delete(collection, EVERYTHING)


@pytest.fixture
def clock() -> MovableClock:
    """Return the clock of the repository."""
    return MovableClock()


@pytest.fixture
def jobs(store: Store, clock: MovableClock) -> JobRepository:
    """Return the repository of jobs."""
    return JobRepository(store, clock)


@pytest.fixture
def results(store: Store, clock: MovableClock) -> JobResults:
    """Return the results of jobs."""
    return JobResults(store, clock)
