"""The 66 KPIs of conversion: deliveries and costs of campaigns, and the visits and purchases that follow them."""

from okube_api.catalogue.conversion_parts import (
    ALL_CONVERSIONS,
    ALL_PURCHASES,
    ALL_REVENUES,
    ALL_SCOPES,
    ALL_VISITS,
    CLICKED,
    COHORT_CONVERSIONS,
    COHORT_REVENUES,
    COST,
    EXPOSED,
    OFFLINE,
    ONLINE,
    OPENED,
    PRINTED,
    VENUE_RATE,
    VISITED,
    additive,
    attributions,
    by_touch,
    participation,
    per_campaign,
    ratio,
    return_on_cost,
    time_before,
    visits_and_conversions,
)
from okube_api.catalogue.expressions.composites import Ratio, Record
from okube_api.catalogue.expressions.exposure import Comparison
from okube_api.catalogue.expressions.numbers import Minus
from okube_api.catalogue.facts import USERS, VISITORS
from okube_api.catalogue.kpi import Kpi, KpiKind, LeafShape, Unit
from okube_api.catalogue.terms import UserSet

COSTS = (
    ratio("costByVisit", COST, ALL_VISITS, "Cost per visit, offline or online."),
    ratio("costByOfflineVisit", COST, OFFLINE.visits, "Cost per offline visit."),
    ratio("costByOnlineVisit", COST, ONLINE.visits, "Cost per online visit."),
    ratio("costByConversion", COST, ALL_CONVERSIONS, "Cost per visit with a purchase."),
    ratio("costByOfflineConversion", COST, OFFLINE.conversions, "Cost per offline visit with a purchase."),
    ratio("costByOnlineConversion", COST, ONLINE.conversions, "Cost per online visit with a purchase."),
)
DELIVERY = (
    ratio("ctr", CLICKED, PRINTED, "Click rate: clicks over prints.", Unit.RATIO),
    additive("prints", PRINTED, "Prints delivered; for messages, those delivered."),
    additive("clicks", CLICKED, "Clicks on advertisements, or on links of messages."),
    additive("openings", OPENED, "Messages opened, the first time by each user."),
    additive("cost", COST, "Cost, spread evenly over its days.", Unit.MONEY),
)
LEVERS = (
    Kpi(
        "globalLeverPerformance",
        value=Record(
            (
                ("prints", PRINTED),
                ("clicks", CLICKED),
                ("openings", OPENED),
                ("cost", COST),
                ("offlineVisits", OFFLINE.visits),
                ("onlineVisits", ONLINE.visits),
                ("offlineConversions", OFFLINE.conversions),
                ("onlineConversions", ONLINE.conversions),
                ("revenues", ALL_REVENUES),
                ("ctr", Ratio(CLICKED, PRINTED)),
                ("venueRate", VENUE_RATE),
                ("costByVisit", Ratio(COST, ALL_VISITS)),
                ("roi", Ratio(Minus(ALL_REVENUES, COST), COST)),
            )
        ),
        unit=Unit.MIXED,
        kind=KpiKind.COMPOSITE,
        scopes=ALL_SCOPES,
        title="The main figures in one record; by any scope, one record each.",
        leaf=LeafShape.LEVER,
    ),
)
VISIT_COUNTS = (
    visits_and_conversions(
        "offlineVisitsAndConversions",
        OFFLINE.visits,
        OFFLINE.conversions,
        "Attributed offline visits, those with a purchase, and their ratio.",
    ),
    visits_and_conversions(
        "onlineVisitsAndConversions",
        ONLINE.visits,
        ONLINE.conversions,
        "Attributed online visits, those with a purchase, and their ratio.",
    ),
    participation("offlineVisits", OFFLINE.visits, "Offline visits with at least one eligible touch before them."),
    participation("onlineVisits", ONLINE.visits, "Online visits with at least one eligible touch before them."),
)
MODELS = (
    attributions("offlineVisitsAttributions", OFFLINE, "Offline visits by the four models, and by participation."),
    attributions("onlineVisitsAttributions", ONLINE, "Online visits by the four models, and by participation."),
    additive("offlineVisitsLinear", OFFLINE.linear, "Offline visits, shared evenly by the touches of their paths."),
    additive(
        "offlineVisitsShapley",
        OFFLINE.shapley,
        "Offline visits by Shapley value: shared evenly by the distinct campaigns of their paths.",
    ),
    additive("offlineVisitsFC", OFFLINE.first, "Offline visits, each to the first touch of its path."),
    additive("offlineVisitsLC", OFFLINE.last, "Offline visits, each to the last touch of its path."),
    additive("onlineVisitsLinear", ONLINE.linear, "Online visits, shared evenly by the touches of their paths."),
)
TOUCHES = (
    by_touch(
        "printVsClick",
        (("print", PRINTED), ("click", CLICKED)),
        LeafShape.TWO_TOUCHES,
        "Prints and clicks: how many, and the offline visits whose credited (last) touch was one.",
    ),
    by_touch(
        "printVsClickVsOpenings",
        (("print", PRINTED), ("click", CLICKED), ("opening", OPENED)),
        LeafShape.THREE_TOUCHES,
        "Prints, clicks and openings: how many, and the offline visits whose credited touch was one.",
    ),
    time_before(
        "timeBeforeOfflineVisitPerScope", OFFLINE, "Offline visits per band of the time since their credited touch."
    ),
    time_before(
        "timeBeforeOnlineVisitPerScope", ONLINE, "Online visits per band of the time since their credited touch."
    ),
)
REVENUES = (
    return_on_cost("offlineRoi", OFFLINE.revenues, "Offline revenues less cost, over cost."),
    participation("offlineRevenues", OFFLINE.revenues, "Amount of attributed offline purchases.", Unit.MONEY),
    participation("offlineConversions", OFFLINE.conversions, "Attributed offline visits with a purchase."),
    ratio(
        "offlineConversionRate",
        OFFLINE.conversions,
        OFFLINE.visits,
        "The share of attributed offline visits with a purchase.",
        Unit.RATIO,
    ),
    return_on_cost("onlineRoi", ONLINE.revenues, "Online revenues less cost, over cost."),
    participation("onlineRevenues", ONLINE.revenues, "Amount of attributed online purchases.", Unit.MONEY),
    participation("onlineConversions", ONLINE.conversions, "Attributed online visits with a purchase."),
    ratio(
        "onlineConversionRate",
        ONLINE.conversions,
        ONLINE.visits,
        "The share of attributed online visits with a purchase.",
        Unit.RATIO,
    ),
    return_on_cost("roi", ALL_REVENUES, "Revenues less cost, over cost."),
    participation("revenues", ALL_REVENUES, "Amount of attributed purchases, offline and online.", Unit.MONEY),
    ratio("revenueByOfflineVisit", ALL_REVENUES, OFFLINE.visits, "Revenues per attributed offline visit."),
    ratio("revenueByOnlineVisit", ALL_REVENUES, ONLINE.visits, "Revenues per attributed online visit."),
    ratio("offlineRevenueByOfflineVisit", OFFLINE.revenues, OFFLINE.visits, "Offline revenues per attributed visit."),
    ratio("onlineRevenueByOnlineVisit", ONLINE.revenues, ONLINE.visits, "Online revenues per attributed visit."),
)
EXPOSURE = (
    Kpi(
        "venueRate",
        value=VENUE_RATE,
        unit=Unit.RATIO,
        kind=KpiKind.RATIO,
        scopes=ALL_SCOPES,
        title="The share of exposed users with an attributed offline visit; null where nobody was exposed.",
    ),
    ratio("printsByOfflineVisit", PRINTED, OFFLINE.visits, "Prints per attributed offline visit.", Unit.COUNT),
    Kpi(
        "comparisonOfflineVisits",
        value=Comparison(
            exposed=UserSet(EXPOSED.where("control", 0), USERS, span=("start", None)),
            control=UserSet(EXPOSED.where("control", 1), USERS, span=("start", None)),
            visitors=UserSet(VISITED.where("channel", "offline"), VISITORS, span=(None, "start")),
        ),
        unit=Unit.MIXED,
        kind=KpiKind.COMPOSITE,
        scopes=ALL_SCOPES,
        title="Users with an offline visit at or after their first exposure, against the control group: lift, "
        "incremental visitors, interval.",
        leaf=LeafShape.COMPARISON,
    ),
)
COHORT_KPIS = (
    ratio("cohortCostByConversion", COST, COHORT_CONVERSIONS, "Cost per visit with a purchase, by day of touch."),
    ratio(
        "cohortCostByOfflineConversion",
        COST,
        OFFLINE.cohort_conversions,
        "Cost per offline visit with a purchase, by day of touch.",
    ),
    ratio(
        "cohortCostByOnlineConversion",
        COST,
        ONLINE.cohort_conversions,
        "Cost per online visit with a purchase, by day of touch.",
    ),
    visits_and_conversions(
        "cohortOfflineVisitsAndConversions",
        OFFLINE.cohort_visits,
        OFFLINE.cohort_conversions,
        "Attributed offline visits, those with a purchase, and their ratio, by day of touch.",
    ),
    visits_and_conversions(
        "cohortOnlineVisitsAndConversions",
        ONLINE.cohort_visits,
        ONLINE.cohort_conversions,
        "Attributed online visits, those with a purchase, and their ratio, by day of touch.",
    ),
    return_on_cost(
        "cohortOfflineRoi", OFFLINE.cohort_revenues, "Offline revenues by day of touch less cost, over cost."
    ),
    participation(
        "cohortOfflineRevenues",
        OFFLINE.cohort_revenues,
        "Amount of attributed offline purchases, by day of touch.",
        Unit.MONEY,
    ),
    participation(
        "cohortOfflineConversions",
        OFFLINE.cohort_conversions,
        "Attributed offline visits with a purchase, by day of touch.",
    ),
    ratio(
        "cohortOfflineConversionRate",
        OFFLINE.cohort_conversions,
        OFFLINE.cohort_visits,
        "The share of attributed offline visits with a purchase, by day of touch.",
        Unit.RATIO,
    ),
    return_on_cost("cohortOnlineRoi", ONLINE.cohort_revenues, "Online revenues by day of touch less cost, over cost."),
    participation(
        "cohortOnlineRevenues",
        ONLINE.cohort_revenues,
        "Amount of attributed online purchases, by day of touch.",
        Unit.MONEY,
    ),
    participation(
        "cohortOnlineConversions",
        ONLINE.cohort_conversions,
        "Attributed online visits with a purchase, by day of touch.",
    ),
    ratio(
        "cohortOnlineConversionRate",
        ONLINE.cohort_conversions,
        ONLINE.cohort_visits,
        "The share of attributed online visits with a purchase, by day of touch.",
        Unit.RATIO,
    ),
    return_on_cost("cohortRoi", COHORT_REVENUES, "Revenues by day of touch less cost, over cost."),
    participation("cohortRevenues", COHORT_REVENUES, "Amount of attributed purchases, by day of touch.", Unit.MONEY),
)
PURCHASE_KPIS = (
    ratio("costByPurchase", COST, ALL_PURCHASES, "Cost per attributed purchase."),
    ratio("costByOfflinePurchase", COST, OFFLINE.purchases, "Cost per attributed offline purchase."),
    ratio("costByOnlinePurchase", COST, ONLINE.purchases, "Cost per attributed online purchase."),
    participation("offlineConversionPurchases", OFFLINE.purchases, "Attributed offline purchases (tickets)."),
    participation("onlineConversionPurchases", ONLINE.purchases, "Attributed online purchases (orders)."),
)
PER_CAMPAIGN = (
    per_campaign("offlineVisitsPerCampaign", OFFLINE, "Linear credit of offline visits, campaign by campaign."),
    per_campaign("onlineVisitsPerCampaign", ONLINE, "Linear credit of online visits, campaign by campaign."),
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
