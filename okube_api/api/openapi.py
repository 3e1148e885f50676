"""The OpenAPI document: what FastAPI cannot know of the routes is added to what it finds out.

A route declares only the refusals of its own (`refusals(404, 422)`); those that any route can meet are added here, as
are the forms that bodies also come as, the two ways to authenticate, and the shape of a problem.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import ConfigDict, Field

from okube_api.api.access import DEMO_APPLICATION
from okube_api.api.credentials import COOKIE
from okube_api.api.descriptions import DESCRIPTION, TAGS
from okube_api.api.examples import EXAMPLES
from okube_api.api.multipart import spelt_out
from okube_api.api.route import FORM, JSON, ApiRoute
from okube_api.http import idempotency
from okube_api.kit.schemas import Answer
from okube_api.store.base import Json

Responses = dict[int | str, dict[str, Any]]

PROBLEM = "application/problem+json"

WORDS = {
    400: "The request is malformed; `errors` names each fault.",
    401: "No, bad, expired or revoked credentials.",
    403: "Not allowed, or plain HTTP where HTTPS is required.",
    404: "No such resource, or one that the caller may not see.",
    409: "In conflict with a request under way. Try again.",
    412: "The resource has changed since it was read.",
    413: "The body is too large.",
    415: "A content type or encoding that is not taken here.",
    422: "Well-formed, but it cannot be; `errors` says why.",
    429: "Too many requests. `Retry-After` says when to try again.",
    500: "A fault of the server's, which its log explains under the request's id.",
    503: "Not available now. `Retry-After` says when to try again.",
    507: "The disk is full: nothing was written.",
}
_TITLES = {
    400: "The request is not valid",
    401: "Authentication is needed",
    403: "Not allowed",
    404: "Not found",
    409: "In conflict with another request",
    412: "The resource has changed",
    413: "The body is too large",
    415: "The content type is not taken here",
    422: "The request cannot be fulfilled",
    429: "Too many requests",
    500: "Something went wrong on our side",
    503: "Not available now",
    507: "No room is left",
}
_ALWAYS = (400, 403, 429, 500, 503)
_WITH_BODY = (413, 415)
_WRITING = (409, 507)
_VALUES = {"example", "examples", "default", "enum", "const"}  # in which a title would be a caller's
_WRITES = {"post", "put", "patch", "delete"}


class FaultAnswer(Answer):
    """One thing wrong with a request."""

    where: str = Field(alias="in", description="`body`, `query`, `path` or `header`.", examples=["body"])
    pointer: str = Field(description="RFC 6901: where it stands.", examples=["/params/0/kpi"])
    code: str = Field(examples=["unknown_value"])
    message: str = Field(examples=["No KPI 'atendance' in this module. Did you mean 'attendance'?"])


class Problem(Answer):
    """A request that was not fulfilled, and why (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:okube:problem:invalid"])
    title: str
    status: int
    code: str = Field(description="The reason, for programs.", examples=["invalid"])
    detail: str = Field(description="The reason, for people.")
    instance: str = Field(description="The path that was asked.")
    request_id: str = Field(alias="requestId", description="As in `X-Request-Id`, and in the server's log.")
    errors: list[FaultAnswer] | None = Field(None, description="With 400 and 422: each thing that is wrong.")


def refusals(*statuses: int) -> Responses:
    """The refusals that a route has of its own, for its `responses`."""
    return {
        status: {"description": WORDS[status], "content": {PROBLEM: {"schema": _PROBLEM_HERE}}} for status in statuses
    }


_PROBLEM_HERE = {"$ref": "#/components/schemas/Problem"}
_TEXT = {"type": "string"}
# Said in words: with one schema under two media types, generated clients send each body as both.
_FORMS = f"Also taken as `{FORM}`: `address[city]=Paris` within objects, names repeated for lists."
_APPLICATION = {
    "name": "application",
    "in": "path",
    "required": True,
    "description": "The application's id or key.",
    "schema": _TEXT,
    "examples": dict(DEMO_APPLICATION),
}
ETAG = {"ETag": {"description": "The version, for `If-Match`.", "schema": _TEXT}}

CREATED: Responses = {201: {"description": "Created.", "headers": ETAG}}
"""The answer of a creation that answers the new resource."""


def document(app: FastAPI) -> Json:
    """The whole document of an application's routes."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            route.openapi_extra = spelt_out(route.openapi_extra)
    made = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=TAGS)
    components = made.setdefault("components", {})
    components.setdefault("schemas", {}).update(_problem_schemas())
    for unused in ("HTTPValidationError", "ValidationError"):  # the framework's own refusals: ours are problems
        components["schemas"].pop(unused, None)
    components["responses"] = {_name(status): _component(status) for status in WORDS}
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    made["security"] = [{"bearer": []}, {"cookie": []}]
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _complete(made["paths"][route.path_format][method.lower()], route, method.lower())
    for schema in components["schemas"].values():
        if "app" in schema.get("properties", {}):  # the path that is shown names no application: the body must
            schema["required"] = [*schema.get("required", ()), "app"]
    _tidy(components["schemas"])
    _tidy(made["paths"])
    for model, example in EXAMPLES.items():
        for name in (model.__name__, f"{model.__name__}-Input", f"{model.__name__}-Output"):
            if name in components["schemas"]:
                components["schemas"][name]["examples"] = [example]
    return made


def _tidy(node: Any) -> None:
    """Takes out the titles that repeat the names of fields, and says how large integers may be.

    A title that is no text is a field of that name.
    """
    if isinstance(node, list):
        for item in node:
            _tidy(item)
    elif isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for name, inner in node.items():
            if name not in _VALUES:
                _tidy(inner)
        if node.get("type") == "integer":
            node.setdefault("minimum", -(2**63))
            node.setdefault("maximum", 2**63 - 1)


def _complete(operation: Json, route: APIRoute, method: str) -> None:
    """What every route of its sort has, in one operation."""
    operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
    open_to_all = isinstance(route, ApiRoute) and route.for_anybody
    if open_to_all:
        operation["security"] = []
    _name_application(operation, route)
    content = operation.get("requestBody", {}).get("content", {})
    if isinstance(route, ApiRoute) and route.takes_forms and JSON in content:
        operation["requestBody"].setdefault("description", _FORMS)
    if isinstance(route, ApiRoute) and route.repeatable():
        operation.setdefault("parameters", []).append(idempotency.shown_header())
    statuses = [
        *_ALWAYS,
        *(() if open_to_all else (401,)),
        *(_WITH_BODY if content else ()),
        *(_WRITING if method in _WRITES else ()),
    ]
    responses = operation.setdefault("responses", {})
    for status in {*statuses, *(int(code) for code in responses if int(code) in WORDS)}:
        responses[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    operation["responses"] = dict(sorted(responses.items()))


def _name_application(operation: Json, route: APIRoute) -> None:
    """The application that the path shown names, where the route's aliases do not all name it."""
    parameters = operation.get("parameters", [])
    named = {one["name"] for one in parameters if one["in"] == "path"}
    if "application" in route.param_convertors and "application" not in named:
        operation["parameters"] = [_APPLICATION, *parameters]


# -- problems ------------------------------------------------------------------------------------------------


def _problem_schemas() -> Json:
    schema = Problem.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    inner: Json = schema.pop("$defs")
    return inner | {"Problem": schema}


def _name(status: int) -> str:
    return f"Refused{status}"


def _component(status: int) -> Json:
    example = {
        "type": "urn:okube:problem:invalid",
        "title": _TITLES[status],
        "status": status,
        "detail": WORDS[status],
        "instance": "/sites",
        "requestId": "9f1c2d3e4b5a69788796a5b4c3d2e1f0",
    }
    content = {PROBLEM: {"schema": _PROBLEM_HERE, "example": example}}
    headers = {"X-Request-Id": {"schema": _TEXT}}
    if status == 401:
        headers["WWW-Authenticate"] = {"schema": _TEXT}
    if status in {429, 503}:
        headers["Retry-After"] = {"schema": {"type": "integer"}}
    return {"description": WORDS[status], "headers": headers, "content": content}
