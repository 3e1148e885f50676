"""What batches of events mean, in plain Python: which events count, how many of a batch are new, and the truth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import h3
from okube_api.store.values import Json

from tests.by_hand.sessions import derive_stays
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
from tests.ingest.ingest_app import PlaceCells

KEYS = {"areas": ("code",), "panelists": ("user",), "deliveries": ("campaign", "day", "site")}
"""Natural keys: of the events with the same key, the latest counts."""
OUTDOOR_M = 50.0


@dataclass(frozen=True)
class Batch:
    """A file of valid events that name resources by id; number: position in the order in which files were sent."""

    number: int
    kind: str
    events: Sequence[Json]


def to_instant(text: str) -> datetime:
    """Return an instant, cut off to milliseconds."""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _normalize_content(event: Json) -> tuple[tuple[str, Any], ...]:
    """Return the content of an event in a form that is equal however it is written."""
    fields = {name: value for name, value in event.items() if name != "id" and value is not None}
    for name in fields.keys() & {"at", "start", "end"}:
        fields[name] = to_instant(fields[name])
    return tuple(sorted(fields.items()))


def identify(kind: str, event: Json) -> tuple[Any, ...]:
    """Return a key that is equal for duplicates of an event."""
    if kind in KEYS:
        return tuple(event.get(name) for name in KEYS[kind])
    if event.get("id") is not None:
        user = event["user"] if "user" in event else event["device"]
        return ("id", event["id"], user, to_instant(event.get("at") or event["start"]).date())
    return ("content", _normalize_content(event))


def select_events(kind: str, batches: Iterable[Batch]) -> dict[tuple[Any, ...], Json]:
    """Return the events of a kind that count: the latest of a natural key, else the first of duplicates."""
    events: dict[tuple[Any, ...], Json] = {}
    for batch in sorted(batches, key=lambda batch: batch.number):
        if batch.kind == kind:
            for event in batch.events:
                key = identify(kind, event)
                if kind in KEYS or key not in events:
                    events[key] = event
    return events


def count_accepted(batch: Batch, earlier: Sequence[Batch]) -> int:
    """Return how many events of a batch are accepted when earlier batches count already."""
    before, after = select_events(batch.kind, earlier), select_events(batch.kind, [*earlier, batch])
    changed = [
        key for key in after if key not in before or _normalize_content(before[key]) != _normalize_content(after[key])
    ]
    return len(changed) if batch.kind in KEYS else len(after.keys() - before.keys())


def build_truth(base: Truth, batches: Sequence[Batch], cells: PlaceCells) -> Truth:
    """Return a truth with the places of `base` and what the batches say that happened.

    cells: see `PlaceCells`.
    """

    def select(kind: str) -> list[Json]:
        return list(select_events(kind, batches).values())

    matched = [
        Stay(e["user"], e.get("site") or e["poi"], e["zone"], to_instant(e["start"]), e["duration_s"])
        for e in select("stays")
    ]
    pings = [Ping(e["user"], to_instant(e["at"]), find_zones(base, cells, e["lng"], e["lat"])) for e in select("pings")]
    stays = sorted([*matched, *derive_stays(pings)], key=lambda stay: (stay.start, stay.place, stay.zone, stay.dwell_s))
    return replace(
        base,
        areas=[Area(e["code"], e["name"], e["lng"], e["lat"]) for e in select("areas")],
        panelists=[_build_panelist(e) for e in select("panelists")],
        stays=stays,
        detections=[Detection(e["device"], e["equipment"], to_instant(e["at"])) for e in select("detections")],
        touches=[Touch(e["user"], e["campaign"], to_instant(e["at"]), e["kind"]) for e in select("touches")],
        visits=[Visit(e["user"], e["site"], to_instant(e["at"])) for e in select("visits")],
        purchases=[
            Purchase(e["user"], e["site"], to_instant(e["at"]), Fraction(str(e["amount"])), str(e.get("order") or ""))
            for e in select("purchases")
        ],
        deliveries=[
            Delivery(
                e["campaign"],
                date.fromisoformat(e["day"]),
                e["site"] if e.get("site") else None,
                *(e[field] for field in ("prints", "clicks", "openings")),
            )
            for e in select("deliveries")
        ],
    )


def _build_panelist(event: Json) -> Panelist:
    attributes = {field: event.get(field) for field in ("home", "work", "os", "manufacturer", "model")}
    return Panelist(event["user"], Fraction(str(event["weight"])), **attributes)


def find_zones(truth: Truth, place_cells: PlaceCells, lng: float, lat: float) -> tuple[tuple[str, str], ...]:
    """Return the (place, zone) pairs that contain a point, by the definition of a radius or by the cells of a place."""
    zones: list[tuple[str, str]] = []
    for place in (*truth.sites, *truth.pois):
        cells = place_cells.get(place.id)
        if cells is None:
            continue
        if "resolution" in cells:
            cell = h3.latlng_to_cell(lat, lng, cells["resolution"])
            zones += [(place.id, zone) for zone in ("indoor", "outdoor") if cell in cells[zone]]
        elif place.coordinates is not None:
            centre = tuple(reversed(place.coordinates))
            cell, centre_cell = h3.latlng_to_cell(lat, lng, 12), h3.latlng_to_cell(*centre, 12)
            distance_m = h3.great_circle_distance(h3.cell_to_latlng(cell), centre, unit="m")
            if cell == centre_cell or distance_m <= cells["radius"]:
                zones.append((place.id, "indoor"))
            elif distance_m <= cells["radius"] + OUTDOOR_M:
                zones.append((place.id, "outdoor"))
    return tuple(zones)


def drop_user(batches: Iterable[Batch], name: str) -> list[Batch]:
    """Return the batches without the events of a user or device."""
    return [
        replace(batch, events=[e for e in batch.events if name not in {e.get("user"), e.get("device")}])
        for batch in batches
    ]
