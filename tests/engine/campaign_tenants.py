"""Small random applications with campaigns, by seed; one of them has no exposures."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from functools import cache

from tests.by_hand.truth import Campaign, Cost, Place, Purchase, Truth
from tests.truth import places, random_events

WITHOUT_TOUCHES = 3  # the seed of the application without touches
ONLY_DELIVERIES = 4  # the seed of the application with nothing but deliveries


@cache
def campaign_tenant(seed: int) -> Truth:
    """Build an application with a dozen users; its campaigns, costs and sites depend on the seed."""
    geography, panel = places.build_geography(100 + seed), places.build_panel(10)
    dice = random_events.Dice(seed, "Europe/Paris" if seed % 2 else "America/New_York")
    users = [*(panelist.user for panelist in panel), "stranger-0", "stranger-1"]
    campaigns = [_vary_campaign(campaign, dice, geography.sites) for campaign in geography.campaigns]
    visited_sites = [site for site in geography.sites if site.key != "quiet"]
    touches = (
        []
        if seed in (WITHOUT_TOUCHES, ONLY_DELIVERIES)
        else random_events.draw_touches(dice, users, campaigns[:-1], 12)
    )
    visits = [] if seed == ONLY_DELIVERIES else random_events.draw_visits(dice, touches, users, visited_sites)
    return Truth(
        timezone=dice.timezone,
        sites=geography.sites,
        campaigns=campaigns,
        panelists=panel,
        touches=touches,
        visits=visits,
        purchases=_with_refunds(dice, random_events.draw_purchases(dice, visits, users, visited_sites))
        if visits
        else [],
        deliveries=random_events.draw_deliveries(dice, campaigns),
    )


def _vary_campaign(campaign: Campaign, dice: random_events.Dice, sites: tuple[Place, ...]) -> Campaign:
    """Return a campaign with random sites, extras and costs."""
    random = dice.random
    site_ids = tuple(sorted(site.id for site in random.sample(sites, random.choice((1, 2, 5)))))
    extras = random.sample(["segment:vip", "segment:new", "wave:1", "wave:2", "paid:true"], random.randrange(4))
    costs = [_random_cost(dice) for _ in range(random.randrange(4))]
    return replace(
        campaign,
        sites=random.choice(((), site_ids)),
        extras=frozenset(extras),
        costs=tuple(costs),
        windows=campaign.windows,
    )


def _with_refunds(dice: random_events.Dice, purchases: Sequence[Purchase]) -> list[Purchase]:
    """Return purchases, some of them as refunds of their amount."""
    return [
        replace(purchase, amount=-purchase.amount) if dice.random.random() < 0.2 else purchase for purchase in purchases
    ]


def _random_cost(dice: random_events.Dice) -> Cost:
    random = dice.random
    first: date | None = random.choice(random_events.BURSTS)[0] + timedelta(days=random.randrange(-5, 15))
    last: date | None = None if first is None else first + timedelta(days=random.randrange(20))
    if random.random() < 0.3:
        first = None
    if random.random() < 0.3:
        last = None
    if first is not None and last is None:
        last = date(2025, 1, 31)
    kind = random.choice(("fixed", "cpm", "cpc", "cpo"))
    amount = Fraction(random.randrange(1, 10**7), 10 ** random.choice((2, 3, 6)))
    return Cost(kind, amount, first, last)
