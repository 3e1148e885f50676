"""Questions asked again: answered from memory at best, and always as they would be answered anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from okube_api.analytics import service
from okube_api.analytics.answer_cache import Asking, Kept, Recall, Seal
from okube_api.auth.repository import Role
from okube_api.engine import run

from tests.api.analytics import World, settled
from tests.api.server import MovableClock, Server
from tests.by_hand.truth import Detection, Equipment, Place, Study, Truth
from tests.engine.stores import fill

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
SESSIONS: Json = {"params": [{"kpi": "sessions", "sites": {"properties": ["name"]}}]}
IDS = (f"5e18{number:020x}" for number in range(0xCAFE00, 0xCAFFFF))


def truth_of(*walks: int) -> Truth:
    """Two sites; devices that stay ten minutes at the first, so many days ago each."""
    now = datetime.now(ZoneInfo("Europe/Paris")).replace(hour=12, minute=0, second=0, microsecond=0)  # the clock there
    here, there = (Place(next(IDS), f"site-{name}", f"Site {name}") for name in ("a", "b"))
    door = Equipment(next(IDS), f"door-{here.id}", here.id)
    found = [
        Detection(f"device-{number}", door.id, now - timedelta(days=days, minutes=minutes))
        for number, days in enumerate(walks)
        for minutes in (0, 10)
    ]
    study = Study(next(IDS), "study", ())
    return Truth(sites=(here, there), equipments=(door,), studies=(study,), detections=tuple(found))


@pytest.fixture
async def world(server: Server) -> World:
    """An application of the test's own, with three stays."""
    return await settled(server, truth_of(1, 2, 3))


async def ask(world: World, body: Json = SESSIONS, who: httpx.AsyncClient | None = None, **headers: str) -> Any:
    """The answer to a question about the last 30 days."""
    response = await (who or world.reader).post(f"{world.tenant.url}/presence/analytics", json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response.text if headers else response.json()


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The applications that questions were put to meanwhile."""
    asked: list[str] = []

    async def answer(question: Any, reader: Any, panels: Any) -> Any:
        asked.append(question.application)
        return await run.answer(question, reader, panels)

    with monkeypatch.context() as patch:
        patch.setattr(service, "answer", answer)
        yield asked


async def test_the_same_question_is_read_once_where_changes_are_known(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted(monkeypatch) as asked:
        first = await ask(world)
        assert first[0]["data"]["all"] == 3
        assert await ask(world) == first
        assert await ask(world) == first
        assert len(asked) == (1 if world.tenant.server.store == "duckdb" else 3)
        await ask(world, {"params": [{"kpi": "sessions"}]})
        assert "sessions" in await ask(world, Accept="text/csv")
        assert len(asked) == (3 if world.tenant.server.store == "duckdb" else 5)


async def test_new_rows_are_in_the_next_answer(world: World) -> None:
    await ask(world)
    before = await ask(world)
    more = Truth(**{**vars(world.truth), "detections": (*world.truth.detections, *_again(world.truth))})
    store = world.tenant.server.services.store
    await store.forget(world.tenant.id)
    await fill(store, world.tenant.id, more)
    after = await ask(world)
    assert (before[0]["data"]["all"], after[0]["data"]["all"]) == (3, 6)
    await store.forget(world.tenant.id)
    assert (await ask(world))[0]["data"]["all"] == 0


def _again(truth: Truth) -> list[Detection]:
    return [Detection(f"{one.device}-again", one.equipment, one.at) for one in truth.detections]


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

    async def asked() -> tuple[str, int]:
        found = (await world.reader.post(url, json=body)).json()
        period = (await world.reader.post(f"{url}?meta=true", json=body)).json()["meta"]
        return period["from"], len(found[0]["data"]["all"]["bins"])

    before = await asked()
    assert before == await asked()
    study = {"from": "2024-01-01", "to": "2024-01-31"}
    assert (await world.tenant.editor.put(f"{world.tenant.url}/studies/study", json=study)).status_code == 200
    settings = {"settings": {"bands": {"dwell": [0, 60]}}}
    assert (await world.tenant.admin.put(world.tenant.url, json=settings)).status_code == 200
    assert await asked() == ("2024-01-01", 2) != before


async def test_the_last_thirty_days_move_on(world: World, clock: MovableClock) -> None:
    for _ in range(2):
        assert len((await ask(world))[0]["data"]["temporals"]) == 30
    assert (await ask(world))[0]["data"]["temporals"]["29"] == 1
    clock.ahead = timedelta(days=1)
    for _ in range(2):
        found = (await ask(world))[0]["data"]
        assert (found["temporals"]["28"], found["temporals"]["29"]) == (1, 0)


async def test_only_those_who_may_ask_are_told(world: World, stranger: httpx.AsyncClient) -> None:
    server = world.tenant.server
    url = f"{world.tenant.url}/presence/analytics"
    user = await server.user(roles={world.tenant.id: Role.READER})
    who = server.client_of(user)
    for _ in range(2):
        assert (await who.post(url, json=SESSIONS)).status_code == 200
        assert (await stranger.post(url, json=SESSIONS)).status_code == 404
        assert (await server.client().post(url, json=SESSIONS)).status_code == 401
    away = await world.tenant.admin.put(f"{world.tenant.url}/users/{user.id}", json={"disabled": True})
    assert away.status_code == 200, away.text
    assert (await who.post(url, json=SESSIONS)).status_code == 404


async def test_what_is_told_beside_an_answer_is_told_anew(world: World) -> None:
    url = f"{world.tenant.url}/presence/analytics?meta=true&explain=true"
    for _ in range(2):
        assert (await world.reader.post(url, json=SESSIONS)).status_code == 403
        assert "plan" in (await world.tenant.admin.post(url, json=SESSIONS)).json()


async def test_refusals_are_not_kept(world: World) -> None:
    url = f"{world.tenant.url}/presence/analytics"
    body = {"filters": {"sites": ["site-c"]}, **SESSIONS}
    for _ in range(2):
        assert (await world.reader.post(url, json=body)).status_code == 422
    await world.tenant.make("sites", name="Site c", key="site-c", online=True)
    assert (await world.reader.post(url, json=body)).status_code == 200


class Still:
    """A store where nothing ever changes."""

    def revision(self, *collections: Any) -> str:
        return "1"


def test_answers_longest_not_asked_for_make_room() -> None:
    recall = Recall(Still(), lambda: datetime.now(UTC), most_bytes=10_000)  # type: ignore[arg-type]
    seal = Seal("a", "UTC", datetime.now(UTC).date(), "1")
    for number in range(40):
        recall.keep(Asking("/", b"", None, b"%d" % number), Kept(b"x" * 1000, {}, seal, "1"))
    assert 3 <= recall.size <= 5
    recall.keep(Asking("/", b"", None, b"large"), Kept(b"x" * 2**21, {}, seal, "1"))
    assert 3 <= recall.size <= 5
