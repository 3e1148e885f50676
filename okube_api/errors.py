"""Errors that are answered to callers, each with its HTTP status, code and title.

A `Refusal` is an expected answer, not a bug: the handler in `http.problems` turns it into problem+json.  Messages say
what was wrong and what would work, and never quote data of another application.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request.

    where: body, query, path or header.
    pointer: the value's place as an RFC 6901 pointer, such as `/params/0/kpi`.
    line, column: in an uploaded table, the line on which the row starts (the header is line 1) and the column's name.
    """

    where: str
    pointer: str
    code: str
    message: str
    line: int | None = None
    column: str | None = None

    def as_json(self) -> dict[str, str | int | None]:
        """Return the fault as it appears under `errors` in an answer."""
        fields: dict[str, str | int | None] = {
            "in": self.where,
            "pointer": self.pointer,
            "code": self.code,
            "message": self.message,
        }
        return fields if self.line is None else {**fields, "line": self.line, "column": self.column}


MOST_FAULTS = 100
"""The faults of a refusal that its answer has; further ones need not be listed."""


class Refusal(Exception):
    """A request that is refused, with a reason for the caller."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid"
    title: ClassVar[str] = "Invalid request"

    def __init__(
        self,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    @classmethod
    def at(cls, where: str, pointer: str, message: str) -> Self:
        """Return a refusal of the value at `pointer`, with the code of this class."""
        return cls.with_code(where, pointer, cls.code, message)

    @classmethod
    def with_code(cls, where: str, pointer: str, code: str, message: str) -> Self:
        """Return a refusal of the value at `pointer`, with a code other than that of this class."""
        return cls(message, faults=[Fault(where, pointer, code, message)])


def name_field(message: str, pointer: str) -> str:
    """Return a message with the field at `pointer` in front, such as `'address.city': `, unless the message names it.

    A message names a field by its name in quotes, or behind an article: `the password`.
    """
    path = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    if not path:
        return message
    name = next((part for part in reversed(path) if not part.isdecimal()), path[-1])
    if len(name) <= _LONGEST_FIELD:
        name = re.escape(name)
        if re.search(rf"'{name}'|`{name}`|\b(?:the|a|an|no|unknown) {name}\b", message, re.IGNORECASE):
            return message
    return f"'{'.'.join(path)[:_LONGEST_FIELD]}': {message}"


_LONGEST_FIELD = 100  # characters
_LONGEST_SIMILAR = 60  # characters
_MOST_SIMILAR = 1000


def format_suggestion(name: str, names: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the most similar of `names`, or an empty string when none is similar."""
    similar = find_similar(name, names)
    return f" Did you mean '{similar}'?" if similar is not None else ""


def find_similar(name: str, names: Iterable[str]) -> str | None:
    """Return the most similar of `names`, None when none is similar.

    Comparing takes time, so long names are not compared, and only the first 1,000 of `names` are.  Callers suggest a
    name for the first unknown one of a request only.
    """
    if len(name) > _LONGEST_SIMILAR:
        return None
    candidates = (other for other in names if len(other) <= _LONGEST_SIMILAR)
    return _compare(name, tuple(islice(candidates, _MOST_SIMILAR)))


@lru_cache(maxsize=1024)
def _compare(name: str, names: tuple[str, ...]) -> str | None:
    return next(iter(get_close_matches(name, names, n=1)), None)


class BadRequest(Refusal):
    """400: the request is malformed."""


class Unauthorised(Refusal):
    """401: credentials are missing, wrong, expired or revoked."""

    status, code, title = 401, "unauthorised", "Authentication required"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Refusal):
    """403: the caller is authenticated but lacks the permission."""

    status, code, title = 403, "forbidden", "Not allowed"


class CaptchaRequired(Forbidden):
    """403: the account is locked until a captcha is solved."""

    code = "captcha_required"


class NotFound(Refusal):
    """404: the resource does not exist, or the caller may not read it."""

    status, code, title = 404, "not_found", "Not found"

    def __init__(self, kind: str, id_or_key: str, hint: str = "") -> None:
        super().__init__(f"No {kind} '{id_or_key}'.{f' {hint}' if hint else ''}")


class RequestConflict(Refusal):
    """409: a request with the same idempotency key is in progress, or another change came first."""

    status, code, title = 409, "conflict", "Conflict with another request"


class AmbiguousKey(Refusal):
    """409: resources of several applications have the key, and the request names no application."""

    status, code, title = 409, "ambiguous_key", "The key is ambiguous"

    def __init__(self, kind: str, key: str, applications: Sequence[str]) -> None:
        names = ", ".join(f"'{application}'" for application in applications)
        super().__init__(
            f"Several applications have the {kind} '{key[:250]}': {names}. Name the application or use the id.",
            extra={"applications": list(applications)},
        )


class PreconditionFailed(Refusal):
    """412: the resource has changed since the caller read it."""

    status, code, title = 412, "precondition_failed", "The resource has changed"


class RequestTimeout(Refusal):
    """408: the client sent its request too slowly."""

    status, code, title = 408, "request_timeout", "The request took too long"


class TooLarge(Refusal):
    """413: the body is larger than the limit."""

    status, code, title = 413, "too_large", "The body is too large"


class UrlTooLong(Refusal):
    """414: the URL is longer than the limit."""

    status, code, title = 414, "url_too_long", "The URL is too long"


class HeadersTooLarge(Refusal):
    """431: the headers are larger or more than the limit."""

    status, code, title = 431, "headers_too_large", "The headers are too large"


class UnsupportedMedia(Refusal):
    """415: the route does not accept this content type or encoding."""

    status, code, title = 415, "unsupported_media_type", "Unsupported content type"


class Impossible(Refusal):
    """422: the request is well-formed, but its values cannot be accepted."""

    status, code, title = 422, "impossible", "The request cannot be processed"


class Taken(Impossible):
    """422: another resource of the same kind has this key."""

    code = "taken"


class UnknownReference(Impossible):
    """422: the request refers to a resource that does not exist in the application."""

    code = "unknown_reference"


class TooMuchToRead(Impossible):
    """422: the question would read more rows than the limit allows."""

    code = "too_much_to_read"


class TooManyValues(Impossible):
    """422: the answer would have more values than the limit allows."""

    code = "too_many_values"


class ResultsTooLarge(Impossible):
    """422: the results of an application's jobs have more bytes than the limit allows."""

    code = "results_too_large"


class SumTooLarge(Impossible):
    """422: a sum of the answer has more digits than the store can hold."""

    code = "sum_too_large"


class TooManyRequests(Refusal):
    """429: a rate limit is exceeded."""

    status, code, title = 429, "too_many_requests", "Too many requests"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})


class ClientDisconnected(Refusal):
    """499: the client closed the connection before the answer; the status appears in the log only."""

    status, code, title = 499, "caller_left", "The client closed the connection"


class InsufficientStorage(Refusal):
    """507: the disk is full."""

    status, code, title = 507, "insufficient_storage", "Insufficient storage"


class ServiceUnavailable(Refusal):
    """503: the database does not answer, or the server has too much to do."""

    status, code, title = 503, "unavailable", "Service unavailable"

    def __init__(self, detail: str, retry_after_s: int = 2) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})


class QuestionTimeout(ServiceUnavailable):
    """503: a question took longer than the limit allows; the same question would again."""

    code, title = "question_timeout", "The question took too long"
