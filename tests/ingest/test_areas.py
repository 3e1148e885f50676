"""Areas that several writers upsert at the same time, or again without a change."""

import asyncio

import pytest
from okube_api.areas.repository import AREAS, AreaRepository
from okube_api.store.conditions import EVERYTHING
from okube_api.store.protocol import Store
from okube_api.store.values import Json

from tests.ingest.ingest_app import get_fixed_time

pytestmark = pytest.mark.anyio

APPLICATION = "a" * 24


def build_area(number: int, name: str) -> Json:
    """Return the values of an area."""
    return {"code": f"75056{number:04}", "name": name, "lng": 2.35, "lat": 48.85 + number / 100, "geometry": None}


async def test_concurrent_upserts_count_every_change(empty_store: Store) -> None:
    names = [f"Name {number}" for number in range(3)]
    repositories = [AreaRepository(empty_store, get_fixed_time) for _ in names]
    await asyncio.gather(
        *(
            repository.upsert(APPLICATION, [build_area(1, name), build_area(2, name)])
            for repository, name in zip(repositories, names, strict=True)
        )
    )
    stored = await empty_store.find(AREAS, EVERYTHING)
    assert [document["version"] for document in stored] == [len(names)] * 2
    assert len({document["name"] for document in stored}) == 1


async def test_unchanged_areas_keep_their_version(empty_store: Store) -> None:
    areas = AreaRepository(empty_store, get_fixed_time)
    await areas.upsert(APPLICATION, [build_area(1, "Halles"), build_area(2, "Vaise")])
    before = await empty_store.find(AREAS, EVERYTHING)
    await areas.upsert(APPLICATION, [build_area(1, "Halles"), build_area(2, "Croix-Rousse")])
    after = await empty_store.find(AREAS, EVERYTHING)
    assert after[0] == before[0]
    assert (after[1]["version"], after[1]["name"]) == (2, "Croix-Rousse")
