"""Servers and folders that the command blocks of the manual find."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from okube_api.auth.repository import User
from okube_api.kit.demo_names import LOGIN
from pymongo import MongoClient
from scripts.kpi_pages import KINDS, SampleClient, fill_application

from tests.api.live import LiveServer, run_live
from tests.api.server import SECRET
from tests.demo.small_demo import PASSWORD, fill_small_demo
from tests.manual.sessions import Session

OpenSession = Callable[[str, Path], Session]
"""Opens a session of a state in a folder."""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Run a server with a small demo until yesterday."""
    folder = tmp_path_factory.mktemp("demo")
    until = datetime.now(UTC).date() - timedelta(days=1)
    with run_live(f"duckdb:{folder / 'okube.duckdb'}", rate_limit=None) as server:
        asyncio.run_coroutine_threadsafe(fill_small_demo(server.services, folder, until), server.loop).result(120)
        yield server


@pytest.fixture(scope="session")
def demo_token(demo: LiveServer) -> str:
    """Return a token of the login of the demo."""
    answer = httpx.post(f"{demo.address}/auth/login", json={"login": LOGIN, "password": PASSWORD})
    return str(answer.json()["auth"]["token"])


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder with the application and events of `docs/samples`, and a token of a platform administrator."""
    folder: Path = tmp_path_factory.mktemp("samples") / "okube-data"
    folder.mkdir()
    with run_live(f"duckdb:{folder / 'okube.duckdb'}", rate_limit=None) as server:
        sessions = server.services.sessions
        document = server.run_coroutine(sessions.users.create("you@example.com", "no password", platform_admin=True))
        token = sessions.issue(User.from_document(document))[1]
        asyncio.run(fill_samples(server.address, token))
    return folder, token


async def fill_samples(address: str, token: str) -> None:
    """Create the application of the samples with all of its events."""
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"}) as client:
        await fill_application(SampleClient(client), [*KINDS, "pings"])


@pytest.fixture
def open_session(request: pytest.FixtureRequest) -> Iterator[OpenSession]:
    """Return a function that opens the session of a state; all are closed at the end."""
    with ExitStack() as closing:

        def open_state(state: str, folder: Path) -> Session:
            address, environment, replaced = prepare(state, folder)
            session = Session(folder, address=address, environment=environment, replaced=replaced)
            closing.callback(session.close)
            return session

        def prepare(state: str, folder: Path) -> tuple[str | None, Mapping[str, str], Mapping[str, str]]:
            folder.mkdir()
            if state == "demo":
                demo, token = request.getfixturevalue("demo"), request.getfixturevalue("demo_token")
                return demo.address, name_token(token), {"password=...": f"password={PASSWORD}"}
            if state in {"samples", "store"}:
                data, token = request.getfixturevalue("sample_data")
                environment = {"OKUBE_SECRET_KEY": SECRET, **name_token(token)}
                if state == "store":
                    shutil.copytree(data, folder / "okube-data")
                    return None, environment, {}
                shutil.copytree(data, folder / ".served")
                url = f"duckdb:{folder / '.served' / 'okube.duckdb'}"
                server = closing.enter_context(run_live(url, rate_limit=None))
                return server.address, environment, {}
            if state == "mongodb":
                server_uri = request.getfixturevalue("mongodb_uri")
                name = f"okube_manual_{os.getpid()}"
                closing.callback(drop_database, server_uri, name)
                return None, {}, {"mongodb://localhost:27017/okube": f"{server_uri}{name}"}
            assert state in {"fresh", "repository"}, state
            return None, {}, {}

        yield open_state


@pytest.fixture
def mongodb_uri() -> str:
    """Return the address of the MongoDB server of the tests, up to the name of a database; skip without a server."""
    if (uri := os.environ.get("OKUBE_TEST_MONGODB")) is None:
        pytest.skip("OKUBE_TEST_MONGODB is not set")
    return f"{uri.rstrip('/')}/"


def drop_database(uri: str, name: str) -> None:
    """Drop a database of a MongoDB server."""
    with MongoClient[dict[str, object]](uri) as client:
        client.drop_database(name)


def name_token(token: str) -> dict[str, str]:
    """Return the variables that have a token."""
    return {"TOKEN": token, "OKUBE_TOKEN": token}
