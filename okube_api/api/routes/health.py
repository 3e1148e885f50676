"""Routes for operators: liveness, readiness and metrics."""

import asyncio
import hmac
from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.container import ServicesDep
from okube_api.api.openapi import Responses, refusals
from okube_api.api.route import PublicRoute
from okube_api.api.server_metrics import measure_server
from okube_api.errors import NotFound, ServiceUnavailable, Unauthorised
from okube_api.http.pagination import json_response
from okube_api.kit.schemas import Answer

router = APIRouter(route_class=PublicRoute, tags=["service"])

_TEXT = "text/plain; version=1.0.0; charset=utf-8"


class Health(Answer):
    """State of the server."""

    status: Literal["live", "ready"]


@router.get("/health/live", operation_id="get_live", response_model=Health)
async def get_live() -> Response:
    """Check whether the process answers."""
    return json_response({"status": "live"})


@router.get("/health/ready", operation_id="get_ready", response_model=Health)
async def get_ready(request: Request, services: ServicesDep) -> Response:
    """Check whether the server can answer requests; 503 while the database does not answer."""
    starting = request.app.state.starting
    if starting is not None and not starting.done():
        raise ServiceUnavailable("The database has not answered since the server started. Try again later.")
    await services.store.ping()
    return json_response({"status": "ready"})


_METRICS: Responses = {
    200: {
        "description": "Metrics of the server, of all its workers together.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/metrics", operation_id="get_metrics", response_class=Response, responses={**_METRICS, **refusals(401, 404)}
)
async def get_metrics(request: Request, services: ServicesDep) -> Response:
    """Return metrics for Prometheus; send `OKUBE_METRICS_TOKEN` as the bearer token.  404 if that setting is absent."""
    token = services.settings.metrics_token
    if token is None:
        raise NotFound("resource", "metrics")
    expected = f"Bearer {token.get_secret_value()}".encode()
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected):
        raise Unauthorised("Send the metrics token as 'Authorization: Bearer TOKEN'.")
    measured = await measure_server(services, request.app.state.store_figures)
    rendered = await asyncio.to_thread(request.app.state.metrics.render, [measured])  # takes some milliseconds
    return Response(rendered, media_type=_TEXT)
