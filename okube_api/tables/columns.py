"""The columns of a table, read off the models of answers and bodies.

Objects become dotted columns (`address.city`), lists one cell, `coordinates` the columns `longitude` and `latitude`;
an object of the caller's own making has a column for each name that occurs in it (`extra.segment`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from okube_api.kit.schemas import alternatives

COORDINATES = ("longitude", "latitude")


class Sort(Enum):
    """What the cells of a column hold."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXTS = "texts"
    VALUES = "values"  # a list of anything but texts, each item as JSON
    FREE = "free"  # of whatever type the cell looks like


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the header, and where its values stand in a document.

    nullable: whether an empty cell clears the value; else it leaves it alone.
    """

    name: str
    path: tuple[str, ...]
    sort: Sort
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a model, objects of the caller's own making aside: these are named in `open`.

    nullable: the top-level fields that may be null.
    """

    fixed: tuple[Column, ...]
    open: tuple[str, ...]
    nullable: frozenset[str]

    def named(self, name: str) -> Column | None:
        """The column of that name; None where the model has none."""
        for column in self.fixed:
            if column.name == name:
                return column
        field_name, dot, inner = name.partition(".")
        return Column(name, (field_name, inner), Sort.FREE) if dot and inner and field_name in self.open else None


@lru_cache
def columns_of(model: type[BaseModel]) -> Columns:
    """The columns of a model, in the order of its fields."""
    fixed: list[Column] = []
    loose: list[str] = []
    nullable: set[str] = set()
    for name, kinds in _fields(model):
        if NoneType in kinds:
            nullable.add(name)
        if any(_is_dict(kind) for kind in kinds):
            loose.append(name)
        else:
            fixed += _fixed((name,), kinds)
    return Columns(tuple(fixed), tuple(loose), frozenset(nullable))


def _fixed(path: tuple[str, ...], kinds: Sequence[Any]) -> list[Column]:
    if path == ("coordinates",):
        return [Column(name, (*path, str(at)), Sort.NUMBER) for at, name in enumerate(COORDINATES)]
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return [column for name, inner in _fields(kind) for column in _fixed((*path, name), inner)]
    return [Column(".".join(path), path, _sort(kinds), NoneType in kinds)]


def _fields(model: type[BaseModel]) -> list[tuple[str, list[Any]]]:
    return [(one.alias or name, alternatives(one.annotation)) for name, one in model.model_fields.items()]


def _sort(kinds: Sequence[Any]) -> Sort:
    for kind in kinds:
        if get_origin(kind) is list:
            return Sort.TEXTS if str in alternatives(get_args(kind)[0]) else Sort.VALUES
    if bool in kinds:
        return Sort.BOOLEAN
    return Sort.NUMBER if int in kinds or float in kinds else Sort.TEXT


def _is_dict(kind: Any) -> bool:
    return kind is dict or get_origin(kind) is dict
