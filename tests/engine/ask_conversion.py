"""Asks the engine a question about conversion of the computation by hand, resolved as requests are."""

from datetime import date
from typing import Any

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.buckets import to_ordinal
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Granularity, Mode, Period
from okube_api.engine.campaigns import CampaignRecord, Spending
from okube_api.engine.question import Label, Question, RequestedKpi, request_scope
from okube_api.engine.run import answer
from okube_api.store.protocol import Reader

from tests.by_hand import question as by_hand
from tests.by_hand import truth as by_hand_truth
from tests.by_hand.conversion import passes_filters
from tests.by_hand.costs import list_sharers
from tests.by_hand.truth import Truth
from tests.engine.business_calendars import build_calendar
from tests.engine.rendered import render_data
from tests.engine.timezones import build_timezones

FILTERS = {Scope.SITES: "sites", Scope.CAMPAIGNS: "campaigns", Scope.LEVERS: "levers", Scope.EXTRAS: "extras"}


def build_campaign(campaign: by_hand_truth.Campaign) -> CampaignRecord:
    """Return a campaign as questions hold it."""
    return CampaignRecord(
        campaign.id,
        campaign.key,
        campaign.name,
        campaign.lever,
        campaign.sites or None,
        tuple(sorted(campaign.extras)),
        tuple(build_spending(cost, campaign) for cost in campaign.costs),
    )


def build_spending(cost: by_hand_truth.Cost, campaign: by_hand_truth.Campaign) -> Spending:
    """Return a cost as questions hold it; a fixed cost without days has those of its campaign."""
    first, last = cost.first, cost.last
    if cost.kind == "fixed":
        first, last = first or campaign.first, last or campaign.last
    return Spending(cost.kind, int(cost.amount * 1_000_000), _ordinal(first), _ordinal(last))


def _ordinal(day: date | None) -> int | None:
    return None if day is None else to_ordinal(day)


def resolve_question(truth: Truth, kpis: tuple[str, ...], question: by_hand.Question) -> Question:
    """Return the engine's question: every KPI by the scope of the question."""
    sites = tuple(place.id for place in by_hand.select_sites(truth, question))
    filters_by_scope = {scope: getattr(question, name) for scope, name in FILTERS.items()}
    by_campaign = any(filter_ is not None for scope, filter_ in filters_by_scope.items() if scope is not Scope.SITES)
    some_sites = any((question.site, question.sites, question.tags))
    active_sites = {site.id for site in truth.sites if site.active}
    return Question(
        application="a" * 24,
        period=Period(to_ordinal(question.first), to_ordinal(question.last)),
        uplift=question.uplift,
        requested_kpis=tuple(
            RequestedKpi(
                BY_NAME[Module.CONVERSION][kpi],
                Mode(question.mode),
                Granularity(question.granularity),
                all=True,
                temporals=True,
                scopes=(request_scope(Scope(question.scope), properties=()),),
            )
            for kpi in kpis
        ),
        places={PlaceRole.SITES: sites},
        filters=(),
        calendar=build_calendar(question.calendar),
        timezones=build_timezones(truth, question),
        edges={bands: tuple(truth.bands[bands.value]) for bands in Bands},
        weekdays=tuple(sorted(question.weekdays)) if question.weekdays else None,
        named_values={
            scope: tuple(sorted(filter_.values))
            for scope, filter_ in filters_by_scope.items()
            if filter_ and not filter_.negated
        },
        labels={site.id: Label(site.key, site.name) for site in truth.sites}
        | {campaign.id: Label(campaign.key, campaign.name) for campaign in truth.campaigns},
        campaigns={campaign.id: build_campaign(campaign) for campaign in truth.campaigns},
        selected_campaigns=tuple(campaign.id for campaign in truth.campaigns if passes_filters(campaign, question))
        if by_campaign
        else None,
        some_sites=some_sites,
        active_sites=tuple(sorted(active_sites)),
        unreached_campaigns=()
        if some_sites
        else tuple(
            campaign.id for campaign in truth.campaigns if not active_sites.issuperset(list_sharers(truth, campaign))
        ),
    )


async def ask(reader: Reader, truth: Truth, kpis: tuple[str, ...], question: by_hand.Question) -> list[Any]:
    """Return the `data` of the answer to each KPI."""
    engine_question = resolve_question(truth, kpis, question)
    engine_answer = await answer(engine_question, reader)
    return render_data(engine_question, engine_answer)
