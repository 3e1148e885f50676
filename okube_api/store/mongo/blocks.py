"""Rows of packed tables as blocks: documents with compressed rows of one partition and batch."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

from okube_api.store.column_types import ARROW_TYPES
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.schema import Table

_MAX_PAYLOAD_BYTES = 12 * 2**20
"""MongoDB's limit for a document is 16 MiB."""
_MAX_UNCOMPRESSED_BYTES = 8 * _MAX_PAYLOAD_BYTES
_OPTIONS = ipc.IpcWriteOptions(compression="zstd")


def count_by_part(rows: pa.Table) -> dict[int, int]:
    """Return the number of rows of each part."""
    parts, counts = np.unique(rows["part"].to_numpy(), return_counts=True)
    return dict(zip(parts.tolist(), counts.tolist(), strict=True))


def pack_rows(rows: pa.Table) -> Iterator[tuple[int, int, bytes]]:
    """Yield (part, number of rows, payload) for rows in any order, ascending by part."""
    ordered = rows.take(pc.sort_indices(rows, sort_keys=[("part", "ascending")]))
    start = 0
    for part, count in sorted(count_by_part(ordered).items()):
        for block_rows, payload in _compress(ordered.slice(start, count).drop_columns("part")):
            yield part, block_rows, payload
        start += count


def _compress(rows: pa.Table) -> Iterator[tuple[int, bytes]]:
    """Yield (number of rows, payload); rows are halved until each payload is small enough."""
    payload = b""
    if rows.nbytes <= _MAX_UNCOMPRESSED_BYTES:
        sink = pa.BufferOutputStream()
        with ipc.new_stream(sink, rows.schema, options=_OPTIONS) as writer:
            writer.write_table(rows)
        payload = sink.getvalue().to_pybytes()
    if payload and (len(payload) <= _MAX_PAYLOAD_BYTES or rows.num_rows == 1):
        yield rows.num_rows, payload
        return
    half = rows.num_rows // 2
    yield from _compress(rows.slice(0, half))
    yield from _compress(rows.slice(half))


def unpack_block(table: Table, block: Mapping[str, Any]) -> pa.Table:
    """Return the rows of a block as `Reader.read_parts` yields them; columns declared since then are null."""
    rows = ipc.open_stream(block["payload"]).read_all()
    length = rows.num_rows
    constants = {"part": block["part"], "batch": block["batch"]}
    arrays = [
        pa.array(np.full(length, constants[name], np.int64))
        if name in constants
        else rows[name].cast(ARROW_TYPES[column_type])
        if name in rows.column_names
        else pa.nulls(length, ARROW_TYPES[column_type])
        for name, column_type in get_stored_types(table).items()
    ]
    return pa.table(arrays, schema=make_arrow_schema(get_stored_types(table)))
