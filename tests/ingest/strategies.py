"""The smallest tenant in which everything can go wrong, and strategies of what happens there and how it is sent."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import h3
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as some
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.parse.codecs import Format
from okube_api.store.values import Json

from tests.by_hand.truth import Campaign, Equipment, Place, Truth
from tests.ingest.event_truth import Batch
from tests.truth.places import BROADWAY, LYON, east_of, ident, north_of

USERS, DEVICES = ("ann", "bob", "cid"), ("d0", "d1")
CODES = ("693820101", "750560101")
DAYS = (
    date(2023, 2, 28),
    date(2023, 3, 30),
    date(2024, 2, 28),
    date(2024, 2, 29),
    date(2024, 3, 1),
    date(2024, 3, 30),
    date(2024, 3, 31),  # clocks change in Europe
    date(2024, 4, 1),
    date(2024, 12, 31),
)
TIMES_S = (0, 1, 5 * 3600, 5 * 3600 + 30, 10 * 3600, 10 * 3600 + 0.25, 22 * 3600, 23 * 3600 + 1800, 86_399)
POINTS = (
    LYON,
    north_of(LYON, 63),
    north_of(LYON, 101),
    north_of(LYON, 400),
    east_of(LYON, 31),
    BROADWAY,
    east_of(BROADWAY, 74),
)


@dataclass(frozen=True)
class SmallWorld:
    """An application's places, and what each of them takes for its own: see `heard.spots`."""

    id: str
    truth: Truth
    cells: Mapping[str, Mapping[str, Any]]

    def list_keys(self) -> dict[str, str]:
        """What everything is called, by id."""
        truth = self.truth
        places = {one.id: one.key for one in (*truth.sites, *truth.pois)}
        return places | {one.id: one.key for one in truth.equipments} | {one.id: one.key for one in truth.campaigns}


def build_small_world(number: int, radii: tuple[int, int, int], zone: str | None) -> SmallWorld:
    """Two shops, a web shop, two points of interest beside one of the shops; three equipments, three campaigns.

    radii: of the shops and the first point of interest; zone: the second shop's clock.
    """
    lyon = Place(ident(number, 1, 1), "lyon", "Lyon", LYON)
    broadway = Place(ident(number, 1, 2), "broadway", "Broadway", BROADWAY, zone)
    web = Place(ident(number, 1, 3), "web", "Web", online=True)
    near, drawn = (
        Place(ident(number, 2, 1), "near", "Near", east_of(LYON, 30)),
        Place(ident(number, 2, 2), "drawn", "Drawn", north_of(LYON, 400)),
    )
    own = h3.latlng_to_cell(*reversed(north_of(LYON, 400)), 10)
    cells = {one.id: {"radius": radius} for one, radius in zip((lyon, broadway, near), radii, strict=True)}
    around = {"resolution": 10, "indoor": [own], "outdoor": sorted(set(h3.grid_disk(own, 1)) - {own})}
    equipments = [Equipment(ident(number, 4, at), f"e{at}", (lyon, lyon, broadway)[at].id) for at in range(3)]
    windows = (None, {"click": 3, "print": 1, "opening": 2}, None)
    campaigns = [Campaign(ident(number, 6, at), f"c{at}", "l", windows=one) for at, one in enumerate(windows)]
    truth = Truth(sites=(lyon, broadway, web), pois=(near, drawn), equipments=equipments, campaigns=campaigns)
    return SmallWorld(ident(number, 0, 0), truth, {**cells, drawn.id: around})


# -- what happens -----------------------------------------------------------------------------------------------


def _at(moment: tuple[date, float], later_s: float = 0) -> str:
    day, time_s = moment
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=time_s + later_s)
    return at.isoformat(timespec="milliseconds")


_NEAR = DAYS[5:8]  # most of what happens is near to something else
moments = some.tuples(some.sampled_from(DAYS + 3 * _NEAR), some.sampled_from(TIMES_S))
_gaps_s = some.lists(some.sampled_from((30, 120, 899, 900, 901, 1800, 1801, 5400)), max_size=4)


def small_events(where: SmallWorld) -> some.SearchStrategy[dict[str, list[Json]]]:
    """Events by kind, in no order, some of them the same; everything is named by id."""
    truth = where.truth
    shops, sites = truth.sites[:2], truth.sites
    user, device = some.sampled_from(USERS), some.sampled_from(DEVICES)
    equipment = some.sampled_from([one.id for one in truth.equipments])
    campaign = some.sampled_from([one.id for one in truth.campaigns])
    place = some.sampled_from([("site", one.id) for one in shops] + [("poi", one.id) for one in truth.pois])

    def pings(one: tuple[Any, ...]) -> list[Json]:
        name, moment, point, gaps = one
        times = [sum(gaps[:at]) for at in range(len(gaps) + 1)]
        return [{"user": name, "at": _at(moment, later), "lng": point[0], "lat": point[1]} for later in times]

    def detections(one: tuple[Any, ...]) -> list[Json]:
        name, moment, steps = one
        times = [sum(gap for _, gap in steps[: at + 1]) for at in range(len(steps))]
        return [
            {"device": name, "equipment": to, "at": _at(moment, later)}
            for (to, _), later in zip(steps, times, strict=True)
        ]

    walks = some.lists(some.tuples(equipment, some.sampled_from((0, 60, 299, 1800, 1801))), min_size=1, max_size=4)
    count = some.sampled_from((0, 7))
    code = some.sampled_from(CODES)
    return some.fixed_dictionaries(
        {
            "areas": some.lists(
                some.builds(
                    lambda c, lat: {"code": c, "name": f"At {lat}", "lng": 4.8, "lat": lat},
                    code,
                    some.sampled_from((45.75, 45.8)),
                ),
                max_size=6,
            ),
            "panelists": some.lists(
                some.builds(
                    lambda u, w, h, o: _said(user=u, weight=w, home=h, work=CODES[0] if h else None, os=o),
                    user,
                    some.sampled_from((1, 2.5, 0.001)),
                    some.none() | code,
                    some.sampled_from((None, "ios")),
                ),
                max_size=8,
            ),
            "pings": _flat(some.tuples(user, moments, some.sampled_from(POINTS), _gaps_s).map(pings), 6),
            "stays": some.lists(
                some.builds(
                    lambda u, p, m, s, z: {"user": u, p[0]: p[1], "start": _at(m), "duration_s": s, "zone": z},
                    user,
                    place,
                    moments,
                    some.sampled_from((0, 60, 900)),
                    some.sampled_from(("indoor", "outdoor")),
                ),
                max_size=8,
            ),
            "detections": _flat(some.tuples(device, moments, walks).map(detections), 6),
            "touches": some.lists(
                some.builds(
                    lambda u, c, m, k: {"user": u, "campaign": c, "at": _at(m), "kind": k},
                    user,
                    campaign,
                    moments,
                    some.sampled_from(("print", "click", "opening", "control")),
                ),
                max_size=10,
            ),
            "deliveries": some.lists(
                some.builds(
                    lambda c, d, s, n: _said(campaign=c, day=d.isoformat(), site=s, prints=n, clicks=1, openings=0),
                    campaign,
                    some.sampled_from(_NEAR[1:]),
                    some.none() | some.sampled_from([one.id for one in shops]),
                    count,
                ),
                max_size=8,
            ),
            "visits": some.lists(
                some.builds(
                    lambda u, s, m, e: _said(user=u, site=s, at=_at(m), end=None if e is None else _at(m, e)),
                    user,
                    some.sampled_from([one.id for one in sites]),
                    moments,
                    some.sampled_from((None, 0, 600)),
                ),
                max_size=8,
            ),
            "purchases": some.lists(
                some.builds(
                    lambda u, s, m, a, o: _said(user=u, site=s, at=_at(m), amount=a, order=o),
                    user,
                    some.sampled_from([one.id for one in sites]),
                    moments,
                    some.sampled_from((0, 12.35)),
                    some.sampled_from((None, "o1")),
                ),
                max_size=8,
            ),
        }
    )


def _flat(many: some.SearchStrategy[list[Json]], most: int) -> some.SearchStrategy[list[Json]]:
    return some.lists(many, max_size=most).map(lambda lists: [event for one in lists for event in one])


def _said(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


# -- how it is sent ---------------------------------------------------------------------------------------------


def deal_files(dice: Random, kind: str, events: Sequence[Json]) -> list[list[Json]]:
    """Up to three files that together hold all events, some in two of them, some twice in one; some with an id."""
    files: list[list[Json]] = [[] for _ in range(dice.randrange(1, 4))]
    for number, event in enumerate(events):
        has_id = "id" in KINDS[kind].model.model_fields and dice.random() < 0.2
        known = {**event, "id": f"own {number}"} if has_id else event
        for _ in range(2 if dice.random() < 0.2 else 1):
            dice.choice(files).append(known)
    return [dice.sample(one, len(one)) for one in files if one]


BAD = b'{"user": "zaphod", "at":'


def write_file(dice: Random, where: SmallWorld, batch: Batch, bad: int) -> tuple[Format, bytes]:
    """A batch as a file of any format, things by id or key, instants in any offset.

    bad: how many lines that are no events are among the others; the file is of NDJSON then.
    """
    events = [_as_sent(dice, where.list_keys(), event) for event in batch.events]
    shape = Format.NDJSON if bad else dice.choice(list(Format))
    if shape is Format.NDJSON:
        lines = [json.dumps(event).encode() for event in events]
        for _ in range(bad):
            lines.insert(dice.randrange(len(lines) + 1), BAD)
        return shape, b"".join(line + b"\n" for line in lines)
    names = dict.fromkeys(name for event in events for name in event)
    if shape is Format.CSV:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(names), lineterminator=dice.choice(("\n", "\r\n")))
        writer.writeheader()
        writer.writerows(events)
        return shape, text.getvalue().encode()
    file = io.BytesIO()
    pq.write_table(pa.table({name: [event.get(name) for event in events] for name in names}), file)
    return shape, file.getvalue()


def _as_sent(dice: Random, keys: Mapping[str, str], event: Json) -> Json:
    found = {name: keys[value] if value in keys and dice.random() < 0.5 else value for name, value in event.items()}
    for name in found.keys() & {"at", "start", "end"}:
        zone = ZoneInfo(dice.choice(("UTC", "America/New_York", "Asia/Kolkata")))
        found[name] = datetime.fromisoformat(found[name]).astimezone(zone).isoformat()
    absent = {"weight": 1, "clicks": 0, "openings": 0, "prints": 0}
    return {name: value for name, value in found.items() if absent.get(name) != value or dice.random() < 0.5}
