"""Maps the columns of a file to the fields of its kind of events."""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from okube_api.ingest.parse.column_checks import get_field_rules
from okube_api.kit.cells import normalize_time, strip_midnight
from okube_api.store.values import Json


class ColumnMap:
    """The column of a file for each field.

    mapper: column by field.  A field without a mapping is read from the column of its own name, unless that column is
    mapped to another field; then all other columns are ignored.  Without a mapper, columns are named like the fields.
    times: by field of instants, the column with the time of day, for files whose instants are in two columns.
    columns: the column of each field that a file may have; of an instant in two columns, that of the day.
    """

    def __init__(
        self, kind: str, mapper: Mapping[str, str] | None = None, times: Mapping[str, str] | None = None
    ) -> None:
        self.mapper, self.times = mapper or {}, times or {}
        self.is_mapped = bool(self.mapper or self.times)
        names = [rule.name for rule in get_field_rules(kind)]
        mapped = {*self.mapper.values(), *self.times.values()}
        self.columns = {
            name: self.mapper.get(name, name) for name in names if name in self.mapper or name not in mapped
        }
        self._field_of: dict[str, str] = {}
        self._copies: dict[str, str] = {}  # a field whose column has another field, too: that other field
        for name, column in self.columns.items():
            first = self._field_of.setdefault(column, name)
            if first != name:
                self._copies[name] = first
        self._time_of = {  # an instant in two columns: the name under which its time of day is read
            field: self._field_of.setdefault(column, f"{field}, time of day") for field, column in self.times.items()
        }
        self._time_names = set(self._time_of.values()) - set(names)

    def find_field(self, column: str) -> str | None:
        """Return the (first) field of a column; None for a column that is not read.

        A column with times of day only has a name that is no field.
        """
        return self._field_of.get(column)

    def rename_names(self, columns: Sequence[str]) -> list[str]:
        """Return the field of each column, an empty text for columns that are ignored."""
        return [self._field_of.get(column, "") for column in columns]

    def rename_event(self, event: Json) -> Json:
        """Return an event with its fields as names."""
        if not self.is_mapped:
            return event
        return self.complete_event(
            {self._field_of[name]: value for name, value in event.items() if name in self._field_of}
        )

    def rename_rows(self, rows: pa.Table) -> pa.Table:
        """Return rows with their fields as names."""
        if not self.is_mapped:
            return rows
        selected = rows.select([name for name in rows.column_names if name in self._field_of])
        return self.complete_rows(selected.rename_columns(self.rename_names(selected.column_names)))

    def complete_event(self, event: Json) -> Json:
        """Return an event with the fields that share a column with another field, or that are in two columns."""
        event = event | {name: event[first] for name, first in self._copies.items() if first in event}
        joined = {
            name: f"{strip_midnight(event[name])} {normalize_time(event[time])}"
            for name, time in self._time_of.items()
            if isinstance(event.get(name), str) and isinstance(event.get(time), str)
        }
        return {name: value for name, value in (event | joined).items() if name not in self._time_names}

    def complete_rows(self, rows: pa.Table) -> pa.Table:
        """Return rows with the fields that share a column with another field, or that are in two columns."""
        for name, first in self._copies.items():
            if first in rows.column_names:
                rows = rows.append_column(name, rows[first])
        joined = {
            name: _join_columns(rows[name].combine_chunks(), rows[time].combine_chunks())
            for name, time in self._time_of.items()
            if name in rows.column_names and time in rows.column_names
        }
        for name, column in joined.items():
            rows = rows.set_column(rows.column_names.index(name), name, column)
        return rows.drop_columns([name for name in rows.column_names if name in self._time_names])


def _join_columns(days: pa.Array, times: pa.Array) -> pa.Array:
    """Return the texts of instants of which days and times of day are in two columns; days alone where no time is."""
    day_texts = _to_texts(days)
    days, times = _convert_distinct(day_texts, strip_midnight), _convert_distinct(_to_texts(times), normalize_time)
    return pc.coalesce(pc.binary_join_element_wise(days, times, " "), day_texts)


def _convert_distinct(texts: pa.Array, convert: Callable[[str], str]) -> pa.Array:
    """Return the converted texts; a column has few distinct days or times of day."""
    encoded = texts.dictionary_encode()
    converted = [convert(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(converted, pa.string()).take(encoded.indices)


def _to_texts(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column.cast(pa.timestamp("s", column.type.tz), safe=False), "%Y-%m-%d %H:%M:%S")
    return column.cast(pa.string())
