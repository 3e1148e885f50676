"""A small tenant with many edge cases, and strategies for its events and for the files that they come in."""

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
import xlsxwriter
from hypothesis import strategies as st
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.parse.codecs import Format
from okube_api.store.values import Json

from tests.by_hand.truth import Campaign, Equipment, Place, Truth
from tests.ingest.event_truth import Batch
from tests.ingest.ingest_app import PlaceCells
from tests.truth.places import BROADWAY, LYON, build_id, east_of, north_of

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
    """An application with its resources; cells: see `PlaceCells`."""

    id: str
    truth: Truth
    cells: PlaceCells

    def list_keys(self) -> dict[str, str]:
        """Return the key of every resource by its id."""
        truth = self.truth
        keys = {place.id: place.key for place in (*truth.sites, *truth.pois)}
        keys |= {equipment.id: equipment.key for equipment in truth.equipments}
        return keys | {campaign.id: campaign.key for campaign in truth.campaigns}


def build_small_world(number: int, radii: tuple[int, int, int], timezone: str | None) -> SmallWorld:
    """Build two shops, a web shop, two points of interest near one of the shops; three equipments, three campaigns.

    radii: of the shops and the first point of interest.  timezone: of the second shop.
    """
    lyon = Place(build_id(number, 1, 1), "lyon", "Lyon", LYON)
    broadway = Place(build_id(number, 1, 2), "broadway", "Broadway", BROADWAY, timezone)
    web = Place(build_id(number, 1, 3), "web", "Web", online=True)
    neighbour, drawn = (
        Place(build_id(number, 2, 1), "neighbour", "Neighbour", east_of(LYON, 30)),
        Place(build_id(number, 2, 2), "drawn", "Drawn", north_of(LYON, 400)),
    )
    centre_cell = h3.latlng_to_cell(*reversed(north_of(LYON, 400)), 10)
    cells = {place.id: {"radius": radius} for place, radius in zip((lyon, broadway, neighbour), radii, strict=True)}
    drawn_cells = {
        "resolution": 10,
        "indoor": [centre_cell],
        "outdoor": sorted(set(h3.grid_disk(centre_cell, 1)) - {centre_cell}),
    }
    equipments = [Equipment(build_id(number, 4, at), f"e{at}", (lyon, lyon, broadway)[at].id) for at in range(3)]
    windows = (None, {"click": 3, "print": 1, "opening": 2}, None)
    campaigns = [Campaign(build_id(number, 6, at), f"c{at}", "l", windows=own) for at, own in enumerate(windows)]
    truth = Truth(sites=(lyon, broadway, web), pois=(neighbour, drawn), equipments=equipments, campaigns=campaigns)
    return SmallWorld(build_id(number, 0, 0), truth, {**cells, drawn.id: drawn_cells})


# -- events -----------------------------------------------------------------------------------------------


def _to_text(moment: tuple[date, float], later_s: float = 0) -> str:
    day, time_s = moment
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=time_s + later_s)
    return at.isoformat(timespec="milliseconds")


_NEAR = DAYS[5:8]  # most events are close to another one
moments = st.tuples(st.sampled_from(DAYS + 3 * _NEAR), st.sampled_from(TIMES_S))
_gaps_s = st.lists(st.sampled_from((30, 120, 899, 900, 901, 1800, 1801, 5400)), max_size=4)


def small_events(world: SmallWorld) -> st.SearchStrategy[dict[str, list[Json]]]:
    """Draw events by kind, in no order, some of them equal; resources are named by id."""
    truth = world.truth
    shops, sites = truth.sites[:2], truth.sites
    user, device = st.sampled_from(USERS), st.sampled_from(DEVICES)
    equipment = st.sampled_from([equipment.id for equipment in truth.equipments])
    campaign = st.sampled_from([campaign.id for campaign in truth.campaigns])
    place = st.sampled_from([("site", site.id) for site in shops] + [("poi", poi.id) for poi in truth.pois])

    def build_pings(drawn: tuple[Any, ...]) -> list[Json]:
        name, moment, point, gaps = drawn
        times = [sum(gaps[:at]) for at in range(len(gaps) + 1)]
        return [{"user": name, "at": _to_text(moment, later), "lng": point[0], "lat": point[1]} for later in times]

    def build_detections(drawn: tuple[Any, ...]) -> list[Json]:
        name, moment, steps = drawn
        times = [sum(gap for _, gap in steps[: at + 1]) for at in range(len(steps))]
        return [
            {"device": name, "equipment": to, "at": _to_text(moment, later)}
            for (to, _), later in zip(steps, times, strict=True)
        ]

    walks = st.lists(st.tuples(equipment, st.sampled_from((0, 60, 299, 1800, 1801))), min_size=1, max_size=4)
    count = st.sampled_from((0, 7))
    code = st.sampled_from(CODES)
    return st.fixed_dictionaries(
        {
            "areas": st.lists(
                st.builds(
                    lambda c, lat: {"code": c, "name": f"At {lat}", "lng": 4.8, "lat": lat},
                    code,
                    st.sampled_from((45.75, 45.8)),
                ),
                max_size=6,
            ),
            "panelists": st.lists(
                st.builds(
                    lambda u, w, h, o: _drop_none(user=u, weight=w, home=h, work=CODES[0] if h else None, os=o),
                    user,
                    st.sampled_from((1, 2.5, 0.001)),
                    st.none() | code,
                    st.sampled_from((None, "ios")),
                ),
                max_size=8,
            ),
            "pings": _flatten(st.tuples(user, moments, st.sampled_from(POINTS), _gaps_s).map(build_pings), 6),
            "stays": st.lists(
                st.builds(
                    lambda u, p, m, s, z: {
                        "user": u,
                        p[0]: p[1],
                        "start": _to_text(m),
                        "duration_s": s,
                        "zone": z,
                    },
                    user,
                    place,
                    moments,
                    st.sampled_from((0, 60, 900)),
                    st.sampled_from(("indoor", "outdoor")),
                ),
                max_size=8,
            ),
            "detections": _flatten(st.tuples(device, moments, walks).map(build_detections), 6),
            "touches": st.lists(
                st.builds(
                    lambda u, c, m, k: {"user": u, "campaign": c, "at": _to_text(m), "kind": k},
                    user,
                    campaign,
                    moments,
                    st.sampled_from(("print", "click", "opening", "control")),
                ),
                max_size=10,
            ),
            "deliveries": st.lists(
                st.builds(
                    lambda c, d, s, n: _drop_none(
                        campaign=c, day=d.isoformat(), site=s, prints=n, clicks=1, openings=0
                    ),
                    campaign,
                    st.sampled_from(_NEAR[1:]),
                    st.none() | st.sampled_from([site.id for site in shops]),
                    count,
                ),
                max_size=8,
            ),
            "visits": st.lists(
                st.builds(
                    lambda u, s, m, e: _drop_none(
                        user=u, site=s, at=_to_text(m), end=None if e is None else _to_text(m, e)
                    ),
                    user,
                    st.sampled_from([site.id for site in sites]),
                    moments,
                    st.sampled_from((None, 0, 600)),
                ),
                max_size=8,
            ),
            "purchases": st.lists(
                st.builds(
                    lambda u, s, m, a, o: _drop_none(user=u, site=s, at=_to_text(m), amount=a, order=o),
                    user,
                    st.sampled_from([site.id for site in sites]),
                    moments,
                    st.sampled_from((0, 12.35, 99.99, -12.35, -20)),
                    st.sampled_from((None, "o1")),
                ),
                max_size=8,
            ),
        }
    )


def _flatten(lists: st.SearchStrategy[list[Json]], max_size: int) -> st.SearchStrategy[list[Json]]:
    return st.lists(lists, max_size=max_size).map(lambda drawn: [event for events in drawn for event in events])


def _drop_none(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


# -- files ---------------------------------------------------------------------------------------------


def split_into_files(dice: Random, kind: str, events: Sequence[Json]) -> list[list[Json]]:
    """Return up to three files with all events; some events are in two files, some twice in one, some have an id."""
    files: list[list[Json]] = [[] for _ in range(dice.randrange(1, 4))]
    for number, event in enumerate(events):
        has_id = "id" in KINDS[kind].model.model_fields and dice.random() < 0.2
        sent = {**event, "id": f"own {number}"} if has_id else event
        for _ in range(2 if dice.random() < 0.2 else 1):
            dice.choice(files).append(sent)
    return [dice.sample(file, len(file)) for file in files if file]


BAD_LINE = b'{"user": "zaphod", "at":'


def write_file(dice: Random, world: SmallWorld, batch: Batch, bad_lines: int) -> tuple[Format, bytes]:
    """Return a batch as a file of any format; resources are named by id or key, instants have any offset.

    bad_lines: how many invalid lines to insert; with some, the format is NDJSON.
    """
    events = [_vary_event(dice, world.list_keys(), event) for event in batch.events]
    file_format = Format.NDJSON if bad_lines else dice.choice(list(Format))
    if file_format is Format.NDJSON:
        lines = [json.dumps(event).encode() for event in events]
        for _ in range(bad_lines):
            lines.insert(dice.randrange(len(lines) + 1), BAD_LINE)
        return file_format, b"".join(line + b"\n" for line in lines)
    if file_format is Format.JSON:
        return file_format, json.dumps(events, indent=dice.choice((None, 1))).encode()
    names = dict.fromkeys(name for event in events for name in event)
    if file_format is Format.CSV:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(names), lineterminator=dice.choice(("\n", "\r\n")))
        writer.writeheader()
        writer.writerows(events)
        return file_format, text.getvalue().encode()
    file = io.BytesIO()
    if file_format is Format.XLSX:
        with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
            sheet = workbook.add_worksheet()
            for row, cells in enumerate([dict(zip(names, names, strict=True)), *events]):
                for column, name in enumerate(names):
                    if cells.get(name) is not None:
                        sheet.write_string(row, column, str(cells[name]))  # a number would lose its last digits
        return file_format, file.getvalue()
    pq.write_table(pa.table({name: [event.get(name) for event in events] for name in names}), file)
    return file_format, file.getvalue()


def _vary_event(dice: Random, keys: Mapping[str, str], event: Json) -> Json:
    """Return an event with keys for some ids, instants with any offset, and without some of the default values."""
    sent = {name: keys[value] if value in keys and dice.random() < 0.5 else value for name, value in event.items()}
    for name in sent.keys() & {"at", "start", "end"}:
        zone = ZoneInfo(dice.choice(("UTC", "America/New_York", "Asia/Kolkata")))
        sent[name] = datetime.fromisoformat(sent[name]).astimezone(zone).isoformat()
    defaults = {"weight": 1, "clicks": 0, "openings": 0, "prints": 0}
    return {name: value for name, value in sent.items() if defaults.get(name) != value or dice.random() < 0.5}
