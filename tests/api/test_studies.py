"""Studies over HTTP."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.api.server import Json, MovableClock, Tenant

pytestmark = pytest.mark.anyio

FIELDS = {
    "_id", "application", "key", "name", "description", "from", "to", "sites", "pois", "tags", "flag", "status",
    "extra", "parameters", "results", "createdAt", "updatedAt",
}  # fmt: skip


def epoch(day: str, zone: str = "UTC", seconds: int = 0) -> str:
    """Return the first instant of a local day plus some seconds, in epoch seconds."""
    return str(int(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp()) + seconds)


async def list_keys(caller: httpx.AsyncClient, url: str, **query: Any) -> list[str]:
    """Return the keys of the studies in a list."""
    answer = await caller.get(f"{url}/studies", params=query)
    assert answer.status_code == 200, answer.text
    return [study["key"] for study in answer.json()["documents"]]


async def test_study_is_created_and_found_by_every_path(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    study = await tenant.create(
        "studies", key="rivals / 2019", name="Rivals", extra={"team": 4}, **{"from": "2019-03-01"}
    )
    assert set(study) == FIELDS
    assert (study["application"], study["flag"], study["status"], study["sites"]) == (tenant.id, 1, "empty", [])
    paths = [f"/studies/{study['_id']}"]
    for start in ("applications", "a"):
        paths += [f"/{start}/{tenant.key}/studies/rivals%20%2F%202019", f"/{start}/{tenant.id}/studies/{study['_id']}"]
    for path in paths:
        assert (await reader.get(path)).json() == study
    assert (await reader.get("/studies/rivals%20%2F%202019")).json() == study


async def test_places_are_named_by_id_or_key_and_stored_by_id(tenant: Tenant) -> None:
    first = await tenant.create("sites", name="One", online=True, key="one")
    second = await tenant.create("sites", name="Two", online=True, key="two", keys=["deux"])
    study = await tenant.create("studies", key="s", sites=[first["_id"], "deux", "two"])
    assert study["sites"] == [first["_id"], second["_id"]]
    assert study["status"] == "collecting"


@pytest.mark.parametrize("field", ["sites", "pois"])
@pytest.mark.parametrize("name", ["no such", "{foreign_id}", "theirs", "f" * 24])
async def test_unknown_place_is_refused(
    tenant: Tenant, editor: httpx.AsyncClient, other_tenant: Tenant, field: str, name: str
) -> None:
    foreign = await other_tenant.create("sites", name="Theirs", online=True, key="theirs")
    names = [name.format(foreign_id=foreign["_id"])]
    answer = await editor.post(f"{tenant.url}/studies", json={"key": "s", field: names})
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (f"/{field}/0", "unknown_reference")
    assert await list_keys(editor, tenant.url) == []


async def test_update_changes_only_the_fields_it_names_and_null_clears(
    tenant: Tenant, editor: httpx.AsyncClient
) -> None:
    study = await tenant.create(
        "studies", key="s", name="A", description="B", extra={"a": 1, "b": 2}, parameters={"x": [1]}
    )
    url = f"/studies/{study['_id']}"
    changed = (await editor.put(url, json={"extra": {"c": None}, "tags": ["new"], "name": None})).json()
    expected = study | {"extra": {"c": None}, "tags": ["new"], "name": None, "updatedAt": changed["updatedAt"]}
    assert changed == expected
    assert (await editor.patch(url, json={"tags": None})).json()["tags"] == []


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"name": "no key"}, 400, "/key"),
        ({"key": "s", "tags": ["not on creation"]}, 400, "/tags"),
        ({"key": "s", "sites": [""]}, 400, "/sites/0"),
        ({"key": "s", "from": "2019-02-30"}, 400, "/from"),
        ({"key": "s", "from": "20190228"}, 400, "/from"),
        ({"key": "s", "extra": {"a": [1]}}, 400, "/extra"),
        ({"key": "s", "extra": {"$where": "1"}}, 400, "/extra"),
        ({"key": "s", "parameters": {"a.b": 1}}, 400, "/parameters"),
        ({"key": "s", "from": "2019-03-02", "to": "2019-03-01"}, 422, "/to"),
        ({"key": "s", "status": "ready"}, 400, "/status"),
        ({"key": "s", "app": "demo"}, 400, "/app"),
    ],
)
async def test_invalid_study_is_refused(
    tenant: Tenant, editor: httpx.AsyncClient, body: Json, status: int, pointer: str
) -> None:
    answer = await editor.post(f"{tenant.url}/studies", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)


async def test_keys_are_unique_in_the_application(tenant: Tenant, other_tenant: Tenant) -> None:
    await tenant.create("studies", key="s")
    await other_tenant.create("studies", key="s")
    other = await tenant.create("studies", key="t")
    for answer in (
        await tenant.editor.post(f"{tenant.url}/studies", json={"key": "s"}),
        await tenant.editor.put(f"/studies/{other['_id']}", json={"key": "s"}),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/key")


async def test_update_cannot_end_the_period_before_it_starts(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    study = await tenant.create("studies", key="s", **{"from": "2019-03-01", "to": "2019-03-31"})
    url = f"/studies/{study['_id']}"
    assert (await editor.put(url, json={"from": "2019-04-01"})).status_code == 422
    assert (await editor.put(url, json={"from": "2019-04-01", "to": None})).status_code == 200


async def test_study_is_ready_after_its_period(tenant: Tenant, reader: httpx.AsyncClient, clock: MovableClock) -> None:
    await tenant.create("sites", name="One", online=True, key="one")
    today = clock().date()
    await tenant.create("studies", key="open", sites=["one"], to=today.isoformat())
    await tenant.create("studies", key="over", sites=["one"], to=datetime.fromtimestamp(0, UTC).date().isoformat())
    listed = (await reader.get(f"{tenant.url}/studies")).json()["documents"]
    assert {study["key"]: study["status"] for study in listed} == {"open": "collecting", "over": "ready"}


PERIODS: dict[str, dict[str, str]] = {
    "march": {"from": "2019-03-01", "to": "2019-03-31"},
    "april": {"from": "2019-04-01", "to": "2019-04-30"},
    "from april": {"from": "2019-04-01"},
    "to march": {"to": "2019-03-31"},
    "none": {},
}


BY_PERIOD: list[tuple[Json, list[str]]] = [
    ({"from": "2019-03-31", "to": "2019-03-31"}, ["march", "to march"]),
    ({"from": "2019-04-01"}, ["april", "from april"]),
    ({"to": "2019-03-31"}, ["march", "to march"]),
    ({"from": "2019-03-31", "to": "2019-04-01"}, ["april", "from april", "march", "to march"]),
    ({"from": "2020-01-01"}, ["from april"]),
    ({"sa": epoch("2019-04-01")}, ["april", "from april"]),
    ({"sa": epoch("2019-04-01", seconds=1)}, []),
    ({"sa": epoch("2019-03-31", seconds=1)}, ["april", "from april"]),
    ({"sb": epoch("2019-04-01", seconds=-1)}, ["march"]),
    ({"sb": epoch("2019-04-01")}, ["april", "from april", "march"]),
    ({"eb": epoch("2019-04-01")}, ["march", "to march"]),
    ({"eb": epoch("2019-04-01", seconds=-1)}, []),
    ({"ea": epoch("2019-04-01")}, ["april"]),
    ({"ea": epoch("2019-04-01", seconds=-1)}, ["april", "march", "to march"]),
    ({"sa": epoch("2019-04-01", "Europe/Paris"), "tz": "Europe/Paris"}, ["april", "from april"]),
    ({"sb": epoch("2019-04-01", "Europe/Paris", -1), "tz": "Europe/Paris"}, ["march"]),
    ({"sa": "-99999999999"}, ["april", "from april", "march"]),
    ({"sa": "99999999999"}, []),
]


async def test_lists_are_filtered_by_period(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    for key, period in PERIODS.items():
        await tenant.create("studies", key=key, **period)
    answers = [(query, sorted(await list_keys(reader, tenant.url, **query))) for query, _ in BY_PERIOD]
    assert answers == BY_PERIOD


@pytest.mark.parametrize(
    ("query", "status", "pointer"),
    [
        ({"from": "2019-03-02", "to": "2019-03-01"}, 422, "/to"),
        ({"sb": "soon"}, 400, "/sb"),
        ({"sb": "123456789012"}, 400, "/sb"),
        ({"tz": "Mars/Olympus"}, 400, "/tz"),
        ({"g": "2"}, 400, "/g"),
        ({"g": ""}, 400, "/g"),
        ({"sites": ""}, 400, "/sites/0"),
        ({"page": "-1"}, 400, "/page"),
        ({"per_page": "101"}, 400, "/per_page"),
        ({"kees": "x"}, 400, "/kees"),
        ({"keys[$ne]": ""}, 400, "/keys[$ne]"),
    ],
)
async def test_invalid_parameters_are_refused(
    tenant: Tenant, reader: httpx.AsyncClient, query: Json, status: int, pointer: str
) -> None:
    answer = await reader.get(f"{tenant.url}/studies", params=query)
    assert answer.status_code == status, answer.text
    fault = answer.json()["errors"][0]
    assert (fault["in"], fault["pointer"]) == ("query", pointer)


async def test_lists_are_filtered_by_place_tag_and_text(
    tenant: Tenant, other_tenant: Tenant, editor: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    await tenant.create("sites", name="One", online=True, key="one")
    await tenant.create("sites", name="Two", online=True, key="two")
    await tenant.create("studies", key="both", sites=["one", "two"])
    first = await tenant.create("studies", key="first", name="Été 100% (net)", sites=["one"])
    await tenant.create("studies", key="global")
    await editor.put(f"/studies/{first['_id']}", json={"tags": ["x", "y"]})
    foreign = await other_tenant.create("sites", name="One", online=True, key="one")
    assert await list_keys(reader, tenant.url, sites="one") == ["both", "first"]
    assert await list_keys(reader, tenant.url, sites=["two", "no such"]) == ["both"]
    assert await list_keys(reader, tenant.url, sites=foreign["_id"]) == []
    assert await list_keys(reader, tenant.url, pois="one") == []
    assert await list_keys(reader, "", sites=["one"]) == ["both", "first"]
    assert await list_keys(reader, tenant.url, g="true") == ["global"]
    assert await list_keys(reader, tenant.url, g="false") == ["both", "first", "global"]
    assert await list_keys(reader, tenant.url, tags=["y", "z"]) == ["first"]
    assert await list_keys(reader, tenant.url, q="ETE 100% (") == ["first"]
    assert await list_keys(reader, tenant.url, q=".*") == []
    assert await list_keys(reader, tenant.url, keys=["global", "both", "nope"]) == ["both", "global"]


async def test_only_editors_delete_a_study(tenant: Tenant, stranger: httpx.AsyncClient) -> None:
    study = await tenant.create("studies", key="s")
    url = f"{tenant.url}/studies/s"
    assert (await tenant.reader.delete(url)).status_code == 403
    assert (await stranger.delete(f"/studies/{study['_id']}")).status_code == 404
    assert (await tenant.editor.delete(url)).status_code == 204
    assert (await tenant.editor.get(url)).status_code == 404
