"""One endpoint under all its paths: the first is shown in the OpenAPI document, the others are listed in it."""

from collections.abc import Callable
from itertools import product
from typing import Any

from fastapi import APIRouter

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
        noun = name.partition("_")[2]
        for method, operation in ((first, name), *((method, f"{method.lower()}_{noun}") for method in more)):
            extra = settings.get("openapi_extra", {}) | ({"x-aliases": others} if others else {})
            options = settings | {"openapi_extra": extra, "operation_id": operation}
            router.add_api_route(shown, endpoint, methods=[method], **options)
        for path in others:
            router.add_api_route(path, endpoint, methods=[first, *more], include_in_schema=False, **settings)
        return endpoint

    return register
