"""Bodies of requests that ingest events."""

import json
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from okube_api.client.event_content import NDJSON, PARQUET, detect_headers, write_content
from pyarrow import parquet


@pytest.mark.parametrize(
    ("name", "media_type", "encoding"),
    [
        ("a.csv", "text/csv", None),
        ("A.CSV.GZ", "text/csv", "gzip"),
        ("a.b.ndjson.zst", NDJSON, "zstd"),
        ("a.parquet", "application/vnd.apache.parquet", None),
    ],
)
def test_name_of_a_file_says_its_format(name: str, media_type: str, encoding: str | None) -> None:
    headers = detect_headers(Path(name))
    assert (headers["Content-Type"], headers.get("Content-Encoding")) == (media_type, encoding)


@pytest.mark.parametrize("name", ["a", "a.gz", "a.doc", ".gz"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="does not say its format"):
        detect_headers(Path(name))


def test_values_of_python_are_written_as_json(tmp_path: Path) -> None:
    event = {
        "at": datetime(2024, 3, 5, 10, tzinfo=UTC),
        "day": date(2024, 3, 5),
        "amount": Decimal("12.30"),
        "count": np.int64(3),
        "name": "é",
        "none": None,
    }
    (line,) = write_content([event], tmp_path).path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "at": "2024-03-05T10:00:00+00:00",
        "day": "2024-03-05",
        "amount": "12.30",
        "count": 3,
        "name": "é",
        "none": None,
    }


def test_pandas_frame_is_sent_as_json_without_arrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("okube_api.client.event_content.find_spec", lambda _name: None)
    frame = pandas.DataFrame({"user": ["ann", "bob"], "at": pandas.to_datetime(["2024-03-05", None])}, index=[7, 8])
    content = write_content(frame, tmp_path)
    assert content.headers == {"Content-Type": NDJSON}
    lines = [json.loads(line) for line in content.path.read_bytes().splitlines()]
    assert lines == [{"user": "ann", "at": "2024-03-05T00:00:00"}, {"user": "bob", "at": None}]


def test_named_index_is_a_column(tmp_path: Path) -> None:
    times = pandas.DatetimeIndex(["2024-03-05 10:00"], tz="Europe/Paris", name="at")
    frame = pandas.DataFrame({"user": ["ann"]}, index=times)
    path = write_content(frame, tmp_path).path
    assert parquet.read_table(path).to_pylist() == [{"at": times[0].to_pydatetime(), "user": "ann"}]
    unnamed = frame.rename_axis(None)
    assert parquet.read_table(write_content(unnamed, tmp_path).path).column_names == ["user"]
    levels = frame.set_index("user", append=True).rename_axis([None, "user"])
    assert parquet.read_table(write_content(levels, tmp_path).path).column_names == ["user"]


def test_whole_numbers_with_gaps_are_integers(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"user": [12, None], "amount": [1.5, 2], "rate": [float("inf"), 1], "huge": [1e300, 1]})
    table = parquet.read_table(write_content(frame, tmp_path).path)
    assert [str(each) for each in table.schema.types] == ["int64", "double", "double", "double"]
    assert table["user"].to_pylist() == [12, None]


def test_columns_of_several_types_are_sent_as_json(tmp_path: Path) -> None:
    frame = pandas.DataFrame(
        {
            "user": pandas.Categorical(["ann", None]),
            "product": [12, "A12"],
            "amount": [1.5, float("nan")],
            "quantity": pandas.array([1, None], dtype="Int64"),
            "at": pandas.to_datetime(["2024-03-05 10:00", None]).tz_localize("Europe/Paris"),
        }
    )
    content = write_content(frame, tmp_path)
    assert content.headers == {"Content-Type": NDJSON}
    assert [json.loads(line) for line in content.path.read_bytes().splitlines()] == [
        {"user": "ann", "product": 12, "amount": 1.5, "quantity": 1, "at": "2024-03-05T10:00:00+01:00"},
        {"user": None, "product": "A12", "amount": None, "quantity": None, "at": None},
    ]


def test_lazy_frames_and_readers_of_batches_are_written(tmp_path: Path) -> None:
    table = pyarrow.table({"user": ["ann", "bob"]})
    for events in (polars.LazyFrame({"user": ["ann", "bob"]}), table.to_reader(max_chunksize=1)):
        content = write_content(events, tmp_path)
        assert content.headers == {"Content-Type": PARQUET}
        assert parquet.read_table(content.path).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("events", [pandas.Series(["ann"]), polars.Series(["ann"]), 5, {"user": "ann"}, b"user"])
def test_other_objects_are_refused(events: object, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="Give a list of dicts"):
        write_content(events, tmp_path)


def test_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from okube_api.client import AnalyticsAnswer, MissingExtra

    monkeypatch.setitem(sys.modules, "polars", None)
    answer = AnalyticsAnswer([], {"timezone": "UTC"})
    with pytest.raises(MissingExtra, match=r"^This needs polars: pip install 'okube-api\[polars\]'\.$"):
        answer.to_polars()
