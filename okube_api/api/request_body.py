"""The body of a request: limited while it arrives, parsed as JSON or a form, and validated in a thread when large."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, get_args

from anyio import CapacityLimiter, to_thread
from fastapi import params
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.types import Message, Receive

from okube_api.api.form import read_form
from okube_api.errors import TooLarge, UnsupportedMedia
from okube_api.http.client_disconnect import cancel_on_disconnect
from okube_api.kit.json_text import read_json
from okube_api.store.values import Json

T = TypeVar("T")

JSON, FORM = "application/json", "application/x-www-form-urlencoded"

MAX_BYTES_ON_LOOP = 16_384
"""A larger body is parsed in a thread, so that it does not block the event loop."""


def limit_body(request: Request, limit: int) -> Receive:
    """Return a receive function that raises TooLarge when `Content-Length` or the body itself exceeds the limit."""
    content_length = request.headers.get("content-length", "")
    announces_too_much = content_length.isdecimal() and int(content_length[:20]) > limit
    received_bytes = 0

    async def receive() -> Message:
        nonlocal received_bytes
        message = {} if announces_too_much else await request.receive()
        received_bytes += len(message.get("body", b""))
        if announces_too_much or received_bytes > limit:
            raise TooLarge(f"The body may have {limit:,} bytes at most.")
        return message

    return receive


async def run_in_thread(request: Request, work: Callable[[], T]) -> T:
    """Do work for a large body in a thread, so that the event loop is free; stop when the client disconnects.

    One thread does it for all requests: several would only compete with the event loop.
    """

    def work_without_pauses() -> T:
        # A full garbage collection stops all threads, and a body of many objects causes several.
        gc.disable()
        try:
            return work()
        finally:
            gc.enable()

    limiter: CapacityLimiter = request.app.state.body_limiter
    thread = to_thread.run_sync(work_without_pauses, abandon_on_cancel=True, limiter=limiter)
    return await cancel_on_disconnect(request, thread)


@dataclass(frozen=True, slots=True)
class BodyReader:
    """Reads the bodies of a route as JSON values, and validates large ones.

    model: the model that form bodies are converted for; None where only JSON is accepted.
    check: validates a value as the body of the route; returns the result and the errors, as FastAPI does.
    """

    model: type[BaseModel] | None
    check: Callable[..., tuple[Any, list[Any]]]

    @classmethod
    def for_route(cls, route: APIRoute, *, accepts_forms: bool) -> "BodyReader | None":
        """Return the reader of a route; None for a route without a body, or whose body FastAPI reads as a form."""
        if route.body_field is None or isinstance(route.body_field.field_info, params.Form):
            return None
        field = route.body_field
        check = field.validate

        def check_once(value: Any, values: Json | None = None, *, loc: tuple[str, ...] = ()) -> tuple[Any, list[Any]]:
            return value.result if isinstance(value, _Validated) else check(value, values or {}, loc=loc)

        # FastAPI validates in the event loop.  What was validated in a thread before passes.
        field.validate = check_once  # type: ignore[method-assign, assignment]
        return cls(_find_model(field.field_info.annotation) if accepts_forms else None, check)

    async def validate(self, request: "ParsedRequest") -> None:
        """Validate the body of a request in a thread; FastAPI uses the result."""
        work = partial(self.check, request.value, {}, loc=("body",))
        request.validated = _Validated(await run_in_thread(request, work))

    async def read(self, request: Request) -> Request:
        """Return the request with its body parsed.  Raise BadRequest, TooLarge or UnsupportedMedia."""
        if _is_compressed(request):
            raise UnsupportedMedia("Compressed bodies are not accepted. Send the body without Content-Encoding.")
        kind = _content_type(request)
        raw = await request.body()
        if kind == JSON:
            is_large = len(raw) > MAX_BYTES_ON_LOOP
            value = await run_in_thread(request, partial(read_json, raw)) if is_large else read_json(raw)
            return ParsedRequest(request, value, raw, is_large=is_large)
        if kind == FORM and self.model is not None:
            is_large = len(raw) > MAX_BYTES_ON_LOOP
            read = partial(read_form, raw, self.model)
            value = await run_in_thread(request, read) if is_large else read()
            return ParsedRequest(request, value, raw, is_large=is_large)
        if not raw and not kind:
            return request  # FastAPI reports the missing body where the route requires one
        accepted = f"{JSON} or {FORM}" if self.model else JSON
        raise UnsupportedMedia(f"The body must be {accepted}, not '{kind[:100]}'.")


@dataclass(frozen=True, slots=True)
class _Validated:
    """The result of the validation of a body, with its errors."""

    result: tuple[Any, list[Any]]


class ParsedRequest(Request):
    """A request whose body is parsed already.

    raw: the bytes of the body; after fields were removed from the value, its JSON.
    is_large: whether the body is large, so that it must not be validated in the event loop.
    """

    def __init__(self, request: Request, value: Any, raw: bytes, *, is_large: bool = False) -> None:
        headers = [(name, text) for name, text in request.scope["headers"] if name != b"content-type"]
        scope = {**request.scope, "headers": [*headers, (b"content-type", JSON.encode())]}
        super().__init__(scope, request.receive)
        self.value, self.raw = value, raw
        self.is_large = is_large
        self.validated: _Validated | None = None

    async def body(self) -> bytes:
        """Return a JSON text, so that FastAPI calls `json`."""
        return b"{}"

    async def json(self) -> Any:
        """Return the parsed body, validated if it is large."""
        return self.validated or self.value


def _is_compressed(request: Request) -> bool:
    return request.headers.get("content-encoding", "identity") != "identity"


def is_json(request: Request) -> bool:
    """Return whether the headers announce a JSON body that is not compressed.  Raise UnsupportedMedia."""
    return _content_type(request) == JSON and not _is_compressed(request)


def _content_type(request: Request) -> str:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if "charset=" in charset and not charset.endswith(("charset=utf-8", "charset=utf8")):
        raise UnsupportedMedia("The charset of the body must be UTF-8.")
    return kind.strip().lower()


def _find_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a body; if the body may also be a list, the model of an element."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _find_model(part))), None)
