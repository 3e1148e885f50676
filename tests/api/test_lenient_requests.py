"""What existing clients send without meaning anything by it, and unknown names where the settings ignore them."""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from okube_api.auth.repository import Role
from PIL import Image

from tests.api.server import PASSWORD, Server, Tenant, share_store

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

SITE = {"name": "Metz", "online": True}
PRESENCE = {"params": [{"kpi": "sessions", "temporals": False}]}


async def list_keys(client: httpx.AsyncClient, url: str, **options: Any) -> list[str]:
    """Return the keys in a list."""
    answer = await client.request("GET", url, **options)
    assert answer.status_code == 200, answer.text
    return [document["key"] for document in answer.json()["documents"]]


@pytest.fixture(scope="module")
async def shop(shared_server: Server) -> Tenant:
    """Create an application with an active and an inactive site and a study; tests must not change it."""
    tenant = await shared_server.take_tenant()
    await tenant.create("sites", key="on", active=True, **SITE)
    await tenant.create("sites", key="off", active=False, **SITE)
    await tenant.create("studies", key="everywhere")
    return tenant


@pytest.mark.parametrize(
    "query",
    ["q=", "app=", "_=1711983600000", "_ts=1&_ts=2", "q=&q=", "q=&_x"],
)
async def test_empty_and_underscored_parameters_mean_nothing(shop: Tenant, query: str) -> None:
    for url in (f"{shop.url}/sites?{query}", f"/sites?{query}&app={shop.key}"):
        assert await list_keys(shop.reader, url.replace("app=&", "")) == ["on", "off"]


@pytest.mark.parametrize(
    ("value", "keys"), [("TRUE", ["on"]), ("True", ["on"]), ("1", ["on"]), ("False", ["off"]), ("0", ["off"])]
)
async def test_booleans_are_read_in_any_case_and_as_digits(shop: Tenant, value: str, keys: list[str]) -> None:
    assert await list_keys(shop.reader, f"{shop.url}/sites", params={"active": value}) == keys
    assert await list_keys(shop.reader, f"{shop.url}/studies", params={"g": value}) == ["everywhere"]


@pytest.mark.parametrize("value", ["yes", "2", "tru", "01", "null"])
async def test_other_texts_are_no_booleans(tenant: Tenant, value: str) -> None:
    for url in (f"{tenant.url}/sites?active={value}", f"{tenant.url}/studies?g={value}"):
        assert (await tenant.reader.get(url)).status_code == 400


@pytest.mark.parametrize(
    ("parameter", "keys"), [("sa", ["may"]), ("sb", ["april"]), ("ea", ["may"]), ("eb", ["april"])]
)
async def test_instants_may_be_in_milliseconds(tenant: Tenant, parameter: str, keys: list[str]) -> None:
    await tenant.create("campaigns", key="april", **{"from": "2024-04-01", "to": "2024-04-15"})
    await tenant.create("campaigns", key="may", **{"from": "2024-05-01", "to": "2024-05-15"})
    for instant in ("1713830400", "1713830400999", "1713830400000"):  # 2024-04-23
        assert await list_keys(tenant.reader, f"{tenant.url}/campaigns", params={parameter: instant}) == keys
    assert (await tenant.reader.get(f"{tenant.url}/campaigns?{parameter}=171383040099")).status_code == 400


async def test_app_may_repeat_the_application_of_the_path(shop: Tenant, other_tenant: Tenant) -> None:
    site = f"{shop.url}/sites/on"
    for name in (shop.key, shop.id, shop.id.upper(), ""):
        assert await list_keys(shop.reader, f"{shop.url}/sites", params={"app": name}) == ["on", "off"]
        assert (await shop.reader.get(site, params={"app": name})).status_code == 200
        answered = await shop.reader.post(f"{shop.url}/presence/analytics", params={"app": name}, json=PRESENCE)
        assert answered.status_code == 200
    for name in (other_tenant.key, other_tenant.id, "nothing"):
        for url in (f"{shop.url}/sites", site):
            answer = await shop.reader.get(url, params={"app": name})
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/app")
    for url in (f"{other_tenant.url}/sites", f"{other_tenant.url}/sites/on"):
        assert (await shop.reader.get(url, params={"app": shop.key})).status_code == 404


async def test_uplift_of_presence_is_ignored(tenant: Tenant) -> None:
    url = f"{tenant.url}/presence/analytics"
    answers = [await tenant.reader.post(f"{url}?{query}", json=PRESENCE) for query in ("", "uplift=false", "uplift=x")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.text for answer in answers}) == 1
    site = await tenant.create("sites", **SITE)
    answered = await tenant.reader.post(f"/sites/{site['_id']}/presence/analytics?uplift=true", json=PRESENCE)
    assert answered.status_code == 200


@pytest.mark.parametrize("captcha", ["", None])
async def test_an_empty_captcha_is_none(server: Server, nobody: httpx.AsyncClient, captcha: str | None) -> None:
    user = await server.create_user()
    body = {"login": user.login, "password": PASSWORD, "captchaPayload": captcha}
    assert (await nobody.post("/auth/login", json=body)).status_code == 200
    assert (await nobody.post("/auth/login", data={**body, "captchaPayload": ""})).status_code == 200


# -- the application in the body of a list -----------------------------------------------------------------------


@dataclass(frozen=True)
class Both:
    """Two applications that have a resource of each kind, and a client with a role in both."""

    first: Tenant
    second: Tenant
    client: httpx.AsyncClient


@pytest.fixture(scope="module")
async def both(shared_server: Server) -> Both:
    """Create two applications; tests must not change them."""
    first, second = await shared_server.take_tenant(), await shared_server.take_tenant()
    for each, key in ((first, "first"), (second, "second")):
        await each.create("sites", key=key, **SITE)
        await each.create("pois", key=key, name="Poi", coordinates=[6.17, 49.12])
        await each.create("campaigns", key=key)
        await each.create("studies", key=key)
    user = await shared_server.create_user(roles={first.id: Role.READER, second.id: Role.READER})
    return Both(first, second, shared_server.client_of(user))


@pytest.mark.parametrize("kind", ["sites", "pois", "campaigns", "studies"])
async def test_a_list_is_of_the_application_in_its_body(both: Both, kind: str) -> None:
    url = f"/{kind}"
    assert await list_keys(both.client, url) == ["first", "second"]
    for app, key in ((both.first.key, "first"), (both.second.id, "second")):
        assert await list_keys(both.client, url, json={"app": app}) == [key]
        assert await list_keys(both.client, url, json={"app": app}, params={"app": app}) == [key]
        as_csv = await both.client.request("GET", url, json={"app": app}, headers={"Accept": "text/csv"})
        assert len(as_csv.text.strip().splitlines()) == 2
    for body in ({}, {"app": None}, {"app": ""}):
        assert await list_keys(both.client, url, json=body) == ["first", "second"]
    assert await list_keys(both.client, f"{both.first.url}/{kind}", json={"app": both.first.key}) == ["first"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"app": 7}', "/app"),
        (b'{"app": ["x"]}', "/app"),
        (b'{"apps": "x"}', "/apps"),
        (b"[]", ""),
        (b'"x"', ""),
        (b'{"app": "x"', ""),
        (b"\xff", ""),
    ],
)
async def test_an_invalid_body_of_a_list_is_400(both: Both, body: bytes, pointer: str) -> None:
    answer = await both.client.request("GET", "/sites", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)


async def test_an_application_in_a_body_is_checked_like_others(both: Both) -> None:
    statuses = [
        (await client.request("GET", url, json={"app": app})).status_code
        for client, url, app in (
            (both.client, "/sites", "nothing"),
            (both.first.reader, "/sites", both.second.key),
            (both.client, f"/sites?app={both.first.key}", both.second.key),
            (both.client, f"{both.first.url}/sites", both.second.key),
        )
    ]
    assert statuses == [404, 404, 400, 400]


# -- unknown names -----------------------------------------------------------------------------------------------


@pytest.fixture
async def tolerant(server: Server, tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    """Return an editor's client of an application that ignores unknown names."""
    token = server.issue_token(tenant.users[Role.EDITOR])
    async with share_store(server, unknown_fields="ignore") as application:
        yield application.client(token)


async def test_unknown_names_are_left_out_and_named(tenant: Tenant, tolerant: httpx.AsyncClient) -> None:
    body = {**SITE, "key": "metz", "colour": "red", "a/b": 1, "étage": 2}
    created = await tolerant.post(f"{tenant.url}/sites?trace=1", json=body)
    assert created.status_code == 201, created.text
    assert created.headers["x-okube-ignored"] == "query/trace, body/colour, body/a~1b, body/%C3%A9tage"
    assert "colour" not in created.json()
    url = f"{tenant.url}/sites/metz"
    form = await tolerant.put(url, data={"name": "Metz 2", "colour": "red"})
    assert (form.status_code, form.headers["x-okube-ignored"]) == (200, "body/colour")
    listed = await tolerant.get(f"{tenant.url}/sites?sort=name&per_page=5&limit=3")
    assert (listed.status_code, listed.headers["x-okube-ignored"]) == (200, "query/sort, query/limit")
    assert listed.json()["documents"][0]["name"] == "Metz 2"
    assert "x-okube-ignored" not in (await tolerant.get(url)).headers


async def test_unknown_names_inside_lists_and_questions_are_left_out(
    tenant: Tenant, tolerant: httpx.AsyncClient
) -> None:
    campaigns = [{"key": "a", "budget": 3}, {"key": "b"}, {"key": "c", "windows": {"click": 3, "swipe": 4}}]
    created = await tolerant.post(f"{tenant.url}/campaigns", json=campaigns)
    assert created.status_code == 201, created.text
    assert created.headers["x-okube-ignored"] == "body/0/budget, body/2/windows/swipe"
    question = {"params": [{"kpi": "sessions", "colour": "red", "temporals": False}], "version": 2}
    url = f"{tenant.url}/presence/analytics"
    for _ in range(2):
        answered = await tolerant.post(url, json=question)
        assert answered.status_code == 200, answered.text
        assert set(answered.headers["x-okube-ignored"].split(", ")) == {"body/params/0/colour", "body/version"}
        assert answered.json() == (await tenant.reader.post(url, json=PRESENCE)).json()


async def test_unknown_parts_of_forms_with_files_are_left_out(tenant: Tenant, tolerant: httpx.AsyncClient) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (2, 2)).save(picture, "PNG")
    form = {"key": "lens", "name": "Lens", "online": "false", "address[city]": "Lens", "colour": ["red", "blue"]}
    files = {"thumbnail": picture.getvalue(), "logo": b"other"}
    created = await tolerant.post(f"{tenant.url}/sites", data={**form, "windows[x]": "1"}, files=files)
    assert created.status_code == 201, created.text
    assert set(created.headers["x-okube-ignored"].split(", ")) == {"body/logo", "body/colour", "body/windows"}
    table = {"file": ("x.csv", b"Code,name\nliege,Li\xc3\xa8ge\n")}
    mapper = {"mapper[key]": "Code", "mapper[name]": "name", "mapper[colour]": "x", "skin": "1"}
    imported = await tolerant.post(f"{tenant.url}/sites/import", data=mapper, files=table)
    assert imported.status_code == 200, imported.text
    assert set(imported.headers["x-okube-ignored"].split(", ")) == {"body/mapper/colour", "body/skin"}
    refused = await tenant.editor.post(f"{tenant.url}/sites/import", data={"skin": ["1", "2"]}, files=table)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "unknown_field")


@pytest.mark.parametrize("name", ["sites", "sites[]", "sites[0]"])
async def test_a_form_may_send_a_list_of_one_item(tenant: Tenant, name: str) -> None:
    web = await tenant.create("sites", name="Web", online=True, key="web")
    created = await tenant.editor.post(f"{tenant.url}/studies", data={"key": "a", name: "web"})
    assert created.status_code == 201, created.text
    assert created.json()["sites"] == [web["_id"]]
    form = {"online": "false", "address[city]": "Lille", "address[doors][]": "north", "tags": "big", "keys[]": "k"}
    changed = await tenant.editor.put(f"{tenant.url}/sites/web", data=form)
    assert changed.status_code == 200, changed.text
    site = changed.json()
    assert (site["tags"], site["keys"], site["address"]) == (["big"], ["k"], {"city": "Lille", "doors": ["north"]})


async def test_other_faults_are_still_refused(tenant: Tenant, tolerant: httpx.AsyncClient) -> None:
    refused = await tolerant.post(f"{tenant.url}/sites", json={"name": 7, "online": True, "colour": "red"})
    assert refused.status_code == 400
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/name"]
    assert (await tolerant.get(f"{tenant.url}/sites?page=x&sort=name")).status_code == 400


async def test_unknown_names_are_refused_by_default(tenant: Tenant) -> None:
    for answer in (
        await tenant.editor.post(f"{tenant.url}/sites", json={**SITE, "colour": "red"}),
        await tenant.editor.get(f"{tenant.url}/sites?sort=name"),
    ):
        assert (answer.status_code, "x-okube-ignored" in answer.headers) == (400, False)
