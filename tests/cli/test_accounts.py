"""The commands of users and applications, on the store and with a running server."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from okube_api.applications.deletions import DELETIONS
from okube_api.cli import application
from okube_api.cli.runtime import open_services
from okube_api.settings import Settings
from okube_api.store.conditions import EVERYTHING
from typer.testing import Result

from tests.processes import LOGIN, PASSWORD, create_administrator, find_free_port, log_in, run_cli, start_server

pytestmark = pytest.mark.usefixtures("work_folder")

MEMBER = "jeanne@okube.example"
VISITS = str(Path(__file__).parents[2] / "docs/samples/visits.csv")


def run_ok(*arguments: str, text: str = "") -> Result:
    """Run a command that must succeed."""
    result = run_cli(*arguments, text=text)
    assert result.exit_code == 0, result.output
    return result


def add_member() -> None:
    """Create an application with one user."""
    run_ok("application", "add", "acme")
    run_ok("user", "add", MEMBER, "--application", "acme", "--password-stdin", text=f"{PASSWORD}\n")


async def _read_application(key: str) -> Any:
    async with open_services(Settings()) as services:
        return await services.applications.get_by_name(key)


async def _read_passes() -> list[int]:
    async with open_services(Settings()) as services:
        return [record["passes"] for record in await services.store.find(DELETIONS, EVERYTHING)]


def test_an_application_is_created_with_its_options_in_a_new_store() -> None:
    options = ("--name", "Acme & Co", "--timezone", "Europe/Lisbon", "--currency", "USD", "--country", "PT")
    created = run_ok("application", "add", "acme shops", *options)
    stored = asyncio.run(_read_application("acme shops"))
    assert created.stdout == f"{stored['_id']}\n"
    assert {name: stored[name] for name in ("name", "timezone", "currency")} == {
        "name": "Acme & Co",
        "timezone": "Europe/Lisbon",
        "currency": "USD",
    }
    assert stored["settings"]["country"] == "PT"
    listed = run_ok("application", "list").stdout.splitlines()
    assert listed[0].split() == ["KEY", "NAME", "TIME", "ZONE", "CURRENCY", "ID"]
    cells = [cell.strip() for cell in listed[1].split("  ") if cell.strip()]
    assert cells == ["acme shops", "Acme & Co", "Europe/Lisbon", "USD", stored["_id"]]


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Create a store with an administrator and an application, for commands that change nothing; return its URL."""
    url = f"duckdb:{tmp_path_factory.mktemp('shared')}/okube.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OKUBE_STORE_URL", url)
        create_administrator()
        run_ok("application", "add", "acme")
    return url


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("application", "add", "acme"), "Another application has the key 'acme'."),
        (("application", "add", "beta", "--timezone", "Mars/X"), "Unknown time zone 'Mars/X'."),
        (("user", "disable", "nobody@okube.example"), "No user 'nobody@okube.example'."),
        (("user", "disable", "nobody"), "not a valid e-mail address"),
        (("user", "list", "--application", "beta"), "No application 'beta'."),
        (("user", "disable", LOGIN["login"]), "the last platform administrator"),
        (("user", "list", "--url", "http://127.0.0.1:9"), "--url needs a token"),
        (("application", "delete", "beta", "--yes"), "No application 'beta'."),
        (("rebuild", "[/beta]"), "No application '[/beta]'."),
        (("rebuild", "a\x1b]0;title\a"), "No application 'a\ufffd]0;title\ufffd'."),
        (("application", "delete", "acme"), "Pass --yes to delete the application."),
    ],
)
def test_refusals_are_one_sentence(
    arguments: tuple[str, ...], message: str, shared_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OKUBE_STORE_URL", shared_store)
    result = run_cli(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "command",
    [
        ("user", "list"),
        ("application", "list"),
        ("user", "disable", MEMBER),
        ("user", "password", MEMBER),
        ("check",),
        ("rebuild", "acme"),
        ("backup", "okube.backup"),
        ("ingest", "acme", "visits", VISITS),
        ("evaluate-stays", "acme", VISITS),
    ],
)
def test_a_store_is_not_created_by_looking(work_folder: Path, command: tuple[str, ...]) -> None:
    result = run_cli(*command)
    assert result.exit_code == 1
    assert "There is no store at" in result.stderr
    assert not (work_folder / "okube-data" / "okube.duckdb").exists()


def test_an_application_is_deleted_from_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    run_ok("application", "add", "acme")
    run_ok("application", "add", "beta")
    monkeypatch.setattr(application, "_has_terminal", lambda: True)
    wrong = run_cli("application", "delete", "acme", text="beta\n")
    assert wrong.exit_code == 1
    assert "Nothing was deleted." in wrong.stderr
    run_ok("application", "delete", "acme", text="acme\n")
    assert asyncio.run(_read_passes()) == [1]  # the command has removed the data before it ended
    assert [row["key"] for row in json.loads(run_ok("application", "list", "--json").stdout)] == ["beta"]
    run_ok("application", "delete", "beta", "--yes")
    assert json.loads(run_ok("application", "list", "--json").stdout) == []


def test_users_are_listed_disabled_and_enabled_on_the_store() -> None:
    create_administrator()
    add_member()
    lines = [line.split() for line in run_ok("user", "list").stdout.splitlines()]
    assert lines == [
        ["LOGIN", "NAME", "STATUS", "ROLES"],
        [LOGIN["login"], "root", "active", "platform", "administrator"],
        [MEMBER, "jeanne", "active", "acme:", "reader"],
    ]
    run_ok("user", "disable", "Jeanne@Okube.example")
    lines = [line.split() for line in run_ok("user", "list").stdout.splitlines()]
    assert lines[2] == [MEMBER, "jeanne", "disabled", "acme:", "reader"]
    run_ok("user", "enable", MEMBER)
    (member,) = json.loads(run_ok("user", "list", "--application", "acme", "--json").stdout)
    assert (member["login"], member["role"], member["status"]) == (MEMBER, "reader", "active")


@pytest.mark.slow
def test_the_commands_work_with_a_running_server(work_folder: Path) -> None:
    create_administrator()
    add_member()
    port = find_free_port()
    with start_server(port, work_folder / "log"), log_in(port) as client:
        server = ("--url", str(client.base_url), "--token", client.headers["Authorization"].removeprefix("Bearer "))
        credentials = {"login": MEMBER, "password": PASSWORD}
        run_ok("application", "add", "beta", *server)
        assert [row["key"] for row in json.loads(run_ok("application", "list", "--json", *server).stdout)] == [
            "acme",
            "beta",
        ]
        member_token = client.post("/auth/login", json=credentials).json()["auth"]["token"]
        run_ok("user", "disable", MEMBER, *server)
        assert client.post("/auth/login", json=credentials).status_code == 401
        refused = run_cli("user", "list", "--url", str(client.base_url), "--token", member_token)
        assert refused.exit_code == 1
        assert "Log in again" in refused.stderr
        assert "disabled" in run_ok("user", "list", *server).stdout
        run_ok("application", "delete", "beta", "--yes", *server)
        assert client.get("/applications/beta").status_code == 404
        run_ok("user", "enable", MEMBER, *server)
        assert client.post("/auth/login", json=credentials).status_code == 200
