"""What batches of events come to, in plain Python: which events count, how many of a batch are new, and the truth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import h3
from okube_api.store.values import Json

from tests.by_hand.sessions import stays_of_pings
from tests.by_hand.truth import (
    Area,
    Delivery,
    Detection,
    Panelist,
    Ping,
    Purchase,
    Stay,
    Touch,
    Truth,
    Visit,
)

KEYS = {"areas": ("code",), "panelists": ("user",), "deliveries": ("campaign", "day", "site")}
"""Of the events with the same ones, the latest counts."""
OUTDOOR_M = 50.0


@dataclass(frozen=True)
class Batch:
    """A file of good events, everything named by id; number: in the order in which files were sent."""

    number: int
    kind: str
    events: Sequence[Json]


def instant(text: str) -> datetime:
    """An instant, to milliseconds."""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _content(event: Json) -> tuple[tuple[str, Any], ...]:
    """What an event says, however it is written."""
    said = {name: value for name, value in event.items() if name != "id" and value is not None}
    found = {name: instant(said[name]) if name in {"at", "start", "end"} else said[name] for name in said}
    return tuple(sorted(found.items()))


def known_by(kind: str, event: Json) -> tuple[Any, ...]:
    """What makes two events the same one."""
    if kind in KEYS:
        return tuple(event.get(name) for name in KEYS[kind])
    if event.get("id") is not None:
        return ("id", event["id"], instant(event.get("at") or event["start"]).date())
    return ("content", _content(event))


def standing(kind: str, batches: Iterable[Batch]) -> dict[tuple[Any, ...], Json]:
    """The events of a kind that count: of a natural key the latest one, of the others the first."""
    found: dict[tuple[Any, ...], Json] = {}
    for batch in sorted(batches, key=lambda one: one.number):
        if batch.kind == kind:
            for event in batch.events:
                key = known_by(kind, event)
                if kind in KEYS or key not in found:
                    found[key] = event
    return found


def new_events(batch: Batch, others: Sequence[Batch]) -> int:
    """How many events of a batch are accepted when these others count already."""
    before, after = standing(batch.kind, others), standing(batch.kind, [*others, batch])
    changed = [key for key in after if key not in before or _content(before[key]) != _content(after[key])]
    return len(changed) if batch.kind in KEYS else len(after.keys() - before.keys())


def heard(ground: Truth, batches: Sequence[Batch], cells: Mapping[str, Mapping[str, Any]]) -> Truth:
    """A ground with everything that happened on it.

    cells: of each place by id, the radius in metres, or the `resolution` and the cells by zone.
    """

    def of(kind: str) -> list[Json]:
        return list(standing(kind, batches).values())

    told = [
        Stay(e["user"], e.get("site") or e["poi"], e["zone"], instant(e["start"]), e["duration_s"]) for e in of("stays")
    ]
    pings = [Ping(e["user"], instant(e["at"]), spots(ground, cells, e["lng"], e["lat"])) for e in of("pings")]
    stays = sorted([*told, *stays_of_pings(pings)], key=lambda one: (one.start, one.place, one.zone, one.dwell_s))
    return replace(
        ground,
        areas=[Area(e["code"], e["name"], e["lng"], e["lat"]) for e in of("areas")],
        panelists=[_panelist(e) for e in of("panelists")],
        stays=stays,
        detections=[Detection(e["device"], e["equipment"], instant(e["at"])) for e in of("detections")],
        touches=[Touch(e["user"], e["campaign"], instant(e["at"]), e["kind"]) for e in of("touches")],
        visits=[Visit(e["user"], e["site"], instant(e["at"])) for e in of("visits")],
        purchases=[
            Purchase(e["user"], e["site"], instant(e["at"]), Fraction(str(e["amount"])), str(e.get("order") or ""))
            for e in of("purchases")
        ],
        deliveries=[
            Delivery(
                e["campaign"],
                date.fromisoformat(e["day"]),
                e["site"] if e.get("site") else None,
                *(e[field] for field in ("prints", "clicks", "openings")),
            )
            for e in of("deliveries")
        ],
    )


def _panelist(event: Json) -> Panelist:
    known = {field: event.get(field) for field in ("home", "work", "os", "manufacturer", "model")}
    return Panelist(event["user"], Fraction(str(event["weight"])), **known)


def spots(ground: Truth, cells: Mapping[str, Mapping[str, Any]], lng: float, lat: float) -> tuple[tuple[str, str], ...]:
    """The zones of places that a point is in, by what a radius means, or by the cells that a place was given."""
    found: list[tuple[str, str]] = []
    for place in (*ground.sites, *ground.pois):
        told = cells.get(place.id)
        if told is None:
            continue
        if "resolution" in told:
            cell = h3.latlng_to_cell(lat, lng, told["resolution"])
            found += [(place.id, zone) for zone in ("indoor", "outdoor") if cell in told[zone]]
        elif place.coordinates is not None:
            cell, own = h3.latlng_to_cell(lat, lng, 12), h3.latlng_to_cell(*reversed(place.coordinates), 12)
            metres = h3.great_circle_distance(h3.cell_to_latlng(cell), tuple(reversed(place.coordinates)), unit="m")
            if cell == own or metres <= told["radius"]:
                found.append((place.id, "indoor"))
            elif metres <= told["radius"] + OUTDOOR_M:
                found.append((place.id, "outdoor"))
    return tuple(found)


def without_user(batches: Iterable[Batch], name: str) -> list[Batch]:
    """The same, of somebody who was never there."""
    return [
        replace(batch, events=[e for e in batch.events if name not in {e.get("user"), e.get("device")}])
        for batch in batches
    ]
