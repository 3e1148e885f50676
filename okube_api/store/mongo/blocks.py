"""Rows of packed tables as blocks: documents with compressed rows of one partition and batch."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

from okube_api.store.column_types import ARROW_TYPES
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.schema import Table
from okube_api.store.values import Json

_MAX_PAYLOAD_BYTES = 12 * 2**20
"""MongoDB's limit for a document is 16 MiB."""
_MAX_UNCOMPRESSED_BYTES = 8 * _MAX_PAYLOAD_BYTES
_OPTIONS = ipc.IpcWriteOptions(compression="zstd")


def count_by_part(rows: pa.Table) -> dict[int, int]:
    """Return the number of rows of each part."""
    parts, counts = np.unique(rows["part"].to_numpy(), return_counts=True)
    return dict(zip(parts.tolist(), counts.tolist(), strict=True))


def pack_rows(table: Table, rows: pa.Table) -> Iterator[Json]:
    """Yield the fields of blocks for rows in any order, ascending by part.

    rows: their number.  low, high: the limits of their values in the column `lookup`, if any.  bytes: of the payload.
    """
    ordered = rows.take(pc.sort_indices(rows, sort_keys=[("part", "ascending")]))
    start = 0
    for part, count in sorted(count_by_part(ordered).items()):
        for block_rows, payload in _compress(ordered.slice(start, count).drop_columns("part")):
            block = {"part": part, "rows": block_rows.num_rows, "bytes": len(payload), "payload": payload}
            if table.lookup is not None:
                limits = pc.min_max(block_rows[table.lookup]).as_py()
                block |= {"low": limits["min"], "high": limits["max"]}
            yield block
        start += count


def _compress(rows: pa.Table) -> Iterator[tuple[pa.Table, bytes]]:
    """Yield (rows, payload); rows are halved until each payload is small enough."""
    payload = b""
    if rows.nbytes <= _MAX_UNCOMPRESSED_BYTES:
        sink = pa.BufferOutputStream()
        with ipc.new_stream(sink, rows.schema, options=_OPTIONS) as writer:
            writer.write_table(rows)
        payload = sink.getvalue().to_pybytes()
    if payload and (len(payload) <= _MAX_PAYLOAD_BYTES or rows.num_rows == 1):
        yield rows, payload
        return
    half = rows.num_rows // 2
    yield from _compress(rows.slice(0, half))
    yield from _compress(rows.slice(half))


def unpack_blocks(table: Table, blocks: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return the rows of blocks as `Reader.read_parts` yields them; columns declared since then are null."""
    unpacked = [(block, ipc.open_stream(block["payload"]).read_all()) for block in blocks]
    pieces = [
        _conform_block_rows(table, list(group)) for _, group in groupby(unpacked, key=lambda pair: pair[1].schema)
    ]
    return pa.concat_tables(pieces).combine_chunks()


def _conform_block_rows(table: Table, unpacked: list[tuple[Mapping[str, Any], pa.Table]]) -> pa.Table:
    """Return the rows of blocks with the same columns; blocks may be many and small."""
    rows = pa.concat_tables(piece for _, piece in unpacked)
    lengths = [piece.num_rows for _, piece in unpacked]
    columns = {
        name: pa.array(np.repeat(np.array([block[name] for block, _ in unpacked], np.int64), lengths))
        for name in ("part", "batch")
    }
    arrays = [
        columns[name]
        if name in columns
        else rows[name].cast(ARROW_TYPES[column_type])
        if name in rows.column_names
        else pa.nulls(rows.num_rows, ARROW_TYPES[column_type])
        for name, column_type in get_stored_types(table).items()
    ]
    return pa.table(arrays, schema=make_arrow_schema(get_stored_types(table)))
