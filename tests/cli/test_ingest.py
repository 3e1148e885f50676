"""The command that ingests files: its status, output and options, on the store and through a server."""

import asyncio
from pathlib import Path

import pytest
from okube_api.cli.runtime import open_services
from okube_api.settings import Settings

from tests.processes import create_administrator, find_free_port, log_in, run_cli, start_server
from tests.tables.workbooks import write_workbook

pytestmark = pytest.mark.usefixtures("work_folder")

AREAS = "code;name;lng;lat\n693840303;Fourvière;4,8226;45,7623\n"


@pytest.fixture
def file(work_folder: Path) -> Path:
    """Return a file with a valid and an invalid line, in Windows-1252."""
    path = work_folder / "areas.csv"
    path.write_bytes(f"{AREAS}x;Vaise;4,8;45,7\n".encode("cp1252"))
    return path


@pytest.fixture
def arguments(file: Path) -> tuple[str, ...]:
    """Return the command that ingests the file."""
    return ("ingest", "acme", "areas", str(file), "--encoding", "windows-1252")


async def create_application() -> None:
    async with open_services(Settings()) as services:
        await services.applications.create({"key": "acme", "timezone": "UTC"})


def test_status_tells_of_rejected_lines(arguments: tuple[str, ...], file: Path) -> None:
    asyncio.run(create_application())
    result = run_cli(*arguments)
    assert (result.exit_code, "1 accepted, 0 duplicate, 1 rejected" in result.stderr) == (1, True)
    assert "--allow-rejected" in result.stderr
    assert run_cli(*arguments, "--allow-rejected").exit_code == 0
    file.write_text(AREAS, encoding="utf-16")
    assert run_cli(*arguments).exit_code == 0


def test_other_options_read_the_same_file_again(arguments: tuple[str, ...], file: Path) -> None:
    asyncio.run(create_application())
    result = run_cli(*arguments[:4])
    assert (result.exit_code, "encoding" in result.stderr) == (1, True)
    assert "1 accepted" in run_cli(*arguments).stderr


def test_unknown_encoding_is_named(arguments: tuple[str, ...]) -> None:
    result = run_cli(*arguments[:-1], "klingon")
    assert (result.exit_code, "'klingon'" in result.stderr) == (1, True)


@pytest.mark.slow
def test_status_through_a_server(arguments: tuple[str, ...], file: Path, work_folder: Path) -> None:
    create_administrator()
    port = find_free_port()
    with start_server(port, work_folder / "log"), log_in(port) as client:
        assert client.post("/applications", json={"key": "acme"}).status_code == 201
        token = client.headers["Authorization"].removeprefix("Bearer ")
        remote = ("--url", f"http://127.0.0.1:{port}", "--token", token)
        assert run_cli(*arguments, *remote).exit_code == 1
        assert run_cli(*arguments, *remote, "--allow-rejected").exit_code == 0
        file.write_text("code,name,lng,lat\nx,a,1,2\n")
        result = run_cli(*arguments, *remote, "--allow-rejected")
    assert (result.exit_code, "0 accepted, 0 duplicate, 1 rejected" in result.stderr) == (0, True)


VISITS = "Kunde,site,Zeit\nk1,Lyon,2024-07-05 10:00\nk2,lyon,2024-07-05 10:00\nk3,lyon,2099-07-05 10:00\n"
OPTIONS = ("--mapper", "user=Kunde", "--mapper[at]=Zeit", "--timezone", "site")


@pytest.fixture
def visits(work_folder: Path) -> Path:
    """Return a file of visits with other columns, local times, and a visit from the future."""
    path = work_folder / "visits.csv"
    path.write_text(VISITS)
    return path


@pytest.mark.slow
def test_options_of_columns_and_times(visits: Path, work_folder: Path) -> None:
    """Check that options do the same on the store and through a server, and that odd events are counted."""
    create_administrator()
    port = find_free_port()
    stays = work_folder / "stays.csv"
    stays.write_text("user,site,start,duration_s\nu,lyon,2024-07-05T10:00:00Z,2.5\n")
    units = ("ingest", "acme", "stays", str(stays), "--unit[duration_s]=min")
    workbook = work_folder / "visits.xlsx"
    rows = [["user", "site", "Date", "Heure"], ["u", "lyon", "2024-07-06", "10h30"]]
    workbook.write_bytes(write_workbook({"Notes": [["?"]], "Visites": rows}))
    sheet = ("ingest", "acme", "visits", str(workbook), "--sheet", "Visites", "--mapper", "at=Date", "--time[at]=Heure")
    with start_server(port, work_folder / "log"), log_in(port) as client:
        assert client.post("/applications", json={"key": "acme", "timezone": "Europe/Paris"}).status_code == 201
        site = {"key": "lyon", "name": "Lyon", "online": True}
        assert client.post("/applications/acme/sites", json=site).status_code == 201
        token = client.headers["Authorization"].removeprefix("Bearer ")
        remote = ("--url", f"http://127.0.0.1:{port}", "--token", token)
        result = run_cli("ingest", "acme", "visits", str(visits), *OPTIONS, *remote)
        assert (result.exit_code, "3 accepted" in result.stderr) == (0, True), result.stderr
        assert "from the future: 1" in result.stderr
        assert "1 accepted" in run_cli(*units, *remote).stderr
        assert "1 accepted" in run_cli(*sheet, "--timezone", "site", *remote).stderr
    assert "3 duplicate" in run_cli("ingest", "acme", "visits", str(visits), *OPTIONS).stderr
    assert "1 duplicate" in run_cli(*units).stderr
    assert "1 duplicate" in run_cli(*sheet, "--timezone", "site").stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--mapper", "user"), "FIELD=COLUMN"),
        (("--mapper", "user=a", "--mapper", "user=b"), "twice"),
        (("--mapper", "device=a"), "Fields of visits"),
        (("--unit", "at=min"), "with a unit: none"),
        (("--timezone", "Paris"), "Europe/Paris"),
    ],
)
def test_wrong_options_are_explained(visits: Path, options: tuple[str, ...], message: str) -> None:
    asyncio.run(create_application())
    result = run_cli("ingest", "acme", "visits", str(visits), *options)
    assert (result.exit_code, message in result.stderr) == (1, True), result.stderr
