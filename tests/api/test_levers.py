"""Levers, and the campaigns that follow them."""

import httpx
import pytest

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio


async def lever(tenant: Tenant, key: str, **fields: object) -> Json:
    response = await tenant.admin.post(f"{tenant.url}/levers", json={"key": key, **fields})
    assert response.status_code == 201, response.text
    made: Json = response.json()
    return made


async def levers_of(tenant: Tenant) -> dict[str, str]:
    """The key of each campaign's lever, by the campaign's key; what is cached of it agrees with the lever."""
    levers = {one["_id"]: one for one in (await tenant.reader.get(f"{tenant.url}/levers")).json()["documents"]}
    campaigns = (await tenant.reader.get(f"{tenant.url}/campaigns")).json()["documents"]
    for one in campaigns:
        its = levers[one["lever"]]
        assert (one["_cachedLeverName"], one["_cachedLeverTrigger"]) == (its["name"] or its["key"], its["trigger"])
    return {one["key"]: levers[one["lever"]]["key"] for one in campaigns}


async def test_the_first_that_matches_by_position_else_other(tenant: Tenant) -> None:
    await lever(tenant, "display", match={"format": ["banner", "video"]}, name="Display")
    await lever(tenant, "acme", match={"format": ["banner"], "provider": ["Acme"]}, position=0, trigger=True)
    await lever(tenant, "nothing")
    for key, fields in {
        "a": {"format": "banner"},
        "b": {"format": "banner", "provider": "Acme"},
        "c": {"format": "video", "provider": "Acme"},
        "d": {"provider": "Acme"},
        "e": {},
    }.items():
        await tenant.make("campaigns", key=key, **fields)
    assert await levers_of(tenant) == {"a": "display", "b": "acme", "c": "display", "d": "other", "e": "other"}


async def test_campaigns_follow_every_change(tenant: Tenant, admin: httpx.AsyncClient) -> None:
    for key, fields in {"a": {"format": "mail"}, "b": {"format": "mail", "agency": "x"}, "c": {}}.items():
        await tenant.make("campaigns", key=key, **fields)
    assert await levers_of(tenant) == {"a": "other", "b": "other", "c": "other"}
    await lever(tenant, "email", match={"format": ["mail"]})
    assert await levers_of(tenant) == {"a": "email", "b": "email", "c": "other"}
    url = f"{tenant.url}/levers/email"
    assert (await admin.put(url, json={"name": "E-mail", "trigger": True})).status_code == 200
    assert await levers_of(tenant) == {"a": "email", "b": "email", "c": "other"}
    assert (await admin.put(url, json={"match": {"format": ["mail"], "agency": ["x"]}})).status_code == 200
    assert await levers_of(tenant) == {"a": "other", "b": "email", "c": "other"}
    await lever(tenant, "first", match={"agency": ["x"]}, position=0)
    assert await levers_of(tenant) == {"a": "other", "b": "first", "c": "other"}
    assert (await admin.delete(f"{tenant.url}/levers/first")).status_code == 204
    assert await levers_of(tenant) == {"a": "other", "b": "email", "c": "other"}
    assert (await tenant.editor.put(f"{tenant.url}/campaigns/b", json={"agency": None})).status_code == 200
    assert await levers_of(tenant) == {"a": "other", "b": "other", "c": "other"}
    assert (await admin.put(f"{tenant.url}/levers/other", json={"name": "Rest"})).status_code == 200
    assert await levers_of(tenant) == {"a": "other", "b": "other", "c": "other"}


async def test_the_other_lever_is_always_there_and_stays(tenant: Tenant, admin: httpx.AsyncClient) -> None:
    page = (await admin.get(f"{tenant.url}/levers")).json()
    assert [(one["key"], one["position"]) for one in page["documents"]] == [("other", None)]
    assert (await admin.delete(f"{tenant.url}/levers/other")).status_code == 422
    for fields in ({"key": "x"}, {"match": {"format": ["x"]}}, {"position": 3}):
        assert (await admin.put(f"{tenant.url}/levers/other", json=fields)).status_code == 422
    assert (await admin.post(f"{tenant.url}/levers", json={"key": "other"})).status_code == 422


async def test_positions_order_the_list(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    for key, position in (("b", 5), ("a", 2), ("c", None)):
        await lever(tenant, key, **({"position": position} if position else {}))
    page = (await reader.get(f"{tenant.url}/levers")).json()
    assert [(one["key"], one["position"]) for one in page["documents"]] == [
        ("a", 2),
        ("b", 5),
        ("c", 6),
        ("other", None),
    ]
    second = (await reader.get(f"{tenant.url}/levers", params={"page": 2, "per_page": 3})).json()
    assert ([one["key"] for one in second["documents"]], second["_$paginated"]["total"]) == (["other"], 4)
    found = (await reader.get(f"{tenant.url}/levers", params={"q": "OTH"})).json()
    assert [one["key"] for one in found["documents"]] == ["other"]


async def test_administrators_change_them(tenant: Tenant, editor: httpx.AsyncClient, reader: httpx.AsyncClient) -> None:
    made = await lever(tenant, "email/x")
    url = f"{tenant.url}/levers/email%2Fx"
    assert (await reader.get(url)).json() == made
    for client in (editor, reader):
        assert (await client.put(url, json={"name": "x"})).status_code == 403
        assert (await client.delete(url)).status_code == 403
        assert (await client.post(f"{tenant.url}/levers", json={"key": "y"})).status_code == 403


async def test_other_applications_are_left_alone(tenant: Tenant, other_tenant: Tenant) -> None:
    for one in (tenant, other_tenant):
        await one.make("campaigns", key="a", format="mail")
    await lever(tenant, "email", match={"format": ["mail"]})
    assert (await levers_of(tenant), await levers_of(other_tenant)) == ({"a": "email"}, {"a": "other"})
