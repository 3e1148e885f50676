"""The command that imports tables: its status, output and options, on the store and through a server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from okube_api.cli.api import open_api
from okube_api.cli.import_file import LISTS
from typer.testing import Result

from tests.processes import create_administrator, find_free_port, log_in, run_cli, start_server

pytestmark = pytest.mark.usefixtures("application")

HEADER = "key;name;online;latitude;longitude\n"
VALID = "{0}-lille;Lille;;50,63;3,06\n{0}-web;Web;yes;;\n"
INVALID = "{0}-brest;Brest;;x;3\n{0}-nice;Nice;maybe;43,7;7,26\n"


@pytest.fixture(scope="module")
def application(module_folder: Path) -> None:
    """Create an application in a store, which all tests share: each of them has keys of its own."""
    asyncio.run(_create_application())


async def _create_application() -> None:
    async with open_api(None, None, creates_store=True) as requests:
        await requests.send("POST", "/applications", json={"key": "acme", "timezone": "Europe/Paris"})


def read_documents(kind: str, prefix: str) -> list[dict[str, Any]]:
    """Return the resources in the store whose key begins with a prefix, by key."""

    async def read() -> list[dict[str, Any]]:
        async with open_api(None, None) as requests:
            documents = (await requests.send("GET", f"/applications/acme/{kind}?per_page=100")).json()["documents"]
        own = [document for document in documents if document["key"].startswith(prefix)]
        return sorted(own, key=lambda document: str(document["key"]))

    return asyncio.run(read())


def run_import(kind: str, text: str, *options: str) -> Result:
    """Import a table from a file."""
    path = Path(f"{kind}.csv")
    path.write_text(text, encoding="utf-8")
    return run_cli("import", "acme", kind, str(path), *options)


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        ("sites", "key,name,latitude,longitude\nlille,Lille,50.63,3.06\n"),
        ("pois", "key,name,latitude,longitude,radius\nstation,Station,48.1,7.2,80\n"),
        ("campaigns", "key,name,lever\nspring,Spring,email\n"),
        ("studies", "key,name\nnorth,North\n"),
    ],
)
def test_every_kind_is_imported(kind: str, table: str) -> None:
    result = run_import(kind, table)
    assert result.exit_code == 0, result.stderr
    assert f"{kind}.csv: 1 created, 0 updated, 0 unchanged, 0 rejected" in result.stderr
    key = table.splitlines()[1].partition(",")[0]
    assert len(read_documents(kind, key)) == 1


def test_every_kind_is_tested() -> None:
    (mark,) = [mark for mark in test_every_kind_is_imported.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} == {*LISTS}


def test_an_invalid_row_refuses_the_file() -> None:
    result = run_import("sites", HEADER + (VALID + INVALID).format("refused"))
    assert result.exit_code == 1
    assert "  line 4, latitude: Input should be a valid number.\n" in result.stderr
    assert "  line 5, online: Input should be a valid boolean.\n" in result.stderr
    assert "2 rows are invalid. Nothing was imported. Correct the invalid rows" in result.stderr
    assert read_documents("sites", "refused") == []


@pytest.mark.parametrize(("options", "status"), [((), 1), (("--allow-rejected",), 0)])
def test_valid_rows_are_imported_on_request(options: tuple[str, ...], status: int) -> None:
    result = run_import("sites", HEADER + (VALID + INVALID).format(f"partial-{status}"), "--partial", *options)
    assert (result.exit_code, "2 created, 0 updated, 0 unchanged, 2 rejected" in result.stderr) == (status, True)
    assert "line 4, latitude" in result.stderr


@pytest.mark.parametrize(
    ("rows", "status", "counts"), [(VALID, 0, "2 accepted, 0"), (VALID + INVALID, 1, "2 accepted, 2")]
)
def test_a_dry_run_writes_nothing(rows: str, status: int, counts: str) -> None:
    result = run_import("sites", HEADER + rows.format("dry"), "--dry-run")
    assert (result.exit_code, f"{counts} rejected. Nothing was written." in result.stderr) == (status, True)
    assert ("line 4, latitude: Input should be a valid number." in result.stderr) is (status == 1)
    assert read_documents("sites", "dry") == []


def test_options_are_those_of_the_api() -> None:
    table = "Schlüssel\tOrt\tBreite\tLänge\tRadius\nköln\tKöln\t50.94\t6.96\t100\n"
    Path("orte.csv").write_text(table, encoding="cp1252")
    columns = ("key=Schlüssel", "name=Ort", "latitude=Breite", "longitude=Länge", "radius=Radius")
    options = [text for column in columns for text in ("--mapper", column)]
    options += ["--mapper[address][city]=Ort", "--unit", "radius=ft", "--encoding", "windows-1252", "--delimiter", "\t"]
    result = run_cli("import", "sites", "acme", "orte.csv", *options)  # the other order of arguments
    assert result.exit_code == 0, result.stderr
    (site,) = read_documents("sites", "köln")
    assert (site["key"], site["address"]["city"], site["radius"]) == ("köln", "Köln", 30.48)


def test_only_the_first_faults_are_printed() -> None:
    result = run_import("sites", "key,latitude,longitude\n" + "".join(f"s{number},x,3\n" for number in range(120)))
    lines = [line for line in result.stderr.splitlines() if line.startswith("  ")]
    assert (len(lines), lines[-1]) == (21, "  and 100 more")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("acme", "site", "sites.csv"), "Unknown kind 'site'. Did you mean 'sites'?"),
        (("acm", "sites", "sites.csv"), "No application 'acm'. Did you mean 'acme'?"),
        (("acme", "sites", "sites.csv", "--mapper", "key"), "--mapper must be written as FIELD=COLUMN."),
        (("acme", "sites", "sites.csv", "--mapper", "key=kez"), "no column 'kez'. Did you mean 'key'?"),
        (("acme", "sites", "sites.csv", "--encoding", "klingon"), "Unsupported encoding 'klingon'"),
        (("acme", "sites", "sites.csv", "--timezone", "Paris"), "Europe/Paris"),
        (("acme", "campaigns", "sites.csv"), "Unknown column 'online'"),
        (("acme", "sites", "sites.csv", "--url", "http://127.0.0.1:1"), "--url needs a token"),
    ],
)
def test_what_is_wrong_is_named(arguments: tuple[str, ...], message: str) -> None:
    Path("sites.csv").write_text(HEADER + VALID.format("wrong"))
    result = run_cli("import", *arguments)
    assert (result.exit_code, message in result.stderr) == (1, True), result.output
    assert "Traceback" not in result.output


@pytest.mark.slow
def test_a_server_imports_as_the_store_does(module_folder: Path) -> None:
    create_administrator()
    port = find_free_port()
    with start_server(port, module_folder / "log"), log_in(port) as client:
        token = client.headers["Authorization"].removeprefix("Bearer ")
        remote = ("--url", f"http://127.0.0.1:{port}", "--token", token)
        refused = run_import("sites", HEADER + (VALID + INVALID).format("remote"), *remote)
        assert (refused.exit_code, "line 4, latitude" in refused.stderr) == (1, True)
        imported = run_import("sites", HEADER + VALID.format("remote"), *remote)
        assert (imported.exit_code, "2 created" in imported.stderr) == (0, True), imported.stderr
        busy = run_import("sites", HEADER + VALID.format("busy"))
        assert (busy.exit_code, "--url" in busy.stderr) == (1, True)
    assert [document["key"] for document in read_documents("sites", "remote")] == ["remote-lille", "remote-web"]
