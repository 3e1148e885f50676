"""The generated year of the demo: every KPI equals its value computed by hand from the events of the generator."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from okube_api.api.container import Services, build_services
from okube_api.applications.repository import APPLICATIONS
from okube_api.catalogue.kpi import Module
from okube_api.clock import DAY_S
from okube_api.demo.fill import DemoServices, fill_applications
from okube_api.demo.generator.events import generate_events
from okube_api.demo.generator.visits import FOLLOW_UP_DAYS
from okube_api.demo.generator.world import World, build_worlds
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.values import Json
from okube_api.store_schema import SCHEMA

from tests.by_hand import conversion, geomarketing, presence
from tests.by_hand import truth as by_hand
from tests.by_hand.places import NEW_MATCH_RULE, Shape, build_zone_rules, find_zones
from tests.by_hand.question import Question
from tests.by_hand.sessions import NEW_STAY_RULE, derive_stays
from tests.by_hand.truth import Truth
from tests.engine import ask_conversion
from tests.engine.ask import ask
from tests.ingest.ingest_app import SECRET, get_fixed_time

pytestmark = pytest.mark.anyio

UNTIL = date(2025, 1, 5)  # a year with a leap day, both changes of daylight-saving time and the end of an ISO year
DEEP = "OKUBE_FUZZ" in os.environ  # more events and all questions, which takes minutes to compute by hand
SCALE = 0.01 if DEEP else 0.002
Rows = dict[str, list[Json]]


@dataclass(frozen=True)
class Demo:
    """The demo in a store, and the events of its larger application."""

    services: Services
    truth: Truth
    application: str


@pytest.fixture(scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    """Fill a store with the demo."""
    store = open_store(f"duckdb:{tmp_path_factory.mktemp('demo') / 'okube.duckdb'}", SCHEMA)
    await store.start()
    try:
        services = build_services(Settings(), store, get_fixed_time, SECRET)
        world = build_worlds(UNTIL, SCALE)[0]
        await fill_applications(demo_services(services), UNTIL, scale=SCALE)
        document = await store.get(APPLICATIONS, equal("key", world.key))
        assert document is not None
        documents = {
            name: await store.find(collection, equal("application", document["_id"]))
            for name, collection in ((each.name, each) for each in SCHEMA.collections)
            if "application" in collection.fields
        }
        events = {kind: rows.to_pylist() for kind, rows in generate_events(world)}
        yield Demo(services, build_truth(world, documents, events), document["_id"])
    finally:
        await store.close()


def demo_services(services: Services) -> DemoServices:
    names = ("applications", "sites", "pois", "levers", "campaigns", "studies", "equipments", "ingest")
    return DemoServices(*(getattr(services, name) for name in names))


# -- the events of the generator as a truth -----------------------------------------------------------------------


def build_truth(world: World, documents: dict[str, list[Json]], events: Rows) -> Truth:
    ids = {
        name: {document["key"]: document["_id"] for document in collection if "key" in document}
        for name, collection in documents.items()
    }
    sites, pois, campaigns, equipments = (ids[name] for name in ("sites", "pois", "campaigns", "equipments"))
    stays = [
        by_hand.Stay(
            row["user"], sites[row["site"]] if row["site"] else pois[row["poi"]], row["zone"], to_utc(row["start"]),
            row["duration_s"],
        )
        for row in events["stays"]
    ]  # fmt: skip
    return Truth(
        sites=[build_place(site) for site in documents["sites"]],
        pois=[build_place(poi) for poi in documents["pois"]],
        equipments=[by_hand.Equipment(each["_id"], each["key"], each["site"]) for each in documents["equipments"]],
        studies=[
            by_hand.Study(study["_id"], study["key"], tuple(study["sites"]), tuple(study["pois"]))
            for study in documents["studies"]
        ],
        campaigns=[build_campaign(campaign) for campaign in documents["campaigns"]],
        areas=[by_hand.Area(row["code"], row["name"], row["lng"], row["lat"]) for row in events["areas"]],
        panelists=[
            by_hand.Panelist(**{**row, "weight": Fraction(round(row["weight"] * 1000), 1000)})
            for row in events["panelists"]
        ],
        stays=stays + derive_ping_stays(documents, events["pings"]),
        detections=[
            by_hand.Detection(row["device"], equipments[row["equipment"]], to_utc(row["at"]))
            for row in events["detections"]
        ],
        touches=[
            by_hand.Touch(row["user"], campaigns[row["campaign"]], to_utc(row["at"]), row["kind"])
            for row in events["touches"]
        ],
        deliveries=[
            by_hand.Delivery(
                **{**row, "campaign": campaigns[row["campaign"]], "site": sites[row["site"]] if row["site"] else None}
            )
            for row in events["deliveries"]
        ],
        visits=[by_hand.Visit(row["user"], sites[row["site"]], to_utc(row["at"])) for row in events["visits"]],
        purchases=[
            by_hand.Purchase(
                row["user"], sites[row["site"]], to_utc(row["at"]), Fraction(str(row["amount"])), row["order"]
            )
            for row in events["purchases"]
        ],
    )


def to_utc(value: Any) -> datetime:
    return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromisoformat(value)


def build_place(document: Json) -> by_hand.Place:
    coordinates = document.get("coordinates")
    return by_hand.Place(
        document["_id"],
        document["key"],
        document["names"][0] if document.get("names") else document["name"],
        tuple(coordinates) if coordinates else None,
        online=bool(document.get("online")),
        tags=frozenset(document.get("tags") or ()),
    )


def build_campaign(document: Json) -> by_hand.Campaign:
    return by_hand.Campaign(
        document["_id"],
        document["key"],
        document["lever"],
        document["name"],
        tuple(document.get("sites") or ()),
        date.fromisoformat(document["from"]),
        date.fromisoformat(document["to"]),
        frozenset(f"{name}:{value}" for name, value in document["extra"].items()),
        tuple(by_hand.Cost(cost["type"], Fraction(str(cost["amount"]))) for cost in document["costs"]),
    )


def build_shape(document: Json) -> Shape:
    return Shape(document["_id"], tuple(document["coordinates"]), document["radius"])


def derive_ping_stays(documents: dict[str, list[Json]], rows: list[Json]) -> list[by_hand.Stay]:
    """Return the stays of pings by the rule of new applications."""
    places = [*documents["sites"], *documents["pois"]]
    shapes = [build_shape(document) for document in places if document.get("coordinates")]
    pings = [
        by_hand.Ping(row["user"], to_utc(row["at"]), find_zones(shapes, (row["lng"], row["lat"]), NEW_MATCH_RULE))
        for row in rows
    ]
    return derive_stays(pings, NEW_STAY_RULE, build_zone_rules(shapes, NEW_MATCH_RULE))


# -- questions ---------------------------------------------------------------------------------------------------

PERIODS = (
    ("histogram", "month", date(2024, 1, 7), date(2025, 1, 5)),
    ("aggregation", "week", date(2024, 3, 18), date(2024, 11, 3)),
)


def question_id(question: Question) -> str:
    return f"{question.scope}-{question.mode}"


def build_questions(*scopes: str) -> list[Question]:
    """Return a question by each scope, over one of the periods in turn; with DEEP over both."""
    by_period = [[Question(first, last, mode, granularity, scope, uplift=mode == "histogram") for scope in scopes]
            for mode, granularity, first, last in PERIODS]  # fmt: skip
    return [*by_period[0], *by_period[1]] if DEEP else [by_period[number % 2][number] for number in range(len(scopes))]


@pytest.mark.parametrize("question", build_questions("globals", "homes", "sites"), ids=question_id)
async def test_geo_marketing(demo: Demo, question: Question) -> None:
    study = next(study.id for study in demo.truth.studies if study.key == "all")
    question = replace(question, study=study)
    kpis = tuple(kpi for kpi, definition in geomarketing.KPIS.items() if question.scope in definition.scopes)
    async with demo.services.store.open_reader(demo.application) as reader:
        answers = await ask(reader, demo.truth, Module.GEO_MARKETING, kpis, question)
    for kpi, answer in zip(kpis, answers, strict=True):
        assert answer == geomarketing.geomarketing(demo.truth, kpi, question), kpi


@pytest.mark.parametrize(
    "question", build_questions("levers", "globals", *(("campaigns", "sites") if DEEP else ())), ids=question_id
)
async def test_conversion(demo: Demo, question: Question) -> None:
    kpis = tuple(kpi for kpi in conversion.KPIS if question.scope in conversion.scopes(kpi))
    async with demo.services.store.open_reader(demo.application) as reader:
        answers = await ask_conversion.ask(reader, demo.truth, kpis, question)
    for kpi, answer in zip(kpis, answers, strict=True):
        assert answer == conversion.conversion(demo.truth, kpi, question), kpi


@pytest.mark.parametrize("question", build_questions("sites", "globals", "equipments"), ids=question_id)
async def test_presence(demo: Demo, question: Question) -> None:
    question = replace(question, uplift=False)
    kpis = tuple(kpi for kpi in presence.KPIS if question.scope in presence.scopes(kpi))
    async with demo.services.store.open_reader(demo.application) as reader:
        answers = await ask(reader, demo.truth, Module.PRESENCE, kpis, question)
    for kpi, answer in zip(kpis, answers, strict=True):
        assert answer == presence.presence(demo.truth, kpi, question), kpi


# -- the generator -----------------------------------------------------------------------------------------------


def test_same_world_gives_the_same_events() -> None:
    first, second = (list(generate_events(build_worlds(UNTIL, SCALE)[0])) for _ in range(2))
    assert [kind for kind, _ in first] == [kind for kind, _ in second]
    assert all(rows.equals(repeated) for (_, rows), (_, repeated) in zip(first, second, strict=True))


def test_exposed_users_visit_more_often_by_the_lift_of_the_world() -> None:
    """Compare visits in the days after a touch with those of the control group."""
    world = build_worlds(UNTIL)[0]
    events = dict(generate_events(world))
    visits: dict[str, list[float]] = {}
    for user, at in zip(*(events["visits"][name].to_pylist() for name in ("user", "at")), strict=True):
        visits.setdefault(user, []).append(to_utc(at).timestamp())
    counts: dict[bool, list[int]] = {True: [], False: []}
    for touch in events["touches"].to_pylist():
        at = to_utc(touch["at"]).timestamp()
        after = [visit for visit in visits.get(touch["user"], ()) if at < visit <= at + FOLLOW_UP_DAYS * DAY_S]
        counts[touch["kind"] == "control"].append(len(after))
    lift = np.mean(counts[False]) / np.mean(counts[True]) - 1
    assert lift == pytest.approx(world.lift, abs=0.25)  # touches of the same user share its visits
    assert lift > 0.2


async def test_both_applications_exist(demo: Demo) -> None:
    applications = await demo.services.store.find(APPLICATIONS, EVERYTHING)
    assert sorted(application["key"] for application in applications) == ["maison-lumen", "petit-quai"]
