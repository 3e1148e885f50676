"""Generates touches and deliveries of campaigns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.formats import FORMATS, STREET
from okube_api.demo.generator.panel import DemoPanel
from okube_api.demo.generator.random_columns import format_names, take_values, to_instants
from okube_api.demo.generator.rhythm import Rhythm
from okube_api.demo.generator.world import LEVERS, DemoCampaign, World
from okube_api.store.arrays import Ints

REACH = 0.12  # share of the panel that a campaign selects
CONTROL = 0.15  # share of the selected users that are in the control group
TOUCH_KINDS = ("print", "click", "opening", "control")
CONTROL_KIND = TOUCH_KINDS.index("control")
_TOUCHES = 3  # mean number of touches of an exposed user


@dataclass(frozen=True, slots=True)
class DemoTouches:
    """Touches as arrays, one element each, in order of time.

    campaign: index of the campaigns of the world.
    day: counted from the first day of the world.
    at: seconds since 1970.
    kind: index of `TOUCH_KINDS`.
    """

    user: Ints
    campaign: Ints
    day: Ints
    at: Ints
    kind: Ints


def draw_touches(world: World, panel: DemoPanel, rhythms: Sequence[Rhythm], random: np.random.Generator) -> DemoTouches:
    """Draw the touches of all campaigns of a world."""
    street = rhythms[FORMATS.index(STREET)]
    by_campaign = [_draw_touches(world, campaign, panel, street, random) for campaign in world.campaigns]
    user, campaign, day, at, kind = (np.concatenate(columns) for columns in zip(*by_campaign, strict=True))
    order = np.lexsort((user, at))
    return DemoTouches(user[order], campaign[order], day[order], at[order], kind[order])


def build_touches(world: World, touches: DemoTouches) -> pa.Table:
    """Return the events of kind `touches`."""
    return pa.table(
        {
            "user": format_names("user", touches.user),
            "campaign": take_values([campaign.key for campaign in world.campaigns], touches.campaign),
            "at": to_instants(touches.at),
            "kind": take_values(TOUCH_KINDS, touches.kind),
        }
    )


def _campaign_days(world: World, campaign: DemoCampaign) -> tuple[int, int]:
    """Return the first day of a campaign, counted from that of the world, and its number of days."""
    last = min(campaign.last, world.last)
    return (campaign.first - world.first).days, (last - campaign.first).days + 1


def _draw_touches(
    world: World, campaign: DemoCampaign, panel: DemoPanel, street: Rhythm, random: np.random.Generator
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Return the columns of the touches of a campaign: users, campaign numbers, days, seconds since 1970, kinds.

    Kinds are indexes of `TOUCH_KINDS`.
    """
    cities = [n for n, site in enumerate(world.sites) if site.key in campaign.sites]
    target = np.flatnonzero(np.isin(panel.city, cities)) if cities else np.arange(world.users)
    reached = random.choice(target, size=max(round(len(target) * REACH), 1), replace=False)
    control = random.random(len(reached)) < CONTROL
    times = np.where(control, 1, 1 + random.poisson(_TOUCHES - 1, size=len(reached)))
    users = np.repeat(reached, times)
    first, length = _campaign_days(world, campaign)
    days = first + random.integers(0, length, size=len(users))
    at = street.draw_on(random, days)
    kinds = np.array([TOUCH_KINDS.index(kind) for kind in LEVERS[campaign.lever_index][3]])
    kind = np.where(random.random(len(users)) < 0.12, kinds[-1], kinds[0])
    number = np.full(len(users), world.campaigns.index(campaign))
    return users, number, days, at, np.where(np.repeat(control, times), CONTROL_KIND, kind)


def draw_deliveries(world: World, random: np.random.Generator) -> pa.Table:
    """Draw the events of kind `deliveries`: by campaign and day, and by site for campaigns that name sites."""
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
