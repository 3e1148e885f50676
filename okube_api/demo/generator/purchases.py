"""Generates purchases of visitors, and refunds of some of them."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.formats import FORMATS
from okube_api.demo.generator.random_columns import format_names, take_values, to_instants
from okube_api.demo.generator.rhythm import Rhythm, draw_events_on
from okube_api.demo.generator.visits import DemoVisits
from okube_api.demo.generator.world import World
from okube_api.store.arrays import Ints

BUYS = 0.3  # share of visits with a purchase
REFUNDED = 0.05  # share of purchases that are refunded
_FULL_REFUNDS = 0.6  # share of refunds of the full amount
_REFUND_DAYS = 25  # days after the purchase, at most
_MOST_OF_STREAM = 1_000_000  # purchases of a block or campaign, so that no two have the same number


def draw_purchases(world: World, rhythms: Sequence[Rhythm], visits: Sequence[DemoVisits]) -> pa.Table:
    """Draw the events of kind `purchases`; a refund is a negative amount of the same user at the same site."""
    return pa.concat_tables([_draw_purchases(world, rhythms, each) for each in visits]).sort_by("at")


def _draw_purchases(world: World, rhythms: Sequence[Rhythm], visits: DemoVisits) -> pa.Table:
    """Draw the purchases at the visits of a block or campaign, and their refunds, on the days to generate."""
    random = world.create_random("purchases", visits.stream)
    bought = np.flatnonzero(random.random(len(visits.user)) < BUYS)
    user, site, day = visits.user[bought], visits.site[bought], visits.day[bought]
    baskets = np.array([shop_format.basket for shop_format in FORMATS])[world.site_formats[site]]
    amount = np.round(baskets * random.lognormal(0.0, 0.7, size=len(bought)), 2)
    at = visits.at[bought] + random.integers(120, 2400, size=len(bought))

    refunded, refund_days = _choose_refunds(world, rhythms, site, day, random)
    share = np.where(random.random(len(refunded)) < _FULL_REFUNDS, 1.0, random.uniform(0.1, 0.9, size=len(refunded)))
    refund = np.maximum(np.round(amount[refunded] * share, 2), 0.01)
    refund_at = draw_events_on(rhythms, world.site_formats[site[refunded]], refund_days, random)

    rows = np.concatenate((np.arange(len(bought)), refunded))
    new = np.flatnonzero(world.are_new(np.concatenate((day, refund_days))))
    numbers = visits.stream * _MOST_OF_STREAM + np.arange(len(bought))
    orders = pa.concat_arrays([format_names("order", numbers), format_names("refund", numbers[refunded])])
    return pa.table(
        {
            "user": format_names("user", user[rows][new]),
            "site": take_values([each.key for each in world.sites], site[rows][new]),
            "at": to_instants(np.concatenate((at, refund_at))[new]),
            "amount": np.concatenate((amount, -refund))[new],
            "order": orders.take(pa.array(new)),
        }
    )


def _choose_refunds(
    world: World, rhythms: Sequence[Rhythm], site: Ints, day: Ints, random: np.random.Generator
) -> tuple[Ints, Ints]:
    """Return the indexes of the purchases that are refunded, and the days of the refunds, on which the site is open.

    site, day: of the purchases.
    """
    later = day + random.integers(1, _REFUND_DAYS + 1, size=len(day))
    chosen = np.flatnonzero(random.random(len(day)) < REFUNDED)
    sites, days = site[chosen], later[chosen]
    intensity = np.stack([rhythm.day_intensity for rhythm in rhythms])
    is_open = (intensity[world.site_formats[sites], days] > 0) & world.are_open(sites, days)
    return chosen[is_open], days[is_open]
