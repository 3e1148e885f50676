"""The documentation: the document itself, and the pages that show it without any other server."""

import re

import httpx
import pytest
from fastapi.routing import APIRoute
from okube_api.api.aliases import AliasRoute

from tests.api.server import Json, Server

pytestmark = pytest.mark.anyio


async def document(nobody: httpx.AsyncClient) -> Json:
    """The OpenAPI document, as anybody gets it."""
    answer = await nobody.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    body: Json = answer.json()
    return body


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_a_page_gets_every_file_from_this_server(nobody: httpx.AsyncClient, page: str) -> None:
    answer = await nobody.get(page)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert "<script>" not in answer.text
    files = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(files) >= 3
    for file in files:
        found = await nobody.get(f"/{file}")
        assert found.status_code == 200, file
        assert found.headers["cache-control"] == "public, max-age=86400"


async def test_nothing_but_its_files_is_served(nobody: httpx.AsyncClient) -> None:
    for path in (
        "/static/../documentation.py",
        "/static/%2e%2e/route.py",
        "/static/..%2Froute.py",
        "/static/",
        "/static",
    ):
        answer = await nobody.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path


async def test_every_route_is_in_the_document(server: Server, nobody: httpx.AsyncClient) -> None:
    paths = (await document(nobody))["paths"]
    documented = {
        (path, method.upper())
        for shown, item in paths.items()
        for method, operation in item.items()
        for path in (shown, *operation.get("x-aliases", ()))
    }
    served = {
        (route.path, method)
        for route in server.app.routes
        if isinstance(route, APIRoute | AliasRoute)
        for method in set(route.methods or ()) - {"HEAD"}
    }
    assert documented == served


async def test_every_operation_says_what_it_is(nobody: httpx.AsyncClient) -> None:
    made = await document(nobody)
    operations = [operation for item in made["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", name) for name in names)
    known = {tag["name"] for tag in made["tags"]}
    for operation in operations:
        assert operation["description"]
        assert set(operation["tags"]) <= known
        for parameter in operation.get("parameters", ()):
            assert "null" not in str(parameter["schema"].get("anyOf", "")), (
                operation["operationId"],
                parameter["name"],
            )


async def test_what_a_path_names_is_a_parameter_and_defaults_are_values(nobody: httpx.AsyncClient) -> None:
    made = await document(nobody)
    for path, item in made["paths"].items():
        for operation in item.values():
            parameters = operation.get("parameters", [])
            named = [one["name"] for one in parameters if one["in"] == "path"]
            assert sorted(named) == sorted(re.findall(r"{(\w+)}", path)), operation["operationId"]
            for schema in (one["schema"] for one in parameters if "enum" in one["schema"]):
                assert schema.get("default", schema["enum"][0]) in schema["enum"], operation["operationId"]


async def test_bodies_come_as_forms_too(nobody: httpx.AsyncClient) -> None:
    made = await document(nobody)
    for path in ("/sites", "/auth/login"):
        assert "application/x-www-form-urlencoded" in made["paths"][path]["post"]["requestBody"]["description"]
    query = made["paths"]["/applications/{application}/presence/analytics"]["post"]
    assert "description" not in query["requestBody"]
    assert made["paths"]["/auth/login"]["post"]["security"] == []
    assert made["security"] == [{"bearer": []}, {"cookie": []}]


async def test_one_schema_stands_under_one_media_type(nobody: httpx.AsyncClient) -> None:
    """Generated clients choose how to send a body by its type."""
    made = await document(nobody)
    for item in made["paths"].values():
        for operation in item.values():
            content = operation.get("requestBody", {}).get("content", {})
            names = [media["schema"]["$ref"] for media in content.values() if "$ref" in media.get("schema", {})]
            assert len(set(names)) == len(names), operation["operationId"]
            assert len(content) == 1 or not any("oneOf" in media["schema"] for media in content.values())


async def test_every_reference_leads_somewhere(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/openapi.json")
    made = answer.json()
    for reference in set(re.findall(r'"#/([^"]+)"', answer.text)):
        node = made
        for step in reference.split("/"):
            node = node[step]
