"""A port that a container engine publishes on 127.0.0.1: the client that the server sees is the gateway of its network.

The server runs in a network namespace, as in a container, and connections to 127.0.0.1 are forwarded to it.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.processes import LOGIN, find_free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None, reason="network namespaces need root and the package iproute2"
    ),
]

NAME = f"okube{os.getpid() % 100_000}"
NETWORK = f"198.18.{os.getpid() % 250}"  # of a range for tests
GATEWAY, CONTAINER = f"{NETWORK}.1", f"{NETWORK}.2"


def run_ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


@contextmanager
def create_namespace() -> Iterator[None]:
    """Create a network namespace that is connected to this one."""
    run_ip(f"netns add {NAME}")
    try:
        run_ip(f"link add {NAME}a type veth peer name {NAME}b netns {NAME}")
        run_ip(f"address add {GATEWAY}/24 dev {NAME}a")
        run_ip(f"link set {NAME}a up")
        run_ip(f"-n {NAME} address add {CONTAINER}/24 dev {NAME}b")
        run_ip(f"-n {NAME} link set {NAME}b up")
        run_ip(f"-n {NAME} link set lo up")
        yield
    finally:
        run_ip(f"netns delete {NAME}")


@contextmanager
def start_in_namespace(log: Path) -> Iterator[str]:
    """Start a server on all addresses of the namespace, and yield what it printed."""
    command = [sys.executable, "-m", "okube_api.cli", "serve", "--host", "0.0.0.0"]
    with log.open("w") as output, subprocess.Popen(["ip", "netns", "exec", NAME, *command], stdout=output) as process:
        try:
            deadline = time.monotonic() + 30
            while "Serving on" not in log.read_text():
                assert time.monotonic() < deadline, "the server does not start"
                time.sleep(0.05)
            yield log.read_text()
        finally:
            process.terminate()


@contextmanager
def forward_port(port: int) -> Iterator[None]:
    """Forward connections to a port of 127.0.0.1 to the namespace, as container engines do."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(CONTAINER, 8000)
        try:
            with suppress(ConnectionError):
                await asyncio.gather(copy(reader, outer), copy(inner, writer))
        finally:
            outer.close()
            writer.close()

    async def forward(is_listening: Future[None], end: asyncio.Event) -> None:
        server = await asyncio.start_server(accept, "127.0.0.1", port)
        is_listening.set_result(None)
        await end.wait()
        server.close()  # `Runner` cancels the connections that are left

    with asyncio.Runner() as runner:
        loop, is_listening, end = runner.get_loop(), Future[None](), asyncio.Event()
        thread = Thread(target=lambda: runner.run(forward(is_listening, end)))
        thread.start()
        is_listening.result(timeout=10)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(end.set)
            thread.join()


def test_published_port_opens_the_explorer_and_other_addresses_need_https(
    work_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = find_free_port()
    url = f"http://localhost:{port}"
    monkeypatch.setenv("OKUBE_LOOPBACK_NETWORKS", GATEWAY)
    monkeypatch.setenv("OKUBE_PUBLIC_URL", url)
    with ExitStack() as stack:
        stack.enter_context(create_namespace())
        output = stack.enter_context(start_in_namespace(work_folder / "out"))
        stack.enter_context(forward_port(port))
        browser = stack.enter_context(httpx.Client(base_url=url, headers={"Origin": url}))
        link = re.search(rf"{url}/login#setup=(\S+)", output)
        assert link is not None
        assert "<html" in browser.get("/login", headers={"Accept": "text/html"}).text
        body = {"token": link[1], **LOGIN, "application": {"key": "my-shops"}}
        assert browser.post("/auth/setup", json=body).status_code == 201
        login = browser.post("/auth/login", json={**LOGIN, "setCookie": True})
        assert "__Host-okube_token" in login.headers["set-cookie"]
        assert browser.get("/auth/me", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403
        assert browser.get("/auth/me", headers={"Host": "evil.example"}).status_code == 400
        other = f"import httpx; print(httpx.get('http://{CONTAINER}:8000/login').status_code)"
        command = ["ip", "netns", "exec", NAME, sys.executable, "-c", other]  # as another container of the network
        assert subprocess.check_output(command, text=True).strip() == "403"
