"""Answers of lists, page by page."""

from typing import Any, Generic, TypeVar

import orjson
from pydantic import Field
from starlette.responses import Response

from okube_api.kit.repository import DocumentPage, Paging
from okube_api.kit.schemas import Answer

T = TypeVar("T", bound=Answer)


class Paginated(Answer):
    """Position of a page in its list."""

    total: int
    page: int
    per_page: int
    page_count: int
    has_more: bool


class Page(Answer, Generic[T]):
    """A page of a list."""

    documents: list[T]
    paginated: Paginated = Field(alias="_$paginated")


def answer_page(page: DocumentPage, paging: Paging, answer: type[Answer]) -> Response:
    """Return the answer for one page of a list."""
    page_count = -(-page.total // paging.size) if paging.size else 0
    position = {
        "total": page.total,
        "page": paging.page,
        "per_page": paging.size,
        "page_count": page_count,
        "has_more": paging.page < page_count,
    }
    documents = [answer.render(document) for document in page.documents]
    return json_response({"documents": documents, "_$paginated": position})


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer, which FastAPI does not validate and serialise a second time."""
    return Response(orjson.dumps(value), status, headers, media_type="application/json")
