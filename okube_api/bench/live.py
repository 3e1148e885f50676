"""Times a server in a process of its own: its start, small batches, collectors, and many different questions.

Each workload returns what `benchmarks/results/*.json` holds of it.  All of them use a copy of the store, because some
write to it.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from okube_api.bench.collectors import DAY, generate_bodies
from okube_api.bench.local_server import LocalServer, run_local_server
from okube_api.bench.questions import generate_questions
from okube_api.bench.server import BenchClient
from okube_api.bench.stages import Sampler, has_sampler
from okube_api.bench.workloads import WORKLOADS
from okube_api.bench.world import EMPTY_KEY, KEY, SMALL_KEY, Echo

_CLIENTS = 16
_MOST_QUESTIONS_A_SECOND = 1500
_COLLECTORS = 20
_RATE = 20_000
BATCH_SIZES = (1, 10, 500)
_WARMING_S = 2.0
"""How long after a restart the first question comes: columns are loaded in the background."""
_QUICK_COLD = ("A1", "A2", "B1", "C1")


@dataclass(frozen=True, slots=True)
class LiveRun:
    """What workloads need: the store to copy, how long to send, how often to repeat, and where to print."""

    store: Path
    seconds: float
    rounds: int
    echo: Echo


def _open_client(server: LocalServer) -> BenchClient:
    return BenchClient(server.port, _build_headers(server))


def _build_headers(server: LocalServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}


def _run_clients(module: str, load: Mapping[str, Any]) -> Any:
    """Run a module that sends requests in a process of its own, and return its output."""
    command = [sys.executable, "-m", f"okube_api.bench.{module}"]
    process = subprocess.run(command, input=orjson.dumps(load), stdout=subprocess.PIPE, check=True)
    return orjson.loads(process.stdout)


# -- different questions -------------------------------------------------------------------------------------------


def ask_different_questions(servers: Sequence[LocalServer], seconds: float, seed: int) -> dict[str, Any]:
    """Ask from 16 clients, which are divided evenly among the servers of one store; return what `bench.load` does.

    `a_second` is the number of answers a second.  Another seed gives other questions.
    """
    load = {
        "ports": [server.port for server in servers],
        "headers": _build_headers(servers[0]),
        "clients": _CLIENTS,
        "seconds": seconds,
        "requests": generate_questions(int(seconds * _MOST_QUESTIONS_A_SECOND), seed),
    }
    result: dict[str, Any] = _run_clients("load", load)
    result["a_second"] = result["answers"] / result["seconds"]
    return result


def describe_load(result: Mapping[str, Any]) -> str:
    """Return the figures of `ask_different_questions` in words."""
    labels = "; ".join(
        f"{label}: p50 {each['p50_ms']:.0f} ms, p99 {each['p99_ms']:.0f} ms"
        for label, each in result["by_label"].items()
    )
    return f"{result['a_second']:,.0f} answers a second, {result['errors']} errors; {labels}"


def time_different_questions(folder: Path, run: LiveRun) -> dict[str, Any]:
    """Time 16 clients that ask different questions, after a second of other ones that load what they need."""
    with run_local_server(folder) as server:
        ask_different_questions([server], min(run.seconds, 5), seed=2)
        result = ask_different_questions([server], run.seconds, seed=1)
        result["rss_mib"] = read_memory_mib(server.process)
    run.echo(f"different: {describe_load(result)}")
    return result


# -- events --------------------------------------------------------------------------------------------------------


def time_collectors(folder: Path, run: LiveRun) -> dict[str, Any]:
    """Time collectors that send 20,000 events a second while 16 clients ask different questions."""
    path = f"/applications/{KEY}/studies/all/geo-marketing/analytics?from={DAY}&to={DAY}&uplift=false"
    with run_local_server(folder) as server, ThreadPoolExecutor(1) as pool:
        ask_different_questions([server], min(run.seconds, 5), seed=2)
        load = {
            "port": server.port,
            "headers": _build_headers(server),
            "path": f"/applications/{KEY}/ingest/stays",
            "question": path,
            "rate": _RATE,
            "connections": _COLLECTORS,
            "seconds": run.seconds,
        }
        collectors = pool.submit(_run_clients, "collectors", load)
        questions = ask_different_questions([server], run.seconds, seed=1)
        events = collectors.result()
        events["a_second"] = events["events"] / events["seconds"]
        memory = read_memory_mib(server.process)
    visible = events["visible"]
    run.echo(
        f"J: {events['a_second']:,.0f} events a second, {events['errors']} errors, stored after p50 "
        f"{events.get('p50_ms', 0):.0f} ms, p99 {events.get('p99_ms', 0):.0f} ms; visible after p50 "
        f"{visible.get('p50_ms', 0):.0f} ms, p99 {visible.get('p99_ms', 0):.0f} ms"
    )
    run.echo(f"J: {describe_load(questions)}")
    return {"events": events, "questions": questions, "rss_mib": memory}


def time_small_batches(folder: Path, run: LiveRun) -> dict[str, Any]:
    """Time requests of 1, 10 and 500 stays into applications of all stays, of a tenth of them, and of none.

    Return medians in ms until the stays are stored (`stored_ms`) and until they are visible (`visible_ms`), by
    application and number of stays.
    """
    stays = (line for _, body in generate_bodies(7) for line in body.splitlines())
    result: dict[str, dict[str, dict[str, float]]] = {"stored_ms": {}, "visible_ms": {}}
    with run_local_server(folder) as server:
        client = _open_client(server)
        for key in (KEY, SMALL_KEY, EMPTY_KEY):
            stored_ms, visible_ms = (of_applications.setdefault(key, {}) for of_applications in result.values())
            for count in BATCH_SIZES:
                stored, visible = [], []
                for _ in range(run.rounds + 1):
                    bodies = [b"\n".join(islice(stays, count)) for _ in range(2)]
                    stored.append(_time_ms(client.send_events, key, "stays", bodies[0], waits=False))
                    client.send_events(key, "stays", next(stays))  # returns when no stay is waiting any more
                    visible.append(_time_ms(client.send_events, key, "stays", bodies[1]))
                stored_ms[str(count)] = statistics.median(stored[1:])
                visible_ms[str(count)] = statistics.median(visible[1:])
            for name, medians in (("stored", stored_ms), ("visible", visible_ms)):
                times = ", ".join(f"{count}: {ms:.0f} ms" for count, ms in medians.items())
                run.echo(f"request: {key}, {name}: {times}")
    return result


def _time_ms(work: Callable[..., object], *arguments: object, **options: object) -> float:
    started_s = time.perf_counter()
    work(*arguments, **options)
    return (time.perf_counter() - started_s) * 1000


# -- cold ----------------------------------------------------------------------------------------------------------


def time_cold_questions(folder: Path, run: LiveRun) -> dict[str, Any]:
    """Time each question as the first ever, again, as the first after a new stay, and as the first after a restart.

    Each request is another one for the answer cache (see `vary_path`).
    """
    results: dict[str, Any] = {}
    for workload in WORKLOADS:
        if workload.name not in _QUICK_COLD and run.seconds < 5:
            continue
        with run_local_server(folder) as server:
            client = _open_client(server)
            paths = [vary_path(workload.path, number) for number in range(max(run.rounds, 3) + 3)]
            times = [_time_ms(client.post, path, workload.body) for path in paths[:-2]]
            stay = next(generate_bodies(len(results)))[1].splitlines()[0]
            client.send_events(KEY, "stays", stay)
            after_new_data = _time_ms(client.post, paths[-2], workload.body)
        with run_local_server(folder) as server:  # again: what the question needs is loaded ahead
            client = _open_client(server)
            time.sleep(_WARMING_S)
            results[workload.name] = {
                "after_start_ms": times[0],
                "after_restart_ms": _time_ms(client.post, paths[-1], workload.body),
                "after_new_data_ms": after_new_data,
                "warm_ms": statistics.median(times[1:]),
            }
        cells = ", ".join(f"{name} {ms:.1f}" for name, ms in results[workload.name].items())
        run.echo(f"cold {workload.name}: {cells}")
    return results


def time_process(folder: Path, run: LiveRun) -> dict[str, Any]:
    """Time the start of a server until its first answer, and measure its memory before any question."""
    results: dict[str, Any] = {}
    stores = {"with the data": folder, "empty": folder / "empty"}
    stores["empty"].mkdir()
    for name, store in stores.items():
        starts, answers, memory = [], [], 0.0
        for _ in range(run.rounds):
            with run_local_server(store) as server:
                memory = read_memory_mib(server.process)
                client = _open_client(server)
                if name == "empty":
                    first_ms = _time_ms(client.get, "/applications")
                else:
                    first_ms = _time_ms(client.post, WORKLOADS[0].path, WORKLOADS[0].body)
            starts.append(server.start_s)
            answers.append(server.start_s + first_ms / 1000)
        results[name] = {
            "start_s": statistics.median(starts),
            "start_to_first_answer_s": statistics.median(answers),
            "idle_mib": memory,
        }
        run.echo(f"process, {name}: " + ", ".join(f"{key} {value:.2f}" for key, value in results[name].items()))
    return results


# -- stages --------------------------------------------------------------------------------------------------------


def time_stages(folder: Path, run: LiveRun) -> dict[str, Any]:
    """Measure the processor time of each question, not cached, and the part of each stage in it."""
    if not has_sampler():
        run.echo("stages: skipped, because py-spy is not installed")
        return {}
    results: dict[str, Any] = {}
    seconds = min(run.seconds, 5)
    with run_local_server(folder) as server:
        requests = {workload.name: (workload.path, orjson.dumps(workload.body).decode()) for workload in WORKLOADS}
        for name, (path, body) in requests.items():
            labelled = [{"label": name, "path": vary_path(path, number), "body": body} for number in range(1 << 10)]
            load = {"ports": [server.port], "headers": _build_headers(server), "clients": 1, "seconds": seconds}
            _run_clients("load", load | {"seconds": 1, "requests": labelled[:3]})  # loads the columns
            with Sampler(server, seconds) as sampler:
                before_s = read_cpu_s(server.process)
                answers = _run_clients("load", load | {"requests": labelled[3:]})["answers"]
                cpu_ms = (read_cpu_s(server.process) - before_s) * 1000 / answers
            results[name] = {"cpu_ms": cpu_ms, "shares": sampler.shares}
            shares = ", ".join(f"{stage} {share:.0%}" for stage, share in sampler.shares.items())
            run.echo(f"stages {name}: {cpu_ms:.1f} ms of processor time an answer: {shares}")
    return results


def vary_path(path: str, number: int) -> str:
    """Return a path with the same parameters, written in another way for each number below 1,024.

    The answer cache compares the query string as sent.  Bit i of the number says whether character i of the first date
    is percent-encoded.
    """
    before, _, after = path.partition("from=")
    date, rest = after[:10], after[10:]
    encoded = (f"%{ord(letter):02X}" if number >> at & 1 else letter for at, letter in enumerate(date))
    return f"{before}from={''.join(encoded)}{rest}"


def read_cpu_s(process: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_memory_mib(process: int) -> float:
    """Return the resident memory of a process."""
    text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


LIVE_WORKLOADS: Mapping[str, Callable[[Path, LiveRun], dict[str, Any]]] = {
    "process": time_process,
    "cold": time_cold_questions,
    "different": time_different_questions,
    "request": time_small_batches,
    "J": time_collectors,
    "stages": time_stages,
}
"""Workloads of a server in a process of its own, by name, in the order in which they run."""


@contextmanager
def copy_store(store: Path) -> Iterator[Path]:
    """Yield a folder with a copy of an embedded store, `okube.duckdb`, and of its key; remove the folder at the end."""
    with TemporaryDirectory(dir=store.parent) as folder:
        shutil.copy(store, Path(folder) / "okube.duckdb")
        shutil.copy(store.with_name("secret.key"), folder)
        yield Path(folder)


def run_live(names: Collection[str], run: LiveRun) -> dict[str, Any]:
    """Run the workloads of these names, each on a copy of the store."""
    results = {}
    for name, measure in LIVE_WORKLOADS.items():
        if name in names:
            with copy_store(run.store) as folder:
                results[name] = measure(folder, run)
    return results
