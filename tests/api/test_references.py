"""Under an application, keys are accepted wherever ids are: in paths, query parameters, bodies and questions."""

import json
from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.api.server import Json, Server, Tenant

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class NamedResources:
    """One resource of each kind in an application: ids and keys by kind."""

    tenant: Tenant
    ids: dict[str, str]
    keys: dict[str, str]

    def fill_in(self, template: str) -> list[str]:
        """Replace `{site}` and the like in a template, once by the ids of the resources and once by their keys."""
        texts = []
        for names in (self.ids, self.keys):
            text = template
            for kind, name in names.items():
                text = text.replace(f"{{{kind}}}", name)
            texts.append(text)
        return texts

    def fill_in_json(self, template: Json) -> list[Json]:
        """Replace `{site}` and the like in the texts of a value, once by ids and once by keys."""
        return [json.loads(text) for text in self.fill_in(json.dumps(template))]


@pytest.fixture(scope="module")
async def resources(shared_server: Server) -> NamedResources:
    """Create one resource of each kind; tests may add others."""
    tenant = await shared_server.create_tenant()
    place = {"name": "x", "coordinates": [4.83, 45.76]}
    site = await tenant.create("sites", key="a-site", online=False, **place)
    poi = await tenant.create("pois", key="a-poi", sites=[site["_id"]], parent=site["_id"], **place)
    levers = await tenant.admin.post(f"{tenant.url}/levers", json={"key": "a-lever", "match": {"format": ["banner"]}})
    dates = {"name": "x", "from": "2024-01-01", "to": "2024-01-31"}
    campaign = await tenant.create("campaigns", key="a-campaign", format="banner", sites=[site["_id"]], **dates)
    study = await tenant.create("studies", key="a-study", sites=[site["_id"]], pois=[poi["_id"]], **dates)
    equipments = await tenant.admin.post(f"{tenant.url}/sites/a-site/equipments", json={"key": "an-equipment"})
    documents = {
        "site": site,
        "poi": poi,
        "lever": levers.json(),
        "campaign": campaign,
        "study": study,
        "equipment": equipments.json(),
    }
    ids = {kind: document["_id"] for kind, document in documents.items()} | {"application": tenant.id}
    keys = {kind: document["key"] for kind, document in documents.items()} | {"application": tenant.key}
    return NamedResources(tenant, ids, keys)


READS = [
    "/applications/{application}",
    "/applications/{application}/sites/{site}",
    "/applications/{application}/sites/{site}/equipments",
    "/applications/{application}/sites/{site}/equipments/{equipment}",
    "/applications/{application}/pois/{poi}",
    "/applications/{application}/campaigns/{campaign}",
    "/applications/{application}/levers/{lever}",
    "/applications/{application}/studies/{study}",
    "/applications/{application}/pois?sites={site}",
    "/applications/{application}/pois?study={study}",
    "/applications/{application}/campaigns?sites={site}",
    "/applications/{application}/campaigns?lever={lever}",
    "/applications/{application}/campaigns?levers={lever}",
    "/applications/{application}/studies?sites={site}",
    "/applications/{application}/studies?pois={poi}",
    "/sites?app={application}",
    "/studies?app={application}&sites={site}",
]


@pytest.mark.parametrize("template", READS)
async def test_reads_accept_keys(resources: NamedResources, template: str) -> None:
    by_id, by_key = [await resources.tenant.admin.get(url) for url in resources.fill_in(template)]
    assert by_key.status_code == 200
    assert by_key.json() == by_id.json()
    assert by_key.json().get("documents") != []


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("sites", {"name": "x", "online": False, "coordinates": [4, 45], "parent": "{site}"}),
        ("sites", {"name": "x", "online": False, "coordinates": [4, 45], "parent": "{poi}"}),
        ("pois", {"name": "x", "coordinates": [4, 45], "sites": ["{site}"], "parent": "{site}"}),
        ("campaigns", {"name": "x", "from": "2024-01-01", "to": "2024-01-31", "sites": ["{site}"]}),
        ("studies", {"name": "x", "sites": ["{site}"], "pois": ["{poi}"]}),
    ],
)
async def test_bodies_accept_keys(resources: NamedResources, kind: str, fields: Json) -> None:
    by_id, by_key = [
        await resources.tenant.create(kind, key=f"new-{uuid4().hex}", **body) for body in resources.fill_in_json(fields)
    ]
    assert {name: by_key.get(name) for name in fields} == {name: by_id.get(name) for name in fields}


@pytest.mark.parametrize(
    ("path", "kpi", "filters"),
    [
        ("studies/{study}/geo-marketing/analytics", "attendance", {"sites": ["{site}"]}),
        ("studies/{study}/geo-marketing/analytics", "attendance", {"pois": ["{poi}"]}),
        ("sites/{site}/studies/{study}/geo-marketing/analytics", "attendance", {}),
        ("conversions/levers/analytics", "offlineVisits", {"campaigns": ["{campaign}"]}),
        ("conversions/levers/analytics", "offlineVisits", {"levers": ["{lever}"], "sites": ["{site}"]}),
        ("sites/{site}/conversions/levers/analytics", "offlineVisits", {}),
        ("presence/analytics", "sessions", {"equipments": ["{equipment}"]}),
        ("sites/{site}/presence/analytics", "sessions", {}),
        ("performance/analytics", "visits", {"sites": ["{site}"]}),
        ("sites/{site}/performance/analytics", "visits", {}),
    ],
)
async def test_questions_accept_keys(resources: NamedResources, path: str, kpi: str, filters: Json) -> None:
    urls = resources.fill_in("/applications/{application}/" + path)
    bodies = resources.fill_in_json({"params": [{"kpi": kpi}], "filters": filters})
    by_id, by_key = [await resources.tenant.reader.post(url, json=body) for url, body in zip(urls, bodies, strict=True)]
    assert by_key.status_code == 200, by_key.text
    assert by_key.json() == by_id.json()


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("visits", {"user": "u", "site": "{site}", "at": "2024-01-05T10:00:00Z"}),
        ("stays", {"user": "u", "poi": "{poi}", "start": "2024-01-05T10:00:00Z", "duration_s": 600}),
        ("detections", {"device": "d", "equipment": "{equipment}", "at": "2024-01-05T10:00:00Z"}),
        ("touches", {"user": "u", "campaign": "{campaign}", "at": "2024-01-05T10:00:00Z", "kind": "print"}),
        ("deliveries", {"campaign": "{campaign}", "day": "2024-01-05", "site": "{site}", "prints": 3}),
    ],
)
async def test_events_accept_keys(resources: NamedResources, kind: str, event: Json) -> None:
    for named in resources.fill_in_json(event):
        answer = await resources.tenant.editor.post(f"{resources.tenant.url}/ingest/{kind}", json=[named])
        assert (answer.status_code, answer.json()["rejected"]) == (201, 0)


async def test_api_keys_accept_keys_of_applications(resources: NamedResources) -> None:
    for body in resources.fill_in_json({"name": "x", "applications": ["{application}"]}):
        answer = await resources.tenant.admin.post("/auth/keys", json=body)
        assert answer.json()["applications"] == [resources.tenant.id]
