"""Rows of packed tables as blocks: a compressed piece of one partition and batch in one document."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

from okube_api.store.column_types import ARROW_TYPES
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.schema import Table

_MOST_BYTES = 12 * 2**20
"""A document may have 16 MiB."""
_OPTIONS = ipc.IpcWriteOptions(compression="zstd")


def counted(rows: pa.Table) -> dict[int, int]:
    """How many rows each part has."""
    parts, counts = np.unique(rows["part"].to_numpy(), return_counts=True)
    return dict(zip(parts.tolist(), counts.tolist(), strict=True))


def packed(rows: pa.Table) -> Iterator[tuple[int, int, bytes]]:
    """(part, how many rows, payload) of declared rows, ascending by part."""
    ordered = rows.take(pc.sort_indices(rows, sort_keys=[("part", "ascending")]))
    at = 0
    for part, count in sorted(counted(ordered).items()):
        for piece, payload in _pieces(ordered.slice(at, count).drop_columns("part")):
            yield part, piece, payload
        at += count


def _pieces(rows: pa.Table) -> Iterator[tuple[int, bytes]]:
    payload = b""
    if rows.nbytes <= 8 * _MOST_BYTES:
        sink = pa.BufferOutputStream()
        with ipc.new_stream(sink, rows.schema, options=_OPTIONS) as writer:
            writer.write_table(rows)
        payload = sink.getvalue().to_pybytes()
    if payload and (len(payload) <= _MOST_BYTES or rows.num_rows == 1):
        yield rows.num_rows, payload
        return
    half = rows.num_rows // 2
    yield from _pieces(rows.slice(0, half))
    yield from _pieces(rows.slice(half))


def unpacked(table: Table, block: Mapping[str, Any]) -> pa.Table:
    """A block's rows as `Reader.read` gives them; columns declared since are null."""
    rows = ipc.open_stream(block["payload"]).read_all()
    length = rows.num_rows
    constants = {"part": block["part"], "batch": block["batch"]}
    arrays = [
        pa.array(np.full(length, constants[name], np.int64))
        if name in constants
        else rows[name].cast(ARROW_TYPES[kind])
        if name in rows.column_names
        else pa.nulls(length, ARROW_TYPES[kind])
        for name, kind in get_stored_types(table).items()
    ]
    return pa.table(arrays, schema=make_arrow_schema(get_stored_types(table)))
