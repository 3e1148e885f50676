"""An answer as a flat table: one line for each leaf, one column for each field of a leaf."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Any

import orjson

from okube_api.analytics.answer import AnswerElement, build_elements
from okube_api.analytics.answer_block import AnswerBlock, OuterRows
from okube_api.analytics.element_comparisons import ElementComparison
from okube_api.catalogue.buckets import to_date
from okube_api.engine.kpi_results import KpiResult
from okube_api.engine.question import Level, Question
from okube_api.kit.booleans import format_boolean
from okube_api.store.values import Json
from okube_api.tables.cells import format_text

FIRST_COLUMNS = ("kpi", "mode", "scope", "granularity", "_id", "key", "name", "bucket", "from", "value")
_ROW_COLUMNS, _BUCKET_COLUMNS = FIRST_COLUMNS[:7], FIRST_COLUMNS[7:9]
_MOST_LINES_IN_MEMORY = 20_000
AreaNames = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TableLines:
    """Some lines of the table: each is a row's cells, a bucket's cells and a leaf.

    row_cells: those of `_ROW_COLUMNS`, by row.
    bucket_cells: those of `_BUCKET_COLUMNS`, by bucket.
    rows, buckets: of each line.
    leaves: of each line; their columns when they are objects.
    more: further columns of each line, after those of the leaves; None without any.
    """

    row_cells: list[str]
    bucket_cells: list[str]
    rows: list[int]
    buckets: list[int]
    leaves: list[Any]
    more: list[Json] | None = None

    @property
    def columns(self) -> Iterator[str]:
        """The columns of the leaves, and further ones."""
        return chain.from_iterable(leaf for leaf in (*self.leaves, *(self.more or ())) if isinstance(leaf, dict))

    def format_lines(self, columns: list[str]) -> bytes:
        """Return the lines as CSV.  columns: of all leaves of the table, the first is `value`."""
        if self.more is not None or any(isinstance(leaf, dict) for leaf in self.leaves):
            flat: Iterable[Json] = (leaf if isinstance(leaf, dict) else {"value": leaf} for leaf in self.leaves)
            if self.more is not None:
                flat = (leaf | more for leaf, more in zip(flat, self.more, strict=True))
            endings = [_format_cells(leaf.get(column) for column in columns) for leaf in flat]
        else:
            end = "," * (len(columns) - 1)
            endings = [
                (repr(leaf) if type(leaf) in (int, float) else _format_cells((leaf,))) + end for leaf in self.leaves
            ]
        lines = [
            f"{self.row_cells[row]},{self.bucket_cells[bucket]},{ending}\r\n"
            for row, bucket, ending in zip(self.rows, self.buckets, endings, strict=True)
        ]
        return "".join(lines).encode()


def flatten_elements(question: Question, elements: Iterable[AnswerElement], areas: AreaNames) -> Iterator[TableLines]:
    """Yield the lines of the table.  `bucket` is `all` or a bucket's key, `from` its first day.

    areas: names of IRIS areas, by code.
    """
    for element in elements:
        bucket_cells = _format_buckets(element.kpi_result, question)
        for block in element.blocks:
            yield _flatten_block(block, element, element.head, bucket_cells, question=question, areas=areas)


def flatten_comparison(
    question: Question, head: Mapping[str, Any], comparison: ElementComparison, areas: AreaNames
) -> Iterator[TableLines]:
    """Yield the lines of an element that is compared: each has the own value, the compared one, and the change.

    Objects have a column for each field: of the compared value and of the change with a dotted name.
    """
    element = replace(next(build_elements(question, [comparison.lines])), head=dict(head))
    buckets, requested = comparison.lines.buckets, comparison.requested
    labels = () if buckets is None else buckets.labels
    own_days = () if buckets is None else buckets.first_days
    pairs = [*zip(labels, own_days, strict=True), ("all", question.period.first)]
    bucket_cells = [_format_cells((label, to_date(day).isoformat() if day else None)) for label, day in pairs]
    first_day = requested.days.other.first if requested.days is not None else None
    compared_days = [*map(comparison.first_days.get, labels), first_day]
    starts = [None if day is None else to_date(day).isoformat() for day in compared_days]
    for block in element.blocks:
        lines = _flatten_block(block, element, head, bucket_cells, question=question, areas=areas)
        lines.leaves[:] = [
            _join_leaves(leaf, requested.name, starts[bucket])
            for leaf, bucket in zip(lines.leaves, lines.buckets, strict=True)
        ]
        yield lines


def _join_leaves(leaves: tuple[Any, Any, Any], compared_to: str, compared_from: str | None) -> Json:
    own, then, change = leaves
    return {
        **_flatten_leaf(own),
        "compared_to": compared_to,
        "compared_from": compared_from,
        **_flatten_leaf(then, "compared_value"),
        **_flatten_leaf(change, "change"),
    }


def _format_buckets(kpi_result: KpiResult, question: Question) -> list[str]:
    """Return the cells of each bucket, and those of the whole period last."""
    buckets = kpi_result.buckets
    labels_and_days = [] if buckets is None else list(zip(buckets.labels, buckets.first_days, strict=True))
    pairs = [*labels_and_days, ("all", question.period.first)]
    return [_format_cells((label, to_date(day).isoformat())) for label, day in pairs]


def _flatten_block(
    block: AnswerBlock,
    element: AnswerElement,
    head: Mapping[str, Any],
    bucket_cells: list[str],
    *,
    question: Question,
    areas: AreaNames,
) -> TableLines:
    shared = [head[name] for name in FIRST_COLUMNS[:4]]
    levels = element.kpi_result.scope_request.levels
    if block.identifiers is None:
        row_cells = [_format_cells((*shared, None, None, None))]
    else:
        row_cells = [
            _format_cells((*shared, identifier, *_find_key_and_name(levels[-1], identifier, question, areas)))
            for identifier in block.identifiers
        ]
    whole_period = len(bucket_cells) - 1
    rows, buckets, leaves = [], [], []
    temporals = block.temporals
    bounds = [(0, 0)] * len(row_cells) if temporals is None else pairwise(temporals.bounds)
    for row, (low, high) in enumerate(bounds):
        if block.totals is not None:
            rows.append(row)
            buckets.append(whole_period)
            leaves.append(block.totals[row])
        if temporals is not None:
            rows += [row] * (high - low)
            buckets += temporals.positions[low:high].tolist()
            leaves += temporals.leaves[low:high]
    if any(isinstance(leaf, dict | list) for leaf in leaves):
        leaves = [_flatten_leaf(leaf) for leaf in leaves]
    lines = TableLines(row_cells, bucket_cells, rows, buckets, leaves)
    if block.outer is None and block.shares is None:
        return lines
    outer = (
        [{}] * len(row_cells) if block.outer is None else _list_outer_columns(levels[0], block.outer, question, areas)
    )
    shares = [{}] * len(row_cells) if block.shares is None else [{"share": share} for share in block.shares]
    more = [
        {**(shares[row] if bucket == whole_period else {}), **outer[row]}
        for row, bucket in zip(rows, buckets, strict=True)
    ]
    return replace(lines, more=more)


def _find_key_and_name(
    level: Level, identifier: str, question: Question, areas: AreaNames
) -> tuple[str | None, str | None]:
    """Return the key and the name of a scope value; None for what it does not have, as groups do not.

    A group can be called like a resource: the tag `online`, like the channel.
    """
    if level.dimension.groups is not None:
        return None, None
    if (label := question.labels.get(identifier)) is not None:
        return label.key, label.name
    return None, areas.get(identifier)


def _list_outer_columns(level: Level, outer: OuterRows, question: Question, areas: AreaNames) -> list[Json]:
    """Return the columns of the outer value of each row."""
    columns: dict[str, Json] = {}
    for value in outer.values:
        if value not in columns:
            key, name = _find_key_and_name(level, value, question, areas)
            columns[value] = {"outer_id": value, "outer_key": key, "outer_name": name}
    return [columns[value] for value in outer.values]


def _flatten_leaf(leaf: Any, prefix: str = "") -> Json:
    """Return the columns of a leaf: `value` for a number, dotted names for an object, JSON for a list."""
    if isinstance(leaf, dict):
        columns: Json = {}
        for name, part in leaf.items():
            columns |= _flatten_leaf(part, f"{prefix}.{name}" if prefix else name)
        return columns
    if isinstance(leaf, list):
        leaf = orjson.dumps(leaf).decode()
    return {prefix or "value": leaf}


def format_csv(list_blocks: Callable[[], Iterator[TableLines]]) -> Iterator[bytes]:
    """Yield the table as CSV in UTF-8, part by part; texts that a spreadsheet would run as a formula are escaped.

    list_blocks: returns the lines.  It is called again when they are too many to be held, after a first look for the
    columns.
    """
    blocks = list_blocks()
    first_blocks: list[TableLines] = []
    lines = 0
    leaf_columns = {"value": None}
    for block in blocks:
        leaf_columns |= dict.fromkeys(block.columns)
        lines += len(block.leaves)
        first_blocks.append(block)
        if lines > _MOST_LINES_IN_MEMORY:
            first_blocks.clear()
    columns = list(leaf_columns)
    yield f"{_format_cells((*FIRST_COLUMNS[:-1], *columns))}\r\n".encode()
    for block in first_blocks if lines <= _MOST_LINES_IN_MEMORY else list_blocks():
        yield block.format_lines(columns)


def _format_cells(values: Iterable[Any]) -> str:
    """Return values as a line of CSV, without its end."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow([*map(_format_cell, values), ""])  # a line of one empty cell would be quoted
    return text.getvalue()[:-3]


def _format_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return format_boolean(value)
    if isinstance(value, str):
        return format_text(value) if value else ""
    return "" if value is None else value
