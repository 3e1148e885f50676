"""Maps the columns of a file to the fields of its kind of events."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from okube_api.ingest.parse.column_checks import get_field_rules
from okube_api.store.values import Json


class ColumnMap:
    """The column of a file for each field.

    mapper: column by field.  A field without a mapping is read from the column of its own name, unless that column is
    mapped to another field; then all other columns are ignored.  Without a mapper, columns are named like the fields.
    columns: the column of each field that a file may have.
    """

    def __init__(self, kind: str, mapper: Mapping[str, str] | None = None) -> None:
        self.mapper = mapper or {}
        names = [rule.name for rule in get_field_rules(kind)]
        mapped = set(self.mapper.values())
        self.columns = {
            name: self.mapper.get(name, name) for name in names if name in self.mapper or name not in mapped
        }
        self._field_of: dict[str, str] = {}
        self._copies: dict[str, str] = {}  # a field whose column has another field, too: that other field
        for name, column in self.columns.items():
            first = self._field_of.setdefault(column, name)
            if first != name:
                self._copies[name] = first

    def find_field(self, column: str) -> str | None:
        """Return the (first) field of a column; None for a column that is not read."""
        return self._field_of.get(column)

    def rename_names(self, columns: Sequence[str]) -> list[str]:
        """Return the field of each column, an empty text for columns that are ignored."""
        return [self._field_of.get(column, "") for column in columns]

    def rename_event(self, event: Json) -> Json:
        """Return an event with its fields as names."""
        if not self.mapper:
            return event
        return self.copy_values(
            {self._field_of[name]: value for name, value in event.items() if name in self._field_of}
        )

    def rename_rows(self, rows: pa.Table) -> pa.Table:
        """Return rows with their fields as names."""
        if not self.mapper:
            return rows
        selected = rows.select([name for name in rows.column_names if name in self._field_of])
        return self.copy_columns(selected.rename_columns(self.rename_names(selected.column_names)))

    def copy_values(self, event: Json) -> Json:
        """Return an event with the fields that share a column with another field."""
        return event | {name: event[first] for name, first in self._copies.items() if first in event}

    def copy_columns(self, rows: pa.Table) -> pa.Table:
        """Return rows with the fields that share a column with another field."""
        for name, first in self._copies.items():
            if first in rows.column_names:
                rows = rows.append_column(name, rows[first])
        return rows
