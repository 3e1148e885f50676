"""From a conversion request to a question: the campaigns that pass the filters, their costs, sites that share them."""

from collections import ChainMap
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from okube_api.analytics.alternatives import PartFilters, RequestFilters
from okube_api.analytics.directory import Directory
from okube_api.analytics.filter_parts import FilterTopic
from okube_api.analytics.group_values import SITE_PREFIX
from okube_api.analytics.param_groups import ParamGroup, PlacedFilters
from okube_api.analytics.places import (
    explain_absence,
    list_named,
    match_grouped,
    read_filters,
    read_value_filters,
    resolve_filters,
    resolve_weekdays,
    select_places,
)
from okube_api.analytics.requested_kpis import read_requested_kpis
from okube_api.analytics.resource_cache import NO_RESOURCES, Resource, ResourceSet
from okube_api.analytics.scope import QuestionScope
from okube_api.campaigns.extras import format_extras
from okube_api.campaigns.repository import CAMPAIGNS, LEVERS
from okube_api.catalogue.buckets import to_ordinal
from okube_api.catalogue.scopes import CAMPAIGN_SCOPES, PlaceRole, Scope
from okube_api.catalogue.terms import Sums, Term
from okube_api.engine.calendar import Period
from okube_api.engine.campaigns import CampaignRecord, Spending, find_sharers, get_campaign_scope_values
from okube_api.engine.notes import Note, NoteCode
from okube_api.engine.question import Label, Question, RequestedKpi, ValueFilter
from okube_api.store.values import Json
from okube_api.threads import run_in_thread

_MICRO = 1_000_000
_MOST_CAMPAIGNS_ON_LOOP = 200
_MOST_SITES_ON_LOOP = 5000


async def resolve_conversion(
    group: ParamGroup, scope: QuestionScope, period: Period, uplift: bool, directory: Directory
) -> Question:
    """Return the question about the campaigns and sites of an application.  See `modules.Resolver`."""
    requested_kpis = await read_requested_kpis(group, scope.calendar, directory)
    terms = list(_list_terms(requested_kpis))
    sites = await select_places(group.filters, scope, directory, Scope.SITES)
    places = {PlaceRole.SITES: sites}
    request_filters = await RequestFilters.load(group.filters, period, scope, directory, places)
    campaign_filters = await _resolve_campaign_filters(group.filters, directory)
    of_groups = await match_grouped(group.filters, Scope.CAMPAIGNS, directory)
    parts = {
        part.pointer: (
            await _resolve_campaign_filters([part], directory),
            await match_grouped([part], Scope.CAMPAIGNS, directory),
        )
        for any_group in request_filters.groups
        if FilterTopic.CAMPAIGNS in any_group.all_topics
        for part in any_group.parts
    }
    needs_campaigns = (
        campaign_filters
        or of_groups is not None
        or parts
        or _has_scope(requested_kpis, CAMPAIGN_SCOPES)
        or any(map(_needs_campaigns, terms))
    )
    documents = await directory.load(CAMPAIGNS) if needs_campaigns else NO_RESOURCES
    levers = await directory.load(LEVERS) if _has_scope(requested_kpis, {Scope.LEVERS}) else NO_RESOURCES
    currency = scope.application.currency

    def build() -> Question:
        summary = sites.candidates.derive(
            ("campaigns", currency), (documents,), lambda: _read_campaigns(documents, sites.candidates, currency)
        )
        campaigns = summary.records
        named = {by: list_named(value_filters) for by, value_filters in campaign_filters.items()}
        some_sites = scope.site is not None or _has_site_filter(group.filters, request_filters)

        def select_part(part: PlacedFilters) -> frozenset[str] | None:
            return _select_campaigns(campaigns, *parts[part.pointer]) if part.pointer in parts else None

        selected = _select_campaigns(campaigns, campaign_filters, of_groups)
        for any_group in request_filters.groups:
            if any_group.is_only_about(FilterTopic.CAMPAIGNS):
                united = frozenset[str]().union(*(select_part(part) or () for part in any_group.parts))
                selected = united if selected is None else selected & united

        def resolve_part(part: PlacedFilters) -> PartFilters:
            of_part = select_part(part)
            return PartFilters(selected_campaigns=None if of_part is None else tuple(sorted(of_part)))

        question = Question(
            application=scope.application.id,
            period=period,
            uplift=uplift,
            requested_kpis=requested_kpis,
            places={PlaceRole.SITES: sites.ids},
            filters=(),
            edges=scope.edges,
            calendar=scope.calendar,
            weekdays=resolve_weekdays(group.filters),
            named_values=named | {Scope.SITES: sites.named},
            labels=ChainMap(
                *(resources.labels for resources in (sites.candidates, documents, levers)),
                {extra: Label(extra, extra) for extra in named.get(Scope.EXTRAS, ())},
                summary.extra_labels,
            ),
            campaigns=campaigns,
            selected_campaigns=None if selected is None else tuple(each for each in campaigns if each in selected),
            some_sites=some_sites,
            active_sites=summary.active_sites,
            unreached_campaigns=() if some_sites else summary.unreached,
            absent_places=explain_absence({PlaceRole.SITES: sites}, scope),
            notes=summary.cost_notes if any(map(_reads_costs, terms)) else (),
        )
        return request_filters.apply(question, places, resolve_part)

    # Campaigns and sites are read one by one.
    is_small = len(documents) <= _MOST_CAMPAIGNS_ON_LOOP and len(sites.candidates) <= _MOST_SITES_ON_LOOP
    return build() if is_small else await run_in_thread(build)


# -- filters -----------------------------------------------------------------------------------------------------


async def _resolve_campaign_filters(
    filters: Sequence[PlacedFilters], directory: Directory
) -> Mapping[Scope, tuple[ValueFilter, ...]]:
    """Return the filters on campaigns and levers (by id) and on extras."""
    by_scope = {scope: await resolve_filters(filters, scope, directory) for scope in (Scope.CAMPAIGNS, Scope.LEVERS)}
    by_scope[Scope.EXTRAS] = read_value_filters(filters, Scope.EXTRAS)
    return {scope: value_filters for scope, value_filters in by_scope.items() if value_filters}


def _select_campaigns(
    campaigns: Mapping[str, CampaignRecord],
    filters: Mapping[Scope, tuple[ValueFilter, ...]],
    matching: frozenset[str] | None,
) -> frozenset[str] | None:
    """Return the ids of the campaigns that pass every filter; None without filters.

    matching: the campaigns that pass the filters on grouping fields; None without these.
    """
    if not filters and matching is None:
        return None
    conditions = [
        (scope, frozenset(value_filter.values), value_filter.negated)
        for scope, value_filters in filters.items()
        for value_filter in value_filters
    ]
    return frozenset(
        campaign
        for campaign in campaigns
        if (matching is None or campaign in matching)
        and all(
            negated != (not values.isdisjoint(get_campaign_scope_values(campaign, scope, campaigns)))
            for scope, values, negated in conditions
        )
    )


def _has_site_filter(filters: Iterable[PlacedFilters], request_filters: RequestFilters) -> bool:
    """Return whether a filter selects sites, so that only their shares of deliveries and costs count."""
    has_names = any(read_filters(filters, name) for name in ("sites", "tags"))
    has_groups = any(name.startswith(SITE_PREFIX) for placed in filters for name, _, _ in placed.filters.list_grouped())
    return has_names or has_groups or any(FilterTopic.SITES in group.all_topics for group in request_filters.groups)


# -- what the requested KPIs need --------------------------------------------------------------------------------


def _has_scope(requested_kpis: Iterable[RequestedKpi], scopes: Iterable[Scope]) -> bool:
    return any(
        dimension.scope in scopes
        for requested_kpi in requested_kpis
        for requested_scope in requested_kpi.scopes
        for dimension in requested_scope.dimensions
    )


def _list_terms(requested_kpis: Iterable[RequestedKpi]) -> Iterator[Term]:
    for requested_kpi in requested_kpis:
        for requested_scope in requested_kpi.scopes:
            yield from requested_kpi.kpi.value.terms(requested_scope.scope)


def _needs_campaigns(term: Term) -> bool:
    return isinstance(term, Sums) and (term.shared or term.slice.column(Scope.CAMPAIGNS) in term.split)


def _reads_costs(term: Term) -> bool:
    return isinstance(term, Sums) and term.shared and term.daily


# -- campaigns ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _CampaignSummary:
    """The campaigns of an application, and what follows from them and its sites for every question.

    records: by `_id`.
    active_sites: the ids of the active sites, in order.
    unreached: the campaigns that have inactive sites only.
    extra_labels: of the extras of all campaigns; an extra is its own key and name.
    cost_notes: notes on costs that are left out.
    """

    records: Mapping[str, CampaignRecord]
    active_sites: tuple[str, ...]
    unreached: tuple[str, ...]
    extra_labels: dict[str, Label]
    cost_notes: tuple[Note, ...]


def _read_campaigns(documents: ResourceSet, sites: ResourceSet, currency: str) -> _CampaignSummary:
    """Return what all questions need of the campaigns."""
    records = {campaign.id: _read_campaign(campaign, currency, sites.by_id) for campaign in documents}
    inactive = frozenset(sites.by_id) - sites.active_ids
    return _CampaignSummary(
        records,
        tuple(sorted(sites.active_ids)),
        tuple(name for name, campaign in records.items() if find_sharers(campaign, sites.active_ids) & inactive),
        {extra: Label(extra, extra) for campaign in records.values() for extra in campaign.extras},
        tuple(_note_costs(documents, currency)),
    )


def _read_campaign(resource: Resource, currency: str, site_ids: Container[str]) -> CampaignRecord:
    """Return a campaign with those of its sites that exist, and its costs in the application's currency."""
    document = resource.document
    sites = document.get("sites") or ()
    costs = document.get("costs") or ()
    return CampaignRecord(
        resource.id,
        resource.key,
        resource.name,
        document.get("lever"),
        tuple(site for site in sites if site in site_ids) or None,
        format_extras(document.get("extra")),
        tuple(_read_cost(cost, document) for cost in costs if not _is_foreign(cost, currency)),
    )


def _read_cost(cost: Json, campaign: Json) -> Spending:
    """Return a cost; a fixed cost without a first or last day has the campaign's."""
    default = campaign if cost["type"] == "fixed" else {}
    first, last = (cost.get(side) or default.get(side) for side in ("from", "to"))
    amount_micro = round(Decimal(str(cost["amount"])) * _MICRO)
    return Spending(cost["type"], amount_micro, _parse_ordinal(first), _parse_ordinal(last))


def _parse_ordinal(day: str | None) -> int | None:
    return to_ordinal(date.fromisoformat(day)) if day else None


def _is_foreign(cost: Json, currency: str) -> bool:
    return (cost.get("currency") or currency) != currency


def _note_costs(campaigns: Iterable[Resource], currency: str) -> Iterator[Note]:
    """Yield notes on costs that are left out.

    Those in another currency than the application's cannot be added up; fixed ones without both days are on no day.
    """
    foreign, undated = [], []
    for campaign in campaigns:
        costs = campaign.document.get("costs") or ()
        if any(_is_foreign(cost, currency) for cost in costs):
            foreign.append(campaign.key)
        if any(map(_is_undated, (_read_cost(cost, campaign.document) for cost in costs))):
            undated.append(campaign.key)
    if foreign:
        message = f"Costs in a currency other than {currency} are left out, of the campaigns: {', '.join(foreign)}."
        yield Note(NoteCode.COSTS_LEFT_OUT, message)
    if undated:
        message = f"Fixed costs without a first and a last day are left out, of the campaigns: {', '.join(undated)}."
        yield Note(NoteCode.COSTS_LEFT_OUT, message)


def _is_undated(cost: Spending) -> bool:
    return cost.kind == "fixed" and (cost.first is None or cost.last is None)
