"""The few routes that can be meant by a path, found by its shape: trying hundreds one by one took half of a request."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import copy

from fastapi import APIRouter
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

Shape = tuple[int, str, str | None]
"""How many segments a path has, the first of them, and the third: None where there is none, or any may stand there."""


class ByShape:
    """A router that tries a request on the routes of its path's shape; any other path goes to the router as it is."""

    def __init__(self, router: APIRouter) -> None:
        self._whole = router
        self._parts = {shape: _part(router, routes) for shape, routes in _by_shape(router.routes).items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        part = self._of(scope["path"]) if scope["type"] == "http" else None
        if part is None:
            await self._whole(scope, receive, send)
        else:
            await part.app(scope, receive, send)

    def _of(self, path: str) -> APIRouter | None:
        count, first, third = _shape(path)
        return self._parts.get((count, first, third)) or self._parts.get((count, first, None))


def _shape(path: str) -> Shape:
    segments = path.split("/")[1:]
    return len(segments), segments[0] if segments else "", segments[2] if len(segments) > 2 else None


def _by_shape(routes: Sequence[BaseRoute]) -> Mapping[Shape, list[BaseRoute]]:
    """Routes by shape, in their order; where any segment may come third, they are among those of each that does."""
    plain = [(route, _shape_of(route)) for route in routes if isinstance(route, Route)]
    found: defaultdict[Shape, list[BaseRoute]] = defaultdict(list)
    shapes = {shape for _, shape in plain}
    for route, (count, first, third) in plain:
        for shape in shapes:
            if shape[:2] == (count, first) and third in (None, shape[2]):
                found[shape].append(route)
    return found


def _shape_of(route: Route) -> Shape:
    count, first, third = _shape(route.path)
    return count, first, None if third is not None and third.startswith("{") else third


def _part(router: APIRouter, routes: list[BaseRoute]) -> APIRouter:
    part = copy(router)
    part.routes = routes
    return part
