"""The questions that the benchmarks ask, as requests of the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from okube_api.bench.world import CAMPAIGNS, FIRST
from okube_api.catalogue.kpi import Module

_GEO_PATH = "/applications/bench/studies/all/geo-marketing/analytics?uplift=false"
_GEO = f"{_GEO_PATH}&from=2025-01-01&to=2025-12-31"
_CONVERSION = "/applications/bench/conversions/levers/analytics?from=2025-01-01&to=2025-12-31&uplift=false"
_PRESENCE = "/applications/bench/presence/analytics?from=2025-01-01&to=2025-12-31"


@dataclass(frozen=True, slots=True)
class Workload:
    """A request to time.

    question: the request in words.
    path: with the query string.
    goal: the time over HTTP, divided by the time of `against` (or of the fastest competitor), should not exceed this;
        None without a goal.
    """

    name: str
    question: str
    module: Module
    path: str
    body: Mapping[str, Any]
    goal: float | None = None
    against: str | None = None


def _params(kpis: Sequence[str], granularity: str, scope: str | None = None) -> Any:
    scopes = {"globals": scope is None, **({scope: True} if scope else {})}
    return [{"kpi": kpi, "granularity": granularity, "all": True, **scopes} for kpi in kpis]


def _stays_workload(name: str, question: str, params: Any, goal: float | None = None) -> Workload:
    return Workload(name, question, Module.GEO_MARKETING, _GEO, {"params": params}, goal, "DuckDB")


def _period_workload(name: str, question: str, first: date, last: date, body: Mapping[str, Any]) -> Workload:
    path = f"{_GEO_PATH}&from={first}&to={last}"
    return Workload(name, question, Module.GEO_MARKETING, path, body, 0.1)


FIVE_CAMPAIGNS = tuple(f"campaign-{number}" for number in range(0, CAMPAIGNS, CAMPAIGNS // 5))
QUARTER = (date(2025, 4, 1), date(2025, 6, 30))
"""The period of A5h."""

HALF_YEAR = timedelta(days=26 * 7)
SECOND_HALF = (FIRST.date() + HALF_YEAR, FIRST.date() + 2 * HALF_YEAR - timedelta(days=1))
"""The period of A5c, which is compared with the same weekdays 26 weeks before: the data have no year before."""

_BEFORE = {"from": f"{SECOND_HALF[0] - HALF_YEAR}", "to": f"{SECOND_HALF[1] - HALF_YEAR}"}
_STAY_KPIS = ("posSessions", "timespent", "uniqUsers", "attendance")
WORKLOADS = (
    _stays_workload("A1", "stays per day, all sites", _params(("posSessions",), "day"), 0.06),
    _stays_workload("A2", "stays and average dwell by site by month", _params(_STAY_KPIS[:2], "month", "sites"), 0.04),
    _stays_workload("A3", "distinct users by month and over the year", _params(("uniqUsers",), "month"), 0.05),
    _stays_workload("A3s", "distinct users by site by month", _params(("uniqUsers",), "month", "sites"), 0.03),
    _stays_workload(
        "A4",
        "a dashboard of 12 params",
        [*_params(_STAY_KPIS, "day"), *_params(_STAY_KPIS, "month"), *_params(_STAY_KPIS, "month", "sites")],
        0.02,
    ),
    _period_workload(
        "A5h",
        "stays and average dwell by weekday and hour, over a quarter",
        *QUARTER,
        {"params": [{**param, "mode": "aggregation"} for param in _params(_STAY_KPIS[:2], "hourOfWeek")]},
    ),
    _period_workload(
        "A5c",
        "stays and distinct users by week, compared with the same weekdays 26 weeks before",
        *SECOND_HALF,
        {"compare": {"to": _BEFORE}, "params": _params(("posSessions", "uniqUsers"), "week")},
    ),
    _period_workload(
        "A5r",
        "distinct users by region by week",
        date(2025, 1, 1),
        date(2025, 12, 31),
        {"params": [{"kpi": "uniqUsers", "granularity": "week", "globals": False, "by": ["sites.attributes.region"]}]},
    ),
    Workload(
        "B1",
        "four attribution models by campaign by week",
        Module.CONVERSION,
        _CONVERSION,
        {"params": _params(("offlineVisitsAttributions",), "week", "campaigns")},
        0.15,
    ),
    Workload(
        "B2",
        "participation, conversions and ROI by lever, five campaigns",
        Module.CONVERSION,
        _CONVERSION,
        {
            "filters": {"campaigns": list(FIVE_CAMPAIGNS)},
            "params": _params(("offlineVisits", "offlineConversions", "offlineRoi"), "month", "levers"),
        },
        0.08,
    ),
    Workload(
        "C1",
        "passages, average dwell and distinct devices by equipment by week",
        Module.PRESENCE,
        _PRESENCE,
        {"params": _params(("sessions", "timespent", "uniqUsers"), "week", "equipments")},
        0.1,
    ),
)
