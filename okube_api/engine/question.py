"""Questions as immutable values: what a request asks for, with all references resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.kpi import Kpi
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.catalogue.terms import Term
from okube_api.catalogue.value import Value
from okube_api.engine.calendar import HOURLY, Buckets, Granularity, Mode, Period, cut_into_buckets
from okube_api.engine.campaigns import CampaignRecord
from okube_api.engine.hour_buckets import cut_into_hours
from okube_api.engine.notes import Note
from okube_api.engine.place_zones import ONE_ZONE, PlaceZones
from okube_api.engine.time_filters import DaySelection, OpeningInterval, has_day_filter


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
class RequestedScope:
    """One scope of a param.

    properties: which properties of the scope values to show.
    descending: the direction to sort by the `all` value; None sorts by identifier.
    limit: how many scope values to show; None shows all.
    """

    scope: Scope
    properties: tuple[str, ...] = ("_id",)
    descending: bool | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RequestedKpi:
    """One param: a KPI, its buckets and its scopes.

    position: of the param in the request, for messages.
    """

    kpi: Kpi
    mode: Mode
    granularity: Granularity
    all: bool
    temporals: bool
    scopes: tuple[RequestedScope, ...]
    position: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one application.

    places: the ids of the places that each kind of slice looks at.
    filters: the filters on rows, by scope; those on campaigns, levers and extras are in `selected_campaigns`.
    named_values: the values that a filter or the URL names, by scope: they are in the answer even when empty.
    weekdays, days, hours, openings: the filters on time (see `TimeFilters`).
    alternatives: groups of filters; a row must pass at least one filter of each group.
    edges: the lower edges of the application's bands, ascending.
    zones: the time zones of the places, for buckets by hour.
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
    notes: remarks on the numbers, for the answer.
    """

    application: str
    period: Period
    uplift: bool
    requested_kpis: tuple[RequestedKpi, ...]
    places: Mapping[PlaceRole, tuple[str, ...]]
    filters: tuple[tuple[Scope, ValueFilter], ...]
    edges: Mapping[Bands, tuple[int, ...]]
    weekdays: tuple[int, ...] | None = None
    days: DaySelection | None = None
    hours: tuple[int, ...] | None = None
    openings: tuple[OpeningInterval, ...] | None = None
    alternatives: tuple[tuple[RowFilter, ...], ...] = ()
    named_values: Mapping[Scope, tuple[str, ...]] = field(default_factory=dict)
    zones: PlaceZones = ONE_ZONE
    labels: Mapping[str, Label] = field(default_factory=dict)
    campaigns: Mapping[str, CampaignRecord] = field(default_factory=dict)
    selected_campaigns: tuple[str, ...] | None = None
    some_sites: bool = False
    active_sites: tuple[str, ...] = ()
    unreached_campaigns: tuple[str, ...] = ()
    subquery_results: Mapping[tuple[str, PlaceRole], tuple[str, ...]] = field(default_factory=dict)
    complete_facts: frozenset[str] = frozenset()
    notes: tuple[Note, ...] = ()

    def buckets_of(self, request: RequestedKpi) -> Buckets | None:
        """Return the buckets to answer a param by; None when only the whole period is requested."""
        if not request.temporals:
            return None
        if request.granularity in HOURLY:
            return cut_into_hours(self.period, request.mode, request.granularity, self.zones.names)
        return cut_into_buckets(self.period, request.mode, request.granularity)

    def value_of(self, kpi: Kpi) -> Value:
        """Return the expression of a KPI under the filters of the question."""
        filters = self.filters
        for part in (part for group in self.alternatives for part in group):
            filters = (*filters, *part.filters)
        return kpi.value_under([scope for scope, _ in filters])

    @property
    def needs_days(self) -> bool:
        """Whether a filter keeps some days, or parts of days, so that rows of weeks and months cannot answer."""
        if has_day_filter(self):
            return True
        return bool(self.alternatives) and any(has_day_filter(part) for group in self.alternatives for part in group)

    def is_weighted(self, term: Term) -> bool:
        """Return whether the users of a term count by their weight."""
        return self.uplift and term.slice.fact.weight is not None
