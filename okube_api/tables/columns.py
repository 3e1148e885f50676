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

from okube_api.kit.schemas import list_types

COORDINATES = ("longitude", "latitude")


class CellType(Enum):
    """What the cells of a column hold."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXTS = "texts"
    VALUES = "values"  # a list of anything but texts, each item as JSON
    FREE = "free"  # of whatever type the cell looks like


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its name in the header, and where its values stand in a document.

    nullable: whether an empty cell clears the value; else it leaves it alone.
    """

    name: str
    path: tuple[str, ...]
    sort: CellType
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns of a model, objects of the caller's own making aside: these are named in `open`.

    nullable: the top-level fields that may be null.
    """

    fixed: tuple[TableColumn, ...]
    open: tuple[str, ...]
    nullable: frozenset[str]

    def find_column(self, name: str) -> TableColumn | None:
        """The column of that name; None where the model has none."""
        for column in self.fixed:
            if column.name == name:
                return column
        field_name, dot, inner = name.partition(".")
        return (
            TableColumn(name, (field_name, inner), CellType.FREE) if dot and inner and field_name in self.open else None
        )


@lru_cache
def list_columns(model: type[BaseModel]) -> TableColumns:
    """The columns of a model, in the order of its fields."""
    fixed: list[TableColumn] = []
    loose: list[str] = []
    nullable: set[str] = set()
    for name, kinds in _fields(model):
        if NoneType in kinds:
            nullable.add(name)
        if any(_is_dict(kind) for kind in kinds):
            loose.append(name)
        else:
            fixed += _fixed((name,), kinds)
    return TableColumns(tuple(fixed), tuple(loose), frozenset(nullable))


def _fixed(path: tuple[str, ...], kinds: Sequence[Any]) -> list[TableColumn]:
    if path == ("coordinates",):
        return [TableColumn(name, (*path, str(at)), CellType.NUMBER) for at, name in enumerate(COORDINATES)]
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return [column for name, inner in _fields(kind) for column in _fixed((*path, name), inner)]
    return [TableColumn(".".join(path), path, _sort(kinds), NoneType in kinds)]


def _fields(model: type[BaseModel]) -> list[tuple[str, list[Any]]]:
    return [(one.alias or name, list_types(one.annotation)) for name, one in model.model_fields.items()]


def _sort(kinds: Sequence[Any]) -> CellType:
    for kind in kinds:
        if get_origin(kind) is list:
            return CellType.TEXTS if str in list_types(get_args(kind)[0]) else CellType.VALUES
    if bool in kinds:
        return CellType.BOOLEAN
    return CellType.NUMBER if int in kinds or float in kinds else CellType.TEXT


def _is_dict(kind: Any) -> bool:
    return kind is dict or get_origin(kind) is dict
