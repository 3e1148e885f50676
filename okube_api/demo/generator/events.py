"""Generates all events of a world."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.marketing import generate_marketing
from okube_api.demo.generator.panel import build_areas, build_panelists, generate_panel
from okube_api.demo.generator.sensors import generate_detections
from okube_api.demo.generator.stays import generate_stays_and_pings
from okube_api.demo.generator.world import World


def generate_events(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Yield (kind, rows) pairs in the order in which they should be ingested.

    The columns are the fields of the kind.  The same world always gives the same rows.
    """
    random = np.random.default_rng(world.seed)
    panel = generate_panel(world, random)
    yield "areas", build_areas(world)
    yield "panelists", build_panelists(world, panel)
    stays, pings = generate_stays_and_pings(world, panel, random)
    yield "stays", stays
    yield "pings", pings
    yield "detections", generate_detections(world, random)
    marketing = generate_marketing(world, panel, random)
    yield "touches", marketing.touches
    yield "deliveries", marketing.deliveries
    yield "visits", marketing.visits
    yield "purchases", marketing.purchases
