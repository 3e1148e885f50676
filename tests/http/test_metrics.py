"""Counts of several processes in one folder, as `serve --workers` uses it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from okube_api.http.metrics import FOLDER_VARIABLE, create_metrics_folder, fold_worker, list_workers, register_worker

WORKER = """
from okube_api.http.metrics import Metrics
from okube_api import metrics
import os, sys
requests = Metrics()
requests.count_request({"method": "GET", "route": None}, 200, 0.3)
metrics.count_question("presence", "answered", 0.02)
metrics.QUESTIONS_WAITING.labels("large").inc()
sys.stdout.write(requests.render().decode() if sys.argv[1:] else str(os.getpid()))
"""


def count_in_process(folder: Path, *arguments: str) -> str:
    """Count a request and a question in a process of its own; return its id, or with an argument what it renders."""
    command = [sys.executable, "-c", WORKER, *arguments]
    environment = {FOLDER_VARIABLE: str(folder)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_counts_of_all_workers_are_summed() -> None:
    with create_metrics_folder() as folder:
        first = int(count_in_process(folder))
        register_worker(folder, 1, first)
        fold_worker(folder, 1, first)
        assert not [path for path in folder.iterdir() if str(first) in path.name]
        second = int(count_in_process(folder))
        fold_worker(folder, 1, second)
        lines = count_in_process(folder, "render").splitlines()
    assert not folder.exists()
    assert 'okube_requests_total{method="GET",route="none",status="200"} 3.0' in lines
    assert 'okube_request_seconds_bucket{le="0.25",route="none"} 0.0' in lines
    assert 'okube_request_seconds_bucket{le="0.5",route="none"} 3.0' in lines
    assert 'okube_questions_total{module="presence",outcome="answered"} 3.0' in lines
    assert 'okube_questions_waiting{size="large"} 1.0' in lines  # those of processes that have ended do not wait


def test_folders_of_killed_servers_are_removed(tmp_path: Path) -> None:
    abandoned = tmp_path / "okube-metrics-abandoned"
    abandoned.mkdir()
    (abandoned / "owner").touch()
    with create_metrics_folder(tmp_path) as running:
        assert not abandoned.exists()
        with create_metrics_folder(tmp_path):
            assert running.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="the system has no folder in memory")
def test_files_are_not_on_a_disk_which_can_be_full() -> None:
    """Writing to a mapped file on a full disk kills the process."""
    with create_metrics_folder() as folder:
        assert folder.parent == Path("/dev/shm")


def test_workers_that_end_and_start_are_listed_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    register_worker(tmp_path, 1, 11)
    register_worker(tmp_path, 2, 12)
    assert list_workers() == {"1": 11, "2": 12}
    (tmp_path / "1.pid").unlink()
    (tmp_path / "1.pid").symlink_to("missing")  # is in the list of the folder, and gone when it is opened
    assert list_workers() == {"2": 12}
