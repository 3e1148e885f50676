"""Tells where a server spends its processor time, by the stages of docs/architecture.md; samples come from py-spy."""

import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from shutil import which
from sys import executable
from tempfile import TemporaryDirectory

from okube_api.bench.local_server import LocalServer

OTHER = "other"
_STAGES: Mapping[str, tuple[str, ...]] = {
    "fetch": ("okube_api/store/",),
    "plan": ("okube_api/engine/planner.py", "okube_api/engine/sources.py", "okube_api/engine/plan.py"),
    "resolve": (
        "okube_api/analytics/resolve/",
        "okube_api/analytics/places.py",
        "okube_api/analytics/directory.py",
        "okube_api/analytics/resource_cache.py",
    ),
    "answer": (
        "okube_api/analytics/answer.py",
        "okube_api/analytics/table.py",
        "okube_api/analytics/row_block.py",
        "okube_api/analytics/rendering.py",
    ),
    "evaluate": ("okube_api/engine/",),
    "service": ("okube_api/analytics/",),
    "identify": ("okube_api/auth/", "okube_api/api/access.py", "okube_api/applications/", "okube_api/studies/"),
    "HTTP": ("okube_api/http/", "okube_api/api/", "fastapi/", "starlette/", "starlette_compress/", "uvicorn/"),
}
_RATE = 100
_WAITING = "_worker (concurrent/futures/thread.py"  # a thread without work, which py-spy does not know to be idle


def has_sampler() -> bool:
    """Return whether py-spy is installed."""
    return _find_command() is not None


def _find_command() -> str | None:
    beside = Path(executable).with_name("py-spy")
    return str(beside) if beside.exists() else which("py-spy")


class Sampler:
    """Samples the stacks of a server while the block runs; `shares` has the part of each stage afterwards."""

    def __init__(self, server: LocalServer, seconds: float) -> None:
        self._server, self._seconds = server, seconds
        self._folder = TemporaryDirectory()
        self.shares: dict[str, float] = {}

    def __enter__(self) -> "Sampler":
        self._path = Path(self._folder.name) / "stacks.txt"
        options = ["--format", "raw", "--rate", str(_RATE), "--duration", str(max(round(self._seconds), 1))]
        command = [_find_command() or "py-spy", "record", "--pid", str(self._server.process), *options]
        self._process = subprocess.Popen(
            [*command, "--output", str(self._path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.wait()
        if self._path.exists():
            self.shares = sum_stages(self._path.read_text(encoding="utf-8").splitlines())
        self._folder.cleanup()


def sum_stages(lines: Iterable[str]) -> dict[str, float]:
    """Return the part of the samples in each stage, the largest first.

    lines: stacks as py-spy writes them: frames separated by semicolons, the innermost last, and the number of samples.
    """
    counts: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        if _WAITING not in stack.rpartition(";")[2]:
            counts[name_stage(stack)] += int(count)
    total = counts.total()
    return {stage: count / total for stage, count in counts.most_common()}


def name_stage(stack: str) -> str:
    """Return the stage of a stack: that of its innermost frame which belongs to one."""
    for frame in reversed(stack.split(";")):
        for stage, paths in _STAGES.items():
            if any(f"({path}" in frame for path in paths):
                return stage
    return OTHER
