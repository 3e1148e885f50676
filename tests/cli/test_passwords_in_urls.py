"""No command repeats the password of a URL, in no message and no line of the log."""

from pathlib import Path

import pytest
from okube_api.client import Okube
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store_schema import SCHEMA
from okube_api.urls import hide_password
from pydantic import ValidationError

from tests.processes import Command, run_cli

PASSWORD = "pa55word"
SERVER = f"http://bob:{PASSWORD}@127.0.0.1:9"
COMMANDS = {
    "ask": ("ask", "acme", "performance", "visits"),
    "curl": ("ask", "acme", "performance", "visits", "--curl"),
    "import": ("import", "acme", "sites", "sites.csv"),
    "ingest": ("ingest", "acme", "visits", "visits.csv"),
    "users": ("user", "list"),
    "invitation": ("user", "add", "ann@example.com", "--application", "acme"),
    "applications": ("application", "list"),
    "backup": ("backup", "okube.backup"),
}


@pytest.mark.usefixtures("work_folder")
@pytest.mark.parametrize("by_option", [True, False])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_password_of_the_server_is_hidden(
    command: tuple[str, ...], by_option: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sites.csv", "visits.csv"):
        Path(name).write_text("key,name\n")
    monkeypatch.setenv("OKUBE_TOKEN", "token")
    if not by_option:
        monkeypatch.setenv("OKUBE_URL", SERVER)
    result = run_cli(*command, *(("--url", SERVER) if by_option else ()))
    assert (result.exit_code, PASSWORD in result.output) == (1, False), result.output
    assert "http://bob:***@127.0.0.1:9" in result.output


CHECK = ("check",)
INVALID = f"mongodb://bob:{PASSWORD}@127.0.0.1:port/okube"


@pytest.mark.usefixtures("work_folder")
@pytest.mark.parametrize(
    ("command", "url"),
    [
        (CHECK, f"mongodb://bob:x/{PASSWORD}@127.0.0.1/okube"),
        (CHECK, f"mongodb://bob:x?{PASSWORD}@127.0.0.1/okube"),
        (CHECK, f"mongo://bob:{PASSWORD}@127.0.0.1/okube"),
        (CHECK, f"bob:{PASSWORD}@127.0.0.1/okube"),
        (CHECK, INVALID),
        (("serve", "--port", "0"), INVALID),
        (("serve", "--port", "0"), f"mongo://bob:{PASSWORD}@127.0.0.1/okube"),
        (("backup", "okube.backup"), INVALID),
        (("restore", "okube.backup"), INVALID),
    ],
)
def test_password_of_the_store_is_hidden(url: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKUBE_STORE_URL", url)
    monkeypatch.setenv("OKUBE_SECRET_KEY", "a secret of at least thirty-two bytes")
    if command[0] == "restore":
        Path("okube.backup").touch()
    result = run_cli(*command)
    assert (result.exit_code, PASSWORD in result.output) == (1, False), result.output


@pytest.mark.slow
@pytest.mark.usefixtures("work_folder")
def test_password_of_a_database_that_does_not_answer_is_hidden(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OKUBE_STORE_URL", f"mongodb://bob:{PASSWORD}@127.0.0.1:9/okube")
    monkeypatch.setenv("OKUBE_SECRET_KEY", "a secret of at least thirty-two bytes")
    status, messages = Command("check").finish()
    assert (status, PASSWORD in capfd.readouterr().out + messages) == (1, False), messages
    assert "Is the database of OKUBE_STORE_URL running?" in messages


@pytest.mark.parametrize("name", ["store_url", "public_url", "allowed_origins"])
def test_password_of_a_setting_is_hidden_in_tracebacks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"OKUBE_{name.upper()}", f"ftp://bob:{PASSWORD}@host/path x")
    with pytest.raises(ValidationError) as error:
        Settings()
    assert PASSWORD not in str(error.value)
    assert "ftp://bob:***@host" in str(error.value)


def test_password_of_a_url_is_hidden_by_the_library() -> None:
    with pytest.raises(ValueError, match=r"'http://bob:\*\*\*@127.0.0.1:9' has a user or a password") as error:
        Okube(SERVER, token="token")
    with pytest.raises(ValueError, match=r"'bob:\*\*\*@127.0.0.1:9' must begin with http://") as other_error:
        Okube(SERVER.removeprefix("http://"), token="token")
    with pytest.raises(ValueError, match=r"'mongo://bob:\*\*\*@h' is not the URL of a store") as store_error:
        open_store(f"mongo://bob:{PASSWORD}@h", SCHEMA)
    for each in (error, other_error, store_error):
        assert PASSWORD not in str(each.value)


@pytest.mark.parametrize(
    ("address", "hidden"),
    [
        ("http://bob:a@b:c/d@host:80/x", "http://bob:***@host:80/x"),
        ("mongodb://bob:x@h1:1,h2:2/okube?replicaSet=a", "mongodb://bob:***@h1:1,h2:2/okube?replicaSet=a"),
        ("bob:x y\nz@host", "bob:***@host"),
        ("http://:x@host", "http://:***@host"),
        ("http://bob@host", "http://bob@host"),
        ("http://127.0.0.1:8000/okube", "http://127.0.0.1:8000/okube"),
        ("duckdb:./okube-data/okube.duckdb", "duckdb:./okube-data/okube.duckdb"),
        ("", ""),
    ],
)
def test_what_is_hidden(address: str, hidden: str) -> None:
    assert hide_password(address) == hidden
