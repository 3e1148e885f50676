"""The demo in a store, and the events of its generator as a truth."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from okube_api.api.container import Services, build_services
from okube_api.applications.repository import APPLICATIONS
from okube_api.demo.fill import DemoServices, fill_applications
from okube_api.demo.generator.events import generate_events
from okube_api.demo.generator.world import World, build_worlds
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store.conditions import equal
from okube_api.store.values import Json
from okube_api.store_schema import SCHEMA

from tests.by_hand import truth as by_hand
from tests.by_hand.places import NEW_MATCH_RULE, Shape, build_zone_rules, find_zones
from tests.by_hand.sessions import NEW_STAY_RULE, derive_stays
from tests.by_hand.truth import Truth
from tests.ingest.ingest_app import SECRET, get_fixed_time

UNTIL = date(2025, 1, 5)  # the last year has a leap day, two clock changes and the end of an ISO year
DEEP = "OKUBE_FUZZ" in os.environ  # more events and all questions, which takes minutes to compute by hand
SCALE = 0.01 if DEEP else 0.002
Rows = dict[str, list[Json]]


@dataclass(frozen=True)
class FilledDemo:
    """The demo in a store, and the resources and events of its larger application."""

    services: Services
    world: World
    truth: Truth
    application: str


@asynccontextmanager
async def fill_demo(folder: Path) -> AsyncIterator[FilledDemo]:
    """Fill a store with the demo."""
    store = open_store(f"duckdb:{folder / 'okube.duckdb'}", SCHEMA)
    await store.start()
    try:
        services = build_services(Settings(), store, get_fixed_time, SECRET)
        world = build_worlds(UNTIL, SCALE)[0]
        await fill_applications(get_demo_services(services), UNTIL, scale=SCALE)
        document = await store.get(APPLICATIONS, equal("key", world.key))
        assert document is not None
        documents = {
            name: await store.find(collection, equal("application", document["_id"]))
            for name, collection in ((each.name, each) for each in SCHEMA.collections)
            if "application" in collection.fields
        }
        events = {kind: rows.to_pylist() for kind, rows in generate_events(world)}
        yield FilledDemo(services, world, build_truth(world, documents, events), document["_id"])
    finally:
        await store.close()


def get_demo_services(services: Services) -> DemoServices:
    names = ("applications", "sites", "pois", "levers", "campaigns", "studies", "equipments", "ingest")
    return DemoServices(*(getattr(services, name) for name in names))


# -- the events of the generator as a truth ----------------------------------------------------------------------


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
