"""Query parameters that lists of resources share: paging, search text, keys, tags and flags."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from okube_api.kit.booleans import BOOLEANS
from okube_api.kit.file_options import CsvOptions
from okube_api.kit.repository import Paging
from okube_api.kit.schemas import UNSET, Key, Text
from okube_api.kit.switches import Flag
from okube_api.store.conditions import EVERYTHING, Condition, Contains, Missing, OneOf, Overlaps, equal


class PageQuery(BaseModel):
    """The parameters of every list."""

    model_config = ConfigDict(extra="ignore")  # other dependencies read `app`; the route refuses unknown parameters

    page: int = Field(1, ge=0, le=10**9, description="Counts from 1; 0 is the first page, too.")
    per_page: int = Field(25, ge=0, le=100, description="Documents per page; 0 returns the counts only.")

    @property
    def paging(self) -> Paging:
        """The page to read."""
        return Paging(max(self.page, 1), self.per_page)


class ListQuery(CsvOptions, PageQuery):
    """The filters that most lists share."""

    q: Text = Field(UNSET, description="A text to search for, literally; case and accents are ignored.")
    keys: Annotated[list[Key], Field(min_length=1)] = Field(UNSET, description="Only resources with one of these keys.")
    tags: Annotated[list[Text], Field(min_length=1)] = Field(
        UNSET, description="Only resources with any of these tags."
    )

    def to_condition(self) -> Condition:
        """Return the condition that a document is in the list."""
        return (
            (Contains(self.q) if self.q else EVERYTHING)
            & (self.match_keys(tuple(self.keys)) if self.keys else EVERYTHING)
            & (Overlaps("tags", tuple(self.tags)) if self.tags else EVERYTHING)
        )

    def match_keys(self, keys: tuple[str, ...]) -> Condition:
        """Return the condition that a document has one of these keys."""
        return OneOf("key", keys)


def match_flag(field: str, flag: Flag | None) -> Condition:
    """Return the condition that the boolean `field` has the value of the flag."""
    return EVERYTHING if flag is None else equal(field, BOOLEANS[flag])


def match_filled(field: str, flag: Flag | None) -> Condition:
    """Return the condition that `field` holds a text (flag `true`), or is missing or empty (flag `false`)."""
    if flag is None:
        return EVERYTHING
    is_empty = Missing(field) | equal(field, "")
    return ~is_empty if BOOLEANS[flag] else is_empty
