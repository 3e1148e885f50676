"""Fixtures and hooks of the whole suite."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from pymongo.uri_parser import parse_uri

from tests.logging_state import keep_logging
from tests.rounds import count_examples

# Random tests have no deadline, since the first example imports what it needs.
EXAMPLES = int(os.environ.get("OKUBE_FUZZ", count_examples(100)))
settings.register_profile("okube", deadline=None, max_examples=EXAMPLES)
settings.load_profile("okube")


def pytest_configure(config: pytest.Config) -> None:
    """Ignore the sockets to the MongoDB server that its driver does not close.

    A task that is cancelled while the driver connects leaves the new socket to the garbage collector, which closes it
    (PYTHON-5867; no public function of the driver reaches the socket).  Other unclosed sockets fail the test.
    """
    if uri := os.environ.get("OKUBE_TEST_MONGODB"):
        ports = "|".join(str(port) for _host, port in parse_uri(uri)["nodelist"])
        message = rf"Exception ignored in. <socket\.socket [^\n]*, raddr=\('[^']*', ({ports})\)>"
        config.addinivalue_line("filterwarnings", f"ignore:{message}:pytest.PytestUnraisableExceptionWarning")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what is collected out of garbage collections: it stays, and is a hundred times what a test creates."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of MongoDB when there is no server: a fourth of all, which would be skipped one by one.

    Those of `one_store` are always left out.
    """
    has_server = bool(os.environ.get("OKUBE_TEST_MONGODB"))
    on_mongodb = [item for item in items if _needs_mongodb(item)]
    left_out = {item for item in on_mongodb if not has_server or item.get_closest_marker("one_store")}
    config.hook.pytest_deselected(items=[*left_out])
    items[:] = [item for item in items if item not in left_out]


def _needs_mongodb(item: pytest.Item) -> bool:
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return "mongo_uri" in getattr(item, "fixturenames", ()) or any(
        isinstance(value, str) and value == "mongo"
        for name, value in params.items()
        if name != "dialect"  # queries in the dialect of MongoDB are compiled without a server
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell that tests of MongoDB were left out."""
    if not os.environ.get("OKUBE_TEST_MONGODB"):
        terminalreporter.write_line("Tests of MongoDB were left out: OKUBE_TEST_MONGODB is not set.")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Leave no log handler and no configuration of structlog to the next test.

    A command that runs in this process logs to the standard error output of its test, which pytest closes at its end.
    """
    with keep_logging():
        yield


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(scope="session")
def mongo_uri() -> str:
    """Return the URI of the MongoDB server to test on; skip the test when there is none."""
    uri = os.environ.get("OKUBE_TEST_MONGODB")
    if not uri:
        pytest.skip("OKUBE_TEST_MONGODB is not set: tests of MongoDB need a server")
    return uri


@pytest.fixture
def work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to an empty folder and remove all OKUBE_* variables but those of the tests."""
    _enter_folder(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Do as `work_folder` does, for all tests of a module that only read what its fixtures have written."""
    folder = tmp_path_factory.mktemp("module")
    with pytest.MonkeyPatch.context() as patch:
        _enter_folder(folder, patch)
        yield folder


def _enter_folder(folder: Path, patch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("OKUBE_") and not name.startswith("OKUBE_TEST_"):
            patch.delenv(name)
    patch.chdir(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a skipped test as failed when OKUBE_TEST_MONGODB is set: a skip would hide the tests of MongoDB.

    A test that needs root may still be skipped for other users.
    """
    report = yield
    needs_root = call.excinfo is not None and "needs root" in str(call.excinfo.value) and os.geteuid() != 0
    if report.skipped and not hasattr(report, "wasxfail") and not needs_root and os.environ.get("OKUBE_TEST_MONGODB"):
        report.outcome = "failed"
        report.longrepr = f"skipped although OKUBE_TEST_MONGODB is set: {call.excinfo and call.excinfo.value}"
    return report
