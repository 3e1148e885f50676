"""An answer is a valid body of an update, which changes nothing, for every kind of resource."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from okube_api.applications.schemas import ApplicationAnswer, ApplicationUpdate
from okube_api.auth.schemas import MemberAnswer, MemberUpdate
from okube_api.campaigns.schemas import CampaignAnswer, CampaignUpdate, LeverAnswer, LeverUpdate
from okube_api.equipments.schemas import EquipmentAnswer, EquipmentUpdate
from okube_api.kit.schemas import Answer, UpdateBody
from okube_api.pois.schemas import PoiAnswer, PoiUpdate
from okube_api.sites.schemas import SiteAnswer, SiteUpdate
from okube_api.studies.schemas import StudyAnswer, StudyUpdate
from okube_api.views.schemas import ViewAnswer, ViewUpdate

from tests.api.resource_strategies import KINDS, cells, free, keys
from tests.api.server import PASSWORD, Json, Server, Tenant
from tests.rounds import count_examples
from tests.tables.strategies import any_text, lists, texts

pytestmark = pytest.mark.anyio

MODELS: Mapping[str, tuple[type[UpdateBody], type[Answer]]] = {
    "applications": (ApplicationUpdate, ApplicationAnswer),
    "users": (MemberUpdate, MemberAnswer),
    "levers": (LeverUpdate, LeverAnswer),
    "equipments": (EquipmentUpdate, EquipmentAnswer),
    "sites": (SiteUpdate, SiteAnswer),
    "pois": (PoiUpdate, PoiAnswer),
    "campaigns": (CampaignUpdate, CampaignAnswer),
    "studies": (StudyUpdate, StudyAnswer),
    "views": (ViewUpdate, ViewAnswer),
}


def with_parent(places: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Draw places, some of them in the point of interest `PARENT`."""
    return st.builds(operator.or_, places, st.sampled_from([{}, {"parent": PARENT}]))


PARENT = "the mall"
CREATED: dict[str, st.SearchStrategy[Json]] = {
    **KINDS,
    "sites": with_parent(KINDS["sites"]),
    "pois": with_parent(KINDS["pois"]),
    "applications": st.fixed_dictionaries(
        {"key": st.just("any")},
        optional={"name": texts, "active": st.booleans(), "currency": st.just("USD"), "timezone": st.just("UTC"),
                  "settings": st.just({"stays": {"gapMinutes": 20}})},
    ),
    "users": st.fixed_dictionaries(
        {"login": st.just("any"), "password": st.just(PASSWORD),
         "role": st.sampled_from(["reader", "editor", "admin"])},
    ),
    "levers": st.fixed_dictionaries(
        {"key": keys.filter(lambda key: key != "other")},
        optional={"name": any_text, "trigger": st.booleans(), "match": st.just({"format": ["mail"]}),
                  "position": st.integers(0, 9)},
    ),
    "equipments": st.fixed_dictionaries(
        {"key": keys}, optional={"name": any_text, "type": texts, "active": st.booleans()}
    ),
    "views": st.fixed_dictionaries(
        {"name": keys, "path": st.sampled_from(["overview", "manage/sites"])},
        optional={"query": st.sampled_from(["", "period=last-week"]), "shared": st.booleans()},
    ),
}  # fmt: skip

UPDATED: dict[str, st.SearchStrategy[Json]] = {
    "campaigns": st.fixed_dictionaries({}, optional={"tags": lists, "agency": any_text, "extra": free}),
    "studies": st.fixed_dictionaries({}, optional={"tags": lists, "description": any_text}),
    "sites": st.fixed_dictionaries({}, optional={"online": st.just(True), "level": st.none(), "keys": st.none()}),
    "pois": st.fixed_dictionaries(
        {}, optional={"coordinates": st.none(), "name": st.none(), "geometry": st.none(), "outdoorIndexes": cells}
    ),
}
"""Changes after the creation, so that fields which only updates can set or clear occur as well."""

# Each example creates an application: shrinking a failing one would take minutes.
few_examples = settings(
    settings.get_profile("api"), max_examples=count_examples(40), phases=(Phase.explicit, Phase.reuse, Phase.generate)
)


def resources_of(kind: str) -> st.SearchStrategy[tuple[str, Json, Json]]:
    """Draw a kind, a body that creates a resource, and changes of it; the anyio loop cannot draw within a test."""
    return st.tuples(st.just(kind), CREATED[kind], UPDATED.get(kind, st.just({})))


@dataclass(frozen=True)
class Created:
    """A resource that was created: its answer, its path, and a client that may change it."""

    answer: Json
    url: str
    client: httpx.AsyncClient


async def create_resource(server: Server, tenant: Tenant, kind: str, body: Json) -> Created:
    """Create a resource of a kind, within the tenant where the kind is within an application.

    Keys of applications and logins are replaced: they must be new to the server.
    """
    client, parent = tenant.admin, f"{tenant.url}/{kind}"
    if "parent" in body:
        await tenant.create("pois", key=PARENT, name="Mall", coordinates=[4.8, 45.7])
    if kind == "applications":
        client, parent = server.client_of(await server.create_user(platform_admin=True)), "/applications"
        body = body | {"key": str(uuid4())}
    elif kind == "users":
        body = body | {"login": f"{uuid4()}@example.com"}
    elif kind == "equipments":
        site = await tenant.create("sites", name="Lyon", online=True)
        parent = f"{tenant.url}/sites/{site['_id']}/equipments"
    response = await client.post(parent, json=body)
    assert response.status_code == 201, response.text
    answer: Json = response.json()
    return Created(answer, f"{parent}/{answer['_id']}", client)


async def check_write_back(created: Created, answer: Json, query: dict[str, str]) -> None:
    """Send an answer back whole, and check that neither the resource nor its version changes."""
    version = (await created.client.put(created.url, json={}, params=query)).headers["ETag"]
    for method in ("PUT", "PATCH"):
        response = await created.client.request(method, created.url, json=answer, params=query)
        assert (response.status_code, response.json()) == (200, answer), response.text
        assert response.headers["ETag"] == version


@few_examples
@given(resource=st.sampled_from([*CREATED]).flatmap(resources_of))
async def test_whole_answer_is_accepted_and_changes_nothing(server: Any, resource: tuple[str, Json, Json]) -> None:
    kind, body, changes = resource
    tenant = await server.take_tenant()
    created = await create_resource(server, tenant, kind, body)
    await check_write_back(created, created.answer, {})
    online = created.answer.get("online")
    changed = await created.client.patch(created.url, json=changes)
    assert changed.status_code == 200, changed.text
    assert online is None or changed.json()["online"] is changes.get("online", online)
    await check_write_back(created, changed.json(), {})
    if kind == "campaigns":
        query = {"with_extra": "true"}
        with_object = (await created.client.get(created.url, params=query)).json()
        assert isinstance(with_object["extra"], dict)
        await check_write_back(created, with_object, query)


def list_read_only(kind: str) -> list[str]:
    update, answer = MODELS[kind]
    names = {model: {field.alias or name for name, field in model.model_fields.items()} for model in (update, answer)}
    return sorted(names[answer] - names[update])


@pytest.mark.parametrize("kind", MODELS)
def test_update_knows_every_field_of_the_answer(kind: str) -> None:
    assert sorted(MODELS[kind][0].read_only) == list_read_only(kind)


def build_other(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, dict):
        return {name: build_other(inner) for name, inner in value.items()}
    return f"{value or ''}x"


MINIMAL: dict[str, Json] = {
    "applications": {"key": "replaced by the test"},
    "users": {"login": "replaced@example.com", "password": PASSWORD, "role": "reader"},
    "levers": {"key": "a"},
    "equipments": {"key": "a"},
    "sites": {"name": "A", "online": True},
    "pois": {"name": "A", "coordinates": [4.8, 45.7]},
    "campaigns": {"key": "a"},
    "studies": {"key": "a"},
    "views": {"name": "A", "path": "overview"},
}


@pytest.mark.parametrize("kind", MODELS)
async def test_read_only_fields_cannot_be_changed(server: Server, tenant: Tenant, kind: str) -> None:
    created = await create_resource(server, tenant, kind, MINIMAL[kind])
    for field in list_read_only(kind):
        response = await created.client.put(created.url, json={field: build_other(created.answer[field])})
        assert response.status_code == 400, response.text
        (fault,) = response.json()["errors"]
        assert (fault["in"], fault["pointer"], fault["code"]) == ("body", f"/{field}", "read_only")
    assert (await created.client.put(created.url, json=created.answer)).json() == created.answer


@pytest.mark.parametrize("kind", MINIMAL)
async def test_unknown_field_is_refused(server: Server, tenant: Tenant, kind: str) -> None:
    created = await create_resource(server, tenant, kind, MINIMAL[kind])
    response = await created.client.put(created.url, json={"nickname": "x"})
    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "unknown_field")


@pytest.mark.parametrize("kind", MINIMAL)
async def test_creation_refuses_read_only_fields(server: Server, tenant: Tenant, kind: str) -> None:
    created = await create_resource(server, tenant, "studies", {"key": "a"})
    parent = "/applications" if kind == "applications" else created.url.rpartition("/studies")[0] + f"/{kind}"
    client = created.client
    if kind == "applications":
        client = server.client_of(await server.create_user(platform_admin=True))
    if kind == "equipments":
        site = await tenant.create("sites", name="Lyon", online=True)
        parent = f"{tenant.url}/sites/{site['_id']}/equipments"
    response = await client.post(parent, json=MINIMAL[kind] | {"_id": "5e1834b0e12d62a85b388a1b"})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/_id")


async def test_unchanged_fields_do_not_count_as_sent(tenant: Tenant) -> None:
    """Change the radius in a whole answer: the cells in it are those of the old radius, and are computed again."""
    poi = await tenant.create("pois", name="Bellecour", coordinates=[4.832, 45.7578])
    wider = (await tenant.editor.put(f"{tenant.url}/pois/{poi['_id']}", json=poi | {"radius": 150})).json()
    expected = await tenant.create("pois", name="same", coordinates=[4.832, 45.7578], radius=150)
    assert wider["indoorIndexes"] == expected["indoorIndexes"]
    site = await tenant.create("sites", name="Lyon", online=False, address={"city": "Lyon"}, coordinates=[4.8, 45.7])
    online = await tenant.editor.put(f"{tenant.url}/sites/{site['_id']}", json=site | {"online": True})
    assert (online.status_code, online.json()["address"], online.json()["coordinates"]) == (200, {}, [])


async def test_boolean_is_not_the_number_one(tenant: Tenant) -> None:
    site = await tenant.create("sites", name="A", online=True, attributes={"a": 1})
    changed = (await tenant.editor.put(f"{tenant.url}/sites/{site['_id']}", json={"attributes": {"a": True}})).json()
    assert changed["attributes"]["a"] is True


async def test_campaign_without_its_sites_does_not_become_global(tenant: Tenant) -> None:
    """Send a campaign back after its only site was deleted: its empty list of sites stays."""
    await tenant.create("sites", name="Lyon", online=True, key="lyon")
    await tenant.create("campaigns", key="a", sites=["lyon"])
    url = f"{tenant.url}/campaigns/a"
    await tenant.editor.delete(f"{tenant.url}/sites/lyon")
    campaign = (await tenant.editor.get(url)).json()
    assert (await tenant.editor.put(url, json=campaign)).json() == campaign
    renamed = await tenant.editor.put(url, json=campaign | {"name": "A"})
    assert renamed.json()["name"] == "A"
    global_campaigns = await tenant.editor.get(f"{tenant.url}/campaigns", params={"g": "true"})
    assert global_campaigns.json()["documents"] == []


async def test_null_and_empty_values_clear_fields(tenant: Tenant) -> None:
    full: Json = {
        "key": "k", "keys": ["a"], "level": 3, "tags": ["t"], "address": {"city": "Lyon"}, "timezone": "UTC",
        "coordinates": [4.8, 45.7], "openings": {"monday": []}, "attributes": {"a": 1}, "inProd": False,
    }  # fmt: skip
    bare = await tenant.create("sites", name="A", online=False)
    site = await tenant.create("sites", name="A", online=False, **full)
    url = f"{tenant.url}/sites/{site['_id']}"
    cleared = (await tenant.editor.put(url, json={name: bare[name] for name in full if name != "keys"})).json()
    assert {name: cleared[name] for name in full} == {name: bare[name] for name in full} | {"keys": ["a"]}
    refused = await tenant.editor.put(url, json={"keys": []})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/keys")
    assert (await tenant.editor.put(url, json={"keys": None})).json()["keys"] == []


@pytest.mark.parametrize(
    "empty", [{"level": {}}, {"level": []}, {"timezone": {}}, {"tags": {}}, {"address": []}, {"coordinates": {}}]
)
async def test_empty_value_of_another_kind_clears_nothing(tenant: Tenant, empty: Json) -> None:
    site = await tenant.create("sites", name="A", online=False, coordinates=[4.8, 45.7], level=3, tags=["t"])
    url = f"{tenant.url}/sites/{site['_id']}"
    refused = await tenant.editor.put(url, json=empty)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "wrong_type")
    assert (await tenant.editor.get(url)).json() == site


async def test_user_of_two_applications_is_sent_back(server: Server, tenant: Tenant, other_tenant: Tenant) -> None:
    login = f"{uuid4()}@example.com"
    answers = []
    for application in (tenant, other_tenant):
        body = {"login": login, "password": PASSWORD, "role": "reader"}
        answers.append((await application.admin.post(f"{application.url}/users", json=body)).json())
    url = f"{tenant.url}/users/{answers[0]['_id']}"
    version = (await tenant.admin.put(url, json={})).headers["ETag"]
    response = await tenant.admin.put(url, json=answers[0])
    assert (response.json(), response.headers["ETag"]) == (answers[0], version)
    assert (await tenant.admin.put(url, json={"role": "editor"})).json()["role"] == "editor"


# -- elements of lists -------------------------------------------------------------------------------------------

LISTED = ("campaigns", "studies")


@few_examples
@given(resource=st.sampled_from(LISTED).flatmap(resources_of))
async def test_whole_answers_are_elements_of_a_list(server: Any, resource: tuple[str, Json, Json]) -> None:
    kind, body, changes = resource
    tenant = await server.take_tenant()
    url = f"{tenant.url}/{kind}"
    created = await tenant.create(kind, **body)
    changed = await tenant.editor.patch(f"{url}/{created['_id']}", json=changes)
    document, version = changed.json(), changed.headers["ETag"]
    for element in (document, (await tenant.editor.get(url)).json()["documents"][0]):
        response = await tenant.editor.post(url, json=[element, {"key": "another one"}])
        assert response.status_code == 201, response.text
        in_list = document | ({"results": {}} if kind == "studies" else {})
        assert response.json()[0] == in_list
    assert (await tenant.editor.get(f"{url}/{created['_id']}")).headers["ETag"] == version


@pytest.mark.parametrize("kind", LISTED)
async def test_direct_list_of_whole_answers_names_its_application(tenant: Tenant, kind: str) -> None:
    documents = [await tenant.create(kind, key=key) for key in ("a", "b")]
    elements = [document | {"app": tenant.key, "name": "new"} for document in documents]
    response = await tenant.editor.post(f"/{kind}", json=elements)
    assert response.status_code == 201, response.text
    assert [(answer["_id"], answer["name"]) for answer in response.json()] == [
        (document["_id"], "new") for document in documents
    ]


@pytest.mark.parametrize("kind", LISTED)
async def test_id_of_an_element_finds_the_resource_to_rename(tenant: Tenant, kind: str) -> None:
    document = await tenant.create(kind, key="old", name="A")
    url = f"{tenant.url}/{kind}"
    renamed = await tenant.editor.post(url, json=[document | {"key": "new"}])
    assert renamed.status_code == 201, renamed.text
    assert [(answer["_id"], answer["key"], answer["name"]) for answer in renamed.json()] == [
        (document["_id"], "new", "A")
    ]
    assert (await tenant.editor.get(f"{url}/old")).status_code == 404


@pytest.mark.parametrize("kind", LISTED)
async def test_element_clears_fields_by_null_and_empty_values(tenant: Tenant, kind: str) -> None:
    cleared: Json = {"name": None, "from": None, "extra": {}, "sites": []}
    await tenant.create("sites", name="Lyon", online=True, key="lyon")
    full: Json = {"name": "A", "from": "2024-01-01", "extra": {"a": 1}, "sites": ["lyon"]}
    await tenant.create(kind, key="a", **full)
    response = await tenant.editor.post(f"{tenant.url}/{kind}", json=[{"key": key, **cleared} for key in "ab"])
    assert response.status_code == 201, response.text
    for answer in response.json():
        assert {name: answer[name] or None for name in cleared} == dict.fromkeys(cleared)


@pytest.mark.parametrize("kind", LISTED)
async def test_element_cannot_change_read_only_fields(tenant: Tenant, kind: str) -> None:
    document = await tenant.create(kind, key="a")
    url = f"{tenant.url}/{kind}"
    for field in (field for field in list_read_only(kind) if field != "lever"):
        elements = [{"key": "b"}, {"key": "a", "name": "new", field: build_other(document[field]) or {"stays": 1}}]
        response = await tenant.editor.post(url, json=elements)
        assert response.status_code == 400, response.text
        (fault,) = response.json()["errors"]
        assert (fault["pointer"], fault["code"]) == (f"/1/{field}", "read_only")
    assert [left["key"] for left in (await tenant.editor.get(url)).json()["documents"]] == ["a"]
    assert (await tenant.editor.get(f"{url}/a")).json() == document


@pytest.mark.parametrize("kind", LISTED)
async def test_new_element_has_no_read_only_values(tenant: Tenant, other_tenant: Tenant, kind: str) -> None:
    """Send an answer of another application: its resource is not in this one, so the element would be new."""
    document = await other_tenant.create(kind, key="a")
    response = await tenant.editor.post(f"{tenant.url}/{kind}", json=[document])
    assert response.status_code == 400, response.text
    assert {"/0/_id", "/0/application"} <= {fault["pointer"] for fault in response.json()["errors"]}
    assert (await tenant.editor.get(f"{tenant.url}/{kind}")).json()["documents"] == []
