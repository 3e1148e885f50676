"""Workers that do not behave: each is a shell script in the place of a server."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from okube_api.cli import workers
from okube_api.cli.workers import WorkerPool, WorkersFailed

pytestmark = pytest.mark.anyio


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """Yield a socket that listens."""
    with socket.create_server(("127.0.0.1", 0)) as created:
        yield created


def set_worker(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Run this script instead of a worker."""
    program = folder / "worker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(workers, "_KILL_AFTER_S", 0.1)


def has_workers(folder: Path) -> bool:
    """Return whether a worker is noted in the folder of the metrics."""
    return any(folder.glob("*.pid"))


async def test_worker_that_does_not_stop_is_killed(
    listening: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_worker(monkeypatch, tmp_path, "trap '' TERM; echo ready; exec sleep 60")
    started_s = time.monotonic()
    pool = WorkerPool(
        listening, 2, grace_s=0.1, on_ready=lambda: os.kill(os.getpid(), signal.SIGTERM), metrics_folder=tmp_path
    )
    await pool.run()
    assert time.monotonic() - started_s < 30
    assert not has_workers(tmp_path)


async def test_other_workers_stop_when_one_cannot_start(
    listening: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_worker(monkeypatch, tmp_path, f"mkdir {tmp_path}/first && exit 1; echo ready; exec sleep 60")
    with pytest.raises(WorkersFailed):
        await WorkerPool(listening, 2, grace_s=0.1, on_ready=lambda: None, metrics_folder=tmp_path).run()
    assert not has_workers(tmp_path)
