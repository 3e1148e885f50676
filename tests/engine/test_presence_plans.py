"""What questions about presence read: rollups wherever one covers, and facts only where a filter crosses paths."""

from datetime import date

import pytest
from okube_api.catalogue.bands import Bands
from okube_api.catalogue.facts import PRESENCE_STAYS
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Granularity, Mode, Period, to_ordinal
from okube_api.engine.plan import Plan
from okube_api.engine.planner import plan_question
from okube_api.engine.question import Question, RequestedKpi, RequestedScope, ValueFilter
from okube_api.store.plans import Aggregate, Count

KPIS = BY_NAME[Module.PRESENCE]
SITES = tuple(f"{number:024x}" for number in range(3))
DOORS = ValueFilter(("d" * 24,))


def planned(*asks: tuple[str, Scope, Granularity], door: bool = False) -> Plan:
    """The plan of some KPIs over two whole months and some days."""
    return plan_question(
        Question(
            application="a" * 24,
            period=Period(to_ordinal(date(2024, 1, 30)), to_ordinal(date(2024, 4, 2))),
            uplift=False,
            requested_kpis=tuple(
                RequestedKpi(KPIS[kpi], Mode.HISTOGRAM, by, all=True, temporals=True, scopes=(RequestedScope(scope),))
                for kpi, scope, by in asks
            ),
            places={PlaceRole.SITES: SITES},
            filters=((Scope.EQUIPMENTS, DOORS),) if door else (),
            edges=dict.fromkeys(Bands, (0, 1)),
        )
    )


def tables(found: Plan) -> set[str]:
    """The tables that a plan reads."""
    return {one.part.table.name for one in found.passes}


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
def test_rollups_of_whole_months_and_of_the_days_around_them(kpi: str, scope: Scope, grains: list[str]) -> None:
    found = planned((kpi, scope, Granularity.MONTH))
    assert tables(found) == {f"{grain}_{span}" for grain in grains for span in ("day", "month")}
    assert len(found.passes) == 3 * len(grains)
    assert tables(planned((kpi, scope, Granularity.WEEK))) == {f"{grain}_day" for grain in grains}


def test_filters_on_equipments_leave_passages_in_their_rollup() -> None:
    for kpi in ("sessions", "attendance", "areaMatching"):
        scope = Scope.SITES if kpi == "areaMatching" else Scope.EQUIPMENTS
        assert tables(planned((kpi, scope, Granularity.WEEK), door=True)) == {"presence_passages_equipment_day"}


def test_visitor_days_are_counted_anew_where_a_filter_could_leave_their_mark_out() -> None:
    (one,) = planned(("attendance", Scope.SITES, Granularity.WEEK), door=True).passes
    assert isinstance(one.node, Aggregate)
    assert (one.node.by, one.node.measures) == (("site", "week"), (Count("visitor_days"),))
    distinct = one.node.source
    assert isinstance(distinct, Aggregate)
    assert distinct.source == PRESENCE_STAYS.table
    assert set(distinct.by) == {"site", "week", "day", "user"}


def test_what_looks_at_the_same_rows_reads_them_once() -> None:
    names = ("sessions", "entering", "attendance", "dropouts", "timespent", "uniqUsers", "acquisition", "returning")
    found = planned(*((name, Scope.SITES, Granularity.WEEK) for name in names))
    assert [one.part.table.name for one in found.passes] == ["presence_stays_site_day"] * 2  # sums, and sets
