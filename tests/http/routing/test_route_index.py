"""The route that the index chooses is the one that the whole router would choose."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from okube_api.app import create_app
from okube_api.http.routing.route_index import RouteIndex
from okube_api.settings import Settings
from starlette.routing import BaseRoute, Match, Route

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
VALUES = ("x", "import", "export", "analytics", "5f0c1d2e3a4b5c6d7e8f9a0b")  # some are also segments of routes


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """Create the application with all its routes."""
    return create_app(Settings(store_url="duckdb::memory:", secret_key="0" * 32))


def matching_paths(route: Route) -> Iterator[str]:
    """Yield paths that the route matches."""
    for value in VALUES:
        yield "/".join(value if part.startswith("{") else part for part in route.path.split("/"))


def match(route: BaseRoute, method: str, path: str) -> Match:
    """Return whether a route has the path of a request, and accepts its method."""
    return route.matches({"type": "http", "method": method, "path": path, "headers": [], "root_path": ""})[0]


def choose_route(routes: list[BaseRoute], method: str, path: str) -> BaseRoute | None:
    """Return the first route that accepts a request."""
    return next((route for route in routes if match(route, method, path) is Match.FULL), None)


def keep_path(routes: list[BaseRoute], path: str) -> list[BaseRoute]:
    """Return the routes that have a path, whatever their methods."""
    return [route for route in routes if match(route, "GET", path) is not Match.NONE]


def test_index_chooses_the_same_route_as_the_router(app: FastAPI) -> None:
    index = RouteIndex(app.router)
    routes = list(app.router.routes)
    most_tried = 0
    for path in {path for route in routes if isinstance(route, Route) for path in matching_paths(route)}:
        router = index.find_router(path)
        assert router is not None, path
        most_tried = max(most_tried, len(router.routes))
        expected, indexed = keep_path(routes, path), keep_path(router.routes, path)
        for method in METHODS:
            assert choose_route(indexed, method, path) is choose_route(expected, method, path), (method, path)
    assert most_tried < len(routes) / 4


@pytest.mark.parametrize("path", ["/other", "/nothing", "/applications/x/nothing", "/a/b/c/d/e/f/g/h"])
def test_unknown_paths_have_no_route(app: FastAPI, path: str) -> None:
    router = RouteIndex(app.router).find_router(path)
    assert choose_route(list(app.router.routes if router is None else router.routes), "GET", path) is None
