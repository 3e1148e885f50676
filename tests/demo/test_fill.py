"""The demonstration's made-up year: what the generator says happened is what every KPI answers."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from math import cos, hypot, radians
from typing import Any

import numpy as np
import pytest
from okube_api.api.container import Services, build_services
from okube_api.applications.repository import APPLICATIONS
from okube_api.catalogue.kpi import Module
from okube_api.demo.fill import DemoServices, fill_applications
from okube_api.demo.generator.events import generate_events
from okube_api.demo.generator.marketing import FOLLOW_UP_DAYS
from okube_api.demo.generator.world import METRES_PER_DEGREE, World, build_worlds
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.values import Json
from okube_api.store_schema import SCHEMA

from tests.by_hand import conversion, geomarketing, presence
from tests.by_hand import truth as happened
from tests.by_hand.question import Question
from tests.by_hand.sessions import stays_of_pings
from tests.by_hand.truth import Truth
from tests.engine import ask_conversion
from tests.engine.ask import ask
from tests.ingest.land import SECRET, clock

pytestmark = pytest.mark.anyio

UNTIL = date(2025, 1, 5)  # so that the year holds an ISO week 53's neighbour, both changes of clocks and a leap day
DEEP = "OKUBE_FUZZ" in os.environ  # a larger year, and every question: by hand that takes minutes
SCALE = 0.01 if DEEP else 0.002
WALLS_M = 40.0  # pings nearer than that to a site are indoor
Rows = dict[str, list[Json]]


@dataclass(frozen=True)
class Filled:
    """The demonstration in a store, and what happened in its larger application."""

    services: Services
    truth: Truth
    application: str


@pytest.fixture(scope="module")
async def filled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Filled]:
    store = open_store(f"duckdb:{tmp_path_factory.mktemp('demo') / 'okube.duckdb'}", SCHEMA)
    await store.start()
    try:
        services = build_services(Settings(), store, clock, SECRET)
        world = build_worlds(UNTIL, SCALE)[0]
        await fill_applications(places(services), UNTIL, scale=SCALE)
        document = await store.get(APPLICATIONS, equal("key", world.key))
        assert document is not None
        documents = {
            name: await store.find(collection, equal("application", document["_id"]))
            for name, collection in ((one.name, one) for one in SCHEMA.collections)
            if "application" in collection.fields
        }
        told = {kind: rows.to_pylist() for kind, rows in generate_events(world)}
        yield Filled(services, truth_of(world, documents, told), document["_id"])
    finally:
        await store.close()


def places(services: Services) -> DemoServices:
    names = ("applications", "sites", "pois", "levers", "campaigns", "studies", "equipments", "ingest")
    return DemoServices(*(getattr(services, name) for name in names))


# -- the generator's own list as a truth -------------------------------------------------------------------------


def truth_of(world: World, documents: dict[str, list[Json]], told: Rows) -> Truth:
    ids = {name: {one["key"]: one["_id"] for one in some if "key" in one} for name, some in documents.items()}
    sites, pois, campaigns, equipments = (ids[name] for name in ("sites", "pois", "campaigns", "equipments"))
    stays = [
        happened.Stay(
            row["user"], sites[row["site"]] if row["site"] else pois[row["poi"]], row["zone"], instant(row["start"]),
            row["duration_s"],
        )
        for row in told["stays"]
    ]  # fmt: skip
    return Truth(
        sites=[place(one) for one in documents["sites"]],
        pois=[place(one) for one in documents["pois"]],
        equipments=[happened.Equipment(one["_id"], one["key"], one["site"]) for one in documents["equipments"]],
        studies=[
            happened.Study(one["_id"], one["key"], tuple(one["sites"]), tuple(one["pois"]))
            for one in documents["studies"]
        ],
        campaigns=[campaign(one) for one in documents["campaigns"]],
        areas=[happened.Area(row["code"], row["name"], row["lng"], row["lat"]) for row in told["areas"]],
        panelists=[
            happened.Panelist(**{**row, "weight": Fraction(round(row["weight"] * 1000), 1000)})
            for row in told["panelists"]
        ],
        stays=stays + stays_of_pings([ping(world, sites, row) for row in told["pings"]]),
        detections=[
            happened.Detection(row["device"], equipments[row["equipment"]], instant(row["at"]))
            for row in told["detections"]
        ],
        touches=[
            happened.Touch(row["user"], campaigns[row["campaign"]], instant(row["at"]), row["kind"])
            for row in told["touches"]
        ],
        deliveries=[
            happened.Delivery(
                **{**row, "campaign": campaigns[row["campaign"]], "site": sites[row["site"]] if row["site"] else None}
            )
            for row in told["deliveries"]
        ],
        visits=[happened.Visit(row["user"], sites[row["site"]], instant(row["at"])) for row in told["visits"]],
        purchases=[
            happened.Purchase(
                row["user"], sites[row["site"]], instant(row["at"]), Fraction(str(row["amount"])), row["order"]
            )
            for row in told["purchases"]
        ],
    )


def instant(value: Any) -> datetime:
    return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromisoformat(value)


def place(one: Json) -> happened.Place:
    where = one.get("coordinates")
    return happened.Place(
        one["_id"],
        one["key"],
        one["names"][0] if one.get("names") else one["name"],
        tuple(where) if where else None,
        online=bool(one.get("online")),
        tags=frozenset(one.get("tags") or ()),
    )


def campaign(one: Json) -> happened.Campaign:
    return happened.Campaign(
        one["_id"],
        one["key"],
        one["lever"],
        one["name"],
        tuple(one.get("sites") or ()),
        date.fromisoformat(one["from"]),
        date.fromisoformat(one["to"]),
        frozenset(f"{name}:{value}" for name, value in one["extra"].items()),
        tuple(happened.Cost(cost["type"], Fraction(str(cost["amount"]))) for cost in one["costs"]),
    )


def ping(world: World, sites: dict[str, str], row: Json) -> happened.Ping:
    """At the nearest site, within its walls or before them; places of interest lie further away than that."""

    def metres(spot: Any) -> float:
        lng, lat = spot.coordinates
        east = (row["lng"] - lng) * cos(radians(lat))
        return METRES_PER_DEGREE * hypot(east, row["lat"] - lat)

    nearest = min((spot for spot in world.sites if spot.coordinates), key=metres)
    zone = "indoor" if metres(nearest) < WALLS_M else "outdoor"
    return happened.Ping(row["user"], instant(row["at"]), ((sites[nearest.key], zone),))


# -- questions ---------------------------------------------------------------------------------------------------

PERIODS = (
    ("histogram", "month", date(2024, 1, 7), date(2025, 1, 5)),
    ("aggregation", "week", date(2024, 3, 18), date(2024, 11, 3)),
)


def named(asked: Question) -> str:
    return f"{asked.scope}-{asked.mode}"


def questions(*scopes: str) -> list[Question]:
    """By each scope, over a period; over both where time does not matter."""
    both = [[Question(first, last, mode, granularity, scope, uplift=mode == "histogram") for scope in scopes]
            for mode, granularity, first, last in PERIODS]  # fmt: skip
    return [*both[0], *both[1]] if DEEP else [both[number % 2][number] for number in range(len(scopes))]


@pytest.mark.parametrize("asked", questions("globals", "homes", "sites"), ids=named)
async def test_geo_marketing(filled: Filled, asked: Question) -> None:
    study = next(one.id for one in filled.truth.studies if one.key == "all")
    asked = replace(asked, study=study)
    kpis = tuple(kpi for kpi, known in geomarketing.KPIS.items() if asked.scope in known.scopes)
    async with filled.services.store.open_reader(filled.application) as reader:
        answers = await ask(reader, filled.truth, Module.GEO_MARKETING, kpis, asked)
    for kpi, found in zip(kpis, answers, strict=True):
        assert found == geomarketing.geomarketing(filled.truth, kpi, asked), kpi


@pytest.mark.parametrize("asked", questions("levers", "globals", *(("campaigns", "sites") if DEEP else ())), ids=named)
async def test_conversion(filled: Filled, asked: Question) -> None:
    kpis = tuple(kpi for kpi in conversion.KPIS if asked.scope in conversion.scopes(kpi))
    async with filled.services.store.open_reader(filled.application) as reader:
        answers = await ask_conversion.ask(reader, filled.truth, kpis, asked)
    for kpi, found in zip(kpis, answers, strict=True):
        assert found == conversion.conversion(filled.truth, kpi, asked), kpi


@pytest.mark.parametrize("asked", questions("sites", "globals", "equipments"), ids=named)
async def test_presence(filled: Filled, asked: Question) -> None:
    asked = replace(asked, uplift=False)
    kpis = tuple(kpi for kpi in presence.KPIS if asked.scope in presence.scopes(kpi))
    async with filled.services.store.open_reader(filled.application) as reader:
        answers = await ask(reader, filled.truth, Module.PRESENCE, kpis, asked)
    for kpi, found in zip(kpis, answers, strict=True):
        assert found == presence.presence(filled.truth, kpi, asked), kpi


# -- the generator -----------------------------------------------------------------------------------------------


def test_the_same_world_happens_again() -> None:
    first, second = (list(generate_events(build_worlds(UNTIL, SCALE)[0])) for _ in range(2))
    assert [kind for kind, _ in first] == [kind for kind, _ in second]
    assert all(one.equals(other) for (_, one), (_, other) in zip(first, second, strict=True))


def test_the_exposed_come_as_much_more_often_as_the_world_says() -> None:
    """In the days after a touch, against those who were touched by nothing but left out on purpose."""
    world = build_worlds(UNTIL)[0]
    told = dict(generate_events(world))
    visits: dict[str, list[float]] = {}
    for user, at in zip(*(told["visits"][name].to_pylist() for name in ("user", "at")), strict=True):
        visits.setdefault(user, []).append(instant(at).timestamp())
    came: dict[bool, list[int]] = {True: [], False: []}
    for touch in told["touches"].to_pylist():
        at = instant(touch["at"]).timestamp()
        after = [one for one in visits.get(touch["user"], ()) if at < one <= at + FOLLOW_UP_DAYS * 86_400]
        came[touch["kind"] == "control"].append(len(after))
    lift = np.mean(came[False]) / np.mean(came[True]) - 1
    assert lift == pytest.approx(world.lift, abs=0.25)  # of users touched more than once, the touches share visits
    assert lift > 0.2


async def test_both_applications_are_there(filled: Filled) -> None:
    found = await filled.services.store.find(APPLICATIONS, EVERYTHING)
    assert sorted(one["key"] for one in found) == ["maison-lumen", "petit-quai"]
