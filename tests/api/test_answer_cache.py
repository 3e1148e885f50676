"""The answer cache, behind the routes and by itself: a cached answer is the answer that would be computed now."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi.routing import APIRoute
from okube_api.analytics import service
from okube_api.analytics.answer_cache import AnswerCache, CacheEntry, CacheKey, RenderedAnswer, Validity
from okube_api.analytics.rendering import RenderedContent
from okube_api.api import route
from okube_api.api.question_requests import provide_context
from okube_api.api.routes import analytics as routes
from okube_api.auth.repository import Role
from okube_api.catalogue.kpi import Module
from okube_api.engine import run
from okube_api.store.mongo.manifests import POINTERS
from pymongo.asynchronous.collection import AsyncCollection

from tests.api.analytics import World, load_world
from tests.api.server import MovableClock, Server, run_server, share_store
from tests.by_hand.truth import Detection, Equipment, Place, Study, Truth
from tests.engine.stores import fill

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
SESSIONS: Json = {"params": [{"kpi": "sessions", "sites": {"properties": ["name"]}}]}
IDS = (f"5e18{number:020x}" for number in range(0xCAFE00, 0xCAFFFF))


def build_truth(*days_ago: int) -> Truth:
    """Return two sites, and a stay of ten minutes at the first one for each of these days."""
    noon = datetime.now(ZoneInfo("Europe/Paris")).replace(hour=12, minute=0, second=0, microsecond=0)
    site_a, site_b = (Place(next(IDS), f"site-{name}", f"Site {name}") for name in ("a", "b"))
    door = Equipment(next(IDS), f"door-{site_a.id}", site_a.id)
    detections = [
        Detection(f"device-{number}", door.id, noon - timedelta(days=days, minutes=minutes))
        for number, days in enumerate(days_ago)
        for minutes in (0, 10)
    ]
    study = Study(next(IDS), "study", ())
    return Truth(sites=(site_a, site_b), equipments=(door,), studies=(study,), detections=tuple(detections))


@pytest.fixture
async def world(server: Server) -> World:
    """Create an application of the test's own, with three stays."""
    return await load_world(server, build_truth(1, 2, 3))


async def ask(world: World, body: Json = SESSIONS, client: httpx.AsyncClient | None = None, **headers: str) -> Any:
    """Return the answer to a presence question about the last 30 days."""
    url = f"{world.tenant.url}/presence/analytics"
    response = await (client or world.reader).post(url, json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response.text if headers else response.json()


@contextmanager
def record_computed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield a list that gets the application of each question that the engine computes."""
    applications: list[str] = []

    async def answer(question: Any, reader: Any, panels: Any, **limits: Any) -> Any:
        applications.append(question.application)
        return await run.answer(question, reader, panels, **limits)

    with monkeypatch.context() as patch:
        patch.setattr(service, "answer", answer)
        yield applications


async def test_a_repeated_question_is_computed_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with record_computed(monkeypatch) as computed:
        first = await ask(world)
        assert first[0]["data"]["all"] == 3
        assert await ask(world) == first
        assert await ask(world) == first
        assert len(computed) == 1
        await ask(world, {"params": [{"kpi": "sessions"}]})
        assert "sessions" in await ask(world, Accept="text/csv")
        assert len(computed) == 3


async def test_a_question_asked_by_many_at_once_is_computed_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with record_computed(monkeypatch) as computed:
        answers = await asyncio.gather(*(ask(world) for _ in range(5)))
        assert [answer[0]["data"]["all"] for answer in answers] == [3] * 5
        assert len(computed) == 1


async def test_a_question_asked_after_a_change_does_not_share_the_answer_before_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ask, add stays while the first answer is held back, and ask again: the second answer has the stays."""
    is_reading, may_end = asyncio.Event(), asyncio.Event()

    async def hold_back_first(question: Any, reader: Any, panels: Any, **limits: Any) -> Any:
        answer = await run.answer(question, reader, panels, **limits)
        if not is_reading.is_set():
            is_reading.set()
            await may_end.wait()
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(service, "answer", hold_back_first)
        first = asyncio.create_task(ask(world))
        await is_reading.wait()
        await double_stays(world)
        second = await ask(world)
        may_end.set()
        assert [answer[0]["data"]["all"] for answer in (await first, second)] == [3, 6]


@pytest.mark.parametrize("media_type", ["application/json", "text/csv"])
async def test_a_cached_answer_has_the_headers_of_a_computed_one(world: World, media_type: str) -> None:
    url = f"{world.tenant.url}/presence/analytics"
    first, second = [await world.reader.post(url, json=SESSIONS, headers={"Accept": media_type}) for _ in range(2)]
    assert first.content == second.content
    assert first.headers.pop("x-request-id") != second.headers.pop("x-request-id")
    assert first.headers == second.headers


async def test_new_rows_are_in_the_next_answer(world: World) -> None:
    await ask(world)
    before = await ask(world)
    await double_stays(world)
    after = await ask(world)
    assert (before[0]["data"]["all"], after[0]["data"]["all"]) == (3, 6)
    store = world.tenant.server.services.store
    await store.delete_rows(world.tenant.id)
    assert (await ask(world))[0]["data"]["all"] == 0


async def double_stays(world: World) -> None:
    """Replace the rows of the application: each stay is there twice, with another device."""
    more = Truth(**{**vars(world.truth), "detections": (*world.truth.detections, *_copy_detections(world.truth))})
    store = world.tenant.server.services.store
    await store.delete_rows(world.tenant.id)
    await fill(store, world.tenant.id, more)


def _copy_detections(truth: Truth) -> list[Detection]:
    return [Detection(f"{detection.device}-copy", detection.equipment, detection.at) for detection in truth.detections]


async def test_changed_documents_are_in_the_next_answer(world: World) -> None:
    site = world.truth.sites[0]
    url = f"{world.tenant.url}/sites/{site.id}"
    for _ in range(2):
        assert (await ask(world))[1]["data"][site.id]["name"] == "Site a"
    assert (await world.tenant.editor.put(url, json={"name": "Renamed"})).status_code == 200
    for _ in range(2):
        assert (await ask(world))[1]["data"][site.id]["name"] == "Renamed"
    assert (await world.tenant.editor.put(url, json={"active": False})).status_code == 200
    for _ in range(2):
        assert (await ask(world))[0]["data"]["all"] == 0


async def test_a_changed_study_or_application_is_in_the_next_answer(world: World) -> None:
    url = f"{world.tenant.url}/studies/study/geo-marketing/analytics"
    body = {"params": [{"kpi": "timespentPerScope", "temporals": False}]}

    async def read_start_and_bins() -> tuple[str, int]:
        results = (await world.reader.post(url, json=body)).json()
        meta = (await world.reader.post(f"{url}?meta=true", json=body)).json()["meta"]
        return meta["from"], len(results[0]["data"]["all"]["bins"])

    before = await read_start_and_bins()
    assert before == await read_start_and_bins()
    study = {"from": "2024-01-01", "to": "2024-01-31"}
    assert (await world.tenant.editor.put(f"{world.tenant.url}/studies/study", json=study)).status_code == 200
    settings = {"settings": {"bands": {"dwell": [0, 60]}}}
    assert (await world.tenant.admin.put(world.tenant.url, json=settings)).status_code == 200
    await world.tenant.server.services.invalidation.drain()
    assert await read_start_and_bins() == ("2024-01-01", 2) != before


async def test_the_last_thirty_days_move_on(world: World, clock: MovableClock) -> None:
    for _ in range(2):
        assert len((await ask(world))[0]["data"]["temporals"]) == 30
    assert (await ask(world))[0]["data"]["temporals"]["29"] == 1
    clock.ahead = timedelta(days=1)
    for _ in range(2):
        temporals = (await ask(world))[0]["data"]["temporals"]
        assert (temporals["28"], temporals["29"]) == (1, 0)


async def test_only_readers_of_the_application_get_a_cached_answer(world: World, stranger: httpx.AsyncClient) -> None:
    server = world.tenant.server
    url = f"{world.tenant.url}/presence/analytics"
    user = await server.create_user(roles={world.tenant.id: Role.READER})
    client = server.client_of(user)
    for _ in range(2):
        assert (await client.post(url, json=SESSIONS)).status_code == 200
        assert (await stranger.post(url, json=SESSIONS)).status_code == 404
        assert (await server.client().post(url, json=SESSIONS)).status_code == 401
    response = await world.tenant.admin.put(f"{world.tenant.url}/users/{user.id}", json={"disabled": True})
    assert response.status_code == 200, response.text
    assert (await client.post(url, json=SESSIONS)).status_code == 404


async def test_answers_with_meta_or_plan_are_not_cached(world: World) -> None:
    url = f"{world.tenant.url}/presence/analytics?meta=true&explain=true"
    for _ in range(2):
        assert (await world.reader.post(url, json=SESSIONS)).status_code == 403
        assert "plan" in (await world.tenant.admin.post(url, json=SESSIONS)).json()


async def test_refusals_are_not_cached(world: World) -> None:
    url = f"{world.tenant.url}/presence/analytics"
    body = {"filters": {"sites": ["site-c"]}, **SESSIONS}
    for _ in range(2):
        assert (await world.reader.post(url, json=body)).status_code == 422
    await world.tenant.create("sites", name="Site c", key="site-c", online=True)
    assert (await world.reader.post(url, json=body)).status_code == 200


@pytest.mark.parametrize("route", [route for route in routes.router.routes if isinstance(route, APIRoute)])
def test_the_revision_is_read_before_any_document(route: APIRoute) -> None:
    dependencies = route.dependant.dependencies
    if route.methods == {"POST"}:
        assert dependencies[0].call is provide_context
    else:
        assert not dependencies


class ConstantStore:
    """A store whose revision never changes."""

    def revision(self, *collections: Any) -> str:
        return "1"


def test_the_least_recently_used_answers_are_dropped() -> None:
    cache = AnswerCache(ConstantStore(), lambda: datetime.now(UTC), max_bytes=10_000)  # type: ignore[arg-type]
    validity = Validity("a", "UTC", datetime.now(UTC).date(), "1", "1")

    def put(body: bytes, size: int) -> None:
        answer = RenderedAnswer(RenderedContent(b"x" * size, None, size, '"tag"'), Module.PRESENCE)
        cache.put(CacheKey("/", b"", "application/json", body), CacheEntry(answer, validity))

    for number in range(40):
        put(b"%d" % number, 1000)
    assert 3 <= cache.size <= 5
    put(b"large", 2**21)
    assert 3 <= cache.size <= 5
    cache.clear()
    assert cache.size == 0


async def test_repeated_question_reads_no_documents_and_solves_no_dependencies(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(world)

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError(f"{args} {options}")

    monkeypatch.setattr(route, "solve_dependencies", refuse)
    for method in ("get", "find"):
        monkeypatch.setattr(server.services.store, method, refuse)
    assert (await ask(world))[0]["data"]["all"] == 3


async def test_a_warm_question_makes_a_query_for_each_identification_of_its_caller(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Count the queries of the driver for a repeated and a computed answer; the embedded store needs none."""
    queries = ContextVar[list[str]]("queries")  # the tasks of a request have it, those of the server do not
    find = AsyncCollection.find

    def record(collection: Any, *arguments: Any, **options: Any) -> Any:
        queries.get([]).append(collection.name)
        return find(collection, *arguments, **options)

    monkeypatch.setattr(AsyncCollection, "find", record)
    for _ in range(2):
        await ask(world)
    for is_repeated in (True, False):
        if not is_repeated:
            server.services.analytics.answer_cache.clear()
        token = queries.set([])
        assert (await ask(world))[0]["data"]["all"] == 3
        identifications = 1 if is_repeated else 2  # again at the end of a body in two parts, as this client sends it
        assert queries.get() == [POINTERS] * (0 if server.services.store.is_exclusive else identifications)
        queries.reset(token)


# -- two servers


@pytest.fixture(scope="module")
async def second_server(shared_server: Server) -> AsyncIterator[Server]:
    """Run another server with memory of its own: on the same database, or over the store that only one can open."""
    services = shared_server.services
    run = (
        share_store(shared_server) if services.store.is_exclusive else run_server("mongo", services.settings.store_url)
    )
    async with run as server:
        yield server


@pytest.fixture
async def second_reader(world: World, second_server: Server) -> httpx.AsyncClient:
    """Return a client of the other server, which has the answer of `ask` in memory."""
    client = second_server.client_of(world.tenant.users[Role.READER])
    with pytest.MonkeyPatch.context() as patch, record_computed(patch) as computed:
        for _ in range(2):
            assert (await ask(world, client=client))[0]["data"]["all"] == 3
        assert len(computed) == 1
    return client


async def test_resources_that_another_server_changes_are_in_the_next_answer(
    world: World, second_reader: httpx.AsyncClient
) -> None:
    editor, site = world.tenant.editor, world.truth.sites[0]
    for number in range(5):
        name = f"Site {number}"
        response = await editor.put(f"{world.tenant.url}/sites/{site.id}", json={"name": name})
        assert response.status_code == 200, response.text
        assert (await ask(world, client=second_reader))[1]["data"][site.id]["name"] == name
    rows = "".join(f"{place.key},Imported {place.key}\n" for place in world.truth.sites)
    response = await editor.post(
        f"{world.tenant.url}/sites/import", files={"file": ("sites.csv", f"key,name\n{rows}", "text/csv")}
    )
    assert response.json()["updated"] == 2, response.text
    assert (await ask(world, client=second_reader))[1]["data"][site.id]["name"] == f"Imported {site.key}"
    assert (await editor.delete(f"{world.tenant.url}/sites/{site.id}")).status_code == 204
    assert site.id not in (await ask(world, client=second_reader))[1]["data"]


async def test_settings_and_studies_that_another_server_changes_are_in_the_next_answer(
    world: World, second_server: Server
) -> None:
    client = second_server.client_of(world.tenant.users[Role.READER])
    url = f"{world.tenant.url}/studies/study/geo-marketing/analytics?meta=true"
    body = {"params": [{"kpi": "timespentPerScope", "temporals": False}]}
    for day in ("2024-01-05", "2024-01-06"):
        study = {"from": "2024-01-01", "to": day}
        assert (await world.tenant.editor.put(f"{world.tenant.url}/studies/study", json=study)).status_code == 200
        assert (await client.post(url, json=body)).json()["meta"]["to"] == day
    for bands in ([0, 60], [0, 60, 120]):
        settings = {"settings": {"bands": {"dwell": bands}}}
        assert (await world.tenant.admin.put(world.tenant.url, json=settings)).status_code == 200
        bins = (await client.post(url, json=body)).json()["results"][0]["data"]["all"]["bins"]
        assert len(bins) == len(bands)


async def test_rows_that_another_server_writes_are_in_the_next_answer(
    world: World, second_reader: httpx.AsyncClient
) -> None:
    await double_stays(world)
    assert (await ask(world, client=second_reader))[0]["data"]["all"] == 6
    await world.tenant.server.services.store.delete_rows(world.tenant.id)
    assert (await ask(world, client=second_reader))[0]["data"]["all"] == 0


async def test_rights_that_another_server_takes_away_end_at_once(
    world: World, second_reader: httpx.AsyncClient, second_server: Server
) -> None:
    url, question = world.tenant.url, f"{world.tenant.url}/presence/analytics"
    user = world.tenant.users[Role.READER]
    token = world.tenant.server.issue_token(user)
    here, there = world.tenant.server.client(token), second_server.client(token)
    assert (await there.post(question, json=SESSIONS)).status_code == 200
    assert (await here.post("/auth/logout")).status_code == 204
    assert (await there.post(question, json=SESSIONS)).status_code == 401
    assert (await second_reader.post(question, json=SESSIONS)).status_code == 200
    assert (await world.tenant.admin.delete(f"{url}/users/{user.id}")).status_code == 204
    assert (await second_reader.post(question, json=SESSIONS)).status_code == 404
    assert (await second_reader.get(f"{url}/sites")).status_code == 404
