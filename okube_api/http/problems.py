"""The one handler of refusals: everything that is not an answer becomes problem+json (RFC 9457) here."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from okube_api.errors import (
    Away,
    BadRequest,
    Fault,
    Forbidden,
    Full,
    Impossible,
    InFlight,
    Refusal,
    Taken,
    TooLarge,
    TooMuchToRead,
    Unauthorised,
    UnsupportedMedia,
)
from okube_api.kit.json_text import escaped
from okube_api.store.base import Conflict, Duplicate, StoreError, StoreFull, TooManyRows, Unavailable

MOST_FAULTS = 100


class MethodNotAllowed(Refusal):
    """405: the path is there, the method is not."""

    status, code, title = 405, "method_not_allowed", "The method is not taken here"


class NoSuchPath(Refusal):
    """404: no route has this path."""

    status, code, title = 404, "not_found", "Not found"


class Bug(Refusal):
    """500: ours, not the caller's; what went wrong is in the log, under the request's id."""

    status, code, title = 500, "internal_error", "Something went wrong on our side"


async def handle(request: Request, error: Exception) -> Response:
    """The answer to an exception, for the application's table of handlers."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        error.headers = {"Allow": ", ".join(_allowed(request))}
    return answer(refusal_of(error), request.scope)


def _allowed(request: Request) -> list[str]:
    """The methods that the path takes: the framework names those of the first route only."""
    routes = [one for one in request.app.router.routes if isinstance(one, Route)]
    found = [one.methods or () for one in routes if one.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for methods in found for method in methods})


def answer(refusal: Refusal, scope: Scope) -> Response:
    """A refusal as problem+json; the request's id is the one that the journal gave it."""
    problem: dict[str, Any] = {
        "type": f"urn:okube:problem:{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.detail,
        "instance": (scope.get("raw_path") or b"").decode("latin-1"),
        "requestId": scope.get("state", {}).get("request_id", ""),
    }
    if refusal.status in {400, 422}:
        problem["errors"] = [fault.as_json() for fault in refusal.faults[:MOST_FAULTS]]
    body = orjson.dumps(problem | refusal.extra)
    return Response(body, refusal.status, refusal.headers, media_type="application/problem+json")


def refusal_of(error: Exception) -> Refusal:
    """What a caller is told of an exception."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error.errors())
    if isinstance(error, HTTPException):
        return _of_framework(error)
    if isinstance(error, StoreError):
        return _of_store(error)
    return Bug("The request could not be answered. The log has the details, under this request's id.")


def _of_store(error: StoreError) -> Refusal:
    match error:
        case Duplicate():
            what = f" '{error.value}'" if error.value is not None else ""
            message = f"The {error.fields[-1]}{what} is already taken."
            return Taken.at("body", f"/{error.fields[-1]}", message)
        case Unavailable():
            return Away("The database does not answer now. Try again shortly.")
        case StoreFull():
            return Full("The disk is full: nothing was written.")
        case Conflict():
            return InFlight("Another change of the same data came first. Try again.")
        case TooManyRows():
            return TooMuchToRead("The question would read too many rows. Ask for a shorter period or fewer scopes.")
        case _:
            return Bug("The store could not do what was asked. The log has the details, under this request's id.")


def _of_framework(error: HTTPException) -> Refusal:
    """FastAPI wraps what reading a body raised: the refusal inside is what counts."""
    cause = error.__cause__
    if isinstance(cause, Refusal):
        return cause
    known: Mapping[int, type[Refusal]] = {
        400: BadRequest,
        403: Forbidden,
        404: NoSuchPath,
        405: MethodNotAllowed,
        413: TooLarge,
        415: UnsupportedMedia,
    }
    if error.status_code == 401:
        return Unauthorised(error.detail)
    words = {404: "There is nothing at this path.", 405: "This path does not take this method."}
    detail = words.get(error.status_code, error.detail)
    return known.get(error.status_code, BadRequest)(detail, headers=error.headers)


# -- what Pydantic found -------------------------------------------------------------------------------------

_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "literal_error": "unknown_value",
    "enum": "unknown_value",
    "json_invalid": "invalid_json",
    "impossible": "impossible",
}


def _invalid(errors: Sequence[Any]) -> Refusal:
    faults = [_fault(error) for error in errors[:MOST_FAULTS]]
    detail = faults[0].message if len(faults) == 1 else f"{len(errors)} things are wrong with the request."
    kind = Impossible if all(error["type"] == "impossible" for error in errors) else BadRequest
    return kind(detail, faults=faults)


def _fault(error: Mapping[str, Any]) -> Fault:
    """loc starts with where; parts with a leading `@` name an alternative of ours, not a place in the body."""
    where, *path = (str(part) for part in error["loc"])
    pointer = "".join(f"/{escaped(part)}" for part in path if not part.startswith("@"))
    kind = error["type"]
    message = str(error["msg"]).removeprefix("Value error, ")
    name = path[-1] if path else ""
    if kind == "missing":
        message = f"'{name}' is required." if name else "A body is required."
    elif kind == "extra_forbidden":
        message = f"There is no field '{name}' here."
    return Fault(where, pointer, _code(kind), message if message.endswith(".") else f"{message}.")


def _code(kind: str) -> str:
    if kind in _CODES:
        return _CODES[kind]
    if kind.endswith(("_type", "_parsing")):
        return "wrong_type"
    if kind.startswith(("too_", "string_too_", "greater_", "less_")):
        return "out_of_range"
    return "invalid"
