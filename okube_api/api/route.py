"""What happens to every request between its route and its endpoint: who, which parameters, which body.

`ApiRoute` is for callers who are known, `OpenRoute` for anybody.  Both refuse what FastAPI would let pass: unknown and
repeated query parameters, bodies past the limit, other content types, JSON that two readers could read differently.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar, get_args
from urllib.parse import parse_qsl

from fastapi import params
from fastapi._compat import field_annotation_is_sequence
from fastapi.dependencies.utils import get_flat_params, get_validation_alias
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from okube_api.api.container import services
from okube_api.api.credentials import identify
from okube_api.api.form import read_form
from okube_api.errors import BadRequest, Fault, TooLarge, UnsupportedMedia, suggestion
from okube_api.http import idempotency
from okube_api.http.middleware.path_segments import decoded
from okube_api.kit.json_text import read_json
from okube_api.settings import Settings

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class ApiRoute(APIRoute):
    """A route for callers with a token: `request.state.identity` is there before anything of the request is read."""

    for_anybody: ClassVar[bool] = False
    takes_forms: ClassVar[bool] = True

    def body_limit(self, settings: Settings) -> int:
        """The most bytes that a body may have."""
        return settings.body_limit

    def repeatable(self) -> bool:
        """Whether an `Idempotency-Key` counts here: where something is created."""
        return not self.for_anybody and self.methods == {"POST"} and self.status_code in {201, 202}

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, behind the checks."""
        handle = super().get_route_handler()
        known = cache(partial(_parameters, self))  # of the routes that are asked only: it takes a millisecond each
        body = _Body.of(self)
        repeatable = self.repeatable()

        async def perform(request: Request) -> Response:
            return await handle(request if body is None else await body.read(request))

        async def checked(request: Request) -> Response:
            shared = services(request)
            await shared.limits.of_address(request)
            if not self.for_anybody:
                identity = await identify(request, shared.sessions)
                request.state.identity = identity
                request.state.user_id = identity.user.id
                await shared.limits.of_caller(request, identity.limited_as)
            request.scope["path_params"] = decoded(request.scope["path_params"])
            _check_query(request, known())
            limited = Request(request.scope, _limited(request, self.body_limit(shared.settings)))
            if repeatable and (key := request.headers.get(idempotency.HEADER)) is not None:
                return await shared.idempotency.once(request.state.identity.user.id, key, limited, perform)
            return await perform(limited)

        return checked


class OpenRoute(ApiRoute):
    """A route for anybody."""

    for_anybody = True


class JsonRoute(ApiRoute):
    """A route whose body is JSON, and nothing else."""

    takes_forms = False


class SecretRoute(ApiRoute):
    """A route whose answer is never kept: it holds a secret."""

    def repeatable(self) -> bool:
        """Never."""
        return False


class UploadRoute(ApiRoute):
    """A route that takes whole tables; its endpoint reads the body itself."""

    def repeatable(self) -> bool:
        """Every upload."""
        return self.methods == {"POST"}

    def body_limit(self, settings: Settings) -> int:
        """The most bytes that an upload may have."""
        return settings.upload_limit


# -- query parameters --------------------------------------------------------------------------------------


def _parameters(route: APIRoute) -> dict[str, bool]:
    """The names of the query parameters, and whether each may be repeated."""
    return {
        get_validation_alias(field): field_annotation_is_sequence(field.field_info.annotation)
        for field in get_flat_params(route.dependant)
        if not isinstance(field.field_info, params.Path | params.Header | params.Cookie)  # also the fields of models
    }


def _check_query(request: Request, known: dict[str, bool]) -> None:
    seen: set[str] = set()
    faults = []
    for name, value in _pairs(request.scope["query_string"]):
        if name not in known:
            message = f"There is no query parameter '{name}' here.{suggestion(name, known)}"
            faults.append(Fault("query", f"/{name}", "unknown_parameter", message))
        elif name in seen and not known[name]:
            faults.append(Fault("query", f"/{name}", "repeated", f"'{name}' may be given once only."))
        elif "\0" in value:
            faults.append(Fault("query", f"/{name}", "invalid_text", "Texts may not hold NUL characters."))
        seen.add(name)
    if faults:
        raise BadRequest(faults[0].message, faults=faults)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    if not query:
        return []
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except UnicodeDecodeError:
        raise BadRequest("The query string is not percent-encoded UTF-8.") from None
    except ValueError:
        raise BadRequest("The query string has more than 1,000 parameters.") from None


# -- bodies ------------------------------------------------------------------------------------------------


def _limited(request: Request, limit: int) -> Receive:
    """The body's source, which refuses to go past the limit, announced or not."""
    announced = request.headers.get("content-length", "")
    known_too_large = announced.isdecimal() and int(announced[:20]) > limit
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = {} if known_too_large else await request.receive()
        received += len(message.get("body", b""))
        if known_too_large or received > limit:
            raise TooLarge(f"The body may have {limit:,} bytes at most.")
        return message

    return receive


@dataclass(frozen=True, slots=True)
class _Body:
    """How a route's body is read.

    model: what a form is read for, None where only JSON is taken.
    """

    model: type[BaseModel] | None

    @classmethod
    def of(cls, route: ApiRoute) -> "_Body | None":
        """None for a route without a body, or with one that FastAPI reads as a form."""
        if route.body_field is None or isinstance(route.body_field.field_info, params.Form):
            return None
        return cls(_model(route.body_field.field_info.annotation) if route.takes_forms else None)

    async def read(self, request: Request) -> Request:
        """The request with its body read, as the JSON that it is or stands for.  Raises BadRequest, TooLarge, ..."""
        if request.headers.get("content-encoding", "identity") != "identity":
            raise UnsupportedMedia("Compressed bodies are not taken here.")
        kind = _content_type(request)
        raw = await request.body()
        if kind == JSON:
            return _Read(request, read_json(raw))
        if kind == FORM and self.model is not None:
            return _Read(request, read_form(raw, self.model))
        if not raw and not kind:
            return request  # FastAPI says that the body is missing, where it is
        wanted = f"{JSON} or {FORM}" if self.model else JSON
        raise UnsupportedMedia(f"The body must be {wanted}, not '{kind[:100]}'.")


class _Read(Request):
    """A request whose body is a value already."""

    def __init__(self, request: Request, value: Any) -> None:
        headers = [(name, text) for name, text in request.scope["headers"] if name != b"content-type"]
        scope = {**request.scope, "headers": [*headers, (b"content-type", JSON.encode())]}
        super().__init__(scope, request.receive)
        self.value = value

    async def body(self) -> bytes:
        """Something, so that FastAPI asks for `json`."""
        return b"{}"

    async def json(self) -> Any:
        """The value."""
        return self.value


def _content_type(request: Request) -> str:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if "charset=" in charset and not charset.endswith(("charset=utf-8", "charset=utf8")):
        raise UnsupportedMedia("Bodies are UTF-8.")
    return kind.strip().lower()


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model of a body; of a body that may also be a list, that of one element."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model(part))), None)
