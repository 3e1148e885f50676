"""The benchmarks themselves: every side asked in turn, round after round, and what came of it."""

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from os import cpu_count
from pathlib import Path
from typing import Any

import orjson

from okube_api.analytics.scope import Subject
from okube_api.bench.bulk import Bulk, bulk
from okube_api.bench.competitors import Peer, peers
from okube_api.bench.server import FLOOR, Client, Product
from okube_api.bench.fact_export import exported
from okube_api.bench.workloads import FIVE, WORKS, Work
from okube_api.bench.world import Say, Size, filled
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.http.middleware.access_log import configure_logging
from okube_api.kit.application import Application
from okube_api.settings import Settings
from okube_api.store.base import equal

CLIENTS, CROWD_S = 64, 3.0
_PEERS = ("duckdb", "polars", "chdb")
OVER_HTTP, IN_PROCESS, AGAIN, READY = "over HTTP", "in process", "asked again", "floor"


@dataclass(frozen=True, slots=True)
class Crowd:
    """Answers a second to many clients at once.  fresh: each answer found anew; else from memory."""

    work: str
    side: str
    clients: int
    a_second: float
    errors: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found.

    times_ms: by work, by side: the median of its rounds.
    """

    machine: dict[str, Any]
    scale: float
    times_ms: dict[str, dict[str, float]]
    crowds: list[Crowd] = field(default_factory=list)
    bulk: Bulk | None = None

    def ratio(self, work: Work) -> float | None:
        """The product's time over HTTP in times of the one it is held against; None without one."""
        times = self.times_ms[work.name]
        if work.against in times:
            return times[OVER_HTTP] / times[work.against]
        others = [ms for side, ms in times.items() if side not in (OVER_HTTP, IN_PROCESS, AGAIN, READY)]
        return times[OVER_HTTP] / min(others) if others else None

    def as_json(self) -> bytes:
        """The whole, as kept under `benchmarks/results`."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2)


def run(folder: Path, scale: float, rounds: int, names: Sequence[str], *, with_bulk: bool, say: Say) -> Found:
    """Makes the data (once, in `folder`), and runs the works of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    works = [work for work in WORKS if work.name in names]
    configure_logging("error")
    settings = Settings(store_url=f"duckdb:{folder / f'bench-{scale:g}.duckdb'}", rate_limit=None, log_level="error")
    times: dict[str, dict[str, float]] = {}
    crowds: list[Crowd] = []
    with Product(settings) as product:
        application = product.run(filled(product.services, folder, Size(scale), say))
        raw = folder / f"raw-{scale:g}"
        raw.mkdir(exist_ok=True)
        files = product.run(exported(product.services, application, raw))
        campaigns = {one["key"]: one["_id"] for one in product.run(_campaigns(product, application))}
        say("reading the rows for those beside it")
        others = peers(files, [campaigns[key] for key in FIVE])
        client = product.log_in(application.id)
        subject = product.run(_subject(product, application))
        for work in works:
            sides = _sides(product, client, others, work, subject)
            times[work.name] = _in_turn(sides, rounds)
            said = ", ".join(f"{side} {ms:.2f}" for side, ms in times[work.name].items())
            say(f"{work.name} ({work.about}), ms: {said}")
            if work.name in ("A1", "A2"):
                crowds += _crowds(product, client, work)
                say("; ".join(f"{one.side}: {one.a_second:,.0f}/s, {one.errors} errors" for one in crowds[-2:]))
    made = bulk(folder, scale, say) if with_bulk else None
    return Found(_machine(), scale, times, crowds, made)


async def _campaigns(product: Product, application: Application) -> list[Any]:
    return await product.services.store.find(CAMPAIGNS, equal("application", application.id))


async def _subject(product: Product, application: Application) -> Subject:
    return Subject(application, await product.services.studies.get(application.id, "all"))


# -- in turn -------------------------------------------------------------------------------------------------------

Side = Callable[[], float]
"""Asks once; seconds."""


def _sides(product: Product, client: Client, others: Sequence[Peer], work: Work, subject: Subject) -> dict[str, Side]:
    def over_http() -> float:
        product.forget()
        return _timed(lambda: client.post(work.path, work.body))

    def in_process() -> float:
        return product.run(product.ask(work, subject))[0]

    product.floor_of(client.post(work.path, work.body))
    known = [peer for peer in others if peer.ask(work.name) is not None]
    return {
        OVER_HTTP: over_http,
        IN_PROCESS: in_process,
        **{peer.name: partial(_timed, partial(peer.ask, work.name)) for peer in known},
        AGAIN: lambda: _timed(lambda: client.post(work.path, work.body)),
        READY: lambda: _timed(lambda: client.post(FLOOR, work.body)),
    }


def _timed(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def _in_turn(sides: dict[str, Side], rounds: int) -> dict[str, float]:
    """The median of each side's times in ms; the first round warms up."""
    took: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, ask in sides.items():
            took[name].append(ask() * 1000)
    return {name: statistics.median(found[1:]) for name, found in took.items()}


def _crowds(product: Product, client: Client, work: Work) -> list[Crowd]:
    found = []
    for side, path in ((AGAIN, work.path), (READY, FLOOR)):
        asked = {
            "port": product.port,
            "path": path,
            "headers": client.headers,
            "body": orjson.dumps(work.body).decode(),
            "clients": CLIENTS,
            "seconds": CROWD_S,
        }
        command = [sys.executable, "-m", "okube_api.bench.load"]
        done = subprocess.run(command, input=orjson.dumps(asked), stdout=subprocess.PIPE, check=True)
        told = orjson.loads(done.stdout)
        a_second = told.pop("answers") / CROWD_S
        found.append(Crowd(work.name, side, CLIENTS, a_second, **told))
    return found


def _machine() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": platform.machine(),
        "cores": cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PEERS if find_spec(name.replace("-", "_")) is not None},
    }
