"""Documents as lines of CSV."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from okube_api.store.values import Json
from okube_api.tables.cells import format_free, format_text, format_texts, format_values
from okube_api.tables.columns import CellType, TableColumn, list_columns

Cell = Callable[[Json], str]

_WORDS = {True: "true", False: "false"}


class CsvTable:
    """The lines of documents: a column for every field of `model`.

    open: the names that occur in the objects of the caller's own making, by field.
    """

    def __init__(self, model: type[BaseModel], open: Mapping[str, Sequence[str]], encoding: str = "utf-8") -> None:
        columns = list_columns(model)
        loose = [
            TableColumn(f"{name}.{one}", (name, one), CellType.FREE)
            for name in columns.open
            for one in open.get(name, ())
        ]
        every = [*columns.fixed, *loose]
        self._encoding = encoding
        self._header = [format_text(column.name) for column in every]
        self._cells = [_cell(column) for column in every]

    def header(self) -> bytes:
        """The first line."""
        return self._lines([self._header])

    def lines(self, documents: Iterable[Json]) -> bytes:
        """One line a document; what the encoding cannot hold becomes `?`."""
        return self._lines([cell(document) for cell in self._cells] for document in documents)

    def _lines(self, rows: Iterable[Sequence[str]]) -> bytes:
        return "".join(_line(row) for row in rows).encode(self._encoding, "replace")


def _line(cells: Sequence[str]) -> str:
    """A line as the standard library's writer would write it; that one looks at each character, three times slower."""
    line = ",".join(cells)
    if line.count(",") >= len(cells) or '"' in line or "\n" in line or "\r" in line:
        line = ",".join(_quoted(cell) for cell in cells)
    return f"{line}\r\n"


def _quoted(cell: str) -> str:
    if "," in cell or '"' in cell or "\n" in cell or "\r" in cell:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _cell(column: TableColumn) -> Cell:
    """What writes a column's cell of a document."""
    write = _WRITERS[column.sort]
    if column.path[0] == "coordinates":
        return _coordinate(int(column.path[1]))
    if len(column.path) == 1:
        return _top(column.path[0], write)
    return _inner(column.path, write)


def _top(name: str, write: Callable[[Any], str]) -> Cell:
    def cell(document: Json) -> str:
        value = document.get(name)
        return "" if value is None else write(value)

    return cell


def _inner(path: tuple[str, ...], write: Callable[[Any], str]) -> Cell:
    *outer, last = path
    free = write is format_free

    def cell(document: Json) -> str:
        value: Any = document
        for name in outer:
            value = value.get(name)
            if value is None:
                return ""
        if last not in value:
            return ""
        value = value[last]
        return "" if value is None and not free else write(value)

    return cell


def _coordinate(at: int) -> Cell:
    def cell(document: Json) -> str:
        coordinates = document.get("coordinates")
        return "" if coordinates is None else repr(coordinates[at])

    return cell


_WRITERS: Mapping[CellType, Callable[[Any], str]] = {
    CellType.TEXT: format_text,
    CellType.NUMBER: repr,
    CellType.BOOLEAN: lambda value: _WORDS[value],
    CellType.TEXTS: lambda items: format_texts(items) if items else "",
    CellType.VALUES: lambda items: format_values(items) if items else "",
    CellType.FREE: format_free,
}
