"""The command that ingests files: its status, output and options, on the store and through a server."""

import asyncio
from pathlib import Path

import pytest
from okube_api.cli.runtime import open_services
from okube_api.settings import Settings

from tests.processes import create_administrator, find_free_port, log_in, run_cli, start_server

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
