"""Turns events into the body of a request: lists of dicts, data frames, Arrow tables and files."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from okube_api.client.frames import import_extra
from okube_api.client.request_values import encode_json

NDJSON, PARQUET = "application/x-ndjson", "application/vnd.apache.parquet"
_MEDIA_TYPES = {
    ".ndjson": NDJSON,
    ".jsonl": NDJSON,
    ".json": "application/json",
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".txt": "text/csv",
    ".parquet": PARQUET,
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_ENCODINGS = {".gz": "gzip", ".zst": "zstd"}
_ROWS_AT_ONCE = 10_000
Events = Any
"""Dicts, a pandas or Polars frame, an Arrow table, or the path of a file."""


@dataclass(frozen=True, slots=True)
class EventContent:
    """The body of a request, which is streamed from a file, with its headers."""

    path: Path
    headers: Mapping[str, str]


def write_content(events: Events, folder: Path) -> EventContent:
    """Return the body for events: their file, or one that is written to a folder, as Parquet or as lines of JSON.

    Raise ValueError for a file whose name does not say its format, TypeError for objects of other types.
    """
    if isinstance(events, str | Path):
        return EventContent(Path(events), detect_headers(Path(events)))
    path = folder / "events"
    library, kind = type(events).__module__.partition(".")[0], type(events).__name__
    match library, kind:
        case "pandas", "DataFrame":
            return EventContent(path, {"Content-Type": _write_pandas(events, path)})
        case "polars", "DataFrame":
            events.write_parquet(path)
            return EventContent(path, {"Content-Type": PARQUET})
        case "polars", "LazyFrame":
            events.sink_parquet(path)
            return EventContent(path, {"Content-Type": PARQUET})
        case "pyarrow", "Table" | "RecordBatch" | "RecordBatchReader":
            _write_arrow(events, path)
            return EventContent(path, {"Content-Type": PARQUET})
    if (
        library in {"pandas", "polars", "pyarrow"}
        or not isinstance(events, Iterable)
        or isinstance(events, bytes | Mapping)
    ):
        raise TypeError(
            f"Events cannot be {kind}. Give a list of dicts, a data frame, an Arrow table or the path of a file."
        )
    _write_lines(events, path)
    return EventContent(path, {"Content-Type": NDJSON})


def detect_headers(path: Path) -> dict[str, str]:
    """Return the headers that say the format and the compression of a file, from its name.  Raise ValueError."""
    name = path.name.lower()
    encoding = _ENCODINGS.get(Path(name).suffix)
    suffix = Path(name.removesuffix(Path(name).suffix) if encoding else name).suffix
    if suffix not in _MEDIA_TYPES:
        raise ValueError(
            f"The name of the file '{path.name}' does not say its format. Names end in {', '.join(_MEDIA_TYPES)}, "
            "and also in .gz or .zst when the file is compressed."
        )
    headers = {"Content-Type": _MEDIA_TYPES[suffix]}
    return headers if encoding is None else {**headers, "Content-Encoding": encoding}


def normalise_pandas(frame: Any) -> Any:
    """Return a pandas frame whose columns are as they were before pandas: named levels of the index, whole numbers.

    Other levels are left out.  Gaps have made floats of whole numbers, which are no users or keys.
    """
    levels = [name for name in frame.index.names if name is not None and name not in frame.columns]
    unnamed = [position for position, name in enumerate(frame.index.names) if name not in levels]
    frame = frame.reset_index(level=unnamed, drop=True).reset_index() if levels else frame
    floats = frame.select_dtypes("float")
    is_whole = ((floats % 1 == 0) & (floats.abs() < 2**53) | floats.isna()).all()
    return frame.astype(dict.fromkeys(is_whole.index[is_whole], "Int64"))


def list_pandas_records(frame: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a pandas frame as dicts."""
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        yield from frame.iloc[start : start + _ROWS_AT_ONCE].astype(object).to_dict("records")


def _write_pandas(frame: Any, path: Path) -> str:
    """Write a pandas frame and return its media type: Parquet, or lines of JSON if PyArrow cannot write it."""
    frame = normalise_pandas(frame)
    if find_spec("pyarrow") is not None:
        pyarrow = import_extra("pyarrow")
        try:
            table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError):
            pass  # columns of objects of several types, such as numbers and texts
        else:
            _write_arrow(table, path)
            return PARQUET
    _write_lines(list_pandas_records(frame), path)
    return NDJSON


def _write_arrow(table: Any, path: Path) -> None:
    """Write a table, a batch or a reader of batches as Parquet."""
    import_extra("pyarrow")
    from pyarrow import RecordBatch, RecordBatchReader, parquet  # noqa: PLC0415 - optional

    with parquet.ParquetWriter(path, table.schema) as writer:
        if isinstance(table, RecordBatchReader):
            for batch in table:
                writer.write_batch(batch)
        elif isinstance(table, RecordBatch):
            writer.write_batch(table)
        else:
            writer.write_table(table)


def _write_lines(events: Iterable[Mapping[str, Any]], path: Path) -> None:
    with path.open("wb") as file:
        for event in events:
            file.write(encode_json(dict(event)) + b"\n")
