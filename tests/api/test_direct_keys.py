"""Campaigns and studies by their key without an application in the path."""

import pytest
from okube_api.auth.repository import Role

from tests.api.server import Server, Tenant

pytestmark = pytest.mark.anyio

KINDS = ("campaigns", "studies")


@pytest.mark.parametrize("kind", KINDS)
async def test_key_of_one_readable_application_is_enough(tenant: Tenant, other_tenant: Tenant, kind: str) -> None:
    resource = await tenant.create(kind, key="spring/sale")
    await other_tenant.create(kind, key="spring/sale")
    url = f"/{kind}/spring%2Fsale"
    assert (await tenant.reader.get(url)).json() == resource
    assert (await tenant.reader.put(url, json={"name": "x"})).status_code == 403
    assert (await tenant.editor.put(url, json={"name": "x"})).json()["name"] == "x"
    assert (await tenant.editor.delete(url)).status_code == 204
    assert (await tenant.reader.get(url)).status_code == 404
    assert (await other_tenant.reader.get(url)).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
async def test_key_of_several_applications_is_ambiguous(
    server: Server, tenant: Tenant, other_tenant: Tenant, kind: str
) -> None:
    resource = await tenant.create(kind, key="spring")
    await other_tenant.create(kind, key="spring")
    both = server.client_of(await server.create_user(roles={tenant.id: Role.EDITOR, other_tenant.id: Role.READER}))
    for method in ("GET", "PUT", "DELETE"):
        answer = await both.request(method, f"/{kind}/spring", json={} if method == "PUT" else None)
        assert (answer.status_code, answer.json()["code"]) == (409, "ambiguous_key")
        assert set(answer.json()["applications"]) == {tenant.key, other_tenant.key}
        assert all(f"'{key}'" in answer.json()["detail"] for key in (tenant.key, other_tenant.key))
    assert (await both.get(f"/{kind}/{resource['_id']}")).json() == resource
    assert (await both.get(f"{tenant.url}/{kind}/spring")).json() == resource


@pytest.mark.parametrize("kind", KINDS)
async def test_key_may_look_like_an_id(tenant: Tenant, other_tenant: Tenant, kind: str) -> None:
    """Take 24 hex digits for an id first; an id of an application that is not readable does not hide the key."""
    foreign = await other_tenant.create(kind, key="a")
    resource = await tenant.create(kind, key=foreign["_id"])
    assert (await tenant.reader.get(f"/{kind}/{foreign['_id']}")).json() == resource
    own = await tenant.create(kind, key="b")
    refused = await tenant.editor.post(f"{tenant.url}/{kind}", json={"key": own["_id"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "taken")
    assert (await tenant.reader.get(f"/{kind}/{own['_id']}")).json() == own


@pytest.mark.parametrize("kind", ["sites", "pois"])
async def test_places_need_an_id(tenant: Tenant, kind: str) -> None:
    fields = {"online": True} if kind == "sites" else {"coordinates": [4.8, 45.7]}
    await tenant.create(kind, key="lyon", name="Lyon", **fields)
    assert (await tenant.reader.get(f"/{kind}/lyon")).status_code == 404
