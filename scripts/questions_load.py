"""Ask a server of its own the largest questions, many at once, and print what they got and what others noticed.

    .venv/bin/python -m scripts.questions_load                         # generates a tenant, about three minutes
    .venv/bin/python -m scripts.questions_load --folder /tmp/tenant    # keeps the tenant, and uses it again
    .venv/bin/python -m scripts.questions_load --cases everything,csv  # some cases only

The tenant is that of `okube-api bench`.  Two other clients send a request every 20 ms meanwhile, each in a process of
its own: one asks for the health of the server, the other a small question that is never in the cache.  The status is 1
when a question got an answer that its case does not expect, or when the memory of the server passed its bound.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from okube_api.bench.local_server import LocalServer, run_local_server
from okube_api.bench.server import BenchServer
from okube_api.bench.world import Size, get_or_create_application
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.settings import Settings

MEMORY_MB = 2048
MEMORY_MARGIN_MB = 200  # what a question may take between two looks at the memory
AT_ONCE = 8
STOP_S = 2.0
IDLE_CPU = 0.2  # share of a core that the other clients alone take
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Target(LocalServer):
    """The server that is asked."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a question."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    def read_memory_mb(self, name: str) -> int:
        """Return the memory of the process: `VmRSS` now, `VmHWM` its maximum."""
        text = Path(f"/proc/{self.process}/status").read_text(encoding="ascii")
        match = re.search(rf"{name}:\s+(\d+)", text)
        assert match is not None
        return int(match[1]) // 1024

    def forget_peak(self) -> None:
        """Let the maximum of the memory begin again."""
        Path(f"/proc/{self.process}/clear_refs").write_text("5", encoding="ascii")

    def read_cpu_s(self) -> float:
        """Return the processor time that the process has used."""
        fields = Path(f"/proc/{self.process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- the server, and other clients ----------------------------------------------------------------------------------


def generate_tenant(folder: Path, scale: float) -> None:
    """Create the application and its events unless they exist."""
    settings = Settings(store_url=f"duckdb:{folder}/okube.duckdb", rate_limit=None, log_level="error")
    with BenchServer(settings) as server:
        server.run(get_or_create_application(server.services, folder, Size(scale), print))


def _measure(target: Target, asks: bool, pipe: Connection) -> None:
    """Send a request every 20 ms until the other end of the pipe says so; send back the times in ms, and the errors."""
    times: list[float] = []
    errors = 0
    connection = HTTPConnection("127.0.0.1", target.port, timeout=60)
    body = json.dumps({"params": [{"kpi": "sessions", "granularity": "day"}]})
    pipe.send("ready")
    while not pipe.poll():
        started = perf_counter()
        try:
            if asks:  # `_` is ignored, but makes the question another one than those in the cache
                url = f"/applications/bench/presence/analytics?from=2025-03-01&to=2025-03-31&_={started}"
                connection.request("POST", url, body, target.headers)
            else:
                connection.request("GET", "/health/live")
            response = connection.getresponse()
            response.read()
            errors += response.status != 200
        except OSError:
            errors += 1
            connection.close()
        times.append((perf_counter() - started) * 1000)
        sleep(0.02)
    pipe.send((times, errors))


@dataclass
class ClientTimes:
    """What another client measured."""

    times_ms: list[float] = field(default_factory=list)
    errors: int = 0

    def format(self) -> str:
        """Return the median, the 99th percentile, and the number of errors if there are any."""
        times = sorted(self.times_ms)
        text = f"{times[len(times) // 2]:.0f}, {times[int(len(times) * 0.99)]:.0f}"
        return f"{text} ({self.errors} errors)" if self.errors else text


@contextmanager
def measure_clients(target: Target) -> Iterator[Sequence[ClientTimes]]:
    """Measure requests of two other clients: for the health of the server, and of small questions."""
    measured = (ClientTimes(), ClientTimes())
    clients = []
    for asks in (False, True):
        here, there = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_measure, args=(target, asks, there))
        process.start()
        here.recv()
        clients.append((here, process))
    try:
        yield measured
    finally:
        for times, (here, process) in zip(measured, clients, strict=True):
            here.send("stop")
            times.times_ms, times.errors = here.recv()
            process.join()


# -- questions ------------------------------------------------------------------------------------------------------

PATHS = {
    Module.GEO_MARKETING: "/applications/bench/studies/all/geo-marketing/analytics",
    Module.CONVERSION: "/applications/bench/conversions/levers/analytics",
    Module.PRESENCE: "/applications/bench/presence/analytics",
}
TEN_YEARS = "from=2016-01-01&to=2025-12-31"
YEAR = "from=2025-01-01&to=2025-12-31"


def build_params(module: Module, first: int = 0, count: int = 50, **options: Any) -> Body:
    """Return a question with KPIs of a module by all of their scopes."""
    kpis = list(BY_NAME[module].values())[first : first + count]
    return {"params": [{"kpi": kpi.name, **dict.fromkeys(kpi.scopes, True), **options} for kpi in kpis]}


def build_sites(*kpis: str, **options: Any) -> Body:
    """Return a question with KPIs by sites by day."""
    return {"params": [{"kpi": kpi, "globals": False, "sites": True, **options} for kpi in kpis]}


@dataclass(frozen=True)
class Case:
    """A question, how it is asked, and which answers it may get.

    leaves_after_s: when the client closes the connection; None if it waits.
    """

    name: str
    about: str
    module: Module
    body: Body
    query: str = YEAR
    accept: str = "application/json"
    leaves_after_s: float | None = None
    expected: frozenset[str] = frozenset({"200", "422 too_many_values", "503 unavailable"})


DAILY = {"granularity": "day"}
PERIOD_ONLY = {"temporals": False, "all": True}
CASES = (
    Case(
        "everything",
        "18 KPIs of geo-marketing by all scopes by day, 10 years",
        Module.GEO_MARKETING,
        build_params(Module.GEO_MARKETING, **DAILY),
        TEN_YEARS,
    ),
    Case(
        "uplifted",
        "the same with uplift",
        Module.GEO_MARKETING,
        build_params(Module.GEO_MARKETING, **DAILY),
        f"{TEN_YEARS}&uplift=true",
    ),
    Case(
        "conversion",
        "50 KPIs of conversion by all scopes by day, 10 years",
        Module.CONVERSION,
        build_params(Module.CONVERSION, **DAILY),
        TEN_YEARS,
    ),
    Case(
        "presence",
        "13 KPIs of presence by all scopes by day, 10 years",
        Module.PRESENCE,
        build_params(Module.PRESENCE, **DAILY),
        TEN_YEARS,
    ),
    Case(
        "period",
        "18 KPIs of geo-marketing by all scopes, the whole year only",
        Module.GEO_MARKETING,
        build_params(Module.GEO_MARKETING, **PERIOD_ONLY),
    ),
    Case(
        "users",
        "distinct users by site by day and uplift, 5 times",
        Module.GEO_MARKETING,
        build_sites(*["uniqUsers"] * 5, **DAILY),
        f"{YEAR}&uplift=true",
    ),
    Case(
        "largest",
        "5 KPIs by site by day, a year: about 900,000 values",
        Module.GEO_MARKETING,
        build_sites("posSessions", "timespent", "attendance", "uniqUsers", "returning", **DAILY),
    ),
    Case(
        "csv",
        "the same as CSV",
        Module.GEO_MARKETING,
        build_sites("posSessions", "timespent", "attendance", "uniqUsers", "returning", **DAILY),
        accept="text/csv",
    ),
    Case(
        "comparison",
        "exposed users and control group by campaign, lever and site by day",
        Module.CONVERSION,
        {"params": [{"kpi": "comparisonOfflineVisits", "campaigns": True, "levers": True, "sites": True, **DAILY}]},
    ),
    Case(
        "paths",
        "visitOrder and areaMatching by equipment by day",
        Module.PRESENCE,
        {
            "params": [
                {"kpi": kpi, "sites": True, "equipments": True, **DAILY} for kpi in ("visitOrder", "areaMatching")
            ]
        },
    ),
    *(
        Case(
            f"leave-{name}",
            f"{about}; the client leaves after 1 s",
            module,
            body,
            query,
            leaves_after_s=1.0,
            expected=frozenset({"left", "200", "422 too_many_values", "503 unavailable"}),
        )
        for name, about, module, body, query in (
            (
                "everything",
                "18 KPIs by all scopes",
                Module.GEO_MARKETING,
                build_params(Module.GEO_MARKETING, **DAILY),
                TEN_YEARS,
            ),
            (
                "largest",
                "5 KPIs by site by day",
                Module.GEO_MARKETING,
                build_sites("posSessions", "timespent", "attendance", "uniqUsers", "returning", **DAILY),
                YEAR,
            ),
            (
                "period",
                "18 KPIs, the year only",
                Module.GEO_MARKETING,
                build_params(Module.GEO_MARKETING, **PERIOD_ONLY),
                YEAR,
            ),
            (
                "conversion",
                "50 KPIs of conversion by all scopes, the year only",
                Module.CONVERSION,
                build_params(Module.CONVERSION, **PERIOD_ONLY),
                YEAR,
            ),
        )
    ),
)


async def ask(target: Target, case: Case) -> tuple[str, int]:
    """Ask a question on a connection of its own; return the status and code of the answer, and its number of bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    body = json.dumps(case.body).encode()
    fields = {**target.headers, "Host": "localhost", "Accept": case.accept, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**fields, "Connection": "close"}.items())
    try:
        writer.write(f"POST {PATHS[case.module]}?{case.query} HTTP/1.1\r\n{head}\r\n".encode() + body)
        async with asyncio.timeout(case.leaves_after_s):
            line = await reader.readline()
            content, size = b"", 0
            while part := await reader.read(2**16):
                content, size = content + part[: 1000 - len(content)], size + len(part)
        status = line.split()[1].decode()
        code = re.search(rb'"code":"(\w+)"', content) if status != "200" else None
        return (f"{status} {code[1].decode()}" if code else status), size
    except TimeoutError:
        return "left", 0
    except ConnectionError:
        return "closed", 0
    finally:
        writer.transport.abort()


async def ask_at_once(target: Target, case: Case) -> tuple[Counter[str], float, int]:
    """Ask a question many times at once; return the answers, the seconds of the last, and the largest size."""
    started = perf_counter()
    answers = await asyncio.gather(*(ask(target, case) for _ in range(AT_ONCE)))
    return Counter(status for status, _ in answers), perf_counter() - started, max(size for _, size in answers)


def wait_until_idle(target: Target, idle_share: float) -> float:
    """Return the seconds until the process uses no more processor time than without questions."""
    started = perf_counter()
    while (seconds := perf_counter() - started) < 60:
        used = target.read_cpu_s()
        sleep(0.25)
        if (target.read_cpu_s() - used) / 0.25 <= idle_share:
            break
    return seconds


def measure_idle_share(target: Target) -> float:
    """Return the share of a core that the process uses for the other clients alone, and some more."""
    used = target.read_cpu_s()
    sleep(3)
    return (target.read_cpu_s() - used) / 3 * 1.5 + IDLE_CPU


def main() -> int:
    """Ask the questions, print a table, and return the status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="folder of the tenant, which is kept")
    parser.add_argument("--scale", type=float, default=0.05, help="size of the tenant; 1 is 10 million stays")
    parser.add_argument("--cases", help="names of cases, comma-separated")
    options = parser.parse_args()
    names = options.cases.split(",") if options.cases else [case.name for case in CASES]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        generate_tenant(folder, options.scale)
        with run_local_server(folder, {"OKUBE_PROCESS_MEMORY_MB": str(MEMORY_MB)}) as server:
            target = Target(server.port, server.process, server.token, server.start_s)
            return 0 if all([*_run_cases(target, [case for case in CASES if case.name in names])]) else 1


def _run_cases(target: Target, cases: Sequence[Case]) -> Iterator[bool]:
    """Print a line for each case, and yield whether its answers and the memory were as expected."""
    print(
        "| case | answers | s | MB of an answer | s until idle | health p50, p99 ms | small questions p50, p99 ms "
        "| memory (maximum), MB |\n|---|---|---|---|---|---|---|---|"
    )
    with measure_clients(target) as clients:
        idle_share = measure_idle_share(target)
    health, questions = (client.format() for client in clients)
    print(f"| none | - | - | - | - | {health} | {questions} | {target.read_memory_mb('VmRSS')} |", flush=True)
    for case in cases:
        target.forget_peak()
        with measure_clients(target) as clients:
            answers, seconds, size = asyncio.run(ask_at_once(target, case))
            idle_s = wait_until_idle(target, idle_share)
        health, questions = (client.format() for client in clients)
        peak_mb = target.read_memory_mb("VmHWM")
        got = ", ".join(f"{count} x {status}" for status, count in answers.most_common())
        print(
            f"| {case.name}: {case.about} | {got} | {seconds:.1f} | {size / 1e6:.1f} | {idle_s:.1f} | {health} "
            f"| {questions} | {target.read_memory_mb('VmRSS')} ({peak_mb}) |",
            flush=True,
        )
        stopped = case.leaves_after_s is None or idle_s <= STOP_S
        yield set(answers) <= case.expected and peak_mb <= MEMORY_MB + MEMORY_MARGIN_MB and stopped


if __name__ == "__main__":
    sys.exit(main())
