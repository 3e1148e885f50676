"""Sends a request from many clients at once: `python -m okube_api.bench.load`, with JSON on input and output.

The input: port, path, headers, body (text), clients, seconds.  The output: answers, errors, and the response times
p50_ms and p99_ms.
"""

import asyncio
import sys
import time
from typing import Any

import orjson


async def _run_client(load: dict[str, Any], until: float, times_s: list[float]) -> int:
    """Send the request repeatedly, append each response time to `times_s`, return the number of errors."""
    body = load["body"].encode()
    lines = [f"POST {load['path']} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in load["headers"].items())])
    request = f"{head}\r\n\r\n".encode() + body
    reader, writer = await asyncio.open_connection("127.0.0.1", load["port"])
    errors = 0
    while time.perf_counter() < until:
        started = time.perf_counter()
        writer.write(request)
        head_of_answer = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head_of_answer.lower().split(b"\r\n")[1:-2])
        await reader.readexactly(int(fields[b"content-length"]))
        errors += not head_of_answer.startswith(b"HTTP/1.1 200")
        times_s.append(time.perf_counter() - started)
    writer.close()
    return errors


async def _run_clients(load: dict[str, Any]) -> dict[str, Any]:
    times_s: list[float] = []
    until = time.perf_counter() + load["seconds"]
    errors = sum(await asyncio.gather(*(_run_client(load, until, times_s) for _ in range(load["clients"]))))
    times_s.sort()
    p50, p99 = (times_s[int(len(times_s) * part)] * 1000 for part in (0.5, 0.99))
    return {"answers": len(times_s), "errors": errors, "p50_ms": p50, "p99_ms": p99}


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(asyncio.run(_run_clients(orjson.loads(sys.stdin.buffer.read())))))
