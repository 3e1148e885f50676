"""Cascading deletions, and the changes that are published."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest
from okube_api.kit.resource_changes import ChangeKind, ResourceChange

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio

Published = tuple[str, ChangeKind, int]
"""Collection of the changed resources, kind of the change, number of resources."""


@pytest.fixture
def published(tenant: Tenant) -> Iterator[list[Published]]:
    """Record the published changes of the tenant."""
    changes = tenant.server.services.changes
    listener = changes._listener
    changes_of_tenant: list[Published] = []

    @asynccontextmanager
    async def listen(application: str, resource_changes: Sequence[ResourceChange]) -> AsyncIterator[None]:
        if application == tenant.id:
            changes_of_tenant.extend((change.collection, change.kind, len(change.ids)) for change in resource_changes)
        yield

    changes.subscribe(listen)
    yield changes_of_tenant
    changes._listener = listener


async def test_site_is_deleted_with_its_references_and_equipments(tenant: Tenant, published: list[Published]) -> None:
    lyon = await tenant.create("sites", name="Lyon", online=False, key="lyon")
    lille = await tenant.create("sites", name="Lille", online=True, key="lille")
    for key in ("till", "door"):
        assert (await tenant.admin.post(f"/sites/{lyon['_id']}/equipments", json={"key": key})).status_code == 201
    await tenant.create("pois", name="P", coordinates=[4.8, 45.7], key="p", sites=["lyon", "lille"])
    await tenant.create("campaigns", key="c", sites=["lille", "lyon"])
    await tenant.create("campaigns", key="only", sites=["lyon"])
    await tenant.create("studies", key="s", sites=["lyon"], pois=["p"])
    published.clear()
    assert (await tenant.editor.delete(f"{tenant.url}/sites/lyon")).status_code == 204
    assert published == [("sites", ChangeKind.DELETED, 1), ("equipments", ChangeKind.DELETED, 2)]
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


async def test_changes_that_facts_depend_on_are_published(tenant: Tenant, published: list[Published]) -> None:
    async def change(path: str, fields: Json) -> list[Published]:
        published.clear()
        response = await tenant.editor.put(f"{tenant.url}/{path}", json=fields)
        assert response.status_code == 200, response.text
        return list(published)

    await tenant.create("sites", name="Lyon", online=False, key="lyon", coordinates=[4.8, 45.7])
    await tenant.create("campaigns", key="c", windows={"click": 3})
    assert published == [("sites", ChangeKind.CELLS, 1)]
    assert await change("sites/lyon", {"name": "x", "tags": ["y"], "active": False}) == []
    assert await change("sites/lyon", {"radius": 90}) == [("sites", ChangeKind.CELLS, 1)]
    assert await change("sites/lyon", {"timezone": "Asia/Shanghai"}) == [("sites", ChangeKind.TIMEZONE, 1)]
    now_online = [("sites", ChangeKind.CELLS, 1), ("sites", ChangeKind.CHANNEL, 1)]
    assert await change("sites/lyon", {"online": True}) == now_online
    assert await change("campaigns/c", {"name": "x", "costs": [{"amount": 1, "type": "cpc"}]}) == []
    assert await change("campaigns/c", {"windows": None}) == [("campaigns", ChangeKind.WINDOWS, 1)]


@pytest.mark.parametrize(
    "fields",
    [
        {"coordinates": [4.80000001, 45.7]},  # the same cells
        {"radius": 70.001},
        {"geometry": {"type": "Polygon", "coordinates": [[[4.8, 45.7], [4.801, 45.7], [4.801, 45.701], [4.8, 45.7]]]}},
        {"parent": "mall"},
        {"outdoorIndexes": {"resolution": 12, "indexes": []}},
    ],
)
@pytest.mark.parametrize("kind", ["sites", "pois"])
async def test_every_change_of_where_a_place_is_is_published(
    tenant: Tenant, published: list[Published], kind: str, fields: Json
) -> None:
    await tenant.create("pois", name="Mall", key="mall", coordinates=[4.8, 45.7])
    offline = {"online": False} if kind == "sites" else {}
    await tenant.create(kind, name="A", key="a", coordinates=[4.8, 45.7], radius=70, **offline)
    for body in (fields, dict.fromkeys(fields) if "coordinates" not in fields else {"radius": 80}):
        published.clear()
        response = await tenant.editor.put(f"{tenant.url}/{kind}/a", json=body)
        assert response.status_code == 200, response.text
        assert published == [(kind, ChangeKind.CELLS, 1)]


async def test_changes_of_an_import_are_published_together(tenant: Tenant, published: list[Published]) -> None:
    content = b"key,name,longitude,latitude\na,A,1,1\nb,B,2,2\n"
    for _ in range(2):  # the second import changes nothing
        response = await tenant.editor.post(f"{tenant.url}/pois", files={"file": content})
        assert response.status_code == 200, response.text
    assert published == [("pois", ChangeKind.CELLS, 2)]
