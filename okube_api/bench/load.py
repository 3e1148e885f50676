"""Sends requests from many clients at once: `python -m okube_api.bench.load`, with JSON on input and output.

The input: ports, headers, clients, seconds, and the requests: label, path, body (text).  The clients are divided evenly
among the ports.  A single request is sent repeatedly; of several, each is sent once.  The output: answers, errors,
seconds, and the response times p50_ms and p99_ms of all requests and of those with each label.
"""

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice, repeat
from typing import Any

import orjson


def build_request(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the bytes of a POST request on a keep-alive connection."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items())])
    return f"{head}\r\n\r\n".encode() + body


async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    """Send a request and return the status and the body of the answer."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:-2])
    body = await reader.readexactly(int(fields[b"content-length"]))
    return int(head.split(b" ", 2)[1]), body


def summarize_times(times_s: Sequence[float]) -> dict[str, float]:
    """Return p50_ms and p99_ms of response times; nothing without any."""
    ordered = sorted(times_s)
    if not ordered:
        return {}
    return {f"p{part}_ms": ordered[int(len(ordered) * part / 100)] * 1000 for part in (50, 99)}


async def _run_client(port: int, requests: Iterator[tuple[str, bytes]], until_s: float, times: Any) -> int:
    """Send requests until a time, append the response times to `times` by label, return the number of errors."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    errors = 0
    for label, request in requests:
        started_s = time.perf_counter()
        if started_s >= until_s:
            break
        status, _ = await send(reader, writer, request)
        errors += status != 200
        times[label].append(time.perf_counter() - started_s)
    writer.close()
    return errors


async def run_clients(load: Mapping[str, Any]) -> dict[str, Any]:
    """Run the clients of an input (see the module) and return the output."""
    built = [
        (each["label"], build_request(each["path"], load["headers"], each["body"].encode()))
        for each in load["requests"]
    ]
    requests = iter(built) if len(built) > 1 else repeat(built[0])
    times: dict[str, list[float]] = defaultdict(list)
    started_s = time.perf_counter()
    until_s = started_s + load["seconds"]
    ports = islice(cycle(load["ports"]), load["clients"])
    clients = (_run_client(port, requests, until_s, times) for port in ports)
    errors = sum(await asyncio.gather(*clients))
    total = [time_s for label_times in times.values() for time_s in label_times]
    return {
        "answers": len(total),
        "errors": errors,
        "seconds": time.perf_counter() - started_s,
        **summarize_times(total),
        "by_label": {label: {"answers": len(each), **summarize_times(each)} for label, each in times.items()},
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(asyncio.run(run_clients(orjson.loads(sys.stdin.buffer.read())))))
