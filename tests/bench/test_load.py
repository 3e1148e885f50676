"""The clients of the benchmarks, against a small server; the questions and events that they send."""

import asyncio
from collections import Counter
from itertools import islice
from typing import Any

import orjson
import pytest
from okube_api.analytics.schemas.geo_marketing import GeoMarketingQuery
from okube_api.bench.collectors import PROBE_SITE, generate_bodies, run_collectors
from okube_api.bench.load import run_clients, summarize_times
from okube_api.bench.questions import BY_SITE, ROLLUP, generate_questions
from okube_api.ingest.events.models import StayEvent

pytestmark = pytest.mark.anyio


class RecordingServer:
    """Answers HTTP requests and records their paths and bodies."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes]] = []
        self.probes = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection: events by 202 or 201, questions by the number of probes so far."""
        while head := await reader.readline():
            path, length = head.split()[1].decode(), 0
            while (line := await reader.readline()) != b"\r\n":
                name, value = line.split(b":", 1)
                length = int(value) if name.lower() == b"content-length" else length
            body = await reader.readexactly(length)
            self.requests.append((path, body))
            self.probes += body.count(PROBE_SITE.encode()) if path.startswith("/events") else 0
            answer = orjson.dumps([{"data": {"all": self.probes}}])
            status = {"/events": "201 Created", "/events?wait=false": "202 Accepted", "/missing": "404 Not Found"}.get(
                path, "200 OK"
            )
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
        writer.close()


async def run_against_server(run: Any, load: dict[str, Any]) -> tuple[dict[str, Any], RecordingServer]:
    """Run clients against a recording server."""
    recording = RecordingServer()
    server = await asyncio.start_server(recording.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        result = await asyncio.wait_for(run({"port": port, "ports": [port], "headers": {}, **load}), 20)
    return result, recording


async def test_each_of_several_requests_is_sent_once() -> None:
    requests = [
        {"label": "even" if number % 2 == 0 else "odd", "path": f"/{number}", "body": "{}"} for number in range(7)
    ]
    result, recording = await run_against_server(run_clients, {"clients": 3, "seconds": 10, "requests": requests})
    assert sorted(path for path, _ in recording.requests) == [f"/{number}" for number in range(7)]
    assert (result["answers"], result["errors"]) == (7, 0)
    assert {label: each["answers"] for label, each in result["by_label"].items()} == {"even": 4, "odd": 3}


async def test_a_single_request_is_repeated_and_its_errors_counted() -> None:
    requests = [{"label": "", "path": "/missing", "body": "{}"}]
    result, recording = await run_against_server(run_clients, {"clients": 2, "seconds": 0.1, "requests": requests})
    assert result["answers"] == result["errors"] == len(recording.requests) > 2


@pytest.mark.slow
async def test_collectors_keep_the_rate_and_see_their_probes() -> None:
    load = {"path": "/events", "question": "/question", "rate": 4000, "connections": 3, "seconds": 0.5}
    result, recording = await run_against_server(run_collectors, load)
    events = [body for path, body in recording.requests if path.startswith("/events")]
    assert recording.requests[-1][0] == "/events"
    sent = sum(body.count(b"\n") for body in events) - recording.probes - 1
    assert result["events"] == sent
    assert 0 < result["events"] <= 0.5 * 4000 + 1000
    assert result["visible"]["probes"] == recording.probes == 1
    assert result["errors"] == 0


def test_collectors_send_valid_stays_of_any_site_but_that_of_the_probe() -> None:
    for count, body in islice(generate_bodies(1), 2):
        stays = [StayEvent.model_validate(orjson.loads(line)) for line in body.splitlines()]
        assert 100 <= len(stays) == count <= 1000
        assert PROBE_SITE not in {stay.site for stay in stays}


def test_questions_differ_and_a_fifth_is_by_site() -> None:
    questions = generate_questions(500)
    assert len({(question["path"], question["body"]) for question in questions}) == 500
    labels = Counter(question["label"] for question in questions)
    assert labels.keys() == {BY_SITE, ROLLUP}
    assert 60 < labels[BY_SITE] < 140
    for question in questions[:50]:
        GeoMarketingQuery.model_validate(orjson.loads(question["body"]))


def test_questions_of_a_seed_are_always_the_same() -> None:
    assert generate_questions(20, seed=3) == generate_questions(20, seed=3) != generate_questions(20, seed=4)


@pytest.mark.parametrize(
    ("times_s", "summary"),
    [([], {}), ([0.5], {"p50_ms": 500, "p99_ms": 500}), ([n / 1000 for n in range(100)], {"p50_ms": 50, "p99_ms": 99})],
)
def test_summary_of_times(times_s: list[float], summary: dict[str, float]) -> None:
    assert summarize_times(times_s) == summary
