"""An answer as a flat table: one line for each leaf, one column for each field of a leaf."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

import orjson

from okube_api.analytics.answer import AnswerElement
from okube_api.catalogue.buckets import to_date
from okube_api.catalogue.scopes import Scope
from okube_api.engine.question import Question
from okube_api.engine.run import KpiResult
from okube_api.kit.booleans import format_boolean
from okube_api.store.values import Json
from okube_api.tables.cells import format_text

FIRST_COLUMNS = ("kpi", "mode", "scope", "granularity", "_id", "key", "name", "bucket", "from", "value")
_MOST_LINES_IN_MEMORY = 20_000
_BLOCK_LINES = 2000
AreaNames = Mapping[str, str]


def flatten_elements(question: Question, elements: Iterable[AnswerElement], areas: AreaNames) -> Iterator[Json]:
    """Yield the lines of the table.  `bucket` is `all` or a bucket's key, `from` its first day.

    areas: names of IRIS areas, by code.
    """
    for element in elements:
        kpi_result = element.kpi_result
        shared = {name: element.head[name] for name in ("kpi", "mode", "scope", "granularity")}
        for block in element.blocks:
            if kpi_result.scope_request.scope is Scope.GLOBALS:
                for line in _flatten_leaves(block, kpi_result, question):
                    yield {**shared, **line}
                continue
            for identifier, values in block.items():
                label = question.labels.get(identifier)
                names = {"name": areas.get(identifier)} if label is None else {"key": label.key, "name": label.name}
                for line in _flatten_leaves(values, kpi_result, question):
                    yield {**shared, "_id": identifier, **names, **line}


def _flatten_leaves(values: Mapping[str, Any], kpi_result: KpiResult, question: Question) -> Iterator[Json]:
    if kpi_result.kpi_request.all:
        first_day = to_date(question.period.first).isoformat()
        yield {"bucket": "all", "from": first_day, **_flatten_leaf(values["all"])}
    if kpi_result.buckets is not None:
        days = dict(zip(kpi_result.buckets.labels, kpi_result.buckets.first_days, strict=True))
        for bucket, leaf in values["temporals"].items():
            yield {"bucket": bucket, "from": to_date(days[bucket]).isoformat(), **_flatten_leaf(leaf)}


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


def format_csv(list_lines: Callable[[], Iterator[Json]]) -> Iterator[bytes]:
    """Yield the table as CSV in UTF-8, part by part; texts that a spreadsheet would run as a formula are escaped.

    list_lines: returns the lines.  It is called again when they are too many to be held, after a first look for the
    columns.
    """
    lines = list_lines()
    first_lines = list(islice(lines, _MOST_LINES_IN_MEMORY))
    columns = dict.fromkeys(FIRST_COLUMNS)
    for line in chain(first_lines, lines):
        columns |= dict.fromkeys(line)
    if len(first_lines) == _MOST_LINES_IN_MEMORY:
        first_lines = []
        lines = list_lines()
    yield _format_lines([columns], format_text)
    remaining = chain(first_lines, lines)
    while block := list(islice(remaining, _BLOCK_LINES)):
        yield _format_lines(([line.get(column) for column in columns] for line in block), _format_cell)


def _format_lines(lines: Iterable[Iterable[Any]], format_value: Callable[[Any], Any]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(map(format_value, line) for line in lines)
    return text.getvalue().encode()


def _format_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return format_boolean(value)
    if isinstance(value, str):
        return format_text(value) if value else ""
    return "" if value is None else value
