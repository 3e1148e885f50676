"""The access log: one JSON line per request, which clients cannot forge and which contains no secrets."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import structlog
from fastapi import FastAPI
from okube_api.http.metrics import Metrics
from okube_api.http.middleware import access_log
from okube_api.http.middleware.access_log import AccessLog, configure_logging
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

pytestmark = pytest.mark.anyio

SECRETS = {
    "Authorization": "Bearer eyJ.secret.token",
    "Cookie": "okube_token=eyJ.secret.cookie",
    "Idempotency-Key": "secret-key",
}


@contextmanager
def log_requests() -> Iterator[httpx.AsyncClient]:
    """Return a client of an application that answers every path, and log as in production."""
    config, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    app = FastAPI()

    async def endpoint(request: Request) -> Response:
        if "broken" in request.url.path:
            raise RuntimeError("what went wrong")
        return PlainTextResponse("fine")

    app.add_route("/{path:path}", endpoint, methods=["GET", "POST"])
    app.add_middleware(AccessLog, metrics=Metrics())
    configure_logging("info")
    usual, access_log.log = (
        access_log.log,
        structlog.stdlib.get_logger("okube"),
    )  # a cached one keeps old settings
    try:
        yield httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")
    finally:
        access_log.log = usual
        structlog.configure(**config)
        root.handlers, root.level = handlers, level


def read_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Parse the lines that were logged."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


async def test_request_is_one_line_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    with log_requests() as client:
        await client.post("/auth/login?password=secret", json={"password": "secret"}, headers=SECRETS)
    (line,) = read_lines(capsys)
    assert (line["event"], line["method"], line["path"], line["status"]) == ("request", "POST", "/auth/login", 200)
    assert {"requestId", "ms", "user", "timestamp", "level"} <= set(line)
    assert "secret" not in json.dumps(line)


async def test_path_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    forged = '/a%0A{"event":"request","status":200}%0D%0A'
    with log_requests() as client:
        await client.get(forged, headers={"User-Agent": 'x","event":"forged'})
    (line,) = read_lines(capsys)
    assert line["path"] != "/a"


async def test_bug_is_logged_with_its_traceback_and_the_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    with log_requests() as client:
        answer = await client.get("/broken")
    assert answer.status_code == 500
    assert "what went wrong" not in answer.text
    bug, request = read_lines(capsys)
    assert bug["requestId"] == request["requestId"] == answer.headers["x-request-id"]
    assert "what went wrong" in str(bug["exception"])
    assert request["status"] == 500


async def test_erased_user_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    with log_requests() as client:
        await client.get("/applications/acme/users-data/zaphod%2Fb")
        await client.get("/applications/acme/users%2Ddata/zaphod")
        await client.get("/users-data")
    paths = [line["path"] for line in read_lines(capsys)]
    assert paths == ["/applications/acme/users-data/..."] * 2 + ["/users-data"]
