"""Instants in two columns: whole columns are joined like single events."""

import pyarrow as pa
import pytest
from okube_api.ingest.parse.column_map import ColumnMap

COLUMN_MAP = ColumnMap("visits", {"at": "Date"}, {"at": "Time"})


@pytest.mark.parametrize(
    ("day", "time", "expected"),
    [
        ("13/05/2024", "10h30", "13/05/2024 10:30:00"),
        (" 2024-05-13T00:00:00 ", "1899-12-31T09:05:00", "2024-05-13 09:05:00"),
        ("13/05/2024", " later ", "13/05/2024 later"),
        ("13/05/2024", None, "13/05/2024"),
        (None, "10:30", None),
        ("13/05\0/2024", "10:\x0030", "13/05\0/2024 10:\x0030"),
    ],
)
def test_days_and_times_of_day_are_joined(day: str | None, time: str | None, expected: str | None) -> None:
    types = pa.schema({"Date": pa.string(), "Time": pa.string()})
    rows = pa.Table.from_pylist([{"Date": "01/01/2024", "Time": "8:00"}, {"Date": day, "Time": time}], types)
    assert COLUMN_MAP.rename_rows(rows).to_pylist() == [{"at": "01/01/2024 08:00:00"}, {"at": expected}]
    assert COLUMN_MAP.rename_event({"Date": day, "Time": time}) == {"at": expected}
