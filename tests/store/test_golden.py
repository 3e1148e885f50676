"""Tests of a few plans as SQL and pipelines, for reviews.

Write the files again with `python -m tests.store.test_golden`.
"""

import json
from pathlib import Path

import pytest
from okube_api.catalogue.fact import Span
from okube_api.catalogue.facts import GEO_STAYS
from okube_api.store.column_types import DeclaredFields
from okube_api.store.conditions import Between, Contains, Missing, Not, OneOf, Overlaps, equal
from okube_api.store.duckdb.documents import DuckDocuments
from okube_api.store.duckdb.sql import aggregate_sql, select_sql
from okube_api.store.mongo.manifests import Manifest
from okube_api.store.mongo.pipeline import aggregate_pipeline, select_pipeline, to_match
from okube_api.store.plan_analysis import infer_part_range, resolve_source
from okube_api.store.plans import Aggregate, Band, Count, Each, Max, Min, Select, Sum

from tests.conformance.declared import DOCUMENTS, STAYS

FOLDER = Path(__file__).parent / "golden"
APPLICATION = "64f0c0c0a1b2c3d4e5f60718"
DAYS = GEO_STAYS.rollup(GEO_STAYS.grains[0], Span.DAY)
YEAR = Between("part", 20_454, 20_818)
CURRENT = Manifest(dict.fromkeys(range(20400, 20900), (3, 500)))

PLANS: dict[str, Aggregate | Select] = {
    "stays_per_day": Aggregate(DAYS, YEAR & equal("zone", "indoor"), ("day",), (Sum("stays", "stays"),)),
    "dwell_by_place_and_month": Aggregate(
        DAYS, YEAR & OneOf("place", ("a", "b")), ("place", "month"), (Sum("stays", "stays"), Sum("dwell", "dwell"))
    ),
    "sets_of_a_place": Select(DAYS, YEAR & equal("place", "a"), ("month", "users")),
    "every_measure_by_band": Aggregate(
        STAYS,
        Not(Missing("place")) | Overlaps("campaigns", ("c1", "c2")),
        (Band("dwell_s", (0, 60, 3600), "band"), Each("campaigns", "campaign"), Each("counts", "count")),
        (
            Sum("dwell_s", "s"),
            Sum("dwell_s", "w", times="weight"),
            Count("n"),
            Min("dwell_s", "l"),
            Max("weight", "h"),
        ),
    ),
    "visitors_by_frequency": Aggregate(
        Aggregate(STAYS, YEAR, ("weight", "place"), (Count("visits"),)),
        Between("visits", 2, None),
        (Band("visits", (1, 2, 5), "frequency"),),
        (Count("users"), Sum("visits", "visits")),
    ),
}
CONDITIONS = {
    "find_by_name_and_text": equal("application", APPLICATION)
    & Overlaps("names", ("a'b", 'c"d'))
    & Contains("Éragny (95)")
    & ~Between("count", 1, None),
}


def render_sql(name: str) -> str:
    """Return what is sent to DuckDB: the statement, then its parameters."""
    if name in CONDITIONS:
        text, values = DuckDocuments(DOCUMENTS).find(CONDITIONS[name], (), 25, 25)
    elif isinstance(plan := PLANS[name], Select):
        text, values = select_sql(plan, APPLICATION)
    else:
        text, values = aggregate_sql(plan, APPLICATION)
    return "\n".join([text, *(f"-- {value!r}" for value in values)]) + "\n"


def render_pipeline(name: str) -> str:
    """Return what is sent to MongoDB."""
    if name in CONDITIONS:
        stages: object = to_match(CONDITIONS[name], DeclaredFields({**DOCUMENTS.fields}, search=True))
    else:
        plan = PLANS[name]
        visible = {"application": APPLICATION, **CURRENT.match_visible(*infer_part_range(resolve_source(plan)[1]))}
        stages = select_pipeline(plan, visible) if isinstance(plan, Select) else aggregate_pipeline(plan, visible)
    return json.dumps(stages, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", [*PLANS, *CONDITIONS])
def test_statements_are_as_reviewed(name: str) -> None:
    assert render_sql(name) == (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    assert render_pipeline(name) == (FOLDER / f"{name}.json").read_text(encoding="utf-8")


def test_every_file_has_a_plan() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {*PLANS, *CONDITIONS}


def write_files() -> None:
    """Write what is sent now: look at the difference before you commit it."""
    for name in (*PLANS, *CONDITIONS):
        (FOLDER / f"{name}.sql").write_text(render_sql(name), encoding="utf-8")
        (FOLDER / f"{name}.json").write_text(render_pipeline(name), encoding="utf-8")


if __name__ == "__main__":
    write_files()
