"""The big list of naughty strings: each goes in and comes out unchanged, by JSON, by tables and by CSV of events."""

import csv
import io
import json
from typing import Any

import pytest
from okube_api.ingest.parse.csv_parser import CsvParser
from okube_api.ingest.parse.line_blocks import LineBlock
from okube_api.ingest.parse.text import NdjsonParser, ParsedBlock

from tests.api.server import Server, Tenant
from tests.corpora.corpora import load_naughty_strings

pytestmark = pytest.mark.anyio

STRINGS = load_naughty_strings()
EMPTY, *FILLED = STRINGS
AT = "2023-05-06T07:08:09Z"
PER_PAGE = 100


def test_the_corpus_is_complete() -> None:
    assert len(STRINGS) == 458
    assert EMPTY == ""


def build_site(text: str) -> dict[str, Any]:
    """Return the body of a site whose fields of all kinds hold a text; some of them must not be empty."""
    nonempty_fields = {"description": text, "tags": [text]} if text else {}
    return {"name": text, "online": False, "address": {"city": text, "note": text}, **nonempty_fields}


@pytest.fixture(scope="module")
async def site_bodies(tenant: Tenant) -> dict[str, dict[str, Any]]:
    """Create a site for each string, and return the bodies by id."""
    bodies = {}
    for text in STRINGS:
        body = build_site(text)
        site = await tenant.create("sites", **body)
        bodies[site["_id"]] = body
    return bodies


async def list_sites(tenant: Tenant) -> list[dict[str, Any]]:
    """Return all sites of an application."""
    sites: list[dict[str, Any]] = []
    for page in range(1, len(STRINGS) // PER_PAGE + 2):
        answer = await tenant.reader.get(f"{tenant.url}/sites", params={"per_page": PER_PAGE, "page": page})
        sites += answer.json()["documents"]
    return sites


def drop_other_fields(site: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a site that a body of `build_site` has."""
    names = ("name", "online", "address", "description", "tags")
    return {name: site[name] for name in names if site[name] not in (None, [])}


async def test_sites_return_what_was_sent(tenant: Tenant, site_bodies: dict[str, dict[str, Any]]) -> None:
    """Read each site by its id."""
    for identifier, body in site_bodies.items():
        site = (await tenant.reader.get(f"{tenant.url}/sites/{identifier}")).json()
        assert drop_other_fields(site) == body


@pytest.mark.parametrize(("is_same", "change"), [(True, "unchanged"), (False, "created")])
async def test_an_export_of_sites_can_be_imported(
    shared_server: Server, tenant: Tenant, site_bodies: dict[str, dict[str, Any]], is_same: bool, change: str
) -> None:
    """Export sites as CSV; import them over themselves, or into another application."""
    export = await tenant.reader.get(f"{tenant.url}/sites", headers={"Accept": "text/csv"})
    target = tenant if is_same else await shared_server.create_tenant()
    report = await target.editor.post(f"{target.url}/sites/import", files={"file": ("x.csv", export.content)})
    assert report.status_code == 200, report.text
    assert (report.json()[change], report.json()["errors"]) == (len(STRINGS), [])
    sites = [drop_other_fields(site) for site in await list_sites(target)]
    assert sorted(sites, key=str) == sorted(site_bodies.values(), key=str)


def check_orders(block: ParsedBlock) -> None:
    """Check that the purchases of a block have the strings as their orders and users."""
    assert block.rejected == ()
    assert [row["order"] for row in block.rows.to_pylist()] == FILLED
    assert [row["user"] for row in block.rows.to_pylist()] == FILLED


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_of_events_is_read(delimiter: str) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([["user", "site", "at", "amount", "order"], *([text, "s", AT, 1, text] for text in FILLED)])
    check_orders(CsvParser("purchases").read(LineBlock(file.getvalue().encode(), 1)))


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_ndjson_of_events_is_read(ensure_ascii: bool) -> None:
    events = ({"user": text, "site": "s", "at": AT, "amount": 1, "order": text} for text in FILLED)
    content = "".join(f"{json.dumps(event, ensure_ascii=ensure_ascii)}\n" for event in events)
    check_orders(NdjsonParser("purchases").read(LineBlock(content.encode(), 1)))
