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
from okube_api.demo.generator.world import FOLLOWING_DAYS, LEVERS, DemoCampaign, World
from okube_api.store.arrays import Ints

REACH = 0.12  # share of the panel that a campaign selects
CONTROL = 0.15  # share of the selected users that are in the control group
TOUCH_KINDS = ("print", "click", "opening", "control")
CONTROL_KIND = TOUCH_KINDS.index("control")
_TOUCHES = 3  # mean number of touches of an exposed user


@dataclass(frozen=True, slots=True)
class DemoTouches:
    """Touches of a campaign as arrays, one element each; also those of days that are not generated.

    day: counted from the first day of the world.
    at: seconds since 1970.
    kind: index of `TOUCH_KINDS`.
    """

    campaign: DemoCampaign
    user: Ints
    day: Ints
    at: Ints
    kind: Ints


def draw_touches(world: World, panel: DemoPanel, rhythms: Sequence[Rhythm]) -> list[DemoTouches]:
    """Draw the touches of the campaigns of a world that have events on the days to generate."""
    street = rhythms[FORMATS.index(STREET)]
    return [_draw_touches(world, campaign, panel, street) for campaign in world.list_campaigns(FOLLOWING_DAYS)]


def build_touches(world: World, touches: Sequence[DemoTouches]) -> pa.Table:
    """Return the events of kind `touches`."""
    number = np.concatenate([np.full(len(each.user), each.campaign.number) for each in touches])
    user, day, at, kind = (
        np.concatenate([getattr(each, name) for each in touches]) for name in ("user", "day", "at", "kind")
    )
    order = np.lexsort((user, at))
    order = order[world.are_new(day[order])]
    keys = {campaign.number: campaign.key for campaign in world.campaigns}
    return pa.table(
        {
            "user": format_names("user", user[order]),
            "campaign": take_values([keys.get(each, "") for each in range(max(keys) + 1)], number[order]),
            "at": to_instants(at[order]),
            "kind": take_values(TOUCH_KINDS, kind[order]),
        }
    )


def _campaign_days(world: World, campaign: DemoCampaign) -> tuple[int, int]:
    """Return the first day of a campaign, counted from that of the world, and its number of days."""
    return (campaign.first - world.first).days, (campaign.last - campaign.first).days + 1


def _draw_touches(world: World, campaign: DemoCampaign, panel: DemoPanel, street: Rhythm) -> DemoTouches:
    """Draw all touches of a campaign, whether their days are generated or not."""
    random = world.create_random("touches", campaign.number)
    cities = [n for n, site in enumerate(world.sites) if site.key in campaign.sites]
    target = np.flatnonzero(np.isin(panel.city, cities)) if cities else np.arange(world.users)
    if not len(target):
        target = np.arange(world.users)
    reached = random.choice(target, size=max(round(len(target) * REACH), 1), replace=False)
    control = random.random(len(reached)) < CONTROL
    times = np.where(control, 1, 1 + random.poisson(_TOUCHES - 1, size=len(reached)))
    users = np.repeat(reached, times)
    first, length = _campaign_days(world, campaign)
    days = first + random.integers(0, length, size=len(users))
    at = street.draw_on(random, days)
    kinds = np.array([TOUCH_KINDS.index(kind) for kind in LEVERS[campaign.lever_index][3]])
    kind = np.where(random.random(len(users)) < 0.12, kinds[-1], kinds[0])
    return DemoTouches(campaign, users, days, at, np.where(np.repeat(control, times), CONTROL_KIND, kind))


def draw_deliveries(world: World) -> pa.Table:
    """Draw the events of kind `deliveries`: by campaign and day, and by site for campaigns that name sites."""
    columns: dict[str, list[pa.Array]] = {name: [] for name in ("campaign", "day", "site")}
    counts: list[Ints] = []
    for campaign in world.list_campaigns():
        random = world.create_random("deliveries", campaign.number)
        first, length = _campaign_days(world, campaign)
        sites = np.array([n for n, site in enumerate(world.sites) if site.key in campaign.sites] or [-1])
        size = length * len(sites)
        day = np.repeat(first + np.arange(length), len(sites))
        kinds = LEVERS[campaign.lever_index][3]
        mean = 1.0 + 12_000 / len(sites)
        prints = random.poisson(mean, size=size) * ("print" in kinds)
        clicks = random.poisson(mean * 0.012, size=size) * ("click" in kinds)
        openings = random.poisson(mean * 0.2, size=size) * ("opening" in kinds)
        new = np.flatnonzero(world.are_new(day))
        dates: list[date] = [world.first + timedelta(days=int(each)) for each in day[new]]
        columns["campaign"].append(pa.array([campaign.key] * len(new), type=pa.string()))
        columns["day"].append(pa.array(dates, type=pa.date32()))
        columns["site"].append(take_values([site.key for site in world.sites], np.tile(sites, length)[new]))
        counts.append(np.stack((prints, clicks, openings))[:, new])
    prints, clicks, openings = np.concatenate(counts, axis=1)
    return pa.table(
        {
            **{name: pa.chunked_array(parts) for name, parts in columns.items()},
            "prints": prints,
            "clicks": clicks,
            "openings": openings,
        }
    )
