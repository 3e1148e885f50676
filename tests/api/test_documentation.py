"""The OpenAPI document, and the documentation pages, which use no other server."""

import re

import httpx
import pytest
from fastapi.routing import APIRoute
from okube_api.api.aliases import AliasRoute

from tests.api.server import Json, Server

pytestmark = pytest.mark.anyio


async def get_document(nobody: httpx.AsyncClient) -> Json:
    """Return the OpenAPI document."""
    answer = await nobody.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    body: Json = answer.json()
    return body


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_pages_load_every_file_from_this_server(nobody: httpx.AsyncClient, page: str) -> None:
    answer = await nobody.get(page)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert "<script>" not in answer.text
    files = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(files) >= 3
    for file in files:
        answer = await nobody.get(f"/{file}")
        assert answer.status_code == 200, file
        assert answer.headers["cache-control"] == "public, max-age=86400"


@pytest.mark.parametrize(
    "path",
    ["/static/../docs_pages.py", "/static/%2e%2e/route.py", "/static/..%2Froute.py", "/static/", "/static"],
)
async def test_no_other_files_are_served(nobody: httpx.AsyncClient, path: str) -> None:
    answer = await nobody.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_every_route_is_in_the_document(server: Server, nobody: httpx.AsyncClient) -> None:
    paths = (await get_document(nobody))["paths"]
    documented = {
        (path, method.upper())
        for documented_path, item in paths.items()
        for method, operation in item.items()
        for path in (documented_path, *operation.get("x-aliases", ()))
    }
    served = {
        (route.path, method)
        for route in server.app.routes
        if isinstance(route, APIRoute | AliasRoute)
        for method in set(route.methods or ()) - {"HEAD"}
    }
    assert documented == served


async def test_every_operation_is_described(nobody: httpx.AsyncClient) -> None:
    document = await get_document(nobody)
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", name) for name in names)
    tags = {tag["name"] for tag in document["tags"]}
    for operation in operations:
        assert operation["description"]
        assert set(operation["tags"]) <= tags
        for parameter in operation.get("parameters", ()):
            assert "null" not in str(parameter["schema"].get("anyOf", "")), (
                operation["operationId"],
                parameter["name"],
            )


async def test_path_parameters_are_declared_and_defaults_are_allowed_values(nobody: httpx.AsyncClient) -> None:
    document = await get_document(nobody)
    for path, item in document["paths"].items():
        for operation in item.values():
            parameters = operation.get("parameters", [])
            path_parameters = [parameter["name"] for parameter in parameters if parameter["in"] == "path"]
            assert sorted(path_parameters) == sorted(re.findall(r"{(\w+)}", path)), operation["operationId"]
            for schema in (parameter["schema"] for parameter in parameters if "enum" in parameter["schema"]):
                assert schema.get("default", schema["enum"][0]) in schema["enum"], operation["operationId"]


async def test_form_bodies_are_described(nobody: httpx.AsyncClient) -> None:
    document = await get_document(nobody)
    for path in ("/sites", "/auth/login"):
        assert "application/x-www-form-urlencoded" in document["paths"][path]["post"]["requestBody"]["description"]
    query = document["paths"]["/applications/{application}/presence/analytics"]["post"]
    assert "description" not in query["requestBody"]
    assert document["paths"]["/auth/login"]["post"]["security"] == []
    assert document["security"] == [{"bearer": []}, {"cookie": []}]


async def test_each_schema_has_one_media_type(nobody: httpx.AsyncClient) -> None:
    """Give each body one media type: generated clients choose it by the type of the body."""
    document = await get_document(nobody)
    for item in document["paths"].values():
        for operation in item.values():
            content = operation.get("requestBody", {}).get("content", {})
            names = [media["schema"]["$ref"] for media in content.values() if "$ref" in media.get("schema", {})]
            assert len(set(names)) == len(names), operation["operationId"]
            assert len(content) == 1 or not any("oneOf" in media["schema"] for media in content.values())


async def test_references_resolve(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/openapi.json")
    document = answer.json()
    for reference in set(re.findall(r'"#/([^"]+)"', answer.text)):
        node = document
        for step in reference.split("/"):
            node = node[step]
