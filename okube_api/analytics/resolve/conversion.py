"""Questions about conversion: which campaigns filters keep, and what is known of each when the question is asked."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from okube_api.analytics.directory import Directory
from okube_api.analytics.places import PlaceSelection, read_filter, resolve_filter, resolve_weekdays, select_places
from okube_api.analytics.requested_kpis import read_requested_kpis
from okube_api.analytics.resource_cache import NO_RESOURCES, Resource, merge_labels
from okube_api.analytics.schemas.query import Filters, Query
from okube_api.analytics.scope import QuestionScope
from okube_api.campaigns.extras import format_extras
from okube_api.campaigns.repository import CAMPAIGNS, LEVERS
from okube_api.catalogue.scopes import CAMPAIGN_SCOPES, PlaceRole, Scope
from okube_api.catalogue.terms import Sums, Term
from okube_api.engine.calendar import Period, to_ordinal
from okube_api.engine.campaigns import CampaignRecord, Spending
from okube_api.engine.campaigns import campaign_scope_values as scope_values
from okube_api.engine.question import Label, Question, RequestedKpi, ValueFilter
from okube_api.store.values import Json

_MICRO = 1_000_000
_FILTERS = (Scope.CAMPAIGNS, Scope.LEVERS, Scope.EXTRAS)


async def resolve_conversion(
    query: Query, subject: QuestionScope, period: Period, uplift: bool, directory: Directory
) -> Question:
    """A question about the campaigns and sites of an application.  See `Resolver`."""
    asks = read_requested_kpis(query)
    sites = await select_places(query.filters, subject, directory, Scope.SITES)
    chosen = await _chosen(query.filters, directory)
    documents = await directory.load(CAMPAIGNS) if chosen or _know_campaigns(asks) else NO_RESOURCES
    levers = await directory.load(LEVERS) if _by(asks, {Scope.LEVERS}) else NO_RESOURCES
    currency = subject.application.currency
    campaigns = {one.id: _campaign(one, currency) for one in documents}
    named = {scope: one.values for scope, one in chosen.items() if not one.negated}
    return Question(
        application=subject.application.id,
        period=period,
        uplift=uplift,
        requested_kpis=asks,
        places={PlaceRole.SITES: sites.ids},
        filters=(),
        edges=subject.edges,
        weekdays=resolve_weekdays(query.filters),
        named_values=named | {Scope.SITES: sites.named},
        labels={**_extra_labels(campaigns.values(), named), **merge_labels(sites.candidates, documents, levers)},
        campaigns=campaigns,
        selected_campaigns=_kept(campaigns, chosen) if chosen else None,
        some_sites=subject.site is not None or any(read_filter(query.filters, name)[0] for name in ("sites", "tags")),
        sharers=_sharers(sites, subject),
        notes=tuple(_foreign(documents, currency)) if any(map(_of_costs, _terms(asks))) else (),
    )


# -- filters -----------------------------------------------------------------------------------------------------


async def _chosen(filters: Filters, directory: Directory) -> Mapping[Scope, ValueFilter]:
    """The filters on campaigns, levers and extras, the former two by id."""
    found = {scope: await resolve_filter(filters, scope, directory) for scope in (Scope.CAMPAIGNS, Scope.LEVERS)}
    values, negated = read_filter(filters, Scope.EXTRAS)
    found[Scope.EXTRAS] = None if values is None else ValueFilter(tuple(dict.fromkeys(values)), negated)
    return {scope: one for scope, one in found.items() if one is not None}


def _kept(campaigns: Mapping[str, CampaignRecord], chosen: Mapping[Scope, ValueFilter]) -> tuple[str, ...]:
    """The campaigns that meet every filter."""
    return tuple(
        campaign
        for campaign in campaigns
        if all(
            one.negated != bool(set(one.values).intersection(scope_values(campaign, scope, campaigns)))
            for scope, one in chosen.items()
        )
    )


def _sharers(sites: PlaceSelection, subject: QuestionScope) -> tuple[str, ...]:
    """The sites that share what is known by campaign only."""
    named = {*sites.named, subject.site}
    return tuple(site.id for site in sites.candidates if site.active or site.id in named)


# -- campaigns ---------------------------------------------------------------------------------------------------


def _know_campaigns(asks: Iterable[RequestedKpi]) -> bool:
    """Whether something asked for cannot be told without knowing the campaigns."""
    return _by(asks, CAMPAIGN_SCOPES) or any(map(_of_campaigns, _terms(asks)))


def _terms(asks: Iterable[RequestedKpi]) -> Iterator[Term]:
    return (term for ask in asks for by in ask.scopes for term in ask.kpi.value.terms(by.scope))


def _extra_labels(campaigns: Iterable[CampaignRecord], named: Mapping[Scope, tuple[str, ...]]) -> dict[str, Label]:
    """Extras are called what they are."""
    extras = {extra for one in campaigns for extra in one.extras} | {*named.get(Scope.EXTRAS, ())}
    return {extra: Label(extra, extra) for extra in extras}


def _by(asks: Iterable[RequestedKpi], scopes: Iterable[Scope]) -> bool:
    return any(by.scope in scopes for ask in asks for by in ask.scopes)


def _of_campaigns(term: Term) -> bool:
    return isinstance(term, Sums) and (term.shared or term.slice.column(Scope.CAMPAIGNS) in term.split)


def _of_costs(term: Term) -> bool:
    return isinstance(term, Sums) and term.shared and term.daily


def _campaign(resource: Resource, currency: str) -> CampaignRecord:
    document = resource.document
    sites = document.get("sites")
    return CampaignRecord(
        resource.id,
        resource.key,
        resource.name,
        document.get("lever"),
        None if sites is None else tuple(sites),
        format_extras(document.get("extra")),
        tuple(_spending(cost, document) for cost in document.get("costs") or () if not _is_foreign(cost, currency)),
    )


def _spending(cost: Json, campaign: Json) -> Spending:
    """A cost; a fixed one takes the days that it does not say from its campaign."""
    whole = campaign if cost["type"] == "fixed" else {}
    first, last = (cost.get(side) or whole.get(side) for side in ("from", "to"))
    amount_micro = round(Decimal(str(cost["amount"])) * _MICRO)
    return Spending(cost["type"], amount_micro, _ordinal(first), _ordinal(last))


def _ordinal(day: str | None) -> int | None:
    return to_ordinal(date.fromisoformat(day)) if day else None


def _is_foreign(cost: Json, currency: str) -> bool:
    return (cost.get("currency") or currency) != currency


def _foreign(campaigns: Iterable[Resource], currency: str) -> Iterator[str]:
    """What to say of costs that are in another currency than the application's: they cannot be added up."""
    found = [
        one.key for one in campaigns if any(_is_foreign(cost, currency) for cost in one.document.get("costs") or ())
    ]
    if found:
        yield f"Costs in other currencies than {currency} are left out; campaigns with some: {', '.join(found)}."
