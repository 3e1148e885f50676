"""What goes with a resource that is deleted, and who is told."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest
from okube_api.kit.resource_changes import ResourceChange, ChangeKind

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio


@pytest.fixture
def told(tenant: Tenant) -> Iterator[list[tuple[str, ChangeKind, int]]]:
    """What the tenant's followers of facts are told: collection, what, how many."""
    changes = tenant.server.services.changes
    follower = changes._follower
    found: list[tuple[str, ChangeKind, int]] = []

    @asynccontextmanager
    async def listen(application: str, some: Sequence[ResourceChange]) -> AsyncIterator[None]:
        if application == tenant.id:
            found.extend((change.collection, change.kind, len(change.ids)) for change in some)
        yield

    changes.subscribe(listen)
    yield found
    changes._follower = follower


async def test_a_site_goes_with_all_that_names_it(tenant: Tenant, told: list[tuple[str, ChangeKind, int]]) -> None:
    lyon = await tenant.make("sites", name="Lyon", online=False, key="lyon")
    lille = await tenant.make("sites", name="Lille", online=True, key="lille")
    for key in ("till", "door"):
        assert (await tenant.admin.post(f"/sites/{lyon['_id']}/equipments", json={"key": key})).status_code == 201
    await tenant.make("pois", name="P", coordinates=[4.8, 45.7], key="p", sites=["lyon", "lille"])
    await tenant.make("campaigns", key="c", sites=["lille", "lyon"])
    await tenant.make("campaigns", key="only", sites=["lyon"])
    await tenant.make("studies", key="s", sites=["lyon"], pois=["p"])
    told.clear()
    assert (await tenant.editor.delete(f"{tenant.url}/sites/lyon")).status_code == 204
    assert told == [("sites", ChangeKind.DELETED, 1), ("equipments", ChangeKind.DELETED, 2)]
    for path, sites in (
        ("pois/p", [lille["_id"]]),
        ("campaigns/c", [lille["_id"]]),
        ("campaigns/only", []),
        ("studies/s", []),
    ):
        assert (await tenant.reader.get(f"{tenant.url}/{path}")).json()["sites"] == sites
    assert (await tenant.editor.delete(f"{tenant.url}/sites/lyon")).status_code == 404
    renamed = await tenant.editor.put(f"{tenant.url}/campaigns/only", json={"name": "x"})
    assert renamed.json()["sites"] == []
    assert (await tenant.reader.get(f"{tenant.url}/campaigns", params={"g": "true"})).json()["documents"] == []


async def test_facts_hear_of_what_they_depend_on(tenant: Tenant, told: list[tuple[str, ChangeKind, int]]) -> None:
    async def change(path: str, fields: Json) -> list[tuple[str, ChangeKind, int]]:
        told.clear()
        response = await tenant.editor.put(f"{tenant.url}/{path}", json=fields)
        assert response.status_code == 200, response.text
        return list(told)

    await tenant.make("sites", name="Lyon", online=False, key="lyon", coordinates=[4.8, 45.7])
    await tenant.make("campaigns", key="c", windows={"click": 3})
    assert told == [("sites", ChangeKind.PLACE, 1)]
    assert await change("sites/lyon", {"name": "x", "tags": ["y"], "active": False}) == []
    assert await change("sites/lyon", {"radius": 90}) == [("sites", ChangeKind.PLACE, 1)]
    assert await change("sites/lyon", {"timezone": "Asia/Shanghai"}) == [("sites", ChangeKind.ZONE, 1)]
    assert await change("sites/lyon", {"online": True}) == [("sites", ChangeKind.PLACE, 1), ("sites", ChangeKind.CHANNEL, 1)]
    assert await change("campaigns/c", {"name": "x", "costs": [{"amount": 1, "type": "cpc"}]}) == []
    assert await change("campaigns/c", {"windows": None}) == [("campaigns", ChangeKind.WINDOWS, 1)]


async def test_facts_hear_of_imports_at_once(tenant: Tenant, told: list[tuple[str, ChangeKind, int]]) -> None:
    content = b"key,name,longitude,latitude\na,A,1,1\nb,B,2,2\n"
    for _ in range(2):  # the second time nothing changes
        response = await tenant.editor.post(f"{tenant.url}/pois", files={"file": content})
        assert response.status_code == 200, response.text
    assert told == [("pois", ChangeKind.PLACE, 2)]
