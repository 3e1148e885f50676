"""Questions about conversion: which campaigns filters keep, and what is known of each when the question is asked."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from okube_api.analytics.directory import Directory
from okube_api.analytics.places import Places, chosen_of, places_of, values_of, weekdays_of
from okube_api.analytics.requested_kpis import asks_of
from okube_api.analytics.resource_cache import NONE, Resource, labels_of
from okube_api.analytics.schemas.requests import Filters, Query
from okube_api.analytics.scope import Subject
from okube_api.campaigns.extras import terms
from okube_api.campaigns.repository import CAMPAIGNS, LEVERS
from okube_api.catalogue.expressions.values import Reached, Scope, Sums, Term
from okube_api.engine.calendar import Period, ordinal
from okube_api.engine.evaluators.campaigns import OF_CAMPAIGNS, Campaign, Spending
from okube_api.engine.evaluators.campaigns import values_of as scope_values
from okube_api.engine.question import Ask, Chosen, Label, Question
from okube_api.store.base import Json

_MICRO = 1_000_000
_FILTERS = (Scope.CAMPAIGNS, Scope.LEVERS, Scope.EXTRAS)


async def resolved_conversion(
    query: Query, subject: Subject, period: Period, uplift: bool, directory: Directory
) -> Question:
    """A question about the campaigns and sites of an application.  See `Resolver`."""
    asks = asks_of(query)
    sites = await places_of(query.filters, subject, directory, Scope.SITES)
    chosen = await _chosen(query.filters, directory)
    documents = await directory.every(CAMPAIGNS) if chosen or _know_campaigns(asks) else NONE
    levers = await directory.every(LEVERS) if _by(asks, {Scope.LEVERS}) else NONE
    currency = subject.application.currency
    campaigns = {one.id: _campaign(one, currency) for one in documents}
    named = {scope: one.values for scope, one in chosen.items() if not one.negated}
    return Question(
        application=subject.application.id,
        period=period,
        uplift=uplift,
        asks=asks,
        places={Reached.SITES: sites.ids},
        filters=(),
        edges=subject.edges,
        weekdays=weekdays_of(query.filters),
        named=named | {Scope.SITES: sites.named},
        labels={**_extra_labels(campaigns.values(), named), **labels_of(sites.all, documents, levers)},
        campaigns=campaigns,
        kept=_kept(campaigns, chosen) if chosen else None,
        some_sites=subject.site is not None or any(values_of(query.filters, name)[0] for name in ("sites", "tags")),
        sharers=_sharers(sites, subject),
        notes=tuple(_foreign(documents, currency)) if any(map(_of_costs, _terms(asks))) else (),
    )


# -- filters -----------------------------------------------------------------------------------------------------


async def _chosen(filters: Filters, directory: Directory) -> Mapping[Scope, Chosen]:
    """The filters on campaigns, levers and extras, the former two by id."""
    found = {scope: await chosen_of(filters, scope, directory) for scope in (Scope.CAMPAIGNS, Scope.LEVERS)}
    values, negated = values_of(filters, Scope.EXTRAS)
    found[Scope.EXTRAS] = None if values is None else Chosen(tuple(dict.fromkeys(values)), negated)
    return {scope: one for scope, one in found.items() if one is not None}


def _kept(campaigns: Mapping[str, Campaign], chosen: Mapping[Scope, Chosen]) -> tuple[str, ...]:
    """The campaigns that meet every filter."""
    return tuple(
        campaign
        for campaign in campaigns
        if all(
            one.negated != bool(set(one.values).intersection(scope_values(campaign, scope, campaigns)))
            for scope, one in chosen.items()
        )
    )


def _sharers(sites: Places, subject: Subject) -> tuple[str, ...]:
    """The sites that share what is known by campaign only."""
    named = {*sites.named, subject.site}
    return tuple(site.id for site in sites.all if site.active or site.id in named)


# -- campaigns ---------------------------------------------------------------------------------------------------


def _know_campaigns(asks: Iterable[Ask]) -> bool:
    """Whether something asked for cannot be told without knowing the campaigns."""
    return _by(asks, OF_CAMPAIGNS) or any(map(_of_campaigns, _terms(asks)))


def _terms(asks: Iterable[Ask]) -> Iterator[Term]:
    return (term for ask in asks for by in ask.scopes for term in ask.kpi.value.terms(by.scope))


def _extra_labels(campaigns: Iterable[Campaign], named: Mapping[Scope, tuple[str, ...]]) -> dict[str, Label]:
    """Extras are called what they are."""
    extras = {extra for one in campaigns for extra in one.extras} | {*named.get(Scope.EXTRAS, ())}
    return {extra: Label(extra, extra) for extra in extras}


def _by(asks: Iterable[Ask], scopes: Iterable[Scope]) -> bool:
    return any(by.scope in scopes for ask in asks for by in ask.scopes)


def _of_campaigns(term: Term) -> bool:
    return isinstance(term, Sums) and (term.shared or term.slice.column(Scope.CAMPAIGNS) in term.split)


def _of_costs(term: Term) -> bool:
    return isinstance(term, Sums) and term.shared and term.daily


def _campaign(resource: Resource, currency: str) -> Campaign:
    document = resource.document
    sites = document.get("sites")
    return Campaign(
        resource.id,
        resource.key,
        resource.name,
        document.get("lever"),
        None if sites is None else tuple(sites),
        terms(document.get("extra")),
        tuple(_spending(cost, document) for cost in document.get("costs") or () if not _is_foreign(cost, currency)),
    )


def _spending(cost: Json, campaign: Json) -> Spending:
    """A cost; a fixed one takes the days that it does not say from its campaign."""
    whole = campaign if cost["type"] == "fixed" else {}
    first, last = (cost.get(side) or whole.get(side) for side in ("from", "to"))
    amount_micro = round(Decimal(str(cost["amount"])) * _MICRO)
    return Spending(cost["type"], amount_micro, _ordinal(first), _ordinal(last))


def _ordinal(day: str | None) -> int | None:
    return ordinal(date.fromisoformat(day)) if day else None


def _is_foreign(cost: Json, currency: str) -> bool:
    return (cost.get("currency") or currency) != currency


def _foreign(campaigns: Iterable[Resource], currency: str) -> Iterator[str]:
    """What to say of costs that are in another currency than the application's: they cannot be added up."""
    found = [
        one.key for one in campaigns if any(_is_foreign(cost, currency) for cost in one.document.get("costs") or ())
    ]
    if found:
        yield f"Costs in other currencies than {currency} are left out; campaigns with some: {', '.join(found)}."
