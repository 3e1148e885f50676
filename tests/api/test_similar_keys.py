"""Keys that could be taken for those of another resource are refused."""

import asyncio
from datetime import timedelta

import pytest
from okube_api.auth.repository import Role
from okube_api.kit.similar_keys import KEY_CLAIMS
from okube_api.store.conditions import EVERYTHING

from tests.api.server import Json, MovableClock, Server, Tenant, share_store

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
BODIES: dict[str, Json] = {
    "sites": {"name": "x", "online": True},
    "pois": {"name": "x", "coordinates": [4.8, 45.7]},
    "campaigns": {},
    "studies": {},
    "levers": {"name": "x"},
}


@pytest.mark.parametrize("fields", [{"key": "import"}, {"keys": ["other", "import"]}])
async def test_no_site_has_the_key_of_the_import(tenant: Tenant, fields: Json) -> None:
    """Refuse the key, whose path below an application is that of the import."""
    refused = await tenant.editor.post(f"{tenant.url}/sites", json={**BODIES["sites"], **fields})
    assert (refused.status_code, refused.json()["code"]) == (422, "impossible")
    site = await tenant.create("sites", **BODIES["sites"])
    refused = await tenant.editor.put(f"{tenant.url}/sites/{site['_id']}", json=fields)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, f"/{next(iter(fields))}")
    assert (await tenant.editor.get(f"{tenant.url}/sites/import")).status_code == 405


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


@pytest.mark.parametrize("kind", BODIES)
async def test_similar_keys_at_the_same_moment_are_not_both_created(server: Server, tenant: Tenant, kind: str) -> None:
    body, token = BODIES[kind], server.issue_token(tenant.users[Role.ADMIN])
    async with share_store(server) as second:
        clients = (tenant.admin, second.client(token))
        for index in range(3):
            answers = await asyncio.gather(
                *(
                    client.post(f"{tenant.url}/{kind}", json={**body, "key": f"{key} {index}"})
                    for client, key in zip(clients, (COMPOSED, DECOMPOSED), strict=True)
                )
            )
            statuses = sorted(answer.status_code for answer in answers)
            assert statuses in ([201, 409], [201, 422], [409, 409], [409, 422]), statuses
    assert await server.services.store.count(KEY_CLAIMS, EVERYTHING) == 0


@pytest.mark.parametrize("kind", ["campaigns", "studies"])
async def test_bulk_update_to_a_similar_key_is_refused(tenant: Tenant, kind: str) -> None:
    url = f"{tenant.url}/{kind}"
    first, second = (await tenant.admin.post(url, json=[{"key": COMPOSED}, {"key": "second"}])).json()
    for key in (DECOMPOSED, first["_id"], first["_id"].upper()):
        refused = await tenant.admin.post(url, json=[{"key": "third"}, {"_id": second["_id"], "key": key}])
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/1/key"), refused.text
        table = f"_id,key\n{second['_id']},{key}\n".encode()
        refused = await tenant.admin.post(url, files={"file": ("x.csv", table)})
        assert refused.status_code == 422, refused.text
        (fault,) = refused.json()["errors"]
        assert (fault["line"], fault["column"], fault["code"]) == (2, "key", "taken")
    keys = {document["key"] for document in (await tenant.admin.get(url)).json()["documents"]}
    assert keys == {COMPOSED, "second"}


async def test_similar_keys_of_earlier_versions_can_be_updated(server: Server, tenant: Tenant) -> None:
    campaigns = server.services.campaigns
    first, second = [
        campaigns.build_document(
            tenant.id, {name: value for name, value in document.items() if name not in ("_id", "version")}
        )
        | {"key": key}
        for key, document in (
            (COMPOSED, await campaigns.get_by_id((await tenant.create("campaigns", key="a"))["_id"])),
            (DECOMPOSED, await campaigns.get_by_id((await tenant.create("campaigns", key="b"))["_id"])),
        )
    ]
    await server.services.store.insert(campaigns.collection, [first, second])
    url = f"{tenant.url}/campaigns"
    body = [{"key": COMPOSED, "name": "one"}, {"key": DECOMPOSED, "name": "two"}]
    updated = await tenant.admin.post(url, json=body)
    assert updated.status_code == 201, updated.text
    names = {document["key"]: document["name"] for document in (await tenant.admin.get(url)).json()["documents"]}
    assert (names[COMPOSED], names[DECOMPOSED]) == ("one", "two")


async def test_claim_of_a_killed_request_expires(server: Server, tenant: Tenant, clock: MovableClock) -> None:
    url, killed = f"{tenant.url}/campaigns", {"_id": "f" * 24, "application": tenant.id, "key": DECOMPOSED}
    async with server.services.campaigns.claim_keys([killed], [""]):
        assert (await tenant.admin.post(url, json={"key": COMPOSED})).status_code == 409
        clock.ahead = timedelta(minutes=3)
        assert (await tenant.admin.post(url, json={"key": COMPOSED})).status_code == 201
