"""Connections: what exceeds a limit is refused as problem+json, slow clients are closed, others are not disturbed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import pytest
import uvicorn
from okube_api.http.connection import ConnectionLimits, build_protocol
from okube_api.http.listener import listen
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

HOST = b"Host: a\r\n"
LARGE_ANSWER = 50_000_000


@dataclass
class Answer:
    """An answer as it was received."""

    status: int
    headers: dict[str, str]
    body: bytes


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the path and the number of bytes of the body, which `/refused` does not read."""
    request = Request(scope, receive)
    response: Response
    if scope["path"] == "/large":
        response = Response(bytes(LARGE_ANSWER))
    elif scope["path"] == "/refused":
        response = JSONResponse({}, 403)
    else:
        if scope["path"] == "/slow":
            await asyncio.sleep(0.5)
        body = await request.body()
        names = [name.decode() for name, _ in scope["headers"]]
        response = JSONResponse({"path": scope["path"], "bytes": len(body), "headers": names})
    await response(scope, receive, send)


@asynccontextmanager
async def run(**limits: Any) -> AsyncIterator[int]:
    """Serve the application with these limits; yield the port."""
    protocol = build_protocol(ConnectionLimits(**limits))
    config = uvicorn.Config(application, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listening:
        task = asyncio.create_task(server.serve([listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            await task


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection, and close it at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes or resets the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while chunk := await asyncio.wait_for(reader.read(2**20), 2):
            received += chunk
    return received


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one answer."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode()
    line, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (text.split(": ", 1) for text in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(line.split()[1]), headers, body)


async def exchange(port: int, *parts: bytes) -> Answer:
    """Send parts on a connection of its own and read the answer, also while parts are still being sent."""
    async with connect(port) as (reader, writer):

        async def send() -> None:
            for part in parts:
                writer.write(part)
                await writer.drain()

        sending = asyncio.create_task(send())
        try:
            return await read_answer(reader)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


def check_problem(answer: Answer, status: int) -> dict[str, Any]:
    """Check that an answer is a problem with this status and a request id, and ends the connection."""
    problem: dict[str, Any] = json.loads(answer.body)
    assert answer.status == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == problem["requestId"] != ""
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return problem


GET = b"GET / HTTP/1.1\r\n" + HOST


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (GET + b"X-A: " + b"a" * 65_600 + b"\r\n\r\n", 431),
        (GET + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 700) for n in range(95)) + b"\r\n", 431),
        (GET + b"".join(b"X-%d: a\r\n" % n for n in range(100)) + b"\r\n", 431),
        (b"GET /" + b"a" * 16_384 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
        (b"GET /?q=" + b"a" * 300_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    ],
    ids=["one header", "all headers", "count", "url", "query", "nonsense", "tls", "smuggling", "connect", "chunk"],
)
async def test_what_exceeds_a_limit_is_refused(request_bytes: bytes, status: int) -> None:
    async with run() as port:
        check_problem(await exchange(port, request_bytes), status)


@pytest.mark.parametrize(
    "request_bytes",
    [
        GET + b"X-A: " + b"a" * 60_000 + b"\r\n\r\n",
        GET + b"".join(b"X-%d: a\r\n" % n for n in range(99)) + b"\r\n",
        b"GET /" + b"a" * 16_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\r\n\r\n" + GET + b"\r\n",
    ],
    ids=["one header", "count", "url", "line breaks before"],
)
async def test_what_is_within_the_limits_is_answered(request_bytes: bytes) -> None:
    async with run() as port:
        pieces = [request_bytes[at : at + 999] for at in range(0, len(request_bytes), 999)]
        assert (await exchange(port, *pieces)).status == 200


async def test_huge_header_costs_milliseconds() -> None:
    part = b"a" * 2**20
    async with run() as port:
        started = perf_counter()
        check_problem(await exchange(port, GET + b"X-A: ", *[part] * 64), 431)
        assert perf_counter() - started < 1  # 8 s without the limit


@pytest.mark.parametrize("path", [b"/", b"/refused"], ids=["body is read", "body is not read"])
@pytest.mark.parametrize(
    "tail",
    [b"0\r\nX-A: " + b"a" * 400_000, b"1\r\na\r\n" * 80_000, b"1;x=" + b"a" * 400_000],
    ids=["trailer", "small chunks", "extension"],
)
async def test_framing_larger_than_the_body_is_refused(path: bytes, tail: bytes) -> None:
    head = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    async with run(drain_s=0.1) as port, connect(port) as (reader, writer):
        writer.write(head + tail)
        received = await read_to_end(reader)
    answers = [line for line in received.splitlines() if line.startswith(b"HTTP/1.1 ")]
    assert len(answers) == 1
    assert answers[0].split()[1] in ({b"400"} if path == b"/" else {b"400", b"403"})


async def test_trailers_are_not_headers() -> None:
    request = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Trailer: a\r\n\r\n"
    async with run() as port:
        answer = json.loads((await exchange(port, request)).body)
    assert answer["bytes"] == 1
    assert "x-trailer" not in answer["headers"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HT", 408),
        (GET, 408),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nabc", 408),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 408),
        (b"", None),
        (b"\r\n\r\n", None),
    ],
    ids=["line", "headers", "body", "chunks", "silent", "line breaks"],
)
async def test_slow_client_is_closed(sent: bytes, status: int | None) -> None:
    async with run(header_s=0.15, body_s=0.15, drain_s=0.1) as port, connect(port) as (reader, writer):
        writer.write(sent)
        if status is not None:
            check_problem(await read_answer(reader), status)
        assert await read_to_end(reader) == b""


@pytest.mark.parametrize(
    ("head", "trickle"),
    [
        (GET, b"X-A: a\r\n"),
        (b"", b"\r\n"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 999\r\n\r\n", b"a"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (b"POST /refused HTTP/1.1\r\n" + HOST + b"Content-Length: 999\r\n\r\n", b"a"),
    ],
    ids=["headers", "line breaks", "body", "chunks", "rest of a refused body"],
)
async def test_trickling_client_is_closed(head: bytes, trickle: bytes) -> None:
    async with run(header_s=0.2, body_s=0.2, drain_s=0.1) as port, connect(port) as (reader, writer):
        writer.write(head)

        async def send() -> None:
            while True:
                writer.write(trickle)
                await asyncio.sleep(0.02)

        sending = asyncio.create_task(send())
        await read_to_end(reader)
        sending.cancel()


async def test_slow_body_with_enough_bytes_is_read() -> None:
    async with run(body_s=0.15, body_bytes=100) as port, connect(port) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2000\r\n\r\n")
        for _ in range(10):
            writer.write(b"a" * 200)
            await asyncio.sleep(0.05)
        assert json.loads((await read_answer(reader)).body)["bytes"] == 2000


async def test_slow_application_is_waited_for() -> None:
    async with run(header_s=0.1, body_s=0.1) as port:
        request = b"POST /slow HTTP/1.1\r\n" + HOST + b"Content-Length: 300000\r\n\r\n" + b"a" * 300_000
        assert json.loads((await exchange(port, request)).body)["bytes"] == 300_000


async def test_client_that_waits_for_100_continue_is_not_slow() -> None:
    async with run(body_s=0.1) as port, connect(port) as (reader, writer):
        writer.write(b"POST /slow HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert json.loads((await read_answer(reader)).body)["bytes"] == 3


async def test_client_that_does_not_read_is_closed() -> None:
    async with run(body_s=0.1) as port, connect(port) as (reader, writer):
        writer.write(b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.sleep(0.4)  # its buffer is full long before
        assert len(await read_to_end(reader)) < LARGE_ANSWER


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with run() as port, connect(port) as (reader, writer):
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\n" % n + HOST + b"\r\n" for n in range(20)))
        for n in range(20):
            assert json.loads((await read_answer(reader)).body)["path"] == f"/{n}"


async def test_too_many_pipelined_requests_end_the_connection() -> None:
    async with run() as port, connect(port) as (reader, writer):
        writer.write((b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n") + (GET + b"\r\n") * 5000)
        assert 1 <= (await read_to_end(reader)).count(b"HTTP/1.1 ") <= 35


async def test_invalid_request_after_a_valid_one_leaves_its_answer_complete() -> None:
    async with run() as port, connect(port) as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\nnonsense\r\n\r\n")
        assert json.loads((await read_answer(reader)).body)["path"] == "/slow"
        assert await read_to_end(reader) == b""


async def test_connections_beyond_the_maximum_are_refused() -> None:
    async with run(connections=2) as port, connect(port), connect(port):
        answer = await exchange(port, GET + b"\r\n")
        check_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0


async def test_closed_connections_make_room() -> None:
    async with run(connections=1) as port:
        for _ in range(3):
            assert (await exchange(port, GET + b"Connection: close\r\n\r\n")).status == 200
            await asyncio.sleep(0.02)
