"""The reasons that a plan records for sources that it does not read."""

from dataclasses import replace
from datetime import date

import pytest
from okube_api.catalogue.bands import Bands
from okube_api.catalogue.buckets import first_day, to_date, to_ordinal
from okube_api.catalogue.fact import Span
from okube_api.catalogue.facts import FACTS
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Granularity, Mode, Period
from okube_api.engine.plan import Plan
from okube_api.engine.planner import plan_question, subqueries, with_subqueries
from okube_api.engine.question import Question, RequestedKpi, ValueFilter, request_scope

SITES, CLOSED_SITE = ("a" * 24, "b" * 24, "c" * 24), "d" * 24
BANDS = ("dwell_band", "gap_band", "home_band", "work_band")
MONTH, WEEK = Granularity.MONTH, Granularity.WEEK


def build_question(
    module: Module,
    kpi: str,
    scope: Scope = Scope.GLOBALS,
    *,
    by: Granularity = MONTH,
    filters: tuple[tuple[Scope, ValueFilter], ...] = (),
    weekdays: tuple[int, ...] | None = None,
    last: date = date(2024, 3, 15),
    complete: bool = False,
) -> Question:
    """Build a question from the middle of January to `last`, about one KPI.

    complete: whether all facts have the newest rollups.
    """
    return Question(
        application="e" * 24,
        period=Period(to_ordinal(date(2024, 1, 15)), to_ordinal(last)),
        uplift=False,
        requested_kpis=(
            RequestedKpi(
                BY_NAME[module][kpi], Mode.HISTOGRAM, by, all=True, temporals=True, scopes=(request_scope(scope),)
            ),
        ),
        places={PlaceRole.SITES: SITES, PlaceRole.POIS: (), PlaceRole.STUDY: SITES},
        filters=filters,
        edges=dict.fromkeys(Bands, (0, 1)),
        weekdays=weekdays,
        complete_facts=frozenset(fact.name for fact in FACTS) if complete else frozenset(),
    )


def reasons(plan: Plan, number: int = 0) -> dict[str, str]:
    """Return the rejected sources of a pass, with the reasons."""
    return {source.table: source.reason for source in plan.rejected[number]}


def test_a_grain_without_a_column_says_which() -> None:
    plan = plan_question(build_question(Module.GEO_MARKETING, "posSessions", Scope.HOMES))
    assert plan.passes[0].part.table.name == "geo_stays"
    assert reasons(plan)["geo_stays_place"] == "It has no dimension `home`."
    assert set(reasons(plan)) == {f"geo_stays_{name}" for name in ("place", "zone", "hour", "zone_hour", *BANDS)}


def test_a_grain_without_a_sum_or_a_set_says_which() -> None:
    plan = plan_question(build_question(Module.GEO_MARKETING, "attendance"))
    assert plan.passes[0].part.table.name == "geo_stays_place_day"
    assert reasons(plan)["geo_stays_gap_band"] == "It has no sum of `visitor_days`."
    plan = plan_question(build_question(Module.GEO_MARKETING, "uniqUsers"))
    assert reasons(plan)["geo_stays_gap_band"] == "It has no set of users `users` by day."


def test_a_larger_source_says_which_is_smaller() -> None:
    plan = plan_question(build_question(Module.GEO_MARKETING, "posSessions"))
    assert reasons(plan) == {
        **{f"geo_stays_{name}": "`geo_stays_place` has fewer dimensions." for name in ("hour", *BANDS)},
        "geo_stays": "`geo_stays_place` has fewer rows.",
        "geo_stays_place_week": "Its rows are weeks; buckets by `month` need days.",
        "geo_stays_zone": "It has no dimension `place`.",
        "geo_stays_zone_hour": "It has no dimension `place`.",
    }


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (
            build_question(Module.GEO_MARKETING, "posSessions", by=WEEK),
            "Its rows are months; buckets by `week` need days.",
        ),
        (
            build_question(Module.GEO_MARKETING, "posSessions", weekdays=(6, 7)),
            "Its rows are months; the filter on weekdays needs days.",
        ),
        (
            build_question(Module.GEO_MARKETING, "posSessions", last=date(2024, 2, 15)),
            "No whole month lies in the period.",
        ),
        (
            build_question(Module.GEO_MARKETING, "returningPerScope", Scope.SITES),
            "Its rows are months; visitor-days need days.",
        ),
    ],
)
def test_month_rows_say_why_days_are_read(question: Question, reason: str) -> None:
    plan = plan_question(question)
    assert {pass_.part.table.name for pass_ in plan.passes} == {"geo_stays_place_day"}
    assert reasons(plan)["geo_stays_place_month"] == reason


def list_parts(plan: Plan) -> list[tuple[str, date, date]]:
    """Return the table of each pass, and the first and last day that it reads."""
    parts = [pass_.part for pass_ in plan.passes]
    return [
        (
            part.table.name,
            to_date(first_day(part.span or Span.DAY, part.low)),
            to_date(first_day(part.span or Span.DAY, part.high + 1) - 1),
        )
        for part in parts
    ]


@pytest.mark.parametrize("kpi", ["posSessions", "uniqUsers"])
def test_whole_weeks_are_read_from_week_rows_and_the_edges_from_days(kpi: str) -> None:
    question = build_question(Module.GEO_MARKETING, kpi, Scope.SITES, by=WEEK, complete=True)
    plan = plan_question(question)
    assert list_parts(plan) == [
        ("geo_stays_place_week", date(2024, 1, 15), date(2024, 3, 10)),
        ("geo_stays_place_day", date(2024, 3, 11), date(2024, 3, 15)),
    ]
    assert reasons(plan)["geo_stays_place_month"] == "Its rows are months; buckets by `week` need days."
    (first, *_) = plan_question(replace(question, complete_facts=frozenset())).passes
    assert first.part.table.name == "geo_stays_place_day"


def test_weeks_are_read_around_whole_months_without_buckets() -> None:
    question = build_question(Module.GEO_MARKETING, "uniqUsers", Scope.SITES, complete=True)
    (request,) = question.requested_kpis
    plan = plan_question(replace(question, requested_kpis=(replace(request, temporals=False),)))
    assert list_parts(plan) == [
        ("geo_stays_place_week", date(2024, 1, 15), date(2024, 1, 28)),
        ("geo_stays_place_day", date(2024, 1, 29), date(2024, 1, 31)),
        ("geo_stays_place_month", date(2024, 2, 1), date(2024, 2, 29)),
        ("geo_stays_place_day", date(2024, 3, 1), date(2024, 3, 15)),
    ]


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (
            build_question(Module.GEO_MARKETING, "posSessions", Scope.SITES, by=WEEK),
            "It has no rows of earlier days until the facts are rebuilt.",
        ),
        (
            build_question(
                Module.GEO_MARKETING, "posSessions", Scope.SITES, by=WEEK, last=date(2024, 1, 27), complete=True
            ),
            "No two whole weeks lie in the period, or in what whole months leave of it.",
        ),
        (
            build_question(Module.GEO_MARKETING, "posSessions", Scope.SITES, by=WEEK, weekdays=(1,), complete=True),
            "Its rows are weeks; the filter on weekdays needs days.",
        ),
        (
            build_question(Module.GEO_MARKETING, "returningPerScope", Scope.SITES, by=WEEK, complete=True),
            "Its rows are weeks; visitor-days need days.",
        ),
    ],
)
def test_week_rows_say_why_days_are_read(question: Question, reason: str) -> None:
    plan = plan_question(question)
    assert {pass_.part.table.name for pass_ in plan.passes} == {"geo_stays_place_day"}
    assert reasons(plan)["geo_stays_place_week"] == reason


def test_rows_of_all_places_together_answer_globals() -> None:
    question = build_question(Module.GEO_MARKETING, "uniqUsers", complete=True)
    complete = with_subqueries(question, dict.fromkeys(subqueries(question), SITES))
    assert {pass_.part.table.name for pass_ in plan_question(complete).passes} == {
        "geo_stays_zone_day",
        "geo_stays_zone_month",
    }
    other = with_subqueries(question, dict.fromkeys(subqueries(question), (*SITES, CLOSED_SITE)))
    plan = plan_question(other)
    assert {pass_.part.table.name for pass_ in plan.passes} == {"geo_stays_place_day", "geo_stays_place_month"}
    assert reasons(plan)["geo_stays_zone"] == "It has no dimension `place`, and sets of users cannot be subtracted."
    assert not subqueries(replace(question, complete_facts=frozenset()))


def test_hours_of_all_places_are_read_from_rows_of_all_places_together() -> None:
    question = build_question(Module.GEO_MARKETING, "posSessions", by=Granularity.HOUR, complete=True)
    everywhere = with_subqueries(question, dict.fromkeys(subqueries(question), SITES))
    assert {pass_.part.table.name for pass_ in plan_question(everywhere).passes} == {"geo_stays_zone_hour_day"}
    most = with_subqueries(question, dict.fromkeys(subqueries(question), (*SITES, CLOSED_SITE)))
    assert [(pass_.part.table.name, pass_.sign) for pass_ in plan_question(most).passes] == [
        ("geo_stays_zone_hour_day", 1),
        ("geo_stays_hour_day", -1),
    ]
    by_site = build_question(Module.GEO_MARKETING, "posSessions", Scope.SITES, by=Granularity.HOUR, complete=True)
    assert {pass_.part.table.name for pass_ in plan_question(by_site).passes} == {"geo_stays_hour_day"}


def test_visitor_days_are_not_read_from_rows_of_all_places_together() -> None:
    question = build_question(Module.GEO_MARKETING, "returningPerScope", complete=True)
    assert not subqueries(question)
    assert reasons(plan_question(question))["geo_stays_zone"] == "It has no dimension `place`."


def test_a_grain_without_extremes_names_them() -> None:
    plan = plan_question(build_question(Module.PRESENCE, "rangeAmplitude"))
    assert reasons(plan)["presence_stays_site"] == "It has no extremes of `end`, `start` by user."


def test_a_mark_that_cannot_be_summed_names_the_column() -> None:
    doors = ((Scope.EQUIPMENTS, ValueFilter(("f" * 24,))),)
    plan = plan_question(build_question(Module.PRESENCE, "attendance", filters=doors))
    assert reasons(plan)["presence_stays_site"] == "`visitor_days` cannot be summed under a condition on `path`."


def test_rows_of_other_places_are_subtracted_or_say_why_not() -> None:
    question = build_question(Module.CONVERSION, "offlineVisits", Scope.CAMPAIGNS)
    complete = with_subqueries(question, dict.fromkeys(subqueries(question), (*SITES, CLOSED_SITE)))
    plan = plan_question(complete)
    assert "outcomes_campaigns" not in reasons(plan)
    assert reasons(plan)["outcomes_site"] == "It has no dimension `campaigns`."

    plan = plan_question(question)
    assert plan.passes[0].part.table.name == "outcomes"
    reason = "It has no dimension `site`, and the rows of other places are too many."
    assert reasons(plan)["outcomes_campaigns"] == reason

    complete = with_subqueries(question, dict.fromkeys(subqueries(question), SITES))
    plan = plan_question(complete)
    assert reasons(plan)["outcomes"] == (
        "`outcomes_campaigns` has fewer dimensions, and every place with rows is in the question."
    )


def test_every_pass_has_its_reasons() -> None:
    plan = plan_question(build_question(Module.CONVERSION, "globalLeverPerformance", Scope.LEVERS))
    assert len(plan.rejected) == len(plan.passes)
    for pass_, rejected in zip(plan.passes, plan.rejected, strict=True):
        assert all(source.reason.endswith(".") and source.table != pass_.part.table.name for source in rejected)
