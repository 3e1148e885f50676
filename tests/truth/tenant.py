"""A small tenant: one application, its events as a truth, and the same events as they are ingested."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.by_hand.sessions import derive_stays
from tests.by_hand.truth import Ping, Stay, Truth
from tests.truth import places, random_events

Json = dict[str, Any]
OFFSETS = ("UTC", "Europe/Paris", "America/New_York")


@dataclass(frozen=True, eq=False)
class Tenant:
    """An application with its truth.  events: by kind, as a caller sends them."""

    id: str
    key: str
    name: str
    levers: Mapping[str, str]  # key by id
    truth: Truth
    events: Mapping[str, list[Json]]


@lru_cache
def alpha() -> Tenant:
    """Build the first tenant: seven sites in three time zones, thirty users of whom four are not in the panel."""
    return _tenant(1, "alpha", "Alpha", "Europe/Paris", size=1.0)


@lru_cache
def beta() -> Tenant:
    """Build the second tenant, in Shanghai, with the same keys, and other events of the same users."""
    return _tenant(2, "beta", "Beta", "Asia/Shanghai", size=0.25)


@lru_cache
def gamma() -> Tenant:
    """Build a tenant like the first one, with ids and events of its own."""
    return _tenant(3, "gamma", "Gamma", "Europe/Paris", size=1.0)


def _tenant(number: int, key: str, name: str, timezone: str, size: float) -> Tenant:
    geography, dice, panel = (
        places.build_geography(number),
        random_events.Dice(number, timezone),
        places.build_panel(26),
    )
    users = [*(panelist.user for panelist in panel), *(f"stranger-{number}" for number in range(4))]
    devices = [f"device-{number:02d}" for number in range(24)]
    sites, pois = geography.sites, geography.pois
    seen_at = [*sites[:5], *sites[:5], *pois[:4]]
    matched = random_events.draw_stays(dice, users, seen_at, round(9 * size)) + random_events.build_clock_change_stays(
        "user-01", sites[0]
    )
    place_zones = (
        ((sites[0].id, "indoor"), (pois[0].id, "indoor")),
        ((sites[1].id, "indoor"),),
        ((sites[1].id, "outdoor"),),
        ((sites[2].id, "indoor"),),
    )
    pings = random_events.draw_pings(dice, users[:20], place_zones, round(4 * size))
    with_touches = [campaign for campaign in geography.campaigns if campaign.key != "radio"]
    touches = random_events.draw_touches(dice, users, with_touches, round(14 * size))
    visited_sites = [*(site for site in sites if site.key != "quiet"), *(site for site in sites if site.online)] * 2
    visits = random_events.draw_visits(dice, touches, users, visited_sites)
    truth = Truth(
        timezone=timezone,
        sites=sites,
        pois=pois,
        equipments=geography.equipments,
        studies=geography.studies,
        campaigns=geography.campaigns,
        areas=places.AREAS,
        panelists=panel,
        stays=[*matched, *derive_stays(pings)],
        detections=random_events.draw_detections(dice, devices, geography.equipments, round(10 * size)),
        touches=touches,
        deliveries=random_events.draw_deliveries(dice, geography.campaigns),
        visits=visits,
        purchases=random_events.draw_purchases(dice, visits, users, visited_sites),
    )
    events = build_events(truth, matched, pings)
    return Tenant(places.build_id(number, 0, 0), key, name, geography.levers, truth, events)


def build_events(truth: Truth, matched: Iterable[Stay], pings: Iterable[Ping]) -> dict[str, list[Json]]:
    """Return the events as a caller sends them: places by key and by id in turn, instants with several offsets."""
    keys = {place.id: place.key for place in (*truth.sites, *truth.pois)}
    keys |= {equipment.id: equipment.key for equipment in truth.equipments}
    keys |= {campaign.id: campaign.key for campaign in truth.campaigns}
    sites = {site.id for site in truth.sites}

    def name(number: int, identifier: str) -> str:
        return keys[identifier] if number % 2 else identifier

    return {
        "areas": [{"code": a.code, "name": a.name, "lng": a.lng, "lat": a.lat} for a in truth.areas],
        "panelists": [
            _present(
                user=p.user,
                weight=float(p.weight),
                home=p.home,
                work=p.work,
                os=p.os,
                manufacturer=p.manufacturer,
                model=p.model,
            )
            for p in truth.panelists
        ],
        "stays": [
            {
                "user": s.user,
                "site" if s.place in sites else "poi": name(n, s.place),
                "start": _instant(n, s.start),
                "duration_s": s.dwell_s,
                "zone": s.zone,
            }
            for n, s in enumerate(matched)
        ],
        "pings": [{"user": p.user, "at": _instant(n, p.at), **_where(truth, p)} for n, p in enumerate(pings)],
        "detections": [
            {"device": d.device, "equipment": name(n, d.equipment), "at": _instant(n, d.at)}
            for n, d in enumerate(truth.detections)
        ],
        "touches": [
            {"user": t.user, "campaign": name(n, t.campaign), "at": _instant(n, t.at), "kind": t.kind}
            for n, t in enumerate(truth.touches)
        ],
        "deliveries": [
            _present(
                campaign=name(n, d.campaign),
                day=d.day.isoformat(),
                site=d.site,
                prints=d.prints,
                clicks=d.clicks,
                openings=d.openings,
            )
            for n, d in enumerate(truth.deliveries)
        ],
        "visits": [
            {"user": v.user, "site": name(n, v.site), "at": _instant(n, v.at)} for n, v in enumerate(truth.visits)
        ],
        "purchases": [
            {
                "user": p.user,
                "site": name(n, p.site),
                "at": _instant(n, p.at),
                "amount": float(p.amount),
                "order": p.order,
            }
            for n, p in enumerate(truth.purchases)
        ],
    }


def _present(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _instant(number: int, at: datetime) -> str:
    return at.astimezone(ZoneInfo(OFFSETS[number % len(OFFSETS)])).isoformat()


def _where(truth: Truth, ping: Ping) -> Json:
    place, zone = ping.place_zones[0]
    coordinates = truth.place(place).coordinates
    assert coordinates is not None
    lng, lat = coordinates if zone == "indoor" else places.north_of(coordinates, 95)
    return {"lng": lng, "lat": lat}
