"""A world's events, kind by kind, in the order in which they are best ingested."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.marketing import market
from okube_api.demo.generator.stays import outings
from okube_api.demo.generator.panel import areas, panelists, people
from okube_api.demo.generator.sensors import detections
from okube_api.demo.generator.world import World


def events(world: World) -> Iterator[tuple[str, pa.Table]]:
    """(kind, rows) pairs; the columns are the fields of the kind.  The same world gives the same rows."""
    random = np.random.default_rng(world.seed)
    found = people(world, random)
    yield "areas", areas(world)
    yield "panelists", panelists(world, found)
    stays, pings = outings(world, found, random)
    yield "stays", stays
    yield "pings", pings
    yield "detections", detections(world, random)
    brought = market(world, found, random)
    yield "touches", brought.touches
    yield "deliveries", brought.deliveries
    yield "visits", brought.visits
    yield "purchases", brought.purchases
