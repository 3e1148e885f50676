"""The study `all`, which every application has unless it stores one with this key."""

from typing import Any

import httpx
import pytest
from okube_api.auth.repository import Role

from tests.api.analytics import World
from tests.api.server import Server, Tenant

pytestmark = pytest.mark.anyio

QUESTION = {"params": [{"kpi": kpi, "granularity": "week", "homes": True} for kpi in ("uniqUsers", "attendance")]}
PERIOD = {"from": "2024-03-18", "to": "2024-04-07"}


async def read_study(caller: httpx.AsyncClient, path: str) -> Any:
    answer = await caller.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_application_has_it(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    study = await read_study(reader, f"{tenant.url}/studies/all")
    assert (study["key"], study["application"], study["sites"], study["pois"]) == ("all", tenant.id, [], [])
    assert (study["status"], study["results"]["stays"]) == ("empty", 0)
    for path in (f"/studies/{study['_id']}", f"{tenant.url}/studies/{study['_id'].upper()}", "/studies/all"):
        assert await read_study(reader, path) == study


async def test_it_has_the_places_that_are_active_now(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    sites = [await tenant.create("sites", name=name, key=name, online=True) for name in ("one", "two")]
    poi = await tenant.create("pois", name="Station", key="station", coordinates=[4.8, 45.7])
    path = f"{tenant.url}/studies/all"
    before = await editor.get(path)
    assert before.json()["sites"] == [site["_id"] for site in sites]
    assert (before.json()["pois"], before.json()["status"]) == ([poi["_id"]], "collecting")
    await editor.patch(f"{tenant.url}/sites/one", json={"active": False})
    after = await editor.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.json()["sites"] == [sites[1]["_id"]]


async def test_lists_leave_it_out(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    assert (await reader.get(f"{tenant.url}/studies")).json()["documents"] == []


async def test_it_cannot_be_changed_or_deleted(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    study = await read_study(editor, f"{tenant.url}/studies/all")
    for path in (f"{tenant.url}/studies/all", f"/studies/{study['_id']}"):
        for answer in (await editor.put(path, json={"name": "Mine"}), await editor.delete(path)):
            assert answer.status_code == 404
            assert "Create a study with this key to replace it." in answer.json()["detail"]
    assert await read_study(editor, f"{tenant.url}/studies/all") == study


async def test_stored_study_with_the_key_takes_its_place(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    site = await tenant.create("sites", name="One", key="one", online=True)
    url = f"{tenant.url}/studies/all"
    automatic = await read_study(editor, url)
    stored = await tenant.create("studies", key="all", name="Mine", sites=["one"])
    assert (await read_study(editor, url))["_id"] == stored["_id"] != automatic["_id"]
    assert (await editor.get(f"/studies/{automatic['_id']}")).status_code == 404
    assert await read_study(editor, "/studies/all") == await read_study(editor, url)
    assert (await editor.put(url, json={"name": "Ours"})).json()["sites"] == [site["_id"]]
    assert (await editor.delete(url)).status_code == 204
    assert await read_study(editor, url) == automatic


async def test_other_applications_do_not_show_it(tenant: Tenant, other_tenant: Tenant) -> None:
    study = await read_study(tenant.reader, f"{tenant.url}/studies/all")
    assert (await other_tenant.reader.get(f"/studies/{study['_id']}")).status_code == 404
    assert (await other_tenant.reader.get(f"{other_tenant.url}/studies/{study['_id']}")).status_code == 404
    unknown = f"{int(study['_id'], 16) ^ 1:024x}"
    assert (await tenant.reader.get(f"/studies/{unknown}")).status_code == 404


async def test_path_without_application_names_those_that_have_it(
    server: Server, tenant: Tenant, other_tenant: Tenant
) -> None:
    both = server.client_of(await server.create_user(roles={tenant.id: Role.READER, other_tenant.id: Role.READER}))
    answer = await both.get("/studies/all")
    assert answer.status_code == 409
    assert set(answer.json()["applications"]) == {tenant.key, other_tenant.key}


async def test_points_of_interest_are_filtered_by_it(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    for key in ("active", "closed"):
        await tenant.create("pois", name=key, key=key, coordinates=[4.8, 45.7])
    await editor.patch(f"{tenant.url}/pois/closed", json={"active": False})
    identifier = (await read_study(editor, f"{tenant.url}/studies/all"))["_id"]

    async def list_keys(study: str) -> list[str]:
        answer = await editor.get(f"{tenant.url}/pois", params={"study": study})
        assert answer.status_code == 200, answer.text
        return [poi["key"] for poi in answer.json()["documents"]]

    assert await list_keys("all") == await list_keys(identifier) == ["active"]
    await tenant.create("studies", key="all", pois=["closed"])
    assert await list_keys("all") == ["closed"]


async def test_questions_about_it_are_about_all_active_places(alpha: World) -> None:
    url = f"{alpha.tenant.url}/studies"
    study = await read_study(alpha.reader, f"{url}/all")
    assert study["sites"]
    assert study["pois"]
    places = {"sites": study["sites"], "pois": study["pois"]}
    named = (await alpha.tenant.editor.post(url, json={"key": "each-by-name", **places})).json()
    try:
        assert (await read_study(alpha.reader, f"{url}/each-by-name"))["results"] == study["results"]
        site_url = f"/sites/{study['sites'][0]}"
        pairs = [
            (f"{url}/all", f"{url}/each-by-name"),
            (f"{url}/{study['_id']}", f"{url}/{named['_id']}"),
            (f"{site_url}/studies/{study['_id']}", f"{site_url}/studies/{named['_id']}"),
        ]
        for path, path_by_name in pairs:
            answer, expected = [
                await alpha.reader.post(f"{each}/geo-marketing/analytics", params=PERIOD, json=QUESTION)
                for each in (path, path_by_name)
            ]
            assert expected.status_code == 200, expected.text
            assert expected.json()[0]["data"]
            assert answer.json() == expected.json()
    finally:
        await alpha.tenant.editor.delete(f"/studies/{named['_id']}")
