"""Every refusal that a caller can meet: its status, its code and its words.

A `Refusal` is an answer, not a bug: the one handler (`http.problems`) turns it into problem+json.  Say what was
wrong and what would work; never quote another application's data.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request.

    where: body, query, path or header; pointer: RFC 6901, such as `/params/0/kpi`.
    line, column: of an uploaded table, the line that the row starts on (the header is 1) and the column's name.
    """

    where: str
    pointer: str
    code: str
    message: str
    line: int | None = None
    column: str | None = None

    def as_json(self) -> dict[str, str | int | None]:
        """The shape that answers carry."""
        said: dict[str, str | int | None] = {
            "in": self.where,
            "pointer": self.pointer,
            "code": self.code,
            "message": self.message,
        }
        return said if self.line is None else {**said, "line": self.line, "column": self.column}


class Refusal(Exception):
    """A request that is not fulfilled, for a reason that the caller is told."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid"
    title: ClassVar[str] = "The request is not valid"

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
        """The refusal of one value, named by where it stands."""
        return cls.because(where, pointer, cls.code, message)

    @classmethod
    def because(cls, where: str, pointer: str, code: str, message: str) -> Self:
        """The refusal of one value, with a code of its own."""
        return cls(message, faults=[Fault(where, pointer, code, message)])


def suggestion(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the nearest known name, or nothing."""
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


class BadRequest(Refusal):
    """400: malformed."""


class UnknownValue(Refusal):
    """400: not one of the values there are."""

    code = "unknown_value"


class Unauthorised(Refusal):
    """401: no, bad, expired or revoked credentials."""

    status, code, title = 401, "unauthorised", "Authentication is needed"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Refusal):
    """403: a known caller who may not do this."""

    status, code, title = 403, "forbidden", "Not allowed"


class CaptchaRequired(Forbidden):
    """403: the account is locked until a captcha is solved."""

    code = "captcha_required"


class NotFound(Refusal):
    """404: no such resource, or one that the caller may not see."""

    status, code, title = 404, "not_found", "Not found"

    def __init__(self, kind: str, id_or_key: str) -> None:
        super().__init__(f"No {kind} '{id_or_key}'.")


class InFlight(Refusal):
    """409: the same idempotency key is being worked on, or two changes met."""

    status, code, title = 409, "conflict", "In conflict with another request"


class PreconditionFailed(Refusal):
    """412: the resource changed since the caller read it."""

    status, code, title = 412, "precondition_failed", "The resource has changed"


class TooLarge(Refusal):
    """413: the body is larger than the limit."""

    status, code, title = 413, "too_large", "The body is too large"


class UnsupportedMedia(Refusal):
    """415: a content type or encoding that this route does not take."""

    status, code, title = 415, "unsupported_media_type", "The content type is not taken here"


class Impossible(Refusal):
    """422: well-formed, but it cannot be."""

    status, code, title = 422, "impossible", "The request cannot be fulfilled"


class Taken(Impossible):
    """422: a key that another resource of the kind has."""

    code = "taken"


class UnknownReference(Impossible):
    """422: a reference to something that does not exist in the application."""

    code = "unknown_reference"


class TooMuchToRead(Impossible):
    """422: the question would read more rows than the limit."""

    code = "too_much_to_read"


class TooManyRequests(Refusal):
    """429: over a limit."""

    status, code, title = 429, "too_many_requests", "Too many requests"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})


class CallerLeft(Refusal):
    """499: the caller closed the connection; only the log sees it."""

    status, code, title = 499, "caller_left", "The caller left"


class Full(Refusal):
    """507: the disk is full."""

    status, code, title = 507, "insufficient_storage", "No room is left"


class Away(Refusal):
    """503: maintenance, the database is away, or a question took too long."""

    status, code, title = 503, "unavailable", "Not available now"

    def __init__(self, detail: str, retry_after_s: int = 2) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})
