"""A server on an empty store prints a link to create the first administrator, and creates the one of its settings."""

import json
import re
import signal
from pathlib import Path

import httpx
import pytest
from okube_api.kit.demo_names import LOGIN as DEMO_LOGIN

from tests.processes import LOGIN, PASSWORD, find_free_port, log_in, run_cli, start_server

pytestmark = pytest.mark.usefixtures("work_folder")


def find_link(output: str) -> str | None:
    match = re.search(r"http://127\.0\.0\.1:\d+/login#setup=(\S+)", output)
    return None if match is None else match[1]


@pytest.mark.slow
def test_link_of_an_empty_store_creates_the_administrator_and_is_not_logged(work_folder: Path) -> None:
    port, log = find_free_port(), work_folder / "log"
    with start_server(port, log) as process:
        token = find_link(log.with_suffix(".out").read_text(encoding="utf-8"))
        assert token is not None
        address = f"http://127.0.0.1:{port}"
        httpx.get(f"{address}/login", params={"setup": token}, headers={"Accept": "text/html,application/xhtml+xml"})
        body = {"token": token, **LOGIN, "application": {"key": "my-shops"}}
        assert httpx.post(f"{address}/auth/setup", json=body).status_code == 201
        with log_in(port) as client:
            assert client.get("/applications/my-shops").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    lines = log.read_text(encoding="utf-8").splitlines()
    assert {json.loads(line).get("path") for line in lines} >= {"/login", "/auth/setup"}
    assert not [line for line in lines if token in line or PASSWORD in line]


def test_settings_name_the_administrator(work_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, log = work_folder / "password", work_folder / "log"
    file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    monkeypatch.setenv("OKUBE_ADMIN_LOGIN", LOGIN["login"])
    refused = run_cli("serve", "--port", "0")
    assert refused.exit_code == 1
    assert "OKUBE_ADMIN_LOGIN needs OKUBE_ADMIN_PASSWORD_FILE" in refused.stderr
    monkeypatch.setenv("OKUBE_ADMIN_PASSWORD_FILE", str(file))
    port = find_free_port()
    with start_server(port, log), log_in(port) as client:
        assert client.get("/auth/me").json()["platformAdmin"] is True
    output = log.with_suffix(".out").read_text(encoding="utf-8")
    assert "Serving on" in output
    assert find_link(output) is None


def test_demo_of_an_earlier_version_is_named(work_folder: Path) -> None:
    """Serve a store whose only user is the login of an earlier demo."""
    add = ("user", "add", DEMO_LOGIN, "--platform-admin", "--password-stdin")
    assert run_cli(*add, text=f"{PASSWORD}\n").exit_code == 0
    log = work_folder / "log"
    with start_server(find_free_port(), log):
        text = log.read_text(encoding="utf-8")
    assert "the store has the demo of an earlier version" in " ".join(text.split())
    assert find_link(log.with_suffix(".out").read_text(encoding="utf-8")) is None
