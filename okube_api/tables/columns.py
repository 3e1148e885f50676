"""Derives the columns of a table from the models of answers and bodies.

Objects become dotted columns (`address.city`), lists one column, `coordinates` the columns `longitude` and `latitude`.
An object with free-form names has a column for each name that occurs (`extra.segment`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from okube_api.kit.schemas import KEPT_BY_EMPTY_CELL, OpenObject, list_types

COORDINATES = ("longitude", "latitude")


class CellType(Enum):
    """The type of the cells of a column."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXTS = "texts"
    VALUES = "values"  # a list of other values than texts, each item as JSON
    FREE = "free"  # any type, recognised by the text of the cell


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its name in the header, and the path of its values in a document.

    nullable: whether an empty cell clears the value; else an empty cell leaves it unchanged.
    """

    name: str
    path: tuple[str, ...]
    cell_type: CellType
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns of a model.

    fixed: those of declared fields.
    free_objects: the fields that hold objects with free-form names, or that keep undeclared names.
    nullable: the top-level fields that an empty cell clears.
    """

    fixed: tuple[TableColumn, ...]
    free_objects: tuple[str, ...]
    nullable: frozenset[str]

    def find_column(self, name: str) -> TableColumn | None:
        """Return the column with this name; None when the model has none."""
        for column in self.fixed:
            if column.name == name:
                return column
        field_name, dot, inner = name.partition(".")
        return (
            TableColumn(name, (field_name, inner), CellType.FREE)
            if dot and inner and field_name in self.free_objects
            else None
        )


@lru_cache
def list_columns(model: type[BaseModel]) -> TableColumns:
    """Return the columns of a model, in the order of its fields."""
    fixed: list[TableColumn] = []
    free_objects: list[str] = []
    nullable: set[str] = set()
    kept = {field.alias or name for name, field in model.model_fields.items() if KEPT_BY_EMPTY_CELL in field.metadata}
    for name, kinds in _list_fields(model):
        if NoneType in kinds and name not in kept:
            nullable.add(name)
        if any(_is_dict(kind) for kind in kinds):
            free_objects.append(name)
            continue
        fixed += _list_fixed((name,), kinds)
        if any(isinstance(kind, type) and issubclass(kind, OpenObject) for kind in kinds):
            free_objects.append(name)
    return TableColumns(tuple(fixed), tuple(free_objects), frozenset(nullable))


def _list_fixed(path: tuple[str, ...], kinds: Sequence[Any]) -> list[TableColumn]:
    if path == ("coordinates",):
        return [TableColumn(name, (*path, str(index)), CellType.NUMBER) for index, name in enumerate(COORDINATES)]
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return [column for name, inner in _list_fields(kind) for column in _list_fixed((*path, name), inner)]
    return [TableColumn(".".join(path), path, _find_cell_type(kinds), NoneType in kinds)]


def _list_fields(model: type[BaseModel]) -> list[tuple[str, list[Any]]]:
    """Return the JSON name of each field with the types that it may have."""
    return [(field.alias or name, list_types(field.annotation)) for name, field in model.model_fields.items()]


def _find_cell_type(kinds: Sequence[Any]) -> CellType:
    for kind in kinds:
        if get_origin(kind) is list:
            return CellType.TEXTS if str in list_types(get_args(kind)[0]) else CellType.VALUES
    if bool in kinds:
        return CellType.BOOLEAN
    return CellType.NUMBER if int in kinds or float in kinds else CellType.TEXT


def _is_dict(kind: Any) -> bool:
    return kind is dict or get_origin(kind) is dict
