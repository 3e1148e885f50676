"""Pages of lists, as they are answered."""

from typing import Any, Generic, TypeVar

import orjson
from pydantic import Field
from starlette.responses import Response

from okube_api.kit.repository import Found, Paging
from okube_api.kit.schemas import Answer

T = TypeVar("T", bound=Answer)


class Paginated(Answer):
    """Where a page stands in its list."""

    total: int
    page: int
    per_page: int
    page_count: int
    has_more: bool


class Page(Answer, Generic[T]):
    """A page of a list."""

    documents: list[T]
    paginated: Paginated = Field(alias="_$paginated")


def paginated(found: Found, paging: Paging, answer: type[Answer]) -> Response:
    """A page, as it is answered."""
    pages = -(-found.total // paging.size) if paging.size else 0
    where = {
        "total": found.total,
        "page": paging.page,
        "per_page": paging.size,
        "page_count": pages,
        "has_more": paging.page < pages,
    }
    return as_json({"documents": [answer.shown(document) for document in found.documents], "_$paginated": where})


def as_json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer built by hand, serialised once."""
    return Response(orjson.dumps(value), status, headers, media_type="application/json")
