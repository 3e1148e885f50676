"""Small random applications, by seed: a year's end with ISO week 53, two clock changes, an empty month."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random

from tests.by_hand.truth import Area, Panelist, Place, Stay, Study, Truth

FIRST = datetime(2020, 10, 10, tzinfo=UTC)
LENGTH_D = 190  # to 2021-04-18: the clocks change on 2020-10-25 and 2021-03-28
EMPTY = (datetime(2021, 2, 1, tzinfo=UTC), datetime(2021, 3, 1, tzinfo=UTC))
AREAS = tuple(Area(f"6938{n:05}", f"Quarter {n}", 4.8 + n / 30, 45.7 + n / 50) for n in range(4))


def identifier(kind: int, number: int) -> str:
    """Return an `_id`; ids are not in the order of the numbers."""
    return f"{(number * 7919 + kind) % 1000:03d}{kind:03d}{number:018x}"


def random_places(random: Random) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Return sites and POIs; one of each is inactive, one site is in another time zone."""
    zones = (None, "America/New_York", None, None)
    sites = tuple(
        Place(
            identifier(1, n),
            f"site-{n}",
            f"Site {n}",
            (4.8 + random.random() / 5, 45.7 + random.random() / 5),
            timezone=zones[n],
            active=n != 3,
            tags=frozenset({"north"} if n % 2 else {"south", "big"}),
        )
        for n in range(4)
    )
    pois = tuple(
        Place(identifier(2, n), f"poi-{n}", f"Poi {n}", (4.8 + n / 40, 45.75), active=n != 2) for n in range(3)
    )
    return sites, pois


def tenant(seed: int, users: int = 14, stays: int = 260) -> Truth:
    """Build an application with stays of a panel; some of the users have no record."""
    random = Random(seed)
    sites, pois = random_places(random)
    names = [f"user-{n}" for n in range(users)]
    panel = tuple(
        Panelist(
            name,
            Fraction(random.randrange(200, 5000), 1000),
            home=random.choice([*(area.code for area in AREAS), "999990101", None]),
            work=random.choice([*(area.code for area in AREAS[:2]), None]),
            os=random.choice(["android", "ios", None]),
            manufacturer=random.choice(["Fair", "Nord"]),
            model=random.choice(["A1", "B2", "C3", None]),
        )
        for name in names[: users - 2]
    )
    return Truth(
        sites=sites,
        pois=pois,
        studies=(
            Study(identifier(3, 0), "study", tuple(site.id for site in sites), tuple(poi.id for poi in pois)),
            Study(identifier(3, 1), "half", tuple(site.id for site in sites[:2]), tuple(poi.id for poi in pois[1:])),
        ),
        areas=AREAS,
        panelists=panel,
        stays=_random_stays(random, names, (*sites, *pois), stays),
    )


def _random_stays(random: Random, users: list[str], all_places: tuple[Place, ...], number: int) -> tuple[Stay, ...]:
    stays: list[Stay] = []
    while len(stays) < number:
        start = FIRST + timedelta(seconds=random.randrange(LENGTH_D * 86400))
        if not EMPTY[0] <= start < EMPTY[1]:
            user = users[min(int(random.expovariate(0.3)), len(users) - 1)]
            zone = random.choice(["indoor", "indoor", "outdoor"])
            stays.append(Stay(user, random.choice(all_places).id, zone, start, random.randrange(120, 9000)))
    return tuple(stays)
