"""The plans of questions about presence: rollups where one can answer, facts only for filters on paths."""

from datetime import date

import pytest
from okube_api.catalogue.bands import Bands
from okube_api.catalogue.buckets import to_ordinal
from okube_api.catalogue.facts import PRESENCE_STAYS
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Granularity, Mode, Period
from okube_api.engine.plan import Plan
from okube_api.engine.planner import plan_question
from okube_api.engine.question import Question, RequestedKpi, ValueFilter, request_scope
from okube_api.store.plans import Aggregate, Count

KPIS = BY_NAME[Module.PRESENCE]
SITES = tuple(f"{number:024x}" for number in range(3))
DOORS = ValueFilter(("d" * 24,))


def build_plan(*asks: tuple[str, Scope, Granularity], with_filter: bool = False) -> Plan:
    """Plan some KPIs over two whole months and some days."""
    return plan_question(
        Question(
            application="a" * 24,
            period=Period(to_ordinal(date(2024, 1, 30)), to_ordinal(date(2024, 4, 2))),
            uplift=False,
            requested_kpis=tuple(
                RequestedKpi(KPIS[kpi], Mode.HISTOGRAM, by, all=True, temporals=True, scopes=(request_scope(scope),))
                for kpi, scope, by in asks
            ),
            places={PlaceRole.SITES: SITES},
            filters=((Scope.EQUIPMENTS, DOORS),) if with_filter else (),
            edges=dict.fromkeys(Bands, (0, 1)),
        )
    )


def list_tables(plan: Plan) -> set[str]:
    """Return the tables that a plan reads."""
    return {pass_.part.table.name for pass_ in plan.passes}


@pytest.mark.parametrize(
    ("kpi", "scope", "grains"),
    [
        ("sessions", Scope.SITES, ["presence_stays_site"]),
        ("attendance", Scope.GLOBALS, ["presence_stays_site"]),
        ("returning", Scope.SITES, ["presence_stays_site"]),
        ("timespent", Scope.EQUIPMENTS, ["presence_passages_equipment"]),
        ("timespentPerScope", Scope.SITES, ["presence_stays_dwell_band", "presence_stays_site"]),
        ("leaving", Scope.GLOBALS, ["presence_exits_site"]),
        ("leaving", Scope.EQUIPMENTS, ["presence_passage_exits_equipment"]),
        ("areaMatching", Scope.SITES, ["presence_passages_equipment"]),
        ("visitOrder", Scope.GLOBALS, ["presence_passages_equipment", "presence_passages_rank", "presence_steps_step"]),
    ],
)
def test_whole_months_and_the_days_around_them_are_read_from_rollups(kpi: str, scope: Scope, grains: list[str]) -> None:
    plan = build_plan((kpi, scope, Granularity.MONTH))
    assert list_tables(plan) == {f"{grain}_{span}" for grain in grains for span in ("day", "month")}
    assert len(plan.passes) == 3 * len(grains)
    assert list_tables(build_plan((kpi, scope, Granularity.WEEK))) == {f"{grain}_day" for grain in grains}


def test_filters_on_equipments_read_passages_from_their_rollup() -> None:
    for kpi in ("sessions", "attendance", "areaMatching"):
        scope = Scope.SITES if kpi == "areaMatching" else Scope.EQUIPMENTS
        assert list_tables(build_plan((kpi, scope, Granularity.WEEK), with_filter=True)) == {
            "presence_passages_equipment_day"
        }


def test_visitor_days_are_counted_when_a_filter_could_leave_out_their_mark() -> None:
    (pass_,) = build_plan(("attendance", Scope.SITES, Granularity.WEEK), with_filter=True).passes
    assert isinstance(pass_.node, Aggregate)
    assert (pass_.node.by, pass_.node.measures) == (("site", "week"), (Count("visitor_days"),))
    distinct = pass_.node.source
    assert isinstance(distinct, Aggregate)
    assert distinct.source == PRESENCE_STAYS.table
    assert set(distinct.by) == {"site", "week", "day", "user"}


def test_kpis_over_the_same_rows_share_passes() -> None:
    names = ("sessions", "entering", "attendance", "dropouts", "timespent", "uniqUsers", "acquisition", "returning")
    plan = build_plan(*((name, Scope.SITES, Granularity.WEEK) for name in names))
    assert [pass_.part.table.name for pass_ in plan.passes] == ["presence_stays_site_day"] * 2  # sums, and sets
