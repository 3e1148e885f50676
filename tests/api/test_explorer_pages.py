"""The explorer over real HTTP: the page at each of its paths, and its files."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import brotli
import httpx
import pytest
from fastapi.routing import APIRoute
from okube_api.api.explorer_pages import EXPLORER, PAGES, SHARED_PAGES, build_explorer_routes
from okube_api.app import create_app
from okube_api.http.security_headers import SECURITY_HEADERS
from okube_api.settings import Settings
from starlette.routing import Route

from tests.api.live import LiveServer, run_live
from tests.api.server import SECRET, Json
from tests.processes import open_client

INDEX = """<!doctype html>
<html lang="en">
  <head>
    <meta name="okube-root" content="/" />
    <meta name="okube-manual" content="yes" />
    <link rel="icon" href="./assets/icon-03de.svg" type="image/svg+xml" />
    <script type="module" crossorigin src="./assets/index-4f2a.js"></script>
    <link rel="stylesheet" crossorigin href="./assets/index-9b1c.css">
  </head>
  <body><div id="app"></div></body>
</html>
"""
SCRIPT = "".join(f"export const answer{number} = {number};\n" for number in range(2000))
METRICS_TOKEN = "a token for prometheus"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
PATHS = [path.format(application="maison%2Flumen", section="sites", item="new") for path in (*PAGES, *SHARED_PAGES)]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a small build of the explorer."""
    folder: Path = tmp_path_factory.mktemp("explorer")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text(INDEX)
    (folder / "assets" / "icon-03de.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (folder / "assets" / "index-4f2a.js").write_text(SCRIPT)
    (folder / "assets" / "index-9b1c.css").write_text("body { margin: 0 }")
    (folder / "assets" / "land-77aa.webp").write_bytes(b"RIFF" + bytes(2000))
    (folder.parent / "secret.txt").write_text("no file of the explorer")
    return folder


@pytest.fixture(scope="module")
def live(folder: Path) -> Iterator[LiveServer]:
    """Start a server with the explorer, without its documentation, behind a proxy on this machine."""
    settings: Json = {"docs": "off", "trusted_proxies": "127.0.0.1", "metrics_token": METRICS_TOKEN}
    with run_live(f"duckdb:{folder.parent / 'okube.duckdb'}", explorer_folder=folder, **settings) as server:
        yield server


@pytest.fixture
def browser(live: LiveServer) -> Iterator[httpx.Client]:
    """Return a client that sends what a browser sends when it opens a page."""
    with open_client(live.address, headers=BROWSER) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_each_path_answers_the_page(browser: httpx.Client, path: str) -> None:
    answer = browser.get(path, params={"period": "last-week"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<script type="module" crossorigin src="/explorer/assets/index-4f2a.js">' in answer.text
    assert '<meta name="okube-root" content="/" />' in answer.text
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"] == POLICY
    for name in SECURITY_HEADERS.keys() - {"Cache-Control", "Content-Security-Policy"}:
        assert answer.headers[name] == SECURITY_HEADERS[name]


@pytest.mark.parametrize(("manual", "content"), [(True, "yes"), (False, "no")])
def test_the_page_says_whether_there_is_a_manual(folder: Path, manual: bool, content: str) -> None:
    with (
        run_live("duckdb::memory:", explorer_folder=folder, manual=manual) as server,
        open_client(server.address) as client,
    ):
        assert f'<meta name="okube-manual" content="{content}" />' in client.get("/", headers=BROWSER).text
        assert (client.get("/manual/").status_code == 200) == manual


def test_sources_of_the_page_have_what_the_server_replaces() -> None:
    index = (Path(__file__).parents[2] / "web" / "index.html").read_text(encoding="utf-8")
    for line in INDEX.splitlines():
        assert "<meta" not in line or line in index


@pytest.mark.parametrize("path", ["/", PATHS[-1], "/explorer/assets/index-4f2a.js"])
def test_head_has_the_headers_of_get(browser: httpx.Client, path: str) -> None:
    get, head = browser.get(path), browser.head(path)
    assert (head.status_code, head.content) == (200, b"")
    ignored = {"date", "x-request-id", "transfer-encoding"}
    assert [item for item in head.headers.items() if item[0] not in ignored] == [
        item for item in get.headers.items() if item[0] not in ignored
    ]


@pytest.mark.parametrize("path", ["/", PATHS[-1], "/explorer/assets/icon-03de.svg", "/explorer/assets/index-4f2a.js"])
@pytest.mark.parametrize("coding", ["br", "gzip", "identity"])
def test_known_files_are_not_sent_again(browser: httpx.Client, path: str, coding: str) -> None:
    """Check that 304 also repeats the policy, since browsers replace stored headers by those of a 304."""
    answer = browser.get(path, headers={"Accept-Encoding": coding})
    again = browser.get(path, headers={"Accept-Encoding": coding, "If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "cache-control", "content-security-policy"):
        assert again.headers[name] == answer.headers[name]
    assert browser.get(path, headers={"If-None-Match": '"another"'}).status_code == 200


def test_the_build_keeps_the_policy_of_the_page() -> None:
    """Check that the index names assets only, and has no inline scripts or styles."""
    html = (EXPLORER / "index.html").read_text(encoding="utf-8")
    files = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert files
    assert [file for file in files if not (file.startswith("./assets/") and (EXPLORER / file).is_file())] == []
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", html)


def test_the_page_names_the_paths_behind_a_proxy(browser: httpx.Client) -> None:
    answer = browser.get("/login", headers={"X-Forwarded-Prefix": "/tools/okube&co", "X-Forwarded-Proto": "https"})
    assert 'content="/tools/okube&amp;co/"' in answer.text
    assert set(re.findall(r'(?:src|href)="([^"]+)"', answer.text)) == {
        f"/tools/okube&amp;co/explorer/assets/{name}" for name in ("icon-03de.svg", "index-4f2a.js", "index-9b1c.css")
    }
    assert answer.headers["etag"] != browser.get("/login").headers["etag"]


@pytest.mark.parametrize("path", SHARED_PAGES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "*/*"},
        {"Accept": "text/html"},
        {"Accept": "application/json"},
        {"Authorization": "Bearer x"},
        {"Authorization": ""},
    ],
)
def test_clients_of_the_api_get_its_answers_at_shared_paths(
    browser: httpx.Client, path: str, headers: dict[str, str]
) -> None:
    answer = browser.get(path.format(application="x"), headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


def test_navigations_keep_shared_paths_apart_in_caches(browser: httpx.Client) -> None:
    vary = browser.get(PATHS[-1]).headers["vary"].lower().split(", ")
    assert {"accept", "authorization"} <= set(vary)
    assert "accept" not in browser.get("/").headers.get("vary", "").lower().split(", ")


@pytest.mark.parametrize("path", [path.format(application="x") for path in SHARED_PAGES])
def test_the_methods_of_shared_paths_are_those_of_the_api(browser: httpx.Client, path: str) -> None:
    assert browser.options(path).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert browser.post(path, json={}).status_code == 401


def test_pages_are_read_only(browser: httpx.Client) -> None:
    answer = browser.post("/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("GZIP", "gzip"),
        ("br;q=0.0", None),
        ("identity", None),
    ],
)
def test_scripts_are_sent_compressed(browser: httpx.Client, accepted: str, coding: str | None) -> None:
    with browser.stream("GET", "/explorer/assets/index-4f2a.js", headers={"Accept-Encoding": accepted}) as answer:
        content = b"".join(answer.iter_raw())
    decode = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
    assert decode(content) == SCRIPT.encode()
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-security-policy"] == POLICY
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert int(answer.headers["content-length"]) == len(content)


def test_pictures_are_sent_as_they_are(browser: httpx.Client) -> None:
    answer = browser.get("/explorer/assets/land-77aa.webp", headers={"Accept-Encoding": "br"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert "content-encoding" not in answer.headers


def test_a_changed_file_is_compressed_again(browser: httpx.Client, folder: Path) -> None:
    file = folder / "assets" / "chunk.js"
    for text in ("old " * 500, "new! " * 500):
        file.write_text(text)
        assert browser.get("/explorer/assets/chunk.js", headers={"Accept-Encoding": "br"}).text == text


@pytest.mark.parametrize(
    "path",
    [
        "/explorer/assets/none.js",
        "/explorer/assets/..%2F..%2Fsecret.txt",
        "/explorer/assets/..%2Findex.html",
        "/explorer/assets/",
        "/explorer/index.html",
        "/explorer/",
    ],
)
def test_no_other_files_are_served(browser: httpx.Client, path: str) -> None:
    answer = browser.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.headers["cache-control"] == "no-store"


def test_metrics_count_the_page_by_its_path(browser: httpx.Client) -> None:
    for path in ("/a/one%20of%20many/map", "/a/one%20of%20many/views", "/explorer/assets/one-of-many.js"):
        browser.get(path)
    text = browser.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).text
    assert re.search(r'method="GET",route="/a/\{application\}/map",status="200"', text)
    assert re.search(r'method="GET",route="/a/\{application\}/views",status="200"', text)
    assert re.search(r'method="GET",route="/explorer/assets",status="404"', text)
    assert not re.search("one.of.many", text)


def test_the_document_does_not_list_the_pages(folder: Path) -> None:
    app = create_app(Settings(store_url="duckdb::memory:", secret_key=SECRET), explorer_folder=folder)
    pages = build_explorer_routes(folder)
    assert not any(isinstance(route, APIRoute) for route in pages)
    paths = app.openapi()["paths"]
    assert not {route.path for route in pages if isinstance(route, Route)} & paths.keys()
    assert all(operation["tags"] for item in paths.values() for operation in item.values())


def test_a_missing_build_is_named(tmp_path: Path) -> None:
    with (
        run_live(f"duckdb:{tmp_path / 'okube.duckdb'}", explorer_folder=tmp_path / "none") as server,
        open_client(server.address, headers=BROWSER) as client,
    ):
        answer = client.get("/")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
        assert "The explorer is not built" in answer.text
        assert "`make web`" in answer.text
        assert client.get("/login").status_code == 404
        assert client.get("/a/x/campaigns").status_code == 401


def test_the_explorer_can_be_off(folder: Path, tmp_path: Path) -> None:
    with (
        run_live(f"duckdb:{tmp_path / 'okube.duckdb'}", explorer_folder=folder, explorer=False) as server,
        open_client(server.address, headers=BROWSER) as client,
    ):
        for path in ("/", "/login", "/a/x/map", "/explorer/assets/icon-03de.svg"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert client.get("/a/x/campaigns").status_code == 401
