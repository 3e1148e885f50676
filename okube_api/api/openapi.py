"""The OpenAPI document: FastAPI's, completed with what it cannot know about the routes.

A route declares only refusals that are specific to it (`refusals(404, 422)`).  This module adds those that any route
can answer, the form bodies, the two ways to authenticate, and the schema of a problem.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import ConfigDict, Field, TypeAdapter

from okube_api.analytics.schemas.answers import ScopeValues
from okube_api.api.credentials import COOKIE
from okube_api.api.descriptions import DESCRIPTION, MANUAL_LINK, TAGS
from okube_api.api.examples import EXAMPLES, add_path_examples, fill_in_password
from okube_api.api.field_descriptions import describe_fields, describe_parameters
from okube_api.api.manual_pages import MANUAL_PATH
from okube_api.api.multipart import expand_multipart
from okube_api.api.openapi_caching import NOT_MODIFIED, NOT_MODIFIED_RESPONSE, VERSION, describe_caching
from okube_api.api.openapi_shapes import (
    document_under_applications,
    join_alternatives,
    name_forms,
    open_objects,
)
from okube_api.api.query_parameters import BLANK_MEANS_ABSENT
from okube_api.api.request_body import FORM, JSON
from okube_api.api.route import ApiRoute
from okube_api.errors import (
    BadRequest,
    Forbidden,
    HeadersTooLarge,
    Impossible,
    InsufficientStorage,
    NotFound,
    PreconditionFailed,
    Refusal,
    RequestConflict,
    RequestTimeout,
    ServiceUnavailable,
    TooLarge,
    TooManyRequests,
    Unauthorised,
    UnsupportedMedia,
    UrlTooLong,
)
from okube_api.http import idempotency
from okube_api.http.problems import InternalError
from okube_api.kit.demo_names import APPLICATION
from okube_api.kit.schemas import Answer, drop_null
from okube_api.store.values import Json

Responses = dict[int | str, dict[str, Any]]

TITLE = "Okube Analytics API"
BEARER = "bearerAuth"
PROBLEM = "application/problem+json"

_REFUSALS: Mapping[type[Refusal], str] = {
    BadRequest: "The request is malformed; `errors` names each fault.",
    Unauthorised: "Credentials are missing, wrong, expired or revoked.",
    Forbidden: "Not allowed, or plain HTTP where HTTPS is required.",
    NotFound: "The resource does not exist, or you may not read it.",
    RequestConflict: "Conflict with another request in progress. Try again.",
    RequestTimeout: "The request did not arrive in time.",
    UrlTooLong: "The URL is too long.",
    HeadersTooLarge: "The headers are too large, or too many.",
    PreconditionFailed: "The resource has changed since it was read.",
    TooLarge: "The body is too large.",
    UnsupportedMedia: "The content type or encoding is not accepted here.",
    Impossible: "The request is well-formed, but its values cannot be accepted; `errors` says why.",
    TooManyRequests: "Too many requests. `Retry-After` says when to try again.",
    InternalError: "A bug in the server; its log has the details under the request's id.",
    ServiceUnavailable: "Temporarily unavailable. `Retry-After` says when to try again.",
    InsufficientStorage: "The disk is full; nothing was written.",
}
"""Description of each refusal in the document; its status and title are those of the class."""

_BY_STATUS = {refusal.status: refusal for refusal in _REFUSALS}

_ALWAYS = (400, 403, 408, 414, 429, 431, 500, 503)
_FOR_BODIES = (413, 415)
_FOR_WRITES = (409, 507)
_VALUE_KEYWORDS = {"example", "examples", "default", "enum", "const"}  # a `title` inside these is data
_WRITE_METHODS = {"post", "put", "patch", "delete"}
_ID_PATHS = (
    "/auth/keys/{key}",
    "/auth/invitations/{invitation}/accept",
    "/auth/invitations/{invitation}/decline",
    "/applications/{application}/ingest/{batch}",
    "/applications/{application}/views/{view}",
    "/pois/{poi}",
    "/sites/{site}",
    "/sites/{site}/studies/{study}",
)
"""Paths whose last parameter must be an id; the other paths also accept keys."""


class FaultAnswer(Answer):
    """A fault of a request."""

    where: str = Field(alias="in", description="`body`, `query`, `path` or `header`.", examples=["body"])
    pointer: str = Field(description="Place of the fault, as a JSON Pointer (RFC 6901).", examples=["/params/0/kpi"])
    code: str = Field(examples=["unknown_value"])
    message: str = Field(examples=["Unknown KPI 'atendance' in geo-marketing. Did you mean 'attendance'?"])


class Problem(Answer):
    """Problem details of a refused request (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:okube:problem:invalid"])
    title: str
    status: int
    code: str = Field(description="Reason, for programs.", examples=["invalid"])
    detail: str = Field(description="Reason, for people.")
    message: str = Field(description="Same text as `detail`.")
    instance: str = Field(description="Path of the request.")
    request_id: str = Field(
        alias="requestId", description="Id of the request, as in `X-Request-Id` and in the server's log."
    )
    errors: list[FaultAnswer] | None = Field(None, description="With 400 and 422: the faults of the request.")


def refusals(*statuses: int) -> Responses:
    """Return the refusals that are specific to a route, for its `responses`."""
    return {
        status: {
            "description": _REFUSALS[_BY_STATUS[status]],
            "content": {PROBLEM: {"schema": _PROBLEM_REF}},
        }
        for status in statuses
    }


_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
_TEXT = {"type": "string"}
# A description instead of a second media type: generated clients would send every body in both.
_FORMS = f"Also accepted as `{FORM}`: `address[city]=Paris` within objects, repeated names for lists."
_APPLICATION = {
    "name": "application",
    "in": "path",
    "required": True,
    "description": "Id or key of the application.",
    "schema": _TEXT,
}
_SECURITY_SCHEMES = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The token of a login, or an API key. The page `/docs` fills in the token when "
        "`POST /auth/login` is executed there.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The token, as a login with `setCookie` sets it.",
    },
}
CREATED: Responses = {201: {"description": "Created.", "headers": {"ETag": VERSION}}}
"""Answer of a creation that returns the new resource."""


def build_document(app: FastAPI) -> Json:
    """Build the OpenAPI document of an application's routes."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            route.openapi_extra = expand_multipart(route.openapi_extra)
    document: Json = get_openapi(
        title=TITLE,
        version=app.version,
        description=DESCRIPTION,
        license_info={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "."}],  # relative to the document, so that a proxy may add a prefix to all paths
        routes=app.routes,
        tags=TAGS,
    )
    if any(getattr(route, "path", None) == MANUAL_PATH for route in app.routes):
        document["externalDocs"] = {"description": "Manual", "url": "manual/"}  # relative, as the server is
        document["info"]["description"] += MANUAL_LINK  # Swagger UI leaves out relative `externalDocs`
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(_build_schemas(Problem) | _build_schemas(ScopeValues))
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's refusals; ours are problems
        components["schemas"].pop(unused, None)
    components["responses"] = {_response_name(status): _response_component(status) for status in _BY_STATUS}
    components["responses"][NOT_MODIFIED] = NOT_MODIFIED_RESPONSE
    components["securitySchemes"] = _SECURITY_SCHEMES
    document["security"] = [{BEARER: []}, {"cookie": []}]
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _complete_operation(document["paths"][route.path_format][method.lower()], route, method.lower())
    _complete_schemas(document)
    document_under_applications(document, _APPLICATION)
    for path, item in document["paths"].items():
        for operation in item.values():
            add_path_examples(path, operation)
    if (demo_password := getattr(app.state, "demo_password", None)) is not None:
        fill_in_password(document, demo_password)
    return document


def _complete_schemas(document: Json) -> None:
    """Add the descriptions and shapes that the models do not have to parameters, bodies and schemas."""
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        for operation in item.values():
            _describe_ids(path, operation)
            describe_parameters(operation)
            for parameter in operation.get("parameters", ()):
                drop_null(parameter["schema"])
                if parameter["in"] == "query" and parameter["name"] in BLANK_MEANS_ABSENT:
                    parameter["allowEmptyValue"] = True
    name_forms(document)
    join_alternatives(document)
    open_objects(schemas)
    for schema in schemas.values():
        names = schema.get("properties", {})
        if "app" in names and "_id" not in names:  # the documented path names no application, so the body must
            schema["required"] = [*schema.get("required", ()), "app"]
        if "app" in names:
            names["app"]["examples"] = [APPLICATION]
    _tidy(schemas)
    _tidy(document["paths"])
    for name, schema in schemas.items():
        describe_fields(name, schema)
    for model, example in EXAMPLES.items():
        if model.__name__ in schemas:
            schemas[model.__name__]["examples"] = [example]


def _tidy(node: Any) -> None:
    """Remove titles, which only repeat the names of fields, and add the range of integers.

    A `title` that is not a text is the schema of a field of that name.
    """
    if isinstance(node, list):
        for item in node:
            _tidy(item)
    elif isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for name, inner in node.items():
            if name not in _VALUE_KEYWORDS:
                _tidy(inner)
        if node.get("type") == "integer":
            node.setdefault("minimum", -(2**63))
            node.setdefault("maximum", 2**63 - 1)


def _complete_operation(operation: Json, route: APIRoute, method: str) -> None:
    """Add to an operation what all routes of its kind have."""
    operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
    is_public = isinstance(route, ApiRoute) and route.is_public
    if is_public:
        operation["security"] = []
    _add_application_parameter(operation, route)
    content = operation.get("requestBody", {}).get("content", {})
    if isinstance(route, ApiRoute) and route.accepts_forms and JSON in content:
        operation["requestBody"].setdefault("description", _FORMS)
    if isinstance(route, ApiRoute) and route.accepts_idempotency_key():
        operation.setdefault("parameters", []).append(idempotency.describe_header())
    statuses = [
        *_ALWAYS,
        *(() if is_public else (401,)),
        *(_FOR_BODIES if content else ()),
        *(_FOR_WRITES if method in _WRITE_METHODS else ()),
    ]
    responses = operation.setdefault("responses", {})
    describe_caching(operation, route.path_format, method, is_public=is_public)
    for status in {*statuses, *(int(code) for code in responses if int(code) in _BY_STATUS)}:
        responses[str(status)] = {"$ref": f"#/components/responses/{_response_name(status)}"}
    operation["responses"] = dict(sorted(responses.items()))


def _add_application_parameter(operation: Json, route: APIRoute) -> None:
    """Add the path parameter `application` where FastAPI does not know it.

    An endpoint whose aliases do not all name the application has no such parameter itself.
    """
    parameters = operation.get("parameters", [])
    path_parameters = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
    if "application" in route.param_convertors and "application" not in path_parameters:
        operation["parameters"] = [_APPLICATION, *parameters]


def _describe_ids(path: str, operation: Json) -> None:
    """Add the pattern of ids to the path parameters that take no keys."""
    ids = {id_path.rpartition("{")[2].rstrip("}") for id_path in _ID_PATHS if path.startswith(id_path)}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and parameter["name"] in ids:
            parameter["schema"]["pattern"] = "^[0-9a-fA-F]{24}$"


# -- problems ------------------------------------------------------------------------------------------------


def _build_schemas(kind: Any) -> Json:
    """Return the schemas of a type that no route names, and of its parts."""
    schema = TypeAdapter(kind).json_schema(by_alias=True, ref_template="#/components/schemas/{model}")
    inner: Json = schema.pop("$defs")
    return inner | {kind.__name__: schema}


def _response_name(status: int) -> str:
    return f"Refused{status}"


def _response_component(status: int) -> Json:
    refusal = _BY_STATUS[status]
    example = {
        "type": f"urn:okube:problem:{refusal.code}",
        "title": refusal.title,
        "status": status,
        "code": refusal.code,
        "detail": _REFUSALS[refusal],
        "message": _REFUSALS[refusal],
        "instance": "/sites",
        "requestId": "9f1c2d3e4b5a69788796a5b4c3d2e1f0",
    }
    content = {PROBLEM: {"schema": _PROBLEM_REF, "example": example}}
    headers = {"X-Request-Id": {"schema": _TEXT}}
    if status == 401:
        headers["WWW-Authenticate"] = {"schema": _TEXT}
    if status in {429, 503}:
        headers["Retry-After"] = {"schema": {"type": "integer"}}
    return {"description": _REFUSALS[refusal], "headers": headers, "content": content}
