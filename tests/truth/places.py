"""The places, panelists and campaigns of the small tenants."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tests.by_hand.truth import Area, Campaign, Cost, Equipment, Panelist, Place, Study

METRES_PER_DEGREE = 111_195.0


def build_id(application: int, kind: int, number: int) -> str:
    """Return an `_id`: 24 hex digits."""
    return f"5e18{application:04x}{kind:08x}{number:08x}"


def north_of(coordinates: tuple[float, float], metres: float) -> tuple[float, float]:
    """Return the point so many metres north of another."""
    return coordinates[0], coordinates[1] + metres / METRES_PER_DEGREE


def east_of(coordinates: tuple[float, float], metres: float) -> tuple[float, float]:
    """Return the point so many metres east of another."""
    lng, lat = coordinates
    return lng + metres / (METRES_PER_DEGREE * math.cos(math.radians(lat))), lat


LYON, LILLE, BROADWAY, BUND = (4.8320, 45.7578), (3.0635, 50.6365), (-73.9876, 40.7561), (121.4903, 31.2397)
NEW_YORK = "America/New_York"
MARSEILLE, NANTES = (5.3698, 43.2965), (-1.5534, 47.2184)


@dataclass(frozen=True)
class Geography:
    """The resources of an application before any event; levers: key by id."""

    sites: tuple[Place, ...]
    pois: tuple[Place, ...]
    studies: tuple[Study, ...]
    equipments: tuple[Equipment, ...]
    levers: Mapping[str, str]
    campaigns: tuple[Campaign, ...]


def build_geography(application: int) -> Geography:
    """Build the resources of an application: the same keys and places for each, with different ids."""
    sites = (
        Place(build_id(application, 1, 1), "lyon-2", "Lyon 2", LYON, tags=frozenset({"city", "flagship"})),
        Place(build_id(application, 1, 2), "lille/grand place", "Lille Grand'Place", LILLE, tags=frozenset({"city"})),
        Place(
            build_id(application, 1, 3),
            "broadway",
            "Broadway",
            BROADWAY,
            "America/New_York",
            tags=frozenset({"flagship"}),
        ),
        Place(build_id(application, 1, 4), "bund", "Bund", BUND, "Asia/Shanghai"),
        Place(
            build_id(application, 1, 5),
            "closed",
            "Marseille (closed)",
            MARSEILLE,
            active=False,
            tags=frozenset({"city"}),
        ),
        Place(build_id(application, 1, 6), "web", "Web shop", online=True),
        Place(build_id(application, 1, 7), "quiet", "Nantes, never visited", NANTES),
    )
    pois = (
        Place(build_id(application, 2, 1), "bellecour", "Bellecour", east_of(LYON, 30)),  # its cells overlap Lyon 2's
        Place(build_id(application, 2, 2), "gare", "Gare Lille Flandres", (3.0706, 50.6363)),
        Place(build_id(application, 2, 3), "times-square", "Times Square", (-73.9855, 40.7580), NEW_YORK),
        Place(build_id(application, 2, 4), "old-market", "Old market", (3.0570, 50.6400), active=False),
        Place(build_id(application, 2, 5), "lake", "Lake, never seen", (1.5000, 47.0000)),
    )
    studies = (
        Study(
            build_id(application, 3, 1),
            "spring",
            tuple(sites[n].id for n in (0, 1, 2, 4, 6)),
            tuple(pois[n].id for n in (0, 1, 3, 4)),
            date(2024, 3, 18),
            date(2024, 4, 7),
        ),
        Study(build_id(application, 3, 2), "abroad", (sites[2].id, sites[3].id), (pois[2].id,)),
    )
    areas = (("door", 0), ("shoes", 0), ("coats", 0), ("till", 0), ("hall", 1), ("bar", 1))
    equipments = tuple(
        Equipment(build_id(application, 4, number), f"eq-{name}", sites[site].id)
        for number, (name, site) in enumerate(areas)
    )
    levers = {
        build_id(application, 5, 1): "display",
        build_id(application, 5, 2): "email",
        build_id(application, 5, 3): "other",
    }
    display, email, other = levers

    campaigns = (
        Campaign(
            build_id(application, 6, 1),
            "winter-display",
            display,
            "Winter display",
            first=date(2020, 12, 20),
            last=date(2021, 1, 5),
            extras=frozenset({"segment:vip", "wave:1"}),
            costs=(Cost("fixed", Fraction(1000)), Cost("cpm", Fraction("12.5"))),
        ),
        Campaign(
            build_id(application, 6, 2),
            "lyon-display",
            display,
            "Lyon display",
            sites=(sites[0].id, sites[1].id, sites[4].id),
            first=date(2024, 3, 20),
            last=date(2024, 4, 2),
            extras=frozenset({"segment:new", "wave:1"}),
            costs=(Cost("cpm", Fraction(8), date(2024, 3, 25), date(2024, 4, 30)), Cost("cpc", Fraction("0.35"))),
        ),
        Campaign(
            build_id(application, 6, 3),
            "mails",
            email,
            "Mails",
            first=date(2024, 3, 18),
            last=date(2024, 10, 31),
            windows={"click": 3, "print": 1, "opening": 2},
            costs=(
                Cost("cpo", Fraction("0.01")),
                Cost("fixed", Fraction("99.99"), date(2024, 3, 29), date(2024, 4, 2)),
            ),
        ),
        Campaign(
            build_id(application, 6, 4),
            "autumn",
            email,
            "Autumn",
            (sites[2].id, sites[5].id),
            date(2024, 10, 14),
            date(2024, 11, 3),
        ),
        Campaign(
            build_id(application, 6, 5),
            "radio",  # has no touches
            other,
            "Radio",
            first=date(2024, 3, 25),
            last=date(2024, 3, 31),
            extras=frozenset({"wave:2"}),
            costs=(Cost("fixed", Fraction(700)),),
        ),
        Campaign(build_id(application, 6, 6), "always on", other, "Always on", extras=frozenset({"segment:vip"})),
    )
    return Geography(sites, pois, studies, equipments, levers, campaigns)


AREAS = (
    Area("693820101", "Bellecour", 4.8320, 45.7570),
    Area("693830202", "Part-Dieu", 4.8590, 45.7610),
    Area("590090303", "Villeneuve", 3.1470, 50.6190),
    Area("593500101", "Lille Centre", 3.0640, 50.6370),
    Area("751010101", "Louvre", 2.3364, 48.8606),
    Area("130010101", "Aix", 5.4474, 43.5297),
)
_CODES = [area.code for area in AREAS]
_NOWHERE = "999999999"  # a code without an area
_PHONES = (("android", "Acme", "A1"), ("android", "Acme", "A2"), ("ios", "Pomme", "P9"), (None, None, None))


def build_panel(size: int) -> tuple[Panelist, ...]:
    """Build panelists with weights, homes, works and devices, some of them unknown."""
    panelists = []
    for number in range(size):
        os, manufacturer, model = _PHONES[number % 4]
        panelists.append(
            Panelist(
                f"user-{number:02d}",
                Fraction(250 + 371 * number % 4000, 1000) if number % 3 else Fraction(1),
                _NOWHERE if number == 5 else _CODES[number % 6] if number % 7 else None,
                _CODES[(number * 5 + 1) % 6] if number % 4 else None,
                os,
                manufacturer,
                model,
            )
        )
    return tuple(panelists)
