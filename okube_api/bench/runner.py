"""Runs the benchmarks: asks okube and each competitor in turn, round after round."""

import platform
import subprocess
import sys
from collections.abc import Collection, Sequence
from contextlib import ExitStack
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
from okube_api.bench.bulk import BULK_WORKLOADS, BulkResults, run_bulk
from okube_api.bench.competitors import Competitor, load_competitors
from okube_api.bench.fact_export import export_facts
from okube_api.bench.growth import Growth, run_growth, store_path
from okube_api.bench.live import LIVE_WORKLOADS, LiveRun, copy_store, run_live
from okube_api.bench.mongo import MongoResults, MongoRun, run_mongo
from okube_api.bench.mongo_database import BenchDatabase
from okube_api.bench.numbers import RESULT_TABLES, check_equal, read_answer, read_rows
from okube_api.bench.semantic_layers import load_semantic_layers
from okube_api.bench.server import FLOOR, BenchClient, BenchServer
from okube_api.bench.turns import IN_PROCESS, OVER_HTTP, Side, measure_in_turn, time_call
from okube_api.bench.workloads import FIVE_CAMPAIGNS, WORKLOADS, Workload
from okube_api.bench.world import Echo, Size, create_small_applications, get_or_create_application
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.http.middleware.access_log import configure_logging
from okube_api.kit.application import Application
from okube_api.settings import Settings
from okube_api.store.conditions import equal

CLIENTS, LOAD_S = 64, 3.0
_LOADED = ("A1", "A2")
MONGO_WORKLOAD, GROWTH_WORKLOAD = "mongo", "growth"
ALL_WORKLOADS = (
    *(workload.name for workload in WORKLOADS),
    *LIVE_WORKLOADS,
    MONGO_WORKLOAD,
    *sorted(BULK_WORKLOADS),
    GROWTH_WORKLOAD,
)
"""The names of all workloads, in the order in which they run."""
_PACKAGES = ("duckdb", "polars", "chdb")
_PROCESS_MEMORY_MB = 64 * 1024
AGAIN, FLOOR_BYTES = "asked again", "floor"
OKUBE_SIDES = (OVER_HTTP, IN_PROCESS, AGAIN, FLOOR_BYTES)


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


@dataclass(slots=True)
class BenchmarkResults:
    """Results of a run.  The field names are keys of `benchmarks/results/*.json`.

    times_ms: medians over the rounds, by workload and by side.
    equal_numbers: how many numbers were compared with those of okube, by workload and competitor; all were equal.
    live: results of `live.LIVE_WORKLOADS`, by name.
    """

    machine: dict[str, Any]
    scale: float
    times_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    equal_numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    live: dict[str, Any] = field(default_factory=dict)
    crowds: list[LoadResult] = field(default_factory=list)
    mongo: MongoResults | None = None
    growth: Growth | None = None
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


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What to run.

    folder: has the data, which are generated unless they are there.
    names: those of the workloads.
    rounds: number of times that each system answers each question.
    seconds: how long clients and collectors send.
    growth_scales: scales of the workload `growth`, in ascending order.
    mongo_url: server of the workload `mongo`, and perhaps a database on it that does not exist.
    keep_database: whether that database is left there.
    """

    folder: Path
    scale: float
    names: Collection[str]
    rounds: int
    seconds: float
    growth_scales: Sequence[float]
    mongo_url: str | None = None
    keep_database: bool = False


def run_benchmarks(options: RunOptions, echo: Echo) -> BenchmarkResults:
    """Generate the data unless they are there, and run the workloads.

    Raise NumbersDiffer when a competitor returns another number than okube, and DatabaseRefused when the database of
    `mongo_url` cannot be created.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    configure_logging("error")
    results = BenchmarkResults(_describe_machine(), options.scale)
    # The memory limit of a server alone would stop questions: this process holds the rows of the competitors, too.
    settings = Settings(rate_limit=None, log_level="error", process_memory_mb=_PROCESS_MEMORY_MB)
    with ExitStack() as stack:
        database = None
        if MONGO_WORKLOAD in options.names and options.mongo_url is not None:
            database = stack.enter_context(BenchDatabase(options.mongo_url, keep=options.keep_database))
            echo(f"mongo: the database of this run is {database.name}")
        if set(options.names) != {GROWTH_WORKLOAD}:
            _run_at_scale(results, options, settings, database, echo)
    if GROWTH_WORKLOAD in options.names:
        results.growth = run_growth(options.folder, options.growth_scales, settings, options.rounds, echo)
    return results


def _run_at_scale(
    results: BenchmarkResults, options: RunOptions, settings: Settings, database: BenchDatabase | None, echo: Echo
) -> None:
    """Run all workloads but `growth`."""
    folder, names, size = options.folder, options.names, Size(options.scale)
    store = store_path(folder, options.scale)
    with BenchServer(settings.model_copy(update={"store_url": f"duckdb:{store}"})) as server:
        services = server.services
        application = server.run(get_or_create_application(services, folder, size, echo))
        if "request" in names:
            server.run(create_small_applications(services, folder, size, echo))
        questions = [workload for workload in WORKLOADS if workload.name in names]
        if questions:
            facts = folder / f"facts-{options.scale:g}"
            _compare(results, server, application, facts, questions, rounds=options.rounds, echo=echo)
    results.live.update(run_live(names, LiveRun(store, options.seconds, options.rounds, echo)))
    if database is not None:
        with copy_store(store) as copy:
            results.mongo = run_mongo(MongoRun(database, copy, settings, size, options.rounds, options.seconds, echo))
    if BULK_WORKLOADS & set(names):
        results.bulk = run_bulk(folder, options.scale, names, echo)


def _compare(
    results: BenchmarkResults,
    server: BenchServer,
    application: Application,
    facts: Path,
    questions: Sequence[Workload],
    *,
    rounds: int,
    echo: Echo,
) -> None:
    """Check that okube and its competitors return the same numbers, and time each question in turns."""
    services = server.services
    facts.mkdir(exist_ok=True)
    files = server.run(export_facts(services, application, facts))
    campaigns = server.run(services.store.find(CAMPAIGNS, equal("application", application.id)))
    ids = {campaign["key"]: campaign["_id"] for campaign in campaigns}
    echo("loading the rows into the competitors")
    competitors = [*load_competitors(files, [ids[key] for key in FIVE_CAMPAIGNS]), *load_semantic_layers(facts)]
    results.machine["competitors"] = [competitor.name for competitor in competitors]
    try:
        client = server.log_in(application.id)
        scope = server.build_scope(application)
        for workload in questions:
            able = _check_numbers(results, client, competitors, workload)
            times = measure_in_turn(_build_sides(server, client, able, workload, scope), rounds)
            results.times_ms[workload.name] = times
            medians = ", ".join(f"{side} {ms:.2f}" for side, ms in times.items())
            echo(f"{workload.name} ({workload.question}), ms: {medians}")
            if workload.name in _LOADED:
                loads = _measure_load(server, client, workload)
                results.crowds.extend(loads)
                echo("; ".join(f"{load.side}: {load.a_second:,.0f}/s, {load.errors} errors" for load in loads))
    finally:
        for competitor in competitors:
            competitor.close()


def _check_numbers(
    results: BenchmarkResults, client: BenchClient, competitors: Sequence[Competitor], workload: Workload
) -> list[Competitor]:
    """Return the competitors that answer a workload; record how many numbers each was compared by."""
    answer, counts = read_answer(client.post(workload.path, workload.body)), {}
    for competitor in competitors:
        if (rows := competitor.ask(workload.name)) is not None:
            numbers = read_rows(RESULT_TABLES[workload.name], rows.rows_by_table)
            counts[competitor.name] = check_equal(workload.name, competitor.name, answer, numbers)
    results.equal_numbers[workload.name] = counts
    return [competitor for competitor in competitors if competitor.name in counts]


# -- in turn -------------------------------------------------------------------------------------------------------


def _build_sides(
    server: BenchServer,
    client: BenchClient,
    competitors: Sequence[Competitor],
    workload: Workload,
    scope: QuestionScope,
) -> dict[str, Side]:
    uncached = server.build_sides(client, workload, scope)
    server.set_floor(client.post(workload.path, workload.body))
    return {
        OVER_HTTP: uncached[OVER_HTTP],
        IN_PROCESS: uncached[IN_PROCESS],
        **{competitor.name: partial(_time_competitor, competitor, workload.name) for competitor in competitors},
        AGAIN: lambda: time_call(lambda: client.post(workload.path, workload.body)),
        FLOOR_BYTES: lambda: time_call(lambda: client.post(FLOOR, workload.body)),
    }


def _time_competitor(competitor: Competitor, workload: str) -> float:
    answer = competitor.ask(workload)
    assert answer is not None
    return answer.seconds


def _measure_load(server: BenchServer, client: BenchClient, workload: Workload) -> list[LoadResult]:
    results = []
    for side, path in ((AGAIN, workload.path), (FLOOR_BYTES, FLOOR)):
        load = {
            "ports": [server.port],
            "headers": client.headers,
            "requests": [{"label": side, "path": path, "body": orjson.dumps(workload.body).decode()}],
            "clients": CLIENTS,
            "seconds": LOAD_S,
        }
        command = [sys.executable, "-m", "okube_api.bench.load"]
        process = subprocess.run(command, input=orjson.dumps(load), stdout=subprocess.PIPE, check=True)
        counts = orjson.loads(process.stdout)
        a_second = counts["answers"] / counts["seconds"]
        measures = {name: counts[name] for name in ("errors", "p50_ms", "p99_ms")}
        results.append(LoadResult(workload.name, side, CLIENTS, a_second, **measures))
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
