"""Register an endpoint under several paths: the first is in the OpenAPI document, which lists the others with it."""

from collections.abc import Callable
from inspect import signature
from itertools import product
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import Match, Route, compile_path
from starlette.types import Scope

from okube_api.api.route import ApiRoute

Endpoint = Callable[..., Any]

_APPLICATION_PATHS = ("/applications/{application}", "/a/{application}")


def under_applications(*suffixes: str) -> tuple[str, ...]:
    """Return the paths of `suffixes` under an application, by every alias; the first is the one to document."""
    return tuple("".join(parts) for parts in product(_APPLICATION_PATHS, suffixes))


class AliasRoute(Route):
    """A second path of an `APIRoute`: it shares the handler and is not in the OpenAPI document.

    There are hundreds of aliases, and an `APIRoute` of its own for each would take some milliseconds: FastAPI analyses
    the endpoint's signature every time.  The parameters in both paths must have the same names.
    """

    def __init__(self, path: str, route: APIRoute) -> None:
        super().__init__(path, route.endpoint, include_in_schema=False)
        self._route = route
        self.app = route.app
        self.methods = route.methods  # Starlette would add HEAD where there is GET; FastAPI does not

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as Starlette does, and name the route in the scope as FastAPI does."""
        match, child_scope = super().matches(scope)
        if match is Match.NONE:
            return match, child_scope
        if isinstance(self._route, ApiRoute) and self._route.belongs_elsewhere(child_scope["path_params"]):
            return Match.NONE, {}
        child_scope["route"] = self
        return match, child_scope


def register_aliased(
    router: APIRouter, methods: str, paths: tuple[str, ...], **settings: Any
) -> Callable[[Endpoint], Endpoint]:
    """Return a decorator that registers an endpoint under all `paths`.

    methods: separated by spaces, such as `"GET"` or `"PUT PATCH"`.
    settings: arguments of `APIRouter.add_api_route`.
    The operation id is the endpoint's name; that of a second method has the method as its verb (`patch_site`).
    """
    documented, *aliases = paths

    def register(endpoint: Endpoint) -> Endpoint:
        first_method, *more_methods = methods.split()
        name = endpoint.__name__
        noun = name.partition("_")[2]
        operations = {first_method: name} | {method: f"{method.lower()}_{noun}" for method in more_methods}
        extra = settings.get("openapi_extra", {}) | ({"x-aliases": aliases} if aliases else {})
        routes: dict[tuple[frozenset[str], tuple[str, ...]], APIRoute] = {}
        for method, operation_id in operations.items():
            options = settings | {"openapi_extra": extra, "operation_id": operation_id}
            route = _add_route(router, documented, endpoint, methods=[method], **options)
            routes[_parameter_names(documented), (method,)] = route
        for path in aliases:
            # A path with the same parameters shares a route; one with others (no application in it) gets its own.
            key = _parameter_names(path), tuple(operations)
            if key in routes:
                router.routes.append(AliasRoute(path, routes[key]))
            else:
                routes[key] = _add_route(
                    router, path, endpoint, methods=list(operations), **_without_documentation(endpoint, settings)
                )
        return endpoint

    return register


def _parameter_names(path: str) -> frozenset[str]:
    return frozenset(compile_path(path)[2])


def _without_documentation(endpoint: Endpoint, settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings of a route outside the OpenAPI document.

    An endpoint that returns a `Response` needs its answer's model for documentation only.
    """
    annotation = signature(endpoint).return_annotation
    returns_response = isinstance(annotation, type) and issubclass(annotation, Response)
    unused = ("response_model", "responses") if returns_response else ()
    return settings | dict.fromkeys(unused) | {"include_in_schema": False}


def _add_route(router: APIRouter, path: str, endpoint: Endpoint, **settings: Any) -> APIRoute:
    router.add_api_route(path, endpoint, **settings)
    route = router.routes[-1]
    assert isinstance(route, APIRoute), "FastAPI appends the new route"
    return route
