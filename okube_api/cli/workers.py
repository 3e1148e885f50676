"""Runs several server processes on one socket: starts them, replaces those that die, and stops them together."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from okube_api.http.metrics import FOLDER_VARIABLE, fold_worker, register_worker

REFUSED = 3
"""Exit status of a worker that cannot use the store or the settings; a new one could not either."""

_FIRST_DELAY_S = 1.0
_MOST_DELAY_S = 30.0
_STEADY_S = 60.0  # a worker that ran for so long is replaced after the first delay again
_KILL_AFTER_S = 5.0  # after the grace of the workers

log = structlog.stdlib.get_logger("okube.workers")


class WorkersFailed(ValueError):
    """The workers cannot run, which one of them has explained."""


class WorkerPool:
    """A number of worker processes that accept connections of one socket.

    A worker has a pipe as its standard input, and stops when this process has closed it, such as by being killed.  It
    writes a line to its standard output once it answers.

    listening: the socket.
    count: the number of workers.
    grace_s: how long a worker may take to end its requests.
    on_ready: called once, when all workers answer.
    metrics_folder: folder in which the workers count (`okube_api/http/metrics.py`).
    """

    def __init__(
        self,
        listening: socket.socket,
        count: int,
        *,
        grace_s: float,
        on_ready: Callable[[], None],
        metrics_folder: Path,
    ) -> None:
        self._listening, self._count, self._grace_s = listening, count, grace_s
        self._on_ready, self._metrics_folder = on_ready, metrics_folder
        self._processes: dict[int, Process] = {}
        self._stopping = asyncio.Event()
        self._ready: set[int] = set()

    async def run(self) -> None:
        """Run the workers until SIGINT or SIGTERM.  Raise WorkersFailed when one refuses to run."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._handle_signal, number)
        tasks = [asyncio.create_task(self._keep_running(worker)) for worker in range(1, self._count + 1)]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            self._stop(signal.SIGTERM)
            _, late = await asyncio.wait(tasks, timeout=self._grace_s + _KILL_AFTER_S)
            if late:
                log.warning("workers did not stop in time and are killed", workers=sorted(self._processes))
                self._send(signal.SIGKILL)
                await asyncio.wait(late)
        for task in tasks:
            task.result()

    def _handle_signal(self, number: int) -> None:
        """Stop the workers; a second SIGINT makes them drop their requests."""
        self._stop(signal.Signals(number))

    def _stop(self, number: signal.Signals) -> None:
        self._stopping.set()
        self._send(number)

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep_running(self, worker: int) -> None:
        """Run a worker, and a new one whenever it has died; wait longer each time that it dies soon."""
        loop = asyncio.get_running_loop()
        delay_s = _FIRST_DELAY_S
        while not self._stopping.is_set():
            started_s = loop.time()
            status, pid = await self._run_once(worker)
            if self._stopping.is_set():
                return
            if status == REFUSED or worker not in self._ready:  # a new process would do the same
                raise WorkersFailed("The server stops, because a worker could not start.")
            if loop.time() - started_s >= _STEADY_S:
                delay_s = _FIRST_DELAY_S
            log.error("a worker ended and is replaced", worker=worker, pid=pid, status=status, delayS=delay_s)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)
            delay_s = min(2 * delay_s, _MOST_DELAY_S)

    async def _run_once(self, worker: int) -> tuple[int, int]:
        """Run a process until it ends; return its exit status (negative: the signal that ended it) and its id."""
        descriptor = self._listening.fileno()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "okube_api.cli.worker", str(descriptor)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=None if sys.stderr is not None else DEVNULL,
            pass_fds=(descriptor,),
            env={**os.environ, FOLDER_VARIABLE: str(self._metrics_folder)},
            start_new_session=True,  # Ctrl-C reaches this process only, which passes it on once
        )
        self._processes[worker] = process
        register_worker(self._metrics_folder, worker, process.pid)
        try:
            if self._stopping.is_set():  # the signal came while the process was created
                process.terminate()
            assert process.stdout is not None
            if await process.stdout.readline():
                self._note_ready(worker)
            return await process.wait(), process.pid
        finally:
            del self._processes[worker]
            fold_worker(self._metrics_folder, worker, process.pid)

    def _note_ready(self, worker: int) -> None:
        is_complete = len(self._ready) == self._count
        self._ready.add(worker)
        if not is_complete and len(self._ready) == self._count and not self._stopping.is_set():
            self._on_ready()
