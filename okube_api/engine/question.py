"""Questions as immutable values: what a request asks for, with all references resolved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.kpi import Kpi, Unit
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.catalogue.terms import Term
from okube_api.catalogue.value import Value
from okube_api.engine.calendar import HOURLY, Buckets, Granularity, Mode, Period, cut_into_buckets
from okube_api.engine.campaigns import CampaignRecord
from okube_api.engine.dimensions import Dimension, get_expression_scope, list_scopes
from okube_api.engine.fiscal_calendar import ISO_CALENDAR, BusinessCalendar
from okube_api.engine.hour_buckets import cut_into_hours
from okube_api.engine.notes import Note
from okube_api.engine.place_timezones import ONE_TIMEZONE, PlaceTimezones
from okube_api.engine.time_filters import DaySelection, OpeningInterval, TimeFilters, has_day_filter


@dataclass(frozen=True, slots=True)
class ValueFilter:
    """A filter on a column: keeps rows with one of `values`, or (negated) with none of them."""

    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A filter on rows: all of its parts must hold, as far as they concern the rows.

    places: the ids of the places, by role; a role that is absent is not restricted.
    filters: on columns, by scope.  selected_campaigns: the campaigns to keep; None keeps all.
    weekdays, days, hours, openings: see `TimeFilters`.
    """

    places: Mapping[PlaceRole, tuple[str, ...]] = field(default_factory=dict)
    filters: tuple[tuple[Scope, ValueFilter], ...] = ()
    selected_campaigns: tuple[str, ...] | None = None
    weekdays: tuple[int, ...] | None = None
    days: DaySelection | None = None
    hours: tuple[int, ...] | None = None
    openings: tuple[OpeningInterval, ...] | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """The key and the name that an answer shows for a resource."""

    key: str
    name: str | None


@dataclass(frozen=True, slots=True)
class ValueBounds:
    """Bounds that the `all` value of a scope value must lie within; None leaves a side open."""

    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None

    def accepts(self, number: float | None) -> bool:
        """Return whether a number lies within the bounds; null does not."""
        return (
            number is not None
            and (self.gt is None or number > self.gt)
            and (self.gte is None or number >= self.gte)
            and (self.lt is None or number < self.lt)
            and (self.lte is None or number <= self.lte)
        )


@dataclass(frozen=True, slots=True)
class Level:
    """One of the dimensions that an answer is broken down by, and which of its values to show, in which order.

    properties: which properties of the values to show.
    descending: the direction to sort by the `all` value; None sorts by identifier.
    by_change: whether to sort by the change of the `all` value since the first compared period instead.
    limit: how many values to show; None shows all.
    having: bounds of the `all` values to show.
    has_remainder: whether to show one more entry, `others`, of everything that is not shown.
    share: whether to show the share of the whole beside the `all` value.
    has_options: whether the request has an object for it, and not only its name.
    """

    dimension: Dimension
    properties: tuple[str, ...] = ("_id",)
    descending: bool | None = None
    by_change: bool = False
    limit: int | None = None
    having: ValueBounds | None = None
    has_remainder: bool = False
    share: bool = False
    has_options: bool = False

    @property
    def is_ranked(self) -> bool:
        """Whether the `all` values decide which values are shown, or in which order."""
        return self.descending is not None or self.limit is not None or self.having is not None


class ScopeEvaluation(NamedTuple):
    """What a KPI is evaluated by: dimensions, and whether by bucket, too.

    scopes: of the dimensions.  expression_scope: the scope whose expressions compute the KPI.
    """

    dimensions: tuple[Dimension, ...]
    has_buckets: bool
    scopes: tuple[Scope, ...]
    expression_scope: Scope

    @classmethod
    def from_dimensions(cls, dimensions: tuple[Dimension, ...], *, has_buckets: bool) -> "ScopeEvaluation":
        """Return what a KPI is evaluated by, given dimensions."""
        return cls(dimensions, has_buckets, list_scopes(dimensions), get_expression_scope(dimensions))


@dataclass(frozen=True)
class RequestedScope:
    """What a param is broken down by: no dimension for `globals`, else one or two, the outer one first.

    field: the field of the param that requests it, for messages.
    """

    levels: tuple[Level, ...] = ()
    field: str = Scope.GLOBALS.value

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions, the outer one first."""
        return tuple([level.dimension for level in self.levels])

    @property
    def name(self) -> str:
        """Its name in answers: the names of the dimensions."""
        return ",".join([level.dimension.name for level in self.levels]) or Scope.GLOBALS.value

    @property
    def scope(self) -> Scope:
        """The scope whose expressions compute the KPI."""
        return self.breakdowns[0].expression_scope

    @property
    def is_ranked(self) -> bool:
        """Whether `all` values decide which values are shown, or in which order."""
        return any(level.is_ranked for level in self.levels)

    @property
    def has_outer_values(self) -> bool:
        """Whether the values of the outer one of two dimensions are needed by themselves."""
        outer = self.levels[0] if len(self.levels) > 1 else None
        return outer is not None and (outer.is_ranked or outer.has_options)

    @property
    def has_shares(self) -> bool:
        """Whether shares of the whole are shown."""
        return any(level.share for level in self.levels)

    @cached_property
    def breakdowns(self) -> tuple[ScopeEvaluation, ...]:
        """What a KPI is evaluated by: first by what the answer has, then by what the options need."""
        breakdowns = [ScopeEvaluation.from_dimensions(self.dimensions, has_buckets=True)]
        if self.has_outer_values:
            breakdowns.append(ScopeEvaluation.from_dimensions(self.dimensions[:1], has_buckets=False))
        if self.has_shares:
            breakdowns.append(ScopeEvaluation.from_dimensions((), has_buckets=False))
        return tuple(breakdowns)


GLOBAL_SCOPE = RequestedScope()


def request_scope(scope: Scope, **options: Any) -> RequestedScope:
    """Return what is requested by a plain scope.  options: of its level."""
    return (
        RequestedScope((Level(Dimension(scope), **options),), scope.value)
        if scope is not Scope.GLOBALS
        else GLOBAL_SCOPE
    )


@dataclass(frozen=True, slots=True)
class RequestedKpi:
    """One param: a KPI, its buckets and its scopes.

    position: of the param in the request, for messages.
    fill: whether scope values have all buckets, also those without data.
    """

    kpi: Kpi
    mode: Mode
    granularity: Granularity
    all: bool
    temporals: bool
    scopes: tuple[RequestedScope, ...]
    position: int = 0
    fill: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one application.

    places: the ids of the places that each kind of slice looks at.
    filters: the filters on rows, by scope; those on campaigns, levers and extras are in `selected_campaigns`.
    named_values: the values that a filter or the URL names, by scope: they are in the answer even when empty.
    weekdays, days, hours, openings: the filters on time (see `TimeFilters`).
    alternatives: groups of filters; a row must pass at least one filter of each group.
    edges: the lower edges of the application's bands, ascending.  currency: of the application.
    timezones: those of the places, for buckets by hour.
    calendar: of the application, for buckets by week and of the fiscal year.
    labels: the resources that an answer may name, by `_id`.
    campaigns: the campaigns of the application, by `_id`.
    selected_campaigns: those that pass every filter on campaigns, levers and extras; None without such a filter.
    some_sites: whether the question is about a selection of sites, which then get their shares of what is only known
        by campaign.
    active_sites: the active sites of the application, which share what is only known by campaign.  Example: a delivery
        of 90 prints without a site, by a global campaign with the active sites a, b and c, counts 30 prints for each.
    unreached_campaigns: of a question that is not about a selection of sites: the campaigns that have inactive sites
        only.  What is known by campaign belongs to these sites, which the question does not reach.
    subquery_results: by fact and role of places, the places that have rows but are not in the question.  Where they
        are given, the planner may read the rows of every place and subtract those of these places.
    complete_facts: the names of the facts whose newest rollups have rows for all days.
    absent_places: by role, why the question has no places, where it has none.
    notes: remarks on the numbers, for the answer.
    """

    application: str
    period: Period
    uplift: bool
    requested_kpis: tuple[RequestedKpi, ...]
    places: Mapping[PlaceRole, tuple[str, ...]]
    filters: tuple[tuple[Scope, ValueFilter], ...]
    edges: Mapping[Bands, tuple[int, ...]]
    currency: str = Unit.MONEY.value
    weekdays: tuple[int, ...] | None = None
    days: DaySelection | None = None
    hours: tuple[int, ...] | None = None
    openings: tuple[OpeningInterval, ...] | None = None
    alternatives: tuple[tuple[RowFilter, ...], ...] = ()
    named_values: Mapping[Scope, tuple[str, ...]] = field(default_factory=dict)
    timezones: PlaceTimezones = ONE_TIMEZONE
    calendar: BusinessCalendar = ISO_CALENDAR
    labels: Mapping[str, Label] = field(default_factory=dict)
    campaigns: Mapping[str, CampaignRecord] = field(default_factory=dict)
    selected_campaigns: tuple[str, ...] | None = None
    some_sites: bool = False
    active_sites: tuple[str, ...] = ()
    unreached_campaigns: tuple[str, ...] = ()
    subquery_results: Mapping[tuple[str, PlaceRole], tuple[str, ...]] = field(default_factory=dict)
    complete_facts: frozenset[str] = frozenset()
    absent_places: Mapping[PlaceRole, Note] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    def without_filters(self) -> "Question":
        """Return the question about all rows of its places."""
        return replace(
            self,
            filters=(),
            selected_campaigns=None,
            weekdays=None,
            days=None,
            hours=None,
            openings=None,
            alternatives=(),
        )

    @property
    def period_to_read(self) -> Period:
        """The period from the first to the last day that the filters on days keep."""
        if self.days is None:
            return self.period
        lists = [days for days in (self.days.days, *(days for _, days in self.days.by_place)) if days]
        first = min((days[0] for days in lists), default=self.period.first)
        last = max((days[-1] for days in lists), default=first)
        return Period(first, last)

    def buckets_of(self, request: RequestedKpi) -> Buckets | None:
        """Return the buckets to answer a param by; None when only the whole period is requested."""
        if not request.temporals:
            return None
        if request.granularity in HOURLY:
            return cut_into_hours(self.period, request.mode, request.granularity, self.timezones.names)
        return cut_into_buckets(self.period, request.mode, request.granularity, self.calendar)

    def list_hourly_terms(self) -> Iterator[Term]:
        """Yield the terms of which hours are needed: those with buckets by hour; with a filter on hours, all."""
        parts: tuple[TimeFilters, ...] = (self, *(part for group in self.alternatives for part in group))
        has_filter = any(part.hours is not None or part.openings is not None for part in parts)
        for request in self.requested_kpis:
            if has_filter or (request.temporals and request.granularity in HOURLY):
                for by in request.scopes:
                    yield from self.value_of(request.kpi).terms(by.scope)

    def value_of(self, kpi: Kpi) -> Value:
        """Return the expression of a KPI under the filters of the question."""
        scopes = [scope for scope, _ in self.filters]
        limits: list[TimeFilters] = [self]
        for part in (part for group in self.alternatives for part in group):
            scopes += [scope for scope, _ in part.filters]
            limits.append(part)
        if any(each.hours is not None or each.openings is not None for each in limits):
            scopes.append(Scope.EQUIPMENTS)  # stays are kept, as by a filter on equipments: their paths are read
        return kpi.value_under(scopes)

    @property
    def needs_days(self) -> bool:
        """Whether a filter keeps some days, or parts of days, so that rows of weeks and months cannot answer."""
        if has_day_filter(self):
            return True
        return bool(self.alternatives) and any(has_day_filter(part) for group in self.alternatives for part in group)

    def is_weighted(self, term: Term) -> bool:
        """Return whether the users of a term count by their weight."""
        return self.uplift and term.slice.fact.weight is not None
