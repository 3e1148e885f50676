"""The OpenAPI document, and the documentation pages, which use no other server."""

import re

import httpx
import pytest
from fastapi.routing import APIRoute
from okube_api.api.aliases import AliasRoute

from tests.api.server import Json, Server

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

UNDER = "/applications/{application}"


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


PATH_VALUES = {"kind": "pings"}


async def test_allow_names_the_documented_methods_of_each_path(nobody: httpx.AsyncClient) -> None:
    """A documented path has all its methods, so that `Allow` is what the document says."""
    for path, item in (await get_document(nobody))["paths"].items():
        url = re.sub("{([^}]*)}", lambda match: PATH_VALUES.get(match[1], "5e1834b0e12d62a85b388a1b"), path)
        allowed = (await nobody.options(url)).headers["allow"].split(", ")
        assert set(allowed) - {"HEAD", "OPTIONS"} == {method.upper() for method in item}, path


async def test_lists_under_an_application_take_no_app(nobody: httpx.AsyncClient) -> None:
    paths = (await get_document(nobody))["paths"]
    for kind in ("sites", "pois", "campaigns", "studies"):
        names = [[p["name"] for p in paths[path]["get"]["parameters"]] for path in (f"/{kind}", f"{UNDER}/{kind}")]
        assert set(names[0]) - set(names[1]) == {"app"}
        assert set(names[1]) - set(names[0]) == {"application"}


async def test_empty_search_texts_are_allowed(nobody: httpx.AsyncClient) -> None:
    paths = (await get_document(nobody))["paths"]
    for path in ("/sites", "/campaigns", f"{UNDER}/areas"):
        (search,) = [p for p in paths[path]["get"]["parameters"] if p["name"] == "q"]
        assert search["allowEmptyValue"] is True


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
    assert document["security"] == [{"bearerAuth": []}, {"cookie": []}]


def list_operations(document: Json) -> list[tuple[str, Json]]:
    """Return all operations with their paths."""
    return [(path, operation) for path, item in document["paths"].items() for operation in item.values()]


async def test_document_is_introduced(nobody: httpx.AsyncClient) -> None:
    document = await get_document(nobody)
    assert document["info"]["title"] == "Okube Analytics API"
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    assert document["servers"] == [{"url": "."}]
    scheme = document["components"]["securitySchemes"]["bearerAuth"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


async def test_each_schema_has_one_media_type(nobody: httpx.AsyncClient) -> None:
    """Give each body one media type: generated clients choose it by the type of the body."""
    for _path, operation in list_operations(await get_document(nobody)):
        content = operation.get("requestBody", {}).get("content", {})
        names = [media["schema"]["$ref"] for media in content.values() if "$ref" in media.get("schema", {})]
        assert len(set(names)) == len(names), operation["operationId"]
        assert not any("oneOf" in media.get("schema", {}) for media in content.values())


@pytest.mark.parametrize("path", ["/sites", "/pois", "/campaigns", "/studies"])
async def test_uploads_are_forms_with_a_file(nobody: httpx.AsyncClient, path: str) -> None:
    document = await get_document(nobody)
    for creation in (path, f"/applications/{{application}}{path}"):
        content = document["paths"][creation]["post"]["requestBody"]["content"]
        assert next(iter(content)) == "application/json"
        form = get_component(document, content["multipart/form-data"]["schema"])
        file = "thumbnail" if path == "/sites" else "file"
        assert form["properties"][file]["format"] == "binary"
        assert file in form["required"]
        assert ("app" in form["properties"]) == (creation == path)


def get_component(document: Json, reference: Json) -> Json:
    """Return the schema that a reference names."""
    schema: Json = document["components"]["schemas"][reference["$ref"].rpartition("/")[2]]
    return schema


async def test_app_is_required_only_where_the_path_names_no_application(nobody: httpx.AsyncClient) -> None:
    document = await get_document(nobody)
    bodies = 0
    for path, operation in list_operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            schema = media.get("schema", {})
            element = schema.get("anyOf", [schema])[0]
            if "$ref" not in element:
                continue
            body = get_component(document, element)
            is_required = "app" in body.get("required", ())
            bodies += is_required
            assert not is_required or "{application}" not in path, operation["operationId"]
            if operation["operationId"].startswith("create_"):
                assert is_required == ("app" in body["properties"]), operation["operationId"]
    assert bodies >= 4


async def test_ids_in_paths_have_a_pattern(nobody: httpx.AsyncClient) -> None:
    document = await get_document(nobody)
    patterns = {
        (path, parameter["name"]): parameter["schema"].get("pattern")
        for path, operation in list_operations(document)
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "path"
    }
    assert patterns["/sites/{site}", "site"] == patterns["/auth/keys/{key}", "key"] == "^[0-9a-fA-F]{24}$"
    questions = "/sites/{site}/studies/{study}/geo-marketing/analytics"
    assert patterns[questions, "study"] == patterns[questions, "site"] == "^[0-9a-fA-F]{24}$"
    assert patterns["/applications/{application}/studies/{study}/geo-marketing/analytics", "study"] is None
    assert patterns["/applications/{application}/sites/{site}/equipments", "site"] is None
    assert patterns["/applications/{application}", "application"] is None


async def test_everything_is_described(nobody: httpx.AsyncClient) -> None:
    document = await get_document(nobody)
    schemas = document["components"]["schemas"]
    missing = [name for name, schema in schemas.items() if not schema.get("description")]
    missing += [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, inner in schema.get("properties", {}).items()
        if not inner.get("description")
    ]
    missing += [
        f"{operation['operationId']}: {parameter['name']}"
        for _path, operation in list_operations(document)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    assert not missing


@pytest.mark.parametrize("name", ["GeoMarketingKpi", "ConversionKpi", "PresenceKpi"])
async def test_each_kpi_is_described(nobody: httpx.AsyncClient, name: str) -> None:
    kpis = (await get_document(nobody))["components"]["schemas"][name]
    assert len(kpis["x-enum-descriptions"]) == len(kpis["enum"])
    for kpi, description in zip(kpis["enum"], kpis["x-enum-descriptions"], strict=True):
        assert f"- `{kpi}`: {description}" in kpis["description"]


async def test_refusals_have_examples_with_their_code(nobody: httpx.AsyncClient) -> None:
    document = await get_document(nobody)
    answer = await nobody.get("/sites")
    (example,) = [media["example"] for media in document["components"]["responses"]["Refused401"]["content"].values()]
    refusal = answer.json()
    assert [example[name] for name in ("type", "title", "status", "code")] == [
        refusal[name] for name in ("type", "title", "status", "code")
    ]
    for name, response in document["components"]["responses"].items():
        if name == "NotModified":
            continue
        (media,) = response["content"].values()
        assert f"Refused{media['example']['status']}" == name
        assert media["example"]["type"] == f"urn:okube:problem:{media['example']['code']}"


@pytest.mark.parametrize(
    ("method", "path", "tag", "is_page"),
    [
        ("get", "/sites", "`If-None-Match`", True),
        ("get", "/applications/{application}/levers", "`If-None-Match`", True),
        ("get", "/campaigns/{campaign}", "`If-Match`", False),
        ("get", "/analytics/kpis", "`If-None-Match`", False),
        ("post", "/sites/{site}/presence/analytics", "`If-None-Match`", False),
    ],
)
async def test_tags_and_links_are_described(
    nobody: httpx.AsyncClient, method: str, path: str, tag: str, is_page: bool
) -> None:
    operation = (await get_document(nobody))["paths"][path][method]
    headers = operation["responses"]["200"]["headers"]
    assert tag in headers["ETag"]["description"]
    assert ("Link" in headers) is is_page
    assert "304" in operation["responses"]
    assert [field["in"] for field in operation["parameters"] if field["name"] == "If-None-Match"] == ["header"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/health/live"),  # public
        ("get", "/applications/{application}/ingest/{batch}/rejected"),  # a stream
        ("post", "/sites"),
        ("put", "/sites/{site}"),
    ],
)
async def test_other_answers_are_unconditional(nobody: httpx.AsyncClient, method: str, path: str) -> None:
    operation = (await get_document(nobody))["paths"][path][method]
    assert "304" not in operation["responses"]
    assert "If-None-Match" not in {field["name"] for field in operation.get("parameters", ())}


async def test_no_boolean_is_a_constant(nobody: httpx.AsyncClient) -> None:
    """Avoid `const` on booleans, of which generated clients make an enumeration of texts."""
    answer = await nobody.get("/openapi.json")
    assert not re.search(r'"const":(true|false)', answer.text)


async def test_values_of_free_form_names_that_may_be_null_are_described_by_a_pattern(
    nobody: httpx.AsyncClient,
) -> None:
    """Avoid `additionalProperties` that may be null: clients of OpenAPI Generator in Python do not type-check then."""
    schemas = (await get_document(nobody))["components"]["schemas"]
    attributes = schemas["SiteAnswer"]["properties"]["attributes"]
    assert attributes["additionalProperties"] is True
    assert attributes["patternProperties"] == {"^": {"type": ["string", "number", "boolean", "null"]}}
    temporals = schemas["ScopeValues"]["properties"]["temporals"]
    assert temporals["patternProperties"] == {"^": {"$ref": "#/components/schemas/Leaf"}}
    (pattern,) = schemas["Address"]["patternProperties"]
    assert not re.search(pattern, "city")
    assert re.search(pattern, "cityhall")
    assert schemas["Meta"]["properties"]["buckets"]["additionalProperties"]["type"] == "array"


async def test_references_resolve(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/openapi.json")
    document = answer.json()
    for reference in set(re.findall(r'"#/([^"]+)"', answer.text)):
        node = document
        for step in reference.split("/"):
            node = node[step]


async def test_refusals_of_the_connection_are_documented(nobody: httpx.AsyncClient) -> None:
    document = await get_document(nobody)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert {"408", "414", "431"} <= set(operation["responses"]), f"{method} {path}"


async def test_bodies_with_required_files_are_required(nobody: httpx.AsyncClient) -> None:
    paths = (await get_document(nobody))["paths"]
    assert paths["/applications/{application}/sites/import"]["post"]["requestBody"]["required"] is True
