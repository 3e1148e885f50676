"""From the params of a request to the KPIs and scopes of the engine."""

from collections.abc import Iterator

from okube_api.analytics.param_groups import ParamGroup
from okube_api.analytics.schemas.parts import ScopeOption
from okube_api.analytics.schemas.query import Param
from okube_api.catalogue.kpi import Kpi, Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import ATTRIBUTES, Scope
from okube_api.engine.calendar import Granularity, Mode
from okube_api.engine.fiscal_calendar import BusinessCalendar
from okube_api.engine.question import RequestedKpi, RequestedScope, request_scope
from okube_api.errors import Impossible

_DEFAULT_PROPERTIES = {
    **dict.fromkeys(ATTRIBUTES, ("code",)),
    **dict.fromkeys((Scope.EXTRAS, Scope.CHANNELS), ("name",)),
}


def read_requested_kpis(group: ParamGroup, calendar: BusinessCalendar) -> tuple[RequestedKpi, ...]:
    """Return the KPIs that the params of a group request.

    calendar: of the application.
    Raise Impossible, with a pointer, for a scope that the KPI does not have, for a granularity that the calendar does
    not have, and for params that request nothing.
    """
    for index, param in group.params:
        _check_granularity(Granularity(param.granularity), calendar, index)
    return tuple(_read_param(group.module, param, index) for index, param in group.params)


def _check_granularity(granularity: Granularity, calendar: BusinessCalendar, index: int) -> None:
    if granularity.is_fiscal and calendar.fiscal is None:
        message = (
            f"Granularity '{granularity}' needs a fiscal calendar, which the application does not have. Set "
            '\'settings.calendar\' of the application, for example to {"fiscalYearStart": "02-01"} or to '
            '{"retail": "4-5-4", "yearEnds": "saturday nearest 31 January"}.'
        )
        raise Impossible.at("body", f"/params/{index}/granularity", message)


def _read_param(module: Module, param: Param, index: int) -> RequestedKpi:
    kpi = BY_NAME[module][param.kpi]
    scopes = tuple(_read_scopes(param, kpi, index))
    pointer = f"/params/{index}"
    if not scopes:
        message = f"Param {index} requests no scope. Set 'globals' or another scope of the KPI to true."
        raise Impossible.at("body", pointer, message)
    if not param.all and not param.temporals:
        message = f"Param {index} requests no values: 'all' and 'temporals' are both false. Set one of them to true."
        raise Impossible.at("body", pointer, message)
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


def _read_scopes(param: Param, kpi: Kpi, index: int) -> Iterator[RequestedScope]:
    for scope, option in param.scope_options():
        if option is False:
            continue
        if scope is not Scope.GLOBALS and scope not in kpi.scopes:
            scopes = ", ".join((Scope.GLOBALS, *kpi.scopes))
            message = f"KPI '{kpi.name}' has no scope '{scope}'. Use one of: {scopes}."
            raise Impossible.at("body", f"/params/{index}/{scope}", message)
        yield _read_option(scope, option)


def _read_option(scope: Scope, option: ScopeOption) -> RequestedScope:
    if isinstance(option, bool):
        return request_scope(scope, properties=_DEFAULT_PROPERTIES.get(scope, ("_id",)))
    is_sorted = option.sort is not None or option.limit is not None  # a limit alone sorts by `-all`
    return request_scope(
        scope,
        properties=tuple(option.properties),
        descending=option.sort != "all" if is_sorted else None,
        limit=option.limit,
    )
