"""Questions about presence: which sites they look at, and which equipments filters keep."""

from collections.abc import Iterable

from okube_api.analytics.directory import Directory
from okube_api.analytics.places import chosen_of, places_of, weekdays_of
from okube_api.analytics.requested_kpis import asks_of
from okube_api.analytics.resource_cache import NONE, Resource, labels_of
from okube_api.analytics.schemas.requests import Query
from okube_api.analytics.scope import Subject
from okube_api.catalogue.expressions.values import Reached, Scope
from okube_api.engine.calendar import Period
from okube_api.engine.question import Ask, Chosen, Question
from okube_api.equipments.repository import EQUIPMENTS


async def resolved_presence(
    query: Query, subject: Subject, period: Period, uplift: bool, directory: Directory
) -> Question:
    """A question about the sites of an application and the equipments there.  See `Resolver`."""
    asks = asks_of(query)
    sites = await places_of(query.filters, subject, directory, Scope.SITES)
    chosen = await chosen_of(query.filters, Scope.EQUIPMENTS, directory)
    equipments = await directory.every(EQUIPMENTS) if _names_equipments(asks) or (chosen and chosen.negated) else NONE
    named = chosen.values if chosen is not None and not chosen.negated else ()
    return Question(
        application=subject.application.id,
        period=period,
        uplift=uplift,
        asks=asks,
        places={Reached.SITES: sites.ids},
        filters=((Scope.EQUIPMENTS, _passed(chosen, equipments)),) if chosen is not None else (),
        edges=subject.edges,
        weekdays=weekdays_of(query.filters),
        named={Scope.SITES: sites.named, Scope.EQUIPMENTS: named},
        labels=labels_of(sites.all, equipments),
    )


def _passed(chosen: Chosen, equipments: Iterable[Resource]) -> Chosen:
    """The equipments of which a stay must have passed one: those chosen, or all but those that are left out."""
    if not chosen.negated:
        return chosen
    left_out = frozenset(chosen.values)
    return Chosen(tuple(one.id for one in equipments if one.id not in left_out))


def _names_equipments(asks: Iterable[Ask]) -> bool:
    """Whether the answer calls equipments by their key."""
    return any(
        by.scope is Scope.EQUIPMENTS or term.slice.column(Scope.EQUIPMENTS) in term.split
        for ask in asks
        for by in ask.scopes
        for term in ask.kpi.value.terms(by.scope)
    )
