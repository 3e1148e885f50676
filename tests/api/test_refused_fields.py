"""The detail of a refusal names the field at fault, on every route with a JSON body and for each of its fields.

`tests.api.server.check_detail` checks the same of every refusal that a test provokes.
"""

from collections.abc import Iterator

import pytest
from okube_api.errors import name_field

from tests.api.server import Json, Server, Tenant
from tests.api.tenancy import ROWS, create_resources, fill_template

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

WRONG = ([[True]], [7.5])
"""Values of which no field accepts both."""


def list_properties(document: Json, schema: Json) -> Iterator[str]:
    """Yield the names of the fields of a body, which may be one object, or one of several."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from list_properties(document, part)
    yield from schema.get("properties", {})


async def list_problems(server: Server, tenant: Tenant) -> list[tuple[str, Json]]:
    """Return the name of each field of each body with the problem of a request whose value of it is wrong."""
    document = server.app.openapi()
    names = await create_resources(tenant, "own")
    client = server.client_of(await server.create_user(platform_admin=True))
    problems = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            row = ROWS.get(path)
            if row is None or row.body is None or method not in {"post", "put"} or "application/json" not in content:
                continue
            url = path
            for name, (identifier, *_) in names.items():
                url = url.replace(f"{{{name}}}", identifier)
            for field in dict.fromkeys(list_properties(document, content["application/json"]["schema"])):
                for wrong in WRONG:  # the second one where the first is accepted
                    body = {**fill_template(row.body, names), "app": tenant.key, field: wrong}
                    if path.startswith("/applications") or "{" in path:
                        body = {name: value for name, value in body.items() if name != "app" or field == "app"}
                    answer = await client.request(method, url, json=body)
                    if answer.status_code in {400, 422}:
                        problems.append((f"{method} {path} {field}", answer.json()))
                        break
    return problems


async def test_every_refused_field_is_named(server: Server, tenant: Tenant) -> None:
    problems = await list_problems(server, tenant)
    assert len(problems) > 250
    unnamed = {
        place: problem["detail"]
        for place, problem in problems
        if place.rpartition(" ")[2].lower() not in problem["detail"].lower()
    }
    assert unnamed == {}


@pytest.mark.parametrize(
    ("message", "pointer", "detail"),
    [
        ("Input should be a valid string.", "/name", "'name': Input should be a valid string."),
        ("Input should be a valid string.", "/address/city", "'address.city': Input should be a valid string."),
        ("Use 1 to 7.", "/params/2/filters/weekdays/0", "'params.2.filters.weekdays.0': Use 1 to 7."),
        ("Unknown field 'nam'.", "/nam", "Unknown field 'nam'."),
        ("Give `dates`.", "/dates", "Give `dates`."),
        ("The password is too short.", "/password", "The password is too short."),
        ("Another site has the key 'a'.", "/3/key", "Another site has the key 'a'."),
        ("It must be at least 1.", "/at", "'at': It must be at least 1."),
        ("Input should be a list.", "/a~1b~0c", "'a/b~c': Input should be a list."),
        ("The body is not JSON.", "", "The body is not JSON."),
        ("Too long.", "/" + "x" * 5000, f"'{'x' * 100}': Too long."),
    ],
)
def test_a_message_gets_the_field_that_it_does_not_name(message: str, pointer: str, detail: str) -> None:
    assert name_field(message, pointer) == detail
