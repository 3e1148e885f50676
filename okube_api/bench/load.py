"""Many clients at once, in a process of their own: `python -m okube_api.bench.load`, a request as JSON on its input.

The input: port, path, headers, body (text), clients, seconds.  The output: answers, errors, and p50_ms and p99_ms of
the answers' times.
"""

import asyncio
import sys
import time
from typing import Any

import orjson


async def _one(asked: dict[str, Any], until: float, took: list[float]) -> int:
    """A client that asks again and again; its errors."""
    body = asked["body"].encode()
    lines = [f"POST {asked['path']} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in asked["headers"].items())])
    request = f"{head}\r\n\r\n".encode() + body
    reader, writer = await asyncio.open_connection("127.0.0.1", asked["port"])
    errors = 0
    while time.perf_counter() < until:
        started = time.perf_counter()
        writer.write(request)
        answered = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in answered.lower().split(b"\r\n")[1:-2])
        await reader.readexactly(int(fields[b"content-length"]))
        errors += not answered.startswith(b"HTTP/1.1 200")
        took.append(time.perf_counter() - started)
    writer.close()
    return errors


async def _all(asked: dict[str, Any]) -> dict[str, Any]:
    took: list[float] = []
    until = time.perf_counter() + asked["seconds"]
    errors = sum(await asyncio.gather(*(_one(asked, until, took) for _ in range(asked["clients"]))))
    took.sort()
    p50, p99 = (took[int(len(took) * part)] * 1000 for part in (0.5, 0.99))
    return {"answers": len(took), "errors": errors, "p50_ms": p50, "p99_ms": p99}


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(asyncio.run(_all(orjson.loads(sys.stdin.buffer.read())))))
