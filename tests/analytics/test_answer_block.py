"""Tests that JSON and CSV written by column have the same bytes as those of plain values."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.analytics.answer_block import AnswerBlock, BucketLeaves, format_leaves
from okube_api.analytics.table import FIRST_COLUMNS, TableLines, format_csv
from okube_api.kit.file_options import DEFAULT_CSV_FORMAT
from okube_api.tables.cells import format_text

from tests.analytics.leaf_columns import Column, leaf_columns
from tests.rounds import count_examples

NUMBERS = st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ('a,"b', "é", "=1+1", "\u2028", "")
)
OBJECTS = st.recursive(
    NUMBERS | TEXTS | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
LEAVES = st.sampled_from((NUMBERS, st.dictionaries(st.sampled_from(("total", "mean")), NUMBERS), OBJECTS))
LABELS = ("0", "1", "2", 'quoted "3"')


@st.composite
def blocks(draw: st.DrawFn) -> AnswerBlock:
    """Draw a block of any shape: scope values or globals, with or without properties, totals and buckets."""
    is_global = draw(st.booleans())
    identifiers = None if is_global else draw(st.lists(TEXTS, max_size=5, unique=True))
    count = 1 if identifiers is None else len(identifiers)
    names = [] if is_global else draw(st.lists(st.sampled_from(("_id", "key", "name", "code")), unique=True))
    leaf = draw(LEAVES)
    properties: dict[str, Sequence[str | None]] = {
        name: draw(st.lists(st.none() | TEXTS, min_size=count, max_size=count)) for name in names
    }
    if identifiers is not None and "_id" in properties and draw(st.booleans()):
        properties["_id"] = identifiers
    totals = draw(st.none() | st.lists(leaf, min_size=count, max_size=count))
    if totals is not None and draw(st.booleans()):
        return AnswerBlock(identifiers, properties, totals, None)
    positions = [sorted(draw(st.sets(st.integers(0, len(LABELS) - 1)))) for _ in range(count)]
    flat = [position for row in positions for position in row]
    leaves = draw(st.lists(leaf, min_size=len(flat), max_size=len(flat)))
    bounds = [0, *np.cumsum([len(row) for row in positions], dtype=np.int64).tolist()]
    return AnswerBlock(
        identifiers, properties, totals, BucketLeaves(LABELS, np.array(flat, np.int64), leaves, bounds[: count + 1])
    )


def build_plain(block: AnswerBlock) -> dict[str, Any]:
    """Return the rows as nested dicts, row by row."""
    rows: dict[str, Any] = {}
    for number, identifier in enumerate([""] if block.identifiers is None else block.identifiers):
        row: dict[str, Any] = {name: values[number] for name, values in block.properties.items()}
        if block.totals is not None:
            row["all"] = block.totals[number]
        if (temporals := block.temporals) is not None:
            row["temporals"] = {
                temporals.labels[int(temporals.positions[at])]: temporals.leaves[at]
                for at in range(temporals.bounds[number], temporals.bounds[number + 1])
            }
        if block.identifiers is None:
            return row
        rows[identifier] = row
    return rows


@settings(deadline=None, max_examples=count_examples(300))
@given(blocks())
def test_json_has_the_bytes_of_plain_values(block: AnswerBlock) -> None:
    plain = build_plain(block)
    assert block.build_data() == plain
    text = b"{" + block.format_json() + b"}"
    assert text == orjson.dumps(plain)
    assert json.loads(text) == json.loads(json.dumps(plain))


@given(st.lists(OBJECTS | NUMBERS, max_size=20))
def test_leaves_are_written_one_by_one(leaves: list[Any]) -> None:
    assert format_leaves(leaves) == [orjson.dumps(leaf) for leaf in leaves]


@settings(deadline=None, max_examples=count_examples(300))
@given(st.integers(0, 12).flatmap(leaf_columns))
def test_columns_are_written_like_their_leaves(column: Column) -> None:
    leaves, plain = column
    assert list(leaves) == plain
    assert format_leaves(leaves) == [orjson.dumps(leaf) for leaf in plain]


@settings(deadline=None, max_examples=count_examples(150))
@given(st.data(), st.lists(st.sets(st.integers(0, len(LABELS) - 1)).map(sorted), max_size=5))
def test_blocks_of_columns_have_the_bytes_of_plain_values(data: st.DataObject, positions: list[list[int]]) -> None:
    identifiers = [f"site {number}" for number in range(len(positions))]
    flat = [position for row in positions for position in row]
    bounds = [0, *np.cumsum([len(row) for row in positions], dtype=np.int64).tolist()]
    totals, plain_totals = data.draw(leaf_columns(len(positions)))
    leaves, plain_leaves = data.draw(leaf_columns(len(flat)))
    written, plain = (
        AnswerBlock(identifiers, {}, all_, BucketLeaves(LABELS, np.array(flat, np.int64), each, bounds))
        for all_, each in ((totals, leaves), (plain_totals, plain_leaves))
    )
    assert b"{" + written.format_json() + b"}" == orjson.dumps(build_plain(plain))
    assert written.build_data() == build_plain(plain)


BRACES = TEXTS | st.sampled_from(("},{", "{", "}", "\n", '},"'))


@given(st.lists(st.dictionaries(BRACES, NUMBERS | BRACES | st.lists(NUMBERS, max_size=2), max_size=3), max_size=8))
def test_records_are_written_one_by_one(leaves: list[Any]) -> None:
    assert format_leaves(leaves) == [orjson.dumps(leaf) for leaf in leaves]


def test_names_are_not_templates() -> None:
    block = AnswerBlock(["100 %d"], {"name": ["%b %"]}, [1], BucketLeaves(("%s",), np.array([0]), [None], [0, 1]))
    assert block.format_json() == b'"100 %d":{"name":"%b %","all":1,"temporals":{"%s":null}}'


# -- CSV

SIMPLE_LEAVES = NUMBERS | st.booleans() | TEXTS


@st.composite
def line_blocks(draw: st.DrawFn) -> TableLines:
    """Draw a block of lines whose leaves are values, or objects of the same columns."""
    leaf = draw(
        st.sampled_from((NUMBERS, SIMPLE_LEAVES, st.dictionaries(st.sampled_from(("a", "b.c")), SIMPLE_LEAVES)))
    )
    leaves = draw(st.lists(leaf, max_size=6))
    count = len(leaves)
    numbers = st.lists(st.integers(0, 1), min_size=count, max_size=count)
    row_cells: list[tuple[str | None, ...]] = [("r0", *[None] * 6), ("r1", *[None] * 6)]
    return TableLines(row_cells, [("b0", None), ("b1", None)], draw(numbers), draw(numbers), leaves)


def format_plain(blocks: list[TableLines]) -> str:
    """Return the table written by the standard library, cell by cell."""
    columns = ["value"]
    for block in blocks:
        for leaf in block.leaves:
            columns += [name for name in (leaf if isinstance(leaf, dict) else ()) if name not in columns]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*FIRST_COLUMNS[:-1], *columns])
    for block in blocks:
        for row, bucket, leaf in zip(block.rows, block.buckets, block.leaves, strict=True):
            cells = leaf if isinstance(leaf, dict) else {"value": leaf}
            values = [cells.get(column) for column in columns]
            shown = [
                str(value).lower()
                if isinstance(value, bool)
                else format_text(value)
                if value and isinstance(value, str)
                else value
                for value in values
            ]
            writer.writerow([f"r{row}", *[""] * 6, f"b{bucket}", "", *shown])
    return text.getvalue()


@settings(deadline=None)
@given(st.lists(line_blocks(), max_size=4), st.booleans())
def test_csv_has_the_bytes_of_plain_values(blocks: list[TableLines], is_large: bool) -> None:
    reads = 0

    def list_blocks() -> Iterator[TableLines]:
        nonlocal reads
        reads += 1
        return iter(blocks)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("okube_api.analytics.table._MOST_LINES_IN_MEMORY", 3 if is_large else 1000)
        text = b"".join(format_csv(list_blocks, DEFAULT_CSV_FORMAT)).decode()
    assert text == format_plain(blocks)
    lines = sum(len(block.leaves) for block in blocks)
    assert reads == (2 if is_large and lines > 3 else 1)
