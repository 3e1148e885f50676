"""The 16 KPIs of store performance: all visits and purchases at sites, whether campaigns led to them or not."""

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.expressions.composites import Ratio
from okube_api.catalogue.expressions.distributions import Distribution
from okube_api.catalogue.expressions.matrix import Matrix
from okube_api.catalogue.expressions.numbers import Distinct, Minus, ScopedNumber, Total
from okube_api.catalogue.fact import Fact
from okube_api.catalogue.facts import (
    AMOUNT,
    NEW,
    NEW_AT_PLACE,
    OUTCOMES,
    PURCHASE_FACT,
    PURCHASES,
    REFUNDED,
    VISITORS,
    VISITS,
)
from okube_api.catalogue.kpi import Kpi, KpiKind, LeafShape, Unit
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.catalogue.terms import Slice, UserSet
from okube_api.catalogue.value import Number

MOST_SITES = 100
"""The sites that a question about shared visitors may have."""

_MICRO = 1_000_000
_SCOPES = (Scope.SITES, Scope.CHANNELS)


def _slice(fact: Fact) -> Slice:
    return Slice(fact, (PlaceRole.SITES, "site"), ((Scope.SITES, "site"), (Scope.CHANNELS, "channel")))


VISITED = _slice(OUTCOMES)  # purchases without a visit are among the rows, but count no visit
BOUGHT = _slice(PURCHASE_FACT)
SITES_SEEN = Slice(  # sites are items of a leaf, not scope values
    OUTCOMES, (PlaceRole.SITES, "site"), ((Scope.CHANNELS, "channel"),), filters=((Scope.SITES, "site"),)
)


def _net_sales(rows: Slice) -> Number:
    amount, refunded = (Total(measure, rows, denominator=_MICRO, is_integer=False) for measure in (AMOUNT, REFUNDED))
    return Minus(amount, refunded)


_visits = Total(VISITS, VISITED)
_visitors = Distinct((UserSet(VISITED, VISITORS),))
_new_visitors = ScopedNumber(
    Distinct((UserSet(VISITED, NEW),)),
    overrides=((Scope.SITES, Distinct((UserSet(VISITED, NEW_AT_PLACE),))),),
)
_purchases = Total(PURCHASES, BOUGHT)
_sales = _net_sales(BOUGHT)


def _additive(name: str, value: Number, title: str, unit: Unit = Unit.COUNT, *, meaning: str) -> Kpi:
    return Kpi(name, value, unit, KpiKind.ADDITIVE, _SCOPES, title, meaning)


def _ratio(name: str, numerator: Number, denominator: Number, title: str, unit: Unit, *, meaning: str) -> Kpi:
    return Kpi(name, Ratio(numerator, denominator), unit, KpiKind.RATIO, _SCOPES, title, meaning)


SHARED_VISITORS = Kpi(
    "sharedVisitors",
    value=Matrix(UserSet(SITES_SEEN, VISITORS, split=("site",)), MOST_SITES, by=Scope.SITES),
    unit=Unit.MIXED,
    kind=KpiKind.COMPOSITE,
    scopes=_SCOPES,
    title="For each pair of sites, the users with a visit to both, and their share of the visitors of the site of the "
    f"row; of at most {MOST_SITES} sites. By sites, the row of that site.",
    leaf=LeafShape.MATRIX,
    meaning="Which shops have the same visitors.",
)

PERFORMANCE = (
    _additive(
        "visits",
        _visits,
        "All visits, attributed or not; online ones are those to online sites.",
        meaning="How many visits there are in all, with and without campaigns.",
    ),
    Kpi(
        "visitors",
        _visitors,
        Unit.COUNT,
        KpiKind.DISTINCT,
        _SCOPES,
        "Distinct users with at least one visit.",
        meaning="How many different people visit.",
    ),
    _additive(
        "purchases",
        _purchases,
        "All purchases, attributed or not, with or without a visit; refunds are none.",
        meaning="How many purchases there are in all, with and without campaigns.",
    ),
    _additive(
        "sales",
        _sales,
        "Amount of all purchases less that of refunds.",
        Unit.MONEY,
        meaning="What all people spent, less what they got back.",
    ),
    _additive(
        "refunds",
        Total(REFUNDED, BOUGHT, denominator=_MICRO, is_integer=False),
        "Amount of refunds.",
        Unit.MONEY,
        meaning="What people got back.",
    ),
    _ratio(
        "averageBasket",
        _sales,
        _purchases,
        "Sales per purchase.",
        Unit.MONEY,
        meaning="What a purchase brings on average.",
    ),
    _ratio(
        "conversionRate",
        _purchases,
        _visits,
        "Purchases per visit.",
        Unit.RATIO,
        meaning="How many purchases there are for each visit; it can be more than 1.",
    ),
    _ratio(
        "salesPerVisitor",
        _sales,
        _visitors,
        "Sales per distinct user with a visit.",
        Unit.MONEY,
        meaning="What a person spends on average in the period.",
    ),
    _ratio("salesPerVisit", _sales, _visits, "Sales per visit.", Unit.MONEY, meaning="What a visit brings on average."),
    _additive(
        "unattributedVisits",
        Total(VISITS, VISITED.where("attributed", 0)),
        "Visits that no campaign is credited with.",
        meaning="How many visits no campaign had a part in.",
    ),
    _additive(
        "unattributedSales",
        _net_sales(BOUGHT.where("attributed", 0)),
        "Amount of purchases less that of refunds, of those that no campaign is credited with.",
        Unit.MONEY,
        meaning="What people spent without contact with a campaign.",
    ),
    _ratio(
        "attributedShare",
        Total(VISITS, VISITED.where("attributed", 1)),
        _visits,
        "The share of visits that campaigns are credited with.",
        Unit.RATIO,
        meaning="How much of the visits campaigns had a part in.",
    ),
    _ratio(
        "newVisitorShare",
        _new_visitors,
        _visitors,
        "The share of visitors who are new in the bucket: none of their visits in the 12 months before that day "
        "(to any site of the application; by site: to that one).",
        Unit.RATIO,
        meaning="How many of the visitors are new.",
    ),
    _ratio(
        "visitFrequency",
        _visits,
        _visitors,
        "Visits per distinct user.",
        Unit.COUNT,
        meaning="How often a visitor comes in the period.",
    ),
    Kpi(
        "basketDistribution",
        Distribution(
            BOUGHT,
            PURCHASES,
            "basket_band",
            AMOUNT,
            Bands.BASKET,
            unit=Unit.MONEY.value,
            counted="purchases",
            known_only=True,
            amount_denominator=_MICRO,
        ),
        Unit.COUNT,
        KpiKind.DISTRIBUTION,
        _SCOPES,
        "Purchases per band of amount; refunds are none.",
        leaf=LeafShape.DISTRIBUTION,
        meaning="Whether purchases are small or large.",
    ),
    SHARED_VISITORS,
)
