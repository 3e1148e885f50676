"""Random events of a small tenant, by seed, around a year's end and clock changes."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

from tests.by_hand.truth import Campaign, Delivery, Detection, Equipment, Ping, Place, Purchase, Stay, Touch, Visit

BURSTS = (  # the year's end with its 53rd week, and the two nights of a clock change
    (date(2020, 12, 18), date(2021, 1, 8)),
    (date(2024, 3, 18), date(2024, 4, 7)),
    (date(2024, 10, 14), date(2024, 11, 5)),
)
DWELLS_S = (120, 299, 300, 301, 850, 900, 1799, 2000, 2700, 4000, 5400, 7199, 7200, 20000)


class Dice:
    """The random generator of a tenant, from one seed."""

    def __init__(self, seed: int, timezone: str) -> None:
        self.random = Random(seed)
        self.timezone = timezone

    def instant(self, zone: str | None = None) -> datetime:
        """Return an instant (whole seconds) on a day of a burst, often close to midnight."""
        first, last = self.random.choice(BURSTS)
        day = first + timedelta(days=self.random.randrange((last - first).days + 1))
        hour = self.random.choice((0, 1, 2, 3, 9, 12, 15, 17, 18, 20, 22, 23, 23))
        minute, second = self.random.randrange(60), self.random.randrange(60)
        at = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=ZoneInfo(zone or self.timezone))
        return at.astimezone(ZoneInfo("UTC"))


def draw_stays(dice: Dice, users: Sequence[str], places: Sequence[Place], each: int) -> list[Stay]:
    """Draw stays that a data provider has matched to places."""
    generated: dict[tuple[str, str, str, datetime], Stay] = {}
    for user in users:
        for _ in range(dice.random.randrange(2 * each)):
            place = dice.random.choice(places)
            zone = dice.random.choice(("indoor", "indoor", "indoor", "outdoor"))
            start = dice.instant(place.timezone)
            generated[user, place.id, zone, start] = Stay(user, place.id, zone, start, dice.random.choice(DWELLS_S))
    return list(generated.values())


def build_clock_change_stays(user: str, place: Place) -> list[Stay]:
    """Return stays in the hours that a clock change skips or repeats, and at the last second of a year."""
    utc = ZoneInfo("UTC")
    starts = (
        datetime(2024, 3, 31, 0, 30, tzinfo=utc),
        datetime(2024, 3, 31, 1, 30, tzinfo=utc),
        datetime(2024, 10, 27, 0, 30, tzinfo=utc),
        datetime(2024, 10, 27, 1, 30, tzinfo=utc),
        datetime(2024, 10, 27, 22, 59, 59, tzinfo=utc),
        datetime(2020, 12, 31, 22, 59, 59, tzinfo=utc),
        datetime(2020, 12, 31, 23, 0, 0, tzinfo=utc),
    )
    return [Stay(user, place.id, "indoor", start, 600) for start in starts]


def draw_pings(
    dice: Dice, users: Sequence[str], place_zones: Sequence[tuple[tuple[str, str], ...]], each: int
) -> list[Ping]:
    """Draw runs of pings; some are too short for a stay, some are split by a gap."""
    generated: dict[tuple[str, datetime], Ping] = {}
    for user in users:
        for _ in range(each):
            at, zones = dice.instant(), dice.random.choice(place_zones)
            for _ in range(dice.random.randrange(1, 9)):
                generated[user, at] = Ping(user, at, zones)
                at += timedelta(seconds=dice.random.choice((30, 45, 60, 240, 600, 899, 900, 901, 1500)))
    return list(generated.values())


def draw_detections(dice: Dice, devices: Sequence[str], equipments: Sequence[Equipment], each: int) -> list[Detection]:
    """Draw walks between the equipments of a site."""
    by_site = [[e for e in equipments if e.site == site] for site in dict.fromkeys(e.site for e in equipments)]
    generated: dict[tuple[str, str, datetime], Detection] = {}
    for device in devices:
        for _ in range(dice.random.randrange(2 * each)):
            at, around = dice.instant(), dice.random.choice(by_site)
            for _ in range(dice.random.randrange(1, 9)):
                equipment = dice.random.choice(around)
                generated[device, equipment.id, at] = Detection(device, equipment.id, at)
                at += timedelta(seconds=dice.random.choice((5, 20, 60, 150, 299, 600, 1799, 1800, 1801, 4000)))
    return list(generated.values())


def draw_touches(dice: Dice, users: Sequence[str], campaigns: Sequence[Campaign], each: int) -> list[Touch]:
    """Draw touches, sometimes two at one instant; every fourth user is in the control group only."""
    generated: dict[tuple[str, str, datetime, str], Touch] = {}
    for number, user in enumerate(users):
        kinds = ("print", "print", "click", "opening", "control") if number % 4 else ("control",)
        at = dice.instant()
        for _ in range(dice.random.randrange(2 * each)):
            if dice.random.random() > 0.1:
                at = dice.instant()
            campaign, kind = dice.random.choice(campaigns), dice.random.choice(kinds)
            generated[user, campaign.id, at, kind] = Touch(user, campaign.id, at, kind)
    return list(generated.values())


def draw_visits(dice: Dice, touched: Sequence[Touch], users: Sequence[str], sites: Sequence[Place]) -> list[Visit]:
    """Draw visits just inside or outside the window of a touch, and visits unrelated to touches."""
    delays_s = (1, 3600, 86_399, 86_400, 3 * 86_400, 7 * 86_400, 7 * 86_400 + 1, 30 * 86_400)
    chosen = dice.random.sample(list(touched), len(touched) // 2)
    after = [(touch.user, touch.at + timedelta(seconds=dice.random.choice(delays_s))) for touch in chosen]
    unrelated = [(user, dice.instant()) for user in users]
    unique = {(user, dice.random.choice(sites).id, at) for user, at in (*after, *unrelated)}
    return [Visit(*key) for key in sorted(unique)]


def draw_purchases(
    dice: Dice, visited: Sequence[Visit], users: Sequence[str], sites: Sequence[Place]
) -> list[Purchase]:
    """Draw purchases after visits (some after midnight, which are of no visit), and purchases without a visit."""
    tickets = []
    for visit in visited:
        for _ in range(dice.random.choice((0, 0, 0, 1, 1, 2))):
            at = visit.at + timedelta(seconds=dice.random.choice((0, 60, 1200, 7200, 80_000)))
            tickets.append((visit.user, visit.site, at))
    tickets += [(user, dice.random.choice(sites).id, dice.instant()) for user in users[::2]]
    return [
        Purchase(user, site, at, Fraction(dice.random.randrange(1, 30_000), 100), f"order-{number}")
        for number, (user, site, at) in enumerate(tickets)
    ]


def draw_deliveries(dice: Dice, campaigns: Sequence[Campaign]) -> list[Delivery]:
    """Draw deliveries by day; for campaigns with sites, some are by site."""
    generated = []
    for campaign in campaigns:
        for first, last in BURSTS:
            for number in range((last - first).days + 1):
                if dice.random.random() > 0.4:
                    continue
                sites = (None, *campaign.sites) if dice.random.random() > 0.5 else (None,)
                generated += [
                    Delivery(
                        campaign.id,
                        first + timedelta(days=number),
                        site,
                        dice.random.randrange(5000),
                        dice.random.randrange(60),
                        dice.random.choice((0, 0, 7, 140)),
                    )
                    for site in sites
                ]
    return generated
