"""What the equipments of sites detect: devices that walk from one to the next."""

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.random_columns import chosen, instants, midnights, named, season, times_of_day
from okube_api.demo.generator.stays import TIMEZONE
from okube_api.demo.generator.world import DAYS, World
from okube_api.store.arrays import Ints

_MOST_STEPS = 6
_DEVICES_A_DAY = 40  # how many days it takes until most devices have been seen again


def detections(world: World, random: np.random.Generator) -> pa.Table:
    """Events of kind `detections`."""
    sites = list(dict.fromkeys(site for site, _, _ in world.equipments))
    rooms = len(world.equipments) // len(sites)
    size = world.daily_devices * DAYS
    days = random.choice(DAYS, size=size, p=season(world.first, DAYS))
    site = random.integers(0, len(sites), size=size)
    device = (random.pareto(1.2, size=size) * world.daily_devices * _DEVICES_A_DAY / 4).astype(np.int64)
    start = midnights(world.first, DAYS, TIMEZONE)[days] + times_of_day(random, size)

    steps = random.integers(1, _MOST_STEPS + 1, size=size)
    pauses: Ints = random.exponential(260.0, size=(size, _MOST_STEPS)).astype(np.int64) + 15
    pauses[:, 0] = 0
    at = start[:, None] + np.cumsum(pauses, axis=1)
    room = np.cumsum(random.integers(0, 3, size=(size, _MOST_STEPS)), axis=1) % rooms  # in at the door, and on
    happened = np.arange(_MOST_STEPS) < steps[:, None]
    equipment = (site[:, None] * rooms + room)[happened]
    seen, devices = at[happened], np.repeat(device, steps)
    order = np.lexsort((devices, seen))
    return pa.table(
        {
            "device": named("device", devices[order]),
            "equipment": chosen([key for _, key, _ in world.equipments], equipment[order]),
            "at": instants(seen[order]),
        }
    )
