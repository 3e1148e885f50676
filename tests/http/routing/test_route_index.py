"""Whatever path is asked for, the routes that are tried hold the one that is meant."""

from collections.abc import Iterator

import pytest
from okube_api.app import create_app
from okube_api.http.routing.route_index import ByShape
from okube_api.settings import Settings
from starlette.routing import BaseRoute, Match, Route

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
NAMES = ("x", "import", "export", "analytics", "5f0c1d2e3a4b5c6d7e8f9a0b")  # of which some are segments of routes, too


def paths(route: Route) -> Iterator[str]:
    """Paths that the route matches."""
    for name in NAMES:
        yield "/".join(name if part.startswith("{") else part for part in route.path.split("/"))


def first_of(routes: list[BaseRoute], method: str, path: str) -> BaseRoute | None:
    """The first route that takes a request."""
    scope = {"type": "http", "method": method, "path": path, "headers": [], "root_path": ""}
    return next((route for route in routes if route.matches(dict(scope))[0] is Match.FULL), None)


def test_the_same_route_is_found_as_among_all() -> None:
    app = create_app(Settings(store_url="duckdb::memory:", secret_key="0" * 32))
    shaped = ByShape(app.router)
    everything = list(app.router.routes)
    tried = 0
    for path in {path for route in everything if isinstance(route, Route) for path in paths(route)}:
        part = shaped._of(path)
        assert part is not None, path
        tried = max(tried, len(part.routes))
        for method in METHODS:
            assert first_of(list(part.routes), method, path) is first_of(everything, method, path), (method, path)
    assert tried < len(everything) / 4


@pytest.mark.parametrize("path", ["/", "/nothing", "/applications/x/nothing", "/a/b/c/d/e/f/g/h"])
def test_where_nothing_is(path: str) -> None:
    app = create_app(Settings(store_url="duckdb::memory:", secret_key="0" * 32))
    part = ByShape(app.router)._of(path)
    assert first_of(list(app.router.routes if part is None else part.routes), "GET", path) is None
