"""Index of routes by the shape of their path, so that a request is tried on a few routes instead of on hundreds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from fastapi import APIRouter
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

Shape = tuple[int, str, str | None]
"""Number of segments of a path, the first segment, and the third one: None where there is none or a parameter."""


class RouteIndex:
    """ASGI application that passes a request to the routes whose paths have the shape of the request's path.

    A router tries its routes one by one, which took half of the time of a short request.  Routes of one shape keep
    their order, so that the same route is chosen as by the router.  Paths of any other shape go to the router itself,
    which holds the mounted files, too.  The index is built at the first request, each router at the first request of
    its shape; they do not see routes added later.
    """

    def __init__(self, router: APIRouter) -> None:
        self._router = router
        self._routers: dict[Shape, APIRouter] = {}  # of the shapes of earlier requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the routes of its shape; pass everything other than HTTP to the router."""
        router = self.find_router(scope["path"]) if scope["type"] == "http" else None
        await (router or self._router).app(scope, receive, send)

    def find_router(self, path: str) -> APIRouter | None:
        """Return a router of the routes that a path may match; None when no route has the shape of the path."""
        count, first, third = _shape_of_path(path)
        shape = (count, first, third) if (count, first, third) in self._routes else (count, first, None)
        if shape not in self._routers and shape in self._routes:
            self._routers[shape] = APIRouter(redirect_slashes=self._router.redirect_slashes)
            self._routers[shape].routes.extend(self._routes[shape])
        return self._routers.get(shape)

    @cached_property
    def _routes(self) -> Mapping[Shape, list[BaseRoute]]:
        return _group_by_shape(self._router.routes)


def _shape_of_path(path: str) -> Shape:
    segments = path.split("/")[1:]
    return len(segments), segments[0] if segments else "", segments[2] if len(segments) > 2 else None


def _shape_of_route(route: Route) -> Shape:
    count, first, third = _shape_of_path(route.path)
    return count, first, None if third is not None and third.startswith("{") else third


def _group_by_shape(routes: Sequence[BaseRoute]) -> Mapping[Shape, list[BaseRoute]]:
    """Return the routes of each shape, in their order.

    A route with a parameter as third segment is also among the routes of each shape with a fixed third segment, since
    the parameter may have that value.
    """
    shapes = [(route, _shape_of_route(route)) for route in routes if isinstance(route, Route)]
    groups: dict[Shape, list[BaseRoute]] = {shape: [] for _, shape in shapes}
    thirds: defaultdict[tuple[int, str], set[str | None]] = defaultdict(set)
    for count, first, third in groups:
        thirds[count, first].add(third)
    for route, (count, first, third) in shapes:
        for other in thirds[count, first] if third is None else [third]:
            groups[count, first, other].append(route)
    return groups
