"""Keys of resources: each key that can be created is found by all paths."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.store.conditions import equal

from tests.api.server import Server, Tenant

pytestmark = pytest.mark.anyio

PATHS = ("applications/{}/sites/{}", "applications/{}/s/{}", "a/{}/sites/{}", "a/{}/s/{}")
AWKWARD = [
    "a/b", "/", "//", "a/", "/a", " ", "a b", ".", "..", "...", ".hidden", "../../etc/passwd", "%", "%2F", "%2f", "%00",
    "100%", "a%20b", "a+b", "a&b=c", "a?b", "a#b", "a;b", "a:b@c", "a\\b", "~", "été", "e\u0301te\u0301", "日本",
    "🏬🛒", "👩‍👩‍👧", "\u202eabc", "\ufeff", "\u00a0", "ß", "İ", "'", '"', "' OR 1=1 --", "$where",
    "{\"$ne\": 1}", "<b>", "null", "undefined", "0", "-1", "true", "f" * 24, "sites",
    "x" * 250, "é" * 250, "🏬" * 250,
]  # fmt: skip


def quote_segment(text: str) -> str:
    """Encode a text as one segment of a path, dots included: clients remove segments such as `..`."""
    return quote(text, safe="").replace(".", "%2E")


async def check_found(tenant: Tenant, key: str) -> None:
    """Create a site with the key, check that all paths find it, and delete it."""
    site = await tenant.create("sites", name="x", online=True, key=key)
    assert site["key"] == key
    for path in PATHS:
        answer = await tenant.reader.get("/" + path.format(tenant.id, quote_segment(key)))
        assert answer.status_code == 200, (path, key)
        assert answer.json() == site
    listed = await tenant.reader.get(f"{tenant.url}/sites", params={"keys": key})
    assert [document["_id"] for document in listed.json()["documents"]] == [site["_id"]]
    assert (await tenant.editor.delete(f"{tenant.url}/sites/{quote_segment(key)}")).status_code == 204


@pytest.mark.slow
@pytest.mark.parametrize("key", AWKWARD)
async def test_an_awkward_key_is_found(tenant: Tenant, key: str) -> None:
    await check_found(tenant, key)


KEYS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=250)


@settings(settings.get_profile("api"), max_examples=15)
@given(key=KEYS)
async def test_any_key_is_found(tenant: Tenant, key: str) -> None:
    await check_found(tenant, key)


@pytest.mark.parametrize("key", ["", "x" * 251, "a\nb", "a\tb", "\x7f", "\x85", "\ud800"])
async def test_a_bad_key_is_refused(tenant: Tenant, key: str) -> None:
    escaped = key.encode("unicode_escape").decode().replace("\\x", "\\u00") if key else ""
    body = '{"name": "x", "online": true, "key": "' + escaped + '"}'
    answer = await tenant.editor.post(f"{tenant.url}/sites", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/key"


async def test_composed_and_decomposed_characters_are_found_as_they_were_sent(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    for application, key in ((tenant, "é"), (other_tenant, "e\u0301")):
        site = await application.create("sites", name="x", online=True, key=key)
        tenant = application
        assert (await tenant.reader.get(f"{tenant.url}/sites/{quote_segment(site['key'])}")).json() == site


async def test_an_id_is_looked_up_before_a_key(tenant: Tenant) -> None:
    first = await tenant.create("sites", name="first", online=True)
    second = await tenant.create("sites", name="second", online=True, key="second")
    sites, store = tenant.server.services.sites, tenant.server.services.store
    stored = await sites.get_by_id(second["_id"])
    former = stored | {"key": first["_id"], "names": [first["_id"]]}  # of an earlier version, which accepted such keys
    assert await store.replace(sites.collection, equal("_id", second["_id"]), former)
    assert (await tenant.reader.get(f"{tenant.url}/sites/{first['_id']}")).json()["name"] == "first"
    assert (await tenant.reader.get(f"{tenant.url}/sites/{first['_id'].upper()}")).json()["name"] == "first"
    assert (await tenant.editor.delete(f"{tenant.url}/sites/{first['_id']}")).status_code == 204
    assert (await tenant.reader.get(f"{tenant.url}/sites/{first['_id']}")).json()["name"] == "second"


@pytest.mark.parametrize("body", [{"key": "b"}, {"keys": ["z", "a"]}, {"key": "c", "keys": ["y"]}])
async def test_keys_and_alternative_keys_of_sites_are_unique_together(
    tenant: Tenant, other_tenant: Tenant, body: dict[str, Any]
) -> None:
    site = await tenant.create("sites", name="x", online=True, key="a", keys=["b", "c"])
    await other_tenant.create("sites", name="x", online=True, key="b")
    answer = await tenant.editor.post(f"{tenant.url}/sites", json={"name": "y", "online": True, **body})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "taken")
    for key in ("a", "b", "c"):
        assert (await tenant.reader.get(f"{tenant.url}/sites/{key}")).json()["_id"] == site["_id"]


@pytest.mark.parametrize("raw", [b"/sites/%ff", b"/sites/%c3", b"/sites/%ed%a0%80", b"/a/%fe%ff/sites"])
async def test_paths_that_are_not_utf8_are_refused(server: Server, raw: bytes) -> None:
    answer = await server.client_of(await server.create_user()).get(raw.decode())
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "raw", ["/sites/%00", "/a/%0a/sites", "/sites/", "/sites//", "//sites", "/sites/a/b", "/SITES"]
)
async def test_unknown_paths_are_not_found(server: Server, raw: str) -> None:
    answer = await server.client_of(await server.create_user()).get("http://127.0.0.1" + raw)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
