"""An event that comes late, or is taken back, rebuilds the days it touches, and no others."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from okube_api.catalogue.buckets import bucket_numbers
from okube_api.catalogue.facts import FACTS, Fact, Span
from okube_api.engine.calendar import to_ordinal
from okube_api.store.protocol import Change, Store
from okube_api.store.schema import Table
from okube_api.store.values import Json

from tests.by_hand.paths import Outcome, outcomes
from tests.by_hand.question import local_day
from tests.by_hand.sessions import runs
from tests.by_hand.truth import Truth
from tests.engine.rows import geo_stays
from tests.engine.rows_conversion import conversion_facts
from tests.engine.rows_presence import presence_facts
from tests.ingest.event_truth import Batch, build_truth, find_zones, to_instant
from tests.ingest.ingest_app import IngestApp
from tests.ingest.rows import to_comparable
from tests.ingest.spring import build_spring_tenant, list_events_by_id

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("shared_store", ["duckdb"], indirect=True),  # no store decides what is replaced
]

Days = frozenset[int]
GEO = ("geo_stays",)
PRESENCE = tuple(fact.name for fact in FACTS if fact.name.startswith("presence"))
CELLS = {one.id: {"radius": 70.0} for one in (*build_spring_tenant().truth.sites, *build_spring_tenant().truth.pois)}


class WatchedStore:
    """A store whose changes tell which partitions they replace."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.replaced: dict[str, set[int]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @asynccontextmanager
    async def begin_change(self, application: str, name: str) -> AsyncIterator["WatchedChange"]:
        async with self._store.begin_change(application, name) as change:
            yield WatchedChange(change, self.replaced)


class WatchedChange:
    """A change that tells which partitions it replaces."""

    def __init__(self, change: Change, replaced: dict[str, set[int]]) -> None:
        self._change, self._replaced = change, replaced

    def __getattr__(self, name: str) -> Any:
        return getattr(self._change, name)

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        self._replaced.setdefault(table.name, set()).update(parts)
        await self._change.replace(table, parts, rows)


# -- what can differ ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def truth_with(kind: str = "", *late: tuple[tuple[str, Any], ...]) -> Truth:
    """Everything that happened, and some late events of one kind."""
    truth = build_spring_tenant().truth
    nothing: dict[str, Any] = dict.fromkeys(("areas", "panelists", "stays", "detections", "visits", "touches"), ())
    ground = replace(truth, purchases=(), deliveries=(), **nothing)
    files = [Batch(at, one, list_events_by_id(one)) for at, one in enumerate(build_spring_tenant().events)]
    return build_truth(ground, [*files, Batch(99, kind, [dict(one) for one in late])], CELLS)


def differing(before: Truth, after: Truth) -> dict[str, Days]:
    """The days on which the rows of facts differ, by fact."""
    found = {}
    for fact in FACTS:
        sides = [_by_day(_facts(truth)[fact.name]) for truth in (before, after)]
        days = sides[0].keys() | sides[1].keys()
        found[fact.name] = frozenset(day for day in days if sides[0].get(day) != sides[1].get(day))
    return found


@lru_cache(maxsize=64)
def _facts(truth: Truth) -> dict[str, list[dict[str, Any]]]:
    return {"geo_stays": geo_stays(truth)} | conversion_facts(truth) | presence_facts(truth)


def _by_day(rows: Iterable[dict[str, Any]]) -> dict[int, list[str]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["day"], []).append(row)
    return {day: to_comparable(some) for day, some in found.items()}


Point = tuple[datetime, str]


def changed_runs(before: Sequence[Point], after: Sequence[Point], gap_s: int, zone: str, *, exits: bool) -> Days:
    """The local days on which runs start (or end) that are not the same on both sides, however short they are."""
    cut = [{tuple(run) for run in runs(sorted(set(side)), lambda point: point[0], gap_s)} for side in (before, after)]
    moments = [moment for run in cut[0] ^ cut[1] for moment in (run[0][0], *([run[-1][0]] if exits else []))]
    return _days(moments, zone)


def _days(moments: Iterable[datetime], zone: str) -> Days:
    return frozenset(to_ordinal(local_day(moment, zone)) for moment in moments)


def of_ping(late: Json) -> dict[str, Days]:
    truth = build_spring_tenant().truth
    days: set[int] = set()
    mine = [event for event in list_events_by_id("pings") if event["user"] == late["user"]]
    for place, zone in find_zones(truth, CELLS, late["lng"], late["lat"]):
        here = [e for e in mine if (place, zone) in find_zones(truth, CELLS, e["lng"], e["lat"])]
        before = [(to_instant(event["at"]), "") for event in here]
        days |= changed_runs(before, [*before, (to_instant(late["at"]), "")], 900, truth.zone_of(place), exits=False)
    return dict.fromkeys(GEO, frozenset(days))


def of_stay(late: Json) -> dict[str, Days]:
    zone = build_spring_tenant().truth.zone_of(late.get("site") or late["poi"])
    return dict.fromkeys(GEO, _days([to_instant(late["start"])], zone))


def of_detection(late: Json) -> dict[str, Days]:
    truth = build_spring_tenant().truth
    site = {one.id: one.site for one in truth.equipments}
    here = [e for e in list_events_by_id("detections") if e["device"] == late["device"]]
    here = [e for e in here if site[e["equipment"]] == site[late["equipment"]]]
    before, after = ([(to_instant(e["at"]), e["equipment"]) for e in some] for some in (here, [*here, late]))
    zone = truth.zone_of(site[late["equipment"]])
    return dict.fromkeys(PRESENCE, changed_runs(before, after, truth.presence_gap_s, zone, exits=True))


def of_touch(late: Json) -> dict[str, Days]:
    """The days in the window on which the user has outcomes; and those that outcomes of these days are credited to."""
    truth, at = build_spring_tenant().truth, to_instant(late["at"])
    campaign = next(one for one in truth.campaigns if one.id == late["campaign"])
    lasting = timedelta(days={**truth.windows, **(campaign.windows or {}), "control": 0}[late["kind"]])

    zones = {truth.zone_of(site.id) for site in truth.sites}

    def follows(one: Outcome) -> bool:
        reached = {(local_day(at, zone), local_day(at + lasting, zone)) for zone in zones}
        return one.user == late["user"] and any(low <= one.day <= high for low, high in reached)

    days = frozenset(to_ordinal(one.day) for one in outcomes(truth_with()) if follows(one))
    return _outcome_days(days, "touches", late) | {"exposures": _days([at], truth.timezone)}


def of_visit_or_purchase(kind: str) -> Callable[[Json], dict[str, Days]]:
    """The day of it at its site; and the days that outcomes of that day are credited to."""

    def of(late: Json) -> dict[str, Days]:
        zone = build_spring_tenant().truth.zone_of(late["site"])
        return _outcome_days(_days([to_instant(late["at"])], zone), kind, late)

    return of


def _outcome_days(days: Days, kind: str, late: Json) -> dict[str, Days]:
    both = (*outcomes(truth_with()), *outcomes(truth_with(kind, _frozen(late))))
    credited = [one.credited_day for one in both if to_ordinal(one.day) in days and one.credited_day]
    return {"outcomes": days, "credits": days, "cohorts": frozenset(map(to_ordinal, credited))}


def of_delivery(late: Json) -> dict[str, Days]:
    return {"deliveries": frozenset({to_ordinal(date.fromisoformat(late["day"]))})}


def _frozen(event: Json) -> tuple[tuple[str, Any], ...]:
    return tuple(event.items())


# -- late events ---------------------------------------------------------------------------------------------------


def moved(kind: str, at: int, field: str = "at", **by: float) -> Json:
    """An event of the spring, some time later or earlier."""
    event = list_events_by_id(kind)[at]
    return {**event, field: (to_instant(event[field]) + timedelta(**by)).isoformat()}


def late_events() -> list[tuple[str, Json, Callable[[Json], dict[str, Days]]]]:
    """Of each kind; near what is there, and far from it."""
    truth, visit = build_spring_tenant().truth, list_events_by_id("visits")[0]
    click = {"user": visit["user"], "campaign": truth.campaigns[1].id, "kind": "click"}
    click["at"] = (to_instant(visit["at"]) - timedelta(days=2)).isoformat()
    delivery = {"campaign": truth.campaigns[0].id, "prints": 5, "clicks": 0, "openings": 0}
    return [
        ("pings", moved("pings", 0, seconds=-60), of_ping),
        ("pings", moved("pings", 7, seconds=899), of_ping),
        ("stays", moved("stays", 3, "start", days=-30), of_stay),
        ("detections", moved("detections", 5, minutes=28), of_detection),
        ("detections", moved("detections", 2, days=-3), of_detection),
        ("touches", click, of_touch),
        ("touches", {**click, "kind": "control"}, of_touch),
        ("visits", moved("visits", 3, days=1), of_visit_or_purchase("visits")),
        ("purchases", moved("purchases", 2, minutes=-1), of_visit_or_purchase("purchases")),
        *(("deliveries", {**delivery, "day": day}, of_delivery) for day in ("2024-03-19", "2024-03-24")),
    ]


@pytest.fixture
async def land(ingested: Store) -> IngestApp:
    """The spring, in a store that is watched."""
    watched: Any = WatchedStore(ingested)
    land = await IngestApp(watched, build_spring_tenant()).create_documents()
    await land.ingest_all(build_spring_tenant().events)
    return land


async def test_late_events_rebuild_the_days_they_touch(land: IngestApp) -> None:
    """Whatever differs is written, and nothing that could not differ; months are those of the days."""
    for kind, late, of in late_events():
        must, may = differing(truth_with(), truth_with(kind, _frozen(late))), of(late)
        batch = await replacing(land, must, may, partial(land.ingest_events, kind, [late]))
        await replacing(land, must, may, partial(land.ingest.remove_batch, land.application, batch))


async def test_late_events_far_apart_leave_the_days_between(land: IngestApp) -> None:
    """A file of deliveries of two days of a week."""
    late = [one for one in late_events() if one[0] == "deliveries"]
    may = {"deliveries": frozenset(day for _, event, of in late for day in of(event)["deliveries"])}
    must = differing(truth_with(), truth_with("deliveries", *(_frozen(event) for _, event, _ in late)))
    await replacing(land, must, may, partial(land.ingest_events, "deliveries", [event for _, event, _ in late]))


async def test_what_was_there_already_rebuilds_nothing(land: IngestApp) -> None:
    """Every file again."""
    watched: Any = land.store
    watched.replaced.clear()
    batches = await land.ingest_all(build_spring_tenant().events)
    assert {batch["accepted"] for batch in batches} == {0}
    assert watched.replaced.keys() == {"events_ledger"}


async def replacing(
    land: IngestApp, must: Mapping[str, Days], may: Mapping[str, Days], change: Callable[[], Any]
) -> Any:
    """Makes a change, which must replace some days of facts, and may replace some others."""
    watched: Any = land.store
    watched.replaced.clear()
    found = await change()
    for fact in FACTS:
        replaced = watched.replaced.get(fact.daily_table.name, set())
        assert must[fact.name] <= replaced, (fact.name, "is not written on", must[fact.name] - replaced)
        allowed = must[fact.name] | may.get(fact.name, frozenset())
        assert replaced <= allowed, (fact.name, "is written on", replaced - allowed)
        months = set(bucket_numbers(_array(replaced), "month").tolist())
        for table, span in _rollups(fact):
            assert watched.replaced.get(table, set()) == (replaced if span is Span.DAY else months), table
    return found


def _array(days: Iterable[int]) -> Any:
    return np.array(sorted(days), np.int64)


def _rollups(fact: Fact) -> list[tuple[str, Span]]:
    return [(fact.rollup(grain, span).name, span) for grain in fact.grains for span in grain.spans]
