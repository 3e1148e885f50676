"""Small random applications in four time zones, with events around their clock changes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from random import Random

from tests.by_hand.truth import (
    Campaign,
    Detection,
    Equipment,
    Panelist,
    Place,
    Purchase,
    Stay,
    Study,
    Touch,
    Truth,
    Visit,
)
from tests.engine.tenants import identifier

ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
PERIODS = {
    "forward in Paris": (date(2026, 3, 28), date(2026, 3, 30)),
    "back on Lord Howe": (date(2026, 4, 4), date(2026, 4, 6)),
    "forward on Lord Howe": (date(2026, 10, 3), date(2026, 10, 5)),
    "back in New York": (date(2026, 10, 31), date(2026, 11, 2)),
    "a single day": (date(2026, 3, 29), date(2026, 3, 29)),
    "before and after changes": (date(2026, 3, 28), date(2026, 4, 6)),
}
CHANGES = (
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
)


def draw_instant(random: Random) -> datetime:
    """Draw an instant around a clock change, or on one of the days around it."""
    change = random.choice(CHANGES)
    near, far = random.uniform(-4, 4), random.uniform(-30, 200)
    return change + timedelta(seconds=round(3600 * random.choice((near, near, far))))


def hourly_tenant(seed: int, zones: Sequence[str] = ZONES) -> Truth:
    """Build an application with stays, detections and outcomes at sites in time zones, one of them online."""
    random = Random(seed)
    sites = tuple(
        Place(identifier(1, n), f"site-{n}", f"Site {n}", (4.8 + n / 20, 45.7), timezone=zone, online=n == 4)
        for n, zone in enumerate((*zones, zones[0]))
    )
    pois = (Place(identifier(2, 0), "poi-0", "Poi 0", (4.81, 45.7), timezone=zones[-1]),)
    equipments = tuple(
        Equipment(identifier(3, number), f"eq-{number}", sites[number % len(sites)].id) for number in range(8)
    )
    users = [f"user-{number}" for number in range(8)]
    campaigns = tuple(
        Campaign(identifier(5, n), f"campaign-{n}", identifier(6, 0), first=date(2026, 1, 1), last=date(2026, 12, 31))
        for n in range(2)
    )
    stays = {
        (stay.user, stay.place, stay.zone, stay.start): stay
        for stay in (
            Stay(
                random.choice(users),
                random.choice((*sites, *pois)).id,
                random.choice(("indoor", "indoor", "outdoor")),
                draw_instant(random),
                random.randrange(60, 9000),
            )
            for _ in range(170)
        )
    }
    detections: dict[tuple[str, str, datetime], Detection] = {}
    for _ in range(70):
        at, device = draw_instant(random), f"device-{random.randrange(6)}"
        site = random.choice(sites)
        around = [equipment for equipment in equipments if equipment.site == site.id]
        for _ in range(random.choice((2, 3, 6))):
            equipment = random.choice(around)
            detections[device, equipment.id, at] = Detection(device, equipment.id, at)
            at += timedelta(seconds=random.choice((150, 900, 1700)))
    touches = [
        Touch(random.choice(users), random.choice(campaigns).id, draw_instant(random) - timedelta(days=1), kind)
        for kind in ("print", "click", "opening")
        for _ in range(40)
    ]
    visits = [Visit(random.choice(users), random.choice(sites).id, draw_instant(random)) for _ in range(110)]
    purchases = [
        Purchase(
            visit.user,
            visit.site,
            visit.at + timedelta(minutes=random.randrange(200)),
            Fraction(random.randrange(-9, 99)),
        )
        for visit in random.sample(visits, 50)
    ]
    return Truth(
        sites=sites,
        pois=pois,
        equipments=equipments,
        studies=(Study(identifier(7, 0), "study", ()),),
        campaigns=campaigns,
        panelists=tuple(Panelist(user, Fraction(random.randrange(200, 5000), 1000)) for user in users[:-2]),
        stays=tuple(stays.values()),
        detections=tuple(detections.values()),
        touches=tuple(touches),
        visits=tuple(visits),
        purchases=tuple(purchases),
    )
