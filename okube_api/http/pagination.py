"""Answers of lists, page by page."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import orjson
from pydantic import Field
from starlette.responses import Response

from okube_api.kit.repository import DocumentPage, Paging
from okube_api.kit.schemas import Answer

T = TypeVar("T", bound=Answer)

MAX_LINK_LENGTH = 3000
"""Longer `Link` headers are left out: proxies refuse answers whose headers have more than 4 or 8 KB."""


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
    response = PageResponse(
        orjson.dumps({"documents": documents, "_$paginated": position}), media_type="application/json"
    )
    response.page, response.page_count = paging.page, page_count
    return response


class PageResponse(Response):
    """The answer for one page of a list."""

    page: int
    page_count: int

    def add_links(self, path: str, parameters: Iterable[tuple[str, str]]) -> None:
        """Add the `Link` header (RFC 8288), which names the first, previous, next and last page.

        path: of the list as the client sees it, without the host.
        parameters: of the query; the other pages have the same ones.
        """
        if not self.page_count:
            return
        pages = {"first": 1, "prev": self.page - 1, "next": self.page + 1, "last": self.page_count}
        other_parameters = [(name, value) for name, value in parameters if name != "page"]
        base = quote(path, safe="/%:@!$&'()*+,;=~")
        links = ", ".join(
            f'<{base}?{urlencode([*other_parameters, ("page", page)])}>; rel="{relation}"'
            for relation, page in pages.items()
            if 1 <= page <= self.page_count
        )
        if len(links) <= MAX_LINK_LENGTH:
            self.headers["Link"] = links


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer, which FastAPI does not validate and serialise a second time."""
    return Response(orjson.dumps(value), status, headers, media_type="application/json")
