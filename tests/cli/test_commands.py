"""The commands: help, output, errors, and a server from start to stop."""

import asyncio
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer
from okube_api import CONTRACT_VERSION, __version__
from okube_api.auth.keys import KEYS
from okube_api.auth.repository import User
from okube_api.cli import cli, runtime
from okube_api.cli.runtime import open_services, run_command
from okube_api.http.listener import listen
from okube_api.settings import Settings
from okube_api.store.conditions import equal
from typer.testing import CliRunner

from tests.forks import Fork
from tests.processes import PASSWORD, create_administrator, find_free_port, log_in, run_cli, start_server
from tests.store.damage import damage_bytes

pytestmark = pytest.mark.usefixtures("work_folder")

COMMANDS = ("serve", "demo", "user", "application", "ask", "ingest", "import", "rebuild", "check", "openapi", "bench")


def test_help_lists_all_commands() -> None:
    output = run_cli("--help").output
    assert [command for command in COMMANDS if command not in output] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    assert len(run_cli(command, "--help").output.splitlines()) > 5


def test_answers_are_sent_without_delay() -> None:
    """Check that connections of the server send each part of an answer at once (TCP_NODELAY)."""
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_check_reads_the_store(work_folder: Path) -> None:
    create_administrator()
    result = run_cli("check")
    assert result.exit_code == 0, result.output
    assert "users: 1 rows" in result.output
    assert "rows can be read" in result.output
    file = work_folder / "okube-data" / "okube.duckdb"
    damage_bytes(file, 0)
    for arguments in (("check",), ("rebuild", "acme")):
        damaged = run_cli(*arguments)
        assert damaged.exit_code == 1
        assert "is damaged at its header. Restore the latest backup of the file." in damaged.output
        assert "Traceback" not in damaged.output


def test_version_names_package_and_contract() -> None:
    output = run_cli("--version").stdout
    assert output == f"okube-api {__version__} (version {CONTRACT_VERSION} of the API)\n"


def test_help_is_that_of_the_program_and_offers_completion() -> None:
    output = run_cli("--help").output
    assert "Drive-to-store analytics" in output
    assert "--install-completion" in output


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("ask lumen p", ["presence", "performance"]),
        ("ask lumen performance sales", ["sales", "salesPerVisitor", "salesPerVisit"]),
        ("ask lumen performance visits,refu", ["visits,refunds"]),
        ("ask lumen performance visits --by fiscal", ["fiscalMonth", "fiscalQuarter", "fiscalYear"]),
        ("ask lumen performance visits --period last-w", ["last-week"]),
        ("ask lumen performance visits --compare previous-year-", ["previous-year-same-weekday"]),
        ("import lumen s", ["sites", "studies"]),
        ("applic", ["application"]),
    ],
)
def test_shells_complete_what_is_known_without_a_server(line: str, offers: list[str]) -> None:
    words = f"okube-api {line}"
    environment = {
        "_OKUBE_API_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    result = CliRunner().invoke(cli, [], env=environment, prog_name="okube-api")
    assert result.stdout.split() == offers


def test_openapi_prints_the_document() -> None:
    document = json.loads(run_cli("openapi").stdout)
    assert document["info"]["title"] == "Okube Analytics API"
    assert "/auth/login" in document["paths"]


@pytest.mark.parametrize(
    ("arguments", "text", "message"),
    [
        (("user", "add", "nobody", "--platform-admin"), "", "not a valid e-mail address"),
        (("user", "add", "a@b.example"), "", "either --platform-admin"),
        (("user", "add", "a@b.example", "--platform-admin", "--password-stdin"), "short\n", "12 characters"),
        (("user", "add", "a@b.example", "--platform-admin", "--password-stdin"), f"{'ab' * 9}\n", "easy to guess"),
        (("user", "add", "a@b.example", "--platform-admin"), "", "--password-stdin"),
        (("user", "add", "a@b.example", "--application", "x", "--password-stdin"), f"{PASSWORD}\n", "No application"),
        (("serve", "--workers", "2"), "", "MongoDB"),
        (("bench", "--works", "A9"), "", "Unknown workload 'A9'"),
        (("bench", "--works", "mongo"), "", "needs --mongo with the URL"),
        (("bench", "--works", "A1", "--mongo", "mongodb://host/"), "", "--mongo needs the workload mongo"),
        (("bench", "--works", "mongo", "--mongo", "duckdb:file"), "", "not a URL of MongoDB"),
        (("bench", "--scales", "0.1"), "", "--scales needs at least two numbers"),
        (("bench", "--scales", "0.1,often"), "", "--scales needs at least two numbers"),
    ],
)
def test_expected_errors_print_one_sentence(arguments: tuple[str, ...], text: str, message: str) -> None:
    result = run_cli(*arguments, text=text)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("OKUBE_SECRET_KEY", "short", "32"),
        ("OKUBE_STORE_URL", "sqlite:x", "OKUBE_STORE_URL: 'sqlite:x' is not a store URL."),
        ("OKUBE_TOKEN_HOURS", "x", "OKUBE_TOKEN_HOURS"),
        ("OKUBE_STORE_URL", "x", "duckdb:PATH"),
    ],
)
def test_invalid_settings_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv(name, value)
    result = run_cli("serve", "--port", "0")
    assert result.exit_code == 1
    assert message in result.stderr


@pytest.mark.parametrize(
    "arguments", [("openapi",), ("bench", "--works", "A9"), ("ask", "acme", "performance", "visits")]
)
def test_variables_are_checked(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    monkeypatch.setattr(runtime, "_warned", set())
    monkeypatch.setenv("OKUBE_TOKN_HOURS", "3")
    monkeypatch.setenv("OKUBE_TOKEN_HOURS", "three")
    result = run_cli(*arguments)
    assert result.exit_code == 1
    assert "OKUBE_TOKN_HOURS is unknown and ignored. Did you mean 'OKUBE_TOKEN_HOURS'?" in result.stderr
    assert "Traceback" not in result.output


@pytest.fixture
def default_logging() -> Iterator[None]:
    """Have logging not configured, as at the start of a process; restore it at the end."""
    configuration = structlog.get_config() if structlog.is_configured() else None
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    if configuration is not None:
        structlog.configure(**configuration)


@pytest.mark.usefixtures("default_logging")
def test_log_events_of_commands_are_not_among_their_output(capsys: pytest.CaptureFixture[str]) -> None:
    async def print_figures() -> None:
        structlog.stdlib.get_logger("okube.store").info("store.compacted", bytes_after=5)
        typer.echo('{"precision": 0.5}')

    run_command(print_figures())
    output = capsys.readouterr()
    assert output.out == '{"precision": 0.5}\n'
    assert "store.compacted" in output.err


async def _read_user(login: str) -> tuple[Any, int]:
    async with open_services(Settings()) as services:
        user = await services.sessions.users.find_by_login(login)
        assert user is not None
        keys = await services.store.count(KEYS, equal("user", user["_id"]))
        return user, keys


async def _occupy_login(login: str) -> None:
    async with open_services(Settings()) as services:
        users = services.sessions.users
        user = await users.create(login, "!", verified=False)
        await services.sessions.keys.create(User.from_document(user), {"name": "x"})


def test_password_of_a_user_is_set_on_the_store() -> None:
    login = "owner@okube.example"
    assert run_cli("user", "password", login, "--password-stdin", text=f"{PASSWORD}\n").exit_code == 1
    asyncio.run(_occupy_login(login))
    assert run_cli("user", "password", login, "--password-stdin", text="password1234\n").exit_code == 1
    assert asyncio.run(_read_user(login))[1] == 1
    assert run_cli("user", "password", login, "--password-stdin", text=f"{PASSWORD}\n").exit_code == 0
    user, keys = asyncio.run(_read_user(login))
    assert (user["verified"], user["generation"], keys) == (True, 2, 0)
    assert user["password"].startswith("$argon2id$")


# -- a server in a process of its own --------------------------------------------------------------------------------


async def _create_application(key: str) -> None:
    async with open_services(Settings()) as services:
        await services.applications.create({"key": key})


def test_a_login_of_somebody_else_gets_no_role() -> None:
    """An administrator of another application may have made the login, and know its password."""
    login = "victim@okube.example"
    asyncio.run(_create_application("acme"))
    asyncio.run(_occupy_login(login))
    add = ("user", "add", login, "--application", "acme", "--role", "admin")
    refused = run_cli(*add)
    assert refused.exit_code == 1
    assert f"okube-api user password {login}" in refused.stderr
    assert asyncio.run(_read_user(login))[0]["roles"] == []
    assert run_cli("user", "password", login, "--password-stdin", text=f"{PASSWORD}\n").exit_code == 0
    assert run_cli(*add).exit_code == 0
    assert [entry["role"] for entry in asyncio.run(_read_user(login))[0]["roles"]] == ["admin"]


@pytest.fixture
def log(work_folder: Path) -> Path:
    """Return the path of the log of the server."""
    return work_folder / "log"


@pytest.fixture
def port(log: Path) -> int:
    """Return a free port, and create the platform administrator."""
    create_administrator()
    return find_free_port()


@pytest.fixture
def server(port: int, log: Path) -> Iterator[Fork]:
    """Start a server on the port."""
    with start_server(port, log) as process:
        yield process


def test_server_from_start_to_stop(server: Fork, port: int, log: Path, work_folder: Path) -> None:
    with log_in(port) as client:
        token = client.headers["Authorization"].removeprefix("Bearer ")
        assert client.post("/applications", json={"key": "acme"}).status_code == 201
        user = ("user", "add", "jeanne@okube.example", "--application", "acme", "--url", str(client.base_url))
        invited = run_cli(*user, "--token", token)
        accepted = {"token": invited.stdout.strip(), "password": PASSWORD}
        assert client.post("/auth/invitations/accept", json=accepted).status_code == 204

    second = run_cli("user", "add", "late@okube.example", "--platform-admin", "--password-stdin", text=f"{PASSWORD}\n")
    assert second.exit_code == 1
    assert "--url" in second.stderr

    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=10) == 0
    text = log.read_text()
    assert all(json.loads(line)["event"] for line in text.splitlines())
    assert PASSWORD not in text
    assert token not in text
    assert (work_folder / "okube-data" / "secret.key").stat().st_mode & 0o777 == 0o600
