"""What each campaign delivered and cost, day by day and site by site."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from tests.by_hand.question import Question, active_or_named
from tests.by_hand.truth import Campaign, Cost, Delivery, Truth

FOLLOWS = {"cpm": ("prints", 1000), "cpc": ("clicks", 1), "cpo": ("openings", 1)}


@dataclass(frozen=True)
class Spent:
    """Part of a campaign's cost; site is None when it is the whole campaign's."""

    campaign: str
    day: date
    site: str | None
    amount: Fraction


def spent(campaign: Campaign, deliveries: Iterable[Delivery]) -> list[Spent]:
    """A campaign's costs: fixed ones evenly over their days, the others with what was delivered, and where."""
    own = [delivery for delivery in deliveries if delivery.campaign == campaign.id]
    return [part for cost in campaign.costs for part in _parts(campaign, cost, own)]


def _parts(campaign: Campaign, cost: Cost, deliveries: Sequence[Delivery]) -> list[Spent]:
    if cost.kind == "fixed":
        first, last = cost.first or campaign.first, cost.last or campaign.last
        if first is None or last is None:
            return []
        days = (last - first).days + 1
        each = cost.amount / days
        return [Spent(campaign.id, first + timedelta(days=n), None, each) for n in range(days)]
    counted, per = FOLLOWS[cost.kind]
    return [
        Spent(campaign.id, one.day, one.site, cost.amount * getattr(one, counted) / per)
        for one in deliveries
        if (cost.first is None or cost.first <= one.day) and (cost.last is None or one.day <= cost.last)
    ]


def sharing(truth: Truth, campaign: Campaign, question: Question) -> list[str]:
    """The sites that share what is known by campaign only: its own; all of them when none of those takes part."""
    everyone = [site.id for site in truth.sites if active_or_named(site, question.sites, question)]
    return [site for site in everyone if site in campaign.sites] or everyone


def share(site: str | None, sharers: Sequence[str], sites: frozenset[str]) -> Fraction:
    """How much of something goes to `sites`: all or nothing when its own site is known, an even share otherwise."""
    if site is not None:
        return Fraction(site in sites)
    return Fraction(len(sites.intersection(sharers)), len(sharers)) if sharers else Fraction(0)
