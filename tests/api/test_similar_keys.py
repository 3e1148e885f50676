"""Keys that could be taken for those of another resource are refused."""

import pytest

from tests.api.server import Json, Server, Tenant

pytestmark = pytest.mark.anyio

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
BODIES: dict[str, Json] = {
    "sites": {"name": "x", "online": True},
    "pois": {"name": "x", "coordinates": [4.8, 45.7]},
    "campaigns": {},
    "studies": {},
    "levers": {"name": "x"},
}


@pytest.mark.parametrize("kind", BODIES)
async def test_key_that_is_the_id_of_another_resource_is_refused(tenant: Tenant, kind: str) -> None:
    url, body = f"{tenant.url}/{kind}", BODIES[kind]
    first = (await tenant.admin.post(url, json={**body, "key": "first"})).json()
    for key in (first["_id"], first["_id"].upper()):
        refused = await tenant.admin.post(url, json={**body, "key": key})
        assert (refused.status_code, refused.json()["code"]) == (422, "taken")
        assert refused.json()["errors"][0]["pointer"] == "/key"
    assert (await tenant.admin.post(url, json={**body, "key": "f" * 24})).status_code == 201


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("keys", [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
async def test_key_in_another_unicode_form_is_refused(tenant: Tenant, kind: str, keys: tuple[str, str]) -> None:
    url, body = f"{tenant.url}/{kind}", BODIES[kind]
    created = await tenant.admin.post(url, json={**body, "key": keys[0]})
    assert (created.status_code, created.json()["key"]) == (201, keys[0])
    refused = await tenant.admin.post(url, json={**body, "key": keys[1]})
    assert (refused.status_code, refused.json()["code"]) == (422, "taken")
    other = (await tenant.admin.post(url, json={**body, "key": "another"})).json()
    refused = await tenant.admin.put(f"{url}/{other['_id']}", json={"key": keys[1]})
    assert refused.status_code == 422
    assert (await tenant.admin.put(f"{url}/{created.json()['_id']}", json={"key": keys[1]})).status_code == 200


@pytest.mark.parametrize("kind", ["campaigns", "studies"])
async def test_similar_keys_in_one_list_are_refused(tenant: Tenant, kind: str) -> None:
    answer = await tenant.editor.post(f"{tenant.url}/{kind}", json=[{"key": COMPOSED}, {"key": DECOMPOSED}])
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/1/key")
    listed = (await tenant.editor.get(f"{tenant.url}/{kind}")).json()
    assert listed["documents"] == []


async def test_keys_of_another_application_do_not_matter(server: Server, tenant: Tenant, other_tenant: Tenant) -> None:
    foreign = await other_tenant.create("sites", key=COMPOSED, **BODIES["sites"])
    await tenant.create("sites", key=DECOMPOSED, **BODIES["sites"])
    await tenant.create("sites", key=foreign["_id"], **BODIES["sites"])
