r"""Cause faults in stores and servers of its own, and print whether each was survived.

    .venv/bin/python scripts/faults.py                  # all faults, about eight minutes; a full disk needs root
    .venv/bin/python scripts/faults.py kill --count 200
    .venv/bin/python scripts/faults.py disk-full --count 50
    .venv/bin/python scripts/faults.py idempotency --count 40
    .venv/bin/python scripts/faults.py database-crash --mongodb mongodb://127.0.0.1:27017/ \
        --stop 'kill the database' --start 'start it again'
    .venv/bin/python scripts/faults.py database-hang --mongodb mongodb://127.0.0.1:27017/ \
        --stop 'kill -STOP its process' --start 'kill -CONT its process'
    .venv/bin/python scripts/faults.py server-kill --mongodb mongodb://127.0.0.1:27017/

`database-crash` and `database-hang` stop the database by the commands given: use an instance of its own.
The status is 1 when a fault was not survived.
"""

import argparse
import asyncio
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pyarrow as pa
import structlog
from pymongo import MongoClient

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the faults are helpers of the tests

from okube_api.sites.repository import SITES  # noqa: E402
from okube_api.store.conditions import equal  # noqa: E402
from okube_api.store.duckdb.rows import BLOCK_ROWS  # noqa: E402
from okube_api.store.duckdb.store import DuckStore  # noqa: E402
from okube_api.store.errors import Conflict  # noqa: E402
from okube_api.store_schema import SCHEMA  # noqa: E402
from tests.conformance import declared  # noqa: E402
from tests.processes import find_free_port  # noqa: E402
from tests.store.damage import damage_table  # noqa: E402
from tests.store.full_disk import DISK_BYTES, fill_disk  # noqa: E402
from tests.store.kills import kill_writers  # noqa: E402
from tests.store.small_disk import CannotMount, mount_small_disk  # noqa: E402

COMMAND = (sys.executable, "-m", "okube_api.cli")
LOGIN, PASSWORD = "faults@okube.example", "a long password of this script"
DOCUMENTS = 9000
WRITERS = 4


class CannotRun(Exception):
    """A fault needs options that were not given."""


class NotSurvived(Exception):
    """A fault did harm; the message says which."""


def require(condition: bool, message: str) -> None:
    """Raise NotSurvived with the message unless the condition is true."""
    if not condition:
        raise NotSurvived(message)


# -- faults of the embedded store -------------------------------------------------------------------------------------


async def kill(folder: Path, count: int) -> str:
    """Kill writers at random instants: what they acknowledged must be there, and nothing in part."""
    result = await kill_writers(folder / "okube.duckdb", count)
    return f"{count} kills, {result.rounds} rounds of writes, the slowest start {result.slowest_start_s:.2f} s"


async def fill_disks(folder: Path, count: int) -> str:
    """Fill a small disk at many points of a series of writes, read meanwhile, and make room again."""
    refused, slowest_s = 0, 0.0
    with mount_small_disk(folder / "disk", DISK_BYTES) as disk:
        for point in range(count):
            result = await fill_disk(disk, point)
            refused += result.refused
            slowest_s = max(slowest_s, result.recovery_s)
    require(slowest_s < 5, f"a write succeeded only {slowest_s:.1f} s after there was room")
    return f"{count} points, {refused} writes refused, the slowest recovery {slowest_s:.2f} s"


async def damage_block(folder: Path, count: int) -> str:
    """Damage a block of the sites below a server: it must say so, answer everything else, and keep running."""
    file = folder / "okube.duckdb"
    environment = {**os.environ, "OKUBE_STORE_URL": f"duckdb:{file}", "OKUBE_LOG_LEVEL": "error"}
    adding = run_command(environment, "user", "add", LOGIN, "--platform-admin", "--password-stdin")
    require(adding.returncode == 0, adding.stderr)
    with run_server(environment) as client:
        application = client.post("/applications", json={"key": "acme"}).raise_for_status().json()["_id"]
    store = DuckStore(file, SCHEMA, memory_limit="128MB", threads=1)
    await store.start()
    sites = [
        {"_id": f"{index:024x}", "application": application, "version": 1, "key": f"k{index}", "name": f"{index:0100}"}
        for index in range(DOCUMENTS)
    ]
    await store.insert(SITES, sites)
    await store.close()
    offset = damage_table(file, SITES.name)
    answers: list[str] = []
    with run_server(environment) as client:
        for _ in range(count):
            for query in ("?app=acme", "?app=acme&q=77", "?app=acme&page=80&per_page=100", f"/{8888:024x}"):
                answer = client.get(f"/sites{query}")
                answers.append("200" if answer.status_code == 200 else f"{answer.status_code} {answer.json()['code']}")
            for path in ("/applications/acme", "/pois?app=acme", "/health/ready"):
                require(client.get(path).status_code == 200, f"{path} is not answered, though its table is not damaged")
    require(set(answers) <= {"200", "500 damaged_data"}, f"answers: {sorted(set(answers))}")
    require("500 damaged_data" in answers, "no request noticed the damage")
    check = run_command(environment, "check")
    require(check.returncode == 1, "`okube-api check` ends with status 0")
    require(f"damaged at byte {offset}" in check.stderr.replace("\n", " "), "`okube-api check` does not name the place")
    return f"{len(answers)} requests, {answers.count('500 damaged_data')} answered 500 damaged_data, the others 200"


async def checkpoint(folder: Path, count: int) -> str:
    """Write the log to the file below open exports and readers: each must see one snapshot."""
    store = DuckStore(folder / "okube.duckdb", declared.SCHEMA, memory_limit="256MB", threads=2)
    await store.start()
    rows = 2 * BLOCK_ROWS + 7
    table = pa.table({"part": pa.repeat(3, rows), "user": range(rows), "label": pa.repeat("x", rows)})
    for round_number in range(count):
        documents = [
            {"_id": f"{index:08}", "application": "a", "key": f"{index}", "version": round_number, "count": index % 9}
            for index in range(DOCUMENTS)
        ]
        await store.delete(declared.DOCUMENTS, equal("application", "a"))
        await store.insert(declared.DOCUMENTS, documents)
        async with store.begin_change("a", f"fill {round_number}") as change:
            await change.remove(declared.EVENTS, round_number - 1)
            await change.append(declared.EVENTS, round_number, table)
            await change.commit()
        exported, read = 0, 0
        async with store.open_reader("a") as reader:
            parts = reader.read_parts(declared.EVENTS, 0, 9)
            async for block in store.stream(declared.DOCUMENTS, equal("application", "a")):
                require(block == documents[exported : exported + len(block)], "an export has other documents")
                exported += len(block)
                part_rows = await anext(parts, None)
                read += part_rows.num_rows if part_rows is not None else 0
                await store.delete(declared.DOCUMENTS, equal("count", exported // 1000 % 9))
                try:
                    await store._database.checkpoint()
                except Conflict:
                    continue
        require((exported, read) == (DOCUMENTS, rows), f"{exported} documents and {read} rows instead of all")
    await store.close()
    return f"{count} exports of {DOCUMENTS} documents and readers of {rows} rows, with a checkpoint after each block"


# -- faults of servers and of MongoDB ---------------------------------------------------------------------------------

MONGODB: dict[str, str] = {}
"""The options `mongodb`, `stop` and `start` of the command line."""
STAY = '{"user": "u%d", "site": "lyon", "start": "2025-03-01T10:00:00Z", "duration_s": 600, "zone": "indoor"}\n'


@contextmanager
def open_environment(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of servers on an empty store with an administrator; drop its database at the end."""
    url = f"duckdb:{folder / 'okube.duckdb'}"
    name = f"faults_{os.getpid()}"
    if "mongodb" in MONGODB:
        url = f"{MONGODB['mongodb'].rstrip('/')}/{name}"
    environment = {
        **os.environ,
        "OKUBE_STORE_URL": url,
        "OKUBE_SECRET_KEY": "a secret of at least thirty-two bytes",
        "OKUBE_LOG_LEVEL": "error",
    }
    adding = run_command(environment, "user", "add", LOGIN, "--platform-admin", "--password-stdin")
    require(adding.returncode == 0, adding.stderr)
    try:
        yield environment
    finally:
        if "mongodb" in MONGODB:
            with MongoClient[dict[str, object]](MONGODB["mongodb"]) as client:
                client.drop_database(name)


@dataclass
class Traffic:
    """What clients saw of a server: keys of acknowledged sites, and the seconds until each answer 503.

    live_s: the seconds until each answer of `/health/live`, which does not need the database: they show how busy the
    machine is.
    """

    acknowledged: set[str] = field(default_factory=set)
    unavailable_s: list[float] = field(default_factory=list)
    live_s: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    is_over: bool = False


def send_requests(client: httpx.Client, traffic: Traffic, worker: int) -> None:
    """Create sites, import, ingest and delete in turn, until the traffic is over."""
    number = 0
    while not traffic.is_over:
        number += 1
        key = f"s{worker}-{number}"
        headers = {"Content-Type": "application/x-ndjson"}
        started_s = time.monotonic()
        if worker == 0:
            answer = client.post("/applications/acme/ingest/stays", content=STAY % number, headers=headers)
        elif worker == 1:
            table = f"key,name,latitude,longitude\n{key},a,45.7,4.8\n{key}-b,b,45.8,4.9\n"
            answer = client.post("/applications/acme/pois", files={"file": ("x.csv", table, "text/csv")})
        elif worker == 2:
            answer = client.get("/applications/acme/sites?per_page=5")
        else:
            answer = client.post("/applications/acme/sites", json={"key": key, "name": key, "online": True})
        seconds = time.monotonic() - started_s
        if answer.status_code == 503:
            traffic.unavailable_s.append(seconds)
            time.sleep(0.05)
        elif answer.status_code >= 400:
            traffic.errors[f"{answer.status_code} {answer.json().get('code')}"] += 1
        elif worker == 0:
            if number % 3 == 0:
                client.delete(f"/applications/acme/ingest/{answer.json()['_id']}")
        elif worker == 1:
            traffic.acknowledged |= {key, f"{key}-b"}
        elif worker == 3:
            traffic.acknowledged.add(key)


def request_health(client: httpx.Client, traffic: Traffic) -> None:
    """Request `/health/live` every 50 ms until the traffic is over."""
    while not traffic.is_over:
        started_s = time.monotonic()
        client.get("/health/live").raise_for_status()
        traffic.live_s.append(time.monotonic() - started_s)
        time.sleep(0.05)


async def run_shell(command: str) -> None:
    """Run a command of the operator.  Raise CannotRun when it fails."""
    process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.DEVNULL)
    if await process.wait():
        raise CannotRun(f"`{command}` failed")


def post_until_killed(port: int, headers: dict[str, str], name: str, sent: list[str]) -> None:
    """Send requests with idempotency keys over one connection until the server is killed; add each key to `sent`."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as client:
        while True:
            sent.append(f"{name}-{len(sent)}")
            try:
                post_once(client, sent[-1])
            except httpx.TransportError:
                return


def post_once(client: httpx.Client, key: str) -> httpx.Response:
    """Create a site without a key of its own, or ingest a stay: only the idempotency key tells a repetition."""
    headers = {"Idempotency-Key": key}
    if is_ingest(key):
        headers["Content-Type"] = "application/x-ndjson"
        stay = STAY % int(key.replace("-", "0"))
        return client.post("/applications/acme/ingest/stays", content=stay, headers=headers)
    return client.post("/applications/acme/sites", json={"name": key, "online": True}, headers=headers)


def is_ingest(key: str) -> bool:
    """Tell whether a key is sent with events: every second one of a connection."""
    return int(key.rpartition("-")[2]) % 2 == 1


async def kill_and_retry(folder: Path, count: int) -> str:
    """Kill the server during creations with idempotency keys, and repeat the last ones at once after its start."""
    retried, replayed, answers, slowest_s, dice = 0, 0, Counter[int](), 0.0, random.Random()
    names: Counter[object] = Counter()
    batches: Counter[str] = Counter()
    expected: set[str] = set()
    with open_environment(folder) as environment:
        pending: list[list[str]] = []
        for round_number in range(count + 1):
            with start_server(environment) as (process, client), ThreadPoolExecutor(WRITERS) as pool:
                log_in(client)
                if round_number == 0:
                    client.post("/applications", json={"key": "acme"}).raise_for_status()
                    lyon = {"key": "lyon", "name": "Lyon", "online": True}
                    client.post("/applications/acme/sites", json=lyon).raise_for_status()
                for key in [key for sent in pending for key in sent[-2:]]:  # unanswered, and answered before the kill
                    started_s = time.monotonic()
                    answer = post_once(client, key)
                    slowest_s = max(slowest_s, time.monotonic() - started_s)
                    answers[answer.status_code] += 1
                    replayed += "idempotency-replayed" in answer.headers
                    retried += 1
                expected.update(key for sent in pending for key in sent)
                pending = []
                if round_number < count:
                    pending = [[] for _ in range(WRITERS)]
                    port, headers = client.base_url.port or 0, dict(client.headers)
                    names_of_round = [f"{round_number}-{writer}" for writer in range(WRITERS)]
                    for name, sent in zip(names_of_round, pending, strict=True):
                        pool.submit(post_until_killed, port, headers, name, sent)
                    await asyncio.sleep(dice.uniform(0.1, 1.0))
                    process.kill()
                else:
                    names.update(site["name"] for site in list_documents(client, "sites") if site["name"] != "Lyon")
                    batches.update(
                        f"{batch['state']} {batch['accepted']}" for batch in list_documents(client, "ingest")
                    )
            print(f"\rround {round_number} of {count}: {retried} repetitions {dict(answers)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    require(set(answers) == {201}, f"answers to repetitions: {dict(answers)}")
    twice = [name for name, times in names.items() if times > 1]
    require(not twice, f"{len(twice)} sites are there twice")
    uploads = {key for key in expected if is_ingest(key)}
    sites = expected - uploads
    require(names.keys() == sites, f"{len(sites - names.keys())} sites are missing")
    visible = sum(number for state, number in batches.items() if state == "visible 1")
    require(visible == len(uploads), f"{len(uploads)} uploads made the batches {dict(batches)}")
    return (
        f"{count} kills, {len(sites)} sites and {len(uploads)} uploads, {retried} of them repeated at once: 0 refused, "
        f"{replayed} answered from the store, 0 sites or batches twice, 0 lost, the slowest repetition "
        f"{slowest_s:.2f} s, batches {dict(batches)}"
    )


def list_documents(client: httpx.Client, kind: str) -> Iterator[dict[str, object]]:
    """Yield all documents of a kind."""
    page = 1
    while documents := client.get(f"/applications/acme/{kind}?per_page=100&page={page}").json()["documents"]:
        yield from documents
        page += 1


async def stop_database(folder: Path, count: int) -> str:
    """Kill or halt the database below clients, and start it again: 503 within 3 s, well again within 5 s, nothing lost.

    A halted database keeps its connections open and does not answer.
    """
    if not {"mongodb", "stop", "start"} <= MONGODB.keys():
        raise CannotRun("needs --mongodb, --stop and --start")
    traffic, slowest_recovery_s = Traffic(), 0.0
    with open_environment(folder) as environment, start_server(environment) as (_, client):
        log_in(client)
        client.post("/applications", json={"key": "acme"}).raise_for_status()
        client.post("/applications/acme/sites", json={"key": "lyon", "name": "Lyon", "online": True}).raise_for_status()
        with ThreadPoolExecutor(5) as pool:
            workers = [pool.submit(send_requests, client, traffic, worker) for worker in range(4)]
            workers.append(pool.submit(request_health, client, traffic))
            try:
                for _ in range(count):
                    await asyncio.sleep(3)
                    await run_shell(MONGODB["stop"])
                    await asyncio.sleep(5)
                    statuses = [client.get(f"/health/{name}").status_code for name in ("live", "ready")]
                    require(statuses == [200, 503], f"health without the database: {statuses}")
                    await run_shell(MONGODB["start"])
                    started_s = time.monotonic()
                    while client.get("/applications/acme/sites?per_page=1").status_code != 200:
                        require(time.monotonic() - started_s < 30, "not well again after 30 s")
                        await asyncio.sleep(0.05)
                    slowest_recovery_s = max(slowest_recovery_s, time.monotonic() - started_s)
                await asyncio.sleep(3)
            finally:  # else the workers would go on for ever
                traffic.is_over = True
            for worker in workers:
                worker.result()
        stored: Counter[str] = Counter()
        for kind in ("sites", "pois"):
            page = 1
            while documents := client.get(f"/applications/acme/{kind}?per_page=100&page={page}").json()["documents"]:
                stored.update(document["key"] for document in documents)
                page += 1
    lost = [key for key in traffic.acknowledged if stored[key] != 1]
    half = [key for key in stored if key.startswith("s1-") and not key.endswith("-b") and not stored[f"{key}-b"]]
    slowest_503_s = max(traffic.unavailable_s, default=0.0)
    require(not lost, f"{len(lost)} acknowledged documents are lost or there twice")
    require(not half, f"{len(half)} imports are there in part")
    slowest_live_s = max(traffic.live_s, default=0.0)
    message = f"an answer 503 took {slowest_503_s:.1f} s, /health/live {slowest_live_s:.1f} s at most"
    require(slowest_503_s < 3 + slowest_live_s, message)
    require(slowest_recovery_s < 5, f"well again only after {slowest_recovery_s:.1f} s")
    return (
        f"{count} rounds, {len(traffic.acknowledged)} sites and POIs acknowledged, 0 lost, 0 imports in part, "
        f"{len(traffic.unavailable_s)} x 503, the slowest {slowest_503_s:.2f} s, the slowest /health/live "
        f"{slowest_live_s:.2f} s, slowest recovery {slowest_recovery_s:.2f} s, other errors {dict(traffic.errors)}"
    )


EVENTS_PER_UPLOAD = 300


@dataclass
class Uploads:
    """Batches that were acknowledged with 201, and how many uploads had another end."""

    visible: set[str] = field(default_factory=set)
    ends: Counter[str] = field(default_factory=Counter)
    is_over: bool = False


def upload_until_killed(port: int, headers: dict[str, str], name: str, uploads: Uploads) -> None:
    """Upload stays of users of their own, until the uploads are over or the server is killed."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
        for number in range(10_000):
            if uploads.is_over:
                return
            lines = "".join(STAY.replace("u%d", f"{name}-{number}-{event}") for event in range(EVENTS_PER_UPLOAD))
            try:
                answer = client.post(
                    "/applications/acme/ingest/stays",
                    content=lines,
                    headers={"Content-Type": "application/x-ndjson"},
                )
            except httpx.TransportError:
                uploads.ends["killed"] += 1
                return
            if answer.status_code == 201:
                uploads.visible.add(answer.json()["_id"])
            else:
                uploads.ends[f"{answer.status_code} {answer.json().get('code')}"] += 1


async def kill_server(folder: Path, count: int) -> str:
    """Kill one of two servers on a MongoDB database during uploads through both, again and again.

    Every acknowledged batch must count, with all events; every other one must be completed or interrupted.
    """
    if "mongodb" not in MONGODB:
        raise CannotRun("needs --mongodb")
    dice, uploads = random.Random(), Uploads()
    with open_environment(folder) as environment, run_server(environment) as client:
        client.post("/applications", json={"key": "acme"}).raise_for_status()
        client.post("/applications/acme/sites", json={"key": "lyon", "name": "Lyon", "online": True}).raise_for_status()
        ports = {"survivor": client.base_url.port or 0}
        for round_number in range(count):
            uploads.is_over = False
            with start_server(environment) as (process, victim), ThreadPoolExecutor(4) as pool:
                log_in(victim)
                ports["victim"] = victim.base_url.port or 0
                for server, port in ports.items():
                    for writer in range(2):
                        name = f"{round_number}-{server}-{writer}"
                        pool.submit(upload_until_killed, port, dict(client.headers), name, uploads)
                await asyncio.sleep(dice.uniform(1, 4))
                process.kill()
                await asyncio.sleep(1)
                uploads.is_over = True
            print(f"\rround {round_number + 1} of {count}: {len(uploads.visible)} uploads", end="", file=sys.stderr)
        print(file=sys.stderr)
        killed_s = time.monotonic()
        while True:
            batches = {str(batch["_id"]): batch for batch in list_documents(client, "ingest")}
            states = Counter(str(batch["state"]) for batch in batches.values())
            if set(states) <= {"visible", "interrupted"}:
                break
            require(time.monotonic() - killed_s < 150, f"batches after 150 s: {dict(states)}")
            await asyncio.sleep(1)
        settled_s = time.monotonic() - killed_s
    lost = [name for name in uploads.visible if name not in batches or batches[name]["state"] != "visible"]
    require(not lost, f"{len(lost)} acknowledged batches are lost")
    accepted = Counter((str(batch["state"]), batch["accepted"]) for batch in batches.values())
    in_part = set(accepted) - {("visible", EVENTS_PER_UPLOAD), ("interrupted", 0)}
    require(not in_part, f"batches in part: {dict(accepted)}")
    return (
        f"{count} kills, {len(uploads.visible)} uploads acknowledged, 0 lost, 0 in part, other ends "
        f"{dict(uploads.ends)}, batches {dict(states)} {settled_s:.0f} s after the last kill"
    )


# -- command line -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FaultKind:
    """A fault: what causes it, and how often by default."""

    run: Callable[[Path, int], Awaitable[str]]
    count: int


FAULTS = {
    "kill": FaultKind(kill, 40),
    "disk-full": FaultKind(fill_disks, 50),
    "damaged-block": FaultKind(damage_block, 5),
    "checkpoint": FaultKind(checkpoint, 10),
    "idempotency": FaultKind(kill_and_retry, 40),
    "database-crash": FaultKind(stop_database, 10),
    "database-hang": FaultKind(stop_database, 10),
    "server-kill": FaultKind(kill_server, 10),
}


def run_command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of okube-api, with the password as its standard input."""
    command, password = [*COMMAND, *arguments], f"{PASSWORD}\n"
    return subprocess.run(command, env=environment, input=password, text=True, check=False, capture_output=True)


@contextmanager
def start_server(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """Run a server of its own; yield its process and a client."""
    port = find_free_port()
    command = [*COMMAND, "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                for _ in range(600):
                    try:
                        client.get("/health/ready")
                        break
                    except httpx.TransportError:
                        time.sleep(0.05)
                yield process, client
        finally:
            process.terminate()


@contextmanager
def run_server(environment: dict[str, str]) -> Iterator[httpx.Client]:
    """Run a server of its own; yield a client that is logged in as the platform administrator."""
    with start_server(environment) as (_, client):
        log_in(client)
        yield client


def log_in(client: httpx.Client) -> None:
    """Log a client in as the platform administrator."""
    answer = client.post("/auth/login", json={"login": LOGIN, "password": PASSWORD}).raise_for_status()
    client.headers["Authorization"] = f"Bearer {answer.json()['auth']['token']}"


def run_fault(name: str, count: int) -> tuple[str, str]:
    """Cause a fault; return whether it was survived, and figures."""
    with tempfile.TemporaryDirectory(prefix="okube-faults-") as folder:
        try:
            return "survived", asyncio.run(FAULTS[name].run(Path(folder), count))
        except (CannotMount, CannotRun) as error:
            return "skipped", str(error)
        except (NotSurvived, AssertionError) as error:
            return "HARM", str(error) or repr(error)


def main() -> None:
    """Cause the faults of the command line and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", choices=[[], *FAULTS], help="faults to cause; all by default")
    parser.add_argument("--count", type=int, help="how often to cause each")
    parser.add_argument("--mongodb", help="URL of a MongoDB server, without a database")
    parser.add_argument("--stop", help="command that stops the MongoDB server the hard way")
    parser.add_argument("--start", help="command that starts it again, and returns when it answers")
    arguments = parser.parse_args()
    options = {name: getattr(arguments, name) for name in ("mongodb", "stop", "start")}
    MONGODB.update({name: value for name, value in options.items() if value})
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(f"{'fault':<14} {'result':<9} {'time':>7}  details")
    is_survived = True
    for name in arguments.faults or FAULTS:
        started_at = time.monotonic()
        result, details = run_fault(name, arguments.count or FAULTS[name].count)
        is_survived = is_survived and result != "HARM"
        print(f"{name:<14} {result:<9} {time.monotonic() - started_at:>5.0f} s  {details}", flush=True)
    sys.exit(not is_survived)


if __name__ == "__main__":
    main()
