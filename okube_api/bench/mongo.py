"""Compares okube on a MongoDB-compatible server with okube on the embedded store: the same data, in the same run.

Both stores must return the same bytes for every question, before and after small batches of events.
"""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from okube_api.applications.repository import APPLICATIONS
from okube_api.auth.secret import load_secret_key
from okube_api.bench.collectors import generate_bodies
from okube_api.bench.fact_export import export_facts
from okube_api.bench.live import BATCH_SIZES, ask_different_questions, describe_load, read_cpu_s
from okube_api.bench.local_server import run_local_server
from okube_api.bench.mongo_database import BenchDatabase
from okube_api.bench.numbers import RESULT_TABLES, NumbersDiffer, check_equal, read_answer, read_rows
from okube_api.bench.server import BenchClient, BenchServer
from okube_api.bench.turns import Side, measure_in_turn, time_call
from okube_api.bench.workloads import WORKLOADS
from okube_api.bench.world import EMPTY_KEY, KEY, Echo, Size, create_empty_application, load_events
from okube_api.campaigns.repository import CAMPAIGNS, LEVERS
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.kit.application import Application
from okube_api.settings import Settings
from okube_api.sites.repository import SITES
from okube_api.store.conditions import EVERYTHING
from okube_api.store.protocol import Store
from okube_api.studies.repository import STUDIES

EMBEDDED, MONGODB = "embedded", "MongoDB"
PIPELINE = "plain pipeline"
WARM_GOAL, PIPELINE_GOAL = 1.2, 300
PIPELINE_WORKLOAD = "A1"
_COPIED = (APPLICATIONS, SITES, EQUIPMENTS, LEVERS, CAMPAIGNS, STUDIES)
_TURNS = 2


@dataclass(slots=True)
class MongoResults:
    """Results of the workload.  The field names are keys of `benchmarks/results/*.json`.

    server: version that the MongoDB-compatible server says it has.
    ingested_a_second: events a second from a file until they are visible on MongoDB, by kind.
    equal_bytes: length of the answer that both stores return, by workload.
    times_ms: medians by workload, by store, and by `turns.OVER_HTTP`, `IN_PROCESS` and `PROCESSOR`.
    raw_documents, pipeline_ms: number of raw stays, and the median time of the plain pipeline on them (A1).
    batches_ms: medians until the 201 by application, store and number of stays in the request.
    processes: answers a second and processor time of an answer (`cpu_ms`) by number of server processes.
    """

    server: str
    ingested_a_second: dict[str, float] = field(default_factory=dict)
    equal_bytes: dict[str, int] = field(default_factory=dict)
    times_ms: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    raw_documents: int = 0
    pipeline_ms: float = 0.0
    batches_ms: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    processes: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MongoRun:
    """What the workload needs.

    database: a new one on the server.
    folder: has a copy of the embedded store, `okube.duckdb`, and its key; everything is written there.
    settings: those of the servers, but for the store.
    seconds: how long the clients ask one or two servers.
    """

    database: BenchDatabase
    folder: Path
    settings: Settings
    size: Size
    rounds: int
    seconds: float
    echo: Echo


def run_mongo(run: MongoRun) -> MongoResults:
    """Load the data of the embedded store into the database, and time both.

    Raise NumbersDiffer when they do not return the same bytes, or when the plain pipeline returns another number.
    """
    results = MongoResults(run.database.read_version())
    embedded_settings = run.settings.model_copy(update={"store_url": f"duckdb:{run.folder / 'okube.duckdb'}"})
    secret = load_secret_key(embedded_settings).decode()
    mongo_settings = run.settings.model_copy(update={"store_url": run.database.url, "secret_key": SecretStr(secret)})
    with BenchServer(embedded_settings) as embedded, BenchServer(mongo_settings) as mongo:
        servers = {EMBEDDED: embedded, MONGODB: mongo}
        application = _load(results, servers, run)
        clients = {name: server.log_in(application.id, editor=True) for name, server in servers.items()}
        results.equal_bytes = check_same_answers(clients)
        run.echo(f"mongo: the same bytes from both stores: {', '.join(results.equal_bytes)}")
        facts = embedded.run(export_facts(embedded.services, application, run.folder))
        results.raw_documents = run.database.load_raw_stays(facts["stays"])
        _compare_questions(results, servers, clients, application, run)
        for key in (KEY, EMPTY_KEY):
            results.batches_ms[key] = _time_batches(servers, key, run)
        check_same_answers(clients)
    _compare_processes(results, {"OKUBE_STORE_URL": run.database.url, "OKUBE_SECRET_KEY": secret}, run)
    return results


def _load(results: MongoResults, servers: Mapping[str, BenchServer], run: MongoRun) -> Application:
    """Load resources and events into MongoDB; return the application with all events."""
    source, target = servers[EMBEDDED], servers[MONGODB]
    source.run(create_empty_application(source.services, run.folder, run.echo))
    target.run(copy_documents(source.services.store, target.services.store))
    application = Application.from_document(target.run(target.services.applications.get_by_name(KEY)))
    results.ingested_a_second = target.run(
        load_events(target.services, application, run.folder, run.size.events, run.echo)
    )
    return application


async def copy_documents(source: Store, target: Store) -> None:
    """Copy the resources of a store with their ids, so that answers, which have ids, may be equal byte for byte."""
    for collection in _COPIED:
        await target.insert(collection, await source.find(collection, EVERYTHING))


def check_same_answers(clients: Mapping[str, BenchClient]) -> dict[str, int]:
    """Ask all questions; return the length of each answer by workload.

    Raise NumbersDiffer for the first whose bytes are not the same on both stores.
    """
    lengths = {}
    for workload in WORKLOADS:
        embedded, mongo = (clients[name].post(workload.path, workload.body) for name in (EMBEDDED, MONGODB))
        if embedded != mongo:
            at = next((at for at, (a, b) in enumerate(zip(embedded, mongo, strict=False)) if a != b), len(embedded))
            texts = (f"{answer[max(at - 40, 0) : at + 40]!r}" for answer in (mongo, embedded))
            raise NumbersDiffer(f"{workload.name}: {MONGODB} returns {' and the embedded store '.join(texts)}.")
        lengths[workload.name] = len(embedded)
    return lengths


def _compare_questions(
    results: MongoResults,
    servers: Mapping[str, BenchServer],
    clients: Mapping[str, BenchClient],
    application: Application,
    run: MongoRun,
) -> None:
    """Time all questions on both stores in turns, and one of them by the plain pipeline, too."""
    scopes = {name: server.build_scope(application) for name, server in servers.items()}
    for workload in WORKLOADS:
        sides: dict[tuple[str, str], Side] = {
            (name, side): ask
            for name, server in servers.items()
            for side, ask in server.build_sides(clients[name], workload, scopes[name]).items()
        }
        if workload.name == PIPELINE_WORKLOAD:
            answer = read_answer(clients[MONGODB].post(workload.path, workload.body))
            rows = run.database.ask(workload.name).rows_by_table
            check_equal(workload.name, PIPELINE, answer, read_rows(RESULT_TABLES[workload.name], rows))
            sides[PIPELINE, PIPELINE] = lambda: run.database.ask(PIPELINE_WORKLOAD).seconds
        times_ms = measure_in_turn(sides, run.rounds)
        results.pipeline_ms = times_ms.pop((PIPELINE, PIPELINE), results.pipeline_ms)
        medians: dict[str, dict[str, float]] = {EMBEDDED: {}, MONGODB: {}}
        for (name, side), ms in times_ms.items():
            medians[name][side] = ms
        results.times_ms[workload.name] = medians
        cells = (f"{side} {medians[EMBEDDED][side]:.2f} and {ms:.2f}" for side, ms in medians[MONGODB].items())
        run.echo(f"mongo {workload.name}, ms on the embedded store and on MongoDB: {', '.join(cells)}")
    run.echo(f"mongo: plain pipeline on {results.raw_documents:,} documents: {results.pipeline_ms:.0f} ms")


def _time_batches(servers: Mapping[str, BenchServer], key: str, run: MongoRun) -> dict[str, dict[str, float]]:
    """Send the same small batches to both stores in turns; return the medians by store and number of stays."""
    stays = chain.from_iterable(body.splitlines() for _, body in generate_bodies(len(key)))
    medians: dict[str, dict[str, float]] = {name: {} for name in servers}
    clients = {}
    for name, server in servers.items():
        application = server.run(server.services.applications.get_by_name(key))
        clients[name] = server.log_in(application["_id"], editor=True)
    for count in BATCH_SIZES:
        bodies = [b"\n".join(islice(stays, count)) for _ in range(run.rounds + 1)]
        remaining = {name: iter(bodies) for name in clients}

        def send(name: str, remaining: Mapping[str, Any] = remaining) -> float:
            body = next(remaining[name])
            return time_call(lambda: clients[name].send_events(key, "stays", body))

        times_ms = measure_in_turn({name: partial(send, name) for name in clients}, run.rounds)
        for name, ms in times_ms.items():
            medians[name][str(count)] = ms
    for name, by_count in medians.items():
        run.echo(
            f"mongo, batches into {key} on {name}: " + ", ".join(f"{n}: {ms:.0f} ms" for n, ms in by_count.items())
        )
    return medians


def _compare_processes(results: MongoResults, environment: Mapping[str, str], run: MongoRun) -> None:
    """Time 16 clients that ask different questions of one server process, and of two on the same database, in turns."""
    with (
        run_local_server(run.folder, environment) as first,
        run_local_server(run.folder, environment) as second,
    ):
        seeds = iter(range(2 + 2 * _TURNS))
        for server in (first, second):  # loads what the questions need
            ask_different_questions([server], min(run.seconds, 5), next(seeds))
        loads: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
        for _ in range(_TURNS):
            for count, turns in loads.items():
                servers = [first, second][:count]
                before_s = sum(read_cpu_s(server.process) for server in servers)
                load = ask_different_questions(servers, run.seconds / _TURNS, next(seeds))
                used_s = sum(read_cpu_s(server.process) for server in servers) - before_s
                turns.append(load | {"cpu_ms": used_s * 1000 / max(load["answers"], 1)})
                run.echo(f"mongo, {count} server processes: {describe_load(load)}")
    for count, turns in loads.items():
        measures = ("a_second", "errors", "p50_ms", "p99_ms", "cpu_ms")
        results.processes[str(count)] = {name: statistics.mean(turn[name] for turn in turns) for name in measures}
