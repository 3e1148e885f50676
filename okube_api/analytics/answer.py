"""From the results of the engine to the rows of an answer: scopes, buckets, properties, order.

The rows of a scope are built block by block, so that a large answer is never in memory as a whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from okube_api.analytics.answer_block import AnswerBlock, BucketLeaves, Json, OuterRows
from okube_api.catalogue.scopes import ATTRIBUTES
from okube_api.engine.dimensions import REMAINDER, Dimension
from okube_api.engine.kpi_results import KpiResult
from okube_api.engine.question import Label, Level, Question
from okube_api.engine.selection import OuterSelection, Selection, read_period_leaves
from okube_api.store.arrays import Ints
from okube_api.threads import check_stopped

_BLOCK_VALUES = 20_000  # more would hold the interpreter for too long while they are serialised


@dataclass(frozen=True, slots=True)
class AnswerElement:
    """The values of one param by one scope.

    head: its fields before `data`.
    blocks: the parts of `data`, in order; a single one for `globals`.  They are built when iterated.
    """

    kpi_result: KpiResult
    head: Json
    blocks: Iterator[AnswerBlock]


def build_elements(
    question: Question, kpi_results: Iterable[KpiResult], areas: Mapping[str, str] | None = None
) -> Iterator[AnswerElement]:
    """Yield one element for each param and scope, in order.  areas: names of areas, by code."""
    for kpi_result in kpi_results:
        check_stopped()
        kpi_request, scope_request, selection = kpi_result.kpi_request, kpi_result.scope_request, kpi_result.selection
        head: Json = {
            "kpi": kpi_request.kpi.name,
            "mode": kpi_request.mode.value,
            "scope": scope_request.name,
            "granularity": kpi_request.granularity.value,
        }
        if selection is None:
            yield AnswerElement(kpi_result, head, iter((_build_global_block(kpi_result),)))
            continue
        properties = _PropertyReader(question.labels, areas or {})
        if scope_request.levels[0].limit is not None:
            head["total"] = selection.total
        if selection.outer is not None and (outer := _build_outer(kpi_result, selection.outer, properties)):
            head["outer"] = outer
        yield AnswerElement(kpi_result, head, _build_blocks(kpi_result, selection, properties))


def collect_area_codes(kpi_results: Iterable[KpiResult], *, always: bool = False) -> set[str]:
    """Return the codes of the areas whose names were requested; `always`: of all areas in the results."""
    codes: set[str] = set()
    for kpi_result in kpi_results:
        selection = kpi_result.selection
        if selection is None:
            continue
        values = [selection.values] if selection.outer is None else [selection.outer.values, selection.values]
        for level, values_of_level in zip(kpi_result.scope_request.levels, values, strict=True):
            if level.dimension.scope in ATTRIBUTES and (always or "name" in level.properties):
                codes.update(values_of_level)
    return codes


def _build_global_block(kpi_result: KpiResult) -> AnswerBlock:
    results, buckets = kpi_result.results, kpi_result.buckets
    totals = results.leaves_at(np.array([kpi_result.width - 1])) if kpi_result.kpi_request.all else None
    if buckets is None:
        return AnswerBlock(None, {}, totals, None)
    positions = np.arange(len(buckets.labels))
    leaves = results.leaves_at(positions)
    return AnswerBlock(None, {}, totals, BucketLeaves(buckets.labels, positions, leaves, [0, len(leaves)]))


@dataclass(frozen=True, slots=True)
class _PropertyReader:
    """Reads the properties of scope values.  labels: of resources, by `_id`.  areas: names of areas, by code."""

    labels: Mapping[str, Label]
    areas: Mapping[str, str]

    def list_properties(self, level: Level, values: Sequence[str]) -> dict[str, Sequence[str | None]]:
        """Return the requested properties of each value; None for values without a label."""
        return {name: self._list_property(level.dimension, name, values) for name in level.properties}

    def _list_property(self, dimension: Dimension, name: str, values: Sequence[str]) -> Sequence[str | None]:
        if name in {"_id", "code"} or dimension.groups is not None:
            return values
        if dimension.scope in ATTRIBUTES:
            return list(map(self.areas.get, values))
        value_labels = map(self.labels.get, values)
        return [None if label is None else label.key if name == "key" else label.name for label in value_labels]


def _build_outer(kpi_result: KpiResult, outer: OuterSelection, properties: _PropertyReader) -> Json:
    """Return what is shown of each outer value by itself; nothing when only its name was requested."""
    outer_level, inner_level = kpi_result.scope_request.levels
    columns: dict[str, Sequence[Any]] = {}
    if outer_level.has_options:
        shown = properties.list_properties(outer_level, outer.values)
        columns |= {name: _blank_remainder(column, outer.values) for name, column in shown.items()}
    if outer.leaves is not None and kpi_result.kpi_request.all:
        columns["all"] = outer.leaves
        if outer.shares is not None:
            columns["share"] = outer.shares
    if inner_level.limit is not None:
        columns["total"] = outer.totals
    if not columns:
        return {}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return dict(zip(outer.values, rows, strict=True))


def _build_blocks(kpi_result: KpiResult, selection: Selection, properties: _PropertyReader) -> Iterator[AnswerBlock]:
    """Yield the rows of a selection, some at a time."""
    keys = kpi_result.results.keys
    cells = len(selection.values) * kpi_result.width if kpi_result.kpi_request.fill else len(keys)
    values_per_cell = -(-kpi_result.values // max(cells, 1)) or 1
    block_rows = max(_BLOCK_VALUES // (kpi_result.width * values_per_cell), 1)
    for start in range(0, len(selection.values), block_rows):
        check_stopped()
        yield _build_block(kpi_result, selection, properties, keys, slice(start, start + block_rows))


def _build_block(
    kpi_result: KpiResult, selection: Selection, properties: _PropertyReader, keys: Ints, rows: slice
) -> AnswerBlock:
    """Return some rows of a selection.  keys: the cells of the results that have data."""
    numbers, values = selection.numbers[rows], selection.values[rows]
    columns = properties.list_properties(kpi_result.scope_request.levels[-1], values)
    if kpi_result.scope_request.levels[-1].has_remainder:  # the entry of the others has no properties but its name
        columns = {name: _blank_remainder(column, values) for name, column in columns.items()}
    totals = shares = None
    if kpi_result.kpi_request.all:
        totals = read_period_leaves(kpi_result.results, numbers, kpi_result.width)
        shares = None if selection.shares is None else selection.shares[rows]
    temporals = _build_temporals(kpi_result, keys, numbers)
    outer = None if selection.outer is None else _cut_outer(selection.outer, rows.start, len(values))
    return AnswerBlock(values, columns, totals, temporals, shares, outer)


def _blank_remainder(column: Sequence[str | None], values: Sequence[str]) -> Sequence[str | None]:
    if REMAINDER not in values:
        return column
    return [None if value == REMAINDER else text for value, text in zip(values, column, strict=True)]


def _cut_outer(outer: OuterSelection, start: int, count: int) -> OuterRows:
    """Return the outer values that begin in a block of rows, and which of its rows are the last of one."""
    bounds = np.array(outer.bounds)
    sizes = np.diff(bounds)
    firsts = np.flatnonzero((bounds[:-1] >= start) & (bounds[:-1] < start + count) & (sizes > 0))
    lasts = np.flatnonzero((bounds[1:] > start) & (bounds[1:] <= start + count) & (sizes > 0))
    outer_of_row = np.searchsorted(bounds, np.arange(start, start + count), side="right") - 1
    return OuterRows(
        [outer.values[at] for at in outer_of_row.tolist()],
        (bounds[firsts] - start).tolist(),
        (bounds[lasts + 1] - 1 - start).tolist(),
    )


def _build_temporals(kpi_result: KpiResult, keys: Ints, numbers: Ints) -> BucketLeaves | None:
    """Return the leaves of the buckets with data of each of these scope values; of all buckets if they are filled."""
    buckets, width = kpi_result.buckets, kpi_result.width
    if buckets is None:
        return None
    if kpi_result.kpi_request.fill:
        positions = np.arange(width - 1)
        cells = np.where(numbers[:, np.newaxis] < 0, -1, numbers[:, np.newaxis] * width + positions).ravel()
        leaves = kpi_result.results.leaves_at(cells)
        filled_bounds = range(0, len(leaves) + 1, len(positions))
        return BucketLeaves(buckets.labels, np.tile(positions, len(numbers)), leaves, filled_bounds)
    starts = np.searchsorted(keys, numbers * width)
    ends = np.searchsorted(keys, numbers * width + width - 1)  # the last cell is the whole period
    lengths = np.where(numbers < 0, 0, ends - starts)
    bounds = np.append(0, np.cumsum(lengths))
    cells = keys[np.arange(bounds[-1]) + np.repeat(starts - bounds[:-1], lengths)]
    leaves = kpi_result.results.leaves_at(cells)
    return BucketLeaves(buckets.labels, cells % width, leaves, bounds.tolist())
