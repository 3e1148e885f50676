"""The plans of some questions, compared with text files: a change of a plan is a change of these files.

`OKUBE_REWRITE_GOLDEN=1 pytest tests/engine/test_plans.py` writes them again; then review the difference.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from okube_api.catalogue.bands import Bands
from okube_api.catalogue.buckets import to_ordinal
from okube_api.catalogue.conversion import CONVERSION
from okube_api.catalogue.facts import OUTCOMES
from okube_api.catalogue.kpi import Kpi, Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Granularity, Mode, Period
from okube_api.engine.plan import Pass, Plan
from okube_api.engine.planner import plan_question, subqueries, with_subqueries
from okube_api.engine.question import Question, RequestedKpi, request_scope
from okube_api.store.duckdb.sql import aggregate_sql, select_sql
from okube_api.store.mongo.pipeline import aggregate_pipeline, select_pipeline
from okube_api.store.plans import Aggregate

GOLDEN = Path(__file__).parent / "golden"
APPLICATION = "a" * 24
SITES = tuple(f"{number:024x}" for number in range(1, 4))
CLOSED = f"{9:024x}"
CAMPAIGNS = tuple(f"c{number:023x}" for number in range(1, 6))
YEAR, LENT = (date(2024, 1, 1), date(2024, 12, 31)), (date(2024, 2, 14), date(2024, 4, 5))
GEO, CONV = BY_NAME[Module.GEO_MARKETING], BY_NAME[Module.CONVERSION]


def request_kpi(
    kpi: Kpi, *scopes: Scope, by: Granularity | None = Granularity.WEEK, mode: Mode = Mode.HISTOGRAM
) -> RequestedKpi:
    """Return a param; `by` None requests the whole period only."""
    granularity = by or Granularity.DAY
    return RequestedKpi(
        kpi, mode, granularity, all=True, temporals=by is not None, scopes=tuple(map(request_scope, scopes))
    )


def build_question(*requested: RequestedKpi, days: tuple[date, date] = YEAR, **more: object) -> Question:
    """Return a question about three sites."""
    places = {PlaceRole.SITES: SITES, PlaceRole.POIS: (), PlaceRole.STUDY: SITES}
    base = Question(
        APPLICATION,
        Period(to_ordinal(days[0]), to_ordinal(days[1])),
        uplift=False,
        requested_kpis=requested,
        places=places,
        filters=(),
        edges=dict.fromkeys(Bands, (0, 1, 2)),
    )
    return replace(base, **more)  # type: ignore[arg-type]


def with_known_sites(question: Question, *other_sites: str) -> Question:
    """Return the question with the results of its subqueries: its own sites and others have rows."""
    return with_subqueries(question, dict.fromkeys(subqueries(question), (*SITES, *other_sites)))


MODELS = tuple(CONV[f"offlineVisits{model}"] for model in ("Linear", "Shapley", "FC", "LC"))
BY_MONTH = Granularity.MONTH
QUESTIONS: Mapping[str, Question] = {
    "four_models_by_campaign_by_week": with_known_sites(
        build_question(*(request_kpi(kpi, Scope.CAMPAIGNS) for kpi in MODELS))
    ),
    "four_models_by_campaign_with_a_closed_site": with_known_sites(
        build_question(*(request_kpi(kpi, Scope.CAMPAIGNS) for kpi in MODELS), uplift=True), CLOSED
    ),
    "return_by_lever_of_five_campaigns": with_known_sites(
        build_question(
            *(
                request_kpi(CONV[name], Scope.LEVERS, by=BY_MONTH)
                for name in ("offlineVisits", "offlineConversions", "roi")
            ),
            days=LENT,
            selected_campaigns=CAMPAIGNS,
        )
    ),
    "one_site_by_campaign": build_question(
        request_kpi(CONV["offlineVisits"], Scope.CAMPAIGNS),
        request_kpi(CONV["cost"], Scope.CAMPAIGNS),
        places={PlaceRole.SITES: SITES[:1]},
        some_sites=True,
    ),
    "exposed_and_control_by_site": with_known_sites(
        build_question(
            request_kpi(CONV["comparisonOfflineVisits"], Scope.SITES, by=None),
            request_kpi(CONV["venueRate"], Scope.SITES, by=None),
            days=LENT,
        )
    ),
    "twelve_params_of_four_kpis": build_question(
        *(
            request_kpi(GEO[name], scope, by=granularity)
            for name in ("attendance", "posSessions", "timespent", "uniqUsers")
            for scope, granularity in (
                (Scope.GLOBALS, Granularity.DAY),
                (Scope.SITES, Granularity.DAY),
                (Scope.SITES, BY_MONTH),
            )
        )
    ),
    "users_by_home_on_weekends": build_question(
        request_kpi(GEO["uniqUsers"], Scope.HOMES, by=None),
        request_kpi(GEO["posSessions"], Scope.HOMES, by=None),
        weekdays=(6, 7),
    ),
}


def render_plan(plan: Plan) -> str:
    """Return a plan as text: each pass, the number of needs it serves, and its statement in both dialects."""
    serves = [sum(number in numbers for numbers in plan.passes_of_need.values()) for number in range(len(plan.passes))]
    return "\n".join(_render_pass(pass_, count) for pass_, count in zip(plan.passes, serves, strict=True))


def _render_pass(pass_: Pass, serves: int) -> str:
    visible = {"application": APPLICATION}
    if isinstance(pass_.node, Aggregate):
        sql, pipeline = aggregate_sql(pass_.node, APPLICATION), aggregate_pipeline(pass_.node, visible)
    else:
        sql, pipeline = select_sql(pass_.node, APPLICATION), select_pipeline(pass_.node, visible)
    part = pass_.part
    return "\n".join(
        (
            f"== {part.table.name}, {part.span or 'fact'} {part.low} to {part.high}"
            f"{', subtracted' if pass_.sign < 0 else ''}: serves {serves}",
            f"SQL      {sql[0]}",
            f"values   {json.dumps(sql[1])}",
            *(f"MongoDB  {json.dumps(stage)}" for stage in pipeline),
            "",
        )
    )


@pytest.mark.parametrize("name", QUESTIONS)
def test_plans_equal_the_golden_files(name: str) -> None:
    path, text = GOLDEN / f"{name}.txt", render_plan(plan_question(QUESTIONS[name]))
    if os.environ.get("OKUBE_REWRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_every_golden_file_has_a_question() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(QUESTIONS)


# -- passes shared ---------------------------------------------------------------------------------------------------


def list_tables(plan: Plan) -> list[str]:
    """Return the tables that a plan reads."""
    return [pass_.part.table.name for pass_ in plan.passes]


def test_all_kpis_over_outcomes_share_a_pass() -> None:
    over_outcomes = [kpi for kpi in CONVERSION if {t.slice.fact for t in kpi.value.terms(Scope.GLOBALS)} == {OUTCOMES}]
    kpis = [kpi for kpi in over_outcomes if not kpi.name.startswith("timeBefore")]
    plan = plan_question(
        with_known_sites(build_question(*(request_kpi(kpi, Scope.GLOBALS, by=Granularity.DAY) for kpi in kpis)))
    )
    assert len(kpis) > 15
    assert list_tables(plan) == ["outcomes_site_day"]


def test_all_kpis_together_need_one_pass_per_kind_of_row() -> None:
    plan = plan_question(with_known_sites(build_question(*(request_kpi(kpi, Scope.GLOBALS) for kpi in CONVERSION))))
    kinds = {(pass_.part.table.name, type(pass_.node)) for pass_ in plan.passes}
    assert len(plan.passes) == len(kinds) == 12


def test_scopes_of_campaigns_share_a_pass() -> None:
    scopes = (Scope.CAMPAIGNS, Scope.LEVERS, Scope.EXTRAS)
    plan = plan_question(
        with_known_sites(
            build_question(request_kpi(CONV["offlineVisits"], *scopes), request_kpi(CONV["revenues"], *scopes))
        )
    )
    assert list_tables(plan) == ["outcomes_campaigns_day"]


def test_whole_months_are_read_from_month_rows_and_the_edges_from_days() -> None:
    plan = plan_question(
        with_known_sites(build_question(request_kpi(CONV["offlineVisits"], Scope.CAMPAIGNS, by=BY_MONTH), days=LENT))
    )
    assert [(pass_.part.span, pass_.part.high - pass_.part.low + 1) for pass_ in plan.passes] == [
        ("day", 16),
        ("month", 1),
        ("day", 5),
    ]


@pytest.mark.parametrize(("other_sites", "table"), [((CLOSED,), "outcomes_campaigns_day"), (SITES, "outcomes")])
def test_other_sites_are_subtracted_only_if_they_are_the_minority(other_sites: tuple[str, ...], table: str) -> None:
    one_site = {PlaceRole.SITES: SITES[:1]} if table == "outcomes" else {PlaceRole.SITES: SITES}
    plan = plan_question(
        with_known_sites(
            build_question(request_kpi(CONV["offlineVisits"], Scope.CAMPAIGNS), places=one_site), *other_sites
        )
    )
    assert list_tables(plan)[0] == table
    assert [pass_.sign for pass_ in plan.passes] == ([1] if table == "outcomes" else [1, -1])
