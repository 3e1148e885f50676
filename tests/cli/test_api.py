"""Requests of commands to an application in this process, without a server."""

import asyncio
import logging
from uuid import uuid4

import pytest
import structlog
from okube_api.cli.api import open_api
from okube_api.cli.requests import ApiRefusal, RemoteError, require_token
from okube_api.cli.runtime import open_services
from okube_api.settings import Settings
from okube_api.store.conditions import EVERYTHING
from pymongo import AsyncMongoClient

from tests.processes import find_free_port, run_cli

pytestmark = [pytest.mark.usefixtures("work_folder"), pytest.mark.anyio]

APPLICATION = {"key": "acme", "name": "Acme", "timezone": "Europe/Paris"}


async def test_all_is_allowed_without_a_user_in_the_store(capsys: pytest.CaptureFixture[str]) -> None:
    async with open_api(None, None, creates_store=True) as requests:
        created = await requests.send("POST", "/applications", json=APPLICATION)
        assert created.json()["key"] == "acme"
        site = {"key": "lyon", "name": "Lyon", "online": True}
        await requests.send("POST", "/applications/acme/sites", json=site)
    async with open_api(None, None) as requests:  # the store was closed, and is opened again
        sites = await requests.send("GET", "/applications/acme/sites")
        assert [site["key"] for site in sites.json()["documents"]] == ["lyon"]
        users = await requests.send("GET", "/applications/acme/users")
        assert users.json()["documents"] == []
    assert capsys.readouterr() == ("", "")
    async with open_services(Settings()) as services:
        assert await services.store.find(services.sessions.users.collection, EVERYTHING) == []


async def test_a_database_works_as_a_file_does(mongo_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"commands_{uuid4().hex[:12]}"
    monkeypatch.setenv("OKUBE_STORE_URL", f"{mongo_uri.rstrip('/')}/{name}")
    monkeypatch.setenv("OKUBE_SECRET_KEY", "a secret of at least thirty-two bytes")
    try:
        async with open_api(None, None) as requests:
            await requests.send("POST", "/applications", json=APPLICATION)
        async with open_api(None, None) as requests:
            documents = (await requests.send("GET", "/applications")).json()["documents"]
    finally:
        async with AsyncMongoClient[dict[str, object]](mongo_uri) as client:
            await client.drop_database(name)
    assert [document["key"] for document in documents] == ["acme"]


async def test_a_refusal_has_the_texts_and_the_document_of_the_problem() -> None:
    async with open_api(None, None, creates_store=True) as requests:
        with pytest.raises(ApiRefusal, match="No application 'acme'") as raised:
            await requests.send("GET", "/applications/acme")
        assert (raised.value.status, raised.value.problem["code"]) == (404, "not_found")
        allowed = await requests.send("GET", "/applications/acme", allowed_codes=("not_found",))
        assert allowed.status_code == 404


async def test_an_absent_store_is_not_created() -> None:
    with pytest.raises(ValueError, match=r"no store at .*okube\.duckdb.*--url"):
        async with open_api(None, None):
            pass
    assert not Settings().data_folder.exists()


async def test_the_log_is_configured_as_before_afterwards() -> None:
    before = structlog.get_config()["wrapper_class"]
    async with open_api(None, None, creates_store=True) as requests:
        await requests.send("GET", "/applications")
        log = structlog.get_logger("okube")
        assert not log.is_enabled_for(logging.INFO)
        assert log.is_enabled_for(logging.WARNING)
    assert structlog.get_config()["wrapper_class"] is before


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "127.0.0.1:{port}", "ftp://127.0.0.1:{port}", "http://["])
async def test_a_server_that_does_not_answer_is_named(url: str) -> None:
    url = url.format(port=find_free_port())
    with pytest.raises(RemoteError) as raised:
        async with open_api(url, "token") as requests:
            await requests.send("GET", "/applications")
    assert str(raised.value).startswith(f"{url} does not answer (")


@pytest.mark.parametrize("token", ["okt_secret\r\n", " okt_secret"])
def test_the_ends_of_lines_of_a_file_are_no_part_of_the_token(token: str) -> None:
    assert require_token(token) == "okt_secret"


@pytest.mark.parametrize("token", ["okt_secret\rX", "okt_secrét", "okt_secret\0"])
@pytest.mark.parametrize("arguments", [("application", "list"), ("backup", "file")])
def test_a_token_that_cannot_be_sent_is_not_printed(token: str, arguments: tuple[str, ...]) -> None:
    result = run_cli(*arguments, "--url", f"http://127.0.0.1:{find_free_port()}", "--token", token)
    assert (result.exit_code, "Copy the token again." in result.stderr) == (1, True), result.output
    assert "okt_" not in result.output


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("200 OK\r\nContent-Type: text/html; charset=utf-8", "answered with a web page (200). Check --url"),
        ("502 Bad Gateway\r\nContent-Type: text/html", "answered with a web page (502). Check --url"),
        (
            "308 Permanent Redirect\r\nLocation: https://api.example/v1/applications",
            "redirects to https://api.example/",
        ),
        ("503 Service Unavailable\r\nContent-Type: text/plain", "The server answered 503 Service Unavailable."),
    ],
)
async def test_an_answer_that_is_not_of_the_api_is_named(head: str, message: str) -> None:
    paths: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        paths.append((await reader.readuntil(b"\r\n\r\n")).split()[1])
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(RemoteError) as raised:
            async with open_api(f"http://127.0.0.1:{port}/shops/v1/", "token") as requests:
                await requests.send("GET", "/applications")
    assert message in str(raised.value)
    assert paths == [b"/shops/v1/applications"]


async def test_certificates_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "absent.pem")
    with pytest.raises(RemoteError, match=r"SSL_CERT_FILE cannot be read \(No such file"):
        async with open_api("https://api.example", "token"):
            pass
