"""Generates all events of a world."""

from collections.abc import Iterator

import pyarrow as pa

from okube_api.demo.generator.marketing import build_touches, draw_deliveries, draw_touches
from okube_api.demo.generator.panel import build_areas, build_panelists, generate_panel
from okube_api.demo.generator.purchases import draw_purchases
from okube_api.demo.generator.rhythm import build_rhythms
from okube_api.demo.generator.sensors import generate_detections
from okube_api.demo.generator.stays import TIMEZONE, generate_stays_and_pings
from okube_api.demo.generator.visits import build_visits, draw_visits
from okube_api.demo.generator.world import World


def generate_events(world: World) -> Iterator[tuple[str, pa.Table]]:
    """Yield (kind, rows) pairs in the order in which they should be ingested.

    The columns are the fields of the kind.  The same world always gives the same rows.  Areas and panelists are left
    out for a world whose earlier days exist already.
    """
    rhythms = build_rhythms(world, TIMEZONE)
    panel = generate_panel(world)
    if world.since == world.first:
        yield "areas", build_areas(world)
        yield "panelists", build_panelists(world, panel)
    stays, pings = generate_stays_and_pings(world, panel, rhythms)
    yield "stays", stays
    yield "pings", pings
    yield "detections", generate_detections(world, rhythms)
    touches = draw_touches(world, panel, rhythms)
    yield "touches", build_touches(world, touches)
    yield "deliveries", draw_deliveries(world)
    visits = draw_visits(world, panel, rhythms, touches)
    yield "visits", build_visits(world, visits)
    yield "purchases", draw_purchases(world, rhythms, visits)
