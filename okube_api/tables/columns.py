"""Derives the columns of a table from the models of answers and bodies.

Objects become dotted columns (`address.city`), lists one column, `coordinates` the columns `longitude` and `latitude`,
`geometry` one column of WKT.
An object with free-form names has a column for each name that occurs (`extra.segment`).  The only object of a list can
be read from columns of its own (`cost.amount` for `costs`), but is written as JSON in the column of the list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from okube_api.kit.schemas import KEPT_BY_EMPTY_CELL, OpenObject, list_types

COORDINATES = ("longitude", "latitude")
GEOMETRY = "geometry"


class CellType(Enum):
    """The type of the cells of a column."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXTS = "texts"
    VALUES = "values"  # a list of other values than texts, each item as JSON
    PAIRS = "pairs"  # a list of lists of texts, each as JSON, such as opening hours
    WKT = "wkt"  # a polygon or several
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
    single_items: columns of the only object in a list of objects, by the name of that object.
    """

    fixed: tuple[TableColumn, ...]
    free_objects: tuple[str, ...]
    nullable: frozenset[str]
    single_items: Mapping[str, "SingleItem"]

    @property
    def readable_names(self) -> list[str]:
        """The names of all declared columns that a file may have."""
        items = self.single_items.values()
        return [column.name for column in (*self.fixed, *(column for item in items for column in item.columns))]

    def find_column(self, name: str) -> TableColumn | None:
        """Return the column with this name; None when the model has none."""
        for column in self.fixed:
            if column.name == name:
                return column
        field_name, _, inner = name.partition(".")
        if inner and field_name in self.free_objects:
            return TableColumn(name, (field_name, inner), CellType.FREE)
        item = self.single_items.get(field_name) if inner else None
        if item is None:
            return None
        unknown_column = (
            TableColumn(name, (item.field, "0", inner), CellType.FREE) if item.keeps_unknown_names else None
        )
        return next((column for column in item.columns if column.name == name), unknown_column)


@dataclass(frozen=True, slots=True)
class SingleItem:
    """Columns for the only object in a list of objects.

    field: that holds the list.  keeps_unknown_names: whether the object may have undeclared names.
    """

    field: str
    columns: tuple[TableColumn, ...]
    keeps_unknown_names: bool


@lru_cache
def list_columns(model: type[BaseModel]) -> TableColumns:
    """Return the columns of a model, in the order of its fields."""
    fixed: list[TableColumn] = []
    free_objects: list[str] = []
    nullable: set[str] = set()
    single_items: dict[str, SingleItem] = {}
    kept = {field.alias or name for name, field in model.model_fields.items() if KEPT_BY_EMPTY_CELL in field.metadata}
    for name, kinds in _list_fields(model):
        if NoneType in kinds and name not in kept:
            nullable.add(name)
        if name == GEOMETRY:
            fixed.append(TableColumn(name, (name,), CellType.WKT, NoneType in kinds))
            continue
        if any(_is_dict(kind) for kind in kinds):
            free_objects.append(name)
            continue
        fixed += _list_fixed((name,), kinds)
        if any(isinstance(kind, type) and issubclass(kind, OpenObject) for kind in kinds):
            free_objects.append(name)
        for item_model in _list_item_models(kinds):
            single_items[name.removesuffix("s")] = _build_single_item(name, item_model)
    return TableColumns(tuple(fixed), tuple(free_objects), frozenset(nullable), single_items)


def _list_item_models(kinds: Sequence[Any]) -> list[type[BaseModel]]:
    """Return the models of the objects in a list of objects."""
    items = [item for kind in kinds if get_origin(kind) is list for item in list_types(get_args(kind)[0])]
    return [item for item in items if isinstance(item, type) and issubclass(item, BaseModel)]


def _build_single_item(field: str, model: type[BaseModel]) -> SingleItem:
    columns = [
        TableColumn(f"{field.removesuffix('s')}.{name}", (field, "0", name), _find_cell_type(kinds))
        for name, kinds in _list_fields(model)
    ]
    return SingleItem(field, tuple(columns), issubclass(model, OpenObject))


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
            items = list_types(get_args(kind)[0])
            if str in items:
                return CellType.TEXTS
            return CellType.PAIRS if any(get_origin(item) is list for item in items) else CellType.VALUES
    if bool in kinds:
        return CellType.BOOLEAN
    return CellType.NUMBER if int in kinds or float in kinds else CellType.TEXT


def _is_dict(kind: Any) -> bool:
    return kind is dict or get_origin(kind) is dict
