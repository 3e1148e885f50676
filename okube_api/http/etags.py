"""`ETag` and `If-Match`: a writer who names the version that it read never overwrites a newer one."""

from typing import Annotated

from fastapi import Header
from starlette.responses import Response

from okube_api.http.pagination import as_json
from okube_api.kit.repository import Allowed
from okube_api.kit.schemas import Answer
from okube_api.store.base import Json

IfMatch = Annotated[
    str, Header(alias="If-Match", description="The `ETag` that was read: 412 when the resource changed since.")
]


def etag(document: Json) -> str:
    """The tag of a document's version."""
    return f'"{document["_id"]}-{document["version"]}"'


def matching(header: str | None) -> Allowed | None:
    """Which versions an `If-Match` header allows to be changed; None is any."""
    if header is None or header.strip() == "*":
        return None
    tags = {tag.strip() for tag in header.split(",")}
    return lambda document: etag(document) in tags


def tagged(document: Json, answer: type[Answer], status: int = 200) -> Response:
    """One document as it is answered, with its tag."""
    return as_json(answer.shown(document), status, {"ETag": etag(document)})
