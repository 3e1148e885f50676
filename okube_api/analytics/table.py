"""An answer as a flat table: one line for each leaf, one column for each field that a leaf has."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from okube_api.analytics.answer import elements
from okube_api.catalogue.values import Scope
from okube_api.engine.calendar import day_of
from okube_api.engine.question import Question
from okube_api.engine.run import Found

FIRST_COLUMNS = ("kpi", "mode", "scope", "granularity", "_id", "key", "name", "bucket", "from", "value")
Line = dict[str, Any]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def rows_of(question: Question, found: Iterable[Found]) -> Iterator[Line]:
    """The lines of a table.  `bucket` is `all` or a bucket's key, `from` its first day."""
    for one in found:
        (element,) = elements(question, [one])
        shown = {name: element[name] for name in ("kpi", "mode", "scope", "granularity")}
        data = element["data"]
        if one.by.scope is Scope.GLOBALS:
            data = {None: data}
        for identifier, values in data.items():
            named = _named(identifier, question)
            yield from ({**shown, **named, **line} for line in _lines(values, one, question))


def _named(identifier: str | None, question: Question) -> Line:
    label = question.labels.get(identifier) if identifier is not None else None
    return {"_id": identifier, "key": label.key if label else None, "name": label.name if label else None}


def _lines(values: Mapping[str, Any], one: Found, question: Question) -> Iterator[Line]:
    start = day_of(question.period.first).isoformat()
    if one.ask.all:
        yield {"bucket": "all", "from": start, **_fields(values["all"])}
    if one.buckets is not None:
        days = dict(zip(one.buckets.labels, one.buckets.first_days, strict=True))
        for bucket, leaf in values["temporals"].items():
            yield {"bucket": bucket, "from": day_of(days[bucket]).isoformat(), **_fields(leaf)}


def _fields(leaf: Any, prefix: str = "") -> Line:
    """A leaf's columns: `value` for a number, dotted names for an object, lists as JSON."""
    if isinstance(leaf, dict):
        columns: Line = {}
        for name, part in leaf.items():
            columns |= _fields(part, f"{prefix}.{name}" if prefix else name)
        return columns
    if isinstance(leaf, list):
        leaf = orjson.dumps(leaf).decode()
    return {prefix or "value": leaf}


def written(lines: Iterable[Line]) -> bytes:
    """The table as CSV, UTF-8."""
    lines = list(lines)
    columns = dict.fromkeys(FIRST_COLUMNS)
    for line in lines:
        columns |= dict.fromkeys(line)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(line.get(column)) for column in columns] for line in lines)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Texts that a spreadsheet would run as a formula are marked as texts."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
