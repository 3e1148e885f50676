"""Applications over HTTP: defaults, settings, keys, access."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest
from okube_api.applications.repository import ApplicationRepository
from okube_api.clock import utc_now
from okube_api.errors import NotFound
from okube_api.kit.application import Stays
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, ResourceChange
from okube_api.store.conditions import equal

from tests.api.server import Json, Server, Tenant

pytestmark = pytest.mark.anyio

SETTINGS: Json = {
    "attribution": {"windows": {"click": 30, "print": 7, "opening": 7}},
    "stays": {
        "overlap": "nearest",
        "snapMeters": 30,
        "gapMinutes": "auto",
        "endAfterElsewhere": 3,
        "minimumShare": 0.6,
        "minimumSeconds": 120,
        "walkingSpeed": 0.8,
        "dwell": "expected",
        "maximumAccuracy": 100,
        "maximumSpeed": 7,
        "ignoreJumps": True,
    },
    "presence": {"gapMinutes": 30, "dropoutSeconds": 300},
    "country": None,
    "calendar": {"fiscalYearStart": None, "retail": None, "yearEnds": None, "weekStart": None},
}


async def test_an_application_has_its_defaults(platform: httpx.AsyncClient) -> None:
    key = f"shop {uuid4().hex}"
    created = await platform.post("/applications", json={"key": key})
    assert created.status_code == 201
    body = created.json()
    bands = body["settings"].pop("bands")
    fields = {name: body[name] for name in ("key", "name", "timezone", "currency", "active", "settings")}
    assert fields == {
        "key": key,
        "name": key,
        "timezone": "Europe/Paris",
        "currency": "EUR",
        "active": True,
        "settings": SETTINGS,
    }
    assert set(bands) == {"dwell", "distance", "visits", "delay", "gap", "basket"}
    assert (await platform.get(f"/a/{body['_id']}")).json()["key"] == key


async def test_only_platform_administrators_create_applications(
    admin: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    assert (await admin.post("/applications", json={"key": "new"})).status_code == 403
    assert (await nobody.post("/applications", json={"key": "new"})).status_code == 401


async def test_a_key_that_another_application_has_is_refused(platform: httpx.AsyncClient, tenant: Tenant) -> None:
    answer = await platform.post("/applications", json={"key": tenant.key})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "taken")


async def test_only_platform_administrators_change_keys(
    tenant: Tenant, other_tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    answers = [
        await tenant.admin.put(tenant.url, json={"key": key, "name": "Renamed"})
        for key in (other_tenant.key, f"{other_tenant.key}-free", other_tenant.id)
    ]
    texts = {answer.text.split('"requestId"')[0] for answer in answers}
    assert (len(texts), {answer.status_code for answer in answers}) == (1, {403})
    shown = (await tenant.admin.get(tenant.url)).json()
    assert (await tenant.admin.put(tenant.url, json=shown)).json() == shown
    assert shown["name"] != "Renamed"
    key = f"renamed-{uuid4().hex}"
    assert (await platform.put(tenant.url, json={"key": key})).json()["key"] == key
    assert (await platform.put(f"/applications/{key}", json={"key": other_tenant.key})).status_code == 422


async def test_settings_are_merged_at_any_depth(tenant: Tenant, admin: httpx.AsyncClient) -> None:
    await admin.put(tenant.url, json={"settings": {"attribution": {"windows": {"click": 10}}}})
    await admin.patch(tenant.url, json={"settings": {"stays": {"gapMinutes": 20}}, "name": "Named"})
    changed = (await admin.put(tenant.url, json={"settings": {"attribution": {"windows": {"print": 3}}}})).json()
    assert changed["name"] == "Named"
    assert changed["settings"]["attribution"] == {"windows": {"click": 10, "print": 3, "opening": 7}}
    assert changed["settings"]["stays"] == Stays().model_dump(by_alias=True) | {"gapMinutes": 20}
    assert (await tenant.reader.get(tenant.url)).json() == changed


async def test_metadata_of_answers_say_what_dwell_is(tenant: Tenant, admin: httpx.AsyncClient) -> None:
    await tenant.create("sites", key="here", name="Here", online=False)
    await tenant.create("studies", key="study", sites=["here"])

    async def read_meta(path: str, kpi: str) -> Json:
        answer = await tenant.reader.post(f"{tenant.url}{path}?meta=true", json={"params": [{"kpi": kpi}]})
        meta: Json = answer.json()["meta"]
        return meta

    url = "/studies/study/geo-marketing/analytics"
    assert (await read_meta(url, "attendance"))["dwell"] == "observed"
    await admin.patch(tenant.url, json={"settings": {"stays": {"dwell": "expected"}}})
    assert (await read_meta(url, "attendance"))["dwell"] == "expected"
    assert "dwell" not in await read_meta("/presence/analytics", "sessions")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"currency": "euro"}, "/currency"),
        ({"currency": None}, "/currency"),
        ({"key": ""}, "/key"),
        ({"key": "a\u0000b"}, "/key"),
        ({"name": 7}, "/name"),
        ({"settings": {"stays": {"gapMinutes": -1}}}, "/settings/stays/gapMinutes"),
        ({"settings": {"stays": {"gapMinutes": "automatic"}}}, "/settings/stays/gapMinutes"),
        ({"settings": {"stays": {"gapMinutes": True}}}, "/settings/stays/gapMinutes"),
        ({"settings": {"stays": {"overlap": "all"}}}, "/settings/stays/overlap"),
        ({"settings": {"stays": {"minimumShare": 1.1}}}, "/settings/stays/minimumShare"),
        ({"settings": {"stays": {"maximumAccuracy": -1}}}, "/settings/stays/maximumAccuracy"),
        ({"settings": {"stays": {"maximumSpeed": 1001}}}, "/settings/stays/maximumSpeed"),
        ({"settings": {"stays": {"ignoreJumps": 1}}}, "/settings/stays/ignoreJumps"),
        ({"settings": {"stays": {"walkingSpeed": 0}}}, "/settings/stays/walkingSpeed"),
        ({"settings": {"stays": {"gap": 1}}}, "/settings/stays/gap"),
        ({"settings": {"bands": {"dwell": []}}}, "/settings/bands/dwell"),
        ({"_id": "f" * 24}, "/_id"),
        ({"createdAt": "2020-01-01T00:00:00.000Z"}, "/createdAt"),
        ({"version": 9}, "/version"),
    ],
)
async def test_a_bad_field_is_refused_and_nothing_changes(
    tenant: Tenant, admin: httpx.AsyncClient, body: Json, pointer: str
) -> None:
    before = (await admin.get(tenant.url)).json()
    answer = await admin.put(tenant.url, json=body)
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await admin.get(tenant.url)).json() == before


@pytest.mark.parametrize(
    ("bands", "edges", "least"),
    [
        ("dwell", [60, 120], 0),
        ("distance", [1], 0),
        ("delay", [1, 2, 3], 0),
        ("visits", [0, 1, 2], 1),
        ("visits", [2, 5], 1),
        ("gap", [0, 7], 1),
        ("gap", [7], 1),
    ],
)
async def test_bands_begin_at_the_least_value(
    tenant: Tenant, admin: httpx.AsyncClient, bands: str, edges: list[int], least: int
) -> None:
    answer = await admin.put(tenant.url, json={"settings": {"bands": {bands: edges}}})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == f"/settings/bands/{bands}"
    assert f"must be {least}" in error["message"]
    good = {bands: [least, *(edge for edge in edges if edge > least)]}
    assert (await admin.put(tenant.url, json={"settings": {"bands": good}})).status_code == 200


async def test_only_administrators_of_an_application_change_it(tenant: Tenant, stranger: httpx.AsyncClient) -> None:
    for caller, status in ((tenant.reader, 403), (tenant.editor, 403), (stranger, 404)):
        assert (await caller.put(tenant.url, json={"name": "Renamed"})).status_code == status


async def test_the_list_has_the_applications_that_the_caller_may_read(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient, reader: httpx.AsyncClient, other_tenant: Tenant
) -> None:
    listed = (await reader.get("/applications")).json()
    assert [document["_id"] for document in listed["documents"]] == [tenant.id]
    assert listed["_$paginated"] == {"total": 1, "page": 1, "per_page": 25, "page_count": 1, "has_more": False}
    matches = (await platform.get("/applications", params={"q": tenant.key[4:].upper()})).json()
    assert [document["_id"] for document in matches["documents"]] == [tenant.id]
    foreign = (await reader.get("/applications", params={"q": other_tenant.key})).json()
    assert foreign["documents"] == []


async def test_an_id_takes_precedence_over_a_key_of_another_application(
    server: Server, platform: httpx.AsyncClient, tenant: Tenant
) -> None:
    key = uuid4().hex[:24]
    by_key = await server.create_application(key=key)
    assert (await platform.get(f"/applications/{key}")).json()["_id"] == by_key["_id"]
    shadowed = await server.create_application()
    applications = server.services.applications
    unchanged = equal("_id", shadowed["_id"])  # of an earlier version, which accepted such keys
    assert await server.services.store.replace(applications.collection, unchanged, shadowed | {"key": tenant.id})
    refused = await platform.post("/applications", json={"key": tenant.id})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/key")
    assert (await platform.get(f"/applications/{tenant.id}")).json()["_id"] == tenant.id
    assert (await platform.get(f"/applications/{shadowed['_id']}")).json()["key"] == tenant.id


async def test_loaded_application_is_current_by_every_name(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    """Load an application by id and key around changes of its key and time zone."""
    applications = server.services.applications
    for name in (tenant.id, tenant.key, tenant.id.upper()):
        assert (await applications.load(name)).timezone == "Europe/Paris"
    new_key = f"{tenant.key}-new"
    answer = await platform.put(f"/a/{tenant.id}", json={"key": new_key, "timezone": "Europe/London"})
    assert answer.status_code == 200, answer.text
    for name in (tenant.id, new_key, tenant.id.upper()):
        assert (await applications.load(name)).timezone == "Europe/London"
    with pytest.raises(NotFound):
        await applications.load(tenant.key)


NRF: Json = {"retail": "4-5-4", "yearEnds": "Saturday nearest 31 january"}
NO_CALENDAR: Json = {"fiscalYearStart": None, "retail": None, "yearEnds": None, "weekStart": None}


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ({}, {"fiscalYearStart": "02-01"}, {"fiscalYearStart": "02-01"}),
        ({}, {"fiscalYearStart": "02-29"}, {"fiscalYearStart": "02-29"}),
        ({}, NRF, {"retail": "4-5-4", "yearEnds": "saturday nearest 31 January"}),
        ({}, {"weekStart": "sunday"}, {"weekStart": "sunday"}),
        (NRF, {"yearEnds": "LAST friday in August"}, {"retail": "4-5-4", "yearEnds": "last friday of August"}),
        (NRF, {"weekStart": "monday"}, NRF | {"yearEnds": "saturday nearest 31 January", "weekStart": "monday"}),
        (NRF, {"retail": "4-4-5"}, {"retail": "4-4-5", "yearEnds": "saturday nearest 31 January"}),
        (NRF, {"fiscalYearStart": "04-01"}, {"fiscalYearStart": "04-01"}),
        (NRF, {"retail": None}, {}),
        ({"fiscalYearStart": "04-01", "weekStart": "sunday"}, NRF,
         {"retail": "4-5-4", "yearEnds": "saturday nearest 31 January", "weekStart": "sunday"}),
        ({"fiscalYearStart": "04-01"}, NO_CALENDAR, {}),
        (NRF, None, {}),
        ({}, None, {}),
    ],
)  # fmt: skip
async def test_calendars_of_two_kinds_replace_each_other(
    tenant: Tenant, admin: httpx.AsyncClient, before: Json, change: Json | None, after: Json
) -> None:
    assert (await admin.patch(tenant.url, json={"settings": {"calendar": before}})).status_code == 200
    answer = await admin.patch(tenant.url, json={"settings": {"calendar": change}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["settings"]["calendar"] == NO_CALENDAR | after
    unchanged = await admin.put(tenant.url, json=answer.json())
    assert unchanged.json() == answer.json()


@pytest.mark.parametrize(
    ("before", "change", "refusal"),
    [
        ({}, {"fiscalYearStart": "2-1"}, (400, "/fiscalYearStart", "a day as MM-DD, such as 02-01")),
        ({}, {"fiscalYearStart": "02-30"}, (422, "/fiscalYearStart", "There is no day 02-30")),
        ({}, {"fiscalYearStart": "13-01"}, (422, "/fiscalYearStart", "There is no day 13-01")),
        ({}, {"retail": "4-5-5", "yearEnds": "saturday nearest 31 January"}, (400, "/retail", "")),
        ({}, {"retail": "4-5-4", "yearEnds": "end of January"}, (400, "/yearEnds", "'saturday nearest 31 January'")),
        ({}, {"retail": "4-5-4", "yearEnds": "saturday nearest 31 June"}, (400, "/yearEnds", "1 to 30, not 31")),
        ({}, {"retail": "4-5-4"}, (422, "/yearEnds", "A retail calendar needs 'yearEnds'")),
        ({}, {"yearEnds": "last saturday of May"}, (422, "/yearEnds", "'yearEnds' needs a retail calendar")),
        (NRF, {"fiscalYearStart": "02-01", "yearEnds": "last saturday of May"}, (422, "/yearEnds", "needs a retail")),
        (NRF, {"yearEnds": None}, (422, "/yearEnds", "A retail calendar needs 'yearEnds'")),
        ({}, {"fiscalYearStart": "02-01", **NRF}, (422, "", "either 'fiscalYearStart' or 'retail'")),
        ({}, {"weekStart": "dimanche"}, (400, "/weekStart", "")),
        ({}, {"fiscalYear": "02-01"}, (400, "/fiscalYear", "")),
    ],
)
async def test_an_impossible_calendar_is_refused(
    tenant: Tenant, before: Json, change: Json, refusal: tuple[int, str, str]
) -> None:
    stored = (await tenant.admin.patch(tenant.url, json={"settings": {"calendar": before}})).json()
    answer = await tenant.admin.patch(tenant.url, json={"settings": {"calendar": change}})
    (error,) = answer.json()["errors"]
    status, field, message = refusal
    assert (answer.status_code, error["pointer"]) == (status, f"/settings/calendar{field}")
    assert message in error["message"]
    assert (await tenant.admin.get(tenant.url)).json() == stored


async def test_applications_are_created_with_a_calendar(platform: httpx.AsyncClient) -> None:
    body: Json = {"key": f"shop {uuid4().hex}", "settings": {"calendar": {"retail": "4-5-4"}}}
    refused = await platform.post("/applications", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/settings/calendar/yearEnds")
    body["settings"]["calendar"] = NRF
    created = (await platform.post("/applications", json=body)).json()
    assert created["settings"]["calendar"] == NO_CALENDAR | NRF | {"yearEnds": "saturday nearest 31 January"}
    assert created["settings"]["stays"] == SETTINGS["stays"]


async def test_facts_do_not_depend_on_calendar_and_country(server: Server, tenant: Tenant) -> None:
    published: list[tuple[str, ...]] = []

    @asynccontextmanager
    async def listen(_application: str, changes: Sequence[ResourceChange]) -> AsyncIterator[None]:
        published.append(tuple(change.kind for change in changes))
        yield

    publisher = ChangePublisher()
    publisher.subscribe(listen)
    applications = ApplicationRepository(server.services.store, utc_now, publisher)
    document = await applications.get_by_id(tenant.id)
    document = await applications.update(document, {"settings": {"calendar": NRF, "country": "FR"}})
    assert published == []
    await applications.update(document, {"settings": {"calendar": {"retail": "4-4-5"}, "stays": {"gapMinutes": 9}}})
    assert published == [(ChangeKind.SETTINGS,)]
