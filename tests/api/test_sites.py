"""Sites over HTTP."""

import asyncio
from typing import Any

import httpx
import pytest
from okube_api.kit.repository import ATTEMPTS

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio


async def test_site_is_created_and_found_by_every_path(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    site = await tenant.create("sites", name="Lyon Bellecour", online=False, key="lyon", coordinates=[4.8357, 45.764])
    for application in (tenant.id, tenant.key):
        for name in (site["_id"], "lyon"):
            for path in ("applications/{}/sites/{}", "a/{}/sites/{}", "applications/{}/s/{}", "a/{}/s/{}"):
                answer = await reader.get("/" + path.format(application, name))
                assert answer.json() == site
    for path in ("sites", "s"):
        assert (await reader.get(f"/{path}/{site['_id']}")).json() == site
        assert (await reader.get(f"/{path}/lyon")).status_code == 404


async def list_names(caller: httpx.AsyncClient, url: str, **query: Any) -> list[str]:
    """Return the names of the sites in a list."""
    answer = await caller.get(f"{url}/sites", params=query)
    assert answer.status_code == 200, answer.text
    return [site["name"] for site in answer.json()["documents"]]


async def test_new_site_has_defaults(tenant: Tenant) -> None:
    site = await tenant.create("sites", name="Shop", online=True)
    flags = {name: site[name] for name in ("active", "inProd", "hasDraft", "keys", "tags", "timezone")}
    assert flags == {
        "active": True,
        "inProd": True,
        "hasDraft": False,
        "keys": [],
        "tags": [],
        "timezone": "Europe/Paris",
    }
    assert {site[name] for name in ("key", "description", "level", "phoneNumber", "radius", "type", "thumbnail")} == {
        None
    }
    objects = ("address", "deliveryContact", "modules", "openings", "attributes", "indoorIndexes", "outdoorIndexes")
    assert [site[name] for name in objects] == [{}] * len(objects)
    assert site["coordinates"] == []


LISTED: list[Json] = [
    {"name": "Été à Lyon", "online": False, "key": "k1", "address": {"city": "Lyon", "street": "rue de la Ré"}},
    {"name": "50% (off) [x]", "online": True, "key": "k2", "keys": ["alt"], "tags": ["a"], "active": False},
    {"name": "", "online": True, "key": "k3", "tags": ["a", "b"], "inProd": False, "hasDraft": True},
]


FILTERS: list[tuple[Json, list[int]]] = [
    ({"q": "ETE"}, [0]),
    ({"q": "lyon"}, [0]),
    ({"q": "rue de la RE"}, [0]),
    ({"q": "k2"}, [1]),
    ({"q": "50% (off) ["}, [1]),
    ({"q": ".*"}, []),
    ({"q": "%"}, [1]),
    ({"q": "_"}, []),
    ({"name": "true"}, [0, 1]),
    ({"name": "false"}, [2]),
    ({"active": "true"}, [0, 2]),
    ({"active": "false"}, [1]),
    ({"online": "false"}, [0]),
    ({"inProd": "false"}, [2]),
    ({"hasDraft": "true"}, [2]),
    ({"keys": ["alt", "k3"]}, [1, 2]),
    ({"tags": "b"}, [2]),
    ({"tags": ["b", "a"]}, [1, 2]),
    ({"tags": "a", "active": "true"}, [2]),
    ({"keys": "no such"}, []),
]


async def test_lists_are_filtered(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    for fields in LISTED:
        await tenant.create("sites", **fields)
    answers = [(query, await list_names(reader, tenant.url, **query)) for query, _ in FILTERS]
    assert answers == [(query, [LISTED[index]["name"] for index in indices]) for query, indices in FILTERS]


async def test_update_changes_only_the_fields_it_names(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    site = await tenant.create(
        "sites", name="Shop", online=False, address={"city": "Lyon", "country": "France"}, tags=["a"], level=2
    )
    url = f"/sites/{site['_id']}"
    changed = (await editor.put(url, json={"address": {"city": "Paris"}, "tags": None})).json()
    assert changed["address"] == {"city": "Paris"}
    assert (changed["tags"], changed["level"], changed["name"]) == ([], 2, "Shop")
    assert (await editor.patch(url, json={"active": None})).json()["active"] is True


@pytest.mark.parametrize("field", ["name", "online"])
async def test_update_cannot_clear_a_required_field(tenant: Tenant, editor: httpx.AsyncClient, field: str) -> None:
    site = await tenant.create("sites", name="Shop", online=False, level=2)
    answer = await editor.put(f"/sites/{site['_id']}", json={field: None})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, f"/{field}")


PLACE: Json = {"coordinates": [4.8357, 45.764], "address": {"city": "Lyon"}}
TRIANGLE: Json = {"type": "Polygon", "coordinates": [[[4.83, 45.75], [4.84, 45.75], [4.84, 45.76], [4.83, 45.75]]]}


@pytest.mark.parametrize(
    ("field", "value"), [*PLACE.items(), ("radius", 50), ("geometry", TRIANGLE), ("parent", "mall")]
)
async def test_online_site_with_a_place_is_refused(
    tenant: Tenant, editor: httpx.AsyncClient, field: str, value: object
) -> None:
    answer = await editor.post(f"{tenant.url}/sites", json={"name": "x", "online": True, field: value})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{field}")


async def test_site_that_becomes_online_loses_its_place(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    site = await tenant.create("sites", name="x", online=False, **PLACE)
    assert site["radius"] == 30
    assert site["indoorIndexes"]["resolution"] == 12
    online = (await editor.put(f"/sites/{site['_id']}", json={"online": True})).json()
    assert [online[name] for name in ("coordinates", "radius", "indoorIndexes", "address")] == [[], None, {}, {}]


INVALID: list[tuple[Json, int, str]] = [
    ({"keys": []}, 400, "/keys"),
    ({"keys": [""]}, 400, "/keys/0"),
    ({"keys": ["a", "a"]}, 400, "/keys"),
    ({"keys": [str(number) for number in range(11)]}, 400, "/keys"),
    ({"tags": []}, 400, "/tags"),
    ({"tags": [""]}, 400, "/tags/0"),
    ({"description": ""}, 400, "/description"),
    ({"timezone": "Paris"}, 400, "/timezone"),
    ({"coordinates": [181, 0]}, 400, "/coordinates"),
    ({"coordinates": [1]}, 400, "/coordinates"),
    ({"radius": 301}, 400, "/radius"),
    ({"indoorIndexes": {"resolution": 12, "indexes": ["8c1fb4675b6a5f"]}}, 400, "/indoorIndexes/indexes/0"),
    ({"indoorIndexes": {"resolution": 11, "indexes": ["8c1fb4675b6a5ff"]}}, 422, "/indoorIndexes"),
    ({"openings": {"monday": [["19:00", "09:00"]]}}, 422, "/openings/monday/0"),
    ({"openings": {"monday": [["9:00", "19:00"]]}}, 400, "/openings/monday/0/0"),
    ({"openings": {"holidays": [["09:00", "12:00"]]}}, 400, "/openings"),
    ({"openings": {"holidays": {"from": "09:00"}}}, 400, "/openings"),
    ({"attributes": {"a": {"b": 1}}}, 400, "/attributes"),
    ({"deliveryContact": {"$fax": "1"}}, 400, "/deliveryContact"),
    ({"address": {"building.door": "1"}}, 400, "/address"),
    ({"address": {"note": "x" * 4096}}, 400, "/address"),
    ({"address": {"city": 1}}, 400, "/address/city"),
]


@pytest.mark.parametrize(("body", "status", "pointer"), INVALID)
async def test_invalid_site_is_refused(
    tenant: Tenant, editor: httpx.AsyncClient, body: Json, status: int, pointer: str
) -> None:
    answer = await editor.post(f"{tenant.url}/sites", json={"name": "x", "online": False, **body})
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


UNDECLARED: Json = {"floor": 3, "lift": True, "note": None, "doors": ["A", 2, False, None], "ratio": 0.5, "empty": []}


@pytest.mark.parametrize("field", ["address", "deliveryContact", "modules", "openings"])
async def test_undeclared_names_are_kept(tenant: Tenant, editor: httpx.AsyncClient, field: str) -> None:
    site = await tenant.create("sites", name="x", online=False, **{field: UNDECLARED})
    assert site[field] == UNDECLARED
    url = f"/sites/{site['_id']}"
    assert (await editor.get(url)).json()[field] == UNDECLARED
    changed = await editor.put(url, json={field: {"floor": "mezzanine"}})
    assert changed.json()[field] == {"floor": "mezzanine"}


async def test_forms_keep_undeclared_names_as_texts(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    form = {"name": "x", "online": "false", "address[city]": "Lyon", "address[floor]": "3", "address[door]": ["A", "B"]}
    answer = await editor.post(f"{tenant.url}/sites", data=form)
    assert answer.json()["address"] == {"city": "Lyon", "floor": "3", "door": ["A", "B"]}


async def test_undeclared_names_may_have_4_kb(tenant: Tenant) -> None:
    note = "é" * ((4096 - len('{"note": ""}')) // 2)
    site = await tenant.create("sites", name="x", online=False, address={"city": "y" * 9000, "note": note})
    assert site["address"]["note"] == note


async def test_names_of_fields_in_code_are_not_names_in_json(tenant: Tenant) -> None:
    site = await tenant.create("sites", name="x", online=False, address={"postal_code": "69002"})
    assert site["address"] == {"postal_code": "69002"}


async def test_repeated_tags_count_once(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    site = await tenant.create("sites", name="x", online=True, tags=["a", "b", "a"])
    assert site["tags"] == ["a", "b"]
    url = f"/sites/{site['_id']}"
    assert (await editor.put(url, json={"tags": ["c", "c"]})).json()["tags"] == ["c"]
    assert (await editor.put(url, json={"tags": []})).json()["tags"] == []


async def test_concurrent_writers_all_succeed(
    tenant: Tenant, editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let every writer read the same version before the first one writes: all but one have to write again.

    Without the comparison of versions a change would be lost; without the repetition a writer would get 409.
    """
    site = await tenant.create("sites", name="x", online=True)
    changes: list[Json] = [{"name": "y"}, {"level": 3}, {"type": "mall"}, {"tags": ["a"]}, {"phoneNumber": "1"}]
    assert len(changes) == ATTEMPTS, "the last writer to succeed is disturbed by all others"
    store = tenant.server.services.store
    everybody_has_read, replace = asyncio.Barrier(len(changes)), store.replace
    waiting = len(changes)

    async def replace_together(*arguments: Any) -> bool:
        nonlocal waiting
        if waiting:  # the first attempt of each writer
            waiting -= 1
            await everybody_has_read.wait()
        return await replace(*arguments)

    monkeypatch.setattr(type(store), "replace", staticmethod(replace_together))
    url = f"/sites/{site['_id']}"
    answers = await asyncio.gather(*(editor.put(url, json=change) for change in changes))
    assert [answer.status_code for answer in answers] == [200] * len(changes)
    stored = (await editor.get(url)).json()
    for change in changes:
        assert {name: stored[name] for name in change} == change


async def test_concurrent_creations_with_one_key_create_one_site(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    body = {"name": "x", "online": True, "key": "wanted"}
    answers = await asyncio.gather(*(editor.post(f"{tenant.url}/sites", json=body) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 11
