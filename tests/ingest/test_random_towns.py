"""Stays of random towns, ingested, against plain Python: the shapes of places, the walk along the pings, the settings.

`OKUBE_FUZZ` sets the number of towns.
"""

import os
from dataclasses import replace
from itertools import count
from random import Random

import pytest
from okube_api.catalogue.facts import GEO_STAYS
from okube_api.kit.application import NEW_STAYS, Application, Stays
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.protocol import Store

from tests.by_hand.sessions import to_ms
from tests.by_hand.truth import Panelist, Truth
from tests.ingest.ingest_app import IngestApp
from tests.ingest.random_towns import PEOPLE, build_town
from tests.ingest.town_truth import derive_town_stays
from tests.truth.tenant import Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NUMBERS = count(0x2000)
TOWNS = int(os.environ.get("OKUBE_FUZZ", "1"))


def draw_settings(dice: Random) -> Stays:
    """Return any settings of stays."""
    return Stays.model_validate(
        {
            "overlap": dice.choice(("nearest", "every")),
            "snapMeters": dice.choice((0, 10, 30, 60)),
            "gapMinutes": dice.choice(("auto", 5, 15, 40)),
            "endAfterElsewhere": dice.choice((0, 1, 3)),
            "minimumShare": dice.choice((0, 0.5, 0.6)),
            "minimumSeconds": dice.choice((0, 60, 120)),
            "walkingSpeed": dice.choice((None, 0.8)),
            "dwell": dice.choice(("observed", "expected")),
            "maximumAccuracy": dice.choice((None, 20)),
            "maximumSpeed": dice.choice((None, 1.5)),
            "ignoreJumps": dice.choice((False, True)),
        }
    )


@pytest.mark.parametrize("settings", ["new", "any"])
async def test_stays_equal_those_of_plain_python(shared_store: Store, settings: str) -> None:
    for number in range(TOWNS):
        dice = Random(f"{settings} {number}")
        stays = NEW_STAYS if settings == "new" else draw_settings(dice)
        town = build_town(next(NUMBERS), dice, circles=stays.overlap == "nearest")  # else circles are matched by cells
        app = IngestApp(shared_store, Tenant(town.id, town.id, "Town", {}, Truth(), {}))
        app.document["settings"] = {"stays": stays.model_dump(by_alias=True)}
        app.application = Application.from_document(app.document)
        await app.create_documents()
        await shared_store.insert(SITES, town.sites)
        await shared_store.insert(POIS, town.pois)
        for part in (town.pings[::2], town.pings[1::2]):  # the second file adds pings between those of the first
            await app.ingest_events("pings", part)
        expected = derive_town_stays(town, stays)
        app.truth = replace(Truth(), panelists=[Panelist(f"person {person}") for person in range(PEOPLE)])
        rows = (await app.read_tables([GEO_STAYS]))[GEO_STAYS.table.name]
        actual = sorted((row["user"], row["place"], row["zone"], row["start"], row["dwell_s"]) for row in rows)
        assert len(actual) > 20
        assert actual == sorted(
            (stay.user, stay.place, stay.zone, to_ms(stay.start), stay.dwell_s) for stay in expected
        )
