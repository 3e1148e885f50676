"""Commands in processes of their own that are interrupted, or cannot write."""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.processes import run_cli

ENVIRONMENT = {name: text for name, text in os.environ.items() if not name.startswith(("OKUBE_", "PYTHONUNBUFFERED"))}
MOST_S = 30
QUESTION = ("ask", "acme", "performance", "visits")


@contextmanager
def start_command(
    *arguments: str,
    folder: Path,
    output: int | IO[bytes] = subprocess.DEVNULL,
    source: int = subprocess.PIPE,
    environment: dict[str, str] | None = None,
    prepare: Callable[[], None] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command in a folder, with buffered output as from a shell; kill it at the end."""

    def prepare_process() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored in what a script runs in the background
        if prepare is not None:
            prepare()

    with subprocess.Popen(
        [sys.executable, "-m", "okube_api", *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        stdin=source,
        cwd=folder,
        env=ENVIRONMENT | (environment or {}),
        preexec_fn=prepare_process,  # noqa: PLW1509 - this process starts no threads before
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[bytes], text: str = "") -> tuple[int, str]:
    """Send a text to a process; return its status and what it has printed on the standard error output."""
    _output, error = process.communicate(text.encode() if process.stdin else None, MOST_S)
    return process.returncode, error.decode()


@pytest.fixture(scope="module")
def store_with_name(module_folder: Path) -> Path:
    """Create an application whose name needs Unicode, and return the folder of its store."""
    assert run_cli("application", "add", "acme", "--name", "\u5317\u4eac \u0152").exit_code == 0
    return module_folder


@pytest.mark.parametrize("arguments", [("--help",), (*QUESTION, "--curl")])
def test_a_reader_that_has_ended_ends_the_command_without_a_message(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Close the pipe before the command writes, as `head -1` does while it writes."""
    reading, writing = os.pipe()
    with start_command(*arguments, folder=tmp_path, output=writing) as process:
        os.close(writing)
        os.close(reading)
        assert finish(process) == (1, "")


@pytest.mark.parametrize("arguments", [("--help",), (*QUESTION, "--curl")])
def test_an_output_on_a_full_disk_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full, start_command(*arguments, folder=tmp_path, output=full) as process:
        status, error = finish(process)
    assert (status, len(error.splitlines())) == (1, 1)
    assert "No space left on device." in error


@pytest.mark.parametrize("most_bytes", [pytest.param(1000, marks=pytest.mark.slow), 20_000])
def test_a_store_that_cannot_grow_is_one_sentence(tmp_path: Path, most_bytes: int) -> None:
    """Limit the size of the files of the process, which has the errors of a full disk."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    arguments = ("user", "add", "root@okube.example", "--platform-admin", "--password-stdin")
    with start_command(*arguments, folder=tmp_path, prepare=limit) as process:
        status, error = finish(process, "correct horse battery\n")
    assert (status, len(error.splitlines())) == (1, 1)
    assert "disk is full. Free some space, then run the command again." in error


@pytest.mark.parametrize(
    "arguments", [QUESTION, pytest.param(("import", "acme", "sites", "sites.csv"), marks=pytest.mark.slow)]
)
def test_a_command_that_waits_can_be_interrupted(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "sites.csv").write_text("key,name,online\nweb,Web,yes\n")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        remote = ("--url", f"http://127.0.0.1:{listening.getsockname()[1]}", "--token", "token")
        with start_command(*arguments, *remote, folder=tmp_path) as process:
            connection, _address = listening.accept()
            with connection:
                assert connection.recv(4) == b"POST"  # which never has an answer
                process.send_signal(signal.SIGINT)
                status, error = finish(process)
    assert (status, error.splitlines()[-1]) == (130, "okube-api: interrupted.")
    assert "Traceback" not in error


def test_a_question_to_a_person_can_be_interrupted(tmp_path: Path) -> None:
    terminal, stdin = os.openpty()
    arguments = ("user", "add", "root@okube.example", "--platform-admin")
    try:  # without a terminal of the session, a password is read from the standard input
        with start_command(*arguments, folder=tmp_path, source=stdin, prepare=os.setsid) as process:
            assert process.stderr is not None
            assert process.stderr.read(len("Password: ")) == b"Password: "
            process.send_signal(signal.SIGINT)
            status, error = finish(process)
    finally:
        os.close(stdin)
        os.close(terminal)
    assert (status, error.splitlines()[-1]) == (130, "okube-api: interrupted.")
    assert "Traceback" not in error


@pytest.mark.parametrize("module", ["typer", "httpx"])
def test_a_command_can_be_interrupted_while_it_is_imported(tmp_path: Path, module: str) -> None:
    """Interrupt the import of a library that the command line needs, or only this command."""
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt\n")
    with start_command(*QUESTION, folder=tmp_path, environment={"PYTHONPATH": str(tmp_path)}) as process:
        assert finish(process) == (130, "okube-api: interrupted.\n")


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("application", "list"), "?? \u0152".encode("cp1252")),
        (("application", "list", "--json"), "\u5317\u4eac \u0152".encode()),
        ((*QUESTION, "--filter", "site=\u5317\u4eac", "--curl"), "\u5317\u4eac".encode()),
    ],
)
def test_names_are_printed_where_the_encoding_lacks_their_characters(
    store_with_name: Path, arguments: tuple[str, ...], printed: bytes
) -> None:
    environment = {"PYTHONIOENCODING": "cp1252"}
    with start_command(*arguments, folder=store_with_name, output=subprocess.PIPE, environment=environment) as process:
        output, error = process.communicate(timeout=MOST_S)
    assert (process.returncode, error) == (0, b"")
    assert printed in output
