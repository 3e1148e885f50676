"""The log: one JSON line a request, that no caller can forge and that holds no secret."""

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
from okube_api.http.middleware.access_log import Journal, write_json_lines
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

pytestmark = pytest.mark.anyio

SECRETS = {
    "Authorization": "Bearer eyJ.secret.token",
    "Cookie": "okube_token=eyJ.secret.cookie",
    "Idempotency-Key": "secret-key",
}


@contextmanager
def logged() -> Iterator[httpx.AsyncClient]:
    """Someone who calls an application that answers anything, and sometimes breaks, while all is logged as in life."""
    known, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    app = FastAPI()

    async def endpoint(request: Request) -> Response:
        if "broken" in request.url.path:
            raise RuntimeError("what went wrong")
        return PlainTextResponse("fine")

    app.add_route("/{path:path}", endpoint, methods=["GET", "POST"])
    app.add_middleware(Journal, metrics=Metrics())
    write_json_lines("info")
    usual, access_log.log = (
        access_log.log,
        structlog.stdlib.get_logger("okube"),
    )  # a cached one keeps old settings
    try:
        yield httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")
    finally:
        access_log.log = usual
        structlog.configure(**known)
        root.handlers, root.level = handlers, level


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """What was logged."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


async def test_a_request_is_one_line_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    with logged() as caller:
        await caller.post("/auth/login?password=secret", json={"password": "secret"}, headers=SECRETS)
    (line,) = lines(capsys)
    assert (line["event"], line["method"], line["path"], line["status"]) == ("request", "POST", "/auth/login", 200)
    assert {"requestId", "ms", "user", "timestamp", "level"} <= set(line)
    assert "secret" not in json.dumps(line)


async def test_no_path_makes_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    forged = '/a%0A{"event":"request","status":200}%0D%0A'
    with logged() as caller:
        await caller.get(forged, headers={"User-Agent": 'x","event":"forged'})
    (line,) = lines(capsys)
    assert line["path"] != "/a"


async def test_a_bug_is_logged_with_its_trace_under_the_requests_id(capsys: pytest.CaptureFixture[str]) -> None:
    with logged() as caller:
        answer = await caller.get("/broken")
    assert answer.status_code == 500
    assert "what went wrong" not in answer.text
    bug, request = lines(capsys)
    assert bug["requestId"] == request["requestId"] == answer.headers["x-request-id"]
    assert "what went wrong" in str(bug["exception"])
    assert request["status"] == 500


async def test_who_is_erased_is_not_written_down(capsys: pytest.CaptureFixture[str]) -> None:
    with logged() as caller:
        await caller.get("/applications/acme/users-data/zaphod%2Fb")
        await caller.get("/applications/acme/users%2Ddata/zaphod")
        await caller.get("/users-data")
    paths = [line["path"] for line in lines(capsys)]
    assert paths == ["/applications/acme/users-data/..."] * 2 + ["/users-data"]
