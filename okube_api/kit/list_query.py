"""Query parameters that lists of resources share: paging, search text, keys, tags and flags."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema, model_validator

from okube_api.kit.booleans import BOOLEANS
from okube_api.kit.encodings import Encoding
from okube_api.kit.repository import Paging
from okube_api.kit.schemas import UNSET, Key, Text, impossible_value
from okube_api.store.conditions import EVERYTHING, Condition, Contains, Missing, OneOf, Overlaps, equal

_SPELLINGS = {"1": "true", "0": "false"}


def _normalize_flag(value: object) -> object:
    """Return `true` or `false` for a boolean in any case, or written 1 or 0; other values as they are."""
    if not isinstance(value, str):
        return value
    text = _SPELLINGS.get(value, value.lower())
    return text if text in BOOLEANS else value


def _parse_switch(value: object) -> object:
    text = _normalize_flag(value)
    return BOOLEANS.get(text, text) if isinstance(text, str) else text


Delimiter = Annotated[
    Literal[",", ";", "\t", "|"],
    BeforeValidator(lambda value: "\t" if value == "tab" else value),
    WithJsonSchema({"type": "string", "enum": [",", ";", "tab", "|"]}),  # generators of clients need a visible tab
]
"""The delimiter of CSV; the word `tab` means a tab, too."""

Flag = Annotated[
    Literal["true", "false"],
    BeforeValidator(_normalize_flag),
    WithJsonSchema({"type": "string", "enum": ["true", "false", "1", "0"]}),
]
"""A boolean filter, written `true`, `false`, 1 or 0 in any case: when it is absent, both values match."""

Switch = Annotated[bool, BeforeValidator(_parse_switch), Strict()]
"""A boolean parameter, written `true`, `false`, 1 or 0 in any case."""


class PageQuery(BaseModel):
    """The parameters of every list."""

    model_config = ConfigDict(extra="ignore")  # other dependencies read `app`; the route refuses unknown parameters

    page: int = Field(1, ge=0, le=10**9, description="Counts from 1; 0 is the first page, too.")
    per_page: int = Field(25, ge=0, le=100, description="Documents per page; 0 returns the counts only.")

    @property
    def paging(self) -> Paging:
        """The page to read."""
        return Paging(max(self.page, 1), self.per_page)


class ListQuery(PageQuery):
    """The filters that most lists share."""

    q: Text = Field(UNSET, description="A text to search for, literally; case and accents are ignored.")
    keys: Annotated[list[Key], Field(min_length=1)] = Field(UNSET, description="Only resources with one of these keys.")
    tags: Annotated[list[Text], Field(min_length=1)] = Field(
        UNSET, description="Only resources with any of these tags."
    )
    encoding: Encoding = Field("utf8", description="The encoding of CSV; characters that it lacks become `?`.")
    delimiter: Delimiter = Field(
        ",", description="The delimiter of CSV; spreadsheets of countries with a decimal comma expect `;`."
    )
    decimal: Literal[".", ","] = Field(
        ".", description="The decimal separator in the CSV's columns of numbers; a comma needs another `delimiter`."
    )
    bom: Switch = Field(
        False, description="Start CSV in UTF-8 with a byte-order mark, by which spreadsheets recognise the encoding."
    )

    @model_validator(mode="after")
    def _check_decimal(self) -> Self:
        if self.decimal == self.delimiter:
            raise impossible_value("A decimal comma needs another 'delimiter', such as ';'.")
        return self

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
