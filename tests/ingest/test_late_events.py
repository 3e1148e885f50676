"""Test that an event that is late, or is removed, refreshes the days it touches and no others."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from okube_api.catalogue.buckets import bucket_numbers, to_ordinal
from okube_api.catalogue.fact import Fact, Span
from okube_api.catalogue.facts import FACTS
from okube_api.store.protocol import Change, Store
from okube_api.store.schema import Table
from okube_api.store.values import Json

from tests.by_hand.paths import Outcome, list_outcomes
from tests.by_hand.question import local_day
from tests.by_hand.sessions import split_runs
from tests.by_hand.truth import Truth
from tests.engine.rows import build_geo_stays
from tests.engine.rows_conversion import build_conversion_facts
from tests.engine.rows_presence import build_presence_facts
from tests.ingest.event_truth import Batch, build_truth, find_zones, to_instant
from tests.ingest.ingest_app import DEFAULT_CELLS, IngestApp
from tests.ingest.rows import to_comparable
from tests.ingest.spring import build_spring_tenant, create_spring_app, list_events_by_id

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("shared_store", ["duckdb"], indirect=True),  # what is replaced does not depend on the store
]

Days = frozenset[int]
GEO = ("geo_stays",)
PRESENCE = tuple(fact.name for fact in FACTS if fact.name.startswith("presence"))
CELLS = {place.id: DEFAULT_CELLS for place in (*build_spring_tenant().truth.sites, *build_spring_tenant().truth.pois)}


class WatchedStore:
    """A store that records which partitions its changes replace."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.replaced: dict[str, set[int]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @asynccontextmanager
    async def begin_change(self, application: str, name: str) -> AsyncIterator["WatchedChange"]:
        """Begin a change that is watched."""
        async with self._store.begin_change(application, name) as change:
            yield WatchedChange(change, self.replaced)


class WatchedChange:
    """A change that records which partitions it replaces."""

    def __init__(self, change: Change, replaced: dict[str, set[int]]) -> None:
        self._change, self._replaced = change, replaced

    def __getattr__(self, name: str) -> Any:
        return getattr(self._change, name)

    async def run_apart(self, work: Callable[[Change], Awaitable[Any]]) -> Any:
        """Let work write to a change that is watched, too."""
        return await self._change.run_apart(lambda own: work(cast("Change", WatchedChange(own, self._replaced))))

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Record the partitions and replace them."""
        self._replaced.setdefault(table.name, set()).update(parts)
        await self._change.replace(table, parts, rows)

    async def patch(self, table: Table, keys: pa.Table, rows: pa.Table) -> None:
        """Record the partitions of the keys and rows, and replace these rows."""
        parts = {*keys["part"].to_pylist(), *rows["part"].to_pylist()}
        if parts:
            self._replaced.setdefault(table.name, set()).update(parts)
        await self._change.patch(table, keys, rows)


# -- expected days -----------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def add_to_truth(kind: str = "", *late: tuple[tuple[str, Any], ...]) -> Truth:
    """Return the truth of the spring with some late events of one kind."""
    truth = build_spring_tenant().truth
    nothing: dict[str, Any] = dict.fromkeys(("areas", "panelists", "stays", "detections", "visits", "touches"), ())
    base = replace(truth, purchases=(), deliveries=(), **nothing)
    files = [Batch(at, sent, list_events_by_id(sent)) for at, sent in enumerate(build_spring_tenant().events)]
    return build_truth(base, [*files, Batch(99, kind, [dict(event) for event in late])], CELLS)


def find_changed_days(before: Truth, after: Truth) -> dict[str, Days]:
    """Return the days on which the rows of facts differ, by fact."""
    changed = {}
    for fact in FACTS:
        sides = [_by_day(_facts(truth)[fact.name]) for truth in (before, after)]
        days = sides[0].keys() | sides[1].keys()
        changed[fact.name] = frozenset(day for day in days if sides[0].get(day) != sides[1].get(day))
    return changed


@lru_cache(maxsize=64)
def _facts(truth: Truth) -> dict[str, list[dict[str, Any]]]:
    return {"geo_stays": build_geo_stays(truth)} | build_conversion_facts(truth) | build_presence_facts(truth)


def _by_day(rows: Iterable[dict[str, Any]]) -> dict[int, list[str]]:
    by_day: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_day.setdefault(row["day"], []).append(row)
    return {day: to_comparable(of_day) for day, of_day in by_day.items()}


Point = tuple[datetime, str]


def find_days_of_changed_runs(
    before: Sequence[Point], after: Sequence[Point], gap_s: int, zone: str, *, exits: bool
) -> Days:
    """Return the local days on which runs start (or end) that differ between the sides, however short they are."""
    cut = [
        {tuple(run) for run in split_runs(sorted(set(side)), lambda point: point[0], gap_s)} for side in (before, after)
    ]
    moments = [moment for run in cut[0] ^ cut[1] for moment in (run[0][0], *([run[-1][0]] if exits else []))]
    return _days(moments, zone)


def _days(moments: Iterable[datetime], zone: str) -> Days:
    return frozenset(to_ordinal(local_day(moment, zone)) for moment in moments)


def days_of_ping(late: Json) -> dict[str, Days]:
    truth = build_spring_tenant().truth
    days: set[int] = set()
    of_user = [event for event in list_events_by_id("pings") if event["user"] == late["user"]]
    for place, zone in find_zones(truth, CELLS, late["lng"], late["lat"]):
        here = [e for e in of_user if (place, zone) in find_zones(truth, CELLS, e["lng"], e["lat"])]
        before = [(to_instant(event["at"]), "") for event in here]
        days |= find_days_of_changed_runs(
            before, [*before, (to_instant(late["at"]), "")], 900, truth.zone_of(place), exits=False
        )
    return dict.fromkeys(GEO, frozenset(days))


def days_of_stay(late: Json) -> dict[str, Days]:
    zone = build_spring_tenant().truth.zone_of(late.get("site") or late["poi"])
    return dict.fromkeys(GEO, _days([to_instant(late["start"])], zone))


def days_of_detection(late: Json) -> dict[str, Days]:
    truth = build_spring_tenant().truth
    site = {equipment.id: equipment.site for equipment in truth.equipments}
    here = [e for e in list_events_by_id("detections") if e["device"] == late["device"]]
    here = [e for e in here if site[e["equipment"]] == site[late["equipment"]]]
    before, after = ([(to_instant(e["at"]), e["equipment"]) for e in side] for side in (here, [*here, late]))
    zone = truth.zone_of(site[late["equipment"]])
    return dict.fromkeys(PRESENCE, find_days_of_changed_runs(before, after, truth.presence_gap_s, zone, exits=True))


def days_of_touch(late: Json) -> dict[str, Days]:
    """Return the days in the window on which the user has outcomes, and the days that these are credited to."""
    truth, at = build_spring_tenant().truth, to_instant(late["at"])
    campaign = next(campaign for campaign in truth.campaigns if campaign.id == late["campaign"])
    window = timedelta(days={**truth.windows, **(campaign.windows or {}), "control": 0}[late["kind"]])

    zones = {truth.zone_of(site.id) for site in truth.sites}

    def follows(outcome: Outcome) -> bool:
        reached = {(local_day(at, zone), local_day(at + window, zone)) for zone in zones}
        return outcome.user == late["user"] and any(low <= outcome.day <= high for low, high in reached)

    days = frozenset(to_ordinal(outcome.day) for outcome in list_outcomes(add_to_truth()) if follows(outcome))
    return _outcome_days(days, "touches", late) | {"exposures": _days([at], truth.timezone)}


def days_of_visit_or_purchase(kind: str) -> Callable[[Json], dict[str, Days]]:
    """Return a function for the day of an event at its site and the days that its outcomes are credited to."""

    def compute_days(late: Json) -> dict[str, Days]:
        zone = build_spring_tenant().truth.zone_of(late["site"])
        return _outcome_days(_days([to_instant(late["at"])], zone), kind, late)

    return compute_days


def _outcome_days(days: Days, kind: str, late: Json) -> dict[str, Days]:
    both = (*list_outcomes(add_to_truth()), *list_outcomes(add_to_truth(kind, _frozen(late))))
    credited = [outcome.credited_day for outcome in both if to_ordinal(outcome.day) in days and outcome.credited_day]
    return {"outcomes": days, "credits": days, "cohorts": frozenset(map(to_ordinal, credited))}


def days_of_delivery(late: Json) -> dict[str, Days]:
    return {"deliveries": frozenset({to_ordinal(date.fromisoformat(late["day"]))})}


def _frozen(event: Json) -> tuple[tuple[str, Any], ...]:
    return tuple(event.items())


# -- late events ---------------------------------------------------------------------------------------------------


def shift_event(kind: str, at: int, field: str = "at", **by: float) -> Json:
    """Return an event of the spring at another time."""
    event = list_events_by_id(kind)[at]
    return {**event, field: (to_instant(event[field]) + timedelta(**by)).isoformat()}


def list_late_events() -> list[tuple[str, Json, Callable[[Json], dict[str, Days]]]]:
    """Return late events of each kind, close to other events and far from them, with a function of their days."""
    truth, visit = build_spring_tenant().truth, list_events_by_id("visits")[0]
    click = {"user": visit["user"], "campaign": truth.campaigns[1].id, "kind": "click"}
    click["at"] = (to_instant(visit["at"]) - timedelta(days=2)).isoformat()
    delivery = {"campaign": truth.campaigns[0].id, "prints": 5, "clicks": 0, "openings": 0}
    return [
        ("pings", shift_event("pings", 0, seconds=-60), days_of_ping),
        ("pings", shift_event("pings", 7, seconds=899), days_of_ping),
        ("stays", shift_event("stays", 3, "start", days=-30), days_of_stay),
        ("detections", shift_event("detections", 5, minutes=28), days_of_detection),
        ("detections", shift_event("detections", 2, days=-3), days_of_detection),
        ("touches", click, days_of_touch),
        ("touches", {**click, "kind": "control"}, days_of_touch),
        ("visits", shift_event("visits", 3, days=1), days_of_visit_or_purchase("visits")),
        ("purchases", shift_event("purchases", 2, minutes=-1), days_of_visit_or_purchase("purchases")),
        *(("deliveries", {**delivery, "day": day}, days_of_delivery) for day in ("2024-03-19", "2024-03-24")),
    ]


@pytest.fixture
async def app(empty_store: Store) -> IngestApp:
    """Provide the spring, ingested in a store that is watched."""
    watched: Any = WatchedStore(empty_store)
    app = await create_spring_app(watched)
    await app.ingest_all(build_spring_tenant().events)
    return app


@pytest.mark.slow
async def test_late_events_refresh_the_days_they_touch(app: IngestApp) -> None:
    """Check that days that differ are written, and only days that may differ; and the months of these days."""
    for kind, late, compute_days in list_late_events():
        must, may = find_changed_days(add_to_truth(), add_to_truth(kind, _frozen(late))), compute_days(late)
        batch = await assert_replaced(app, must, may, partial(app.ingest_events, kind, [late]))
        await assert_replaced(app, must, may, partial(app.ingest.remove_batch, app.application, batch))


@pytest.mark.slow
async def test_only_days_that_differ_are_written(app: IngestApp) -> None:
    """Ingest every file again, which is appended to the ledger; then a file of deliveries of two days of a week."""
    watched: Any = app.store
    watched.replaced.clear()
    batches = await app.ingest_all(build_spring_tenant().events)
    assert {batch["accepted"] for batch in batches} == {0}
    assert not watched.replaced
    late = [case for case in list_late_events() if case[0] == "deliveries"]
    may = {"deliveries": frozenset(day for _, event, compute_days in late for day in compute_days(event)["deliveries"])}
    must = find_changed_days(add_to_truth(), add_to_truth("deliveries", *(_frozen(event) for _, event, _ in late)))
    await assert_replaced(app, must, may, partial(app.ingest_events, "deliveries", [event for _, event, _ in late]))


async def assert_replaced(
    app: IngestApp, must: Mapping[str, Days], may: Mapping[str, Days], change: Callable[[], Any]
) -> Any:
    """Make a change, and check that it writes the days of facts that it must, and no others than it may."""
    watched: Any = app.store
    watched.replaced.clear()
    result = await change()
    for fact in FACTS:
        replaced = watched.replaced.get(fact.daily_table.name, set())
        assert must[fact.name] <= replaced, (fact.name, "is not written on", must[fact.name] - replaced)
        allowed = must[fact.name] | may.get(fact.name, frozenset())
        assert replaced <= allowed, (fact.name, "is written on", replaced - allowed)
        for table, span in _rollups(fact):  # of single users, only the rollups that differ are written
            assert watched.replaced.get(table, set()) <= set(bucket_numbers(_array(replaced), span).tolist()), table
    return result


def _array(days: Iterable[int]) -> Any:
    return np.array(sorted(days), np.int64)


def _rollups(fact: Fact) -> list[tuple[str, Span]]:
    return [(fact.rollup(grain, span).name, span) for grain in fact.grains for span in grain.spans]
