"""A small tenant: one application, what happened in it, and the same as events to be ingested."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.by_hand.sessions import stays_of_pings
from tests.by_hand.truth import Ping, Stay, Truth
from tests.truth import happenings as happen
from tests.truth import places

Json = dict[str, Any]
OFFSETS = ("UTC", "Europe/Paris", "America/New_York")


@dataclass(frozen=True, eq=False)
class Tenant:
    """key, name: the application's; events: by kind, as they would be sent; see `Truth` for the rest."""

    id: str
    key: str
    name: str
    levers: Mapping[str, str]  # key by id
    truth: Truth
    events: Mapping[str, list[Json]]


@lru_cache
def alpha() -> Tenant:
    """Seven sites in three time zones, thirty users (four of them unknown to the panel), everything that happens."""
    return _tenant(1, "alpha", "Alpha", "Europe/Paris", size=1.0)


@lru_cache
def beta() -> Tenant:
    """Another application in Shanghai, with the same keys, and other events of the same users."""
    return _tenant(2, "beta", "Beta", "Asia/Shanghai", size=0.25)


def _tenant(number: int, key: str, name: str, timezone: str, size: float) -> Tenant:
    ground, dice, panel = places.ground(number), happen.Dice(number, timezone), places.panel(26)
    users = [*(one.user for one in panel), *(f"stranger-{number}" for number in range(4))]
    devices = [f"device-{number:02d}" for number in range(24)]
    sites, pois = ground.sites, ground.pois
    seen_at = [*sites[:5], *sites[:5], *pois[:4]]
    matched = happen.stays(dice, users, seen_at, round(9 * size)) + happen.nights_of_change("user-01", sites[0])
    spots = (
        ((sites[0].id, "indoor"), (pois[0].id, "indoor")),
        ((sites[1].id, "indoor"),),
        ((sites[1].id, "outdoor"),),
        ((sites[2].id, "indoor"),),
    )
    pings = happen.pings(dice, users[:20], spots, round(4 * size))
    reached = [one for one in ground.campaigns if one.key != "radio"]
    touches = happen.touches(dice, users, reached, round(14 * size))
    came_to = [*(site for site in sites if site.key != "quiet"), *(site for site in sites if site.online)] * 2
    visits = happen.visits(dice, touches, users, came_to)
    truth = Truth(
        timezone=timezone,
        sites=sites,
        pois=pois,
        equipments=ground.equipments,
        studies=ground.studies,
        campaigns=ground.campaigns,
        areas=places.AREAS,
        panelists=panel,
        stays=[*matched, *stays_of_pings(pings)],
        detections=happen.detections(dice, devices, ground.equipments, round(10 * size)),
        touches=touches,
        deliveries=happen.deliveries(dice, ground.campaigns),
        visits=visits,
        purchases=happen.purchases(dice, visits, users, came_to),
    )
    return Tenant(places.ident(number, 0, 0), key, name, ground.levers, truth, events(truth, matched, pings))


def events(truth: Truth, matched: Iterable[Stay], pings: Iterable[Ping]) -> dict[str, list[Json]]:
    """Everything that happened, as it would be sent; places by key and by id in turn, instants in several offsets."""
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
    place, zone = ping.spots[0]
    coordinates = truth.place(place).coordinates
    assert coordinates is not None
    lng, lat = coordinates if zone == "indoor" else places.north_of(coordinates, 95)
    return {"lng": lng, "lat": lat}
