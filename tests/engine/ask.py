"""By-hand questions put to the engine: the same question, resolved as the requests are, and its answer's data."""

from typing import Any

from okube_api.analytics.answer import build_results
from okube_api.catalogue.bands import Bands
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Granularity, Mode, Period, to_ordinal
from okube_api.engine.question import Label, Question, RequestedKpi, RequestedScope, ValueFilter
from okube_api.engine.run import answer
from okube_api.store.protocol import Reader

from tests.by_hand import question as by_hand
from tests.by_hand.truth import Truth

FILTERS = {
    Scope.SITES: "sites",
    Scope.POIS: "pois",
    Scope.HOMES: "homes",
    Scope.WORKS: "works",
    Scope.ZONES: "zones",
    Scope.EQUIPMENTS: "equipments",
}
ROWS_KNOW = (Scope.HOMES, Scope.WORKS, Scope.ZONES, Scope.EQUIPMENTS)


def resolved(truth: Truth, module: Module, kpis: tuple[str, ...], asked: by_hand.Question) -> Question:
    """The engine's question; every KPI by the question's one scope."""
    scope = Scope(asked.scope)
    sites = tuple(place.id for place in by_hand.reached_sites(truth, asked))
    pois = tuple(place.id for place in by_hand.reached_pois(truth, asked))
    of_study = by_hand.places_of_study(truth, by_hand.study_of(truth, asked))
    whole = (place.id for place in (*truth.sites, *truth.pois) if place.active and place.id in of_study)
    chosen = {scope: getattr(asked, name) for scope, name in FILTERS.items()}
    named = {scope: tuple(one.values) for scope, one in chosen.items() if one and not one.negated}
    homes = {*named.get(Scope.HOMES, ()), *named.get(Scope.ZONES, ())}
    named |= {Scope.HOMES: tuple(homes), Scope.ZONES: tuple(homes)}
    return Question(
        application="a" * 24,
        period=Period(to_ordinal(asked.first), to_ordinal(asked.last)),
        uplift=asked.uplift,
        requested_kpis=tuple(
            RequestedKpi(
                BY_NAME[module][kpi],
                Mode(asked.mode),
                Granularity(asked.granularity),
                all=True,
                temporals=True,
                scopes=(RequestedScope(scope, properties=()),),
            )
            for kpi in kpis
        ),
        places={
            PlaceRole.SITES: sites,
            PlaceRole.POIS: pois,
            PlaceRole.STUDY: tuple(sorted({*whole, *sites, *pois})),
        },
        filters=tuple(
            (scope, chosen_of(truth, scope, one))
            for scope, one in chosen.items()
            if one is not None and scope in ROWS_KNOW
        ),
        edges={bands: tuple(truth.bands[bands.value]) for bands in Bands},
        weekdays=tuple(sorted(asked.weekdays)) if asked.weekdays else None,
        named_values=named,
        labels={place.id: Label(place.key, place.name) for place in (*truth.sites, *truth.pois)}
        | {one.id: Label(one.key, None) for one in truth.equipments},
    )


def chosen_of(truth: Truth, scope: Scope, one: by_hand.Filter) -> ValueFilter:
    """What a filter keeps; of equipments that are left out, all the others."""
    if scope is Scope.EQUIPMENTS:
        return ValueFilter(tuple(sorted(known.id for known in truth.equipments if one.keeps(known.id))))
    return ValueFilter(tuple(sorted(one.values)), one.negated)


async def ask(
    reader: Reader, truth: Truth, module: Module, kpis: tuple[str, ...], asked: by_hand.Question
) -> list[Any]:
    """The `data` of the answer to each KPI."""
    question = resolved(truth, module, kpis, asked)
    found = await answer(question, reader)
    return [element["data"] for element in build_results(question, found.kpi_results)]
