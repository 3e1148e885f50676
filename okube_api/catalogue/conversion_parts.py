"""The parts of the conversion KPIs: slices, the numbers of a channel, and functions that build similar records."""

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.expressions.breakdowns import Breakdown
from okube_api.catalogue.expressions.composites import Ratio, Record, Scoped
from okube_api.catalogue.expressions.costs import CampaignCost, DeliveryCount
from okube_api.catalogue.expressions.distributions import Distribution
from okube_api.catalogue.expressions.exposure import VenueRate
from okube_api.catalogue.expressions.numbers import Minus, Plus, Total
from okube_api.catalogue.fact import Measure
from okube_api.catalogue.facts import (
    CLICKS,
    COHORTS,
    CONVERSIONS,
    CREDITED,
    CREDITS,
    DELAY,
    EXPOSURES,
    FIRST,
    LAST,
    OCCURRENCES,
    OPENINGS,
    OUTCOMES,
    PRINTS,
    PURCHASES,
    REVENUE,
    USERS,
    VISITS,
)
from okube_api.catalogue.kpi import Kpi, KpiKind, LeafShape, Unit
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.catalogue.terms import Slice, UserSet
from okube_api.catalogue.value import Number
from okube_api.clock import DAY_S

_MICRO = 1_000_000
ALL_SCOPES = (Scope.SITES, Scope.CAMPAIGNS, Scope.LEVERS, Scope.EXTRAS)
_SITES = (PlaceRole.SITES, "site")
_SITE = (Scope.SITES, "site")

# -- slices ----------------------------------------------------------------------------------------------------

VISITED = Slice(OUTCOMES, _SITES, (_SITE,))
PARTICIPATED = Slice(OUTCOMES, _SITES, (_SITE, (Scope.CAMPAIGNS, "campaigns"))).only("attributed", 1)
TOUCHED = Slice(OUTCOMES, _SITES, (_SITE, (Scope.CAMPAIGNS, "credited"))).only("attributed", 1)
COHORT = Slice(COHORTS, _SITES, (_SITE, (Scope.CAMPAIGNS, "campaigns")))
CREDIT = Slice(CREDITS, _SITES, (_SITE, (Scope.CAMPAIGNS, "campaign")))
EXPOSED = Slice(EXPOSURES, None, ((Scope.CAMPAIGNS, "campaign"),))


def _count(measure: Measure, rows: Slice) -> Total:
    return Total(measure, rows)


def _money(rows: Slice) -> Total:
    return Total(REVENUE, rows, denominator=_MICRO, is_integer=False)


def _credit(measure: Measure, rows: Slice, divided_by: str | None = None) -> Total:
    return Total(measure, rows, is_integer=False, divided_by=divided_by)


class Channel:
    """The expressions over the outcomes of one channel, offline or online."""

    def __init__(self, name: str) -> None:
        participated, cohort, credit = (rows.where("channel", name) for rows in (PARTICIPATED, COHORT, CREDIT))
        self.touched = TOUCHED.where("channel", name)
        self.credit = credit
        self.visits = _count(VISITS, participated)
        self.conversions = _count(CONVERSIONS, participated)
        self.purchases = _count(PURCHASES, participated)
        self.revenues = _money(participated)
        self.cohort_visits = _count(VISITS, cohort)
        self.cohort_conversions = _count(CONVERSIONS, cohort)
        self.cohort_revenues = _money(cohort)
        self.linear = _credit(OCCURRENCES, credit, divided_by="touches")
        self.shapley = _credit(CREDITED, credit, divided_by="distinct")
        self.first = _credit(FIRST, credit)
        self.last = _credit(LAST, credit)


OFFLINE, ONLINE = Channel("offline"), Channel("online")
ALL_VISITS = _count(VISITS, PARTICIPATED)
ALL_CONVERSIONS = _count(CONVERSIONS, PARTICIPATED)
ALL_PURCHASES = _count(PURCHASES, PARTICIPATED)
ALL_REVENUES = _money(PARTICIPATED)
COHORT_CONVERSIONS = _count(CONVERSIONS, COHORT)
COHORT_REVENUES = _money(COHORT)
PRINTED, CLICKED, OPENED = DeliveryCount(PRINTS), DeliveryCount(CLICKS), DeliveryCount(OPENINGS)
COST = CampaignCost()
VENUE_RATE = VenueRate(
    exposed=UserSet(EXPOSED.where("control", 0), USERS),
    visitors=UserSet(OFFLINE.credit, USERS),
)

# -- records of similar KPIs -----------------------------------------------------------------------------------


def additive(name: str, value: Number, title: str, unit: Unit = Unit.COUNT, *, meaning: str) -> Kpi:
    """Build a KPI whose values add up over days and scopes."""
    return Kpi(name, value, unit, KpiKind.ADDITIVE, ALL_SCOPES, title, meaning)


def participation(name: str, value: Number, title: str, unit: Unit = Unit.COUNT, *, meaning: str) -> Kpi:
    """Build a KPI that counts an outcome for each campaign that takes part in it."""
    return Kpi(name, value, unit, KpiKind.PARTICIPATION, ALL_SCOPES, title, meaning)


def ratio(
    name: str, numerator: Number, denominator: Number, title: str, unit: Unit = Unit.MONEY, *, meaning: str
) -> Kpi:
    """Build a KPI that is one number over another."""
    return Kpi(name, Ratio(numerator, denominator), unit, KpiKind.RATIO, ALL_SCOPES, title, meaning)


def return_on_cost(name: str, earned: Number, title: str, *, meaning: str) -> Kpi:
    """Build the KPI of earnings less cost, over cost."""
    return ratio(name, Minus(earned, COST), COST, title, Unit.RATIO, meaning=meaning)


def visits_and_conversions(name: str, visits: Number, conversions: Number, title: str, *, meaning: str) -> Kpi:
    """Build a record of visits, conversions and their ratio."""
    fields = (("visits", visits), ("conversions", conversions), ("rate", Ratio(conversions, visits)))
    return Kpi(
        name,
        Record(fields),
        Unit.MIXED,
        KpiKind.COMPOSITE,
        ALL_SCOPES,
        title,
        meaning,
        LeafShape.VISITS_AND_CONVERSIONS,
    )


def attributions(name: str, channel: Channel, title: str, *, meaning: str) -> Kpi:
    """Build a record of the outcomes of a channel by each attribution model."""
    models = (
        ("linear", channel.linear),
        ("shapley", channel.shapley),
        ("fc", channel.first),
        ("lc", channel.last),
        ("participation", channel.visits),
    )
    return Kpi(name, Record(models), Unit.COUNT, KpiKind.COMPOSITE, ALL_SCOPES, title, meaning, LeafShape.ATTRIBUTIONS)


def by_touch(name: str, kinds: tuple[tuple[str, Number], ...], leaf: LeafShape, title: str, *, meaning: str) -> Kpi:
    """Build a record of contacts by kind of touch, with the visits credited to each."""
    visits = {kind: _count(VISITS, OFFLINE.touched.where("touch_kind", kind)) for kind, _ in kinds}
    together = Plus(tuple(visits.values()))
    fields = tuple(
        (
            kind,
            Record((("contacts", contacts), ("visits", visits[kind]), ("share", Ratio(visits[kind], together)))),
        )
        for kind, contacts in kinds
    )
    return Kpi(name, Record(fields), Unit.MIXED, KpiKind.COMPOSITE, ALL_SCOPES, title, meaning, leaf)


def time_before(name: str, channel: Channel, title: str, *, meaning: str) -> Kpi:
    """Build the distribution of the time between the credited touch and the outcome."""
    value = Distribution(
        channel.touched,
        VISITS,
        "delay_band",
        DELAY,
        Bands.DELAY,
        unit="d",
        counted="sessions",
        amount_denominator=DAY_S,
    )
    return Kpi(name, value, Unit.COUNT, KpiKind.DISTRIBUTION, ALL_SCOPES, title, meaning, LeafShape.DISTRIBUTION)


def per_campaign(name: str, channel: Channel, title: str, *, meaning: str) -> Kpi:
    """Build the breakdown of linear credit by campaign."""
    items = Breakdown(channel.linear, by=Scope.CAMPAIGNS, shape="campaigns")
    value = Scoped(items, overrides=((Scope.CAMPAIGNS, channel.linear),))
    return Kpi(name, value, Unit.COUNT, KpiKind.ADDITIVE, ALL_SCOPES, title, meaning, LeafShape.PER_CAMPAIGN)
