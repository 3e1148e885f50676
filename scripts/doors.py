"""Attack a server of its own over HTTP, and print what each attack got, and what other clients noticed.

    .venv/bin/python -m scripts.doors            # all attacks, about a minute and a half
    .venv/bin/python -m scripts.doors --short    # without those that wait for the longest deadlines, less than 30 s

The status is 1 when an attack got something else than it should, or when the 99th percentile of other clients' requests
was more than `--p99` milliseconds above that without an attack.
"""

import argparse
import asyncio
import multiprocessing
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, sleep

from okube_api.bench.local_server import LocalServer, run_local_server

HEAD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
PART = b"a" * 2**16
SOCKETS = 1000


@dataclass(frozen=True)
class Target(LocalServer):
    """The attacked server."""

    def read_memory(self) -> str:
        """Return the memory of the process and its maximum, in MB."""
        text = Path(f"/proc/{self.process}/status").read_text(encoding="ascii")
        values = {name: int(size) // 1024 for name, size in re.findall(r"(VmRSS|VmHWM):\s+(\d+)", text)}
        return f"{values['VmRSS']} ({values['VmHWM']})"


# -- the server, and other clients ----------------------------------------------------------------------------------


def _measure(port: int, pipe: Connection) -> None:
    """Send a request every 10 ms until the other end of the pipe says so; send back all times in ms."""
    times: list[float] = []
    pipe.send("ready")
    while not pipe.poll():
        started = perf_counter()
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", "/health/live")
            status = connection.getresponse().status
        except OSError:
            status = 0
        times.append((perf_counter() - started) * 1000 if status == 200 else 60_000.0)
        connection.close()
        sleep(0.01)
    pipe.send(times)


@contextmanager
def measure_others(target: Target) -> Iterator[list[float]]:
    """Measure requests of another client, in a process of its own; the list gets their times at the end."""
    times: list[float] = []
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_measure, args=(target.port, there))
    process.start()
    here.recv()
    try:
        yield times
    finally:
        here.send("stop")
        times += here.recv()
        process.join()


# -- attacks --------------------------------------------------------------------------------------------------------


async def send(target: Target, *parts: bytes, every_second: bytes = b"", seconds: float = 15) -> str:
    """Send parts on a connection of its own; return the status of the answer, `closed`, or `open` after some time.

    every_second: sent once a second after the parts, unless it is empty.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)

    async def write() -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        while every_second:
            writer.write(every_second)
            await asyncio.sleep(1)

    writing = asyncio.create_task(write())
    try:
        line = await asyncio.wait_for(reader.readline(), seconds)
        return line.split()[1].decode() if line else "closed"
    except TimeoutError:
        return "open"
    except ConnectionError:
        return "closed"
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        writer.transport.abort()


async def pipeline(target: Target) -> str:
    """Send 20,000 requests at once without reading; return the number of answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    writer.write((HEAD + b"\r\n") * 20_000)
    received = b""
    with suppress(ConnectionError, TimeoutError):
        while chunk := await asyncio.wait_for(reader.read(2**16), 5):
            received += chunk
    writer.transport.abort()
    return "bounded" if received.count(b"HTTP/1.1") < 1000 else "all answered"


def post(target: Target, path: str, body: bytes, *, with_token: bool) -> bytes:
    """Return a request with a JSON body."""
    token = f"Authorization: Bearer {target.token}\r\n" if with_token else ""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{token}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


CHUNKED = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG_BODY = (
    b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
)

Attack = Callable[[Target], Awaitable[str]]


@dataclass(frozen=True)
class Case:
    """An attack, how often it is made at once, and what it may get."""

    name: str
    attack: Attack
    expected: set[str]
    count: int = 1
    is_long: bool = False


LARGE = {"numbers": b"[" + b"1," * 500_000 + b"1]", "texts": b"[" + b'"a",' * 199_000 + b'"a"]'}


def post_large(path: str, kind: str, *, with_token: bool) -> Attack:
    """Return the attack that sends a large body."""
    return lambda target: send(target, post(target, path, LARGE[kind], with_token=with_token), seconds=60)


async def wait(_target: Target) -> str:
    """Attack nothing for two seconds: how long others wait on this machine anyway."""
    await asyncio.sleep(2)
    return "-"


CASES = (
    Case("none", wait, {"-"}),
    Case("one header of 64 MB", lambda target: send(target, HEAD + b"X: ", *[PART] * 1024), {"431"}),
    Case("10,000 headers", lambda target: send(target, HEAD, *[b"X: a\r\n"] * 10_000), {"431"}),
    Case("URL of 64 MB", lambda target: send(target, b"GET /", *[PART] * 1024), {"414"}),
    Case("trailer of 64 MB", lambda target: send(target, CHUNKED + b"0\r\nX: ", *[PART] * 1024), {"400", "415"}),
    Case(
        "chunks of one byte", lambda target: send(target, CHUNKED, *[b"1\r\na\r\n" * 9999] * 50), {"400", "413", "415"}
    ),
    Case("5 x 20,000 pipelined requests", pipeline, {"bounded"}, 5),
    Case("1,000 connections without HTTP", lambda target: send(target, b"\x16\x03\x01" + PART), {"400"}, SOCKETS),
    Case(
        "50 x 1 MB of numbers to the login", post_large("/auth/login", "numbers", with_token=False), {"413", "429"}, 50
    ),
    Case("10 x 1 MB of numbers with a token", post_large("/applications", "numbers", with_token=True), {"413"}, 10),
    Case("10 x 0.8 MB of texts with a token", post_large("/applications", "texts", with_token=True), {"400"}, 10),
    Case("a foreign host", lambda target: send(target, b"GET /docs HTTP/1.1\r\nHost: evil.example\r\n\r\n"), {"400"}),
    Case("1,000 silent sockets", lambda target: send(target, seconds=13), {"closed"}, SOCKETS),
    Case(
        "1,000 slow headers",
        lambda target: send(target, HEAD, every_second=b"X: a\r\n", seconds=13),
        {"408"},
        SOCKETS,
        is_long=True,
    ),
    Case(
        "1,000 slow bodies",
        lambda target: send(target, LONG_BODY, every_second=b"a", seconds=34),
        {"408", "429"},
        SOCKETS,
        is_long=True,
    ),
)


async def attack(case: Case, target: Target) -> Counter[str]:
    """Make an attack as often as its case says, at once."""
    return Counter(await asyncio.gather(*(case.attack(target) for _ in range(case.count))))


def main() -> int:
    """Make the attacks, print a table, and return the status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="leave out the attacks that wait the longest")
    parser.add_argument("--p99", type=float, default=50.0, help="maximum delay of other clients, in ms")
    options = parser.parse_args()
    is_good, usual_ms = True, None
    print("| attack | got | seconds | p99 of others, ms | memory (maximum), MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, run_local_server(Path(folder)) as server:
        target = Target(server.port, server.process, server.token, server.start_s)
        for case in CASES:
            if options.short and case.is_long:
                continue
            with measure_others(target) as times:
                started = perf_counter()
                got = asyncio.run(attack(case, target))
                seconds = perf_counter() - started
                sleep(max(0.0, 1.0 - seconds))
            p99 = sorted(times)[int(len(times) * 0.99)]
            answers = ", ".join(f"{count} x {answer}" for answer, count in got.most_common())
            print(f"| {case.name} | {answers} | {seconds:.2f} | {p99:.1f} | {target.read_memory()} |", flush=True)
            usual_ms = p99 if usual_ms is None else usual_ms
            is_good &= set(got) <= case.expected and p99 - usual_ms <= options.p99
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
