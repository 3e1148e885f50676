"""Route classes: what happens to a request between its route and its endpoint.

`ApiRoute` requires authentication, `PublicRoute` does not.  Both refuse what FastAPI would accept: unknown and repeated
query parameters, bodies above the limit, other content types, and ambiguous JSON such as an object with the same key
twice.
"""

import gc
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl, urlencode

from anyio import CapacityLimiter, to_thread
from fastapi import params
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params, get_validation_alias, solve_dependencies
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Message, Receive, Scope

from okube_api.api.access import RequiredRoles, has_body, load_access, require_application
from okube_api.api.container import Services, get_services
from okube_api.api.credentials import identify_caller
from okube_api.api.form import read_form
from okube_api.auth.repository import Role
from okube_api.errors import BadRequest, Fault, TooLarge, UnsupportedMedia, format_suggestion
from okube_api.http import idempotency
from okube_api.http.client_disconnect import cancel_on_disconnect
from okube_api.http.etags import answer_conditionally, digest, is_unchanged
from okube_api.http.ignored_names import note_ignored, remove_unknown_fields
from okube_api.http.middleware.path_segments import decode_parameters
from okube_api.http.middleware.proxy import public_path
from okube_api.http.pagination import PageResponse
from okube_api.kit.json_text import escape_pointer, read_json
from okube_api.kit.schemas import list_types
from okube_api.settings import Settings
from okube_api.store.values import Json

T = TypeVar("T")

_PUBLIC_BODY_BYTES = 16_384
_MAX_BYTES_ON_LOOP = 16_384
"""A larger body is parsed in a thread, so that it does not block the event loop."""

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class ApiRoute(APIRoute):
    """A route that requires a token: it sets `request.state.identity` before it reads anything else of the request."""

    is_public: ClassVar[bool] = False
    accepts_forms: ClassVar[bool] = True
    ignored_parameters: ClassVar[frozenset[str]] = frozenset()

    def body_limit(self, settings: Settings) -> int:
        """Return the maximum size of a body, in bytes."""
        return settings.body_limit

    def accepts_idempotency_key(self) -> bool:
        """Return whether the route accepts an `Idempotency-Key`: where it creates a resource."""
        return not self.is_public and self.methods == {"POST"} and self.status_code in {201, 202}

    def belongs_elsewhere(self, path_params: Mapping[str, str]) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether a path of the route's shape belongs to another route, which alone has methods there."""
        return False

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match by path and method, except for paths that belong to another route."""
        match, child_scope = super().matches(scope)
        if match is not Match.NONE and self.belongs_elsewhere(child_scope["path_params"]):
            return Match.NONE, {}
        return match, child_scope

    async def respond_early(self, request: Request) -> Response | None:  # noqa: ARG002 - for subclasses
        """Return a response that needs neither validation nor the endpoint; None to continue with both.

        It is called after the authentication of the caller and the parsing of the body.
        """
        return None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, preceded by our checks."""
        handle = super().get_route_handler()
        # Computed at the first request of a route: it takes a millisecond, and most aliases are never requested.
        list_parameters = cache(partial(_list_parameters, self))
        body = _BodyReader.for_route(self)
        accepts_key = self.accepts_idempotency_key()
        is_conditional = not self.is_public and self.methods == {"GET"}
        depends_on_documents = is_conditional and self.path.rpartition("/")[2] in _DOCUMENT_LISTS

        async def perform(request: Request) -> Response:
            request = request if body is None else await body.read(request)
            try:
                if early := await self.respond_early(request):
                    return early
                if body is not None and isinstance(request, _ParsedRequest) and request.is_large:
                    await body.validate(request)
                return await handle(request)
            except RequestValidationError as error:
                refuses_unknown = get_services(request).settings.unknown_fields == "refuse"
                if refuses_unknown or not isinstance(request, _ParsedRequest):
                    raise
                return await retry_without_unknown(request, error)

        async def retry_without_unknown(request: _ParsedRequest, error: RequestValidationError) -> Response:
            """Repeat the request without its unknown fields, until there are none or other faults."""
            while unknown := remove_unknown_fields(request.value, error.errors()):
                note_ignored(request.scope, [f"body{pointer}" for pointer in unknown])
                request.validated = None
                try:
                    return await self.respond_early(request) or await handle(request)
                except RequestValidationError as next_error:
                    error = next_error
            raise error

        async def check(request: Request) -> Response:
            services = get_services(request)
            await services.rate_limits.check_address(request)
            if not self.is_public:
                identity = await identify_caller(request, services.sessions, services.settings)
                request.state.identity = identity
                request.state.user_id = identity.user.id
                await services.rate_limits.check_caller(request, identity.rate_limit_key)
            request.scope["path_params"] = decode_parameters(request.scope["path_params"])
            if request.scope["query_string"]:
                await _check_query(request, list_parameters(), self, services)
            if not self.is_public and request.method in _BODY_METHODS and has_body(request):
                await _check_access(request, self.dependant.dependencies)
            limited_request = Request(request.scope, _build_receive(request, self, services))
            if accepts_key and (key := request.headers.get(idempotency.HEADER)) is not None:
                return await _run_once(limited_request, services, key, perform)
            if not is_conditional:
                return await perform(limited_request)
            return await answer_get(limited_request, services)

        async def answer_get(request: Request, services: Services) -> Response:
            if_none_match = request.headers.get("if-none-match")
            etag = await _compute_list_etag(request, services) if depends_on_documents else None
            # Nothing is read, since the tag depends on the roles of the caller.  `*` does not: it must not match here.
            if etag is not None and if_none_match and "*" not in if_none_match and is_unchanged(if_none_match, etag):
                return answer_conditionally(Response(), if_none_match, etag)
            response = await perform(request)
            if isinstance(response, PageResponse):
                path = public_path(request.scope, (request.scope.get("raw_path") or b"").decode("latin-1"))
                response.add_links(path, _parse_query(request.scope["query_string"]))
            return answer_conditionally(response, if_none_match, etag)

        return check


async def _run_once(request: Request, services: Services, key: str, perform: idempotency.Perform) -> Response:
    """Carry out a request with an idempotency key, or repeat its answer for a caller who still has the same access."""
    user = request.state.identity.user
    roles = RequiredRoles(services, user)
    with roles.record():
        return await services.idempotency.run_once(user.id, key, request, perform, roles)


class PublicRoute(ApiRoute):
    """A route that needs no authentication, and reads small bodies only."""

    is_public = True

    def body_limit(self, settings: Settings) -> int:
        """Return the maximum size of a body that anybody may send, in bytes."""
        return min(settings.body_limit, _PUBLIC_BODY_BYTES)


class JsonRoute(ApiRoute):
    """A route that accepts JSON bodies only, no forms."""

    accepts_forms = False


class SecretRoute(ApiRoute):
    """A route whose answer contains a secret and therefore is never stored."""

    def accepts_idempotency_key(self) -> bool:
        """Return False: the answer must not be stored for a repetition."""
        return False


class UploadRoute(ApiRoute):
    """A route for large uploads; its endpoint reads the body itself."""

    def accepts_idempotency_key(self) -> bool:
        """Return whether the route takes uploads by POST."""
        return self.methods == {"POST"}

    def body_limit(self, settings: Settings) -> int:
        """Return the maximum size of an upload, in bytes."""
        return settings.upload_limit


# -- conditional requests ----------------------------------------------------------------------------------

_DOCUMENT_LISTS = ("applications", "areas", "campaigns", "equipments", "levers", "pois", "s", "sites", "studies")
"""Last segments of the paths of lists that depend only on the documents of `AnswerCache.revision` and on the day."""


async def _compute_list_etag(request: Request, services: Services) -> str | None:
    """Return the tag of a list from the revision of the documents, before any is read.

    None where the store cannot tell the revision, for a request with a body, which may name an application, and for
    studies with their results, which depend on rows.
    """
    revision = services.analytics.answer_cache.revision()
    if revision is None or has_body(request) or b"with_results" in request.scope["query_string"]:
        return None
    user = request.state.identity.user
    parts = (
        revision,
        services.clock().date().isoformat(),  # the status of studies depends on it
        repr((user.global_role, sorted(user.roles.items()))),
        request.scope["path"],
        request.scope["query_string"].decode("latin-1"),
        request.headers.get("accept", ""),
        public_path(request.scope, ""),
    )
    return f'"{digest(chr(10).join(parts).encode())}"'


# -- query parameters --------------------------------------------------------------------------------------


def _list_parameters(route: APIRoute) -> dict[str, bool]:
    """Return the names of a route's query parameters, and whether each may be repeated."""
    return {
        get_validation_alias(field): _is_list(field.field_info.annotation)
        for field in get_flat_params(route.dependant)
        if not isinstance(field.field_info, params.Path | params.Header | params.Cookie)  # leaves Query, also of models
    }


def _is_list(annotation: Any) -> bool:
    return any(get_origin(kind) is list for kind in list_types(annotation))


BLANK_MEANS_ABSENT = frozenset({"q", "app", "delimiter"})
"""Query parameters whose empty text is the same as none."""


async def _check_query(request: Request, parameters: dict[str, bool], route: ApiRoute, services: Services) -> None:
    """Raise BadRequest for parameters that are unknown, repeated or not valid texts; remove those that mean nothing.

    Removed are parameters that start with `_`, those that the route ignores, an empty text to search for and an empty
    `app`, an `app` that names the application of the path, and unknown parameters where the settings say so.
    """
    pairs = _parse_query(request.scope["query_string"])
    used: list[tuple[str, str]] = []
    seen: set[str] = set()
    unknown: list[str] = []
    faults: list[Fault] = []
    for name, value in pairs:
        if name not in parameters:
            if await _is_meaningless(request, name, value, route, services):
                continue
            if services.settings.unknown_fields == "ignore":
                unknown.append(f"query/{escape_pointer(name)}")
            else:
                suggestion = "" if faults else format_suggestion(name, parameters)  # for the first fault: it is slow
                message = f"Unknown query parameter '{name[:100]}'.{suggestion}"
                faults.append(Fault("query", f"/{name}", "unknown_parameter", message))
            continue
        if not value and name in BLANK_MEANS_ABSENT:
            continue
        if name in seen and not parameters[name]:
            faults.append(Fault("query", f"/{name}", "repeated", f"'{name}' may be sent only once."))
        elif "\0" in value:
            faults.append(Fault("query", f"/{name}", "invalid_text", f"'{name}' must not contain NUL characters."))
        seen.add(name)
        used.append((name, value))
    if faults:
        raise BadRequest(faults[0].message, faults=faults)
    if unknown:
        note_ignored(request.scope, unknown)
    if len(used) < len(pairs):
        request.scope["query_string"] = urlencode(used).encode("ascii")


async def _is_meaningless(request: Request, name: str, value: str, route: ApiRoute, services: Services) -> bool:
    """Return whether a parameter that the route does not know is left out silently.

    Raise BadRequest when `app` names another application than the path.
    """
    if name.startswith("_") or name in route.ignored_parameters:
        return True
    application = request.path_params.get("application")
    if name != "app" or application is None:
        return False
    if value:
        access = await load_access(services, request.state.identity.user, application, Role.READER)
        require_application(access.application, value, "query")
    return True


def _parse_query(query: bytes) -> list[tuple[str, str]]:
    if not query:
        return []
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except UnicodeDecodeError:
        raise BadRequest("The query string must be percent-encoded UTF-8.") from None
    except ValueError:
        raise BadRequest("The query string may have 1,000 parameters at most.") from None


# -- access ------------------------------------------------------------------------------------------------


_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


async def _check_access(request: Request, dependencies: list[Dependant]) -> None:
    """Resolve the dependencies of a route, so that they can refuse the caller without the body.

    FastAPI reads the body first.  Faults of parameters are left to it.
    """
    await solve_dependencies(
        request=request,
        dependant=Dependant(dependencies=dependencies),
        async_exit_stack=request.scope["fastapi_inner_astack"],
        embed_body_fields=False,
    )


# -- bodies ------------------------------------------------------------------------------------------------


def _limit_body(request: Request, limit: int) -> Receive:
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


def _build_receive(request: Request, route: ApiRoute, services: Services) -> Receive:
    """Return a receive function that limits the body, and checks the access again at the end of a long one.

    An upload in several messages may take hours: a caller who has lost the role meanwhile must not write any more.
    """
    receive = _limit_body(request, route.body_limit(services.settings))
    if route.is_public or request.method not in _BODY_METHODS:
        return receive
    count = 0

    async def receive_and_check() -> Message:
        nonlocal count
        message = await receive()
        count += message["type"] == "http.request"
        if count > 1 and message["type"] == "http.request" and not message.get("more_body", False):
            request.state.identity = await identify_caller(request, services.sessions, services.settings)
            await _check_access(request, route.dependant.dependencies)
        return message

    return receive_and_check


async def _run_in_thread(request: Request, work: Callable[[], T]) -> T:
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
class _BodyReader:
    """Reads the bodies of a route as JSON values, and validates large ones.

    model: the model that form bodies are converted for; None where only JSON is accepted.
    check: validates a value as the body of the route; returns the result and the errors, as FastAPI does.
    """

    model: type[BaseModel] | None
    check: Callable[..., tuple[Any, list[Any]]]

    @classmethod
    def for_route(cls, route: ApiRoute) -> "_BodyReader | None":
        """Return the reader of a route; None for a route without a body, or whose body FastAPI reads as a form."""
        if route.body_field is None or isinstance(route.body_field.field_info, params.Form):
            return None
        field = route.body_field
        check = field.validate

        def check_once(value: Any, values: Json | None = None, *, loc: tuple[str, ...] = ()) -> tuple[Any, list[Any]]:
            return value.result if isinstance(value, _Validated) else check(value, values or {}, loc=loc)

        # FastAPI validates in the event loop.  What was validated in a thread before passes.
        field.validate = check_once  # type: ignore[method-assign, assignment]
        return cls(_find_model(field.field_info.annotation) if route.accepts_forms else None, check)

    async def validate(self, request: "_ParsedRequest") -> None:
        """Validate the body of a request in a thread; FastAPI uses the result."""
        work = partial(self.check, request.value, {}, loc=("body",))
        request.validated = _Validated(await _run_in_thread(request, work))

    async def read(self, request: Request) -> Request:
        """Return the request with its body parsed.  Raise BadRequest, TooLarge or UnsupportedMedia."""
        if request.headers.get("content-encoding", "identity") != "identity":
            raise UnsupportedMedia("Compressed bodies are not accepted. Send the body without Content-Encoding.")
        kind = _content_type(request)
        raw = await request.body()
        if kind == JSON:
            is_large = len(raw) > _MAX_BYTES_ON_LOOP
            value = await _run_in_thread(request, partial(read_json, raw)) if is_large else read_json(raw)
            return _ParsedRequest(request, value, is_large=is_large)
        if kind == FORM and self.model is not None:
            is_large = len(raw) > _MAX_BYTES_ON_LOOP
            read = partial(read_form, raw, self.model)
            return _ParsedRequest(
                request, await _run_in_thread(request, read) if is_large else read(), is_large=is_large
            )
        if not raw and not kind:
            return request  # FastAPI reports the missing body where the route requires one
        accepted = f"{JSON} or {FORM}" if self.model else JSON
        raise UnsupportedMedia(f"The body must be {accepted}, not '{kind[:100]}'.")


@dataclass(frozen=True, slots=True)
class _Validated:
    """The result of the validation of a body, with its errors."""

    result: tuple[Any, list[Any]]


class _ParsedRequest(Request):
    """A request whose body is parsed already.

    is_large: whether the body is large, so that it must not be validated in the event loop.
    """

    def __init__(self, request: Request, value: Any, *, is_large: bool = False) -> None:
        headers = [(name, text) for name, text in request.scope["headers"] if name != b"content-type"]
        scope = {**request.scope, "headers": [*headers, (b"content-type", JSON.encode())]}
        super().__init__(scope, request.receive)
        self.value = value
        self.is_large = is_large
        self.validated: _Validated | None = None

    async def body(self) -> bytes:
        """Return a JSON text, so that FastAPI calls `json`."""
        return b"{}"

    async def json(self) -> Any:
        """Return the parsed body, validated if it is large."""
        return self.validated or self.value


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
