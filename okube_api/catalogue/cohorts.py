"""The KPIs of cohorts: costs, and the visits and purchases that contacts led to, by the day of the contact."""

from okube_api.catalogue.conversion_parts import (
    COHORT_CONVERSIONS,
    COHORT_REVENUES,
    COST,
    OFFLINE,
    ONLINE,
    participation,
    ratio,
    return_on_cost,
    visits_and_conversions,
)
from okube_api.catalogue.kpi import Unit

COHORT_KPIS = (
    ratio(
        "cohortCostByConversion",
        COST,
        COHORT_CONVERSIONS,
        "Cost per visit with a purchase, by day of touch.",
        meaning="What it costs to bring one visit with a purchase, counted on the day of the contact.",
    ),
    ratio(
        "cohortCostByOfflineConversion",
        COST,
        OFFLINE.cohort_conversions,
        "Cost per offline visit with a purchase, by day of touch.",
        meaning="What it costs to bring one visit to a shop with a purchase, counted on the day of the contact.",
    ),
    ratio(
        "cohortCostByOnlineConversion",
        COST,
        ONLINE.cohort_conversions,
        "Cost per online visit with a purchase, by day of touch.",
        meaning="What it costs to bring one visit to the web site with a purchase, counted on the day of the contact.",
    ),
    visits_and_conversions(
        "cohortOfflineVisitsAndConversions",
        OFFLINE.cohort_visits,
        OFFLINE.cohort_conversions,
        "Attributed offline visits, those with a purchase, and their ratio, by day of touch.",
        meaning="What the contacts of a day led to in shops, whenever people came.",
    ),
    visits_and_conversions(
        "cohortOnlineVisitsAndConversions",
        ONLINE.cohort_visits,
        ONLINE.cohort_conversions,
        "Attributed online visits, those with a purchase, and their ratio, by day of touch.",
        meaning="What the contacts of a day led to on the web site, whenever people came.",
    ),
    return_on_cost(
        "cohortOfflineRoi",
        OFFLINE.cohort_revenues,
        "Offline revenues by day of touch less cost, over cost.",
        meaning="What each euro that was spent on a day earned in shops in the end, beyond itself.",
    ),
    participation(
        "cohortOfflineRevenues",
        OFFLINE.cohort_revenues,
        "Amount of attributed offline purchases, by day of touch.",
        Unit.MONEY,
        meaning="What people spent in shops after the contacts of a day, whenever they came.",
    ),
    participation(
        "cohortOfflineConversions",
        OFFLINE.cohort_conversions,
        "Attributed offline visits with a purchase, by day of touch.",
        meaning="How many visits to shops with a purchase the contacts of a day led to.",
    ),
    ratio(
        "cohortOfflineConversionRate",
        OFFLINE.cohort_conversions,
        OFFLINE.cohort_visits,
        "The share of attributed offline visits with a purchase, by day of touch.",
        Unit.RATIO,
        meaning="How many of the visits to shops that the contacts of a day led to ended with a purchase.",
    ),
    return_on_cost(
        "cohortOnlineRoi",
        ONLINE.cohort_revenues,
        "Online revenues by day of touch less cost, over cost.",
        meaning="What each euro that was spent on a day earned on the web site in the end, beyond itself.",
    ),
    participation(
        "cohortOnlineRevenues",
        ONLINE.cohort_revenues,
        "Amount of attributed online purchases, by day of touch.",
        Unit.MONEY,
        meaning="What people spent on the web site after the contacts of a day, whenever they came.",
    ),
    participation(
        "cohortOnlineConversions",
        ONLINE.cohort_conversions,
        "Attributed online visits with a purchase, by day of touch.",
        meaning="How many visits to the web site with a purchase the contacts of a day led to.",
    ),
    ratio(
        "cohortOnlineConversionRate",
        ONLINE.cohort_conversions,
        ONLINE.cohort_visits,
        "The share of attributed online visits with a purchase, by day of touch.",
        Unit.RATIO,
        meaning="How many of the visits to the web site that the contacts of a day led to ended with a purchase.",
    ),
    return_on_cost(
        "cohortRoi",
        COHORT_REVENUES,
        "Revenues by day of touch less cost, over cost.",
        meaning="What each euro that was spent on a day earned in the end, beyond itself.",
    ),
    participation(
        "cohortRevenues",
        COHORT_REVENUES,
        "Amount of attributed purchases, by day of touch.",
        Unit.MONEY,
        meaning="What people spent after the contacts of a day, whenever they bought.",
    ),
)
