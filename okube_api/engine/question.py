"""A question, as an immutable value: what the language of the requests comes down to once all is resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from okube_api.catalogue.expressions.values import Bands, PlaceRole, Scope
from okube_api.catalogue.kpi import Kpi
from okube_api.engine.calendar import Buckets, Granularity, Mode, Period, cut_into_buckets
from okube_api.engine.evaluators.campaigns import CampaignRecord


@dataclass(frozen=True, slots=True)
class ValueFilter:
    """What a filter keeps: one of `values`, or (negated) none of them."""

    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """How a resource is shown beside its `_id`."""

    key: str
    name: str | None


@dataclass(frozen=True, slots=True)
class RequestedScope:
    """One scope of a param.

    properties: what to show beside the numbers.
    descending: sorted by the `all` value, None as the identifiers come; limit: only the first n.
    """

    scope: Scope
    properties: tuple[str, ...] = ("_id",)
    descending: bool | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RequestedKpi:
    """One param: a KPI, how its days fall into buckets, and by what it is broken down."""

    kpi: Kpi
    mode: Mode
    granularity: Granularity
    all: bool
    temporals: bool
    scopes: tuple[RequestedScope, ...]

    def buckets(self, period: Period) -> Buckets | None:
        """The buckets to answer by; None when only the whole period is asked for."""
        return cut_into_buckets(period, self.mode, self.granularity) if self.temporals else None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one application.

    places: the places that each kind of slice looks at, by id.
    filters: what rows must be, by scope; for campaigns, levers and extras see `kept`.
    named: the values that a filter or the path names, by scope: in the answer even when empty.
    weekdays: 1 (Monday) to 7; None for every day.
    edges: the application's bins, ascending.
    labels: the resources that an answer may name, by `_id`.
    campaigns: those of the application, by `_id`.
    kept: the campaigns that meet every filter on campaigns, levers and extras; None without any.
    some_sites: whether it looks at some sites only, which then take their share of what is known by campaign.
    sharers: the sites that share what is known by campaign: active ones, and others that a filter or the path names.
    aside: by fact and kind of places, those that have rows and are not looked at; where it is known, rows of every
        place may be read and theirs taken away again.
    notes: what is known of the numbers before they are read.
    """

    application: str
    period: Period
    uplift: bool
    requested_kpis: tuple[RequestedKpi, ...]
    places: Mapping[PlaceRole, tuple[str, ...]]
    filters: tuple[tuple[Scope, ValueFilter], ...]
    edges: Mapping[Bands, tuple[int, ...]]
    weekdays: tuple[int, ...] | None = None
    named_values: Mapping[Scope, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, Label] = field(default_factory=dict)
    campaigns: Mapping[str, CampaignRecord] = field(default_factory=dict)
    selected_campaigns: tuple[str, ...] | None = None
    some_sites: bool = False
    sharers: tuple[str, ...] = ()
    subquery_results: Mapping[tuple[str, PlaceRole], tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
