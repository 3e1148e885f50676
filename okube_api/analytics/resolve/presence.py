"""Questions about presence: which sites they look at, and which equipments filters keep."""

from collections.abc import Iterable

from okube_api.analytics.directory import Directory
from okube_api.analytics.places import resolve_filter, select_places, resolve_weekdays
from okube_api.analytics.requested_kpis import read_requested_kpis
from okube_api.analytics.resource_cache import NO_RESOURCES, Resource, merge_labels
from okube_api.analytics.schemas.requests import Query
from okube_api.analytics.scope import QuestionScope
from okube_api.catalogue.expressions.values import PlaceRole, Scope
from okube_api.engine.calendar import Period
from okube_api.engine.question import RequestedKpi, ValueFilter, Question
from okube_api.equipments.repository import EQUIPMENTS


async def resolve_presence(
    query: Query, subject: QuestionScope, period: Period, uplift: bool, directory: Directory
) -> Question:
    """A question about the sites of an application and the equipments there.  See `Resolver`."""
    asks = read_requested_kpis(query)
    sites = await select_places(query.filters, subject, directory, Scope.SITES)
    chosen = await resolve_filter(query.filters, Scope.EQUIPMENTS, directory)
    equipments = await directory.load(EQUIPMENTS) if _names_equipments(asks) or (chosen and chosen.negated) else NO_RESOURCES
    named = chosen.values if chosen is not None and not chosen.negated else ()
    return Question(
        application=subject.application.id,
        period=period,
        uplift=uplift,
        requested_kpis=asks,
        places={PlaceRole.SITES: sites.ids},
        filters=((Scope.EQUIPMENTS, _passed(chosen, equipments)),) if chosen is not None else (),
        edges=subject.edges,
        weekdays=resolve_weekdays(query.filters),
        named_values={Scope.SITES: sites.named, Scope.EQUIPMENTS: named},
        labels=merge_labels(sites.candidates, equipments),
    )


def _passed(chosen: ValueFilter, equipments: Iterable[Resource]) -> ValueFilter:
    """The equipments of which a stay must have passed one: those chosen, or all but those that are left out."""
    if not chosen.negated:
        return chosen
    left_out = frozenset(chosen.values)
    return ValueFilter(tuple(one.id for one in equipments if one.id not in left_out))


def _names_equipments(asks: Iterable[RequestedKpi]) -> bool:
    """Whether the answer calls equipments by their key."""
    return any(
        by.scope is Scope.EQUIPMENTS or term.slice.column(Scope.EQUIPMENTS) in term.split
        for ask in asks
        for by in ask.scopes
        for term in ask.kpi.value.terms(by.scope)
    )
