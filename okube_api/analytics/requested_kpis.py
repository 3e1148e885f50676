"""From the params of a request to what the engine is asked: KPIs by scopes, with how they are to be shown."""

from collections.abc import Iterator

from okube_api.analytics.schemas.parts import Choice
from okube_api.analytics.schemas.requests import Param, Query
from okube_api.catalogue.expressions.values import ATTRIBUTES, Scope
from okube_api.catalogue.kpi import Kpi
from okube_api.catalogue.registry import BY_NAME
from okube_api.engine.calendar import Granularity, Mode
from okube_api.engine.question import RequestedKpi, RequestedScope
from okube_api.errors import Impossible

_SHOWN = {**dict.fromkeys(ATTRIBUTES, ("code",)), Scope.EXTRAS: ("name",)}


def read_requested_kpis(query: Query) -> tuple[RequestedKpi, ...]:
    """The params, each held to what its KPI can be asked by.  Raises Impossible, with a pointer."""
    return tuple(_ask(query, param, index) for index, param in enumerate(query.params))


def _ask(query: Query, param: Param, index: int) -> RequestedKpi:
    kpi = BY_NAME[query.module][param.kpi]
    scopes = tuple(_scopes(param, kpi, index))
    pointer = f"/params/{index}"
    if not scopes:
        raise Impossible.at("body", pointer, "Nothing is asked for: ask for `globals` or for a scope.")
    if not param.all and not param.temporals:
        raise Impossible.at("body", pointer, "Nothing is asked for: `all` and `temporals` are both false.")
    return RequestedKpi(kpi, Mode(param.mode), Granularity(param.granularity), param.all, param.temporals, scopes)


def _scopes(param: Param, kpi: Kpi, index: int) -> Iterator[RequestedScope]:
    for scope, choice in param.choices():
        if choice is False:
            continue
        if scope is not Scope.GLOBALS and scope not in kpi.scopes:
            known = ", ".join((Scope.GLOBALS, *kpi.scopes))
            message = f"'{kpi.name}' cannot be asked by {scope}. It can by: {known}."
            raise Impossible.at("body", f"/params/{index}/{scope}", message)
        yield _by(scope, choice)


def _by(scope: Scope, choice: Choice) -> RequestedScope:
    if isinstance(choice, bool):
        return RequestedScope(scope, _SHOWN.get(scope, ("_id",)))
    ordered = choice.sort is not None or choice.limit is not None
    return RequestedScope(scope, tuple(choice.properties), choice.sort != "all" if ordered else None, choice.limit)
