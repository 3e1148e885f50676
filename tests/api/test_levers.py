"""Levers over HTTP, and their assignment to campaigns."""

import httpx
import pytest

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio


async def create_lever(tenant: Tenant, key: str, **fields: object) -> Json:
    response = await tenant.admin.post(f"{tenant.url}/levers", json={"key": key, **fields})
    assert response.status_code == 201, response.text
    created: Json = response.json()
    return created


async def map_levers(tenant: Tenant) -> dict[str, str]:
    """Return the key of each campaign's lever by the campaign's key; check the fields that campaigns copy."""
    levers = {lever["_id"]: lever for lever in (await tenant.reader.get(f"{tenant.url}/levers")).json()["documents"]}
    campaigns = (await tenant.reader.get(f"{tenant.url}/campaigns")).json()["documents"]
    for campaign in campaigns:
        lever = levers[campaign["lever"]]
        copied = (campaign["_cachedLeverName"], campaign["_cachedLeverTrigger"])
        assert copied == (lever["name"] or lever["key"], lever["trigger"])
    return {campaign["key"]: levers[campaign["lever"]]["key"] for campaign in campaigns}


async def test_campaign_gets_the_first_matching_lever_or_other(tenant: Tenant) -> None:
    await create_lever(tenant, "display", match={"format": ["banner", "video"]}, name="Display")
    await create_lever(tenant, "acme", match={"format": ["banner"], "provider": ["Acme"]}, position=0, trigger=True)
    await create_lever(tenant, "nothing")
    for key, fields in {
        "a": {"format": "banner"},
        "b": {"format": "banner", "provider": "Acme"},
        "c": {"format": "video", "provider": "Acme"},
        "d": {"provider": "Acme"},
        "e": {},
    }.items():
        await tenant.create("campaigns", key=key, **fields)
    assert await map_levers(tenant) == {"a": "display", "b": "acme", "c": "display", "d": "other", "e": "other"}


async def test_campaigns_are_reassigned_after_every_change(tenant: Tenant, admin: httpx.AsyncClient) -> None:
    for key, fields in {"a": {"format": "mail"}, "b": {"format": "mail", "agency": "x"}, "c": {}}.items():
        await tenant.create("campaigns", key=key, **fields)
    assert await map_levers(tenant) == {"a": "other", "b": "other", "c": "other"}
    await create_lever(tenant, "email", match={"format": ["mail"]})
    assert await map_levers(tenant) == {"a": "email", "b": "email", "c": "other"}
    url = f"{tenant.url}/levers/email"
    assert (await admin.put(url, json={"name": "E-mail", "trigger": True})).status_code == 200
    assert await map_levers(tenant) == {"a": "email", "b": "email", "c": "other"}
    assert (await admin.put(url, json={"match": {"format": ["mail"], "agency": ["x"]}})).status_code == 200
    assert await map_levers(tenant) == {"a": "other", "b": "email", "c": "other"}
    await create_lever(tenant, "first", match={"agency": ["x"]}, position=0)
    assert await map_levers(tenant) == {"a": "other", "b": "first", "c": "other"}
    assert (await admin.delete(f"{tenant.url}/levers/first")).status_code == 204
    assert await map_levers(tenant) == {"a": "other", "b": "email", "c": "other"}
    assert (await tenant.editor.put(f"{tenant.url}/campaigns/b", json={"agency": None})).status_code == 200
    assert await map_levers(tenant) == {"a": "other", "b": "other", "c": "other"}
    assert (await admin.put(f"{tenant.url}/levers/other", json={"name": "Rest"})).status_code == 200
    assert await map_levers(tenant) == {"a": "other", "b": "other", "c": "other"}


@pytest.mark.parametrize("fields", [{"key": "x"}, {"match": {"format": ["x"]}}, {"position": 3}])
async def test_lever_other_keeps_its_key_match_and_position(
    tenant: Tenant, admin: httpx.AsyncClient, fields: Json
) -> None:
    assert (await admin.get(f"{tenant.url}/levers")).status_code == 200
    assert (await admin.put(f"{tenant.url}/levers/other", json=fields)).status_code == 422


async def test_lever_other_always_exists(tenant: Tenant, admin: httpx.AsyncClient) -> None:
    page = (await admin.get(f"{tenant.url}/levers")).json()
    assert [(lever["key"], lever["position"]) for lever in page["documents"]] == [("other", None)]
    assert (await admin.delete(f"{tenant.url}/levers/other")).status_code == 422
    assert (await admin.post(f"{tenant.url}/levers", json={"key": "other"})).status_code == 422


async def test_positions_order_the_list(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    for key, position in (("b", 5), ("a", 2), ("c", None)):
        await create_lever(tenant, key, **({"position": position} if position else {}))
    page = (await reader.get(f"{tenant.url}/levers")).json()
    assert [(lever["key"], lever["position"]) for lever in page["documents"]] == [
        ("a", 2),
        ("b", 5),
        ("c", 6),
        ("other", None),
    ]
    second = (await reader.get(f"{tenant.url}/levers", params={"page": 2, "per_page": 3})).json()
    assert ([lever["key"] for lever in second["documents"]], second["_$paginated"]["total"]) == (["other"], 4)
    matches = (await reader.get(f"{tenant.url}/levers", params={"q": "OTH"})).json()
    assert [lever["key"] for lever in matches["documents"]] == ["other"]


async def test_only_administrators_change_levers(
    tenant: Tenant, editor: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    lever = await create_lever(tenant, "email/x")
    url = f"{tenant.url}/levers/email%2Fx"
    assert (await reader.get(url)).json() == lever
    for client in (editor, reader):
        assert (await client.put(url, json={"name": "x"})).status_code == 403
        assert (await client.delete(url)).status_code == 403
        assert (await client.post(f"{tenant.url}/levers", json={"key": "y"})).status_code == 403


async def test_levers_of_other_applications_do_not_count(tenant: Tenant, other_tenant: Tenant) -> None:
    for each in (tenant, other_tenant):
        await each.create("campaigns", key="a", format="mail")
    await create_lever(tenant, "email", match={"format": ["mail"]})
    assert (await map_levers(tenant), await map_levers(other_tenant)) == ({"a": "email"}, {"a": "other"})
