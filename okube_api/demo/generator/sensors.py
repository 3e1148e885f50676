"""Generates detections: devices that walk from one equipment of a site to the next."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.random_columns import (
    format_names,
    take_values,
    to_instants,
)
from okube_api.demo.generator.rhythm import BlockRhythm, Rhythm
from okube_api.demo.generator.world import World
from okube_api.store.arrays import Ints

_MAX_STEPS = 6
_RETURN_DAYS = 40  # days after which most devices have been seen again


def generate_detections(world: World, rhythms: Sequence[Rhythm]) -> pa.Table:
    """Return the events of kind `detections`."""
    by_block = [_draw_detections(world, BlockRhythm.create(rhythms, block)) for block in world.list_blocks()]
    devices, equipment, at = (np.concatenate(columns) for columns in zip(*by_block, strict=True))
    order = np.lexsort((devices, at))
    return pa.table(
        {
            "device": format_names("device", devices[order]),
            "equipment": take_values([key for _, key, _ in world.equipments], equipment[order]),
            "at": to_instants(at[order]),
        }
    )


def _draw_detections(world: World, rhythm: BlockRhythm) -> tuple[Ints, Ints, Ints]:
    """Return the devices, equipments (indexes) and instants of the detections of a block."""
    random = world.create_random("detections", rhythm.block)
    sites = list(dict.fromkeys(site for site, _, _ in world.equipments))
    rooms = len(world.equipments) // len(sites)
    size = rhythm.count_candidates(world.devices_per_day)
    site = random.integers(0, len(sites), size=size)
    device = (random.pareto(1.2, size=size) * world.devices_per_day * _RETURN_DAYS / 4).astype(np.int64)
    formats = world.site_formats[[number for number, site in enumerate(world.sites) if site.key in sites]]
    walks, days, start = rhythm.draw(formats[site], random)

    size = len(walks)
    steps = random.integers(1, _MAX_STEPS + 1, size=size)
    pauses: Ints = random.exponential(260.0, size=(size, _MAX_STEPS)).astype(np.int64) + 15
    pauses[:, 0] = 0
    at = start[:, None] + np.cumsum(pauses, axis=1)
    room = np.cumsum(random.integers(0, 3, size=(size, _MAX_STEPS)), axis=1) % rooms  # starts at or near the door
    seen = (np.arange(_MAX_STEPS) < steps[:, None]) & world.are_new(days)[:, None]
    equipment = site[walks][:, None] * rooms + room
    devices = np.broadcast_to(device[walks][:, None], seen.shape)
    return devices[seen], equipment[seen], at[seen]
