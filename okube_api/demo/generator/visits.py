"""Generates visits; exposed users visit more often by a known lift."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.marketing import CONTROL_KIND, DemoTouches
from okube_api.demo.generator.panel import DemoPanel
from okube_api.demo.generator.random_columns import format_names, take_values, to_instants
from okube_api.demo.generator.rhythm import BlockRhythm, Rhythm, draw_events_on
from okube_api.demo.generator.world import FOLLOWING_DAYS, World
from okube_api.store.arrays import Floats, Ints

VISITS_PER_YEAR = 3.0  # of a user, without any campaign
FOLLOW_UP_DAYS = 7  # days after a touch in which the campaign has an effect
ONLINE = 0.3  # share of visits
_OTHER_CITY = 0.06  # share of visits to shops that are in another city than the user


@dataclass(frozen=True, slots=True)
class DemoVisits:
    """Visits of a block, or those that a campaign causes, as arrays; also those of days that are not generated.

    stream: number of the block or campaign; even for blocks, odd for campaigns.
    site: index of the sites of the world.
    day: counted from the first day of the world.
    at: seconds since 1970.
    """

    stream: int
    user: Ints
    site: Ints
    day: Ints
    at: Ints


def draw_visits(
    world: World, panel: DemoPanel, rhythms: Sequence[Rhythm], touches: Sequence[DemoTouches]
) -> list[DemoVisits]:
    """Draw visits: all users visit now and then, and some exposed users once more, soon after a touch."""
    return [
        *(
            _draw_usual_visits(world, panel, BlockRhythm.create(rhythms, block))
            for block in world.list_blocks(FOLLOWING_DAYS)
        ),
        *(_draw_extra_visits(world, panel, rhythms, of_campaign) for of_campaign in touches),
    ]


def build_visits(world: World, visits: Sequence[DemoVisits]) -> pa.Table:
    """Return the events of kind `visits`."""
    user, site, day, at = (
        np.concatenate([getattr(each, name) for each in visits]) for name in ("user", "site", "day", "at")
    )
    order = np.lexsort((user, at))
    order = order[world.are_new(day[order])]
    return pa.table(
        {
            "user": format_names("user", user[order]),
            "site": take_values([each.key for each in world.sites], site[order]),
            "at": to_instants(at[order]),
        }
    )


def _draw_usual_visits(world: World, panel: DemoPanel, rhythm: BlockRhythm) -> DemoVisits:
    random = world.create_random("visits", 2 * rhythm.block)
    users = random.integers(0, world.users, size=rhythm.count_candidates(world.users * VISITS_PER_YEAR / 365))
    sites = _draw_sites(world, panel, random, users)
    visits, days, at = rhythm.draw(world.site_formats[sites], random)
    is_open = world.are_open(sites[visits], days)
    visits = visits[is_open]
    return DemoVisits(2 * rhythm.block, users[visits], sites[visits], days[is_open], at[is_open])


def _draw_extra_visits(world: World, panel: DemoPanel, rhythms: Sequence[Rhythm], touches: DemoTouches) -> DemoVisits:
    """Draw the visits that the touches of a campaign cause, in the days after them.

    The chance of one is the lift times the visits that are usual in those days of that season.
    """
    stream = 2 * touches.campaign.number + 1
    random = world.create_random("visits", stream)
    sites = _draw_sites(world, panel, random, touches.user)
    formats = world.site_formats[sites]
    days = touches.day + np.minimum(random.geometric(0.4, size=len(sites)), FOLLOW_UP_DAYS - 1)
    intensity = np.stack([rhythm.day_intensity for rhythm in rhythms])
    usual = VISITS_PER_YEAR / 365 * _sum_next_days(intensity, FOLLOW_UP_DAYS)[formats, touches.day]
    is_caused = (touches.kind != CONTROL_KIND) & (random.random(len(sites)) < world.lift * usual)
    is_caused &= (intensity[formats, days] > 0) & world.are_open(sites, days)
    caused = np.flatnonzero(is_caused)
    at = draw_events_on(rhythms, formats[caused], days[caused], random)
    return DemoVisits(stream, touches.user[caused], sites[caused], days[caused], at)


def _draw_sites(world: World, panel: DemoPanel, random: np.random.Generator, users: Ints) -> Ints:
    """Draw the site of a visit of each user: online, in the own city, or in another one."""
    size, shops = len(users), len(world.sites) - 1
    shop = np.where(random.random(size) < _OTHER_CITY, random.integers(0, shops, size=size), panel.city[users])
    return np.where(random.random(size) < ONLINE, shops, shop)


def _sum_next_days(values: Floats, days: int) -> Floats:
    """Return the sums of the `days` values after each one; values, and the result: shape (series, all days)."""
    sums = np.cumsum(np.pad(values, ((0, 0), (0, days))), axis=1)
    return np.asarray(sums[:, days:] - sums[:, :-days])
