"""Generates visits; exposed users visit more often by a known lift."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.marketing import CONTROL_KIND, DemoTouches
from okube_api.demo.generator.panel import DemoPanel
from okube_api.demo.generator.random_columns import format_names, take_values, to_instants
from okube_api.demo.generator.rhythm import Rhythm, draw_events, draw_events_on
from okube_api.demo.generator.world import DAYS, World
from okube_api.store.arrays import Floats, Ints

VISITS_PER_YEAR = 3.0  # of a user, without any campaign
FOLLOW_UP_DAYS = 7  # days after a touch in which the campaign has an effect
ONLINE = 0.3  # share of visits
_OTHER_CITY = 0.06  # share of visits to shops that are in another city than the user


@dataclass(frozen=True, slots=True)
class DemoVisits:
    """Visits as arrays, one element each, in order of time.

    site: index of the sites of the world.
    day: counted from the first day of the world.
    at: seconds since 1970.
    """

    user: Ints
    site: Ints
    day: Ints
    at: Ints


def draw_visits(
    world: World, panel: DemoPanel, rhythms: Sequence[Rhythm], touches: DemoTouches, random: np.random.Generator
) -> DemoVisits:
    """Draw visits: all users visit now and then, and some exposed users once more, soon after a touch."""
    usual_users = random.integers(0, world.users, size=round(world.users * VISITS_PER_YEAR * DAYS / 365))
    usual_sites = _draw_sites(world, panel, random, usual_users)
    usual_days, usual_at = draw_events(rhythms, world.site_formats[usual_sites], random)
    extra_users, extra_sites, extra_days = _draw_extra_visits(world, panel, rhythms, touches, random)
    extra_at = draw_events_on(rhythms, world.site_formats[extra_sites], extra_days, random)

    usual, extra = (usual_users, usual_sites, usual_days, usual_at), (extra_users, extra_sites, extra_days, extra_at)
    users, sites, days, at = (np.concatenate(columns) for columns in zip(usual, extra, strict=True))
    order = np.lexsort((users, at))
    order = order[world.are_open(sites[order], days[order])]
    return DemoVisits(users[order], sites[order], days[order], at[order])


def build_visits(world: World, visits: DemoVisits) -> pa.Table:
    """Return the events of kind `visits`."""
    return pa.table(
        {
            "user": format_names("user", visits.user),
            "site": take_values([site.key for site in world.sites], visits.site),
            "at": to_instants(visits.at),
        }
    )


def _draw_extra_visits(
    world: World, panel: DemoPanel, rhythms: Sequence[Rhythm], touches: DemoTouches, random: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Return users, sites and days of the visits that touches cause, in the days after them.

    The chance of one is the lift times the visits that are usual in those days of that season.
    """
    sites = _draw_sites(world, panel, random, touches.user)
    formats = world.site_formats[sites]
    delay = np.minimum(random.geometric(0.4, size=len(sites)), FOLLOW_UP_DAYS - 1)
    days = np.minimum(touches.day + delay, DAYS - 1)
    intensity = np.stack([rhythm.day_intensity for rhythm in rhythms])
    usual = VISITS_PER_YEAR / 365 * _sum_next_days(intensity, FOLLOW_UP_DAYS)[formats, touches.day]
    is_caused = (touches.kind != CONTROL_KIND) & (random.random(len(sites)) < world.lift * usual)
    caused = np.flatnonzero(is_caused & (days > touches.day) & (intensity[formats, days] > 0))
    return touches.user[caused], sites[caused], days[caused]


def _draw_sites(world: World, panel: DemoPanel, random: np.random.Generator, users: Ints) -> Ints:
    """Draw the site of a visit of each user: online, in the own city, or in another one."""
    size, shops = len(users), len(world.sites) - 1
    shop = np.where(random.random(size) < _OTHER_CITY, random.integers(0, shops, size=size), panel.city[users])
    return np.where(random.random(size) < ONLINE, shops, shop)


def _sum_next_days(values: Floats, days: int) -> Floats:
    """Return the sums of the `days` values after each one; values, and the result: shape (series, all days)."""
    sums = np.cumsum(np.pad(values, ((0, 0), (0, days))), axis=1)
    return np.asarray(sums[:, days:] - sums[:, :-days])
