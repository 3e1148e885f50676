"""Builds questions of the analytics language from arguments."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypedDict

from okube_api.client.request_values import build_path, format_day

ModuleName = Literal["geo-marketing", "conversion", "presence", "performance"]
Grain = Literal[
    "hour", "day", "week", "month", "quarter", "year", "hourOfWeek", "fiscalMonth", "fiscalQuarter", "fiscalYear"
]
Day = date | str
Options = Mapping[str, Any]
Kpis = str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]
Scopes = str | Sequence[str] | Mapping[str, bool | Options]
Groupings = str | Options | Sequence[str | Options]
Compared = str | Mapping[str, Day] | tuple[Day, Day]

_PROPERTIES = {
    **dict.fromkeys(("sites", "pois", "campaigns", "levers", "equipments"), ("key", "name")),
    **dict.fromkeys(("homes", "works", "zones"), ("name",)),
}
"""What answers show of the values of a scope, besides their ids."""


@dataclass(frozen=True, slots=True)
class AnalyticsQuestion:
    """A question: the path, the parameters and the body of its request."""

    path: str
    params: dict[str, Any]
    body: dict[str, Any]


class QuestionArguments(TypedDict, total=False):
    """The arguments of questions; `build_question` describes them."""

    start: Day | None
    until: Day | None
    by: Grain | None
    mode: Literal["histogram", "aggregation"]
    scopes: Scopes
    group_by: Groupings
    overall: bool | None
    totals: bool
    fill: bool
    filters: Options | None
    compare: Compared | Sequence[Compared] | None
    like_for_like: bool
    uplift: bool | None
    study: str
    site: str | None
    explain: bool


def build_question(
    application: str,
    module: ModuleName,
    kpis: Kpis,
    *,
    start: Day | None = None,
    until: Day | None = None,
    by: Grain | None = None,
    mode: Literal["histogram", "aggregation"] = "histogram",
    scopes: Scopes = (),
    group_by: Groupings = (),
    overall: bool | None = None,
    totals: bool = True,
    fill: bool = False,
    filters: Options | None = None,
    compare: Compared | Sequence[Compared] | None = None,
    like_for_like: bool = False,
    uplift: bool | None = None,
    study: str = "all",
    site: str | None = None,
    explain: bool = False,
) -> AnalyticsQuestion:
    """Return the question that the arguments describe.

    module: `geo-marketing`, `conversion`, `presence` or `performance`.
    kpis: a name, or several; a mapping is a whole param, whose fields count more than the other arguments.
    start, until: the first and the last day; without them, the period is the default of the server.
    by: the length of a bucket; None for the whole period only.
    mode: `histogram` has one bucket for each interval of the period, `aggregation` one for each category, such as the
    hour of the day.
    scopes: what to break down by, such as `"sites"` or `["sites", "channels"]`; or options by scope, such as
    `{"sites": {"limit": 10}}`.
    group_by: one or two groupings, such as `["sites.attributes.region", {"of": "sites", "limit": 3}]`.
    overall: whether to include the value over all; by default only without scopes and groupings.
    totals: whether to include the value of the whole period.
    fill: whether each scope value has every bucket, also those without data.
    filters: such as `{"sites.tags": ["outlet"], "days": {"weekdays": [6, 7]}, "hours": [10, 11]}`.
    compare: one period, or up to 4: `"previous-year-same-weekday"`, `"previousPeriod"`, or a pair of days.
    like_for_like: with `compare`: only sites that were open in all periods.
    uplift: extrapolate the panel to the population; None for the default of the module.
    study: for `geo-marketing`, the id or key of a study.
    site: the id or key of a site, for a question about it alone.
    explain: add the plan of the store, for administrators.
    """
    params = [kpis] if isinstance(kpis, str | Mapping) else list(kpis)
    shared: dict[str, Any] = {"mode": mode, "all": totals, "temporals": by is not None}
    if by is not None:
        shared["granularity"] = by
    shared |= _list_scopes(scopes)
    if group_by:
        groupings = [group_by] if isinstance(group_by, str | Mapping) else group_by
        shared["by"] = [_build_grouping(grouping) for grouping in groupings]
    shared["globals"] = overall if overall is not None else not (scopes or group_by)
    if fill:
        shared["fill"] = True
    body: dict[str, Any] = {
        "params": [{**shared, **({"kpi": param} if isinstance(param, str) else param)} for param in params]
    }
    if filters:
        body["filters"] = dict(filters)
    if compare is not None:
        targets = [compare] if _is_one_period(compare) else list(compare)
        body["compare"] = {"to": [_build_target(target) for target in targets]}
        if like_for_like:
            body["compare"]["likeForLike"] = True
    query = {
        "from": format_day(start),
        "to": format_day(until),
        "meta": True,
        "uplift": uplift,
        "explain": True if explain else None,
    }
    return AnalyticsQuestion(_build_question_path(application, module, study, site), query, body)


def _list_scopes(scopes: Scopes) -> dict[str, Any]:
    names = [scopes] if isinstance(scopes, str) else scopes
    options_by_scope = names if isinstance(names, Mapping) else dict.fromkeys(names, True)
    return {
        name: {"properties": _PROPERTIES[name], **(options if isinstance(options, Mapping) else {})}
        if options and name in _PROPERTIES
        else options
        for name, options in options_by_scope.items()
    }


def _build_grouping(grouping: str | Options) -> dict[str, Any]:
    options = {"of": grouping} if isinstance(grouping, str) else dict(grouping)
    properties = _PROPERTIES.get(options.get("of", ""))
    return options if properties is None else {"properties": properties, **options}


def _is_one_period(compare: Any) -> bool:
    """Return whether the argument is one period: a pair of days is one, other sequences are several."""
    return isinstance(compare, str | Mapping) or (
        isinstance(compare, tuple) and len(compare) == 2 and all(_is_day(day) for day in compare)
    )


def _is_day(value: Any) -> bool:
    return isinstance(value, date) or (isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None)


def _build_target(target: Any) -> Any:
    """Return a period to compare with as the API names it: `previous-year` is `previousYear` there."""
    if isinstance(target, str):
        return re.sub(r"-(\w)", lambda match: match[1].upper(), target)
    if isinstance(target, Mapping):
        return {name: format_day(day) for name, day in target.items()}
    first, last = target
    return {"from": format_day(first), "to": format_day(last)}


def _build_question_path(application: str, module: str, study: str, site: str | None) -> str:
    place = ("applications", application, *(() if site is None else ("sites", site)))
    endings = {
        "geo-marketing": ("studies", study, "geo-marketing"),
        "conversion": ("conversions", "levers"),
        "presence": ("presence",),
        "performance": ("performance",),
    }
    if module not in endings:
        raise ValueError(f"Unknown module '{module}'. Modules: {', '.join(endings)}.")
    return build_path(*place, *endings[module], "analytics")
