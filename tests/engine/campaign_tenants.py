"""Small random applications with campaigns, seeded; among them one where nobody is known to be exposed."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from functools import cache

from tests.by_hand.truth import Campaign, Cost, Place, Truth
from tests.truth import happenings as happen
from tests.truth import places

UNSEEN = 3  # the seed of the application without touches
BARE = 4  # the seed of the one in which nothing happens but deliveries


@cache
def campaign_tenant(seed: int) -> Truth:
    """An application with a dozen users, whose campaigns, costs and sites differ from seed to seed."""
    ground, panel = places.ground(100 + seed), places.panel(10)
    dice = happen.Dice(seed, "Europe/Paris" if seed % 2 else "America/New_York")
    users = [*(one.user for one in panel), "stranger-0", "stranger-1"]
    campaigns = [_campaign(one, dice, ground.sites) for one in ground.campaigns]
    came_to = [site for site in ground.sites if site.key != "quiet"]
    touches = [] if seed in (UNSEEN, BARE) else happen.touches(dice, users, campaigns[:-1], 12)
    visits = [] if seed == BARE else happen.visits(dice, touches, users, came_to)
    return Truth(
        timezone=dice.timezone,
        sites=ground.sites,
        campaigns=campaigns,
        panelists=panel,
        touches=touches,
        visits=visits,
        purchases=happen.purchases(dice, visits, users, came_to) if visits else [],
        deliveries=happen.deliveries(dice, campaigns),
    )


def _campaign(one: Campaign, dice: happen.Dice, sites: tuple[Place, ...]) -> Campaign:
    """A campaign with other sites, extras and costs."""
    random = dice.random
    some = tuple(sorted(site.id for site in random.sample(sites, random.choice((1, 2, 5)))))
    extras = random.sample(["segment:vip", "segment:new", "wave:1", "wave:2", "paid:true"], random.randrange(4))
    costs = [_cost(dice) for _ in range(random.randrange(4))]
    return replace(
        one, sites=random.choice(((), some)), extras=frozenset(extras), costs=tuple(costs), windows=one.windows
    )


def _cost(dice: happen.Dice) -> Cost:
    random = dice.random
    first: date | None = random.choice(happen.BURSTS)[0] + timedelta(days=random.randrange(-5, 15))
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
