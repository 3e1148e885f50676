"""Lists: the parameters that all of them take, and the page that they answer."""

from typing import Annotated, Any, Generic, Literal, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict
from starlette.responses import Response

from okube_api.fields import UNSET, Answer, Key, Text
from okube_api.resources import Found, Paging
from okube_api.store.base import EVERYTHING, Condition, Contains, Missing, OneOf, Overlaps, equal
from okube_api.tables.reading import Encoding

T = TypeVar("T", bound=Answer)

Flag = Literal["true", "false"]
"""A boolean as lists take it: a text."""


def _switched(value: object) -> object:
    return value == "true" if value in ("true", "false") else value


Switch = Annotated[bool, BeforeValidator(_switched), Strict()]
"""A boolean parameter that is off or on: `true` or `false`, no other word."""


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="ignore")  # `app` is another's to read; the route refuses what nobody reads

    page: int = Field(1, ge=0, le=10**9, description="From 1; 0 is the first page, too.")
    per_page: int = Field(25, ge=0, le=100, description="Documents a page; 0 answers the numbers alone.")

    @property
    def paging(self) -> Paging:
        """The page."""
        return Paging(max(self.page, 1), self.per_page)


class ListQuery(PageQuery):
    """What the lists of all resources can be narrowed by."""

    q: Text = Field(UNSET, description="A text to look for, literally; case and accents do not count.")
    keys: Annotated[list[Key], Field(min_length=1)] = Field(UNSET, description="Only these keys.")
    tags: Annotated[list[Text], Field(min_length=1)] = Field(UNSET, description="Any of these tags.")
    encoding: Encoding = Field("utf8", description="Of CSV; what it cannot hold becomes `?`.")

    def condition(self) -> Condition:
        """The documents wanted."""
        return (
            (Contains(self.q) if self.q else EVERYTHING)
            & (self.has_key(tuple(self.keys)) if self.keys else EVERYTHING)
            & (Overlaps("tags", tuple(self.tags)) if self.tags else EVERYTHING)
        )

    def has_key(self, keys: tuple[str, ...]) -> Condition:
        """The documents with one of these keys."""
        return OneOf("key", keys)


def flagged(field: str, flag: Flag | None) -> Condition:
    """The documents whose boolean `field` is what was asked for."""
    return EVERYTHING if flag is None else equal(field, flag == "true")


def given(field: str, flag: Flag | None) -> Condition:
    """The documents that have a text in `field`, or those that have none."""
    if flag is None:
        return EVERYTHING
    none = Missing(field) | equal(field, "")
    return ~none if flag == "true" else none


# -- answers -------------------------------------------------------------------------------------------------


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
