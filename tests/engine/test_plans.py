"""What some questions send to a store, kept as text: a change of plan shows as a change of these files.

`OKUBE_REWRITE_GOLDEN=1 pytest tests/engine/test_plans.py` writes them anew; the difference is then to be read.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from okube_api.catalogue.bands import Bands
from okube_api.catalogue.conversion import CONVERSION
from okube_api.catalogue.facts import OUTCOMES
from okube_api.catalogue.kpi import Kpi, Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Granularity, Mode, Period, to_ordinal
from okube_api.engine.plan import Pass, Plan
from okube_api.engine.planner import plan_question, subqueries, with_subqueries
from okube_api.engine.question import Question, RequestedKpi, RequestedScope
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


def asked(
    kpi: Kpi, *scopes: Scope, by: Granularity | None = Granularity.WEEK, mode: Mode = Mode.HISTOGRAM
) -> RequestedKpi:
    """A param; `by` None asks for the whole period only."""
    granularity = by or Granularity.DAY
    return RequestedKpi(
        kpi, mode, granularity, all=True, temporals=by is not None, scopes=tuple(map(RequestedScope, scopes))
    )


def question(*asks: RequestedKpi, days: tuple[date, date] = YEAR, **more: object) -> Question:
    """A question over three sites."""
    places = {PlaceRole.SITES: SITES, PlaceRole.POIS: (), PlaceRole.STUDY: SITES}
    base = Question(
        APPLICATION,
        Period(to_ordinal(days[0]), to_ordinal(days[1])),
        uplift=False,
        requested_kpis=asks,
        places=places,
        filters=(),
        edges=dict.fromkeys(Bands, (0, 1, 2)),
    )
    return replace(base, **more)  # type: ignore[arg-type]


def told(asked_: Question, *strangers: str) -> Question:
    """A question that knows which sites have rows: its own, and others."""
    return with_subqueries(asked_, dict.fromkeys(subqueries(asked_), (*SITES, *strangers)))


MODELS = tuple(CONV[f"offlineVisits{model}"] for model in ("Linear", "Shapley", "FC", "LC"))
BY_MONTH = Granularity.MONTH
QUESTIONS: Mapping[str, Question] = {
    "four_models_by_campaign_by_week": told(question(*(asked(kpi, Scope.CAMPAIGNS) for kpi in MODELS))),
    "four_models_by_campaign_with_a_closed_site": told(
        question(*(asked(kpi, Scope.CAMPAIGNS) for kpi in MODELS), uplift=True), CLOSED
    ),
    "return_by_lever_of_five_campaigns": told(
        question(
            *(asked(CONV[name], Scope.LEVERS, by=BY_MONTH) for name in ("offlineVisits", "offlineConversions", "roi")),
            days=LENT,
            selected_campaigns=CAMPAIGNS,
        )
    ),
    "one_site_by_campaign": question(
        asked(CONV["offlineVisits"], Scope.CAMPAIGNS),
        asked(CONV["cost"], Scope.CAMPAIGNS),
        places={PlaceRole.SITES: SITES[:1]},
        some_sites=True,
    ),
    "exposed_and_control_by_site": told(
        question(
            asked(CONV["comparisonOfflineVisits"], Scope.SITES, by=None),
            asked(CONV["venueRate"], Scope.SITES, by=None),
            days=LENT,
        )
    ),
    "twelve_params_of_four_kpis": question(
        *(
            asked(GEO[name], scope, by=granularity)
            for name in ("attendance", "posSessions", "timespent", "uniqUsers")
            for scope, granularity in (
                (Scope.GLOBALS, Granularity.DAY),
                (Scope.SITES, Granularity.DAY),
                (Scope.SITES, BY_MONTH),
            )
        )
    ),
    "users_by_home_on_weekends": question(
        asked(GEO["uniqUsers"], Scope.HOMES, by=None), asked(GEO["posSessions"], Scope.HOMES, by=None), weekdays=(6, 7)
    ),
}


def written(planned: Plan) -> str:
    """A plan as text: each pass, what it serves, and its statement in both dialects."""
    serves = [
        sum(number in numbers for numbers in planned.passes_of_need.values()) for number in range(len(planned.passes))
    ]
    return "\n".join(_written(one, count) for one, count in zip(planned.passes, serves, strict=True))


def _written(one: Pass, serves: int) -> str:
    visible = {"application": APPLICATION}
    if isinstance(one.node, Aggregate):
        sql, pipeline = aggregate_sql(one.node, APPLICATION), aggregate_pipeline(one.node, visible)
    else:
        sql, pipeline = select_sql(one.node, APPLICATION), select_pipeline(one.node, visible)
    piece = one.part
    return "\n".join(
        (
            f"== {piece.table.name}, {piece.span or 'fact'} {piece.low} to {piece.high}"
            f"{', taken away' if one.sign < 0 else ''}: serves {serves}",
            f"SQL      {sql[0]}",
            f"values   {json.dumps(sql[1])}",
            *(f"MongoDB  {json.dumps(stage)}" for stage in pipeline),
            "",
        )
    )


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_plan_is_as_it_was(name: str) -> None:
    path, text = GOLDEN / f"{name}.txt", written(plan_question(QUESTIONS[name]))
    if os.environ.get("OKUBE_REWRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_no_plan_is_kept_of_a_question_that_is_gone() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(QUESTIONS)


# -- passes shared ---------------------------------------------------------------------------------------------------


def reads(planned: Plan) -> list[str]:
    """The tables that a plan reads."""
    return [one.part.table.name for one in planned.passes]


def test_every_kpi_over_outcomes_shares_one_pass() -> None:
    over_outcomes = [kpi for kpi in CONVERSION if {t.slice.fact for t in kpi.value.terms(Scope.GLOBALS)} == {OUTCOMES}]
    counted = [kpi for kpi in over_outcomes if not kpi.name.startswith("timeBefore")]
    planned = plan_question(told(question(*(asked(kpi, Scope.GLOBALS, by=Granularity.DAY) for kpi in counted))))
    assert len(counted) > 15
    assert reads(planned) == ["outcomes_site_day"]


def test_all_sixty_six_need_a_pass_for_each_kind_of_row_and_no_more() -> None:
    planned = plan_question(told(question(*(asked(kpi, Scope.GLOBALS) for kpi in CONVERSION))))
    kinds = {(one.part.table.name, type(one.node)) for one in planned.passes}
    assert len(planned.passes) == len(kinds) == 11


def test_scopes_of_campaigns_share_their_rows() -> None:
    scopes = (Scope.CAMPAIGNS, Scope.LEVERS, Scope.EXTRAS)
    planned = plan_question(told(question(asked(CONV["offlineVisits"], *scopes), asked(CONV["revenues"], *scopes))))
    assert reads(planned) == ["outcomes_campaigns_day"]


def test_whole_months_come_from_month_rows_and_the_edges_from_days() -> None:
    planned = plan_question(told(question(asked(CONV["offlineVisits"], Scope.CAMPAIGNS, by=BY_MONTH), days=LENT)))
    assert [(one.part.span, one.part.high - one.part.low + 1) for one in planned.passes] == [
        ("day", 16),
        ("month", 1),
        ("day", 5),
    ]


@pytest.mark.parametrize(("strangers", "table"), [((CLOSED,), "outcomes_campaigns_day"), (SITES, "outcomes")])
def test_sites_are_taken_away_only_where_they_are_the_fewer(strangers: tuple[str, ...], table: str) -> None:
    one_site = {PlaceRole.SITES: SITES[:1]} if table == "outcomes" else {PlaceRole.SITES: SITES}
    planned = plan_question(told(question(asked(CONV["offlineVisits"], Scope.CAMPAIGNS), places=one_site), *strangers))
    assert reads(planned)[0] == table
    assert [one.sign for one in planned.passes] == ([1] if table == "outcomes" else [1, -1])
