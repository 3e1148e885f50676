"""Errors that the client raises: refusals of the server with their faults, and failures to reach it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from okube_api.urls import hide_password


class OkubeError(Exception):
    """Base class of all errors of the client."""


class MissingExtra(OkubeError, ImportError):
    """A library that a method needs is not installed; the message names the extra that has it."""


class ServerUnreachable(OkubeError):
    """The server did not answer: no connection, or no answer in time."""


class UnexpectedAnswer(OkubeError):
    """What answered is not this API, such as a page of a proxy."""


class JobUnfinished(OkubeError):
    """A job had no result within the time that was given to wait; the server goes on with it.

    job_id: to wait again, or to cancel it.
    """

    def __init__(self, message: str, job_id: str) -> None:
        super().__init__(message, job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return str(self.args[0])


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
    """The server refused the request, or could not carry it out.

    status: the HTTP status.
    code: the reason, for programs, such as `unknown_value`.
    detail: the reason, for people.
    faults: the faults of the request, each with a pointer to the field.
    request_id: names the request in the log of the server.
    problem: the whole problem document (RFC 9457).
    """

    def __init__(self, status: int, problem: Mapping[str, Any], request_id: str = "") -> None:
        super().__init__(status, problem, request_id)  # by which the error is pickled
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        self.detail = str(problem.get("detail") or f"The server answered {status}.")
        self.faults = tuple(map(_read_fault, problem.get("errors") or ()))
        self.request_id = str(problem.get("requestId") or request_id)

    def __str__(self) -> str:
        messages = [str(fault) for fault in self.faults if fault.pointer or fault.message != self.detail]
        if len(self.faults) == 1 and self.detail.endswith(self.faults[0].message):  # perhaps behind the field's name
            return f"{self.status}: {messages[0] if messages else self.detail}"
        return " ".join((f"{self.status}: {self.detail}", *dict.fromkeys(messages)))


class NotLoggedIn(RequestRefused):
    """401: the login, the password or the token is not valid, or there is none."""


class NotAllowed(RequestRefused):
    """403: the user has no role for it."""


class ResourceMissing(RequestRefused):
    """404: there is no such resource."""


class ResourceConflict(RequestRefused):
    """409: it does not fit the present state, such as a key that another resource has."""


class ResourceChanged(RequestRefused):
    """412: the resource has changed since it was read."""


class RateLimited(RequestRefused):
    """429: too many requests, also after the retries."""


class ServerFailed(RequestRefused):
    """5xx: the server was too busy, also after the retries, or failed."""


_CLASSES = {
    401: NotLoggedIn,
    403: NotAllowed,
    404: ResourceMissing,
    409: ResourceConflict,
    412: ResourceChanged,
    429: RateLimited,
}


def build_error(response: httpx.Response) -> RequestRefused:
    """Return the error for an answer that is no success."""
    status, problem = response.status_code, _read_problem(response)
    if response.has_redirect_location and not problem:
        address = hide_password(response.headers["location"])
        problem = {"detail": f"The server redirects to {address}. Use its address."}
    elif not problem:
        problem = {"detail": f"The server answered {status} {response.reason_phrase}."}
    return build_problem_error(status, problem, response.headers.get("x-request-id", ""))


def build_problem_error(status: int, problem: Mapping[str, Any], request_id: str = "") -> RequestRefused:
    """Return the error for a problem document."""
    error_class = ServerFailed if status >= 500 else _CLASSES.get(status, RequestRefused)
    return error_class(status, problem, request_id)


def read_json(response: httpx.Response) -> Any:
    """Return the JSON of a successful answer.  Raise UnexpectedAnswer when it has none."""
    try:
        return response.json()
    except ValueError as error:
        media_type = response.headers.get("content-type", "no content type")
        raise UnexpectedAnswer(
            f"{response.request.method} {response.url}: the answer is not JSON ({media_type}). Check the address of "
            "the server."
        ) from error


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
