"""The edges of bands that the counts of facts were made with, which are stored beside the facts.

After a change of the application's bands they differ from its settings until the facts are rebuilt.
"""

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.facts import BAND_EDGES
from okube_api.catalogue.kpi import LeafShape
from okube_api.engine.notes import Note, NoteCode
from okube_api.engine.question import Question
from okube_api.store.conditions import equal
from okube_api.store.plans import Select
from okube_api.store.protocol import Change, Reader

OLD_BANDS = Note(
    NoteCode.PREVIOUS_BANDS,
    "The bands of distributions were changed. Until the counts are rebuilt, they are in the previous bands.",
)

_PART = 0  # the partition of all edges
Edges = Mapping[Bands, tuple[int, ...]]


async def read_band_edges(reader: Reader) -> Edges:
    """Return the ascending edges that counts were made with; empty when there are no facts."""
    rows = await reader.select(Select(BAND_EDGES, equal("part", _PART), ("bands", "edge")))
    edges: dict[Bands, list[int]] = {}
    for bands, edge in zip(rows["bands"].to_pylist(), rows["edge"].to_pylist(), strict=True):
        edges.setdefault(Bands(bands), []).append(edge)
    return {bands: tuple(sorted(values)) for bands, values in edges.items()}


async def write_band_edges(change: Change, edges: Edges) -> None:
    """Write the edges that the counts of a change are made with."""
    rows = [{"part": _PART, "bands": bands.value, "edge": edge} for bands, values in edges.items() for edge in values]
    schema = pa.schema({"part": pa.int64(), "bands": pa.string(), "edge": pa.int64()})
    await change.replace(BAND_EDGES, [_PART], pa.Table.from_pylist(rows, schema=schema))


async def with_edges_of_counts(question: Question, reader: Reader) -> Question:
    """Return the question with the edges of the counts that it reads, and a note when they are not those requested."""
    if all(request.kpi.leaf is not LeafShape.DISTRIBUTION for request in question.requested_kpis):
        return question
    edges = {**question.edges, **await read_band_edges(reader)}
    if edges == question.edges:
        return question
    return replace(question, edges=edges, notes=(*question.notes, OLD_BANDS))
