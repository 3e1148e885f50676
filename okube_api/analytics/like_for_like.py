"""Like-for-like: limits questions to the sites that were open in all periods of a comparison."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from okube_api.analytics.resource_cache import Resource, ResourceSet
from okube_api.catalogue.buckets import to_date
from okube_api.catalogue.fact import Span
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.catalogue.terms import Slice
from okube_api.engine.calendar import Period
from okube_api.engine.question import Question
from okube_api.engine.text_columns import encode_texts
from okube_api.store.conditions import AllOf, AnyOf, Between, OneOf
from okube_api.store.plans import Aggregate
from okube_api.store.protocol import Reader
from okube_api.store.schema import Table
from okube_api.store.values import Json


@dataclass(frozen=True, slots=True)
class OpenRule:
    """When a site was open in a period: with data at its start and at its end.

    rows: the rows of the module that show that a site was open.
    edge_d: how many days the start and the end have.  least_d: on how many of them there must be data.
    """

    rows: Slice
    edge_d: int
    least_d: int

    def list_edges(self, period: Period) -> tuple[Period, Period]:
        """Return the days at the start and at the end of a period."""
        return (
            Period(period.first, min(period.first + self.edge_d - 1, period.last)),
            Period(max(period.last - self.edge_d + 1, period.first), period.last),
        )


@dataclass(frozen=True, slots=True)
class ClosedSite:
    """A site that is left out.

    edge: the days at the start or at the end of a period on which it has too little data; None if it is inactive.
    """

    site: Resource
    edge: Period | None

    def to_json(self) -> Json:
        """Return the site as `meta.likeForLike` lists it."""
        resource = {"_id": self.site.id, "key": self.site.key, "name": self.site.name}
        if self.edge is None:
            return {**resource, "reason": "inactive", "from": None, "to": None}
        days = (to_date(day).isoformat() for day in (self.edge.first, self.edge.last))
        return {**resource, "reason": "no_data", **dict(zip(("from", "to"), days, strict=True))}


async def find_closed_sites(
    questions: Iterable[Question],
    periods: Sequence[Period],
    reader: Reader,
    sites: ResourceSet,
    rule: OpenRule,
) -> tuple[ClosedSite, ...]:
    """Return the sites of the questions that were not open in all of these periods, ascending by id."""
    candidates = sorted({site for question in questions for site in question.places[PlaceRole.SITES]})
    edges = list(dict.fromkeys(edge for period in periods for edge in rule.list_edges(period)))
    days_by_site = await _count_days(candidates, edges, reader, rule.rows)
    least = [min(rule.least_d, edge.last - edge.first + 1) for edge in edges]
    no_days = [0] * len(edges)
    closed = []
    for site in map(sites.by_id.__getitem__, filter(sites.by_id.__contains__, candidates)):
        if not site.active:
            closed.append(ClosedSite(site, None))
            continue
        counts = days_by_site.get(site.id, no_days)
        edge = next((edge for edge, days, enough in zip(edges, counts, least, strict=True) if days < enough), None)
        if edge is not None:
            closed.append(ClosedSite(site, edge))
    return tuple(closed)


async def _count_days(
    sites: Sequence[str], edges: Sequence[Period], reader: Reader, rows_of_sites: Slice
) -> Mapping[str, Sequence[int]]:
    """Return on how many days of each edge a site has rows, for sites with rows."""
    assert rows_of_sites.place is not None
    if not sites or not edges:
        return {}
    _, column = rows_of_sites.place
    where = AllOf(
        (
            AnyOf(tuple(Between("part", edge.first, edge.last) for edge in edges)),
            OneOf(column, tuple(sites)),
            *(OneOf(name, values) for name, values in rows_of_sites.fixed),
        )
    )
    rows = await reader.aggregate(Aggregate(_find_daily_table(rows_of_sites, column), where, (column, "day")))
    codes, texts = encode_texts(rows[column])
    days = rows["day"].to_numpy()
    counts = [
        np.bincount(codes[(days >= edge.first) & (days <= edge.last)], minlength=len(texts)).tolist() for edge in edges
    ]
    return {site: site_counts for site, site_counts in zip(texts, zip(*counts, strict=True), strict=True) if site}


def _find_daily_table(rows: Slice, place_column: str) -> Table:
    """Return the smallest table by day that has the place and the fixed columns of rows, and all of their days."""
    columns = {place_column, *(name for name, _ in rows.fixed)}
    grains = [grain for grain in rows.fact.grains if grain.since == 1 and columns <= set(grain.dimensions)]
    if not grains:
        return rows.fact.daily_table
    return rows.fact.rollup(min(grains, key=lambda grain: len(grain.dimensions)), Span.DAY)


def leave_out_sites(questions: Mapping[Period, Question], closed: Iterable[ClosedSite]) -> Mapping[Period, Question]:
    """Return questions without these sites: as with a filter on the others."""
    closed_ids = frozenset(each.site.id for each in closed)
    return {period: _leave_out_sites(question, closed_ids) for period, question in questions.items()}


def _leave_out_sites(question: Question, closed: frozenset[str]) -> Question:
    sites = question.places[PlaceRole.SITES]
    if closed.isdisjoint(sites):
        return question
    named = tuple(site for site in question.named_values.get(Scope.SITES, ()) if site not in closed)
    return replace(
        question,
        places={**question.places, PlaceRole.SITES: tuple(site for site in sites if site not in closed)},
        named_values={**question.named_values, Scope.SITES: named},
        some_sites=True,
        unreached_campaigns=(),
    )
