"""From a request that was read to the immutable question: references found, places chosen, scopes checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from okube_api.analytics.directory import Directory, Resource
from okube_api.analytics.schemas.parts import Choice, Except, Options
from okube_api.analytics.schemas.requests import Filters, Param, Query
from okube_api.catalogue.kpi import Kpi
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.values import ATTRIBUTES, Bands, Reached, Scope
from okube_api.engine.calendar import Granularity, Mode, Period
from okube_api.engine.question import Ask, By, Chosen, Label, Question
from okube_api.errors import Impossible
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.base import Json


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a question is asked of.

    study: the study of a geo-marketing question, with its `sites` and `pois`; site: the one that the path names.
    edges: the application's bins.
    """

    application: str
    timezone: str
    edges: Mapping[Bands, tuple[int, ...]]
    study: Json | None = None
    site: str | None = None


async def resolved(query: Query, subject: Subject, period: Period, uplift: bool, directory: Directory) -> Question:
    """The question that a request comes down to.  Raises Impossible and UnknownReference, with pointers."""
    asks = tuple(_asks(query))
    sites = await _places(query.filters, subject, directory, Scope.SITES)
    pois = await _places(query.filters, subject, directory, Scope.POIS) if subject.study is not None else _NO_PLACES
    reached = {*(site.id for site in sites.reached), *(poi.id for poi in pois.reached)}
    whole = {place.id for place in (*sites.all, *pois.all) if place.active} | reached
    return Question(
        application=subject.application,
        period=period,
        uplift=uplift,
        asks=asks,
        places={
            Reached.SITES: tuple(site.id for site in sites.reached),
            Reached.POIS: tuple(poi.id for poi in pois.reached),
            Reached.STUDY: tuple(sorted(whole)),
        },
        filters=tuple(_by_attribute(query.filters)),
        edges=subject.edges,
        weekdays=_weekdays(query.filters),
        named=_named(query.filters) | {Scope.SITES: sites.named, Scope.POIS: pois.named},
        labels={place.id: Label(place.key, place.name) for place in (*sites.reached, *pois.reached)},
    )


# -- params ------------------------------------------------------------------------------------------------------


def _asks(query: Query) -> Iterator[Ask]:
    for index, param in enumerate(query.params):
        kpi = BY_NAME[query.module][param.kpi]
        scopes = tuple(_scopes(param, kpi, index))
        if not scopes:
            raise Impossible.at("body", f"/params/{index}", "Nothing is asked for: ask for `globals` or for a scope.")
        if not param.all and not param.temporals:
            raise Impossible.at(
                "body", f"/params/{index}", "Nothing is asked for: `all` and `temporals` are both false."
            )
        mode, granularity = Mode(param.mode), Granularity(param.granularity)
        yield Ask(kpi, mode, granularity, param.all, param.temporals, scopes)


def _scopes(param: Param, kpi: Kpi, index: int) -> Iterator[By]:
    for scope, choice in param.choices():
        if choice is False:
            continue
        if scope is not Scope.GLOBALS and scope not in kpi.scopes:
            known = ", ".join((Scope.GLOBALS, *kpi.scopes))
            message = f"'{kpi.name}' cannot be asked by {scope}. It can by: {known}."
            raise Impossible.at("body", f"/params/{index}/{scope}", message)
        yield _by(scope, choice)


def _by(scope: Scope, choice: Choice) -> By:
    options: Any = choice if isinstance(choice, Options) else None
    properties = tuple(options.properties) if options else _SHOWN.get(scope, ("_id",))
    descending = None
    if options and (options.sort is not None or options.limit is not None):
        descending = options.sort != "all"
    return By(scope, properties, descending, options.limit if options else None)


_SHOWN = {**dict.fromkeys(ATTRIBUTES, ("code",)), Scope.EXTRAS: ("name",)}

# -- filters -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Places:
    """all: those of the study, or of the application; reached: what the question leaves; named: by a filter."""

    all: tuple[Resource, ...] = ()
    reached: tuple[Resource, ...] = ()
    named: tuple[str, ...] = ()


_NO_PLACES = _Places()
_COLLECTIONS = {Scope.SITES: SITES, Scope.POIS: POIS}


async def _places(filters: Filters, subject: Subject, directory: Directory, scope: Scope) -> _Places:
    """The sites, or points of interest, of a question: active ones, and those that a filter or the path names."""
    chosen = await _chosen(filters, scope, directory)
    ids = None if subject.study is None else subject.study.get(scope.value) or ()
    every = await directory.every(_COLLECTIONS[scope], ids)
    named = set(chosen.values) if chosen is not None and not chosen.negated else set()
    path = subject.site if scope is Scope.SITES else None
    reached = tuple(
        place
        for place in every
        if (path is None or place.id == path)
        and (chosen is None or (place.id in chosen.values) != chosen.negated)
        and (place.active or place.id in named or place.id == path)
        and (scope is not Scope.SITES or _tagged(place, filters))
    )
    return _Places(tuple(every), reached, tuple(sorted(named & {place.id for place in reached})))


async def _chosen(filters: Filters, scope: Scope, directory: Directory) -> Chosen | None:
    """What a filter on resources keeps, by id."""
    values, negated = _values(filters, scope.value)
    if values is None:
        return None
    pointer = f"/filters/{scope}{'/not' if negated else ''}"
    found = await directory.named(_COLLECTIONS[scope], values, pointer)
    return Chosen(tuple(resource.id for resource in found), negated)


def _values(filters: Filters, name: str) -> tuple[list[Any] | None, bool]:
    """The values of a filter, and whether they are what is left out; None without it."""
    found = getattr(filters, name, None)
    return (found.values, True) if isinstance(found, Except) else (found, False)


def _tagged(place: Resource, filters: Filters) -> bool:
    tags, negated = _values(filters, "tags")
    return tags is None or bool(place.tags.intersection(tags)) != negated


def _by_attribute(filters: Filters) -> Iterator[tuple[Scope, Chosen]]:
    for scope in ATTRIBUTES:
        values, negated = _values(filters, scope.value)
        if values is not None:
            yield scope, Chosen(tuple(dict.fromkeys(values)), negated)


def _named(filters: Filters) -> dict[Scope, tuple[str, ...]]:
    """The areas that filters name; homes and zones are the same."""
    named = {scope: tuple(chosen.values) for scope, chosen in _by_attribute(filters) if not chosen.negated}
    homes = tuple(dict.fromkeys((*named.get(Scope.HOMES, ()), *named.get(Scope.ZONES, ()))))
    return {Scope.HOMES: homes, Scope.ZONES: homes, Scope.WORKS: named.get(Scope.WORKS, ())}


def _weekdays(filters: Filters) -> tuple[int, ...] | None:
    values, negated = _values(filters, "weekdays")
    return None if values is None else tuple(day for day in range(1, 8) if (day in values) != negated)
