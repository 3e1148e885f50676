"""An answer as a flat table.

In the wide layout it has one line for each leaf and one column for each field of a leaf, in the long layout one line
for each number.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
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
from okube_api.kit.encodings import CODECS
from okube_api.kit.file_options import CsvFormat
from okube_api.leaf_parts import PART_COLUMNS, compare_leaves, split_leaf
from okube_api.store.values import Json
from okube_api.tables.cells import format_text

FIRST_COLUMNS = ("kpi", "mode", "scope", "granularity", "_id", "key", "name", "bucket", "from", "value")
_ROW_COLUMNS, _BUCKET_COLUMNS = FIRST_COLUMNS[:7], FIRST_COLUMNS[7:9]
_MOST_LINES_IN_MEMORY = 20_000
AreaNames = Mapping[str, str]


class Layout(StrEnum):
    """How a table has leaves with several numbers: a column for each field, or a line for each number."""

    WIDE = "wide"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class TableLines:
    """Some lines of the table: each is a row's cells, a bucket's cells and a leaf.

    row_cells: those of `_ROW_COLUMNS`, by row.
    bucket_cells: those of `_BUCKET_COLUMNS`, by bucket.
    rows, buckets: of each line.
    leaves: of each line; their columns when they are objects.
    more: further columns of each line, after those of the leaves; None without any.
    """

    row_cells: list[tuple[str | None, ...]]
    bucket_cells: list[tuple[str, date | None]]
    rows: list[int]
    buckets: list[int]
    leaves: list[Any]
    more: list[Json] | None = None

    @property
    def columns(self) -> Iterator[str]:
        """The columns of the leaves, and further ones."""
        return chain.from_iterable(leaf for leaf in (*self.leaves, *(self.more or ())) if isinstance(leaf, dict))

    @property
    def _has_objects(self) -> bool:
        return self.more is not None or any(isinstance(leaf, dict) for leaf in self.leaves)

    def list_values(self, columns: Sequence[str]) -> Iterator[list[Any]]:
        """Yield the values of each line in the columns of the leaves."""
        flat: Iterable[Json] = (leaf if isinstance(leaf, dict) else {"value": leaf} for leaf in self.leaves)
        if self.more is not None:
            flat = (leaf | more for leaf, more in zip(flat, self.more, strict=True))
        for leaf in flat:
            yield [leaf.get(column) for column in columns]

    def list_rows(self, columns: Sequence[str]) -> Iterator[list[Any]]:
        """Yield the values of each line.  columns: of all leaves of the table."""
        for row, bucket, values in zip(self.rows, self.buckets, self.list_values(columns), strict=True):
            yield [*self.row_cells[row], *self.bucket_cells[bucket], *values]

    def format_lines(self, columns: list[str], csv_format: CsvFormat) -> bytes:
        """Return the lines as CSV.  columns: of all leaves of the table."""
        delimiter = csv_format.delimiter
        if self._has_objects or columns[0] != "value" or csv_format.has_decimal_comma:
            endings = [_format_cells(values, csv_format) for values in self.list_values(columns)]
        else:
            end = delimiter * (len(columns) - 1)
            endings = [
                (repr(leaf) if type(leaf) in (int, float) else _format_cells((leaf,), csv_format)) + end
                for leaf in self.leaves
            ]
        row_texts = [_format_cells(cells, csv_format) for cells in self.row_cells]
        bucket_texts = [_format_cells(cells, csv_format) for cells in self.bucket_cells]
        lines = [
            f"{row_texts[row]}{delimiter}{bucket_texts[bucket]}{delimiter}{ending}\r\n"
            for row, bucket, ending in zip(self.rows, self.buckets, endings, strict=True)
        ]
        return encode_csv("".join(lines), csv_format)


def flatten_elements(
    question: Question, elements: Iterable[AnswerElement], areas: AreaNames, layout: Layout
) -> Iterator[TableLines]:
    """Yield the lines of the table.  `bucket` is `all` or a bucket's key, `from` its first day.

    areas: names of IRIS areas, by code.
    """
    for element in elements:
        bucket_cells = _list_bucket_cells(element.kpi_result, question)
        for block in element.blocks:
            lines = _flatten_block(block, element, element.head, bucket_cells, question=question, areas=areas)
            if any(isinstance(leaf, dict | list) for leaf in lines.leaves):
                lines = _split_lines(lines, _flatten_long if layout is Layout.LONG else _flatten_wide)
            yield lines


def flatten_comparison(
    question: Question, head: Mapping[str, Any], comparison: ElementComparison, areas: AreaNames, layout: Layout
) -> Iterator[TableLines]:
    """Yield the lines of an element that is compared: each has the own value, the compared one, and the change.

    Objects have a column for each field: of the compared value and of the change with a dotted name.
    """
    element = replace(next(build_elements(question, [comparison.lines])), head=dict(head))
    buckets, requested = comparison.lines.buckets, comparison.requested
    labels = () if buckets is None else buckets.labels
    own_days = () if buckets is None else buckets.first_days
    bucket_cells = [_read_bucket(label, day) for label, day in zip(labels, own_days, strict=True)]
    bucket_cells.append(_read_bucket("all", question.period.first))
    first_day = requested.days.other.first if requested.days is not None else None
    compared_days = [*map(comparison.first_days.get, labels), first_day]
    starts = [None if day is None else to_date(day) for day in compared_days]
    join = _join_long if layout is Layout.LONG else _join_wide
    for block in element.blocks:
        lines = _flatten_block(block, element, head, bucket_cells, question=question, areas=areas)
        leaves = [
            (*leaf, {"compared_to": requested.name, "compared_from": starts[bucket]})
            for leaf, bucket in zip(lines.leaves, lines.buckets, strict=True)
        ]
        yield _split_lines(replace(lines, leaves=leaves), join)


def _split_lines(lines: TableLines, flatten: Callable[[Any], list[Json]]) -> TableLines:
    """Return the lines with a line for each element of `flatten(leaf)`."""
    flat = [flatten(leaf) for leaf in lines.leaves]
    if all(len(leaves) == 1 for leaves in flat):
        return replace(lines, leaves=[leaf for (leaf,) in flat])
    positions = [position for position, leaves in enumerate(flat) for _ in leaves]
    return replace(
        lines,
        rows=[lines.rows[position] for position in positions],
        buckets=[lines.buckets[position] for position in positions],
        leaves=list(chain.from_iterable(flat)),
        more=None if lines.more is None else [lines.more[position] for position in positions],
    )


def _flatten_wide(leaf: Any) -> list[Json]:
    return [_flatten_leaf(leaf)]


def _flatten_long(leaf: Any) -> list[Json]:
    return [{**part.list_columns(), "value": part.value} for part in split_leaf(leaf)]


def _join_wide(leaves: tuple[Any, Any, Any, Json]) -> list[Json]:
    own, then, change, compared = leaves
    return [
        {
            **_flatten_leaf(own),
            **compared,
            **_flatten_leaf(then, "compared_value"),
            **_flatten_leaf(change, "change"),
        }
    ]


def _join_long(leaves: tuple[Any, Any, Any, Json]) -> list[Json]:
    *compared_leaves, compared = leaves
    return [
        {**part.list_columns(), "value": part.value, **compared, "compared_value": then, "change": change}
        for part, then, change in compare_leaves(*compared_leaves)
    ]


def _list_bucket_cells(kpi_result: KpiResult, question: Question) -> list[tuple[str, date | None]]:
    """Return the cells of each bucket, and those of the whole period last."""
    buckets = kpi_result.buckets
    labels_and_days = [] if buckets is None else zip(buckets.labels, buckets.first_days, strict=True)
    return [_read_bucket(*pair) for pair in (*labels_and_days, ("all", question.period.first))]


def _read_bucket(label: str, first_day: int | None) -> tuple[str, date | None]:
    return label, to_date(first_day) if first_day else None


def _flatten_block(
    block: AnswerBlock,
    element: AnswerElement,
    head: Mapping[str, Any],
    bucket_cells: list[tuple[str, date | None]],
    *,
    question: Question,
    areas: AreaNames,
) -> TableLines:
    shared = [head[name] for name in FIRST_COLUMNS[:4]]
    levels = element.kpi_result.scope_request.levels
    if block.identifiers is None:
        row_cells = [(*shared, None, None, None)]
    else:
        row_cells = [
            (*shared, identifier, *_find_key_and_name(levels[-1], identifier, question, areas))
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


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """The table of an answer.

    columns: of the leaves, in order; the first columns are always `FIRST_COLUMNS` without `value`.
    types: the types of the values of each column but null.
    blocks: the lines.
    """

    columns: list[str]
    types: Mapping[str, set[type]]
    blocks: Iterable[TableLines]


def read_table(list_blocks: Callable[[], Iterator[TableLines]], *, with_types: bool) -> AnswerTable:
    """Return the table, after a first look for the columns and, `with_types`, for the types of their values.

    list_blocks: returns the lines.  It is called again when they are too many to be held.
    """
    first_blocks: list[TableLines] = []
    lines = 0
    found_columns: dict[str, None] = {"value": None}
    types: dict[str, set[type]] = {}
    for block in list_blocks():
        found_columns |= dict.fromkeys(block.columns)
        lines += len(block.leaves)
        if with_types:
            _add_types(types, block, list(found_columns))
        first_blocks.append(block)
        if lines > _MOST_LINES_IN_MEMORY:
            first_blocks.clear()
    before = [name for name in PART_COLUMNS if name in found_columns] if "field" in found_columns else []
    columns = [*before, *(name for name in found_columns if name not in before)]
    return AnswerTable(columns, types, first_blocks if lines <= _MOST_LINES_IN_MEMORY else list_blocks())


def _add_types(types: dict[str, set[type]], block: TableLines, columns: list[str]) -> None:
    """Add the types of the values of some lines."""
    for name, *values in zip(columns, *block.list_values(columns), strict=True):
        types.setdefault(name, set()).update(map(_find_type, values))


def _find_type(value: Any) -> type:
    """Return the type of a value; an integer of more than 64 bits becomes a float in files."""
    return float if type(value) is int and not -(2**63) <= value < 2**63 else type(value)


def format_csv(list_blocks: Callable[[], Iterator[TableLines]], csv_format: CsvFormat) -> Iterator[bytes]:
    """Yield the table as CSV, part by part; texts that a spreadsheet would run as a formula are escaped."""
    table = read_table(list_blocks, with_types=False)
    header = _format_cells((*FIRST_COLUMNS[:-1], *table.columns), csv_format)
    yield csv_format.byte_order_mark + encode_csv(f"{header}\r\n", csv_format)
    for block in table.blocks:
        yield block.format_lines(table.columns, csv_format)


def encode_csv(text: str, csv_format: CsvFormat) -> bytes:
    """Return lines in the encoding of the format; characters that it lacks become `?`."""
    return text.encode(CODECS[csv_format.encoding], "replace")


def _format_cells(values: Iterable[Any], csv_format: CsvFormat) -> str:
    """Return values as a line of CSV, without its end."""
    text = io.StringIO(newline="")
    cells = [_format_cell(value, csv_format) for value in values]
    csv.writer(text, delimiter=csv_format.delimiter).writerow([*cells, ""])  # a line of one empty cell would be quoted
    return text.getvalue()[:-3]


def _format_cell(value: Any, csv_format: CsvFormat) -> Any:
    if isinstance(value, bool):
        return format_boolean(value)
    if isinstance(value, str):
        return format_text(value) if value else ""
    if isinstance(value, date):
        return csv_format.format_day(value.isoformat())
    if isinstance(value, float) and csv_format.has_decimal_comma:
        return repr(value).replace(".", ",")
    return "" if value is None else value
