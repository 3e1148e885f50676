"""Commands in processes of their own that are interrupted, or cannot write."""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import Command, run_cli

pytestmark = pytest.mark.usefixtures("work_folder")

QUESTION = ("ask", "acme", "performance", "visits")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("--help",), (*QUESTION, "--curl")])
def test_a_reader_that_has_ended_ends_the_command_without_a_message(arguments: tuple[str, ...]) -> None:
    """Close the pipe before the command writes, as `head -1` does while it writes."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert Command(*arguments, stdout=writing).finish() == (1, "")
    finally:
        os.close(writing)


@pytest.mark.parametrize("arguments", [("--help",), (*QUESTION, "--curl")])
def test_an_output_on_a_full_disk_is_one_sentence(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        status, error = Command(*arguments, stdout=full.fileno()).finish()
    assert (status, len(error.splitlines())) == (1, 1)
    assert "No space left on device." in error


@contextmanager
def limit_files(most_bytes: int) -> Iterator[None]:
    """Limit the size of the files that this process writes, which has the errors of a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("most_bytes", [1000, 20_000])
def test_a_store_that_cannot_grow_is_one_sentence(most_bytes: int) -> None:
    arguments = ("user", "add", "root@okube.example", "--platform-admin", "--password-stdin")
    with limit_files(most_bytes):
        result = run_cli(*arguments, text="correct horse battery\n")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "disk is full. Free some space, then run the command again." in result.stderr


@pytest.mark.parametrize("arguments", [QUESTION, ("import", "acme", "sites", "sites.csv")])
def test_a_command_that_waits_can_be_interrupted(arguments: tuple[str, ...]) -> None:
    Path("sites.csv").write_text("key,name,online\nweb,Web,yes\n")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        command = Command(*arguments, "--url", url, "--token", "token")
        connection, _address = listening.accept()
        with connection:
            assert connection.recv(4) == b"POST"  # which never has an answer
            command.send_signal(signal.SIGINT)
            status, error = command.finish()
    assert (status, error.splitlines()[-1]) == (130, "okube-api: interrupted.")
    assert "Traceback" not in error


def test_a_question_to_a_person_can_be_interrupted() -> None:
    terminal, stdin = os.openpty()
    try:  # without a terminal of the session, a password is read from the standard input
        command = Command("user", "add", "root@okube.example", "--platform-admin", stdin=stdin)
        assert command.stderr.read(len("Password: ")) == "Password: "
        command.send_signal(signal.SIGINT)
        status, error = command.finish()
    finally:
        os.close(stdin)
        os.close(terminal)
    assert (status, error.splitlines()[-1]) == (130, "okube-api: interrupted.")
    assert "Traceback" not in error


def run_python(*arguments: str, environment: dict[str, str]) -> tuple[int, bytes, bytes]:
    """Run Python with buffered output, as from a shell; return its status, its output and its messages."""
    inherited = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.run(
        [sys.executable, *arguments], env=inherited | environment, capture_output=True, timeout=30, check=False
    )
    return process.returncode, process.stdout, process.stderr


@pytest.mark.parametrize("module", ["typer", "httpx"])
def test_a_command_can_be_interrupted_while_it_is_imported(tmp_path: Path, module: str) -> None:
    """Interrupt the import of a library that the command line needs, or only this command."""
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt\n")
    ended = run_python("-m", "okube_api", *QUESTION, environment={"PYTHONPATH": str(tmp_path)})
    assert ended == (130, b"", b"okube-api: interrupted.\n")


_SEVERAL = """
import sys
from okube_api.__main__ import main
for sys.argv[1:] in {}:
    try:
        main()
    except SystemExit as ending:
        assert not ending.code
"""


@pytest.mark.slow
def test_names_are_printed_where_the_encoding_lacks_their_characters() -> None:
    """Run several commands in a process; the last one replaces characters on the standard output."""
    assert run_cli("application", "add", "acme", "--name", "\u5317\u4eac \u0152").exit_code == 0
    commands = {
        (*QUESTION, "--filter", "site=\u5317\u4eac", "--curl"): "\u5317\u4eac".encode(),
        ("application", "list", "--json"): "\u5317\u4eac \u0152".encode(),
        ("application", "list"): "?? \u0152".encode("cp1252"),
    }
    environment = {"PYTHONIOENCODING": "cp1252"}
    status, output, error = run_python("-c", _SEVERAL.format([*commands]), environment=environment)
    assert (status, error) == (0, b"")
    assert [printed for printed in commands.values() if printed not in output] == []
