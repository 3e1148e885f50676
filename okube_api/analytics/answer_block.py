"""Rows of an answer by column, and their JSON.

JSON is written by column: the leaves of a column become texts in a few calls, which are then joined with the texts
between them.  This takes a fraction of the time of serialising nested dicts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import orjson

from okube_api.analytics.leaf_texts import LINE_END, Texts, iterate_texts, join_texts, list_texts
from okube_api.engine.leaf_columns import Leaf, LeafColumn
from okube_api.store.arrays import Ints

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BucketLeaves:
    """The leaves of the buckets of some rows, one row after the other.

    labels: of all buckets.
    positions: of the bucket of each leaf, in `labels`.
    bounds: the leaves of row i are `leaves[bounds[i]:bounds[i + 1]]`.
    """

    labels: Sequence[str]
    positions: Ints
    leaves: Sequence[Leaf]
    bounds: Sequence[int]

    def list_labels(self) -> list[str]:
        """Return the label of each leaf."""
        labels: list[str] = np.array(self.labels, object)[self.positions].tolist()
        return labels

    def format_rows(self) -> list[bytes]:
        """Return the fields of each row, `"label":leaf` with commas between them."""
        bounds = np.asarray(self.bounds)
        has_leaves = bounds[1:] > bounds[:-1]
        is_first = np.zeros(len(self.leaves), dtype=np.bool_)
        is_first[bounds[:-1][has_leaves]] = True
        names = _format_labels(tuple(self.labels))[self.positions + len(self.labels) * is_first]
        if isinstance(self.leaves, LeafColumn):
            joined = join_texts([names, *iterate_texts(self.leaves)], len(self.leaves))
        else:
            texts: list[bytes] = [b""] * (2 * len(self.leaves))
            texts[::2] = names.tolist()
            texts[1::2] = format_leaves(self.leaves)
            joined = b"".join(texts)
        rows = joined.split(LINE_END)[1:]
        if len(rows) == len(has_leaves):
            return rows
        texts_of_rows = iter(rows)
        return [next(texts_of_rows) if has_any else b"" for has_any in has_leaves.tolist()]


@dataclass(frozen=True, slots=True)
class OuterRows:
    """By two dimensions, the outer values of some rows.

    values: of each row.
    firsts, lasts: the rows with which the rows of an outer value begin and end.
    """

    values: Sequence[str]
    firsts: Sequence[int]
    lasts: Sequence[int]


@dataclass(frozen=True, slots=True)
class AnswerBlock:
    """Rows of an answer: the values of some scope values, or the single row of `globals`.

    identifiers: the scope values; None for `globals`.
    properties: a value for each row, by name.
    totals: the leaf of the whole period of each row; None when it was not requested.
    temporals: the leaves of buckets; None without buckets.
    shares: the share of the whole of each row; None when it was not requested.
    outer: by two dimensions, the outer values, in which the rows are nested.
    """

    identifiers: Sequence[str] | None
    properties: Mapping[str, Sequence[str | None]]
    totals: Sequence[Leaf] | None
    temporals: BucketLeaves | None
    shares: Sequence[float | None] | None = None
    outer: OuterRows | None = None

    def build_data(self) -> Json:
        """Return the rows as JSON values: by scope value, or the values of `globals`."""
        columns: dict[str, Sequence[Any]] = dict(self.properties)
        if self.totals is not None:
            columns["all"] = self.totals
        if self.shares is not None:
            columns["share"] = self.shares
        if (temporals := self.temporals) is not None:
            labels, leaves = temporals.list_labels(), temporals.leaves
            columns["temporals"] = [
                dict(zip(labels[low:high], leaves[low:high], strict=True)) for low, high in pairwise(temporals.bounds)
            ]
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        if self.identifiers is None:
            return rows[0] if rows else {}
        rows = rows or [{} for _ in self.identifiers]
        if self.outer is None:
            return dict(zip(self.identifiers, rows, strict=True))
        data: Json = {}
        for value, identifier, row in zip(self.outer.values, self.identifiers, rows, strict=True):
            data.setdefault(value, {})[identifier] = row
        return data

    def format_json(self) -> bytes:
        """Return what `orjson` writes for `build_data`, without the outer braces.

        An outer value whose rows are in several blocks is opened in the first one and closed in the last one.
        """
        heads = list(self._format_heads())
        end = b"" if self.identifiers is None else b"}"
        if self.temporals is not None:
            end = b"}" + end
        ends = [end] * len(heads)
        if self.outer is not None:
            names = _format_texts([self.outer.values[row] for row in self.outer.firsts])
            for name, first in zip(names, self.outer.firsts, strict=True):
                heads[first] = b"%b:{%b" % (name, heads[first])
            for last in self.outer.lasts:
                ends[last] += b"}"
        columns = (heads, ends) if self.temporals is None else (heads, self.temporals.format_rows(), ends)
        return b",".join(map(b"".join, zip(*columns, strict=True)))

    def _format_heads(self) -> Iterator[bytes]:
        """Return the text of each row before the leaves of its buckets."""
        identifiers = None if self.identifiers is None else _format_texts(self.identifiers)
        columns: list[list[bytes]] = []
        fields: list[bytes] = []
        for name, values in self.properties.items():
            fields.append(orjson.dumps(name) + b":%b")
            is_same = identifiers is not None and values is self.identifiers
            columns.append(identifiers if is_same and identifiers is not None else _format_texts(values))
        if self.totals is not None:
            fields.append(b'"all":%b')
            columns.append(format_leaves(self.totals))
        if self.shares is not None:
            fields.append(b'"share":%b')
            columns.append(format_leaves(self.shares))
        template = b",".join([*fields, b'"temporals":{'] if self.temporals is not None else fields)
        if identifiers is None:
            return map(template.__mod__, zip(*columns, strict=True)) if columns else iter((template,))
        return map((b"%b:{" + template).__mod__, zip(identifiers, *columns, strict=True))


@lru_cache(maxsize=64)
def _format_labels(labels: tuple[str, ...]) -> Texts:
    """Return the JSON of each label as the name of a field, after a comma, and then those of first fields of rows."""
    return np.array([before + orjson.dumps(label) + b":" for before in (b",", LINE_END) for label in labels])


def _format_texts(texts: Sequence[str | None]) -> list[bytes]:
    """Return the JSON of each text."""
    joined = orjson.dumps(texts)
    if joined.count(b",") == len(texts) - 1:  # no text has a comma
        return joined[1:-1].split(b",")
    return list(map(orjson.dumps, texts))


def format_leaves(leaves: Sequence[Leaf]) -> list[bytes]:
    """Return the JSON of each leaf."""
    if isinstance(leaves, LeafColumn):
        return list_texts(leaves)
    if not leaves:
        return []
    text = orjson.dumps(leaves)
    if not isinstance(leaves[0], dict):
        if not any(mark in text for mark in (b"{", b'"')) and text.count(b"[") == 1:  # only numbers and null
            return text[1:-1].split(b",")
    elif text.count(b"{") == text.count(b"},{") + 1 == len(leaves):  # objects without objects or braces within
        return text[1:-1].replace(b"},{", b"}\n{").split(b"\n")  # JSON has no line break but between values
    return list(map(orjson.dumps, leaves))
