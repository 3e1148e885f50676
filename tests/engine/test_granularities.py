"""Which granularities KPIs have."""

from itertools import product

import pytest
from okube_api.catalogue.kpi import Kpi, Module
from okube_api.catalogue.registry import BY_NAME, CATALOGUE
from okube_api.engine.calendar import HOURLY, Granularity, Mode
from okube_api.engine.dimensions import Dimension
from okube_api.engine.granularities import find_granularity_problem

KPIS = [pytest.param(kpi, id=f"{module}-{kpi.name}") for module, kpis in CATALOGUE.items() for kpi in kpis]
ABOUT_DAYS = ("returningPerScope", "rangeAmplitude")
KNOWN_BY_DAY = ("cost", "prints", "ctr", "roi", "venueRate", "comparisonOfflineVisits", "cohortRevenues")


@pytest.mark.parametrize("kpi", KPIS)
def test_every_kpi_has_all_granularities_of_days(kpi: Kpi) -> None:
    for mode, granularity in product(Mode, set(Granularity) - HOURLY):
        assert find_granularity_problem(kpi, (), mode, granularity) is None


@pytest.mark.parametrize("kpi", KPIS)
def test_hours_do_not_depend_on_the_scope(kpi: Kpi) -> None:
    by_globals = find_granularity_problem(kpi, (), Mode.HISTOGRAM, Granularity.HOUR)
    for scope in kpi.scopes:
        by_scope = find_granularity_problem(kpi, (Dimension(scope),), Mode.HISTOGRAM, Granularity.HOUR)
        assert (by_scope is None) == (by_globals is None)


@pytest.mark.parametrize("name", KNOWN_BY_DAY)
def test_what_is_known_by_the_day_only_has_no_hours(name: str) -> None:
    kpi = BY_NAME[Module.CONVERSION][name]
    for mode, granularity in ((Mode.HISTOGRAM, Granularity.HOUR), (Mode.AGGREGATION, Granularity.HOUR_OF_WEEK)):
        problem = find_granularity_problem(kpi, (), mode, granularity)
        assert problem is not None
        assert f"'{name}'" in problem
        assert "known by the day only" in problem


@pytest.mark.parametrize("module", [module for module in Module if module is not Module.CONVERSION])
def test_what_happens_at_an_instant_has_hours(module: Module) -> None:
    for kpi in (kpi for kpi in CATALOGUE[module] if kpi.name not in ABOUT_DAYS):
        assert find_granularity_problem(kpi, (), Mode.AGGREGATION, Granularity.HOUR_OF_WEEK) is None
        assert find_granularity_problem(kpi, (), Mode.HISTOGRAM, Granularity.HOUR) is None


@pytest.mark.parametrize("name", ABOUT_DAYS)
def test_days_of_a_visitor_have_no_hours(name: str) -> None:
    kpi = next(kpi for kpis in CATALOGUE.values() for kpi in kpis if kpi.name == name)
    for mode, granularity in ((Mode.HISTOGRAM, Granularity.HOUR), (Mode.AGGREGATION, Granularity.HOUR_OF_WEEK)):
        assert "whole days of a visitor" in (find_granularity_problem(kpi, (), mode, granularity) or "")


def test_hours_of_the_week_are_categories_only() -> None:
    problem = find_granularity_problem(
        BY_NAME[Module.PRESENCE]["sessions"], (), Mode.HISTOGRAM, Granularity.HOUR_OF_WEEK
    )
    assert problem is not None
    assert "'aggregation'" in problem
