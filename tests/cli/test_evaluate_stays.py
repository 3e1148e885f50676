"""The command that evaluates stays: its figures as text and as JSON, other settings, and what it never prints."""

import asyncio
import json
from pathlib import Path

import pytest
from okube_api.cli.runtime import open_services
from okube_api.kit.application import Application
from okube_api.settings import Settings

from tests.processes import run_cli

USER = "erika.mustermann"
PINGS = "user,at,lng,lat\n" + "".join(
    f"{USER},2024-01-01T{hour:02}:{minute:02}:00Z,4.83,{lat}\n"
    for hour, minutes, lat in ((9, range(0, 60, 5), 45.70), (10, range(0, 40, 5), 45.75), (11, range(0, 60, 5), 45.70))
    for minute in minutes
)
VISITS = "who,shop,start,duration_min\n" + "".join(
    f"{user},{shop},2024-01-01T{start},30\n"
    for user, shop, start in (
        (USER, "lyon", "10:00"),
        (USER, "lyon", "15:00"),
        (USER, "home", "20:00"),
        ("x", "lyon", "10:00"),
    )
)
COLUMNS = ("--mapper", "user=who", "--mapper[place]=shop", "--timezone", "UTC")


@pytest.fixture(scope="module")
def visits(module_folder: Path) -> Path:
    """Create an application with a shop and pings of a user there; return a file of visits."""

    async def create() -> None:
        async with open_services(Settings()) as services:
            document = await services.applications.create({"key": "acme", "timezone": "Europe/Paris"})
            for key, lat in (("lyon", 45.75), ("lille", 50.63)):
                fields = {"key": key, "name": key.title(), "coordinates": [4.83, lat]}
                await services.sites.create(Application.from_document(document), fields)

    asyncio.run(create())
    (module_folder / "pings.csv").write_text(PINGS)
    assert run_cli("ingest", "acme", "pings", str(module_folder / "pings.csv")).exit_code == 0
    path = module_folder / "visits.csv"
    path.write_text(VISITS)
    return path


def test_figures_are_printed_without_names_of_users(visits: Path) -> None:
    result = run_cli("evaluate-stays", "acme", str(visits), *COLUMNS, "--places", "--search")
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["visits", "2", "of", "1", "users"] in lines
    assert ["lyon", "2", "1", "1.000", "0.500"] in lines
    assert [line[1] for line in lines if line[:1] in (["precision"], ["recall"])] == ["1.000", "0.500"]
    assert "Best settings" in result.stdout
    assert "1 lines of users without events" in result.stderr
    assert "1 lines at places" in result.stderr
    assert USER not in result.output


def test_figures_as_json_and_with_other_settings(visits: Path) -> None:
    command = ("evaluate-stays", "acme", str(visits), *COLUMNS, "--json")
    report = json.loads(run_cli(*command).stdout)
    assert report["lines"] == {"scored": 2, "elsewhere": 1, "unknownUsers": 1, "rejected": 0}
    assert (report["scores"]["stays"], report["scores"]["recall"], report["users"]) == (1, 0.5, 1)
    assert [(place["key"], place["visits"], place["matchedStays"]) for place in report["places"]] == [("lyon", 2, 1)]
    longer = json.loads(run_cli(*command, "--settings", '{"minimumSeconds": 3600}').stdout)
    assert (longer["settings"]["minimumSeconds"], longer["scores"]["stays"]) == (3600, 0)
    assert longer["scores"]["precision"] is None
    assert json.loads(run_cli(*command).stdout) == report


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--settings", "gap=3"), "must be JSON"),
        (("--settings", "[]"), "JSON object"),
        (("--settings", '{"gapMinutes": -1}'), "gapMinutes"),
        (("--settings", '{"gapMinutes": 2.5}'), "'gapMinutes': Use whole minutes from 0 to 100000, or 'auto'. S"),
        (("--settings", '{"gap": 1}'), "Unknown setting 'gap'. Settings: overlap, snapMeters, gapMinutes, endAfter"),
        (("--mapper", "user"), "FIELD=COLUMN"),
        (("--mapper", "end=Ende"), "no column 'Ende'"),
        (("--url", "http://127.0.0.1:8000"), "a server does not return pings. Run the command where the store is"),
    ],
)
def test_wrong_options_are_explained(visits: Path, options: tuple[str, ...], message: str) -> None:
    result = run_cli("evaluate-stays", "acme", str(visits), *COLUMNS, *options)
    assert (result.exit_code, message in result.stderr) == (1, True), result.stderr
