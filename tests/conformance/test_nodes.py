"""Tests that every node has a rule in every dialect, and that an error names a node without one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from okube_api.store import conditions
from okube_api.store.column_types import DeclaredFields
from okube_api.store.conditions import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Between,
    Condition,
    Contains,
    Missing,
    Not,
    OneOf,
    Overlaps,
)
from okube_api.store.duckdb import sql
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.mongo import pipeline
from okube_api.store.plans import Aggregate, Band, Count, Each, GroupKey, Max, Measure, Min, Select, Sum
from okube_api.store.protocol import Store
from okube_api.store.schema import ColumnType

from tests.conformance.declared import DOCUMENTS, STAYS

CONDITIONS: dict[type[Condition], Condition] = {
    OneOf: OneOf("key", ("a",)),
    Overlaps: Overlaps("names", ("a",)),
    Between: Between("count", 1, 2),
    Contains: Contains("a"),
    Missing: Missing("key"),
    Not: Not(Missing("key")),
    AllOf: AllOf((Missing("key"),)),
    AnyOf: AnyOf((Missing("key"),)),
}
KEYS: dict[type, GroupKey] = {str: "place", Band: Band("dwell_s", (0, 1), "band"), Each: Each("campaigns", "campaign")}
MEASURES: dict[type, Measure] = {
    Sum: Sum("dwell_s", "sum"),
    Count: Count("n"),
    Min: Min("dwell_s", "min"),
    Max: Max("dwell_s", "max"),
}

DIALECTS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any], type[DeclaredFields]]] = {
    "duckdb": (sql.to_sql, sql.key_sql, sql.measure_sql, sql.HashedFields),
    "mongo": (pipeline.to_match, pipeline.key_expression, pipeline.accumulator, DeclaredFields),
}
DOCUMENT = {"_id": ColumnType.TEXT, **DOCUMENTS.fields}
ROW = {column.name: column.type for column in STAYS.columns}


def test_examples_cover_every_node() -> None:
    """Fail when a node is added without an example, so that every new node needs a rule in each dialect."""
    nodes = {value for value in vars(conditions).values() if isinstance(value, type) and issubclass(value, Condition)}
    assert set(CONDITIONS) == nodes - {Condition}
    assert set(KEYS) == set(get_args(GroupKey))
    assert set(MEASURES) == set(get_args(Measure))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("node", CONDITIONS.values(), ids=lambda node: type(node).__name__)
def test_every_condition_has_a_rule(dialect: str, node: Condition) -> None:
    rule, _, _, fields = DIALECTS[dialect]
    assert type(node) in rule.registry  # type: ignore[attr-defined]
    assert rule(node, fields(DOCUMENT, search=True))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("node", [*KEYS.values(), *MEASURES.values()], ids=repr)
def test_every_key_and_measure_has_a_rule(dialect: str, node: GroupKey | Measure) -> None:
    _, key, measure, fields = DIALECTS[dialect]
    rule = measure if type(node) in MEASURES else key
    assert type(node) in rule.registry  # type: ignore[attr-defined]
    assert rule(node, fields(ROW))


@dataclass(frozen=True, slots=True)
class SoundsLike(Condition):
    """A node without a rule in any dialect."""

    name: str


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects_name_a_node_without_a_rule(dialect: str) -> None:
    *rules, fields = DIALECTS[dialect]
    for rule in rules:
        with pytest.raises(UnsupportedByStore, match="SoundsLike"):
            rule(SoundsLike("key"), fields(DOCUMENT))


@pytest.mark.anyio
async def test_store_refuses_a_node_without_a_rule(store: Store, application: str) -> None:
    unknown = SoundsLike("place")
    with pytest.raises(UnsupportedByStore, match="SoundsLike"):
        await store.find(DOCUMENTS, ~unknown | Missing("key"))
    async with store.open_reader(application) as reader:
        with pytest.raises(UnsupportedByStore, match="SoundsLike"):
            await reader.select(Select(STAYS, unknown, ("place",)))
        with pytest.raises(UnsupportedByStore, match="SoundsLike"):
            await reader.aggregate(Aggregate(STAYS, EVERYTHING, ("place",), (unknown,)))  # type: ignore[arg-type]
