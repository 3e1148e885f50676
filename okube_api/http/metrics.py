"""Counts requests, and renders all metrics in the Prometheus format; several workers share the files of a folder."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import Scope

from okube_api import metrics

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable with the folder of the files; prometheus_client reads it when it is imported."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)  # few: each is a line for each route
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MODULES = {  # by a segment of the route; `levers` and the like come after `conversions`
    "geo-marketing": "geo-marketing",
    "conversions": "conversion",
    "presence": "presence",
    "performance": "performance",
}
_OUTCOMES = {0: "disconnected", 200: "answered", 202: "job", 304: "unchanged", 503: "unavailable"}
_PREFIX = "okube-metrics-"  # of folders
_ENDED = "ended"  # in the names of files: the sums of workers that have ended

disable_created_metrics()  # a line for each series, which nothing reads and several workers do not have


class Metrics:
    """Request counts and durations by route template, method and status.

    Templates instead of paths: a caller cannot create new time series.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "okube_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "okube_request_seconds",
            "Time to the end of the answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )

        # A look-up of labels takes several times as long as counting.
        self._count = cache(lambda method, route, status: self._requests.labels(method, route, str(status)))
        self._time = cache(self._seconds.labels)

    def count_request(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request; status 0 means that the client disconnected before an answer."""
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._count(method, route, status).inc()
        self._time(route).observe(seconds)
        if (module := _find_module(route)) is not None:
            metrics.count_question(module, _OUTCOMES.get(status) or _describe_status(status), seconds)

    def render(self, collectors: Iterable[Collector] = ()) -> bytes:
        """Return the metrics of all workers, and of further collectors, as text for Prometheus."""
        further = CollectorRegistry(auto_describe=False)
        for collector in (ProcessMetrics(), *collectors):
            further.register(collector)
        folder = os.environ.get(FOLDER_VARIABLE)
        if folder is None:
            counted = generate_latest(self._registry) + generate_latest(metrics.REGISTRY)
        else:
            shared = CollectorRegistry()
            MultiProcessCollector(shared, path=folder)
            with _lock_folder(Path(folder), fcntl.LOCK_SH):
                counted = generate_latest(shared)
        return counted + generate_latest(further)


class ProcessMetrics(Collector):
    """Memory, processor time and open files of each worker, read from the system when they are asked for."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the processes, with the number of the worker as label."""
        families: dict[str, Metric] = {}
        for worker, pid in list_workers().items():
            collector = ProcessCollector(pid=partial(int, pid), registry=None)
            for family in collector.collect():
                shared = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    shared.add_sample(sample.name, {**sample.labels, "worker": worker}, sample.value)
        yield from families.values()


def list_workers() -> dict[str, int]:
    """Return the process id of each worker that runs, by its number; without several workers, this process is 1."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return {"1": os.getpid()}
    workers = {}
    for path in sorted(Path(folder).glob("*.pid")):
        with suppress(FileNotFoundError):  # the worker has just ended
            workers[path.stem] = int(path.read_text())
    return workers


@cache
def _find_module(route: str) -> str | None:
    """Return the module of the questions of a route, None for other routes."""
    if not route.endswith("/analytics"):
        return None
    return next((_MODULES[segment] for segment in route.split("/") if segment in _MODULES), None)


def _describe_status(status: int) -> str:
    return "failed" if status >= 500 else "refused"


# -- the folder of several workers


@contextmanager
def create_metrics_folder(parent: Path | None = None) -> Iterator[Path]:
    """Yield a folder for the files of the workers, whose environment names it; remove it at the end.

    Folders of servers that were killed are removed, too: nobody holds the lock of their file `owner`.
    parent: where to create the folder, else in memory where the system has such a folder.
    """
    parent = parent or _choose_parent()
    for abandoned in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError), (abandoned / "owner").open("rb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(abandoned, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=parent))
    with (draft / "owner").open("wb") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        folder = draft.rename(parent / draft.name.removeprefix("."))  # once locked: other servers leave it alone
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _choose_parent() -> Path:
    """Return a folder in memory, else that of temporary files.

    The workers write to mapped files: on a full disk, the system would kill them (SIGBUS).
    """
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it has a random name and mode 0700
    return memory if os.access(memory, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def register_worker(folder: Path, worker: int, pid: int) -> None:
    """Note the process of a worker, whose memory and processor time are then shown."""
    draft = folder / f"{worker}.draft"
    draft.write_text(str(pid))
    draft.rename(folder / f"{worker}.pid")  # at once, because workers may read it at any time


def fold_worker(folder: Path, worker: int, pid: int) -> None:
    """Add the counts of a worker that has ended to those of earlier ones, and delete its files.

    The counts stay, because a sum that decreases looks like a start of the whole server.
    """
    (folder / f"{worker}.pid").unlink(missing_ok=True)
    with _lock_folder(folder, fcntl.LOCK_EX):
        for kind in ("counter", "histogram"):
            path = folder / f"{kind}_{pid}.db"
            if path.exists():
                _add_file(path, folder / f"{kind}_{_ENDED}.db")
        for path in folder.glob(f"*_{pid}.db"):
            path.unlink()


def _add_file(source: Path, target: Path) -> None:
    sums = MmapedDict(str(target))
    try:
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(source)):
            earlier, _ = sums.read_value(key)
            sums.write_value(key, earlier + value, timestamp)
    finally:
        sums.close()


@contextmanager
def _lock_folder(folder: Path, operation: int) -> Iterator[None]:
    """Hold a lock, so that a sum has the counts of an ended worker exactly once."""
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, operation)
        yield
