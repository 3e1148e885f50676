"""Runs the benchmarks: asks okube and each competitor in turn, round after round."""

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

from okube_api.analytics.scope import QuestionScope
from okube_api.bench.bulk import BulkResults, run_bulk
from okube_api.bench.competitors import Competitor, load_competitors
from okube_api.bench.fact_export import export_facts
from okube_api.bench.server import FLOOR, BenchClient, BenchServer
from okube_api.bench.workloads import FIVE_CAMPAIGNS, WORKLOADS, Workload
from okube_api.bench.world import Echo, Size, get_or_create_application
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.http.middleware.access_log import configure_logging
from okube_api.settings import Settings
from okube_api.store.conditions import equal

CLIENTS, LOAD_S = 64, 3.0
_PACKAGES = ("duckdb", "polars", "chdb")
OVER_HTTP, IN_PROCESS, AGAIN, FLOOR_BYTES = OKUBE_SIDES = "over HTTP", "in process", "asked again", "floor"


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Answers per second to many clients at once.  The field names are keys of `benchmarks/results/*.json`.

    work: name of the workload.
    side: `AGAIN` or `FLOOR_BYTES`.
    """

    work: str
    side: str
    clients: int
    a_second: float
    errors: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class BenchmarkResults:
    """Results of a run.  The field names are keys of `benchmarks/results/*.json`.

    times_ms: medians over the rounds, by workload and by side.
    """

    machine: dict[str, Any]
    scale: float
    times_ms: dict[str, dict[str, float]]
    crowds: list[LoadResult] = field(default_factory=list)
    bulk: BulkResults | None = None

    def ratio(self, workload: Workload) -> float | None:
        """Return the time over HTTP divided by that of `workload.against` or, failing that, the fastest competitor.

        None without competitors.
        """
        times = self.times_ms[workload.name]
        if workload.against in times:
            return times[OVER_HTTP] / times[workload.against]
        competitors = [ms for side, ms in times.items() if side not in OKUBE_SIDES]
        return times[OVER_HTTP] / min(competitors) if competitors else None

    def as_json(self) -> bytes:
        """Return the results as stored under `benchmarks/results`."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2)


def run_benchmarks(
    folder: Path, scale: float, rounds: int, names: Sequence[str], *, with_bulk: bool, echo: Echo
) -> BenchmarkResults:
    """Generate the data in `folder` unless it is there, and run the workloads of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    configure_logging("error")
    settings = Settings(store_url=f"duckdb:{folder / f'bench-{scale:g}.duckdb'}", rate_limit=None, log_level="error")
    times: dict[str, dict[str, float]] = {}
    loads: list[LoadResult] = []
    with BenchServer(settings) as server:
        services = server.services
        application = server.run(get_or_create_application(services, folder, Size(scale), echo))
        raw = folder / f"raw-{scale:g}"
        raw.mkdir(exist_ok=True)
        files = server.run(export_facts(services, application, raw))
        campaigns = server.run(services.store.find(CAMPAIGNS, equal("application", application.id)))
        ids = {campaign["key"]: campaign["_id"] for campaign in campaigns}
        echo("loading the rows into the competitors")
        competitors = load_competitors(files, [ids[key] for key in FIVE_CAMPAIGNS])
        client = server.log_in(application.id)
        scope = QuestionScope(application, server.run(services.studies.get(application.id, "all")))
        for workload in (each for each in WORKLOADS if each.name in names):
            times[workload.name] = _measure_in_turn(_build_sides(server, client, competitors, workload, scope), rounds)
            medians = ", ".join(f"{side} {ms:.2f}" for side, ms in times[workload.name].items())
            echo(f"{workload.name} ({workload.question}), ms: {medians}")
            if workload.name in ("A1", "A2"):
                loads += _measure_load(server, client, workload)
                echo("; ".join(f"{load.side}: {load.a_second:,.0f}/s, {load.errors} errors" for load in loads[-2:]))
    bulk = run_bulk(folder, scale, echo) if with_bulk else None
    return BenchmarkResults(_describe_machine(), scale, times, loads, bulk)


# -- in turn -------------------------------------------------------------------------------------------------------

Side = Callable[[], float]
"""Asks once and returns the seconds."""


def _build_sides(
    server: BenchServer,
    client: BenchClient,
    competitors: Sequence[Competitor],
    workload: Workload,
    scope: QuestionScope,
) -> dict[str, Side]:
    def over_http() -> float:
        server.clear_answer_cache()
        return _time(lambda: client.post(workload.path, workload.body))

    def in_process() -> float:
        return server.run(server.ask(workload, scope))[0]

    server.set_floor(client.post(workload.path, workload.body))
    able = [competitor for competitor in competitors if competitor.ask(workload.name) is not None]
    return {
        OVER_HTTP: over_http,
        IN_PROCESS: in_process,
        **{competitor.name: partial(_time, partial(competitor.ask, workload.name)) for competitor in able},
        AGAIN: lambda: _time(lambda: client.post(workload.path, workload.body)),
        FLOOR_BYTES: lambda: _time(lambda: client.post(FLOOR, workload.body)),
    }


def _time(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def _measure_in_turn(sides: dict[str, Side], rounds: int) -> dict[str, float]:
    """Return the median time of each side in ms, without the first round, which warms up."""
    times_ms: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, ask in sides.items():
            times_ms[name].append(ask() * 1000)
    return {name: statistics.median(times[1:]) for name, times in times_ms.items()}


def _measure_load(server: BenchServer, client: BenchClient, workload: Workload) -> list[LoadResult]:
    results = []
    for side, path in ((AGAIN, workload.path), (FLOOR_BYTES, FLOOR)):
        load = {
            "port": server.port,
            "path": path,
            "headers": client.headers,
            "body": orjson.dumps(workload.body).decode(),
            "clients": CLIENTS,
            "seconds": LOAD_S,
        }
        command = [sys.executable, "-m", "okube_api.bench.load"]
        process = subprocess.run(command, input=orjson.dumps(load), stdout=subprocess.PIPE, check=True)
        counts = orjson.loads(process.stdout)
        a_second = counts.pop("answers") / LOAD_S
        results.append(LoadResult(workload.name, side, CLIENTS, a_second, **counts))
    return results


def _describe_machine() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": platform.machine(),
        "cores": cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES if find_spec(name.replace("-", "_")) is not None},
    }
