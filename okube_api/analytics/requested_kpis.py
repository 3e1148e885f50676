"""From the params of a request to the KPIs and scopes of the engine."""

from collections.abc import Iterator

from okube_api.analytics.directory import Directory
from okube_api.analytics.param_groups import ParamGroup
from okube_api.analytics.requested_dimensions import Groupings, load_groupings, read_by, read_scope
from okube_api.analytics.schemas.query import Param
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import Scope
from okube_api.engine.calendar import HOURLY, Granularity, Mode
from okube_api.engine.dimensions import Dimension
from okube_api.engine.fiscal_calendar import BusinessCalendar
from okube_api.engine.granularities import find_granularity_problem
from okube_api.engine.groupings import find_grouping_problem
from okube_api.engine.question import GLOBAL_SCOPE, RequestedKpi, RequestedScope
from okube_api.errors import Fault, Impossible


async def read_requested_kpis(
    group: ParamGroup, calendar: BusinessCalendar, directory: Directory
) -> tuple[RequestedKpi, ...]:
    """Return the KPIs that the params of a group request.

    calendar: of the application.
    Raise Impossible, with a pointer, for a scope or an option that the KPI does not have, for a granularity that the
    calendar does not have, and for params that request nothing.
    """
    groupings = await load_groupings([param for _, param in group.params], directory)
    for index, param in group.params:
        _check_granularity(Granularity(param.granularity), calendar, index)
    requested_kpis = tuple(_read_param(group, param, index, groupings) for index, param in group.params)
    faults = [
        Fault("body", f"/params/{requested_kpi.position}/granularity", Impossible.code, problem)
        for requested_kpi in requested_kpis
        if requested_kpi.temporals and (problem := _find_granularity_problem(requested_kpi)) is not None
    ]
    if faults:
        raise Impossible(" ".join(dict.fromkeys(fault.message for fault in faults)), faults=faults)
    return requested_kpis


def _find_granularity_problem(requested_kpi: RequestedKpi) -> str | None:
    """Return why the KPI has no buckets of the granularity, by one of the scopes; None when it has."""
    mode, granularity = requested_kpi.mode, requested_kpi.granularity
    problems = (
        find_granularity_problem(requested_kpi.kpi, scope.dimensions, mode, granularity)
        for scope in requested_kpi.scopes
    )
    return next((problem for problem in problems if problem is not None), None)


def _check_granularity(granularity: Granularity, calendar: BusinessCalendar, index: int) -> None:
    if granularity.is_fiscal and calendar.fiscal is None:
        message = (
            f"Granularity '{granularity}' needs a fiscal calendar, which the application does not have. Set "
            '\'settings.calendar\' of the application, for example to {"fiscalYearStart": "02-01"} or to '
            '{"retail": "4-5-4", "yearEnds": "saturday nearest 31 January"}.'
        )
        raise Impossible.at("body", f"/params/{index}/granularity", message)


def _read_param(group: ParamGroup, param: Param, index: int, groupings: Groupings) -> RequestedKpi:
    kpi = BY_NAME[group.module][param.kpi]
    if Granularity(param.granularity) in HOURLY:
        kpi = kpi.by_hour()
    scopes = tuple(_read_scopes(group, param, index, groupings))
    pointer = f"/params/{index}"
    if not scopes:
        message = f"Param {index} requests no scope. Set 'globals' or another scope of the KPI to true."
        raise Impossible.at("body", pointer, message)
    if not param.all and not param.temporals:
        message = f"Param {index} requests no values: 'all' and 'temporals' are both false. Set one of them to true."
        raise Impossible.at("body", pointer, message)
    if not param.all and any(level.share for scope in scopes for level in scope.levels):
        message = "'share' needs 'all', which is false. Set 'all' to true, or leave 'share' out."
        raise Impossible.at("body", f"{pointer}/all", message)
    return RequestedKpi(
        kpi,
        Mode(param.mode),
        Granularity(param.granularity),
        param.all,
        param.temporals,
        scopes,
        position=index,
        fill=param.fill,
    )


def _read_scopes(group: ParamGroup, param: Param, index: int, groupings: Groupings) -> Iterator[RequestedScope]:
    kpi, pointer, has_change = BY_NAME[group.module][param.kpi], f"/params/{index}", group.is_compared
    for scope, option in param.scope_options():
        if option is False:
            continue
        if scope is Scope.GLOBALS:
            yield GLOBAL_SCOPE
            continue
        if (problem := find_grouping_problem(kpi, (Dimension(scope),))) is not None:
            raise Impossible.at("body", f"{pointer}/{scope}", problem)
        yield read_scope(scope, option, kpi, f"{pointer}/{scope}", has_change=has_change)
    if param.by is not None:
        yield read_by(param, kpi, groupings, f"{pointer}/by", has_change=has_change)
