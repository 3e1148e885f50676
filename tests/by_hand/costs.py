"""The costs of campaigns by day and site, and the shares of sites."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from tests.by_hand.truth import Campaign, Cost, Delivery, Truth

MEASURE_OF_COST = {"cpm": ("prints", 1000), "cpc": ("clicks", 1), "cpo": ("openings", 1)}


@dataclass(frozen=True)
class DailyCost:
    """A campaign's cost on a day; site is None when it is the cost of the whole campaign."""

    campaign: str
    day: date
    site: str | None
    amount: Fraction


def list_daily_costs(campaign: Campaign, deliveries: Iterable[Delivery]) -> list[DailyCost]:
    """Return the costs of a campaign: fixed ones evenly over their days, others on the day and site of the delivery."""
    of_campaign = [delivery for delivery in deliveries if delivery.campaign == campaign.id]
    return [daily_cost for cost in campaign.costs for daily_cost in _split_by_day(campaign, cost, of_campaign)]


def _split_by_day(campaign: Campaign, cost: Cost, deliveries: Sequence[Delivery]) -> list[DailyCost]:
    if cost.kind == "fixed":
        first, last = cost.first or campaign.first, cost.last or campaign.last
        if first is None or last is None:
            return []
        days = (last - first).days + 1
        amount = cost.amount / days
        return [DailyCost(campaign.id, first + timedelta(days=n), None, amount) for n in range(days)]
    measure, units = MEASURE_OF_COST[cost.kind]
    return [
        DailyCost(campaign.id, delivery.day, delivery.site, cost.amount * getattr(delivery, measure) / units)
        for delivery in deliveries
        if (cost.first is None or cost.first <= delivery.day) and (cost.last is None or delivery.day <= cost.last)
    ]


def list_sharers(truth: Truth, campaign: Campaign) -> list[str]:
    """Return the sites that share in equal parts what is known by campaign only, independent of the question.

    These are the active sites that the campaign names, or all that it names when none of them is active.  For a
    campaign that names no site they are all active sites.
    """
    active = [site.id for site in truth.sites if site.active]
    own = [site.id for site in truth.sites if site.id in campaign.sites]
    return [site for site in own if site in active] or own or active


def compute_share(site: str | None, sharers: Sequence[str], sites: frozenset[str]) -> Fraction:
    """Return the share of `sites` in an amount: all or nothing when its site is known, else an even share per site."""
    if site is not None:
        return Fraction(site in sites)
    return Fraction(len(sites.intersection(sharers)), len(sharers)) if sharers else Fraction(0)
