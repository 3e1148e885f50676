"""Conditional requests: `ETag`, `If-Match` for writers and `If-None-Match` for readers (RFC 9110).

A writer that names the version it has read never overwrites a newer one.  A reader that names the answer it has gets
304 instead of the same answer again.  Proxies that compress answers make their tags weak (`W/"..."`) or append the name
of the compression; such tags are accepted like those that were sent.
"""

import hashlib
from typing import Annotated

from fastapi import Header
from starlette.datastructures import MutableHeaders
from starlette.responses import Response, StreamingResponse

from okube_api.http.pagination import json_response
from okube_api.kit.repository import Precondition
from okube_api.kit.schemas import Answer
from okube_api.store.values import Json

IfMatch = Annotated[
    str, Header(alias="If-Match", description="The `ETag` that was read: 412 if the resource has changed since then.")
]

CACHE_CONTROL = "private, no-cache"
"""Lets only the client itself store an answer, and makes it ask each time whether the answer is still valid."""


def compute_etag(document: Json) -> str:
    """Return the entity tag of a document's version, with quotes."""
    return f'"{_version(document)}"'


def _version(document: Json) -> str:
    return f"{document['_id']}-{document['version']}"


def parse_if_match(header: str | None) -> Precondition | None:
    """Return the precondition of an `If-Match` header; None when any version may be changed.

    Of each tag, the id and version count: what follows describes the answer, not the stored document.
    """
    if header is None or header.strip() == "*":
        return None
    versions = {"-".join(tag.split("-")[:2]) for tag in _opaque_tags(header)}
    return lambda document: _version(document) in versions


def _opaque_tags(header: str) -> set[str]:
    """Return the tags in a header without quotes and without the marks of proxies."""
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    return tags | {tag.removesuffix("-gzip") for tag in tags}


def is_unchanged(if_none_match: str | None, etag: str) -> bool:
    """Return whether the client has the answer with this tag already, by its `If-None-Match` header."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag.removeprefix("W/").strip('"') in _opaque_tags(if_none_match)


def digest(content: bytes) -> str:
    """Return the hash of an answer for its tag."""
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def answer_with_etag(document: Json, answer: type[Answer], status: int = 200) -> Response:
    """Return the answer for one document, with its `ETag`.

    The tag consists of the version, for `If-Match`, and a hash of the answer, which may also depend on the current day
    or on other resources.
    """
    response = json_response(answer.render(document), status)
    response.headers["ETag"] = f'"{_version(document)}-{digest(bytes(response.body))}"'
    return response


def answer_conditionally(response: Response, if_none_match: str | None, etag: str | None = None) -> Response:
    """Return the answer to a GET with its tag, or 304 for a client that has this answer.

    etag: the tag of the answer if it is known without its content.  A streamed answer without it has no tag.
    """
    if response.status_code != 200:
        return response
    if "etag" not in response.headers:
        if etag is None and isinstance(response, StreamingResponse):
            return response
        response.headers["ETag"] = etag or f'"{digest(bytes(response.body))}"'
    response.headers.setdefault("Cache-Control", CACHE_CONTROL)
    if is_unchanged(if_none_match, response.headers["ETag"]):
        return not_modified(response.headers)
    return response


def not_modified(headers: MutableHeaders) -> Response:
    """Return 304 with those headers of an answer that concern caches."""
    names = ("ETag", "Cache-Control", "Vary", "Link")
    return Response(status_code=304, headers={name: headers[name] for name in names if name in headers})
