"""Every node has a rule in every dialect, and a node that nobody knows is named."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from okube_api.store import base
from okube_api.store.base import (
    Aggregate,
    AllOf,
    AnyOf,
    Band,
    Between,
    Condition,
    Contains,
    Count,
    Each,
    High,
    Key,
    Kind,
    Low,
    Measure,
    Missing,
    Not,
    OneOf,
    Overlaps,
    Rows,
    Store,
    Sum,
    UnsupportedByStore,
)
from okube_api.store.duckdb import sql
from okube_api.store.kinds import Names
from okube_api.store.mongo import pipeline

from tests.conformance.declared import STAYS, THINGS

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
KEYS: dict[type, Key] = {str: "place", Band: Band("dwell_s", (0, 1), "band"), Each: Each("campaigns", "one")}
MEASURES: dict[type, Measure] = {
    Sum: Sum("dwell_s", "s"),
    Count: Count("n"),
    Low: Low("dwell_s", "l"),
    High: High("dwell_s", "h"),
}

DIALECTS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any], type[Names]]] = {
    "duckdb": (sql.to_sql, sql.key_sql, sql.measure_sql, sql.Columns),
    "mongo": (pipeline.to_match, pipeline.key_expression, pipeline.accumulator, Names),
}
DOCUMENT = {"_id": Kind.TEXT, **THINGS.fields}
ROW = {column.name: column.kind for column in STAYS.columns}


def test_the_examples_are_all_that_there_are() -> None:
    """A node added to the protocol has to be added here, and so needs a rule in each dialect."""
    found = {one for one in vars(base).values() if isinstance(one, type) and issubclass(one, Condition)}
    assert set(CONDITIONS) == found - {Condition}
    assert set(KEYS) == set(get_args(Key))
    assert set(MEASURES) == set(get_args(Measure))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("node", CONDITIONS.values(), ids=lambda node: type(node).__name__)
def test_each_condition_has_a_rule(dialect: str, node: Condition) -> None:
    rule, _, _, names = DIALECTS[dialect]
    assert type(node) in rule.registry  # type: ignore[attr-defined]
    assert rule(node, names(DOCUMENT, search=True))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("node", [*KEYS.values(), *MEASURES.values()], ids=repr)
def test_each_key_and_measure_has_a_rule(dialect: str, node: Key | Measure) -> None:
    _, key, measure, names = DIALECTS[dialect]
    rule = measure if type(node) in MEASURES else key
    assert type(node) in rule.registry  # type: ignore[attr-defined]
    assert rule(node, names(ROW))


@dataclass(frozen=True, slots=True)
class Sounds(Condition):
    """A node that nobody has a rule for."""

    name: str


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_node_without_a_rule_is_named(dialect: str) -> None:
    *rules, names = DIALECTS[dialect]
    for rule in rules:
        with pytest.raises(UnsupportedByStore, match="Sounds"):
            rule(Sounds("key"), names(DOCUMENT))


@pytest.mark.anyio
async def test_a_node_without_a_rule_is_refused_by_the_store(store: Store, application: str) -> None:
    unknown = Sounds("place")
    with pytest.raises(UnsupportedByStore, match="Sounds"):
        await store.find(THINGS, ~unknown | Missing("key"))
    async with store.reading(application) as reader:
        with pytest.raises(UnsupportedByStore, match="Sounds"):
            await reader.rows(Rows(STAYS, unknown, ("place",)))
        with pytest.raises(UnsupportedByStore, match="Sounds"):
            await reader.aggregate(Aggregate(STAYS, base.EVERYTHING, ("place",), (unknown,)))  # type: ignore[arg-type]
