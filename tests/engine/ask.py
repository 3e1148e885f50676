"""Asks the engine a question of the computation by hand, resolved as requests are."""

from typing import Any

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.buckets import to_ordinal
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Granularity, Mode, Period
from okube_api.engine.question import Label, Question, RequestedKpi, ValueFilter, request_scope
from okube_api.engine.run import answer
from okube_api.store.protocol import Reader

from tests.by_hand import question as by_hand
from tests.by_hand.truth import Truth
from tests.engine.business_calendars import build_calendar
from tests.engine.rendered import render_data
from tests.engine.timezones import build_timezones

FILTERS = {
    Scope.SITES: "sites",
    Scope.POIS: "pois",
    Scope.HOMES: "homes",
    Scope.WORKS: "works",
    Scope.ZONES: "zones",
    Scope.EQUIPMENTS: "equipments",
    Scope.CHANNELS: "channels",
}
FILTERS_ON_ROWS = (Scope.HOMES, Scope.WORKS, Scope.ZONES, Scope.EQUIPMENTS, Scope.CHANNELS)


def resolve_question(truth: Truth, module: Module, kpis: tuple[str, ...], question: by_hand.Question) -> Question:
    """Return the engine's question: every KPI by the scope of the question."""
    scope = Scope(question.scope)
    sites = tuple(place.id for place in by_hand.select_sites(truth, question))
    pois = tuple(place.id for place in by_hand.select_pois(truth, question))
    study_places = by_hand.places_of_study(truth, by_hand.find_study(truth, question))
    all_of_study = (place.id for place in (*truth.sites, *truth.pois) if place.active and place.id in study_places)
    filters = {scope: getattr(question, name) for scope, name in FILTERS.items()}
    named_values = {
        scope: tuple(filter_.values) for scope, filter_ in filters.items() if filter_ and not filter_.negated
    }
    homes = {*named_values.get(Scope.HOMES, ()), *named_values.get(Scope.ZONES, ())}
    named_values |= {Scope.HOMES: tuple(homes), Scope.ZONES: tuple(homes)}
    return Question(
        application="a" * 24,
        period=Period(to_ordinal(question.first), to_ordinal(question.last)),
        uplift=question.uplift,
        requested_kpis=tuple(
            RequestedKpi(
                BY_NAME[module][kpi].by_hour() if question.granularity.startswith("hour") else BY_NAME[module][kpi],
                Mode(question.mode),
                Granularity(question.granularity),
                all=True,
                temporals=True,
                scopes=(request_scope(scope, properties=()),),
            )
            for kpi in kpis
        ),
        places={
            PlaceRole.SITES: sites,
            PlaceRole.POIS: pois,
            PlaceRole.STUDY: tuple(sorted({*all_of_study, *sites, *pois})),
        },
        filters=tuple(
            (scope, build_filter(truth, scope, filter_))
            for scope, filter_ in filters.items()
            if filter_ is not None and scope in FILTERS_ON_ROWS
        ),
        calendar=build_calendar(question.calendar),
        timezones=build_timezones(truth, question),
        edges={bands: tuple(truth.bands[bands.value]) for bands in Bands},
        weekdays=tuple(sorted(question.weekdays)) if question.weekdays else None,
        named_values=named_values,
        labels={place.id: Label(place.key, place.name) for place in (*truth.sites, *truth.pois)}
        | {equipment.id: Label(equipment.key, None) for equipment in truth.equipments},
    )


def build_filter(truth: Truth, scope: Scope, filter_: by_hand.Filter) -> ValueFilter:
    """Return the engine's filter; a filter on equipments always lists those that it accepts."""
    if scope is Scope.EQUIPMENTS:
        return ValueFilter(
            tuple(sorted(equipment.id for equipment in truth.equipments if filter_.accepts(equipment.id)))
        )
    return ValueFilter(tuple(sorted(filter_.values)), filter_.negated)


async def ask(
    reader: Reader, truth: Truth, module: Module, kpis: tuple[str, ...], question: by_hand.Question
) -> list[Any]:
    """Return the `data` of the answer to each KPI."""
    engine_question = resolve_question(truth, module, kpis, question)
    engine_answer = await answer(engine_question, reader)
    return render_data(engine_question, engine_answer)
