"""HEAD and OPTIONS at every route, over a real connection, where a body that should not be there would be seen."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from okube_api.app import create_app
from okube_api.settings import Settings
from starlette.routing import Route

from tests.api.live import run_live
from tests.api.server import SECRET
from tests.processes import open_client

METRICS_TOKEN = "a token for prometheus"


def list_get_paths(app: FastAPI) -> list[str]:
    """Return the paths of all GET routes."""
    routes = [route for route in app.router.routes if isinstance(route, Route)]
    return sorted({route.path for route in routes if "GET" in (route.methods or ())})


PATHS = list_get_paths(create_app(Settings(store_url="duckdb::memory:", secret_key=SECRET)))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Start the application, and return a client of a platform administrator."""
    folder: Path = tmp_path_factory.mktemp("head")
    with run_live(f"duckdb:{folder / 'okube.duckdb'}", metrics_token=METRICS_TOKEN) as live:
        token = live.issue_token(live.run_coroutine(live.create_user(platform_admin=True)))
        with open_client(live.address, headers={"Authorization": f"Bearer {token}"}) as caller:
            yield caller


@pytest.fixture(scope="module")
def names(client: httpx.Client) -> dict[str, str]:
    """Create a resource of each kind, and return their ids by the names of path parameters."""

    def create(path: str, /, **fields: object) -> str:
        answer = client.post(path, json=fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["_id"])

    ids = {"application": create("/applications", key="nord"), "user": "", "batch": "", "key": "", "kind": ""}
    ids |= {"section": "sites", "item": "new"}
    ids["site"] = create("/a/nord/sites", name="Lille", online=True)
    ids["poi"] = create("/a/nord/pois", name="Gare", coordinates=[3.07, 50.63])
    ids["campaign"] = create("/a/nord/campaigns", key="hiver")
    ids["study"] = create("/a/nord/studies", key="gares")
    ids["view"] = create("/a/nord/views", name="Lundi", path="overview")
    ids["lever"] = create("/a/nord/levers", key="tv")
    ids["equipment"] = create(f"/sites/{ids['site']}/equipments", key="porte")
    event = json.dumps({"device": "d", "equipment": "porte", "at": "2024-03-01T10:00:00Z"})
    answer = client.post(
        "/a/nord/ingest/detections", content=f"{event}\n{{}}", headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status_code == 201, answer.text
    ids["batch"] = answer.json()["_id"]
    answer = client.post("/a/nord/presence/analytics?wait=false", json={"params": [{"kpi": "attendance"}]})
    ids["job"] = answer.json()["_id"]
    while client.get(f"/jobs/{ids['job']}?wait=5").json()["state"] != "done":
        pass
    return ids


def comparable(headers: httpx.Headers) -> dict[str, str]:
    """Return the headers of an answer without those that differ between two requests or describe the connection."""
    return {name: value for name, value in headers.items() if name not in ("date", "x-request-id", "transfer-encoding")}


@pytest.mark.parametrize("path", PATHS)
def test_head_answers_the_headers_of_get_without_a_body(client: httpx.Client, names: dict[str, str], path: str) -> None:
    url = path.format_map(names)
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"} if path == "/metrics" else {}
    get, head = client.get(url, headers=headers), client.head(url, headers=headers)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert get.status_code in {200, 308, 404}  # 308: from /manual to /manual/
    if path == "/metrics":  # counts the first of the two requests
        assert comparable(head.headers).keys() == comparable(get.headers).keys()
    else:
        assert comparable(head.headers) == comparable(get.headers)


def test_connection_is_in_step_after_head(client: httpx.Client, names: dict[str, str]) -> None:
    """Send requests over one connection: a body after HEAD would be read as the next answer."""
    address = urlsplit(str(client.base_url))
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    headers = {"Authorization": client.headers["Authorization"]}
    for url in ("/a/nord/sites", f"/pois/{names['poi']}", "/health/live", "/nothing"):
        for method in ("HEAD", "GET", "HEAD", "HEAD"):
            connection.request(method, url, headers=headers)
            answer = connection.getresponse()
            assert answer.status == (404 if url == "/nothing" else 200)
            assert bool(answer.read()) is (method == "GET")
    connection.close()


@pytest.mark.parametrize("path", ["/sites", "/a/nord/pois", "/campaigns", "/a/nord/studies"])
def test_head_of_a_csv_export_has_its_headers(client: httpx.Client, names: dict[str, str], path: str) -> None:
    assert names
    answer = client.head(path, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]


@pytest.mark.parametrize(("path", "status"), [("/sites", 401), ("/auth/login", 405), ("/nothing", 404)])
def test_head_is_refused_as_get(client: httpx.Client, path: str, status: int) -> None:
    with open_client(str(client.base_url)) as nobody:
        answers = [nobody.head(path), nobody.get(path)]
    assert [answer.status_code for answer in answers] == [status, status]
    assert answers[0].content == b""


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/health/live", "GET, HEAD, OPTIONS"),
        ("/auth/login", "OPTIONS, POST"),
        ("/a/any/sites", "GET, HEAD, OPTIONS, POST"),
        ("/sites/5e1834b0e12d62a85b388a1b/thumbnail", "DELETE, GET, HEAD, OPTIONS"),
        ("/a/any/presence/analytics", "OPTIONS, POST"),
        ("/a/any/ingest/touches", "OPTIONS, POST"),
        ("/applications/any/ingest/5e1834b0e12d62a85b388a1b", "DELETE, GET, HEAD, OPTIONS"),
        ("/a/any/ingest/5e1834b0e12d62a85b388a1b/rejected", "GET, HEAD, OPTIONS"),
        ("/a/any/ingest/other", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("/a/any/sites/import", "OPTIONS, POST"),
        ("/applications/any/s/import", "OPTIONS, POST"),
        ("/a/any/s/important", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/a/any/pois", "GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    ],
)
def test_options_names_the_methods_without_a_login(client: httpx.Client, path: str, allow: str) -> None:
    with open_client(str(client.base_url)) as nobody:
        answer = nobody.options(path)
        assert (answer.status_code, answer.content, answer.headers["allow"]) == (204, b"", allow)
        assert nobody.options("/nothing").status_code == 404
