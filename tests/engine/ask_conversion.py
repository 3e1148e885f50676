"""By-hand questions about conversion put to the engine, resolved as the requests are, and its answer's data."""

from datetime import date
from typing import Any

from okube_api.analytics.answer import build_results
from okube_api.catalogue.bands import Bands
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Granularity, Mode, Period, to_ordinal
from okube_api.engine.campaigns import CampaignRecord, Spending
from okube_api.engine.question import Label, Question, RequestedKpi, RequestedScope
from okube_api.engine.run import answer
from okube_api.store.protocol import Reader

from tests.by_hand import question as by_hand
from tests.by_hand import truth as happened
from tests.by_hand.conversion import kept
from tests.by_hand.truth import Truth

NAMES = {Scope.SITES: "sites", Scope.CAMPAIGNS: "campaigns", Scope.LEVERS: "levers", Scope.EXTRAS: "extras"}


def campaign(one: happened.Campaign) -> CampaignRecord:
    """A campaign as questions know it."""
    return CampaignRecord(
        one.id,
        one.key,
        one.name,
        one.lever,
        one.sites or None,
        tuple(sorted(one.extras)),
        tuple(spending(cost, one) for cost in one.costs),
    )


def spending(cost: happened.Cost, one: happened.Campaign) -> Spending:
    """A cost as questions know it; a fixed one takes the days that it does not say from its campaign."""
    first, last = cost.first, cost.last
    if cost.kind == "fixed":
        first, last = first or one.first, last or one.last
    return Spending(cost.kind, int(cost.amount * 1_000_000), _ordinal(first), _ordinal(last))


def _ordinal(day: date | None) -> int | None:
    return None if day is None else to_ordinal(day)


def resolved(truth: Truth, kpis: tuple[str, ...], asked: by_hand.Question) -> Question:
    """The engine's question; every KPI by the question's one scope."""
    sites = tuple(place.id for place in by_hand.reached_sites(truth, asked))
    chosen = {scope: getattr(asked, name) for scope, name in NAMES.items()}
    by_campaign = any(one is not None for scope, one in chosen.items() if scope is not Scope.SITES)
    return Question(
        application="a" * 24,
        period=Period(to_ordinal(asked.first), to_ordinal(asked.last)),
        uplift=asked.uplift,
        requested_kpis=tuple(
            RequestedKpi(
                BY_NAME[Module.CONVERSION][kpi],
                Mode(asked.mode),
                Granularity(asked.granularity),
                all=True,
                temporals=True,
                scopes=(RequestedScope(Scope(asked.scope), properties=()),),
            )
            for kpi in kpis
        ),
        places={PlaceRole.SITES: sites},
        filters=(),
        edges={bands: tuple(truth.bands[bands.value]) for bands in Bands},
        weekdays=tuple(sorted(asked.weekdays)) if asked.weekdays else None,
        named_values={scope: tuple(sorted(one.values)) for scope, one in chosen.items() if one and not one.negated},
        labels={site.id: Label(site.key, site.name) for site in truth.sites}
        | {one.id: Label(one.key, one.name) for one in truth.campaigns},
        campaigns={one.id: campaign(one) for one in truth.campaigns},
        selected_campaigns=tuple(one.id for one in truth.campaigns if kept(one, asked)) if by_campaign else None,
        some_sites=any((asked.site, asked.sites, asked.tags)),
        sharers=tuple(site.id for site in truth.sites if by_hand.active_or_named(site, asked.sites, asked)),
    )


async def ask(reader: Reader, truth: Truth, kpis: tuple[str, ...], asked: by_hand.Question) -> list[Any]:
    """The `data` of the answer to each KPI."""
    question = resolved(truth, kpis, asked)
    found = await answer(question, reader)
    return [element["data"] for element in build_results(question, found.kpi_results)]
