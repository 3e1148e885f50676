"""The error handler: turns every exception into problem+json (RFC 9457)."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from okube_api.errors import (
    MOST_FAULTS,
    BadRequest,
    ClientDisconnected,
    Fault,
    Forbidden,
    Impossible,
    InsufficientStorage,
    Refusal,
    RequestConflict,
    ServiceUnavailable,
    Taken,
    TooLarge,
    TooMuchToRead,
    Unauthorised,
    UnsupportedMedia,
    format_suggestion,
    name_field,
)
from okube_api.kit.json_text import escape_pointer
from okube_api.store.errors import Conflict, Duplicate, StoreDamaged, StoreError, StoreFull, TooManyRows, Unavailable

log = structlog.stdlib.get_logger("okube")

INTERNAL_ERROR = "The server could not answer the request. Its log has the details under the request's id."


class MethodNotAllowed(Refusal):
    """405: the path exists, but not with this method."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class UnknownPath(Refusal):
    """404: no route has this path."""

    status, code, title = 404, "not_found", "Not found"


class InternalError(Refusal):
    """500: a bug in the server; the log has the details under the request's id."""

    status, code, title = 500, "internal_error", "Internal server error"


class DamagedData(InternalError):
    """500: the database file is damaged where the request reads it; the log names the file and the place."""

    code, title = "damaged_data", "Stored data is damaged"


async def handle_error(request: Request, error: Exception) -> Response:
    """Return the answer to an exception; the application registers this as its handler.

    An `OPTIONS` request is answered with the methods of the path, like a method that the path does not support.
    """
    if isinstance(error, HTTPException) and error.status_code == 405:
        error.headers = {"Allow": ", ".join(_allowed_methods(request))}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=error.headers)
    return problem_response(convert_error(error), request.scope)


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of every route with this path; the framework names those of the first route only."""
    routes = [route for route in request.app.router.routes if isinstance(route, Route)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    methods = {method for route in matching for method in route.methods or ()}
    return sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))


def problem_response(refusal: Refusal, scope: Scope) -> Response:
    """Return a refusal as problem+json, with the request id that the access log has set."""
    instance = (scope.get("raw_path") or b"").decode("latin-1")
    body = orjson.dumps(build_problem(refusal, instance, scope.get("state", {}).get("request_id", "")))
    return Response(body, refusal.status, refusal.headers, media_type="application/problem+json")


def build_problem(refusal: Refusal, instance: str, request_id: str) -> dict[str, Any]:
    """Return the problem that describes a refusal; instance: the path of the request."""
    detail = refusal.detail
    if refusal.faults and detail == refusal.faults[0].message:
        detail = name_field(detail, refusal.faults[0].pointer)
    problem: dict[str, Any] = {
        "type": f"urn:okube:problem:{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": detail,
        "message": detail,  # also under the name that a successful login uses
        "instance": instance,
        "requestId": request_id,
    }
    if refusal.status in {400, 422}:
        problem["errors"] = [fault.as_json() for fault in refusal.faults[:MOST_FAULTS]]
    return problem | refusal.extra


def convert_error(error: Exception) -> Refusal:
    """Return the refusal that the caller gets for an exception."""
    match error:
        case Refusal():
            return error
        case RequestValidationError():
            return _convert_validation_errors(error.errors())
        case HTTPException():
            return _convert_framework_error(error)
        case StoreError():
            return _convert_store_error(error)
        case ClientDisconnect():
            return ClientDisconnected("The client closed the connection before it had sent the body.")
        case _:
            return InternalError(INTERNAL_ERROR)


def _convert_store_error(error: StoreError) -> Refusal:  # noqa: PLR0911 - one for each error
    match error:
        case Duplicate():
            value = f" '{error.value}'" if error.value is not None else ""
            message = f"The {error.fields[-1]}{value} is already taken."
            return Taken.at("body", f"/{error.fields[-1]}", message)
        case Unavailable():
            return ServiceUnavailable("The database does not answer. Try again later.")
        case StoreDamaged():
            log.error("damaged data", error=str(error))
            return DamagedData(
                "Stored data that the request needs cannot be read, because the database file is damaged. The log of "
                "the server names the file and the place."
            )
        case StoreFull():
            return InsufficientStorage("The disk is full. Nothing was written.")
        case Conflict():
            return RequestConflict("The data was changed by another request at the same time. Try again.")
        case TooManyRows():
            return TooMuchToRead("The question would read too many rows. Use a shorter period or fewer scopes.")
        case _:
            return InternalError(INTERNAL_ERROR)


def _convert_framework_error(error: HTTPException) -> Refusal:
    """Return the refusal for an exception of the framework.

    FastAPI wraps an exception that was raised while the body was read: the wrapped refusal is the one to answer.
    """
    cause = error.__cause__
    if isinstance(cause, Refusal):
        return cause
    refusals: Mapping[int, type[Refusal]] = {
        400: BadRequest,
        403: Forbidden,
        404: UnknownPath,
        405: MethodNotAllowed,
        413: TooLarge,
        415: UnsupportedMedia,
    }
    if error.status_code == 401:
        return Unauthorised(error.detail)
    details = {404: "Not found: no route has this path.", 405: "This path does not support this method."}
    detail = details.get(error.status_code, error.detail)
    return refusals.get(error.status_code, BadRequest)(detail, headers=error.headers)


# -- validation errors of Pydantic -------------------------------------------------------------------------------------

_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "literal_error": "unknown_value",
    "enum": "unknown_value",
    "json_invalid": "invalid_json",
    "impossible": "impossible",
}


def _convert_validation_errors(errors: Sequence[Any]) -> Refusal:
    faults = []
    suggests = True
    for error in errors[:MOST_FAULTS]:
        context = error.get("ctx") or {}
        hint = ""
        if "similar_names" in context:
            suggestion = format_suggestion(context["name"], context["similar_names"]) if suggests else ""
            suggests, hint = False, suggestion or context["fallback"]
        faults.append(_build_fault(error, hint))
    detail = faults[0].message
    if len(errors) > 1:
        detail = f"The request has {len(errors)} faults. The first: {name_field(detail, faults[0].pointer)}"
    kind = Impossible if all(error["type"] == "impossible" for error in errors) else BadRequest
    return kind(detail, faults=faults)


def _build_fault(error: Mapping[str, Any], hint: str = "") -> Fault:
    """Return the fault of one validation error, with a hint after its message.

    Its `loc` starts with the part of the request; items with a leading `@` are tags of a union, not places in the body.
    """
    where, *path = (str(part) for part in error["loc"])
    pointer = "".join(f"/{escape_pointer(part)}" for part in path if not part.startswith("@"))
    kind = error["type"]
    message = str(error["msg"]).removeprefix("Value error, ")
    name = path[-1] if path else ""
    if kind == "missing":
        message = f"'{name}' is required." if name else "A body is required."
    elif kind == "extra_forbidden":
        message = f"Unknown field '{name}'."
    elif kind in {"dict_type", "model_type", "model_attributes_type"}:
        message = "Input should be a JSON object."
    message = message.replace(" after validation", "")  # of the length of lists
    message = message if message.endswith(".") else f"{message}."
    return Fault(where, pointer, _fault_code(kind), message + hint)


def _fault_code(kind: str) -> str:
    if kind in _CODES:
        return _CODES[kind]
    if kind.endswith(("_type", "_parsing")):
        return "wrong_type"
    if kind.startswith(("too_", "string_too_", "greater_", "less_")):
        return "out_of_range"
    return "invalid"
