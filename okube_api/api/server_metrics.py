"""Measures what is not counted but read when Prometheus asks: the store, batches, jobs, disk, limits, the version."""

import asyncio
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from okube_api import CONTRACT_VERSION, __version__
from okube_api.api.container import Services
from okube_api.http.metrics import list_workers
from okube_api.ingest.batches import BATCHES, State
from okube_api.jobs.repository import JOBS, JobState
from okube_api.store import EMBEDDED_SCHEME
from okube_api.store.conditions import equal
from okube_api.store.errors import StoreError
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection

COUNT_INTERVAL_S = 15.0
"""How long counts of documents are used again, so that frequent scrapes do not cost the store more."""


@dataclass(eq=False)
class ServerMetrics(Collector):
    """The measures of one scrape."""

    families: list[Metric] = field(default_factory=list)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield from self.families

    def add(self, name: str, description: str, value: float, **labels: str) -> None:
        """Add a sample to the gauge of this name."""
        family = next((each for each in self.families if each.name == name), None)
        if family is None:
            family = GaugeMetricFamily(name, description)
            self.families.append(family)
        family.add_sample(name, labels, value)


@dataclass(slots=True)
class StoreFigures:
    """What takes several calls of the store: figures that are read again after `COUNT_INTERVAL_S`."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    read_at_s: float = -COUNT_INTERVAL_S

    async def read(self, store: Store) -> tuple[dict[tuple[str, str], int], Mapping[str, int]]:
        """Return the number of documents by kind and state, and the size of each part of the store."""
        if time.monotonic() - self.read_at_s >= COUNT_INTERVAL_S:
            keys = [(name, collection, state) for name, collection, states in _COUNTED for state in states]
            counts = await asyncio.gather(*(store.count(each, equal("state", state)) for _, each, state in keys))
            self.counts = {(name, state): count for (name, _, state), count in zip(keys, counts, strict=True)}
            self.sizes = await store.measure_bytes()
            self.read_at_s = time.monotonic()
        return self.counts, self.sizes


_COUNTED: tuple[tuple[str, Collection, Sequence[str]], ...] = (
    ("batches", BATCHES, tuple(State)),
    ("jobs", JOBS, tuple(JobState)),
)


async def measure_server(services: Services, figures: StoreFigures) -> ServerMetrics:
    """Return the measures of this moment.  A store that does not answer is a measure, too."""
    measured = ServerMetrics()
    labels = {"version": __version__, "contract": CONTRACT_VERSION, "python": platform.python_version()}
    measured.add("okube_build_info", "Version of the server; the value is always 1.", 1, **labels)
    measured.add("okube_workers", "Processes that answer requests.", len(list_workers()))
    limit = services.settings.process_memory_mb * 2**20
    measured.add("okube_memory_limit_bytes", "Memory of a worker beyond which questions are stopped.", limit)
    await _measure_store(measured, services, figures)
    for folder, path in _list_folders(services).items():
        with suppress(OSError):
            usage = shutil.disk_usage(path)
            measured.add("okube_disk_free_bytes", "Free space of the disk of a folder.", usage.free, folder=folder)
            measured.add("okube_disk_size_bytes", "Size of the disk of a folder.", usage.total, folder=folder)
    return measured


async def _measure_store(measured: ServerMetrics, services: Services, figures: StoreFigures) -> None:
    started_s = time.perf_counter()
    is_up = False
    with suppress(StoreError):
        await services.store.ping()
        is_up = True
        seconds = time.perf_counter() - started_s
        measured.add("okube_store_ping_seconds", "Time that the store took to answer a ping.", seconds)
        counted, sizes = await figures.read(services.store)
        for (name, state), count in counted.items():
            measured.add(f"okube_{name}", f"Number of {name} by state.", count, state=state)
        for part, size in sizes.items():
            measured.add("okube_store_size_bytes", "Size of a part of the store on disk.", size, part=part)
    measured.add("okube_store_up", "Whether the store answers: 1 or 0.", is_up)


def _is_embedded(services: Services) -> bool:
    url = services.settings.store_url
    return url.startswith(EMBEDDED_SCHEME) and url != f"{EMBEDDED_SCHEME}:memory:"


def _list_folders(services: Services) -> dict[str, Path]:
    folders = {"data": services.settings.data_folder} if _is_embedded(services) else {}
    with suppress(FileNotFoundError):  # every disk is full
        folders["temporary"] = Path(tempfile.gettempdir())
    return folders
