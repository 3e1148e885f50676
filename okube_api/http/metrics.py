"""Metrics of this process in the Prometheus format."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector
from starlette.types import Scope

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Request counts and durations by route template, method and status.

    Templates instead of paths: a caller cannot create new time series.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "okube_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "okube_request_seconds",
            "Time to the end of the answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )

        # A look-up of labels takes several times as long as counting.
        self._count = cache(lambda method, route, status: self._requests.labels(method, route, str(status)))
        self._time = cache(self._seconds.labels)

    def count_request(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request; status 0 means that the client disconnected before an answer."""
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._count(method, route, status).inc()
        self._time(route).observe(seconds)

    def render(self) -> bytes:
        """Return the metrics as text for Prometheus."""
        return generate_latest(self._registry)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
