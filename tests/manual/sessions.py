"""Runs the command blocks of a page one after another, in one shell and one Python, in a folder of their own.

| state | what a block finds |
|---|---|
| `fresh` | an empty folder, which is also that of the store |
| `demo` | a server with a small demo, and the token of its login in `TOKEN` and `OKUBE_TOKEN` |
| `samples` | a server with the application and events of `docs/samples`, and the token of a platform administrator |
| `store` | the same store in the folder, without a server |
| `mongodb` | a MongoDB database of its own; its address replaces that of the page |
| `repository` | the repository, for Python only |

In each, `docs` and `examples` are those of the repository, and `http://127.0.0.1:8000` is the address of the server.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.forks import write_program
from tests.manual.blocks import ROOT, SHELLS, Block
from tests.processes import find_free_port, open_client

MOST_S = 60.0
"""How long a block may take."""

_PROGRAMS = {
    "curl": 'exec {curl} --fail-with-body "$@"',  # a refusal is a failure
    "okube-api": 'case "$1" in serve | demo) set -- "$@" --port {port};; esac\nexec {command} "$@"',
    "make": '[ "$*" = serve ] || exit 9\nexec okube-api serve',  # as the Makefile does, with the data in this folder
    "python": 'exec {python} "$@"',
}
"""What programs of this name do in a block."""

_PYTHON = """\
import sys, traceback
names = {"__name__": "__main__"}
for line in sys.stdin:
    path = line.strip()
    with open(path + ".out", "w") as sys.stdout, open(path + ".err", "w") as sys.stderr:
        try:
            exec(compile(open(path).read(), path, "exec"), names)
            status = 0
        except BaseException:
            traceback.print_exc()
            status = 1
    print(status, file=sys.__stdout__, flush=True)
"""


class BlockFailure(AssertionError):
    """A block of a page ended with an error."""


class Session:
    """A folder with a shell and a Python, which keep their variables from block to block."""

    def __init__(
        self, folder: Path, *, address: str | None, environment: Mapping[str, str], replaced: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self._port = find_free_port() if address is None else 0
        self.address = address or f"http://127.0.0.1:{self._port}"
        self._replaced = {**replaced, "127.0.0.1:8000": self.address.removeprefix("http://")}
        self._blocks = folder / ".blocks"
        self._blocks.mkdir(parents=True)
        for name in ("docs", "examples", "scripts", ".venv"):
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)
        self._environment = {
            "HOME": str(folder),
            "PATH": f"{self._write_programs()}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        self._shell: subprocess.Popen[str] | None = None
        self._python: subprocess.Popen[str] | None = None
        self._count = 0

    def run(self, block: Block) -> str:
        """Run a block and return what it printed.  Raise BlockFailure when it fails."""
        self._count += 1
        file = self._blocks / str(self._count)
        file.write_text(self._replace(block.text), encoding="utf-8")
        if block.is_background:
            self._start(block, file)
            return ""
        status = self._run_shell(file) if block.language in SHELLS else self._run_python(file)
        printed = file.with_suffix(".out").read_text(encoding="utf-8-sig")
        if status != "0":
            raise BlockFailure(f"{block}\n{block.text}\n{printed}\n{file.with_suffix('.err').read_text()}")
        return printed

    def close(self) -> None:
        """End the shell with all that it has started, and Python."""
        for process in (self._python, self._shell):
            if process is None:
                continue
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                stream.close()

    def _replace(self, text: str) -> str:
        for shown, used in self._replaced.items():
            text = text.replace(shown, used)
        return text

    def _write_programs(self) -> Path:
        folder = self._blocks / "bin"
        folder.mkdir()
        command = folder / ".okube-api"
        write_program(command)
        for name, script in _PROGRAMS.items():
            text = script.format(curl="/usr/bin/curl", command=command, python=sys.executable, port=self._port)
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        return folder

    def _start(self, block: Block, file: Path) -> None:
        """Start a block that serves, and wait until its server is ready."""
        script = self._blocks / "start"
        script.write_text(f"( . {file} ) > {file}.out 2>&1 &\n")
        self._run_shell(script)
        deadline = time.monotonic() + MOST_S
        with open_client(self.address) as client:
            while True:
                try:
                    if client.get("/health/ready").is_success:
                        return
                except httpx.TransportError:
                    pass
                if time.monotonic() > deadline:
                    raise BlockFailure(f"{block}: no server is ready\n{file.with_suffix('.out').read_text()}")
                time.sleep(0.05)

    def _run_shell(self, file: Path) -> str:
        if self._shell is None:
            self._shell = self._open(["bash", "--norc", "--noprofile"])
            self._send(self._shell, "set -euo pipefail")
        return self._answer(self._shell, f". {file} < /dev/null > {file}.out 2> {file}.err; echo $?")

    def _run_python(self, file: Path) -> str:
        if self._python is None:
            self._python = self._open([sys.executable, "-u", "-c", _PYTHON])
        return self._answer(self._python, str(file))

    def _open(self, command: list[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @staticmethod
    def _send(process: subprocess.Popen[str], line: str) -> None:
        assert process.stdin is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()

    def _answer(self, process: subprocess.Popen[str], line: str) -> str:
        """Return the line that a process prints after a line of ours; `ended` when it has ended or takes too long."""
        self._send(process, line)
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], MOST_S)
        return process.stdout.readline().strip() or "ended" if ready else "takes too long"
