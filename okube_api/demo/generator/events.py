"""Generates all events of a world."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.marketing import build_touches, draw_deliveries, draw_touches
from okube_api.demo.generator.panel import build_areas, build_panelists, generate_panel
from okube_api.demo.generator.purchases import draw_purchases
from okube_api.demo.generator.rhythm import build_rhythms
from okube_api.demo.generator.sensors import generate_detections
from okube_api.demo.generator.stays import TIMEZONE, generate_stays_and_pings
from okube_api.demo.generator.visits import build_visits, draw_visits
from okube_api.demo.generator.world import DAYS, World


def generate_events(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Yield (kind, rows) pairs in the order in which they should be ingested.

    The columns are the fields of the kind.  The same world always gives the same rows.
    """
    random = np.random.default_rng(world.seed)
    rhythms = build_rhythms(world.first, DAYS, TIMEZONE)
    panel = generate_panel(world, random)
    yield "areas", build_areas(world)
    yield "panelists", build_panelists(world, panel)
    stays, pings = generate_stays_and_pings(world, panel, rhythms, random)
    yield "stays", stays
    yield "pings", pings
    yield "detections", generate_detections(world, rhythms, random)
    touches = draw_touches(world, panel, rhythms, random)
    yield "touches", build_touches(world, touches)
    yield "deliveries", draw_deliveries(world, random)
    visits = draw_visits(world, panel, rhythms, touches, random)
    yield "visits", build_visits(world, visits)
    yield "purchases", draw_purchases(world, rhythms, visits, random)
