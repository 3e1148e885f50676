"""Another application's data: out of reach by every route, and not even known to exist.

Every route and alias, each method, in the path, the query and the body, by id and by key, as JSON and as CSV: what is
another application's is answered exactly as what does not exist.
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
from tests.api.tenancy import CONSTANT, PERSONAL, PLATFORM, ROWS, Row, filled, furnished

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
class Both:
    """Two applications with one of everything each, and what bears which name in them."""

    mine: Tenant
    theirs: Tenant
    here: Mapping[str, list[str]]
    there: Mapping[str, list[str]]

    def tried_elsewhere(self, path: str) -> bool:
        """Aliases have the endpoints of the paths that they repeat: one store is enough for them."""
        return self.mine.server.store == "mongo" and path not in ROWS


@pytest.fixture(scope="module")
async def both(shared_server: Server) -> Both:
    """What no test here changes: everything that is tried is refused."""
    mine, theirs = await shared_server.tenant(), await shared_server.tenant()
    return Both(mine, theirs, await furnished(mine, "mine"), await furnished(theirs, "theirs"))


def repeated(path: str) -> str:
    """The path that an alias repeats; another is its own."""
    return re.sub(r"(^|\})/s(?=/)", r"\1/sites", re.sub(r"^/a(?=/\{)", "/applications", path))


PATHS = sorted({repeated(path) for path, _ in ROUTES})


def test_every_route_has_a_row() -> None:
    assert set(PATHS) <= set(ROWS)


async def sent(caller: httpx.AsyncClient, method: str, url: str, row: Row, **more: Any) -> httpx.Response:
    """The answer to a request whose body is what the route takes."""
    if row.table:
        return await caller.request(method, url, data=row.body, files={"file": ("x.csv", b"key\nx\n")}, **more)
    return await caller.request(method, url, json=row.body, **more)


def named_in(path: str) -> list[str]:
    """The names in braces."""
    return re.findall(r"\{(\w+)\}", path)


def url_of(path: str, values: Mapping[str, str]) -> str:
    """A path with its names filled in."""
    return re.sub(r"\{(\w+)\}", lambda found: quote(values[found[1]], safe="").replace(".", "%2E"), path)


def said(answer: httpx.Response, *values: str) -> tuple[int, str]:
    """What an answer says, apart from what is different in every one, and from what was asked for."""
    text = re.sub(r'"(requestId|instance)":"[^"]*"', "", answer.text)
    for value in values:
        text = text.replace(value, "?")
    return answer.status_code, text


def foreign_paths(path: str, both: Both) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Fillings of a path that name something of others, each with one that names nothing at all in its place."""
    names = named_in(path)
    ours = {name: both.here[name][0] for name in names}
    things = [name for name in names if name not in CONSTANT]
    each = [[name] for name in things if len(things) > 1] if path in ROWS else []  # aliases have the same endpoint
    for changed in [things, *each]:
        for which in range(2) if path in ROWS else (len(path) % 2,):
            theirs = {name: both.there[name][min(which, len(both.there[name]) - 1)] for name in changed}
            yield ours | theirs, ours | dict.fromkeys(changed, MISSING[which])


def foreign_names(values: Mapping[str, str], both: Both) -> list[str]:
    """Which of these are names of others."""
    return [name for name, value in values.items() if name not in CONSTANT and value in both.there[name]]


@pytest.mark.parametrize("path", PATHS)
async def test_what_is_foreign_looks_missing(both: Both, path: str) -> None:
    for alias, method in ROUTES:
        if repeated(alias) != path or both.tried_elsewhere(alias):
            continue
        await _foreign_in_path(both, alias, method)
        await _foreign_in_query(both, alias) if method == "GET" else await _foreign_in_body(both, alias, method)
        await _less_than_the_role(both, alias, method)


async def _foreign_in_path(both: Both, path: str, method: str) -> None:
    row = ROWS[repeated(path)]
    for foreign, missing in foreign_paths(path, both) if named_in(path) else ():
        for headers in ({}, CSV) if method == "GET" else ({},):
            answers = [
                await sent(both.mine.admin, method, url_of(path, values), row, headers=headers)
                for values in (foreign, missing)
            ]
            first, second = said(answers[0], *foreign.values()), said(answers[1], *missing.values())
            assert first == second, url_of(path, foreign)
            assert first[0] == (204 if row.silent and "application" not in foreign_names(foreign, both) else 404)


async def _less_than_the_role(both: Both, path: str, method: str) -> None:
    row = ROWS[repeated(path)]
    least = row.read if method == "GET" else row.write
    if row is PERSONAL:
        return
    url = url_of(path, {name: both.here[name][0] for name in named_in(path)})
    row = replace(row, body=row.body and row.body | _app(path, method, both.mine.key))
    ranks = [*Role]
    too_low = ranks if least == PLATFORM else ranks[: ranks.index(Role(least))]
    for role in too_low if path in ROWS else too_low[-1:]:
        answer = await sent(both.mine.clients[role], method, url, row)
        assert answer.status_code == 403, (role, answer.text)
    assert (await sent(both.mine.server.client(), method, url, row)).status_code == 401


async def _foreign_in_body(both: Both, path: str, method: str) -> None:
    if method == "DELETE":
        return
    row = ROWS[repeated(path)]
    ours = {name: both.here[name][0] for name in named_in(path)}
    bodies = [{**(row.body or {}), field: [f"<{thing}>"]} for field, thing in row.names.items()]
    if app := _app(path, method, "<application>"):
        bodies = [body | {"app": both.mine.key} for body in bodies] + [(row.body or {}) | app]
    for body in [*bodies, *row.asks]:
        for which in range(2) if path in ROWS else (len(path) % 2,):
            there = {name: [values[min(which, len(values) - 1)]] for name, values in both.there.items()}
            nothing = {name: [MISSING[which]] for name in both.there}
            answers = [
                await both.mine.admin.request(method, url_of(path, ours), json=filled(body, names))
                for names in (there, nothing)
            ]
            first = said(answers[0], *(value for (value,) in there.values()))
            assert first == said(answers[1], MISSING[which]), body
            assert first[0] in {404, 422}, answers[0].text


@pytest.mark.parametrize("path", TABLES)
async def test_what_is_foreign_in_a_row_of_a_table_looks_missing(both: Both, path: str) -> None:
    for which in range(2):
        answers = []
        for value in (both.there["site"][which], MISSING[which]):
            cells = b"x,4.8,45.7," if path == "/pois" else b"x,"
            table = b"%s\n%s%s\n" % (TABLES[path], cells, value.encode())
            files = {"file": ("x.csv", table)}
            answers.append(await both.mine.editor.post(both.mine.url + path, files=files))
        first = said(answers[0], both.there["site"][which])
        assert first == said(answers[1], MISSING[which])
        assert first[0] == 422, answers[0].text


async def _foreign_in_query(both: Both, path: str) -> None:
    row = ROWS[repeated(path)]
    ours = {name: both.here[name][0] for name in named_in(path)}
    filters = dict(row.filters)
    if path in DIRECT:
        filters["app"] = "application"
    for parameter, thing in filters.items():
        for which in range(2):
            for headers in ({}, CSV):
                answers = [
                    await both.mine.admin.get(url_of(path, ours), params={parameter: value}, headers=headers)
                    for value in (both.there[thing][which], MISSING[which])
                ]
                first, second = said(answers[0], both.there[thing][which]), said(answers[1], MISSING[which])
                assert first == second, parameter
                assert answers[0].status_code == (404 if parameter == "app" else answers[1].status_code)
                if first[0] == 200:
                    assert both.there[thing][0] not in answers[0].text


async def test_lists_hold_what_is_ones_own(both: Both) -> None:
    for path in ("/applications", *DIRECT):
        for headers in ({}, CSV):
            text = (await both.mine.admin.get(path, params={"per_page": 100}, headers=headers)).text
            assert all(value not in text for values in both.there.values() for value in values), path


async def test_nothing_of_others_was_changed(both: Both) -> None:
    """The last: after everything that was tried above, all is there as it was."""
    for thing in ("site", "poi", "campaign", "study"):
        path = {"site": "sites", "poi": "pois", "campaign": "campaigns", "study": "studies"}[thing]
        found: Json = (await both.theirs.reader.get(f"/{path}/{both.there[thing][0]}")).json()
        assert found["createdAt"] == found["updatedAt"]
        assert found["key"] == both.there[thing][1]


def _app(path: str, method: str, application: str) -> Json:
    """The `app` of a creation, where the path names no application."""
    return {"app": application} if method == "POST" and path in DIRECT else {}
