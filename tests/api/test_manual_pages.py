"""The manual over real HTTP: its pages and their policies, its files, and the committed build."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import brotli
import httpx
import pytest
from okube_api.api.manual_pages import MANUAL
from okube_api.http.security_headers import SECURITY_HEADERS

from tests.api.live import LiveServer, run_live
from tests.processes import open_client

SCOPE, PALETTE = '__md_scope=new URL(".",location)', "var palette=1\nif(palette&&1){}"
PAGE = f"""<!doctype html>
<html lang="en"><head>
<link rel="stylesheet" href="assets/main.57a0d79d.min.css">
<script>{SCOPE}</script>
</head><body><script>{PALETTE}</script><script>{PALETTE}</script>
<script id="__config" type="application/json">{{"base": "."}}</script>
<script src="assets/bundle.a5f9d56c.min.js"></script></body></html>
"""
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SCRIPT = "".join(f"export const answer{number} = {number};\n" for number in range(200))
LINK = re.compile(r'(?:href|src)="(?!https?:|mailto:|data:|#)([^"#?]+)')


def hash_script(script: str) -> str:
    """Return the source of a policy that allows an inline script."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a small build of the manual."""
    folder: Path = tmp_path_factory.mktemp("manual")
    (folder / "kpis").mkdir()
    (folder / "assets").mkdir()
    (folder / "index.html").write_text(PAGE)
    (folder / "kpis" / "visits.html").write_text(PAGE.replace('"."', '".."'))
    (folder / "stays.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><style>*{fill:red}</style></svg>')
    (folder / "visits.csv").write_text("visitor,at\n")
    (folder / "assets" / "bundle.a5f9d56c.min.js").write_text(SCRIPT)
    (folder / "assets" / "plain.js").write_text(SCRIPT)
    (folder.parent / "secret.txt").write_text("no file of the manual")
    return folder


@pytest.fixture(scope="module")
def live(folder: Path) -> Iterator[LiveServer]:
    """Start a server with a small manual, behind a proxy on this machine."""
    url = f"duckdb:{folder.parent / 'okube.duckdb'}"
    with run_live(url, manual_folder=folder, trusted_proxies="127.0.0.1") as server:
        yield server


@pytest.fixture
def browser(live: LiveServer) -> Iterator[httpx.Client]:
    """Return a client without a token."""
    with open_client(live.address) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "base"), [("/manual/", "."), ("/manual/index.html", "."), ("/manual/kpis/visits.html", "..")]
)
def test_pages_allow_their_own_scripts_only(browser: httpx.Client, path: str, base: str) -> None:
    answer = browser.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    scripts = ["'self'", hash_script(SCOPE.replace('"."', f'"{base}"')), hash_script(PALETTE)]
    assert answer.headers["content-security-policy"] == POLICY.format(scripts=" ".join(scripts))
    assert answer.headers["cache-control"] == "no-cache"
    for name in SECURITY_HEADERS.keys() - {"Cache-Control", "Content-Security-Policy"}:
        assert answer.headers[name] == SECURITY_HEADERS[name]


@pytest.mark.parametrize("prefix", ["", "/tools/okube"])
def test_the_path_without_slash_leads_to_the_first_page(browser: httpx.Client, prefix: str) -> None:
    answer = browser.get("/manual", headers={"X-Forwarded-Prefix": prefix, "X-Forwarded-Proto": "https"})
    assert (answer.status_code, answer.headers["location"]) == (308, f"{prefix}/manual/")


@pytest.mark.parametrize("path", ["/manual/", "/manual/kpis/visits.html", "/manual/stays.svg"])
@pytest.mark.parametrize("coding", ["br", "gzip", "identity"])
def test_known_files_are_not_sent_again(browser: httpx.Client, path: str, coding: str) -> None:
    answer = browser.get(path, headers={"Accept-Encoding": coding})
    again = browser.get(path, headers={"Accept-Encoding": coding, "If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "cache-control", "content-security-policy"):
        assert again.headers[name] == answer.headers[name]


@pytest.mark.parametrize(
    ("path", "caching"),
    [("bundle.a5f9d56c.min.js", "public, max-age=31536000, immutable"), ("plain.js", "no-cache")],
)
def test_only_files_whose_names_have_a_hash_are_kept_for_long(browser: httpx.Client, path: str, caching: str) -> None:
    with browser.stream("GET", f"/manual/assets/{path}", headers={"Accept-Encoding": "br"}) as answer:
        assert brotli.decompress(b"".join(answer.iter_raw())) == SCRIPT.encode()
    assert answer.headers["cache-control"] == caching
    assert answer.headers["content-security-policy"] == POLICY.format(scripts="'self'")


def test_pictures_run_no_scripts(browser: httpx.Client) -> None:
    answer = browser.get("/manual/stays.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "script-src 'none'; style-src 'unsafe-inline';" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["none.html", "..%2Fsecret.txt", "kpis", "kpis/", "assets/..%2F..%2Fsecret.txt"])
def test_no_other_files_are_served(browser: httpx.Client, path: str) -> None:
    answer = browser.get(f"/manual/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_head_has_the_headers_of_get(browser: httpx.Client) -> None:
    get, head = browser.get("/manual/"), browser.head("/manual/")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "cache-control", "content-security-policy", "content-length"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    ("manual", "media_type", "text"),
    [(True, "text/plain; charset=utf-8", "`make manual`"), (False, "application/problem+json", "Not found")],
)
def test_the_manual_may_be_missing_or_off(tmp_path: Path, manual: bool, media_type: str, text: str) -> None:
    with (
        run_live(f"duckdb:{tmp_path / 'okube.duckdb'}", manual_folder=tmp_path / "none", manual=manual) as server,
        open_client(server.address) as client,
    ):
        answer = client.get("/manual/")
        assert (answer.status_code, answer.headers["content-type"]) == (404, media_type)
        assert text in answer.text
        assert ("externalDocs" in client.get("/openapi.json").json()) is manual


# -- the committed build -------------------------------------------------------------------------------------------


def test_every_file_that_a_page_of_the_build_names_exists() -> None:
    pages = sorted(MANUAL.rglob("*.html"))
    assert len(pages) > 40
    missing = [
        (page.relative_to(MANUAL).as_posix(), link)
        for page in pages
        for link in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / link).is_file() and link not in {".", "./"}
    ]
    assert missing == []


def test_pages_of_the_build_keep_their_policy() -> None:
    """Check that there are no inline styles or handlers, and nothing from other servers."""
    for page in MANUAL.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert not re.search(r"<[a-z]+[^<>]* style=|<style|<[a-z]+[^<>]* on[a-z]+=|<iframe|<form[^>]* action=", html), (
            page
        )
        assert not re.search(r'<(?:script|link|img|source)[^<>]* (?:src|href)="(?:https?:)?//', html), page


def test_the_build_has_no_unneeded_files() -> None:
    files = [file for file in MANUAL.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 4_000_000
    assert not [
        file.name for file in files if file.suffix in {".map", ".gz"} or file.name in {"404.html", "sitemap.xml"}
    ]
