"""Query parameters that lists of resources share: paging, search text, keys, tags and flags."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict

from okube_api.kit.encodings import Encoding
from okube_api.kit.repository import Paging
from okube_api.kit.schemas import UNSET, Key, Text
from okube_api.store.conditions import EVERYTHING, Condition, Contains, Missing, OneOf, Overlaps, equal

Flag = Literal["true", "false"]
"""A boolean as lists take it: a text."""


def _parse_switch(value: object) -> object:
    return value == "true" if value in ("true", "false") else value


Switch = Annotated[bool, BeforeValidator(_parse_switch), Strict()]
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

    def to_condition(self) -> Condition:
        """The documents wanted."""
        return (
            (Contains(self.q) if self.q else EVERYTHING)
            & (self.match_keys(tuple(self.keys)) if self.keys else EVERYTHING)
            & (Overlaps("tags", tuple(self.tags)) if self.tags else EVERYTHING)
        )

    def match_keys(self, keys: tuple[str, ...]) -> Condition:
        """The documents with one of these keys."""
        return OneOf("key", keys)


def match_flag(field: str, flag: Flag | None) -> Condition:
    """The documents whose boolean `field` is what was asked for."""
    return EVERYTHING if flag is None else equal(field, flag == "true")


def match_filled(field: str, flag: Flag | None) -> Condition:
    """The documents that have a text in `field`, or those that have none."""
    if flag is None:
        return EVERYTHING
    none = Missing(field) | equal(field, "")
    return ~none if flag == "true" else none
