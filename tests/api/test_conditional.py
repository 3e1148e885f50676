"""Conditional requests and links of pages, as clients and proxies send them."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from okube_api.auth.repository import Role

from tests.api.analytics import World
from tests.api.server import MovableClock, Server, Tenant, share_store

pytestmark = pytest.mark.anyio

SITE = {"name": "Brest", "online": True}
QUESTION = {"params": [{"kpi": "sessions", "temporals": False}]}


async def read(client: httpx.AsyncClient, url: str, tag: str | None = None, **headers: str) -> httpx.Response:
    """Get a URL; with the tag of an earlier answer, if given."""
    return await client.get(url, headers={**headers, **({"If-None-Match": tag} if tag else {})})


async def create_all(tenant: Tenant) -> dict[str, str]:
    """Create a resource of each kind and return their paths."""
    site = await tenant.create("sites", key="brest", **SITE)
    await tenant.create("pois", key="port", name="Port", coordinates=[-4.48, 48.38])
    await tenant.create("campaigns", key="ete")
    await tenant.create("studies", key="ports", sites=["brest"], to="2024-05-31")
    await tenant.admin.post(f"/sites/{site['_id']}/equipments", json={"key": "porte"})
    await tenant.admin.post(f"{tenant.url}/levers", json={"key": "radio"})
    view = await tenant.admin.post(f"{tenant.url}/views", json={"name": "Monday", "path": "overview"})
    return {
        "application": tenant.url,
        "site": f"{tenant.url}/sites/brest",
        "poi": f"{tenant.url}/pois/port",
        "campaign": f"{tenant.url}/campaigns/ete",
        "study": f"{tenant.url}/studies/ports",
        "equipment": f"{tenant.url}/sites/brest/equipments/porte",
        "lever": f"{tenant.url}/levers/radio",
        "view": f"{tenant.url}/views/{view.json()['_id']}",
    }


async def test_unchanged_resources_are_304_until_they_change(tenant: Tenant) -> None:
    for kind, url in (await create_all(tenant)).items():
        first = await read(tenant.admin, url)
        tag = first.headers["etag"]
        for value in (tag, f"W/{tag}", f'"x", W/{tag}', "*", f'{tag[:-1]}-gzip"'):
            again = await read(tenant.admin, url, value)
            assert (again.status_code, again.content) == (304, b""), (kind, value)
            assert again.headers["etag"] == tag
        assert (await read(tenant.admin, url, f'W/"{tag[1:9]}"')).status_code == 200
        changed = await tenant.admin.put(url, json={"name": "Another name"})
        assert changed.status_code == 200, changed.text
        after = await read(tenant.admin, url, tag)
        assert (after.status_code, after.json()["name"]) == (200, "Another name")
        assert after.headers["etag"] != tag


async def test_unchanged_lists_are_304_until_they_change(tenant: Tenant) -> None:
    await create_all(tenant)
    bodies: dict[str, dict[str, Any]] = {
        "sites": SITE,
        "pois": {"name": "Gare", "coordinates": [-4.47, 48.39]},
        "views": {"name": "Tuesday", "path": "map"},
        **{kind: {"key": "another"} for kind in ("campaigns", "studies", "levers")},
    }
    for kind, body in bodies.items():
        url = f"{tenant.url}/{kind}?per_page=10"
        tag = (await read(tenant.admin, url)).headers["etag"]
        assert (await read(tenant.admin, url, f"W/{tag}")).status_code == 304, kind
        assert (await read(tenant.admin, f"{tenant.url}/{kind}?per_page=9", tag)).status_code == 200, kind
        assert (await tenant.admin.post(f"{tenant.url}/{kind}", json=body)).status_code == 201, kind
        after = await read(tenant.admin, url, tag)
        assert (after.status_code, after.headers["etag"] != tag) == (200, True), kind


async def test_an_unchanged_list_is_not_read_again(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    await tenant.create("sites", **SITE)
    url, reads = f"{tenant.url}/sites", []
    tag = (await read(tenant.reader, url)).headers["etag"]
    repository = type(tenant.server.services.sites)
    original = repository.find_page

    async def find_page(self: Any, *arguments: Any) -> Any:
        reads.append(1)
        return await original(self, *arguments)

    monkeypatch.setattr(repository, "find_page", find_page)
    assert (await read(tenant.reader, url, tag)).status_code == 304
    assert not reads


async def test_a_reader_whose_role_ends_gets_no_304(tenant: Tenant) -> None:
    server = tenant.server
    user = await server.create_user(roles={tenant.id: Role.READER})
    client, url = server.client_of(user), f"{tenant.url}/sites"
    tag = (await read(client, url)).headers["etag"]
    assert (await tenant.admin.delete(f"{tenant.url}/users/{user.id}")).status_code == 204
    assert (await read(client, url, tag)).status_code == 404
    assert (await read(server.client(), url, tag)).status_code == 401


async def test_formats_of_a_list_have_tags_of_their_own(tenant: Tenant) -> None:
    await tenant.create("sites", **SITE)
    tag = (await read(tenant.reader, f"{tenant.url}/sites")).headers["etag"]
    as_csv = await read(tenant.reader, f"{tenant.url}/sites", tag, Accept="text/csv")
    assert (as_csv.status_code, as_csv.headers["content-type"]) == (200, "text/csv; charset=utf-8")


async def test_the_status_of_a_study_changes_its_tag(tenant: Tenant, clock: MovableClock) -> None:
    await tenant.create("sites", key="brest", **SITE)
    last = (clock() + timedelta(days=1)).date().isoformat()
    await tenant.create("studies", key="ports", sites=["brest"], to=last)
    urls = [f"{tenant.url}/studies", f"{tenant.url}/studies/ports"]
    tags = [(await read(tenant.reader, url)).headers["etag"] for url in urls]
    clock.ahead = timedelta(days=3)
    for url, tag in zip(urls, tags, strict=True):
        assert (await read(tenant.server.client_of(tenant.users[Role.READER]), url, tag)).status_code == 200
    renamed = await tenant.server.client_of(tenant.users[Role.EDITOR]).put(
        urls[1], json={"name": "Ports"}, headers={"If-Match": tags[1]}
    )
    assert renamed.status_code == 200  # the stored study is the one that was read


@pytest.mark.parametrize("form", ["W/{tag}", '"old", W/{tag}', "{gzip}"])
async def test_a_change_with_a_tag_that_a_proxy_has_changed(tenant: Tenant, form: str) -> None:
    site = await tenant.create("sites", **SITE)
    url = f"/sites/{site['_id']}"
    tag = (await read(tenant.reader, url)).headers["etag"]
    headers = {"If-Match": form.format(tag=tag, gzip=f'{tag[:-1]}-gzip"')}
    assert (await tenant.editor.patch(url, json={"name": "Nice"}, headers=headers)).status_code == 200
    assert (await tenant.editor.patch(url, json={"name": "Lens"}, headers=headers)).status_code == 412
    assert (await tenant.editor.delete(url, headers=headers)).status_code == 412


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
async def test_an_unchanged_analytics_answer_is_304(alpha: World, accept: str) -> None:
    url = f"{alpha.tenant.url}/presence/analytics?from=2024-03-01&to=2024-03-31"
    first = await alpha.reader.post(url, json=QUESTION, headers={"Accept": accept})
    tag = first.headers["etag"]
    for _ in range(2):
        headers = {"Accept": accept, "If-None-Match": f"W/{tag}"}
        again = await alpha.reader.post(url, json=QUESTION, headers=headers)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await alpha.reader.post(url, json={"params": [{"kpi": "sessions"}]}, headers={"If-None-Match": tag})
    assert other.status_code == 200
    refused = await alpha.reader.post(url, json={"params": []}, headers={"If-None-Match": "*"})
    assert refused.status_code == 400


# -- links -------------------------------------------------------------------------------------------------------


async def read_links(client: httpx.AsyncClient, url: str, **query: object) -> dict[str, str]:
    """Return the links of a page by relation."""
    answer = await client.get(url, params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return {str(relation): str(link["url"]) for relation, link in answer.links.items() if relation}


async def test_pages_link_to_each_other(tenant: Tenant) -> None:
    for number in range(5):
        await tenant.create("sites", key=f"a/b {number}", name="Zoë & co", online=True)
    url, seen = f"{tenant.url}/sites", []
    links = await read_links(tenant.reader, url, per_page=2, q="zoë &", tags=[])
    assert set(links) == {"first", "next", "last"}
    next_url: str | None = f"{url}?per_page=2&q=zo%C3%AB+%26"
    while next_url:
        page = await tenant.reader.get(next_url)
        seen += [site["key"] for site in page.json()["documents"]]
        query = dict(parse_qsl(urlsplit(next_url).query))
        assert (query["per_page"], query["q"]) == ("2", "zoë &")
        next_url = page.links.get("next", {}).get("url")
    assert seen == [f"a/b {number}" for number in range(5)]
    assert set(await read_links(tenant.reader, url, per_page=2, page=3)) == {"first", "prev", "last"}


@pytest.mark.parametrize("query", [{"per_page": 0}, {"q": "nothing like this"}, {"keys": ["k" * 200] * 30}])
async def test_pages_without_links(tenant: Tenant, query: dict[str, object]) -> None:
    await tenant.create("sites", key="k" * 200, **SITE)
    assert await read_links(tenant.reader, f"{tenant.url}/sites", **query) == {}


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("/okube", "/okube"),
        ("/okube/", "/okube"),
        ("/shop, /okube", "/shop/okube"),
        ("//evil.example", ""),
        ("https://evil.example", ""),
        ("/a>b", ""),
        ("/", ""),
    ],
)
async def test_links_have_the_prefix_of_a_trusted_proxy(
    server: Server, tenant: Tenant, prefix: str, expected: str
) -> None:
    await tenant.create("sites", **SITE)
    headers = {"X-Forwarded-Prefix": prefix, "X-Forwarded-Proto": "https"}
    token = server.issue_token(tenant.users[Role.READER])
    async with share_store(server, trusted_proxies="10.0.0.0/8", require_https=False) as proxied:
        for address, start in (("10.1.1.1", expected), ("198.51.100.7", "")):
            client = proxied.client(token, address=(address, 1), **headers)
            links = await read_links(client, f"{tenant.url}/sites")
            assert links["first"] == f"{start}{tenant.url}/sites?page=1"
