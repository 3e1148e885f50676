"""The 66 KPIs of conversion: what campaigns deliver and cost, and the visits and purchases that they lead to."""

from okube_api.catalogue.conversion_values import Comparison, Cost, Delivered, VenueRate
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
    VISITORS,
    VISITS,
    Measure,
)
from okube_api.catalogue.kpi import Kind, Kpi, Leaf, Unit
from okube_api.catalogue.values import (
    Bands,
    Distribution,
    Minus,
    Number,
    Parts,
    Plus,
    Ratio,
    Reached,
    Record,
    Scope,
    Scoped,
    Slice,
    Total,
    Users,
)

_MICRO = 1_000_000
_DAY_S = 86_400
_EVERY = (Scope.SITES, Scope.CAMPAIGNS, Scope.LEVERS, Scope.EXTRAS)
_OF_USERS = (Scope.SITES, Scope.CAMPAIGNS, Scope.LEVERS)
_BY_LEVER = (Scope.SITES, Scope.LEVERS)
_SITES = (Reached.SITES, "site")
_SITE = (Scope.SITES, "site")

# -- rows ------------------------------------------------------------------------------------------------------

VISITED = Slice(OUTCOMES, _SITES, (_SITE,))
PARTICIPATED = Slice(OUTCOMES, _SITES, (_SITE, (Scope.CAMPAIGNS, "campaigns"))).only("attributed", 1)
TOUCHED = Slice(OUTCOMES, _SITES, (_SITE, (Scope.CAMPAIGNS, "credited"))).only("attributed", 1)
COHORT = Slice(COHORTS, _SITES, (_SITE, (Scope.CAMPAIGNS, "campaigns")))
CREDIT = Slice(CREDITS, _SITES, (_SITE, (Scope.CAMPAIGNS, "campaign")))
EXPOSED = Slice(EXPOSURES, None, ((Scope.CAMPAIGNS, "campaign"),))


def _count(measure: Measure, rows: Slice) -> Total:
    return Total(measure, rows)


def _money(rows: Slice) -> Total:
    return Total(REVENUE, rows, per=_MICRO, whole=False)


def _credit(measure: Measure, rows: Slice, divided_by: str | None = None) -> Total:
    return Total(measure, rows, whole=False, divided_by=divided_by)


class _Channel:
    """The numbers of offline, or of online, outcomes."""

    def __init__(self, name: str) -> None:
        came, cohort, credit = (rows.where("channel", name) for rows in (PARTICIPATED, COHORT, CREDIT))
        self.touched = TOUCHED.where("channel", name)
        self.credit = credit
        self.visits = _count(VISITS, came)
        self.conversions = _count(CONVERSIONS, came)
        self.purchases = _count(PURCHASES, came)
        self.revenues = _money(came)
        self.cohort_visits = _count(VISITS, cohort)
        self.cohort_conversions = _count(CONVERSIONS, cohort)
        self.cohort_revenues = _money(cohort)
        self.linear = _credit(OCCURRENCES, credit, divided_by="touches")
        self.shapley = _credit(CREDITED, credit, divided_by="distinct")
        self.first = _credit(FIRST, credit)
        self.last = _credit(LAST, credit)


_offline, _online = _Channel("offline"), _Channel("online")
_visits = _count(VISITS, PARTICIPATED)
_conversions = _count(CONVERSIONS, PARTICIPATED)
_purchases = _count(PURCHASES, PARTICIPATED)
_revenues = _money(PARTICIPATED)
_cohort_conversions = _count(CONVERSIONS, COHORT)
_cohort_revenues = _money(COHORT)
_prints, _clicks, _openings = Delivered(PRINTS), Delivered(CLICKS), Delivered(OPENINGS)
_cost = Cost()
_venue_rate = VenueRate(
    exposed=Users(EXPOSED.where("control", 0), USERS),
    came=Users(_offline.credit, USERS),
    visits=_offline.visits,
    prints=_prints,
)

# -- records of a kind -----------------------------------------------------------------------------------------


def _additive(name: str, value: Number, title: str, unit: Unit = Unit.COUNT) -> Kpi:
    return Kpi(name, value, unit, Kind.ADDITIVE, _EVERY, title)


def _participation(name: str, value: Number, title: str, unit: Unit = Unit.COUNT) -> Kpi:
    return Kpi(name, value, unit, Kind.PARTICIPATION, _EVERY, title)


def _ratio(name: str, above: Number, below: Number, title: str, unit: Unit = Unit.MONEY) -> Kpi:
    return Kpi(name, Ratio(above, below), unit, Kind.RATIO, _EVERY, title)


def _return(name: str, earned: Number, title: str) -> Kpi:
    return _ratio(name, Minus(earned, _cost), _cost, title, Unit.RATIO)


def _visits_and_conversions(name: str, visits: Number, conversions: Number, title: str) -> Kpi:
    fields = (("visits", visits), ("conversions", conversions), ("rate", Ratio(conversions, visits)))
    return Kpi(name, Record(fields), Unit.MIXED, Kind.COMPOSITE, _EVERY, title, Leaf.VISITS_AND_CONVERSIONS)


def _attributions(name: str, channel: _Channel, title: str) -> Kpi:
    models = (
        ("linear", channel.linear),
        ("shapley", channel.shapley),
        ("fc", channel.first),
        ("lc", channel.last),
        ("participation", channel.visits),
    )
    return Kpi(name, Record(models), Unit.COUNT, Kind.COMPOSITE, _EVERY, title, Leaf.ATTRIBUTIONS)


def _by_touch(name: str, kinds: tuple[tuple[str, Number], ...], leaf: Leaf, title: str) -> Kpi:
    visits = {kind: _count(VISITS, _offline.touched.where("touch_kind", kind)) for kind, _ in kinds}
    together = Plus(tuple(visits.values()))
    fields = tuple(
        (
            kind,
            Record((("contacts", contacts), ("visits", visits[kind]), ("share", Ratio(visits[kind], together)))),
        )
        for kind, contacts in kinds
    )
    return Kpi(name, Record(fields), Unit.MIXED, Kind.COMPOSITE, _EVERY, title, leaf)


def _time_before(name: str, channel: _Channel, title: str) -> Kpi:
    value = Distribution(
        channel.touched,
        VISITS,
        "delay_band",
        DELAY,
        Bands.DELAY,
        unit="d",
        counted="visits",
        amount_per=_DAY_S,
    )
    return Kpi(name, value, Unit.COUNT, Kind.DISTRIBUTION, _EVERY, title, Leaf.DISTRIBUTION)


def _per_campaign(name: str, channel: _Channel, title: str) -> Kpi:
    items = Parts(channel.linear, by=Scope.CAMPAIGNS, shape="campaigns")
    value = Scoped(items, at=((Scope.CAMPAIGNS, channel.linear),))
    return Kpi(name, value, Unit.COUNT, Kind.ADDITIVE, _EVERY, title, Leaf.PER_CAMPAIGN)


# -- the KPIs --------------------------------------------------------------------------------------------------

COSTS = (
    _ratio("costByVisit", _cost, _visits, "Cost per visit, offline or online."),
    _ratio("costByOfflineVisit", _cost, _offline.visits, "Cost per offline visit."),
    _ratio("costByOnlineVisit", _cost, _online.visits, "Cost per online visit."),
    _ratio("costByConversion", _cost, _conversions, "Cost per visit with a purchase."),
    _ratio("costByOfflineConversion", _cost, _offline.conversions, "Cost per offline visit with a purchase."),
    _ratio("costByOnlineConversion", _cost, _online.conversions, "Cost per online visit with a purchase."),
)
DELIVERY = (
    _ratio("ctr", _clicks, _prints, "Click rate: clicks over prints.", Unit.RATIO),
    _additive("prints", _prints, "Prints delivered; for messages, those delivered."),
    _additive("clicks", _clicks, "Clicks on advertisements, or on links of messages."),
    _additive("openings", _openings, "Messages opened, the first time by each user."),
    _additive("cost", _cost, "Cost, spread over its days.", Unit.MONEY),
)
LEVERS = (
    Kpi(
        "globalLeverPerformance",
        value=Record(
            (
                ("prints", _prints),
                ("clicks", _clicks),
                ("openings", _openings),
                ("cost", _cost),
                ("offlineVisits", _offline.visits),
                ("onlineVisits", _online.visits),
                ("offlineConversions", _offline.conversions),
                ("onlineConversions", _online.conversions),
                ("revenues", _revenues),
                ("ctr", Ratio(_clicks, _prints)),
                ("venueRate", _venue_rate),
                ("costByVisit", Ratio(_cost, _visits)),
                ("roi", Ratio(Minus(_revenues, _cost), _cost)),
            )
        ),
        unit=Unit.MIXED,
        kind=Kind.COMPOSITE,
        scopes=_BY_LEVER,
        title="The main figures in one record; by lever, one record each.",
        leaf=Leaf.LEVER,
    ),
)
VISIT_COUNTS = (
    _visits_and_conversions(
        "offlineVisitsAndConversions",
        _offline.visits,
        _offline.conversions,
        "Attributed offline visits, those with a purchase, and their ratio.",
    ),
    _visits_and_conversions(
        "onlineVisitsAndConversions",
        _online.visits,
        _online.conversions,
        "Attributed online visits, those with a purchase, and their ratio.",
    ),
    _participation("offlineVisits", _offline.visits, "Offline visits with at least one eligible touch before them."),
    _participation("onlineVisits", _online.visits, "Online visits with at least one eligible touch before them."),
)
MODELS = (
    _attributions("offlineVisitsAttributions", _offline, "Offline visits by the four models, and by participation."),
    _attributions("onlineVisitsAttributions", _online, "Online visits by the four models, and by participation."),
    _additive("offlineVisitsLinear", _offline.linear, "Offline visits, shared evenly by the touches of their paths."),
    _additive(
        "offlineVisitsShapley",
        _offline.shapley,
        "Offline visits by Shapley value: shared evenly by the distinct campaigns of their paths.",
    ),
    _additive("offlineVisitsFC", _offline.first, "Offline visits, each to the first touch of its path."),
    _additive("offlineVisitsLC", _offline.last, "Offline visits, each to the last touch of its path."),
    _additive("onlineVisitsLinear", _online.linear, "Online visits, shared evenly by the touches of their paths."),
)
TOUCHES = (
    _by_touch(
        "printVsClick",
        (("print", _prints), ("click", _clicks)),
        Leaf.TWO_TOUCHES,
        "Prints against clicks: how many, and the offline visits whose credited (last) touch was one.",
    ),
    _by_touch(
        "printVsClickVsOpenings",
        (("print", _prints), ("click", _clicks), ("opening", _openings)),
        Leaf.THREE_TOUCHES,
        "Prints against clicks and openings: how many, and the offline visits whose credited touch was one.",
    ),
    _time_before(
        "timeBeforeOfflineVisitPerScope", _offline, "Offline visits per band of the time since their credited touch."
    ),
    _time_before(
        "timeBeforeOnlineVisitPerScope", _online, "Online visits per band of the time since their credited touch."
    ),
)
REVENUES = (
    _return("offlineRoi", _offline.revenues, "Offline revenues less cost, over cost."),
    _participation("offlineRevenues", _offline.revenues, "Amount of attributed offline purchases.", Unit.MONEY),
    _participation("offlineConversions", _offline.conversions, "Attributed offline visits with a purchase."),
    _ratio(
        "offlineConversionRate",
        _offline.conversions,
        _offline.visits,
        "The part of attributed offline visits with a purchase.",
        Unit.RATIO,
    ),
    _return("onlineRoi", _online.revenues, "Online revenues less cost, over cost."),
    _participation("onlineRevenues", _online.revenues, "Amount of attributed online purchases.", Unit.MONEY),
    _participation("onlineConversions", _online.conversions, "Attributed online visits with a purchase."),
    _ratio(
        "onlineConversionRate",
        _online.conversions,
        _online.visits,
        "The part of attributed online visits with a purchase.",
        Unit.RATIO,
    ),
    _return("roi", _revenues, "Revenues less cost, over cost."),
    _participation("revenues", _revenues, "Amount of attributed purchases, offline and online.", Unit.MONEY),
    _ratio("revenueByOfflineVisit", _revenues, _offline.visits, "Revenues per attributed offline visit."),
    _ratio("revenueByOnlineVisit", _revenues, _online.visits, "Revenues per attributed online visit."),
    _ratio(
        "offlineRevenueByOfflineVisit", _offline.revenues, _offline.visits, "Offline revenues per attributed visit."
    ),
    _ratio("onlineRevenueByOnlineVisit", _online.revenues, _online.visits, "Online revenues per attributed visit."),
)
EXPOSURE = (
    Kpi(
        "venueRate",
        value=_venue_rate,
        unit=Unit.RATIO,
        kind=Kind.RATIO,
        scopes=_OF_USERS,
        title="The part of exposed users with an attributed offline visit; "
        "where nobody is known to be exposed, offline visits over prints.",
    ),
    _ratio("printsByOfflineVisit", _prints, _offline.visits, "Prints per attributed offline visit.", Unit.COUNT),
    Kpi(
        "comparisonOfflineVisits",
        value=Comparison(
            exposed=Users(EXPOSED.where("control", 0), USERS),
            control=Users(EXPOSED.where("control", 1), USERS),
            visitors=Users(VISITED.where("channel", "offline"), VISITORS),
        ),
        unit=Unit.MIXED,
        kind=Kind.COMPOSITE,
        scopes=_OF_USERS,
        title="How many exposed users visit against those of the control group: lift, visitors gained, interval.",
        leaf=Leaf.COMPARISON,
    ),
)
COHORT_KPIS = (
    _ratio("cohortCostByConversion", _cost, _cohort_conversions, "Cost per visit with a purchase, by day of touch."),
    _ratio(
        "cohortCostByOfflineConversion",
        _cost,
        _offline.cohort_conversions,
        "Cost per offline visit with a purchase, by day of touch.",
    ),
    _ratio(
        "cohortCostByOnlineConversion",
        _cost,
        _online.cohort_conversions,
        "Cost per online visit with a purchase, by day of touch.",
    ),
    _visits_and_conversions(
        "cohortOfflineVisitsAndConversions",
        _offline.cohort_visits,
        _offline.cohort_conversions,
        "Attributed offline visits, those with a purchase, and their ratio, by day of touch.",
    ),
    _visits_and_conversions(
        "cohortOnlineVisitsAndConversions",
        _online.cohort_visits,
        _online.cohort_conversions,
        "Attributed online visits, those with a purchase, and their ratio, by day of touch.",
    ),
    _return("cohortOfflineRoi", _offline.cohort_revenues, "Offline revenues by day of touch less cost, over cost."),
    _participation(
        "cohortOfflineRevenues",
        _offline.cohort_revenues,
        "Amount of attributed offline purchases, by day of touch.",
        Unit.MONEY,
    ),
    _participation(
        "cohortOfflineConversions",
        _offline.cohort_conversions,
        "Attributed offline visits with a purchase, by day of touch.",
    ),
    _ratio(
        "cohortOfflineConversionRate",
        _offline.cohort_conversions,
        _offline.cohort_visits,
        "The part of attributed offline visits with a purchase, by day of touch.",
        Unit.RATIO,
    ),
    _return("cohortOnlineRoi", _online.cohort_revenues, "Online revenues by day of touch less cost, over cost."),
    _participation(
        "cohortOnlineRevenues",
        _online.cohort_revenues,
        "Amount of attributed online purchases, by day of touch.",
        Unit.MONEY,
    ),
    _participation(
        "cohortOnlineConversions",
        _online.cohort_conversions,
        "Attributed online visits with a purchase, by day of touch.",
    ),
    _ratio(
        "cohortOnlineConversionRate",
        _online.cohort_conversions,
        _online.cohort_visits,
        "The part of attributed online visits with a purchase, by day of touch.",
        Unit.RATIO,
    ),
    _return("cohortRoi", _cohort_revenues, "Revenues by day of touch less cost, over cost."),
    _participation("cohortRevenues", _cohort_revenues, "Amount of attributed purchases, by day of touch.", Unit.MONEY),
)
PURCHASE_KPIS = (
    _ratio("costByPurchase", _cost, _purchases, "Cost per attributed purchase."),
    _ratio("costByOfflinePurchase", _cost, _offline.purchases, "Cost per attributed offline purchase."),
    _ratio("costByOnlinePurchase", _cost, _online.purchases, "Cost per attributed online purchase."),
    _participation("offlineConversionPurchases", _offline.purchases, "Attributed offline purchases (tickets)."),
    _participation("onlineConversionPurchases", _online.purchases, "Attributed online purchases (orders)."),
)
PER_CAMPAIGN = (
    _per_campaign("offlineVisitsPerCampaign", _offline, "Linear credit of offline visits, campaign by campaign."),
    _per_campaign("onlineVisitsPerCampaign", _online, "Linear credit of online visits, campaign by campaign."),
)

CONVERSION = (
    *COSTS,
    *DELIVERY,
    *LEVERS,
    *VISIT_COUNTS,
    *MODELS,
    *TOUCHES,
    *REVENUES,
    *EXPOSURE,
    *COHORT_KPIS,
    *PURCHASE_KPIS,
    *PER_CAMPAIGN,
)
