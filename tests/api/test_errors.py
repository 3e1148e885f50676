"""Refusals: the shape of a problem, and the bodies, headers and connections that are refused."""

import gzip
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from okube_api.errors import Refusal

from tests.api.server import Server, Tenant, share_store

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

ROOT = Path(__file__).parents[2]
JSON = {"Content-Type": "application/json"}
SITE = {"name": "Lyon", "online": True}


async def post_raw(tenant: Tenant, content: bytes | str, **headers: str) -> httpx.Response:
    """Post a raw body that creates a site if it is valid."""
    return await tenant.editor.post(f"{tenant.url}/sites", content=content, headers={**JSON, **headers})


async def test_problem_has_the_documented_shape(tenant: Tenant) -> None:
    answer = await post_raw(tenant, '{"name": 7, "onlin": true}', **{"X-Request-Id": "mine-1"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.json() == {
        "type": "urn:okube:problem:invalid",
        "title": "Invalid request",
        "status": 400,
        "code": "invalid",
        "detail": "The request has 3 faults. The first: 'name': Input should be a valid string.",
        "message": "The request has 3 faults. The first: 'name': Input should be a valid string.",
        "instance": f"/applications/{tenant.key}/sites",
        "requestId": "mine-1",
        "errors": [
            {"in": "body", "pointer": "/name", "code": "wrong_type", "message": "Input should be a valid string."},
            {"in": "body", "pointer": "/online", "code": "missing", "message": "'online' is required."},
            {"in": "body", "pointer": "/onlin", "code": "unknown_field", "message": "Unknown field 'onlin'."},
        ],
    }


def list_refusals(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    """Yield the classes of refusals of the package."""
    for refusal in kind.__subclasses__():
        if refusal.__module__.startswith("okube_api."):
            yield refusal
            yield from list_refusals(refusal)


def test_each_code_is_in_the_manual_and_has_a_french_sentence() -> None:
    """Check the table of `docs/http.md`, and the texts of the explorer."""
    codes = {refusal.code: refusal.status for refusal in list_refusals(Refusal) if refusal.status != 499}  # log only
    rows = re.findall(r"^\| ([\d, ]+) \| (`.*) \|$", (ROOT / "docs/http.md").read_text(encoding="utf-8"), re.MULTILINE)
    listed = {code: statuses for statuses, text in rows for code in re.findall("`([a-z_]+)`", text)}
    assert set(listed) == set(codes)
    assert {code for code, status in codes.items() if str(status) not in listed[code].split(", ")} == set()
    texts = (ROOT / "web/src/i18n/fr.ts").read_text(encoding="utf-8")
    (problems,) = re.findall(r"^    problems: \{\n(.*?)^    \},", texts, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"^      ([a-z_]+):", problems, re.MULTILINE)) == set(codes) - {"forbidden"}


@pytest.mark.parametrize("request_id", ["a b", "x" * 65, "x\ty", "né", "<x>"])
async def test_request_id_that_could_forge_a_log_line_is_replaced(nobody: httpx.AsyncClient, request_id: str) -> None:
    answer = await nobody.get("/health/live", headers=[(b"x-request-id", request_id.encode())])
    assert answer.headers["x-request-id"] != request_id
    assert len(answer.headers["x-request-id"]) == 32


BODIES: dict[str, tuple[bytes, str]] = {
    "NaN": (b'{"name": "x", "online": true, "level": NaN}', "/level"),
    "Infinity": (b'{"name": "x", "online": true, "capacity": -Infinity}', "/capacity"),
    "1e999": (b'{"name": "x", "online": true, "radius": 1e999}', "/radius"),
    "65 bits": (b'{"name": "x", "online": true, "level": 9223372036854775808}', "/level"),
    "thousands of digits": (b'{"name": "x", "online": true, "level": 1' + b"0" * 5000 + b"}", "/level"),
    "lone surrogate": (rb'{"name": "\ud800", "online": true}', "/name"),
    "surrogates reversed": (rb'{"name": "\udc00\ud800", "online": true}', "/name"),
    "surrogate in a name": (rb'{"name": "x", "online": true, "\udfff": 1}', ""),
    "NUL": (rb'{"name": "a\u0000b", "online": true}', "/name"),
    "NUL in a name": (rb'{"name": "x", "online": true, "a\u0000": 1}', ""),
    "a name twice": (b'{"name": "x", "online": true, "name": "y"}', "/name"),
    "deep list": (b'{"name": ' + b"[" * 100 + b"]" * 100 + b', "online": true}', "/name"),
    "very deep": (b"[" * 100_000, ""),
    "deep objects": (b'{"a":' * 40 + b"1" + b"}" * 40, "/a"),
    "not UTF-8": (b'{"name": "\xff", "online": true}', ""),
    "UTF-16": ('{"name": "x"}'.encode("utf-16"), ""),
    "a byte order mark": (b"\xef\xbb\xbf{}", ""),
    "cut short": (b'{"name": "x"', ""),
    "two values": (b"{} {}", ""),
    "a comment": (b"{/* */}", ""),
    "single quotes": (b"{'name': 'x'}", ""),
    "an operator": (b'{"name": {"$ne": ""}, "online": true}', "/name"),
    "a list": (b"[]", ""),
    "a text": (b'"x"', ""),
    "null": (b"null", ""),
    "a number for a boolean": (b'{"name": "x", "online": 1}', "/online"),
    "a text for a boolean": (b'{"name": "x", "online": "true"}', "/online"),
    "fractions of floors": (b'{"name": "x", "online": true, "level": 1.5}', "/level"),
}


@pytest.mark.parametrize(("body", "pointer"), BODIES.values(), ids=BODIES)
async def test_invalid_or_ambiguous_json_is_400(tenant: Tenant, body: bytes, pointer: str) -> None:
    answer = await post_raw(tenant, body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    listed = (await tenant.reader.get(f"{tenant.url}/sites")).json()
    assert listed["documents"] == []


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/sites", {**SITE, "modules": 5}, "/modules"),
        ("/sites", {**SITE, "attributes": ["a"]}, "/attributes"),
        ("", {"settings": {"stays": None}}, "/settings/stays"),
    ],
)
async def test_other_values_than_objects_are_explained(
    tenant: Tenant, admin: httpx.AsyncClient, path: str, body: dict[str, Any], pointer: str
) -> None:
    answer = await admin.request("POST" if path else "PATCH", tenant.url + path, json=body)
    fault = answer.json()["errors"][0]
    assert (answer.status_code, fault["pointer"]) == (400, pointer)
    assert (fault["code"], fault["message"]) == ("wrong_type", "Input should be a JSON object.")


async def test_integral_float_is_an_integer(tenant: Tenant) -> None:
    answer = await post_raw(tenant, b'{"name": "x", "online": true, "level": 2.0}')
    assert (answer.status_code, answer.json()["level"]) == (201, 2)


@pytest.mark.parametrize("field", ["_id", "application", "createdAt", "updatedAt", "version", "names", "thumbnail"])
async def test_fields_of_the_server_cannot_be_set(tenant: Tenant, field: str) -> None:
    answer = await post_raw(tenant, json.dumps({**SITE, field: "f" * 24}))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, f"/{field}")


# -- sizes and types ----------------------------------------------------------------------------------------------


async def test_body_above_the_limit_is_413_with_and_without_content_length(tenant: Tenant) -> None:
    async def pieces() -> Any:
        for _ in range(64):
            yield b" " * 65_536

    limit = tenant.server.services.settings.body_limit
    assert (await post_raw(tenant, json.dumps(SITE).ljust(limit))).status_code == 201
    assert (await post_raw(tenant, json.dumps(SITE).ljust(limit + 1))).status_code == 413
    chunked = await tenant.editor.post(f"{tenant.url}/sites", content=pieces(), headers=JSON)
    assert chunked.status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/json; charset=latin-1", "json", ""])
async def test_other_content_types_are_415(tenant: Tenant, kind: str) -> None:
    answer = await tenant.editor.post(
        f"{tenant.url}/sites", content="{}", headers={"Content-Type": kind} if kind else {}
    )
    assert answer.status_code == 415


async def test_charset_utf8_is_accepted(tenant: Tenant) -> None:
    answer = await post_raw(tenant, json.dumps(SITE), **{"Content-Type": 'Application/JSON; charset="UTF-8"'})
    assert answer.status_code == 201


async def test_compressed_body_is_415(tenant: Tenant) -> None:
    answer = await post_raw(tenant, gzip.compress(b"x" * 10_000_000), **{"Content-Encoding": "gzip"})
    assert answer.status_code == 415


async def test_missing_body_is_400(tenant: Tenant) -> None:
    assert (await tenant.editor.post(f"{tenant.url}/sites")).status_code == 400


# -- forms --------------------------------------------------------------------------------------------------------


async def test_form_creates_the_same_as_json(tenant: Tenant) -> None:
    form = "name=Lyon&online=false&level=3&tags=a&tags=b&keys[]=k1&address[city]=Paris&coordinates=4.8&coordinates=45.7"
    answer = await post_raw(tenant, form, **{"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 201, answer.text
    site = answer.json()
    assert {name: site[name] for name in ("name", "online", "level", "tags", "keys", "coordinates")} == {
        "name": "Lyon",
        "online": False,
        "level": 3,
        "tags": ["a", "b"],
        "keys": ["k1"],
        "coordinates": [4.8, 45.7],
    }
    assert site["address"]["city"] == "Paris"


@pytest.mark.parametrize(
    "form",
    ["name=x&online=maybe", "name=x&name=y&online=true", "name=x&online=true&a[b=1", "name=x&online=true&x=1",
     "name=x&online=true&address=Paris", "name=x&online=true&address[$ne]=1", "name=%ff&online=true",
     "name=a%00b&online=true", "keys[$ne]=&name=x&online=true"],
)  # fmt: skip
async def test_invalid_form_is_400(tenant: Tenant, form: str) -> None:
    answer = await post_raw(tenant, form, **{"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 400, answer.text


# -- queries and paths --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("pag=1", "/pag"),
        ("page=1&page=2", "/page"),
        ("page=x", "/page"),
        ("per_page=1.5", "/per_page"),
        ("q=%00", "/q"),
        ("q=%ff", ""),
        ("q[$regex]=.*", "/q[$regex]"),
        ("active=yes", "/active"),
        ("&".join(f"keys={number}" for number in range(1001)), ""),
    ],
)
async def test_invalid_query_parameter_is_named(tenant: Tenant, query: str, pointer: str) -> None:
    answer = await tenant.reader.get(f"{tenant.url}/sites?{query}")
    assert answer.status_code == 400, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]][:1] == ([pointer] if pointer else [])


async def test_similar_name_is_suggested(tenant: Tenant) -> None:
    answer = await tenant.reader.get(f"{tenant.url}/sites", params={"per_pag": 5})
    assert answer.json()["detail"] == "Unknown query parameter 'per_pag'. Did you mean 'per_page'?"


@pytest.mark.parametrize(("page", "per_page", "keys"), [
    (1, 2, ["k0", "k1"]), (0, 2, ["k0", "k1"]), (3, 2, ["k4"]), (4, 2, []), (10**9, 100, []), (1, 0, []),
])  # fmt: skip
async def test_lists_have_pages(tenant: Tenant, page: int, per_page: int, keys: list[str]) -> None:
    for number in range(5):
        await tenant.create("sites", key=f"k{number}", **SITE)
    answer = (await tenant.reader.get(f"{tenant.url}/sites", params={"page": page, "per_page": per_page})).json()
    assert [site["key"] for site in answer["documents"]] == keys
    pages = -(-5 // per_page) if per_page else 0
    assert answer["_$paginated"] == {
        "total": 5, "page": max(page, 1), "per_page": per_page, "page_count": pages, "has_more": max(page, 1) < pages,
    }  # fmt: skip


async def test_other_method_is_405_with_the_allowed_methods(tenant: Tenant) -> None:
    answer = await tenant.editor.delete(f"{tenant.url}/sites")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    site = await tenant.create("sites", **SITE)
    answer = await tenant.editor.post(f"/a/{tenant.key}/s/{site['_id']}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT")


async def test_application_must_be_named_exactly_once(tenant: Tenant) -> None:
    twice = await tenant.editor.post(f"{tenant.url}/sites", json={**SITE, "app": tenant.key})
    assert (twice.status_code, twice.json()["errors"][0]["pointer"]) == (400, "/app")
    never = await tenant.editor.post("/sites", json=SITE)
    assert (never.status_code, never.json()["errors"][0]["pointer"]) == (400, "/app")


# -- versions -----------------------------------------------------------------------------------------------------


async def test_change_of_an_old_version_is_412(tenant: Tenant) -> None:
    site = await tenant.create("sites", **SITE)
    url = f"/sites/{site['_id']}"
    tag = (await tenant.reader.get(url)).headers["etag"]
    changed = await tenant.editor.put(url, json={"name": "A"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    for answer in (
        await tenant.editor.put(url, json={"name": "B"}, headers={"If-Match": tag}),
        await tenant.editor.delete(url, headers={"If-Match": f'"x", {tag}'}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
    assert (await tenant.reader.get(url)).json()["name"] == "A"
    several = {"If-Match": f"{tag}, {changed.headers['etag']}"}
    assert (await tenant.editor.put(url, json={"name": "C"}, headers=several)).status_code == 200
    assert (await tenant.editor.delete(url, headers={"If-Match": "*"})).status_code == 204


# -- transport ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def proxied(shared_server: Server) -> AsyncIterator[Server]:
    """Run another application, behind a proxy."""
    async with share_store(shared_server, trusted_proxies="10.0.0.0/8") as server:
        yield server


FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.4"}


@pytest.mark.parametrize(
    ("address", "headers", "path", "status"),
    [
        ("192.0.2.7", {}, "/auth/captcha", 403),
        ("192.0.2.7", FORWARDED, "/auth/captcha", 403),  # not a trusted proxy
        ("192.0.2.7", {}, "/health/live", 200),
        ("192.0.2.7", {}, "/health/../auth/captcha", 403),
        ("127.0.0.1", {}, "/auth/captcha", 200),
        ("127.0.0.1", FORWARDED, "/auth/captcha", 403),
        ("::1", {}, "/auth/captcha", 200),
        ("10.1.2.3", FORWARDED, "/auth/captcha", 200),
        ("10.1.2.3", {"X-Forwarded-Proto": "http"}, "/auth/captcha", 403),
        ("10.1.2.3", {"X-Forwarded-Proto": "https, http"}, "/auth/captcha", 403),
        ("10.1.2.3", {}, "/auth/captcha", 403),
    ],
)
async def test_plain_http_is_refused(
    proxied: Server, address: str, headers: dict[str, str], path: str, status: int
) -> None:
    answer = await proxied.client(address=(address, 1), **headers).get(path)
    assert answer.status_code == status, answer.text


async def test_client_address_is_taken_from_the_proxy(server: Server) -> None:
    """Distinguish clients by a limit per address; an address that a client itself adds to the header does not count."""
    async with share_store(server, trusted_proxies="10.0.0.0/8", address_rate_limit="1/hour") as proxied:
        statuses = [
            (
                await proxied.client(
                    address=("10.9.9.9", 1), **{"X-Forwarded-Proto": "https", "X-Forwarded-For": chain}
                ).get("/auth/captcha")
            ).status_code
            for chain in ("198.51.100.1", "198.51.100.2", "203.0.113.9, 198.51.100.1", "198.51.100.3, 10.0.0.8")
        ]
        assert statuses == [200, 200, 429, 200]


async def test_bug_is_answered_without_details(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("password of the database: hunter2")

    with monkeypatch.context() as patched:
        patched.setattr(type(tenant.server.services.sites), "find_page", broken)
        answer = await tenant.reader.get(f"{tenant.url}/sites")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.text
    assert (await tenant.reader.get(f"{tenant.url}/sites")).status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_answers_are_compressed(tenant: Tenant, coding: str) -> None:
    url = f"{tenant.url}/campaigns"
    created = await tenant.editor.post(url, json=[{"key": f"k{number}"} for number in range(20)])
    assert created.status_code == 201, created.text
    headers = {"Accept-Encoding": coding}
    async with tenant.reader.stream("GET", url, headers=headers) as answer:
        assert answer.headers["content-encoding"] == coding
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    plain = await tenant.reader.get(url, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len(raw) < len(plain.content) / 4
