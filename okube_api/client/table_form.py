"""Turns tables of resources into the form that imports take: files, data frames and lists of dicts."""

import csv
import io
import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from okube_api.client.event_content import EventContent, list_pandas_records, normalise_pandas
from okube_api.client.request_values import encode_json, format_value

Table = Any
"""The path of a file (CSV or XLSX), a pandas or Polars frame, an Arrow table, or dicts."""


def write_form(table: Table, fields: Mapping[str, str], folder: Path) -> EventContent:
    """Write a form with a table and further fields to a folder, and return it as the body of a request.

    Raise TypeError for a table of another type.
    """
    boundary = uuid4().hex
    path = folder / "form"
    with path.open("wb") as form:
        for name, text in fields.items():
            form.write(_build_head(boundary, name) + b"\r\n\r\n" + text.encode() + b"\r\n")
        form.write(_build_head(boundary, "file") + b'; filename="table"\r\n\r\n')
        if isinstance(table, str | Path):
            with Path(table).open("rb") as file:
                shutil.copyfileobj(file, form)
        else:
            form.write(_write_csv(_list_records(table)))
        form.write(f"\r\n--{boundary}--\r\n".encode())
    return EventContent(path, {"Content-Type": f"multipart/form-data; boundary={boundary}"})


def _build_head(boundary: str, name: str) -> bytes:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()


def _list_records(table: Table) -> Iterable[Mapping[str, Any]]:
    library, kind = type(table).__module__.partition(".")[0], type(table).__name__
    match library, kind:
        case "pandas", "DataFrame":
            return list_pandas_records(normalise_pandas(table))
        case "polars", "DataFrame":
            return list(table.iter_rows(named=True))
        case "pyarrow", "Table" | "RecordBatch":
            return list(table.to_pylist())
    if (
        library in {"pandas", "polars", "pyarrow"}
        or isinstance(table, bytes | Mapping)
        or not isinstance(table, Iterable)
    ):
        raise TypeError(
            f"A table cannot be {kind}. Give a list of dicts, a data frame, an Arrow table or the path of a file."
        )
    records: Iterable[Mapping[str, Any]] = table
    return records


def _write_csv(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Return records as CSV, with a column for each name that one of them has."""
    lines = [dict(record) for record in records]
    names = list(dict.fromkeys(name for line in lines for name in line))
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(names)
    writer.writerows([_format_cell(line.get(name)) for name in names] for line in lines)
    return file.getvalue().encode()


def _format_cell(value: Any) -> str:
    """Return a cell: empty without a value, JSON for lists and objects; a local midnight of a data frame is a day."""
    plain = value if value is None or isinstance(value, str | int | float | list | dict) else format_value(value)
    if plain is None or plain != plain:  # noqa: PLR0124 - not a number
        return ""
    if isinstance(value, datetime):
        return str(plain).removesuffix("T00:00:00")
    return plain if isinstance(plain, str) else encode_json(plain).decode()
