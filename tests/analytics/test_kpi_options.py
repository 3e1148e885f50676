"""What the catalogue says of groupings and options of KPIs."""

from typing import Any, get_args

import pytest
from okube_api.analytics.kpi_options import describe_options
from okube_api.analytics.schemas.parts import GranularityName
from okube_api.catalogue.kpi import Kpi, KpiKind, Module
from okube_api.catalogue.registry import BY_NAME, CATALOGUE
from okube_api.engine.calendar import HOURLY, Granularity

KPIS = [pytest.param(kpi, id=f"{module}-{kpi.name}") for module, kpis in CATALOGUE.items() for kpi in kpis]


def describe(module: Module, name: str) -> Any:
    """Return the options of a KPI."""
    return describe_options(BY_NAME[module][name])


@pytest.mark.parametrize("kpi", KPIS)
def test_every_scope_is_a_grouping(kpi: Kpi) -> None:
    options = describe_options(kpi)
    assert set(kpi.scopes) <= set(options["by"])
    assert all(set(pair["by"]) <= set(options["by"]) for pair in options["impossiblePairs"])
    assert all(pair["reason"] for pair in options["impossiblePairs"])


@pytest.mark.parametrize("kpi", KPIS)
def test_granularities_of_requests_are_listed(kpi: Kpi) -> None:
    names = get_args(GranularityName)
    days = [name for name in names if Granularity(name) not in HOURLY]
    assert {mode: set(listed) & set(days) for mode, listed in describe_options(kpi)["granularities"].items()} == {
        "histogram": set(days),
        "aggregation": set(days),
    }


@pytest.mark.parametrize("kpi", KPIS)
def test_only_additive_values_sum_to_the_whole(kpi: Kpi) -> None:
    summing = {name for name, grouping in describe_options(kpi)["by"].items() if grouping["sumsToWhole"]}
    assert not summing & {"extras", "equipments", "equipments.type", "sites.tags", "campaigns.tags", "pois.tags"}
    if kpi.kind is KpiKind.PARTICIPATION:
        assert {"sites", "sites.type", "sites.attributes.<name>"} <= summing
        assert not summing & {"campaigns", "levers", "campaigns.provider", "extras.<name>"}
    elif kpi.kind is not KpiKind.ADDITIVE:
        assert not summing


def test_groupings_of_some_kpis() -> None:
    cost = describe(Module.CONVERSION, "cost")["by"]
    assert {name for name, grouping in cost.items() if not grouping["sumsToWhole"]} == {
        "extras",
        "sites.tags",
        "campaigns.tags",
    }
    poi_sessions = describe(Module.GEO_MARKETING, "poiSessions")["by"]
    assert {name for name, grouping in poi_sessions.items() if grouping["sumsToWhole"]} == {
        *("homes", "works", "zones", "pois", "pois.type"),
    }
    orders = describe(Module.PRESENCE, "visitOrder")["by"]
    assert (orders["equipments"]["others"], orders["sites"]["others"], "equipments.type" in orders) == (
        False,
        True,
        False,
    )


def test_pairs_that_rows_cannot_tell_apart() -> None:
    pairs = [pair["by"] for pair in describe(Module.CONVERSION, "venueRate")["impossiblePairs"]]
    assert ["sites", "campaigns"] in pairs
    assert ["sites.attributes.<name>", "extras.<name>"] in pairs
    assert ["campaigns", "campaigns.provider"] not in pairs
    assert describe(Module.CONVERSION, "prints")["impossiblePairs"] == []


@pytest.mark.parametrize(
    ("module", "name", "share", "change"),
    [
        (Module.PRESENCE, "sessions", True, "relative"),
        (Module.PRESENCE, "uniqUsers", True, "relative"),
        (Module.PRESENCE, "timespent", False, "relative"),
        (Module.CONVERSION, "ctr", False, "difference"),
        (Module.CONVERSION, "roi", False, "difference"),
        (
            Module.CONVERSION,
            "offlineVisitsAndConversions",
            False,
            {"visits": "relative", "conversions": "relative", "rate": "difference"},
        ),
        (Module.PERFORMANCE, "attributedShare", False, "difference"),
    ],
)
def test_shares_and_changes(module: Module, name: str, share: bool, change: Any) -> None:
    options = describe(module, name)
    assert ("share" in options["options"], options["change"]) == (share, change)
