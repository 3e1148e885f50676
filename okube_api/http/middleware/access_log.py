"""The outermost layer: every request gets an id and a line in the log, every bug an answer that tells nothing.

A line is one JSON object.  It holds the method, path, status, time and user, never a header, query or body: those
may carry secrets.  Of a path that names somebody whose data is erased, the name is left out.
"""

import logging
import re
import sys
from time import perf_counter
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from okube_api.http.metrics import Metrics
from okube_api.http.problems import Bug, answer

_GIVEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PRIVATE = "/users-data/"
_BUG = "The request could not be answered. The log has the details, under this request's id."

log = structlog.stdlib.get_logger("okube")


class Journal:
    """Middleware that names requests, logs them, and turns what nobody caught into a 500."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes requests on, their id in `scope["state"]`."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        started = perf_counter()

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "no-store")
                headers.update(scope["state"].get("headers", {}))
            await send(message)

        try:
            await self.app(scope, receive, send_named)
        except Exception:
            log.exception("bug", requestId=request_id)
            if status:
                raise  # the answer is under way: only closing the connection can tell that it is not whole
            await answer(Bug(_BUG), scope)(scope, receive, send_named)
        finally:
            seconds = perf_counter() - started
            self.metrics.answered(scope, status, seconds)
            log.info("request", **_line(scope, status, seconds))


def _request_id(scope: Scope) -> str:
    """The caller's own id when it is harmless in a log, else a new one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode("ascii") if _GIVEN.fullmatch(given) else uuid4().hex


def _line(scope: Scope, status: int, seconds: float) -> dict[str, Any]:
    return {
        "requestId": scope["state"]["request_id"],
        "method": scope["method"],
        "path": _path(scope),
        "status": status,
        "ms": round(seconds * 1000, 1),
        "user": scope["state"].get("user_id"),
    }


def _path(scope: Scope) -> str:
    path = (scope.get("raw_path") or b"").decode("latin-1")
    before, private, _ = unquote(path).partition(_PRIVATE)
    return (before + private + "..." if private else path)[:500]


def write_json_lines(level: str) -> None:
    """Sends everything that is logged, also by libraries, to the standard error as one JSON object a line."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.processors.format_exc_info],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("httpx", "pymongo", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
