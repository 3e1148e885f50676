"""The questions of the benchmarks, as requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from okube_api.bench.world import CAMPAIGNS
from okube_api.catalogue.kpi import Module

_GEO = "/applications/bench/studies/all/geo-marketing/analytics?from=2025-01-01&to=2025-12-31&uplift=false"
_CONVERSION = "/applications/bench/conversions/levers/analytics?from=2025-01-01&to=2025-12-31&uplift=false"
_PRESENCE = "/applications/bench/presence/analytics?from=2025-01-01&to=2025-12-31"


@dataclass(frozen=True, slots=True)
class Work:
    """A question: its name, what it asks in words, the path with its query, the body.

    goal: at most so many times the time of `against`, or of the fastest beside the product; None without a goal.
    """

    name: str
    about: str
    module: Module
    path: str
    body: Mapping[str, Any]
    goal: float | None = None
    against: str | None = None


def _params(kpis: Sequence[str], granularity: str, scope: str | None = None, *, total: bool = True) -> Any:
    by = {"globals": scope is None, **({scope: True} if scope else {})}
    return [{"kpi": kpi, "granularity": granularity, "all": total, **by} for kpi in kpis]


def _stays(name: str, about: str, params: Any, goal: float | None = None) -> Work:
    return Work(name, about, Module.GEO_MARKETING, _GEO, {"params": params}, goal, "DuckDB")


FIVE = tuple(f"campaign-{number}" for number in range(0, CAMPAIGNS, CAMPAIGNS // 5))
_FOUR = ("posSessions", "timespent", "uniqUsers", "attendance")
WORKS = (
    _stays("A1", "stays per day, all sites", _params(("posSessions",), "day"), 0.08),
    _stays("A2", "stays and average dwell by site by month", _params(_FOUR[:2], "month", "sites"), 0.06),
    _stays("A3", "distinct users by month and over the year", _params(("uniqUsers",), "month"), 0.12),
    _stays("A3s", "distinct users by site by month", _params(("uniqUsers",), "month", "sites"), 0.04),
    _stays(
        "A4",
        "a dashboard of 12 params",
        [*_params(_FOUR, "day"), *_params(_FOUR, "month"), *_params(_FOUR, "month", "sites")],
    ),
    Work(
        "B1",
        "four attribution models by campaign by week",
        Module.CONVERSION,
        _CONVERSION,
        {"params": _params(("offlineVisitsAttributions",), "week", "campaigns")},
        0.2,
    ),
    Work(
        "B2",
        "participation, conversions and ROI by lever, five campaigns",
        Module.CONVERSION,
        _CONVERSION,
        {
            "filters": {"campaigns": list(FIVE)},
            "params": _params(("offlineVisits", "offlineConversions", "offlineRoi"), "month", "levers"),
        },
        0.2,
    ),
    Work(
        "C1",
        "passages, average dwell and distinct devices by equipment by week",
        Module.PRESENCE,
        _PRESENCE,
        {"params": _params(("sessions", "timespent", "uniqUsers"), "week", "equipments")},
        0.2,
    ),
)
