"""Groups the params of a request by their filters: a group becomes one question of the engine for each period."""

from dataclasses import dataclass

from okube_api.analytics.schemas.filters import Filters
from okube_api.analytics.schemas.query import Param, Query
from okube_api.catalogue.kpi import Module


@dataclass(frozen=True, slots=True)
class PlacedFilters:
    """Filters, and the pointer to them in the body."""

    filters: Filters
    pointer: str


@dataclass(frozen=True, slots=True)
class ParamGroup:
    """The params of a request that have the same filters.

    params: each with its position in the request.
    filters: of the request, then those of the params if they have any; all of them must hold.
    is_compared: whether the values are compared with those of other periods.
    """

    module: Module
    params: tuple[tuple[int, Param], ...]
    filters: tuple[PlacedFilters, ...]
    is_compared: bool = False


def group_params(query: Query) -> list[ParamGroup]:
    """Return the groups of a request's params, in the order of the first param of each."""
    filters_of_request = PlacedFilters(query.filters, "/filters")
    groups: list[tuple[tuple[PlacedFilters, ...], list[tuple[int, Param]]]] = []
    for position, param in enumerate(query.params):
        own = param.filters if param.filters is not None and has_filters(param.filters) else None
        for filters, params in groups:
            if own == (filters[1].filters if len(filters) > 1 else None):
                params.append((position, param))
                break
        else:
            placed = () if own is None else (PlacedFilters(own, f"/params/{position}/filters"),)
            groups.append(((filters_of_request, *placed), [(position, param)]))
    is_compared = query.compare is not None
    return [ParamGroup(query.module, tuple(params), filters, is_compared) for filters, params in groups]


def has_filters(filters: Filters) -> bool:
    """Return whether any filter is set."""
    return any(value is not None for _, value in filters)
