"""Small random applications with equipments that devices pass, by seed, around clock changes and a year's end."""

from datetime import UTC, datetime, timedelta
from random import Random

from tests.by_hand.truth import Detection, Equipment, Truth
from tests.engine.tenants import EMPTY, FIRST, LENGTH_D, identifier, random_places

GAPS_S = (5, 20, 60, 150, 299, 300, 600, 1799, 1800, 1801, 4000)


def walking_tenant(seed: int, devices: int = 9, walks: int = 150) -> Truth:
    """Build an application with detections; equipments are not in the order of keys, and the last has no passage."""
    random = Random(seed)
    sites, _ = random_places(random)
    equipments = tuple(
        Equipment(identifier(4, number), f"eq-{(number * 5) % 9}", sites[number % 3 if number < 7 else 3].id)
        for number in range(9)
    )
    by_site = [[equipment for equipment in equipments[:8] if equipment.site == site.id] for site in sites]
    detections: dict[tuple[str, str, datetime], Detection] = {}
    for _ in range(walks):
        at = FIRST + timedelta(seconds=random.randrange(LENGTH_D * 86400))
        at = random.choice((at, at.replace(hour=22, minute=random.randrange(60))))  # often across midnight
        if EMPTY[0] <= at < EMPTY[1]:
            continue
        device = f"device-{min(int(random.expovariate(0.4)), devices - 1)}"
        around = random.choice([site for site in by_site if site])
        for _ in range(random.choice((1, 1, 3))):  # now and then again on the same day, elsewhere on the site
            part = random.sample(around, random.randint(1, len(around)))
            for _ in range(random.choice((1, 2, 3, 5, 9, 14))):
                equipment = random.choice(part)
                detections[device, equipment.id, at] = Detection(device, equipment.id, at)
                at += timedelta(seconds=random.choice(GAPS_S))
            at += timedelta(seconds=3000)
    return Truth(sites=sites, equipments=equipments, detections=tuple(detections.values()))


def crowded_tenant(seed: int, areas: int = 112, devices: int = 90) -> Truth:
    """Build a site with more areas than a matrix shows; each device passes some of them within a few minutes."""
    random = Random(seed)
    sites, _ = random_places(random)
    equipments = tuple(
        Equipment(identifier(4, number), f"area-{(number * 37) % areas:03d}", sites[0].id) for number in range(areas)
    )
    detections = []
    for number in range(devices):
        at = datetime(2021, 1, 4 + number % 5, 9, tzinfo=UTC) + timedelta(minutes=random.randrange(300))
        for equipment in random.sample(equipments, random.choice((2, 5, 25))):
            detections.append(Detection(f"device-{number}", equipment.id, at))
            at += timedelta(seconds=random.choice(GAPS_S[:5]))
    return Truth(sites=sites, equipments=equipments, detections=tuple(detections))
