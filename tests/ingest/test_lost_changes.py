"""No change of settings gets lost, however it meets a rebuild, a publication or the end of a process.

`OKUBE_TEST_CHANGES=500` sends more changes than the quick suite.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
import pytest
from okube_api.applications.repository import APPLICATIONS, ApplicationRepository
from okube_api.catalogue.facts import GEO_STAYS, ROLLUP_VERSIONS
from okube_api.engine.rollup_versions import read_complete_facts
from okube_api.ingest.invalidation import CONFIRMATION_TIME, FACTS_VERSION, FACTS_VERSIONS, PENDING, Invalidation
from okube_api.ingest.service import Ingest
from okube_api.kit.application import Application
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, ResourceChange
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Store
from okube_api.store.values import Json

from tests.ingest.ingest_app import NOW, SECRET, IngestApp, get_fixed_time
from tests.ingest.spring import create_spring_app

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CHANGES = int(os.environ.get("OKUBE_TEST_CHANGES", "40"))
SILENCES = (10, 20, 30, 40)
"""Minutes between the two pairs of pings of each user."""

EMPTY_ROLLUP_VERSIONS = make_arrow_schema(get_stored_types(ROLLUP_VERSIONS)).empty_table()


def count_expected_stays(gap_minutes: int) -> int:
    """Return the number of stays: one for each user whose silence is not longer than the gap, else two."""
    return sum(1 if silence <= gap_minutes else 2 for silence in SILENCES)


def build_pings(app: IngestApp, silence: int) -> list[Json]:
    """Return two pings, a silence of so many minutes, and two pings, at the first site."""
    place = app.truth.sites[0].coordinates
    assert place is not None
    minutes = (0, 3, 3 + silence, 6 + silence)
    return [
        {"user": f"silent {silence}", "at": f"2024-03-28T10:{at:02}:00Z", "lng": place[0], "lat": place[1]}
        for at in minutes
    ]


async def open_app(store: Store) -> IngestApp:
    """Return an application with the pings of all users."""
    app = await create_spring_app(store)
    await app.ingest_events("pings", [ping for silence in SILENCES for ping in build_pings(app, silence)])
    return app


async def count_stays(app: IngestApp) -> int:
    """Return the number of stays inside the first site."""
    async with app.store.open_reader(app.application.id) as reader:
        rows = [row async for block in reader.read_parts(GEO_STAYS.table, 0, 10**6) for row in block.to_pylist()]
    return sum(row["place"] == app.truth.sites[0].id and row["zone"] == "indoor" for row in rows)


async def read_complete(app: IngestApp) -> frozenset[str]:
    """Return the names of the facts whose newest rollups are complete."""
    async with app.store.open_reader(app.application.id) as reader:
        return await read_complete_facts(reader)


def open_repository(app: IngestApp, invalidation: Invalidation) -> ApplicationRepository:
    """Return a repository whose changes are invalidated."""
    changes = ChangePublisher()
    changes.subscribe(invalidation.invalidate)
    return ApplicationRepository(app.store, get_fixed_time, changes)


def set_gap(gap_minutes: int) -> Json:
    """Return the fields of a change of the application."""
    return {"settings": {"stays": {"gapMinutes": gap_minutes}}}


@asynccontextmanager
async def announce(app: IngestApp, invalidation: Invalidation) -> AsyncIterator[None]:
    """Invalidate all facts around a write."""
    own = app.application.id
    async with invalidation.invalidate(own, (ResourceChange("applications", (own,), ChangeKind.SETTINGS),)):
        yield


async def write_gap(app: IngestApp, gap_minutes: int) -> None:
    """Write the gap as a repository does, without an invalidation."""
    await app.store.update(APPLICATIONS, equal("_id", app.application.id), set_gap(gap_minutes))


async def test_change_that_is_written_after_a_rebuild_has_read_its_invalidation(empty_store: Store) -> None:
    app = await open_app(empty_store)
    writer, rebuilder = Invalidation(app.ingest), Invalidation(Ingest(empty_store, get_fixed_time, SECRET))
    async with announce(app, writer):
        async with announce(app, rebuilder):  # another change, whose rebuild reads both invalidations
            pass
        await rebuilder.drain()
        await write_gap(app, 25)
    await writer.drain()
    assert await count_stays(app) == count_expected_stays(25)
    assert await empty_store.find(PENDING, EVERYTHING) == []


async def test_change_of_a_process_that_ends_after_its_write(empty_store: Store) -> None:
    """Leave the invalidation as it is before the write; rebuild when nobody can be writing any more."""
    app = await open_app(empty_store)
    writing = announce(app, Invalidation(app.ingest))
    await writing.__aenter__()
    await write_gap(app, 25)
    await Invalidation(Ingest(empty_store, get_fixed_time, SECRET)).resume()
    assert await count_stays(app) == count_expected_stays(15)
    later = Ingest(empty_store, lambda: NOW + CONFIRMATION_TIME + timedelta(seconds=1), SECRET)
    await Invalidation(later).resume()
    assert await count_stays(app) == count_expected_stays(25)
    assert await empty_store.find(PENDING, EVERYTHING) == []


async def test_change_back_by_a_writer_with_an_old_document(empty_store: Store) -> None:
    """Let a second change equal the document that its writer has read, but not the one that it replaces."""
    app = await open_app(empty_store)
    invalidation = Invalidation(app.ingest)
    applications = open_repository(app, invalidation)
    document = await applications.update(await applications.get_by_name(app.application.id), set_gap(15))
    await applications.update(document, set_gap(25))
    await invalidation.drain()
    await applications.update(document, {"name": "Renamed", **set_gap(15)})
    await invalidation.drain()
    assert await count_stays(app) == count_expected_stays(15)


async def test_publication_by_a_request_that_began_before_the_change(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    for silence in SILENCES[:2]:
        await app.ingest_events("pings", build_pings(app, silence))
    invalidation = Invalidation(app.ingest)
    applications = open_repository(app, invalidation)
    await applications.update(await applications.get_by_name(app.application.id), set_gap(25))
    await invalidation.drain()
    for silence in SILENCES[2:]:  # with the settings that the request has read
        assert app.application.settings.stays.gap_minutes == 15
        await app.ingest_events("pings", build_pings(app, silence))
    assert await count_stays(app) == count_expected_stays(25)


async def test_refused_change_rebuilds_nothing(empty_store: Store) -> None:
    app = await open_app(empty_store)
    invalidation = Invalidation(app.ingest)
    applications = open_repository(app, invalidation)
    other = await applications.create({"key": "other"})
    document = await applications.get_by_name(app.application.id)
    with pytest.raises(Exception, match="has the key 'other'"):
        await applications.update(document, {"key": other["key"], **set_gap(25)})
    assert await empty_store.find(PENDING, EVERYTHING) == []


async def test_hammered_changes_end_with_facts_of_the_last_one(empty_store: Store) -> None:
    """Change the gap again and again, in two processes, at any time of the rebuilds of earlier changes."""
    app, dice = await open_app(empty_store), random.Random()  # not seeded: the test must pass at any instant
    processes = [Invalidation(Ingest(empty_store, get_fixed_time, SECRET)) for _ in range(2)]
    repositories = [open_repository(app, process) for process in processes]
    for _ in range(CHANGES):
        applications, gap = dice.choice(repositories), dice.choice((5, *SILENCES))
        await applications.update(await applications.get_by_name(app.application.id), set_gap(gap))
        await anyio.sleep(dice.choice((0, 0, 0.005, 0.03)))
        if dice.random() < 0.3:
            await asyncio.gather(*(process.drain() for process in processes))
            assert await count_stays(app) == count_expected_stays(gap)
    await asyncio.gather(*(process.drain() for process in processes))
    stored = Application.from_document(await repositories[0].get_by_name(app.application.id))
    gap_minutes = stored.settings.stays.gap_minutes
    assert isinstance(gap_minutes, int)
    assert await count_stays(app) == count_expected_stays(gap_minutes)
    assert await empty_store.find(PENDING, EVERYTHING) == []


async def test_facts_of_an_earlier_version_are_rebuilt(empty_store: Store) -> None:
    app = await open_app(empty_store)
    await write_gap(app, 25)  # stands for another derivation
    invalidation = Invalidation(app.ingest)
    await invalidation.request_upgrade()
    assert await invalidation.is_stale(app.application.id)
    await invalidation.resume()
    assert await count_stays(app) == count_expected_stays(25)
    assert not await invalidation.is_stale(app.application.id)
    await invalidation.request_upgrade()
    assert not await invalidation.is_stale(app.application.id)
    await empty_store.update(FACTS_VERSIONS, EVERYTHING, {"version": FACTS_VERSION - 1})
    await invalidation.request_upgrade()
    assert await invalidation.is_stale(app.application.id)


async def test_rollups_of_an_earlier_version_are_complete_after_the_rebuild(empty_store: Store) -> None:
    """Batches of the present version do not complete the rollups of earlier days."""
    app = await open_app(empty_store)
    assert await read_complete(app) == {"geo_stays"}
    async with empty_store.begin_change(app.application.id, "an earlier version") as change:
        await change.replace(ROLLUP_VERSIONS, [0], EMPTY_ROLLUP_VERSIONS)
        await change.commit()
    await app.ingest_events("pings", build_pings(app, 5))
    assert not await read_complete(app)
    invalidation = Invalidation(app.ingest)
    await empty_store.update(FACTS_VERSIONS, EVERYTHING, {"version": FACTS_VERSION - 1})
    await invalidation.request_upgrade()
    await invalidation.resume()
    assert await read_complete(app) == {"geo_stays"}


async def test_rebuild_of_one_application_does_not_wait_for_another(empty_store: Store) -> None:
    app = await open_app(empty_store)
    invalidation = Invalidation(app.ingest)
    busy = {"_id": "f" * 24, "application": "e" * 24, "kinds": ["pings"], "version": 1, "confirmed": True}
    await empty_store.insert(PENDING, [busy])
    await empty_store.insert(APPLICATIONS, [app.document | {"_id": "e" * 24, "key": "busy"}])
    async with app.ingest._leases.hold("e" * 24):  # as if its rebuild were under way
        async with announce(app, invalidation):
            await write_gap(app, 25)
        await invalidation.resume_in_background()
        await invalidation.drain(app.application.id)
        assert await count_stays(app) == count_expected_stays(25)
    await invalidation.resume()
