"""An answer as a flat table: one line for each leaf, one column for each field that a leaf has."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from okube_api.catalogue.scopes import Scope
from okube_api.engine.calendar import to_date
from okube_api.engine.question import Question
from okube_api.engine.run import KpiResult
from okube_api.store.values import Json
from okube_api.tables.cells import format_text

FIRST_COLUMNS = ("kpi", "mode", "scope", "granularity", "_id", "key", "name", "bucket", "from", "value")
Names = Mapping[str, str]


def flatten_results(
    question: Question, found: Sequence[KpiResult], results: Sequence[Json], areas: Names
) -> Iterator[Json]:
    """The lines of a table.  `bucket` is `all` or a bucket's key, `from` its first day.

    areas: the names of IRIS areas, by code.
    """
    for one, element in zip(found, results, strict=True):
        shown = {name: element[name] for name in ("kpi", "mode", "scope", "granularity")}
        if one.scope_request.scope is Scope.GLOBALS:
            yield from ({**shown, **line} for line in _lines(element["data"], one, question))
            continue
        for identifier, values in element["data"].items():
            named = {"_id": identifier, **_named(identifier, question, areas)}
            yield from ({**shown, **named, **line} for line in _lines(values, one, question))


def _named(identifier: str, question: Question, areas: Names) -> Json:
    label = question.labels.get(identifier)
    if label is not None:
        return {"key": label.key, "name": label.name}
    return {"name": areas.get(identifier)}


def _lines(values: Mapping[str, Any], one: KpiResult, question: Question) -> Iterator[Json]:
    if one.kpi_request.all:
        yield {"bucket": "all", "from": to_date(question.period.first).isoformat(), **_fields(values["all"])}
    if one.buckets is not None:
        days = dict(zip(one.buckets.labels, one.buckets.first_days, strict=True))
        for bucket, leaf in values["temporals"].items():
            yield {"bucket": bucket, "from": to_date(days[bucket]).isoformat(), **_fields(leaf)}


def _fields(leaf: Any, prefix: str = "") -> Json:
    """A leaf's columns: `value` for a number, dotted names for an object, lists as JSON."""
    if isinstance(leaf, dict):
        columns: Json = {}
        for name, part in leaf.items():
            columns |= _fields(part, f"{prefix}.{name}" if prefix else name)
        return columns
    if isinstance(leaf, list):
        leaf = orjson.dumps(leaf).decode()
    return {prefix or "value": leaf}


def write_csv(lines: Iterable[Json]) -> bytes:
    """The table as CSV, UTF-8; texts that a spreadsheet would run as a formula are marked as texts."""
    lines = list(lines)
    columns = dict.fromkeys(FIRST_COLUMNS)
    for line in lines:
        columns |= dict.fromkeys(line)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(map(format_text, columns))
    writer.writerows([_cell(line.get(column)) for column in columns] for line in lines)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return format_text(value) if value else ""
    return "" if value is None else value
