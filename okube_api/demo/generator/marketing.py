"""Generates touches, deliveries, visits and purchases; exposed users visit more often by a known lift."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from okube_api.clock import DAY_S
from okube_api.demo.generator.panel import DemoPanel
from okube_api.demo.generator.random_columns import (
    draw_times_of_day,
    format_names,
    local_midnights,
    take_values,
    to_instants,
)
from okube_api.demo.generator.stays import TIMEZONE
from okube_api.demo.generator.world import DAYS, LEVERS, DemoCampaign, World
from okube_api.store.arrays import Flags, Floats, Ints

REACH = 0.12  # share of the panel that a campaign selects
CONTROL = 0.15  # share of the selected users that are in the control group
VISITS_PER_YEAR = 3.0  # of a user, without any campaign
FOLLOW_UP_DAYS = 7  # days after a touch in which the campaign has an effect
ONLINE = 0.3  # share of visits
BUYS = 0.3  # share of visits with a purchase
_TOUCHES = 3  # mean number of touches of an exposed user


@dataclass(frozen=True, slots=True)
class MarketingEvents:
    """Events by kind, and the numbers of exposed users and of control users of each campaign."""

    touches: pa.Table
    deliveries: pa.Table
    visits: pa.Table
    purchases: pa.Table
    reached: tuple[int, ...]
    control: tuple[int, ...]


def generate_marketing(world: World, panel: DemoPanel, random: np.random.Generator) -> MarketingEvents:
    """Draw the events that belong to the campaigns of a world."""
    starts = local_midnights(world.first, DAYS + FOLLOW_UP_DAYS + 1, TIMEZONE)
    reached = [_draw_touches(world, campaign, panel, starts, random) for campaign in world.campaigns]
    users, campaigns, at, kinds = (np.concatenate(columns) for columns in zip(*reached, strict=True))
    visitors, seconds = _draw_visits(world, random, starts, users=users, at=at, kinds=kinds)
    online = random.random(len(visitors)) < ONLINE
    site = np.where(online, len(world.sites) - 1, panel.city[visitors])
    order = np.lexsort((visitors, seconds))
    kind_names = ("print", "click", "opening", "control")
    control = kinds == kind_names.index("control")
    by_time = np.lexsort((users, at))
    return MarketingEvents(
        touches=pa.table(
            {
                "user": format_names("user", users[by_time]),
                "campaign": take_values([campaign.key for campaign in world.campaigns], campaigns[by_time]),
                "at": to_instants(at[by_time]),
                "kind": take_values(kind_names, kinds[by_time]),
            }
        ),
        deliveries=_draw_deliveries(world, random),
        visits=pa.table(
            {
                "user": format_names("user", visitors[order]),
                "site": take_values([site.key for site in world.sites], site[order]),
                "at": to_instants(seconds[order]),
            }
        ),
        purchases=_draw_purchases(world, visitors[order], site[order], seconds[order], random),
        reached=_count_distinct_users(users[~control], campaigns[~control], len(world.campaigns)),
        control=_count_distinct_users(users[control], campaigns[control], len(world.campaigns)),
    )


def _count_distinct_users(users: Ints, campaigns: Ints, size: int) -> tuple[int, ...]:
    pairs = np.unique(np.stack((campaigns, users)), axis=1)
    return tuple(np.bincount(pairs[0], minlength=size).tolist())


def _campaign_days(world: World, campaign: DemoCampaign) -> tuple[int, int]:
    """Return the first day of a campaign, counted from that of the world, and its number of days."""
    last = min(campaign.last, world.last)
    return (campaign.first - world.first).days, (last - campaign.first).days + 1


def _draw_touches(
    world: World, campaign: DemoCampaign, panel: DemoPanel, starts: Ints, random: np.random.Generator
) -> tuple[Ints, Ints, Ints, Ints]:
    """Return the columns of the touches of a campaign: users, campaign numbers, seconds since 1970, kinds.

    Kinds are indexes of print, click, opening, control.
    """
    cities = [n for n, site in enumerate(world.sites) if site.key in campaign.sites]
    target = np.flatnonzero(np.isin(panel.city, cities)) if cities else np.arange(world.users)
    reached = random.choice(target, size=max(round(len(target) * REACH), 1), replace=False)
    control = random.random(len(reached)) < CONTROL
    times = np.where(control, 1, 1 + random.poisson(_TOUCHES - 1, size=len(reached)))
    users = np.repeat(reached, times)
    first, length = _campaign_days(world, campaign)
    at = starts[first + random.integers(0, length, size=len(users))] + draw_times_of_day(random, len(users))
    kinds = np.array([("print", "click", "opening").index(kind) for kind in LEVERS[campaign.lever_index][3]])
    kind = np.where(random.random(len(users)) < 0.12, kinds[-1], kinds[0])
    number = np.full(len(users), world.campaigns.index(campaign))
    return users, number, at, np.where(np.repeat(control, times), 3, kind)


def _draw_visits(
    world: World, random: np.random.Generator, starts: Ints, *, users: Ints, at: Ints, kinds: Ints
) -> tuple[Ints, Ints]:
    """Return the users and instants (seconds since 1970) of visits.

    All users visit now and then; some exposed users visit once more, soon after a touch.
    """
    usual_users = random.integers(0, world.users, size=round(world.users * VISITS_PER_YEAR))
    days = random.integers(0, DAYS, size=len(usual_users))
    usual_at = starts[days] + draw_times_of_day(random, len(usual_users))
    extra = world.lift * VISITS_PER_YEAR * FOLLOW_UP_DAYS / DAYS  # visits that one week of exposure adds
    returns: Flags = (kinds != 3) & (random.random(len(users)) < extra)
    delay: Floats = np.minimum(random.exponential(2.0, size=int(returns.sum())), FOLLOW_UP_DAYS - 0.01)
    after = at[returns] + (delay * DAY_S).astype(np.int64) + 60
    inside = after < starts[DAYS]
    return np.concatenate((usual_users, users[returns][inside])), np.concatenate((usual_at, after[inside]))


def _draw_purchases(world: World, users: Ints, site: Ints, at: Ints, random: np.random.Generator) -> pa.Table:
    bought = np.flatnonzero(random.random(len(users)) < BUYS)
    return pa.table(
        {
            "user": format_names("user", users[bought]),
            "site": take_values([site.key for site in world.sites], site[bought]),
            "at": to_instants(at[bought] + random.integers(120, 2400, size=len(bought))),
            "amount": np.round(random.lognormal(3.6, 0.7, size=len(bought)), 2),
            "order": format_names("order", bought),
        }
    )


def _draw_deliveries(world: World, random: np.random.Generator) -> pa.Table:
    """Draw deliveries by campaign and day, and by site for campaigns that name sites."""
    columns: dict[str, list[pa.Array]] = {name: [] for name in ("campaign", "day", "site")}
    counts: list[Ints] = []
    for campaign in world.campaigns:
        first, length = _campaign_days(world, campaign)
        sites = np.array([n for n, site in enumerate(world.sites) if site.key in campaign.sites] or [-1])
        size = length * len(sites)
        days: list[date] = [world.first + timedelta(days=first + n) for n in range(length)]
        columns["campaign"].append(pa.array([campaign.key] * size))
        columns["day"].append(pa.array(days).take(pa.array(np.repeat(np.arange(length), len(sites)))))
        columns["site"].append(take_values([site.key for site in world.sites], np.tile(sites, length)))
        mean = 1.0 + 12_000 / len(sites)
        prints = random.poisson(mean, size=size) * ("print" in LEVERS[campaign.lever_index][3])
        clicks = random.poisson(mean * 0.012, size=size) * ("click" in LEVERS[campaign.lever_index][3])
        openings = random.poisson(mean * 0.2, size=size) * ("opening" in LEVERS[campaign.lever_index][3])
        counts.append(np.stack((prints, clicks, openings)))
    prints, clicks, openings = np.concatenate(counts, axis=1)
    return pa.table(
        {
            **{name: pa.chunked_array(parts) for name, parts in columns.items()},
            "prints": prints,
            "clicks": clicks,
            "openings": openings,
        }
    )
