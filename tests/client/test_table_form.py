"""Tables of resources as forms."""

import csv
import io
from datetime import date
from pathlib import Path
from typing import Any

import pandas
import pytest
from okube_api.client.table_form import write_form


def read_parts(table: Any, fields: dict[str, str], folder: Path) -> list[bytes]:
    """Return the contents of the parts of a form."""
    form = write_form(table, fields, folder)
    boundary = b"--" + form.headers["Content-Type"].partition("boundary=")[2].encode()
    start, *parts, end = form.path.read_bytes().split(boundary)
    assert (start, end) == (b"", b"--\r\n")
    return [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts]


def test_file_is_copied_after_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "shops.csv"
    path.write_bytes(b"key\nlyon\n")
    assert read_parts(path, {"mapper[key]": "clé"}, tmp_path) == ["clé".encode(), b"key\nlyon\n"]


def test_values_are_written_as_cells(tmp_path: Path) -> None:
    frame = pandas.DataFrame(
        {
            "key": ["0042", "a,b"],
            "number": [7, None],
            "online": [True, False],
            "day": pandas.to_datetime(["2024-03-05", None]),
            "tags": [["a", "b"], None],
            "share": [0.5, float("nan")],
        }
    )
    (content,) = read_parts(frame, {}, tmp_path)
    assert list(csv.reader(io.StringIO(content.decode()))) == [
        ["key", "number", "online", "day", "tags", "share"],
        ["0042", "7", "true", "2024-03-05", '["a", "b"]', "0.5"],
        ["a,b", "", "false", "", "", ""],
    ]


def test_dicts_may_have_different_fields(tmp_path: Path) -> None:
    (content,) = read_parts([{"key": "a"}, {"name": "B", "day": date(2024, 3, 5)}], {}, tmp_path)
    assert content == b"key,name,day\r\na,,\r\n,B,2024-03-05\r\n"


@pytest.mark.parametrize("table", [5, b"key", {"key": "a"}, pandas.Series(["a"])])
def test_other_objects_are_refused(table: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="A table cannot be"):
        write_form(table, {}, tmp_path)
