"""Route classes: what happens to a request between its route and its endpoint.

`ApiRoute` requires authentication, `PublicRoute` does not.  Both refuse what FastAPI would accept: unknown and repeated
query parameters, bodies above the limit, other content types, and ambiguous JSON such as an object with the same key
twice.
"""

import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from functools import cache, partial
from typing import Any, ClassVar

import orjson
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import solve_dependencies
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Message, Receive, Scope

from okube_api.api.access import RequiredRoles, has_body
from okube_api.api.container import Services, get_services
from okube_api.api.credentials import identify_caller
from okube_api.api.list_etags import DOCUMENT_LISTS, compute_list_etag
from okube_api.api.query_parameters import check_query, list_parameters, parse_query
from okube_api.api.request_body import BodyReader, ParsedRequest, limit_body
from okube_api.errors import format_suggestion
from okube_api.http import idempotency
from okube_api.http.etags import answer_conditionally, is_unchanged
from okube_api.http.ignored_names import note_ignored, remove_unknown_fields
from okube_api.http.middleware.path_segments import decode_parameters
from okube_api.http.middleware.proxy import public_path
from okube_api.http.pagination import PageResponse
from okube_api.settings import Settings

_PUBLIC_BODY_BYTES = 16_384
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
_LATE_S = 0.005
"""A body that comes later than this after the head of its request has been sent later, too."""


class ApiRoute(APIRoute):
    """A route that requires a token: it sets `request.state.identity` before it reads anything else of the request."""

    is_public: ClassVar[bool] = False
    has_secret: ClassVar[bool] = False
    accepts_forms: ClassVar[bool] = True
    ignored_parameters: ClassVar[frozenset[str]] = frozenset()
    only_reads: ClassVar[bool] = False
    """Whether the route changes nothing, so that it may use resources from memory while their revision is the same.

    Routes with GET may, too.  A write, and what follows from it, needs the resources as they are then.
    """

    def body_limit(self, settings: Settings) -> int:
        """Return the maximum size of a body, in bytes."""
        return settings.body_limit

    def accepts_idempotency_key(self) -> bool:
        """Return whether the route accepts an `Idempotency-Key`: where it creates a resource."""
        return not self.is_public and self.methods == {"POST"} and self.status_code in {201, 202}

    def get_idempotency_key(self, request: Request) -> str | None:
        """Return the `Idempotency-Key` of a request to a route that accepts one; None without one."""
        return request.headers.get(idempotency.HEADER)

    def suggest_parameter(
        self,
        path_params: Mapping[str, Any],  # noqa: ARG002 - for subclasses
        parameters: Collection[str],
        name: str,
    ) -> str:
        """Return ` Did you mean 'x'?` for the query parameter that is most similar to an unknown one, or nothing."""
        return format_suggestion(name, parameters)

    def belongs_elsewhere(self, path_params: Mapping[str, str]) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether a path of the route's shape belongs to another route, which alone has methods there."""
        return False

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match by path and method, except for paths that belong to another route."""
        match, child_scope = super().matches(scope)
        if match is not Match.NONE and self.belongs_elsewhere(child_scope["path_params"]):
            return Match.NONE, {}
        return match, child_scope

    async def check_access(self, request: Request) -> None:
        """Refuse a caller who may not do this, before the body is read.  Raise NotFound or Forbidden.

        FastAPI reads the body first, so that this resolves the dependencies of the route once more.  Faults of
        parameters are left to it.
        """
        await solve_dependencies(
            request=request,
            dependant=Dependant(dependencies=self.dependant.dependencies),
            async_exit_stack=request.scope["fastapi_inner_astack"],
            embed_body_fields=False,
        )

    async def respond_unparsed(self, request: Request) -> Response | None:  # noqa: ARG002 - for subclasses
        """Return a response that does not even need the parsed body; None to continue."""
        return None

    async def respond_early(self, request: Request) -> Response | None:  # noqa: ARG002 - for subclasses
        """Return a response that needs neither validation nor the endpoint; None to continue with both.

        It is called after the authentication of the caller and the parsing of the body.
        """
        return None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, preceded by our checks."""
        handle = super().get_route_handler()
        # Computed at the first request of a route: it takes a millisecond, and most aliases are never requested.
        list_own_parameters = cache(partial(list_parameters, self))
        body = BodyReader.for_route(self, accepts_forms=self.accepts_forms)
        accepts_key = self.accepts_idempotency_key()
        is_conditional = not self.is_public and self.methods == {"GET"}
        depends_on_documents = is_conditional and self.path.rpartition("/")[2] in DOCUMENT_LISTS

        async def perform(request: Request) -> Response:
            if response := await self.respond_unparsed(request):
                return response
            request = request if body is None else await body.read(request)
            try:
                if early := await self.respond_early(request):
                    return early
                if body is not None and isinstance(request, ParsedRequest) and request.is_large:
                    await body.validate(request)
                return await handle(request)
            except RequestValidationError as error:
                refuses_unknown = get_services(request).settings.unknown_fields == "refuse"
                if refuses_unknown or not isinstance(request, ParsedRequest):
                    raise
                return await retry_without_unknown(request, error)

        async def retry_without_unknown(request: ParsedRequest, error: RequestValidationError) -> Response:
            """Repeat the request without its unknown fields, until there are none or other faults."""
            while unknown := remove_unknown_fields(request.value, error.errors()):
                _leave_out(request, unknown)
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
                await check_query(
                    request,
                    list_own_parameters(),
                    self.ignored_parameters,
                    partial(self.suggest_parameter, request.path_params),
                    services,
                )
            if not self.is_public and request.method in _BODY_METHODS and has_body(request):
                await self.check_access(request)
            limited_request = Request(request.scope, _build_receive(request, self, services))
            if accepts_key and (key := self.get_idempotency_key(request)) is not None:
                return await _run_once(limited_request, services, key, perform, has_secret=self.has_secret)
            if not is_conditional:
                return await perform(limited_request)
            return await answer_get(limited_request, services)

        async def answer_get(request: Request, services: Services) -> Response:
            if_none_match = request.headers.get("if-none-match")
            etag = await compute_list_etag(request, services) if depends_on_documents else None
            # Nothing is read, since the tag depends on the roles of the caller.  `*` does not: it must not match here.
            if etag is not None and if_none_match and "*" not in if_none_match and is_unchanged(if_none_match, etag):
                return answer_conditionally(Response(), if_none_match, etag)
            response = await perform(request)
            if isinstance(response, PageResponse):
                path = public_path(request.scope, (request.scope.get("raw_path") or b"").decode("latin-1"))
                response.add_links(path, parse_query(request.scope["query_string"]))
            return answer_conditionally(response, if_none_match, etag)

        return _hold_revisions(check) if self.only_reads or is_conditional else check


def _hold_revisions(
    handle: Callable[[Request], Coroutine[Any, Any, Response]],
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return a handler that reads the revisions of the store once, with the identity of the caller."""

    async def hold(request: Request) -> Response:
        with get_services(request).store.hold_revisions(request.scope["path"]):
            return await handle(request)

    return hold


def _leave_out(request: ParsedRequest, pointers: list[str]) -> None:
    """Name fields that were removed from a body in the answer; forget what was read before."""
    note_ignored(request.scope, [f"body{pointer}" for pointer in pointers])
    request.raw = orjson.dumps(request.value)
    request.validated = None


async def _run_once(
    request: Request, services: Services, key: str, perform: idempotency.Perform, *, has_secret: bool
) -> Response:
    """Carry out a request with an idempotency key, or repeat its answer for a caller who still has the same access."""
    identity = request.state.identity
    roles = RequiredRoles(services, identity)
    with roles.record():
        return await services.idempotency.run_once(
            identity.user.id, key, request, perform, roles, has_secret=has_secret
        )


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
    """A route whose answer contains a secret: it is stored encrypted for a repetition with its `Idempotency-Key`."""

    has_secret = True


class UploadRoute(ApiRoute):
    """A route for large uploads; its endpoint reads the body itself."""

    def accepts_idempotency_key(self) -> bool:
        """Return whether the route takes uploads by POST."""
        return self.methods == {"POST"}

    def body_limit(self, settings: Settings) -> int:
        """Return the maximum size of an upload, in bytes."""
        return settings.upload_limit


def _build_receive(request: Request, route: ApiRoute, services: Services) -> Receive:
    """Return a receive function that limits the body, and checks the access again at the end of a long or late one.

    An upload may take hours, and a small body may be held back: a caller who has lost the access meanwhile must not
    write any more, nor get an API key that outlives the access.
    """
    receive = limit_body(request, route.body_limit(services.settings))
    if route.is_public or request.method not in _BODY_METHODS:
        return receive
    count = 0

    async def receive_and_check() -> Message:
        nonlocal count
        started_s = time.monotonic()
        message = await receive()
        count += message["type"] == "http.request"
        is_last = message["type"] == "http.request" and not message.get("more_body", False)
        if is_last and (count > 1 or time.monotonic() - started_s > _LATE_S):
            request.state.identity = await identify_caller(request, services.sessions, services.settings)
            await route.check_access(request)
        return message

    return receive_and_check
