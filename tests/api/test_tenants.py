"""Isolation of applications: no route reveals data of another application, not even that it exists.

For every route, alias and method, in the path, the query and the body, by id and by key, as JSON and as CSV: a resource
of another application is answered exactly like one that does not exist.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi.routing import APIRoute
from okube_api.api.aliases import AliasRoute
from okube_api.app import ROUTERS
from okube_api.auth.repository import Role

from tests.api.server import Json, Server, Tenant
from tests.api.tenancy import CONSTANT, PERSONAL, PLATFORM, PLATFORM_ONLY, ROWS, Row, create_resources, fill_template

pytestmark = pytest.mark.anyio

ROUTES = sorted(
    {
        (route.path, method)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute | AliasRoute)
        for method in route.methods or ()
    }
)
DIRECT = ("/sites", "/pois", "/campaigns", "/studies")
TABLES = {"/pois": b"name,longitude,latitude,sites", "/campaigns": b"key,sites", "/studies": b"key,sites"}
MISSING = ["f" * 24, "no such key"]
CSV = {"Accept": "text/csv"}


@dataclass(frozen=True)
class TwoTenants:
    """Two applications with one resource of each kind: ids and keys by path parameter."""

    own: Tenant
    foreign: Tenant
    own_names: Mapping[str, list[str]]
    foreign_names: Mapping[str, list[str]]

    def is_tried_on_other_store(self, path: str) -> bool:
        """Tell whether one store is enough: aliases share the endpoint of the path that they repeat."""
        return self.own.server.store == "mongo" and path not in ROWS

    @property
    def formats(self) -> tuple[dict[str, str], ...]:
        """Headers of GET: tables are made of the same documents, for which one store is enough."""
        return ({},) if self.own.server.store == "mongo" else ({}, CSV)


@pytest.fixture(scope="module")
async def tenants(shared_server: Server) -> TwoTenants:
    """Create two applications; no test of this module changes them, since every request is refused."""
    own, foreign = await shared_server.create_tenant(), await shared_server.create_tenant()
    return TwoTenants(own, foreign, await create_resources(own, "own"), await create_resources(foreign, "foreign"))


def resolve_alias(path: str) -> str:
    """Return the documented path of an alias, or the path itself."""
    return re.sub(r"(^|\})/s(?=/)", r"\1/sites", re.sub(r"^/a(?=/\{)", "/applications", path))


PATHS = sorted({resolve_alias(path) for path, _ in ROUTES})


def test_every_route_has_a_row() -> None:
    assert set(PATHS) <= set(ROWS)


async def send(client: httpx.AsyncClient, method: str, url: str, row: Row, **more: Any) -> httpx.Response:
    """Send a request with a body that the route accepts."""
    if method == "GET":
        return await client.request(method, url, **more)
    if row.table:
        return await client.request(method, url, data=row.body, files={"file": ("x.csv", b"key\nx\n")}, **more)
    return await client.request(method, url, json=row.body, **more)


def list_parameters(path: str) -> list[str]:
    """Return the names of a path's parameters."""
    return re.findall(r"\{(\w+)\}", path)


def fill_path(path: str, values: Mapping[str, str]) -> str:
    """Return a path with its parameters replaced."""
    return re.sub(r"\{(\w+)\}", lambda match: quote(values[match[1]], safe="").replace(".", "%2E"), path)


def normalize_answer(answer: httpx.Response, *values: str) -> tuple[int, str]:
    """Return the status and text of an answer without its request id, path, and the `values` of the request."""
    text = re.sub(r'"(requestId|instance)":"[^"]*"', "", answer.text)
    for value in values:
        text = text.replace(value, "?")
    return answer.status_code, text


def pick_name(names: list[str], which: int) -> str:
    """Return the id (0) or the key (1) of a resource; the id if it has no key."""
    return names[min(which, len(names) - 1)]


def foreign_paths(path: str, tenants: TwoTenants) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Yield parameters that name foreign resources, each with parameters that name no resource instead."""
    names = list_parameters(path)
    own_values = {name: tenants.own_names[name][0] for name in names}
    resources = [name for name in names if name not in CONSTANT]
    single = [[name] for name in resources if len(resources) > 1] if path in ROWS else []  # aliases share the endpoint
    for changed in [resources, *single]:
        for which in range(2) if path in ROWS else (len(path) % 2,):
            foreign = {name: pick_name(tenants.foreign_names[name], which) for name in changed}
            yield own_values | foreign, own_values | dict.fromkeys(changed, MISSING[which])


def list_foreign(values: Mapping[str, str], tenants: TwoTenants) -> list[str]:
    """Return the parameters whose values name foreign resources."""
    return [name for name, value in values.items() if name not in CONSTANT and value in tenants.foreign_names[name]]


@pytest.mark.parametrize("path", PATHS)
async def test_foreign_resources_look_missing(tenants: TwoTenants, path: str) -> None:
    for alias, method in ROUTES:
        if resolve_alias(alias) != path or tenants.is_tried_on_other_store(alias):
            continue
        await _check_path(tenants, alias, method)
        await _check_query(tenants, alias) if method == "GET" else await _check_body(tenants, alias, method)
        await _check_lower_roles(tenants, alias, method)


def find_row(tenants: TwoTenants, path: str, method: str) -> Row:
    """Return the row of a route; the body of an update of a list's path names the updated POI."""
    row = ROWS[resolve_alias(path)]
    if path.endswith("/pois") and method in ("PUT", "PATCH"):
        return replace(row, body={"name": "x", "_id": tenants.own_names["poi"][0]})
    return row


async def _check_path(tenants: TwoTenants, path: str, method: str) -> None:
    row = find_row(tenants, path, method)
    for foreign, missing in foreign_paths(path, tenants) if list_parameters(path) else ():
        for headers in tenants.formats if method == "GET" else ({},):
            answers = [
                await send(tenants.own.admin, method, fill_path(path, values), row, headers=headers)
                for values in (foreign, missing)
            ]
            first, second = (
                normalize_answer(answers[0], *foreign.values()),
                normalize_answer(answers[1], *missing.values()),
            )
            assert first == second, fill_path(path, foreign)
            if row is PLATFORM_ONLY:
                assert first[0] == 403
                continue
            assert first[0] == (204 if row.silent and "application" not in list_foreign(foreign, tenants) else 404)


async def _check_lower_roles(tenants: TwoTenants, path: str, method: str) -> None:
    row = find_row(tenants, path, method)
    least_role = row.read if method == "GET" else row.write
    if row is PERSONAL:
        return
    url = fill_path(path, {name: tenants.own_names[name][0] for name in list_parameters(path)})
    row = replace(row, body=row.body and row.body | _app(path, method, tenants.own.key))
    ranks = [*Role]
    too_low = ranks if least_role == PLATFORM else ranks[: ranks.index(Role(least_role))]
    for role in too_low if path in ROWS else too_low[-1:]:
        answer = await send(tenants.own.clients[role], method, url, row)
        assert answer.status_code == 403, (role, answer.text)
    assert (await send(tenants.own.server.client(), method, url, row)).status_code == 401


async def _check_body(tenants: TwoTenants, path: str, method: str) -> None:
    if method == "DELETE":
        return
    row = find_row(tenants, path, method)
    own_values = {name: tenants.own_names[name][0] for name in list_parameters(path)}
    bodies = [{**(row.body or {}), field: [f"<{resource}>"]} for field, resource in row.names.items()]
    if row.body and "_id" in row.body:
        bodies.append({"name": "x", "key": "<poi>"})
    if app := _app(path, method, "<application>"):
        bodies = [body | {"app": tenants.own.key} for body in bodies] + [(row.body or {}) | app]
    for body in [*bodies, *row.questions]:
        for which in range(2) if path in ROWS else (len(path) % 2,):
            foreign = {name: [pick_name(names, which)] for name, names in tenants.foreign_names.items()}
            missing = {name: [MISSING[which]] for name in tenants.foreign_names}
            answers = [
                await tenants.own.admin.request(method, fill_path(path, own_values), json=fill_template(body, names))
                for names in (foreign, missing)
            ]
            first = normalize_answer(answers[0], *(value for (value,) in foreign.values()))
            assert first == normalize_answer(answers[1], MISSING[which]), body
            assert first[0] in {404, 422}, answers[0].text


@pytest.mark.parametrize("path", TABLES)
async def test_foreign_resources_in_a_table_look_missing(tenants: TwoTenants, path: str) -> None:
    for which in range(2):
        answers = []
        for value in (tenants.foreign_names["site"][which], MISSING[which]):
            cells = b"x,4.8,45.7," if path == "/pois" else b"x,"
            table = b"%s\n%s%s\n" % (TABLES[path], cells, value.encode())
            files = {"file": ("x.csv", table)}
            answers.append(await tenants.own.editor.post(tenants.own.url + path, files=files))
        first = normalize_answer(answers[0], tenants.foreign_names["site"][which])
        assert first == normalize_answer(answers[1], MISSING[which])
        assert first[0] == 422, answers[0].text


async def _check_query(tenants: TwoTenants, path: str) -> None:
    row = ROWS[resolve_alias(path)]
    own_values = {name: tenants.own_names[name][0] for name in list_parameters(path)}
    filters = dict(row.filters)
    if path in DIRECT:
        filters["app"] = "application"
    for parameter, resource in filters.items():
        for which in range(2):
            for headers in tenants.formats:
                answers = [
                    await tenants.own.admin.get(fill_path(path, own_values), params={parameter: value}, headers=headers)
                    for value in (tenants.foreign_names[resource][which], MISSING[which])
                ]
                first, second = (
                    normalize_answer(answers[0], tenants.foreign_names[resource][which]),
                    normalize_answer(answers[1], MISSING[which]),
                )
                assert first == second, parameter
                assert answers[0].status_code == (404 if parameter == "app" else answers[1].status_code)
                if first[0] == 200:
                    assert tenants.foreign_names[resource][0] not in answers[0].text


@pytest.mark.parametrize("path", DIRECT)
async def test_foreign_application_in_the_body_of_a_list_looks_missing(tenants: TwoTenants, path: str) -> None:
    for which in range(2):
        names = (tenants.foreign_names["application"][which], MISSING[which])
        answers = [await tenants.own.admin.request("GET", path, json={"app": name}) for name in names]
        first, second = (normalize_answer(answer, name) for answer, name in zip(answers, names, strict=True))
        assert first == second
        assert first[0] == 404


async def test_lists_contain_only_own_resources(tenants: TwoTenants) -> None:
    for path in ("/applications", *DIRECT):
        for headers in ({}, CSV):
            text = (await tenants.own.admin.get(path, params={"per_page": 100}, headers=headers)).text
            assert all(value not in text for values in tenants.foreign_names.values() for value in values), path


async def test_no_foreign_resource_was_changed(tenants: TwoTenants) -> None:
    """Check, after all requests above, that the foreign resources are unchanged."""
    for resource in ("site", "poi", "campaign", "study"):
        path = {"site": "sites", "poi": "pois", "campaign": "campaigns", "study": "studies"}[resource]
        document: Json = (await tenants.foreign.reader.get(f"/{path}/{tenants.foreign_names[resource][0]}")).json()
        assert document["createdAt"] == document["updatedAt"]
        assert document["key"] == tenants.foreign_names[resource][1]


def _app(path: str, method: str, application: str) -> Json:
    """Return the `app` of a creation whose path names no application."""
    return {"app": application} if method == "POST" and path in DIRECT else {}
