"""The 66 KPIs of conversion: deliveries and costs of campaigns, and the visits and purchases that follow them."""

from okube_api.catalogue.cohorts import COHORT_KPIS
from okube_api.catalogue.conversion_parts import (
    ALL_CONVERSIONS,
    ALL_PURCHASES,
    ALL_REVENUES,
    ALL_SCOPES,
    ALL_VISITS,
    CLICKED,
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
    ratio(
        "costByVisit",
        COST,
        ALL_VISITS,
        "Cost per visit, offline or online.",
        meaning="What it costs to bring one visit, to a shop or to the web site.",
    ),
    ratio(
        "costByOfflineVisit",
        COST,
        OFFLINE.visits,
        "Cost per offline visit.",
        meaning="What it costs to bring one visit to a shop, if the whole cost is put down to shops.",
    ),
    ratio(
        "costByOnlineVisit",
        COST,
        ONLINE.visits,
        "Cost per online visit.",
        meaning="What it costs to bring one visit to the web site, if the whole cost is put down to it.",
    ),
    ratio(
        "costByConversion",
        COST,
        ALL_CONVERSIONS,
        "Cost per visit with a purchase.",
        meaning="What it costs to bring one visit in which something is bought.",
    ),
    ratio(
        "costByOfflineConversion",
        COST,
        OFFLINE.conversions,
        "Cost per offline visit with a purchase.",
        meaning="What it costs to bring one visit to a shop in which something is bought.",
    ),
    ratio(
        "costByOnlineConversion",
        COST,
        ONLINE.conversions,
        "Cost per online visit with a purchase.",
        meaning="What it costs to bring one visit to the web site in which something is bought.",
    ),
)
DELIVERY = (
    ratio(
        "ctr",
        CLICKED,
        PRINTED,
        "Click rate: clicks over prints.",
        Unit.RATIO,
        meaning="How often an advertisement that was shown is clicked.",
    ),
    additive(
        "prints",
        PRINTED,
        "Prints delivered; for messages, those delivered.",
        meaning="How often the advertisements were shown, or how many messages arrived.",
    ),
    additive(
        "clicks", CLICKED, "Clicks on advertisements, or on links of messages.", meaning="How often somebody clicked."
    ),
    additive(
        "openings", OPENED, "Messages opened, the first time by each user.", meaning="How many messages were opened."
    ),
    additive(
        "cost", COST, "Cost, spread evenly over its days.", Unit.MONEY, meaning="What the campaigns cost in the period."
    ),
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
        meaning="The main figures of the campaigns side by side, to compare levers at one glance.",
    ),
)
VISIT_COUNTS = (
    visits_and_conversions(
        "offlineVisitsAndConversions",
        OFFLINE.visits,
        OFFLINE.conversions,
        "Attributed offline visits, those with a purchase, and their ratio.",
        meaning="How many visits to shops campaigns preceded, and how many of them ended with a purchase.",
    ),
    visits_and_conversions(
        "onlineVisitsAndConversions",
        ONLINE.visits,
        ONLINE.conversions,
        "Attributed online visits, those with a purchase, and their ratio.",
        meaning="How many visits to the web site campaigns preceded, and how many of them ended with a purchase.",
    ),
    participation(
        "offlineVisits",
        OFFLINE.visits,
        "Offline visits with at least one eligible touch before them.",
        meaning="How many visits to shops campaigns had a part in; a visit after two counts for both.",
    ),
    participation(
        "onlineVisits",
        ONLINE.visits,
        "Online visits with at least one eligible touch before them.",
        meaning="How many visits to the web site campaigns had a part in; a visit after two counts for both.",
    ),
)
MODELS = (
    attributions(
        "offlineVisitsAttributions",
        OFFLINE,
        "Offline visits by the four models, and by participation.",
        meaning="How much the choice of the attribution model matters for visits to shops.",
    ),
    attributions(
        "onlineVisitsAttributions",
        ONLINE,
        "Online visits by the four models, and by participation.",
        meaning="How much the choice of the attribution model matters for visits to the web site.",
    ),
    additive(
        "offlineVisitsLinear",
        OFFLINE.linear,
        "Offline visits, shared evenly by the touches of their paths.",
        meaning="How many visits to shops a campaign brought, if every touch before a visit counts the same.",
    ),
    additive(
        "offlineVisitsShapley",
        OFFLINE.shapley,
        "Offline visits by Shapley value: shared evenly by the distinct campaigns of their paths.",
        meaning="How many visits to shops a campaign brought, if every campaign before a visit counts the same.",
    ),
    additive(
        "offlineVisitsFC",
        OFFLINE.first,
        "Offline visits, each to the first touch of its path.",
        meaning="How many visits to shops a campaign started: it was the first contact.",
    ),
    additive(
        "offlineVisitsLC",
        OFFLINE.last,
        "Offline visits, each to the last touch of its path.",
        meaning="How many visits to shops a campaign closed: it was the last contact.",
    ),
    additive(
        "onlineVisitsLinear",
        ONLINE.linear,
        "Online visits, shared evenly by the touches of their paths.",
        meaning="How many visits to the web site a campaign brought, if every touch before a visit counts the same.",
    ),
)
TOUCHES = (
    by_touch(
        "printVsClick",
        (("print", PRINTED), ("click", CLICKED)),
        LeafShape.TWO_TOUCHES,
        "Prints and clicks: how many, and the offline visits whose credited (last) touch was one.",
        meaning="Whether visits to shops come after seeing an advertisement or after clicking it.",
    ),
    by_touch(
        "printVsClickVsOpenings",
        (("print", PRINTED), ("click", CLICKED), ("opening", OPENED)),
        LeafShape.THREE_TOUCHES,
        "Prints, clicks and openings: how many, and the offline visits whose credited touch was one.",
        meaning="Whether visits to shops come after seeing, clicking or opening something.",
    ),
    time_before(
        "timeBeforeOfflineVisitPerScope",
        OFFLINE,
        "Offline visits per band of the time since their credited touch.",
        meaning="How soon after the last contact people come to a shop.",
    ),
    time_before(
        "timeBeforeOnlineVisitPerScope",
        ONLINE,
        "Online visits per band of the time since their credited touch.",
        meaning="How soon after the last contact people come to the web site.",
    ),
)
REVENUES = (
    return_on_cost(
        "offlineRoi",
        OFFLINE.revenues,
        "Offline revenues less cost, over cost.",
        meaning="What each euro of cost earned in shops, beyond itself: 0.5 is 50 cents, -1 is nothing.",
    ),
    participation(
        "offlineRevenues",
        OFFLINE.revenues,
        "Amount of attributed offline purchases.",
        Unit.MONEY,
        meaning="What people spent in shops after contact with a campaign.",
    ),
    participation(
        "offlineConversions",
        OFFLINE.conversions,
        "Attributed offline visits with a purchase.",
        meaning="How many visits to shops after contact with a campaign ended with a purchase.",
    ),
    ratio(
        "offlineConversionRate",
        OFFLINE.conversions,
        OFFLINE.visits,
        "The share of attributed offline visits with a purchase.",
        Unit.RATIO,
        meaning="How many of the visits to shops that campaigns preceded ended with a purchase.",
    ),
    return_on_cost(
        "onlineRoi",
        ONLINE.revenues,
        "Online revenues less cost, over cost.",
        meaning="What each euro of cost earned on the web site, beyond itself: 0.5 is 50 cents, -1 is nothing.",
    ),
    participation(
        "onlineRevenues",
        ONLINE.revenues,
        "Amount of attributed online purchases.",
        Unit.MONEY,
        meaning="What people spent on the web site after contact with a campaign.",
    ),
    participation(
        "onlineConversions",
        ONLINE.conversions,
        "Attributed online visits with a purchase.",
        meaning="How many visits to the web site after contact with a campaign ended with a purchase.",
    ),
    ratio(
        "onlineConversionRate",
        ONLINE.conversions,
        ONLINE.visits,
        "The share of attributed online visits with a purchase.",
        Unit.RATIO,
        meaning="How many of the visits to the web site that campaigns preceded ended with a purchase.",
    ),
    return_on_cost(
        "roi",
        ALL_REVENUES,
        "Revenues less cost, over cost.",
        meaning="What each euro of cost earned, beyond itself: 0.5 is 50 cents, -1 is nothing.",
    ),
    participation(
        "revenues",
        ALL_REVENUES,
        "Amount of attributed purchases, offline and online.",
        Unit.MONEY,
        meaning="What people spent after contact with a campaign, in shops and on the web site.",
    ),
    ratio(
        "revenueByOfflineVisit",
        ALL_REVENUES,
        OFFLINE.visits,
        "Revenues per attributed offline visit.",
        meaning="What people spent in all for each visit to a shop that campaigns preceded.",
    ),
    ratio(
        "revenueByOnlineVisit",
        ALL_REVENUES,
        ONLINE.visits,
        "Revenues per attributed online visit.",
        meaning="What people spent in all for each visit to the web site that campaigns preceded.",
    ),
    ratio(
        "offlineRevenueByOfflineVisit",
        OFFLINE.revenues,
        OFFLINE.visits,
        "Offline revenues per attributed visit.",
        meaning="What people spent in shops for each visit to a shop that campaigns preceded.",
    ),
    ratio(
        "onlineRevenueByOnlineVisit",
        ONLINE.revenues,
        ONLINE.visits,
        "Online revenues per attributed visit.",
        meaning="What people spent on the web site for each visit to it that campaigns preceded.",
    ),
)
EXPOSURE = (
    Kpi(
        "venueRate",
        value=VENUE_RATE,
        unit=Unit.RATIO,
        kind=KpiKind.RATIO,
        scopes=ALL_SCOPES,
        title="The share of exposed users with an attributed offline visit; null where nobody was exposed.",
        meaning="How many of the people whom a campaign reached came to a shop.",
    ),
    ratio(
        "printsByOfflineVisit",
        PRINTED,
        OFFLINE.visits,
        "Prints per attributed offline visit.",
        Unit.COUNT,
        meaning="How often advertisements had to be shown for one visit to a shop.",
    ),
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
        meaning="Whether people come because of the campaign: those who saw it against a control group.",
    ),
)
PURCHASE_KPIS = (
    ratio(
        "costByPurchase",
        COST,
        ALL_PURCHASES,
        "Cost per attributed purchase.",
        meaning="What it costs to bring one purchase; two purchases in one visit count as two.",
    ),
    ratio(
        "costByOfflinePurchase",
        COST,
        OFFLINE.purchases,
        "Cost per attributed offline purchase.",
        meaning="What it costs to bring one purchase in a shop.",
    ),
    ratio(
        "costByOnlinePurchase",
        COST,
        ONLINE.purchases,
        "Cost per attributed online purchase.",
        meaning="What it costs to bring one order on the web site.",
    ),
    participation(
        "offlineConversionPurchases",
        OFFLINE.purchases,
        "Attributed offline purchases (tickets).",
        meaning="How many tickets there are in shops after contact with a campaign; a visit can have several.",
    ),
    participation(
        "onlineConversionPurchases",
        ONLINE.purchases,
        "Attributed online purchases (orders).",
        meaning="How many orders there are on the web site after contact with a campaign; a visit can have several.",
    ),
)
PER_CAMPAIGN = (
    per_campaign(
        "offlineVisitsPerCampaign",
        OFFLINE,
        "Linear credit of offline visits, campaign by campaign.",
        meaning="Which campaigns brought the visits to shops; the parts sum to the whole.",
    ),
    per_campaign(
        "onlineVisitsPerCampaign",
        ONLINE,
        "Linear credit of online visits, campaign by campaign.",
        meaning="Which campaigns brought the visits to the web site; the parts sum to the whole.",
    ),
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
