"""One endpoint under all its paths: the first is shown in the OpenAPI document, the others are listed in it."""

from collections.abc import Callable
from copy import copy
from inspect import signature
from itertools import product
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import compile_path

Endpoint = Callable[..., Any]

_APPLICATION = ("/applications/{application}", "/a/{application}")


def under_applications(*suffixes: str) -> tuple[str, ...]:
    """A path under an application by every alias; the first of `suffixes` is the one to show."""
    return tuple("".join(parts) for parts in product(_APPLICATION, suffixes))


def aliased(router: APIRouter, methods: str, paths: tuple[str, ...], **settings: Any) -> Callable[[Endpoint], Endpoint]:
    """Registers an endpoint under all `paths`, for the methods (`"GET"`, or `"PUT PATCH"`).

    settings: what `APIRouter.add_api_route` takes.  Operations are named as the endpoint is, those of a second method
    with the method as their verb (`patch_site`).
    """
    shown, *others = paths

    def register(endpoint: Endpoint) -> Endpoint:
        first, *more = methods.split()
        name = endpoint.__name__
        made: dict[tuple[frozenset[str], frozenset[str]], APIRoute] = {}
        noun = name.partition("_")[2]
        for method, operation in ((first, name), *((method, f"{method.lower()}_{noun}") for method in more)):
            extra = settings.get("openapi_extra", {}) | ({"x-aliases": others} if others else {})
            options = settings | {"openapi_extra": extra, "operation_id": operation}
            made[_sort(shown, [method])] = _added(router, shown, endpoint, methods=[method], **options)
        for path in others:
            sort = _sort(path, [first, *more])
            if sort in made:
                router.routes.append(_moved(made[sort], path))
            else:
                made[sort] = _added(router, path, endpoint, methods=[first, *more], **_hidden(endpoint, settings))
        return endpoint

    return register


def _sort(path: str, methods: list[str]) -> tuple[frozenset[str], frozenset[str]]:
    """What routes of one endpoint have to have in common to differ in nothing but their paths."""
    return frozenset(compile_path(path)[2]), frozenset(methods)


def _hidden(endpoint: Endpoint, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a route that is not shown: what answers by itself needs no model of its answer there."""
    answer = signature(endpoint).return_annotation
    documented = ("response_model", "responses") if isinstance(answer, type) and issubclass(answer, Response) else ()
    return settings | dict.fromkeys(documented) | {"include_in_schema": False}


def _added(router: APIRouter, path: str, endpoint: Endpoint, **settings: Any) -> APIRoute:
    router.add_api_route(path, endpoint, **settings)
    added = router.routes[-1]
    assert isinstance(added, APIRoute), "what was added last"
    return added


def _moved(route: APIRoute, path: str) -> APIRoute:
    """A route under another path, not shown: making one anew takes some milliseconds, and there are hundreds."""
    moved = copy(route)
    moved.path, moved.include_in_schema = path, False
    moved.path_regex, moved.path_format, moved.param_convertors = compile_path(path)
    return moved
