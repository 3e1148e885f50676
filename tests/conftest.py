"""What every test shares."""

import os
from collections.abc import Generator

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a MongoDB server was promised, a skip is a failure: it would hide that half of the suite."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("OKUBE_TEST_MONGODB"):
        report.outcome = "failed"
        report.longrepr = f"skipped, though OKUBE_TEST_MONGODB is set: {call.excinfo and call.excinfo.value}"
    return report
