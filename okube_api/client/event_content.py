"""Turns events into the body of a request: lists of dicts, data frames, Arrow tables and files."""

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from okube_api.client.frames import import_extra
from okube_api.client.session import format_value

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
Events = Any
"""Dicts, a pandas or Polars frame, an Arrow table, or the path of a file."""


@dataclass(frozen=True, slots=True)
class EventContent:
    """The body of a request, with its headers.  body: a path stands for a file, which is streamed."""

    body: bytes | Path
    headers: Mapping[str, str]


@contextmanager
def open_content(events: Events) -> Iterator[EventContent]:
    """Return the body for events; one that is written to a temporary file is deleted at the end.

    Raise ValueError for a file whose name does not say its format, TypeError for objects of other types.
    """
    if isinstance(events, str | Path):
        yield EventContent(Path(events), detect_headers(Path(events)))
        return
    library = type(events).__module__.partition(".")[0]
    if library == "pandas":
        yield _convert_pandas(events)
    elif library == "polars":
        buffer = io.BytesIO()
        events.write_parquet(buffer)
        yield EventContent(buffer.getvalue(), {"Content-Type": PARQUET})
    elif library == "pyarrow":
        yield EventContent(_write_arrow(events), {"Content-Type": PARQUET})
    elif isinstance(events, Iterable) and not isinstance(events, bytes | Mapping):
        with TemporaryDirectory(prefix="okube-") as folder:
            path = Path(folder) / "events.ndjson"
            with path.open("w", encoding="utf-8") as file:
                file.writelines(map(_format_line, events))
            yield EventContent(path, {"Content-Type": NDJSON})
    else:
        raise TypeError(
            f"Events cannot be {type(events).__name__}. Give a list of dicts, a data frame, an Arrow table or a path."
        )


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


def _convert_pandas(frame: Any) -> EventContent:
    """Write a pandas frame as Parquet if PyArrow is installed, else as lines of JSON; its index is left out."""
    if find_spec("pyarrow") is not None:
        pyarrow = import_extra("pyarrow")
        return EventContent(
            _write_arrow(pyarrow.Table.from_pandas(frame, preserve_index=False)), {"Content-Type": PARQUET}
        )
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return EventContent("".join(map(_format_line, records)).encode(), {"Content-Type": NDJSON})


def _write_arrow(table: Any) -> bytes:
    import_extra("pyarrow")
    from pyarrow import RecordBatch, Table, parquet  # noqa: PLC0415 - optional

    buffer = io.BytesIO()
    parquet.write_table(Table.from_batches([table]) if isinstance(table, RecordBatch) else table, buffer)
    return buffer.getvalue()


def _format_line(event: Mapping[str, Any]) -> str:
    return json.dumps(dict(event), default=format_value, ensure_ascii=False) + "\n"
