"""Errors that the client raises: refusals of the server with their faults, and failures to reach it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx


class OkubeError(Exception):
    """Base class of all errors of the client."""


class MissingExtra(OkubeError, ImportError):
    """A library that a method needs is not installed; the message names the extra that has it."""


class ServerUnreachable(OkubeError):
    """The server did not answer: no connection, or no answer in time."""


class JobUnfinished(OkubeError):
    """A job had no result within the time that was given to `wait_for`."""


@dataclass(frozen=True, slots=True)
class RequestFault:
    """One fault of a refused request.

    location: body, query, path or header.
    pointer: the place of the value, such as `/params/0/kpi` (RFC 6901).
    line, column: where the fault is in an uploaded table.
    """

    location: str
    pointer: str
    code: str
    message: str
    line: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        place = f"line {self.line}, {self.column}" if self.line is not None else self.pointer or self.location
        return f"{place}: {self.message}"


class RequestRefused(OkubeError):
    """The server refused the request.

    status: the HTTP status.
    code: the reason, for programs, such as `unknown_value`.
    detail: the reason, for people.
    faults: the faults of the request, each with a pointer to the field.
    request_id: names the request in the log of the server.
    problem: the whole problem document (RFC 9457), empty when the answer is none.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.problem: Mapping[str, Any] = _read_problem(response)
        self.code = str(self.problem.get("code", ""))
        self.detail = str(
            self.problem.get("detail", f"The server answered {response.status_code} {response.reason_phrase}.")
        )
        self.faults = tuple(map(_read_fault, self.problem.get("errors") or ()))
        self.request_id = str(self.problem.get("requestId", response.headers.get("x-request-id", "")))
        messages = [str(fault) for fault in self.faults if fault.pointer or fault.message != self.detail]
        super().__init__(" ".join((f"{self.status}: {self.detail}", *dict.fromkeys(messages))))


class NotLoggedIn(RequestRefused):
    """401: the login, the password or the token is not valid, or there is none."""


class ResourceMissing(RequestRefused):
    """404: there is no such resource."""


class ResourceChanged(RequestRefused):
    """412: the resource has changed since it was read."""


class TooManyAttempts(RequestRefused):
    """429: too many requests, also after the retries."""


_CLASSES = {401: NotLoggedIn, 404: ResourceMissing, 412: ResourceChanged, 429: TooManyAttempts}


def build_error(response: httpx.Response) -> RequestRefused:
    """Return the error for an answer that is no success."""
    return _CLASSES.get(response.status_code, RequestRefused)(response)


def _read_problem(response: httpx.Response) -> Mapping[str, Any]:
    try:
        problem = response.json()
    except ValueError:  # of a proxy, for example
        return {}
    return problem if isinstance(problem, dict) else {}


def _read_fault(fault: Mapping[str, Any]) -> RequestFault:
    return RequestFault(
        str(fault.get("in", "")),
        str(fault.get("pointer", "")),
        str(fault.get("code", "")),
        str(fault.get("message", "")),
        fault.get("line"),
        fault.get("column"),
    )
