"""Connections with bounds: of headers, URL, time, pipelined requests and the number of connections.

uvicorn parses a request with httptools, which calls the `on_...` methods of the connection.  Neither bounds what a
client sends before a request reaches the application, nor the time that it takes.  `BoundedConnection` counts in those
methods, and answers as problem+json what it refuses.
"""

import asyncio
import random
import resource
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache, partial
from typing import Any, cast
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from okube_api.errors import (
    BadRequest,
    HeadersTooLarge,
    Refusal,
    RequestTimeout,
    ServiceUnavailable,
    UrlTooLong,
)
from okube_api.http.problems import problem_response
from okube_api.http.refused_connections import WINDOW_S, RefusalLog, RefusalQueue
from okube_api.http.security_headers import add_security_headers

_PIECE_BYTES = 16_384  # the bytes that the parser gets at once outside of a body, so that little is read before a check
_RESERVE = 64  # connections beyond the maximum that are told so before they are closed
_JITTER = 0.1  # part of a time by which it may end early, so that many slow connections do not end at once
_SPARE_FILES = 256  # open files of the process other than connections
_ID_PLACEHOLDER = "0" * 32


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of a connection.

    connections: maximum number of open connections of the process.
    header_count: maximum number of headers of a request, and of trailers.
    pipelined: maximum number of requests that wait for the answer to an earlier one.
    header_s: maximum time for the headers of a request, and until a new connection sends something.
    body_s: time in which a body must bring `body_bytes` or end, and in which a client must read a part of an answer.
    drain_s: time in which the rest of a refused request is read and dropped, so that the client can read the answer.
    """

    connections: int = 4096
    header_bytes: int = 65_536
    header_count: int = 100
    url_bytes: int = 16_384
    pipelined: int = 32
    header_s: float = 10.0
    body_s: float = 30.0
    body_bytes: int = 1024
    drain_s: float = 3.0


def build_protocol(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """Return the protocol for uvicorn's option `http`: it can be sent to worker processes."""
    return cast("type[asyncio.Protocol]", partial(BoundedConnection, limits=limits))


def allow_connections(count: int) -> int:
    """Let the process open as many files as `count` connections need; return the number that it can have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + _SPARE_FILES:
        soft = min(count + _SPARE_FILES, hard) if hard != resource.RLIM_INFINITY else count + _SPARE_FILES
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(count, soft - _SPARE_FILES))


class _Phase(Enum):
    """What the client is expected to send."""

    REQUEST = auto()
    HEADERS = auto()
    BODY = auto()
    NOTHING = auto()  # the connection was refused: what still arrives is dropped


class _LimitExceeded(Exception):
    """Stops the parser in one of its callbacks; uvicorn then calls `send_400_response`."""


class BoundedConnection(HttpToolsProtocol):
    """A connection of uvicorn that refuses what exceeds the limits."""

    def __init__(self, *, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(**options)
        self._limits = limits
        self._phase = _Phase.REQUEST
        self._refusal: Refusal | None = None
        self._header_bytes = 0
        self._header_count = 0
        self._unparsed_bytes = 0  # since the last complete header; while a body arrives, also the body and its framing
        self._body_bytes = 0
        self._window_bytes = 0  # of the body since the last check of its progress
        self._drains = False
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Start the time for the first request; refuse the connection when there are too many."""
        open_connections = len(self.connections)
        super().connection_made(transport)
        if open_connections >= self._limits.connections + _RESERVE:
            self._phase = _Phase.NOTHING
            transport.abort()
        elif open_connections >= self._limits.connections:
            self._refuse(ServiceUnavailable("The server has too many open connections. Try again later."))
        else:
            self._set_deadline(self._limits.header_s)

    def data_received(self, data: bytes) -> None:
        """Pass data to the parser, in small pieces outside of bodies, and check the limits after each piece."""
        offset = 0
        while offset < len(data) and self._phase is not _Phase.NOTHING:
            is_body = self._phase is _Phase.BODY
            piece = data[offset:] if is_body or offset else data
            if not is_body:
                piece = piece[:_PIECE_BYTES]
            offset += len(piece)
            # Line breaks before a request would stop the timer of an idle connection.
            if self._phase is _Phase.REQUEST and not piece.strip(b"\r\n"):
                continue
            self._feed(piece)

    def _feed(self, piece: bytes) -> None:
        phase, request = self._phase, self.headers
        super().data_received(piece)
        if self._phase is not phase or self.headers is not request:
            return
        if phase is _Phase.HEADERS:
            self._unparsed_bytes += len(piece)
            if self._header_bytes + self._unparsed_bytes > self._limits.header_bytes + _PIECE_BYTES:
                self._refuse(self._headers_too_large())
        elif phase is _Phase.BODY:
            self._unparsed_bytes += len(piece)
            if self._unparsed_bytes - self._body_bytes > self._limits.header_bytes + self._body_bytes:
                self._refuse(BadRequest("The chunks and trailers need more bytes than the body. Send larger chunks."))
            elif self.cycle.response_complete and not self._drains:
                self._drains = True
                self._set_deadline(self._limits.drain_s)

    def pause_writing(self) -> None:
        """Stop writing; close the connection unless the client reads on in time."""
        super().pause_writing()
        if self._write_timer is None:
            self._watch_writing(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Continue writing."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _watch_writing(self, unsent_bytes: int) -> None:
        self._write_timer = self.loop.call_later(self._limits.body_s, self._check_writing, unsent_bytes)

    def _check_writing(self, unsent_bytes: int) -> None:
        remaining = self.transport.get_write_buffer_size()
        if remaining >= unsent_bytes:
            self._write_timer = None
            self.transport.abort()
        else:
            self._watch_writing(remaining)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        super().connection_lost(exc)
        for timer in (self._timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._write_timer = self._deadline = None

    # -- httptools -------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start the time for the headers of a request."""
        super().on_message_begin()
        self._phase = _Phase.HEADERS
        self._header_bytes = self._header_count = self._unparsed_bytes = 0
        self._body_bytes = self._window_bytes = 0
        self._drains = False
        self._set_deadline(self._limits.header_s)

    def on_url(self, url: bytes) -> None:
        """Add a part of the URL, which must not be too long."""
        super().on_url(url)
        if len(self.url) > self._limits.url_bytes:
            raise self._stop(UrlTooLong(f"The URL may have {self._limits.url_bytes:,} bytes at most."))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header, of which there must not be too many; drop those after the body (trailers)."""
        self._header_count += 1
        if self._header_count > self._limits.header_count:
            raise self._stop(HeadersTooLarge(f"A request may have {self._limits.header_count} headers at most."))
        if self._phase is not _Phase.HEADERS:
            return
        self._unparsed_bytes = 0
        self._header_bytes += len(name) + len(value) + len(": \r\n")
        if self._header_bytes > self._limits.header_bytes:
            raise self._stop(self._headers_too_large())
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request, and the time for its body."""
        if len(self.pipeline) >= self._limits.pipelined:
            raise self._stop(BadRequest("Too many requests before the answer to an earlier one."))
        super().on_headers_complete()
        self._phase = _Phase.BODY
        self._unparsed_bytes = self._header_count = 0
        self._set_deadline(self._limits.body_s)

    def on_body(self, body: bytes) -> None:
        """Add a part of the body."""
        self._body_bytes += len(body)
        self._window_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the next request; uvicorn closes the connection if there is none."""
        super().on_message_complete()
        self._phase = _Phase.REQUEST
        self._set_deadline(None)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as in uvicorn
        """Answer what the parser cannot read."""
        self._refuse(self._refusal or BadRequest("The request is not valid HTTP."))

    # -- time ------------------------------------------------------------------------------------------------------

    def _set_deadline(self, seconds: float | None) -> None:
        """Set the time of the next check.

        A timer that fires earlier stays: it starts again for the rest of the time, which costs less than a new timer
        for each request.
        """
        early_s = 0.0 if seconds is None else seconds * random.random() * _JITTER  # noqa: S311 - spreads load only
        self._deadline = None if seconds is None else self.loop.time() + seconds - early_s
        if self._deadline is not None and (self._timer is None or self._timer.when() > self._deadline):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_at(self._deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self.loop.time() < self._deadline:
            self._timer = self.loop.call_at(self._deadline, self._check_deadline)
        elif self._phase is _Phase.NOTHING or self._drains:
            self.transport.abort()
        elif self._waits_for_server():
            self._set_deadline(self._limits.body_s)
        elif self._phase is _Phase.REQUEST:
            self.transport.close()
        elif self._phase is _Phase.HEADERS:
            self._refuse(RequestTimeout(f"The headers did not arrive within {self._limits.header_s:g} s."))
        elif self._window_bytes >= self._limits.body_bytes:
            self._window_bytes = 0
            self._set_deadline(self._limits.body_s)
        else:
            self._refuse(RequestTimeout(f"Too little of the body arrived within {self._limits.body_s:g} s."))

    def _waits_for_server(self) -> bool:
        """Return whether the client waits for the server, which reads no more or has not asked for the body yet."""
        if self._phase is _Phase.BODY and self.cycle.waiting_for_100_continue:
            return True
        return not self.transport.is_reading()

    # -- refusals --------------------------------------------------------------------------------------------------

    def _headers_too_large(self) -> Refusal:
        return HeadersTooLarge(f"All headers together may have {self._limits.header_bytes:,} bytes at most.")

    def _stop(self, refusal: Refusal) -> Exception:
        """Return the exception that stops the parser, so that the refusal is answered."""
        self._refusal = refusal
        return _LimitExceeded(refusal.detail)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer a refusal, if no other answer is being sent, and close the connection."""
        if self._phase is _Phase.NOTHING:
            return
        phase, self._phase = self._phase, _Phase.NOTHING
        request_id = uuid4().hex
        if _refusal_log.add(refusal, request_id):
            self.loop.call_later(WINDOW_S, _refusal_log.write_summary)
        is_busy = self.cycle is not None and not self.cycle.response_complete
        if is_busy and phase is not _Phase.BODY:
            self._set_deadline(None)
            self.shutdown()  # after the answers to the earlier requests
            return
        if is_busy:
            # As when the connection is lost: the application stops, and what it still sends is dropped.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if (phase is _Phase.BODY and (self.cycle.response_started or self.pipeline)) or self.transport.is_closing():
            self.transport.close()
            self._set_deadline(self._limits.drain_s)
            return
        _refusal_queue.add(self.loop, partial(self._write_refusal, refusal, request_id))

    def _write_refusal(self, refusal: Refusal, request_id: str) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(_render(refusal, request_id, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # A socket that is closed with unread data resets the connection, and the client may never see the answer.
        self.flow.resume_reading()
        self._set_deadline(self._limits.drain_s)


_refusal_log, _refusal_queue = RefusalLog(), RefusalQueue()  # for all connections of the process


def _render(refusal: Refusal, request_id: str, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return an answer as it is sent."""
    head, rest = _render_with_placeholder(type(refusal), refusal.detail)  # type: ignore[arg-type]  # classes are hashable
    lines = [name + b": " + value + b"\r\n" for name, value in default_headers]
    return head + b"".join(lines) + rest.replace(_ID_PLACEHOLDER.encode(), request_id.encode())


@lru_cache(maxsize=64)
def _render_with_placeholder(kind: type[Refusal], detail: str) -> tuple[bytes, bytes]:
    """Return the status line, and the headers and body with `_ID_PLACEHOLDER` for the id of the request."""
    response = problem_response(kind(detail), {"type": "http", "state": {"request_id": _ID_PLACEHOLDER}})
    add_security_headers(response.raw_headers, is_https_only=False)
    response.headers["X-Request-Id"] = _ID_PLACEHOLDER
    response.headers["Connection"] = "close"
    lines = [name + b": " + value + b"\r\n" for name, value in response.raw_headers]
    return STATUS_LINE[kind.status], b"".join(lines) + b"\r\n" + bytes(response.body)
