"""Sends events as collectors do: `python -m okube_api.bench.collectors`, with JSON on input and output.

The input: port, headers, path (of the events), question (the path that the probe asks), rate (events a second),
connections, seconds.  Each request has 100 to 1,000 stays of one day.  A request waits for a free connection, so a slow
server gets fewer events than `rate`.  The collectors do not wait until their events count, only until they are stored.
Once a second, a probe sends one stay to a site that no other stay is sent to, and asks until the answer counts it.

The output: events that were acknowledged, requests, errors, seconds until all events count, p50_ms and p99_ms until the
acknowledgement, and `visible`: the number of probes, and p50_ms and p99_ms until the answer counts the stay.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from okube_api.bench.load import build_request, send, summarize_times
from okube_api.bench.world import SITES, draw_users

DAY = "2025-12-31"
PROBE_SITE = f"site-{SITES - 1}"
_PROBE_S, _POLL_S = 1.0, 0.02
_VISIBLE, _STORED = 201, 202


def generate_bodies(seed: int) -> Iterator[tuple[int, bytes]]:
    """Yield numbers of stays and NDJSON of as many stays, on one day, at all sites but `PROBE_SITE`."""
    random = np.random.default_rng(seed)
    while True:
        count = int(random.integers(100, 1001))
        columns = (draw_users(random, count), random.integers(0, SITES - 1, count), random.integers(0, 86400, count))
        lines = [
            write_stay(f"user-{user}", f"site-{site}", second)
            for user, site, second in zip(*(column.tolist() for column in columns), strict=True)
        ]
        yield count, b"".join(lines)


def write_stay(user: str, site: str, second: int) -> bytes:
    """Return a line of NDJSON: a stay of ten minutes from a second of the day on."""
    at = f"{DAY}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}+01:00"
    stay = {"user": user, "site": site, "start": at, "duration_s": 600, "zone": "indoor"}
    return orjson.dumps(stay, option=orjson.OPT_APPEND_NEWLINE)


class _Collectors:
    """The connections of the collectors, which share a schedule, and the probe."""

    def __init__(self, load: Mapping[str, Any]) -> None:
        self._load = load
        self._headers = {**load["headers"], "Content-Type": "application/x-ndjson"}
        self._bodies = generate_bodies(len(str(load["port"])))
        self._started_s = self._until_s = 0.0
        self._scheduled = 0
        self.events = self.errors = 0
        self.times_s: list[float] = []
        self.visible_s: list[float] = []

    async def run(self) -> float:
        """Send until the time is over; return the seconds until all events count."""
        self._started_s = time.perf_counter()
        self._until_s = self._started_s + self._load["seconds"]
        connections = (self._send_batches() for _ in range(self._load["connections"]))
        await asyncio.gather(*connections, self._probe())
        await self._wait_until_visible()
        return time.perf_counter() - self._started_s

    async def _send_batches(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._load["port"])
        while True:
            count, body = next(self._bodies)
            due_s = self._started_s + self._scheduled / self._load["rate"]
            self._scheduled += count
            await asyncio.sleep(max(due_s - time.perf_counter(), 0))
            started_s = time.perf_counter()
            if started_s >= self._until_s:
                break
            status, _ = await send(reader, writer, self._build_request(body))
            self.times_s.append(time.perf_counter() - started_s)
            self.events += count if status == _STORED else 0
            self.errors += status != _STORED
        writer.close()

    def _build_request(self, body: bytes, query: str = "?wait=false") -> bytes:
        return build_request(self._load["path"] + query, self._headers, body)

    async def _wait_until_visible(self) -> None:
        """Send a stay and wait until it counts: events count in the order in which they were sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._load["port"])
        last = self._build_request(write_stay("last", f"site-{SITES - 2}", 0), "")
        self.errors += (await send(reader, writer, last))[0] != _VISIBLE
        writer.close()

    async def _probe(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._load["port"])
        question = build_request(self._load["question"], self._load["headers"], PROBE_QUESTION)
        count = _read_count((await send(reader, writer, question))[1])
        probes = 0
        while (started_s := time.perf_counter()) < self._until_s:
            probes += 1
            body = write_stay(f"probe-{started_s}", PROBE_SITE, probes % 86400)
            status, _ = await send(reader, writer, self._build_request(body))
            if status != _STORED:
                self.errors += 1
                continue
            while True:
                _, answer = await send(reader, writer, question)
                if _read_count(answer) > count:
                    break
                await asyncio.sleep(_POLL_S)
            count = _read_count(answer)
            self.visible_s.append(time.perf_counter() - started_s)
            await asyncio.sleep(max(started_s + _PROBE_S - time.perf_counter(), 0))
        writer.close()


PROBE_QUESTION = orjson.dumps(
    {"filters": {"sites": [PROBE_SITE]}, "params": [{"kpi": "posSessions", "temporals": False}]}
)


def _read_count(answer: bytes) -> int:
    count: int = orjson.loads(answer)[0]["data"]["all"] or 0
    return count


async def run_collectors(load: Mapping[str, Any]) -> dict[str, Any]:
    """Run the collectors of an input (see the module) and return the output."""
    collectors = _Collectors(load)
    seconds = await collectors.run()
    return {
        "events": collectors.events,
        "requests": len(collectors.times_s),
        "errors": collectors.errors,
        "seconds": seconds,
        **summarize_times(collectors.times_s),
        "visible": {"probes": len(collectors.visible_s), **summarize_times(collectors.visible_s)},
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(asyncio.run(run_collectors(orjson.loads(sys.stdin.buffer.read())))))
