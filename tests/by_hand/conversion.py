"""The 66 KPIs of conversion, computed from lists of touches, visits, purchases, deliveries and costs."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from tests.by_hand.conversion_cell import Cell, build_cell
from tests.by_hand.paths import MODELS, linear
from tests.by_hand.question import Filter, Question, select_sites
from tests.by_hand.results import Leaf, build_answer, count, distribution, money, ratio, round_exactly
from tests.by_hand.truth import Campaign, Truth

DAY_S = 86_400
CONFIDENCE_95 = 1.96

# -- leaves ---------------------------------------------------------------------------------------------------------

OFFLINE, ONLINE = False, True
Number = Callable[[Cell], Fraction]
LeafFunction = Callable[[Cell], Leaf]


def count_of(number: Number) -> LeafFunction:
    return lambda cell: count(number(cell), cell.uplift)


def money_of(number: Number) -> LeafFunction:
    return lambda cell: money(number(cell))


def ratio_of(above: Number, below: Number) -> LeafFunction:
    return lambda cell: ratio(above(cell), below(cell))


def cost(cell: Cell) -> Fraction:
    return cell.cost


def roi(earned: Number) -> LeafFunction:
    return lambda cell: ratio(earned(cell) - cell.cost, cell.cost)


def visits_and_conversions(online: bool, cohort: bool) -> LeafFunction:
    def leaf(cell: Cell) -> Leaf:
        visited, converted = cell.visits(online, cohort), cell.conversions(online, cohort)
        return {
            "visits": count(visited, cell.uplift),
            "conversions": count(converted, cell.uplift),
            "rate": ratio(converted, visited),
        }

    return leaf


def attributions(online: bool) -> LeafFunction:
    def leaf(cell: Cell) -> Leaf:
        credits = {name: money(cell.credit(online, model)) for name, model in MODELS.items()}
        return {**credits, "participation": count(cell.visits(online), cell.uplift)}

    return leaf


def model_credit(online: bool, model: str) -> LeafFunction:
    return lambda cell: money(cell.credit(online, MODELS[model]))


def delivery_count(what: str) -> LeafFunction:
    return lambda cell: count(cell.delivered(what), cell.some_sites)


def visits_by_touch(*kinds: str) -> LeafFunction:
    contacts = {"print": "prints", "click": "clicks", "opening": "openings"}

    def leaf(cell: Cell) -> Leaf:
        by_kind = dict.fromkeys(kinds, Fraction(0))
        for outcome in cell.credited(OFFLINE):
            if outcome.path[-1].kind in by_kind:
                by_kind[outcome.path[-1].kind] += cell.weight(outcome)
        total = sum(by_kind.values(), Fraction(0))
        return {
            kind: {
                "contacts": delivery_count(contacts[kind])(cell),
                "visits": count(by_kind[kind], cell.uplift),
                "share": ratio(by_kind[kind], total),
            }
            for kind in kinds
        }

    return leaf


def delay_distribution(online: bool) -> LeafFunction:
    def leaf(cell: Cell) -> Leaf:
        amounts = [
            (Fraction(int((outcome.at - outcome.path[-1].at).total_seconds()), DAY_S), cell.weight(outcome))
            for outcome in cell.credited(online)
        ]
        return distribution("d", "sessions", cell.world.truth.bands["delay"], amounts, cell.uplift)

    return leaf


def venue_rate(cell: Cell) -> Leaf:
    """Return exposed users with an attributed visit over exposed users; null where nobody was exposed."""
    exposed = set(cell.first_touches(control=False))
    visited = {outcome.user for outcome in cell.attributed(OFFLINE) if outcome.visit}
    return ratio(cell.users(exposed & visited), cell.users(exposed))


def comparison(cell: Cell) -> Leaf:
    """Return the visitors among exposed users and among the control group, less users who were exposed, too.

    A user is a visitor when an offline visit of the cell is at or after their first touch of the cell.
    """
    exposed, control = cell.first_touches(control=False), cell.first_touches(control=True)
    control = {user: at for user, at in control.items() if user not in exposed}
    visits = [
        outcome
        for outcome in cell.rows(cell.world.outcomes)
        if outcome.visit and not outcome.online and outcome.site in cell.sites
    ]
    groups = []
    for first in (exposed, control):
        visitors = {visit.user for visit in visits if visit.user in first and visit.at >= first[visit.user]}
        groups.append((len(first), len(visitors)))
    described: dict[str, Any] = {
        name: {"users": users, "visitors": visitors, "rate": ratio(visitors, users)}
        for name, (users, visitors) in zip(("exposed", "control"), groups, strict=True)
    }
    return {**described, "control": described["control"] if control else None, **_lift(*groups[0], *groups[1])}


def _lift(users: int, visitors: int, control_users: int, control_visitors: int) -> dict[str, Any]:
    """Return the lift of a rate over another, with the interval of its logarithm (Katz and others, 1978)."""
    if not control_users or not users:
        return {"lift": None, "incrementalVisitors": None, "ci95": None, "significant": False}
    rate, control_rate = Fraction(visitors, users), Fraction(control_visitors, control_users)
    lift = {"lift": None, "incrementalVisitors": round_exactly(users * (rate - control_rate), 2), "ci95": None}
    if not control_visitors:
        return {**lift, "significant": False}
    lift["lift"] = ratio(rate - control_rate, control_rate)
    if not visitors:
        return {**lift, "significant": False}
    middle = math.log(rate / control_rate)
    error = math.sqrt(1 / visitors - 1 / users + 1 / control_visitors - 1 / control_users)
    low, high = (math.exp(middle + sign * CONFIDENCE_95 * error) - 1 for sign in (-1, 1))
    return {**lift, "ci95": [round(low, 4), round(high, 4)], "significant": low > 0 or high < 0}


def per_campaign(online: bool) -> LeafFunction:
    def leaf(cell: Cell) -> Leaf:
        credits = cell.credits(online, linear)
        total = sum(credits.values(), Fraction(0))
        if cell.question.scope == "campaigns":
            return money(total)
        return {
            "items": [
                {
                    "campaign": campaign,
                    "key": cell.world.campaigns[campaign].key,
                    "value": money(value),
                    "share": ratio(value, total),
                }
                for campaign, value in sorted(credits.items(), key=lambda item: (-item[1], item[0]))
            ],
            "total": money(total),
        }

    return leaf


def visits(online: bool, cohort: bool = False) -> Number:
    return lambda cell: cell.visits(online, cohort)


def conversions(online: bool, cohort: bool = False) -> Number:
    return lambda cell: cell.conversions(online, cohort)


def revenues(online: bool, cohort: bool = False) -> Number:
    return lambda cell: cell.revenues(online, cohort)


def purchases(online: bool) -> Number:
    return lambda cell: cell.purchases(online)


def delivered(what: str) -> Number:
    return lambda cell: cell.delivered(what)


def sum_of(left: Number, right: Number) -> Number:
    return lambda cell: left(cell) + right(cell)


ALL_VISITS = sum_of(visits(OFFLINE), visits(ONLINE))
ALL_CONVERSIONS = sum_of(conversions(OFFLINE), conversions(ONLINE))
ALL_PURCHASES = sum_of(purchases(OFFLINE), purchases(ONLINE))
ALL_REVENUES = sum_of(revenues(OFFLINE), revenues(ONLINE))
COHORT_CONVERSIONS = sum_of(conversions(OFFLINE, cohort=True), conversions(ONLINE, cohort=True))
COHORT_REVENUES = sum_of(revenues(OFFLINE, cohort=True), revenues(ONLINE, cohort=True))

LEVER: Mapping[str, LeafFunction] = {
    "prints": delivery_count("prints"),
    "clicks": delivery_count("clicks"),
    "openings": delivery_count("openings"),
    "cost": money_of(cost),
    "offlineVisits": count_of(visits(OFFLINE)),
    "onlineVisits": count_of(visits(ONLINE)),
    "offlineConversions": count_of(conversions(OFFLINE)),
    "onlineConversions": count_of(conversions(ONLINE)),
    "revenues": money_of(ALL_REVENUES),
    "ctr": ratio_of(delivered("clicks"), delivered("prints")),
    "venueRate": venue_rate,
    "costByVisit": ratio_of(cost, ALL_VISITS),
    "roi": roi(ALL_REVENUES),
}

KPIS: Mapping[str, LeafFunction] = {
    "costByVisit": ratio_of(cost, ALL_VISITS),
    "costByOfflineVisit": ratio_of(cost, visits(OFFLINE)),
    "costByOnlineVisit": ratio_of(cost, visits(ONLINE)),
    "costByConversion": ratio_of(cost, ALL_CONVERSIONS),
    "costByOfflineConversion": ratio_of(cost, conversions(OFFLINE)),
    "costByOnlineConversion": ratio_of(cost, conversions(ONLINE)),
    "ctr": ratio_of(delivered("clicks"), delivered("prints")),
    "globalLeverPerformance": lambda cell: {name: leaf(cell) for name, leaf in LEVER.items()},
    "offlineVisitsAndConversions": visits_and_conversions(OFFLINE, cohort=False),
    "onlineVisitsAndConversions": visits_and_conversions(ONLINE, cohort=False),
    "offlineVisits": count_of(visits(OFFLINE)),
    "onlineVisits": count_of(visits(ONLINE)),
    "offlineVisitsAttributions": attributions(OFFLINE),
    "onlineVisitsAttributions": attributions(ONLINE),
    "offlineVisitsLinear": model_credit(OFFLINE, "linear"),
    "offlineVisitsShapley": model_credit(OFFLINE, "shapley"),
    "offlineVisitsFC": model_credit(OFFLINE, "fc"),
    "offlineVisitsLC": model_credit(OFFLINE, "lc"),
    "onlineVisitsLinear": model_credit(ONLINE, "linear"),
    "prints": delivery_count("prints"),
    "clicks": delivery_count("clicks"),
    "openings": delivery_count("openings"),
    "cost": money_of(cost),
    "printVsClick": visits_by_touch("print", "click"),
    "printVsClickVsOpenings": visits_by_touch("print", "click", "opening"),
    "timeBeforeOfflineVisitPerScope": delay_distribution(OFFLINE),
    "timeBeforeOnlineVisitPerScope": delay_distribution(ONLINE),
    "offlineRoi": roi(revenues(OFFLINE)),
    "offlineRevenues": money_of(revenues(OFFLINE)),
    "offlineConversions": count_of(conversions(OFFLINE)),
    "offlineConversionRate": ratio_of(conversions(OFFLINE), visits(OFFLINE)),
    "onlineRoi": roi(revenues(ONLINE)),
    "onlineRevenues": money_of(revenues(ONLINE)),
    "onlineConversions": count_of(conversions(ONLINE)),
    "onlineConversionRate": ratio_of(conversions(ONLINE), visits(ONLINE)),
    "roi": roi(ALL_REVENUES),
    "revenues": money_of(ALL_REVENUES),
    "revenueByOfflineVisit": ratio_of(ALL_REVENUES, visits(OFFLINE)),
    "revenueByOnlineVisit": ratio_of(ALL_REVENUES, visits(ONLINE)),
    "offlineRevenueByOfflineVisit": ratio_of(revenues(OFFLINE), visits(OFFLINE)),
    "onlineRevenueByOnlineVisit": ratio_of(revenues(ONLINE), visits(ONLINE)),
    "venueRate": venue_rate,
    "printsByOfflineVisit": ratio_of(delivered("prints"), visits(OFFLINE)),
    "comparisonOfflineVisits": comparison,
    "cohortCostByConversion": ratio_of(cost, COHORT_CONVERSIONS),
    "cohortCostByOfflineConversion": ratio_of(cost, conversions(OFFLINE, cohort=True)),
    "cohortCostByOnlineConversion": ratio_of(cost, conversions(ONLINE, cohort=True)),
    "cohortOfflineVisitsAndConversions": visits_and_conversions(OFFLINE, cohort=True),
    "cohortOnlineVisitsAndConversions": visits_and_conversions(ONLINE, cohort=True),
    "cohortOfflineRoi": roi(revenues(OFFLINE, cohort=True)),
    "cohortOfflineRevenues": money_of(revenues(OFFLINE, cohort=True)),
    "cohortOfflineConversions": count_of(conversions(OFFLINE, cohort=True)),
    "cohortOfflineConversionRate": ratio_of(conversions(OFFLINE, cohort=True), visits(OFFLINE, cohort=True)),
    "cohortOnlineRoi": roi(revenues(ONLINE, cohort=True)),
    "cohortOnlineRevenues": money_of(revenues(ONLINE, cohort=True)),
    "cohortOnlineConversions": count_of(conversions(ONLINE, cohort=True)),
    "cohortOnlineConversionRate": ratio_of(conversions(ONLINE, cohort=True), visits(ONLINE, cohort=True)),
    "cohortRoi": roi(COHORT_REVENUES),
    "cohortRevenues": money_of(COHORT_REVENUES),
    "costByPurchase": ratio_of(cost, ALL_PURCHASES),
    "costByOfflinePurchase": ratio_of(cost, purchases(OFFLINE)),
    "costByOnlinePurchase": ratio_of(cost, purchases(ONLINE)),
    "offlineConversionPurchases": count_of(purchases(OFFLINE)),
    "onlineConversionPurchases": count_of(purchases(ONLINE)),
    "offlineVisitsPerCampaign": per_campaign(OFFLINE),
    "onlineVisitsPerCampaign": per_campaign(ONLINE),
}

SCOPES = ("globals", "sites", "campaigns", "levers", "extras")


def scopes(kpi: str) -> tuple[str, ...]:
    """Return the scopes of a KPI: all of them."""
    assert kpi in KPIS
    return SCOPES


def scope_values_of(campaign: Campaign, scope: str) -> frozenset[str]:
    """Return the scope values of a campaign."""
    if scope == "extras":
        return campaign.extras
    return frozenset({campaign.lever if scope == "levers" else campaign.id})


def passes_filters(campaign: Campaign, question: Question) -> bool:
    """Return whether a campaign passes every filter."""
    filters = ((question.campaigns, "campaigns"), (question.levers, "levers"), (question.extras, "extras"))
    return all(
        filter_ is None or bool(filter_.values & scope_values_of(campaign, scope)) != filter_.negated
        for filter_, scope in filters
    )


def conversion(truth: Truth, kpi: str, question: Question) -> Leaf:
    """Return the `data` of one element of a conversion answer."""
    sites = frozenset(site.id for site in select_sites(truth, question))
    campaigns = {campaign.id: campaign for campaign in truth.campaigns if passes_filters(campaign, question)}
    some_sites = any((question.site, question.sites, question.tags)) or question.scope == "sites"
    by_campaign = question.scope in ("campaigns", "levers", "extras")

    def leaf(value: str | None, days: frozenset[date]) -> Leaf:
        campaign_ids = campaigns.keys()
        if by_campaign and value is not None:
            campaign_ids = {c.id: c for c in campaigns.values() if value in scope_values_of(c, question.scope)}.keys()
        cell_sites = sites & {value} if question.scope == "sites" and value is not None else sites
        if not cell_sites and question.scope == "sites":  # a site that one filter names and another leaves out is empty
            days = frozenset()
        return KPIS[kpi](build_cell(truth, question, frozenset(campaign_ids), cell_sites, days, some_sites=some_sites))

    if question.scope == "sites":
        values: Iterable[str] = sites
    else:
        values = {value for c in campaigns.values() for value in scope_values_of(c, question.scope)}
    return build_answer(question, values, _named(question), leaf)


def _named(question: Question) -> frozenset[str]:
    filters: dict[str, Filter | None] = {
        "sites": question.sites,
        "campaigns": question.campaigns,
        "levers": question.levers,
        "extras": question.extras,
    }
    filter_ = filters.get(question.scope)
    return filter_.values if filter_ is not None and not filter_.negated else frozenset()
