"""`ETag` and `If-Match`: a writer that names the version it has read never overwrites a newer one."""

from typing import Annotated

from fastapi import Header
from starlette.responses import Response

from okube_api.http.pagination import json_response
from okube_api.kit.repository import Precondition
from okube_api.kit.schemas import Answer
from okube_api.store.values import Json

IfMatch = Annotated[
    str, Header(alias="If-Match", description="The `ETag` that was read: 412 if the resource has changed since then.")
]


def compute_etag(document: Json) -> str:
    """Return the entity tag of a document's version, with quotes."""
    return f'"{document["_id"]}-{document["version"]}"'


def parse_if_match(header: str | None) -> Precondition | None:
    """Return the precondition of an `If-Match` header; None when any version may be changed."""
    if header is None or header.strip() == "*":
        return None
    tags = {tag.strip() for tag in header.split(",")}
    return lambda document: compute_etag(document) in tags


def answer_with_etag(document: Json, answer: type[Answer], status: int = 200) -> Response:
    """Return the answer for one document, with its `ETag`."""
    return json_response(answer.render(document), status, {"ETag": compute_etag(document)})
