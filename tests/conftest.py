"""What every test shares."""

import os

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(scope="session")
def mongo_uri() -> str:
    """The server to test MongoDB on; without one, its half is skipped."""
    uri = os.environ.get("OKUBE_TEST_MONGODB")
    if not uri:
        pytest.skip("OKUBE_TEST_MONGODB is not set: the MongoDB half needs a server")
    return uri
