"""Commands in processes that are forked from one which has imported the package, since an import takes two seconds.

`Fork` starts them from Python, `write_program` writes a program that does so from a shell.  Both ask a server of forks,
which starts with the first of them, and ends with this process together with all that it has forked.  A test of what a
new interpreter does, such as what it imports and how it encodes its output, needs a process of its own.

This file is also what the server and the program run.  It imports little, so that the program starts within 50 ms.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

_ROOT = Path(__file__).parents[1]
_MODULES = ("application", "ask", "backup", "check", "fill_demo", "import_file", "ingest", "local_api", "serve", "user")
"""Modules of `okube_api.cli` that the server imports.  They import nearly all others of the package."""


class Fork:
    """A command that runs, as `subprocess.Popen` would have it; it is killed at the end of a `with` block.

    arguments: those of `okube-api`.
    files: descriptors of its standard input, output and error output.
    """

    def __init__(self, arguments: list[str], files: tuple[int, int, int]) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(_start_server())
            self._answers = _send_request(connection, arguments, files)
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        self.wait()

    def send_signal(self, number: int) -> None:
        """Send a signal unless the command has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the command."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Return the status once the command has ended: that of its exit, or minus the signal that has ended it.

        Raise TimeoutError after so many seconds.
        """
        if self.returncode is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                raise TimeoutError
            self.returncode = int(self._answers.readline())
            self._answers.close()
        return self.returncode


def write_program(path: Path) -> None:
    """Write a program that runs `okube-api` with its arguments, in the folder and environment of its caller."""
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {__file__} {_start_server()} "$@"\n')
    path.chmod(0o755)


def _send_request(connection: socket.socket, arguments: list[str], files: tuple[int, int, int]) -> socket.SocketIO:
    """Ask for a fork; return the lines of the answer: its process, then its status once it has ended."""
    request = json.dumps([arguments, str(Path.cwd()), dict(os.environ)]).encode() + b"\n"
    socket.send_fds(connection, [request[:1]], files)
    connection.sendall(request[1:])
    return connection.makefile("rb", buffering=0)


@cache
def _start_server() -> str:
    """Start the server of forks and return the address of its socket."""
    folder = tempfile.TemporaryDirectory()
    address = f"{folder.name}/forks"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        server = subprocess.Popen(
            [sys.executable, "-I", __file__, str(listening.fileno())],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listening.fileno()],
            start_new_session=True,
        )

    def end() -> None:
        server.communicate()
        folder.cleanup()

    atexit.register(end)
    return address


def _serve(listening: socket.socket) -> None:
    """Fork for each request until the standard input ends; return in each process that is to run its command."""
    for name in _MODULES:
        import_module(f"okube_api.cli.{name}")
    gc.freeze()  # no process copies the memory of what is imported by counting its garbage
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # adds their times to those of this process
                pass
        if sys.stdin in ready:
            os.killpg(0, signal.SIGKILL)
        connection, _ = listening.accept()
        with connection:
            if os.fork() == 0:
                listening.close()
                return _watch_command(connection)


def _watch_command(connection: socket.socket) -> None:
    """Answer a request with the process and the status of its command; return in that process."""
    first, files, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as rest:
        arguments, folder, environment = json.loads(first + rest.readline())
    pid = os.fork()
    if pid == 0:
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a script runs in the background
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["okube-api", *arguments]
        return
    for file in files:
        os.close(file)
    with suppress(BrokenPipeError):
        connection.sendall(b"%d\n" % pid)
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _run_program(address: str, arguments: list[str]) -> int:
    """Run a command in a fork; pass on the signals of a terminal and of `kill`, and return the status of a shell."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        answers = _send_request(connection, arguments, (0, 1, 2))
        pid = int(answers.readline())

        def pass_on(number: int, _frame: FrameType | None) -> None:
            os.kill(pid, number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, pass_on)
        status = int(answers.readline())
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    if not sys.argv[1].isdecimal():
        sys.exit(_run_program(sys.argv[1], sys.argv[2:]))
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        _serve(requests)
    from okube_api.__main__ import main

    main()
