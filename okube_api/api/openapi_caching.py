"""Conditional requests and links of pages in the OpenAPI document; `okube_api.api.route` implements them."""

from okube_api.store.values import Json

_TEXT = {"type": "string"}
_JSON = "application/json"

IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": _TEXT,
    "description": "The `ETag` of an earlier answer: 304 without a body if the answer is still the same.",
}
VERSION: Json = {"description": "Version of the resource, for `If-Match` and `If-None-Match`.", "schema": _TEXT}
_TAG: Json = {"description": "Tag of the answer, for `If-None-Match`.", "schema": _TEXT}
_LINK: Json = {
    "description": "The `first`, `prev`, `next` and `last` page, relative to the host (RFC 8288).",
    "schema": _TEXT,
}

NOT_MODIFIED = "NotModified"
NOT_MODIFIED_RESPONSE: Json = {
    "description": "The answer is still the one whose `ETag` is in `If-None-Match`.",
    "headers": {"ETag": _TAG},
}
"""The component of the answer 304."""


def describe_caching(operation: Json, path: str, method: str, *, is_public: bool) -> None:
    """Add tags, 304 and links to an operation that answers with them.

    Reads have tags, except for streams and public routes, and so do questions, which are sent by POST.  Updates have
    the tag of the new version only.
    """
    answer = operation["responses"].get("200", {})
    schema = answer.get("content", {}).get(_JSON, {}).get("schema")  # a stream has none
    if is_public or not schema:
        return
    headers = answer.setdefault("headers", {})
    if method in ("put", "patch"):
        headers["ETag"] = VERSION
    elif method == "get" or path.endswith("/analytics"):
        operation.setdefault("parameters", []).append({**IF_NONE_MATCH})
        operation["responses"]["304"] = {"$ref": f"#/components/responses/{NOT_MODIFIED}"}
        headers["ETag"] = VERSION if path.endswith("}") else _TAG
        if "/Page_" in schema.get("$ref", ""):
            headers["Link"] = _LINK
