"""The outermost middleware: gives every request an id and a log line, and answers bugs without details.

A line is one JSON object with the method, path, status, time and user, and never a header, query or body: those may
contain secrets.  In the path of an erasure, the name of the user or device is left out.
"""

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from okube_api.http.metrics import Metrics
from okube_api.http.problems import INTERNAL_ERROR, InternalError, problem_response
from okube_api.http.security_headers import add_security_headers

_SAFE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ERASURE = "/users-data/"

log = structlog.stdlib.get_logger("okube")


async def answer_bug(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 500, as an ASGI application."""
    await problem_response(InternalError(INTERNAL_ERROR), scope)(scope, receive, send)


class AccessLog:
    """Middleware that gives requests an id, logs them, and answers uncaught exceptions with 500.

    bug_answer: the application that answers them.
    require_https: whether browsers that came by HTTPS shall use nothing else from then on.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, bug_answer: ASGIApp = answer_bug, *, require_https: bool = False
    ) -> None:
        self.app = app
        self.require_https = require_https
        self.metrics = metrics
        self.bug_answer = bug_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its id in `scope["state"]`, and log it when it is answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        started = perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                is_https_only = self.require_https and scope["scheme"] == "https"
                own = {"X-Request-Id": request_id, **scope["state"].get("headers", {})}
                message = {**message, "headers": _add_headers(message["headers"], own, is_https_only=is_https_only)}
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception:
            log.exception("unhandled exception", requestId=request_id)
            if status:
                raise  # a part of the answer was sent: closing the connection shows the client that it is incomplete
            await self.bug_answer(scope, receive, send_with_headers)
        finally:
            seconds = perf_counter() - started
            self.metrics.count_request(scope, status, seconds)
            log.info("request", **_log_fields(scope, status, seconds))


def _add_headers(
    headers: Iterable[tuple[bytes, bytes]], own: Mapping[str, str], *, is_https_only: bool
) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with those of its request, which replace others, and the security headers."""
    raw_own = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in own.items()]
    names = {name for name, _ in raw_own}
    complete = [header for header in headers if header[0] not in names]
    complete += raw_own
    add_security_headers(complete, is_https_only=is_https_only)
    return complete


def _request_id(scope: Scope) -> str:
    """Return the client's `X-Request-Id` if it is safe to log, else a new id."""
    sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return sent.decode("ascii") if _SAFE_ID.fullmatch(sent) else uuid4().hex


def _log_fields(scope: Scope, status: int, seconds: float) -> dict[str, Any]:
    return {
        "requestId": scope["state"]["request_id"],
        "method": scope["method"],
        "path": _loggable_path(scope),
        "status": status,
        "ms": round(seconds * 1000, 1),
        "user": scope["state"].get("user_id"),
    }


def _loggable_path(scope: Scope) -> str:
    path = (scope.get("raw_path") or b"").decode("latin-1")
    before, erasure, _ = unquote(path).partition(_ERASURE)
    return (before + erasure + "..." if erasure else path)[:500]


class _LineFormatter(structlog.stdlib.ProcessorFormatter):
    """Writes events of structlog, which are complete, at once; the formatter of structlog copies their records."""

    _render = structlog.processors.JSONRenderer()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        if isinstance(record.msg, dict):
            return str(self._render(None, "", record.msg))
        return super().format(record)


def configure_logging(level: str) -> None:
    """Write all log events, also those of libraries, to standard error as one JSON object per line.

    What the lines do not have, such as the name of the thread, is not looked up for them either.
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # as the manual of Python says: no look-up of the caller
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
        _LineFormatter(
            foreign_pre_chain=[*shared, structlog.processors.format_exc_info],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for verbose in ("httpx", "pymongo", "asyncio"):
        logging.getLogger(verbose).setLevel(logging.WARNING)
