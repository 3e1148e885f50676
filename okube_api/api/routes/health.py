"""Whether the server lives and is ready, and what it has done: for those who run it."""

import hmac
from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.container import ServicesHere
from okube_api.api.openapi import Responses, refusals
from okube_api.api.route import OpenRoute
from okube_api.errors import Away, NotFound, Unauthorised
from okube_api.http.pagination import as_json
from okube_api.kit.schemas import Answer

router = APIRouter(route_class=OpenRoute, tags=["service"])

_TEXT = "text/plain; version=1.0.0; charset=utf-8"


class Health(Answer):
    """All is well."""

    status: Literal["live", "ready"]


@router.get("/health/live", operation_id="get_live", response_model=Health)
async def get_live() -> Response:
    """Whether the process answers."""
    return as_json({"status": "live"})


@router.get("/health/ready", operation_id="get_ready", response_model=Health)
async def get_ready(request: Request, shared: ServicesHere) -> Response:
    """Whether requests can be answered: 503 until the database does."""
    starting = request.app.state.starting
    if starting is not None and not starting.done():
        raise Away("The database has not answered since the server was started.")
    await shared.store.ping()
    return as_json({"status": "ready"})


_METRICS: Responses = {
    200: {"description": "Metrics of this process.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get(
    "/metrics", operation_id="get_metrics", response_class=Response, responses={**_METRICS, **refusals(401, 404)}
)
async def get_metrics(request: Request, shared: ServicesHere) -> Response:
    """For Prometheus, with `OKUBE_METRICS_TOKEN` as the bearer token; not found where that is not set."""
    token = shared.settings.metrics_token
    if token is None:
        raise NotFound("resource", "metrics")
    wanted = f"Bearer {token.get_secret_value()}".encode()
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), wanted):
        raise Unauthorised("Send the metrics token as 'Authorization: Bearer TOKEN'.")
    return Response(request.app.state.metrics.text(), media_type=_TEXT)
