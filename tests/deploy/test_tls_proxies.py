"""The configurations of nginx and Caddy in deploy/, run by the packages of Debian in front of a server."""

import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.processes import LOGIN, create_administrator, find_free_port, log_in, start_server

pytestmark = pytest.mark.slow

DEPLOY = Path(__file__).parents[2] / "deploy"
PADDING = b"x" * 900_000  # of an ignored column
ROWS = 240
LOGINS = 8  # allowed per minute and address


class Proxy:
    """A proxy that runs: its ports, and a client of it."""

    def __init__(self, http: int, https: int) -> None:
        self.http, self.https = http, https
        self.url = f"https://localhost:{https}"

    def open_client(self, address: str = "127.0.0.1") -> httpx.Client:
        """Return a client that connects from an address of loopback."""
        untrusting = ssl.create_default_context()
        untrusting.check_hostname, untrusting.verify_mode = False, ssl.CERT_NONE
        transport = httpx.HTTPTransport(verify=untrusting, local_address=address)
        return httpx.Client(base_url=self.url, transport=transport, timeout=60, headers={"Origin": self.url})


def write_nginx_files(folder: Path, proxy: Proxy, server: int) -> list[str]:
    """Write the files of nginx with other ports and a certificate of its own; return the command."""
    subject: list[str | Path] = ["-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*command, *subject], check=True, stderr=subprocess.DEVNULL)
    text = (DEPLOY / "nginx" / "okube.conf").read_text(encoding="utf-8")
    for pattern, replacement in {
        r"127\.0\.0\.1:8000": f"127.0.0.1:{server}",
        r"listen \[::\].*": "",
        r"listen 80;": f"listen 127.0.0.1:{proxy.http};",
        r"listen 443 ": f"listen 127.0.0.1:{proxy.https} ",
        r"okube\.example": "localhost",
        r"/etc/ssl/okube/fullchain\.pem": str(folder / "cert.pem"),
        r"/etc/ssl/okube/privkey\.pem": str(folder / "key.pem"),
    }.items():
        text, count = re.subn(pattern, replacement, text)
        assert count, pattern
    temporary = "".join(
        f"{name}_temp_path {folder}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{text}\n}}\n",
        encoding="utf-8",
    )
    return ["nginx", "-e", f"{folder}/errors", "-c", f"{folder}/nginx.conf"]


def write_caddy_files(folder: Path, proxy: Proxy, _server: int) -> list[str]:
    """Write the file of Caddy with other ports; return the command."""
    options = f"{{\n\tadmin off\n\tskip_install_trust\n\thttp_port {proxy.http}\n\thttps_port {proxy.https}\n}}\n"
    text = (DEPLOY / "caddy" / "Caddyfile").read_text(encoding="utf-8")
    (folder / "Caddyfile").write_text(options + text, encoding="utf-8")
    return ["caddy", "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]


@pytest.fixture(params=[("nginx", write_nginx_files), ("caddy", write_caddy_files)], ids=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, work_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Start a server with an application, and a proxy in front of it."""
    program, write_files = request.param
    if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip(f"{program} is not installed")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin")
    for name, value in {"TRUSTED_PROXIES": "127.0.0.1", "LOGIN_RATE_LIMIT": f"{LOGINS}/minute"}.items():
        monkeypatch.setenv(f"OKUBE_{name}", value)
    create_administrator()
    port, running = find_free_port(), Proxy(find_free_port(), find_free_port())
    with ExitStack() as stack:
        stack.enter_context(start_server(port, work_folder / "log"))
        with log_in(port) as client:
            created = client.post("/applications", json={"key": "shops", "name": "Shops", "timezone": "UTC"})
            assert created.status_code == 201
            created = client.post("/applications/shops/sites", json={"key": "lyon", "name": "Lyon", "online": False})
            assert created.status_code == 201, created.text
        monkeypatch.setenv("OKUBE_UPSTREAM", f"127.0.0.1:{port}")
        monkeypatch.setenv("XDG_DATA_HOME", str(work_folder / "data"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(work_folder / "config"))
        stack.enter_context(run_proxy(write_files(work_folder, running, port), running, work_folder / "proxy.log"))
        yield running


@contextmanager
def run_proxy(command: list[str], proxy: Proxy, log: Path) -> Iterator[None]:
    """Run a proxy, and wait until it answers."""
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            deadline = time.monotonic() + 30
            with proxy.open_client() as client:
                while True:
                    try:
                        client.get("/health/ready")
                        break
                    except httpx.TransportError:
                        assert time.monotonic() < deadline, log.read_text()
                        time.sleep(0.05)
            yield
        finally:
            process.terminate()


def send_large_file(client: httpx.Client) -> Iterator[bytes]:
    """Yield 216 MB of CSV; half-way, look whether the server has begun to read it."""
    yield b"user,site,at,ignored\n"
    for row in range(ROWS):
        yield b"user-%d,lyon,2024-04-01T10:00:00Z,%s\n" % (row, PADDING)
        if row == ROWS // 2:
            batches = client.get("/applications/shops/ingest").json()
            assert len(batches["documents"]) == 1, batches


def test_explorer_login_and_large_uploads_work_behind_a_proxy(proxy: Proxy) -> None:
    plain = httpx.get(f"http://localhost:{proxy.http}/login?next=1", headers={"Host": "localhost"})
    assert plain.status_code in {301, 308}
    assert plain.headers["location"].startswith("https://localhost")
    with proxy.open_client() as browser:
        page = browser.get("/login", headers={"Accept": "text/html"})
        assert "<html" in page.text
        assert "strict-transport-security" in page.headers
        assert 'content="/"' in page.text
        below = browser.get("/okube/login", headers={"Accept": "text/html"}).text
        assert 'content="/okube/"' in below
        script = re.search(r'src="(/okube/[^"]+)"', below)
        assert script is not None
        assert browser.get(script[1]).status_code == 200
        invented = browser.get("/login", headers={"Accept": "text/html", "X-Forwarded-Prefix": "/evil"})
        assert "/evil" not in invented.text
        login = browser.post("/auth/login", json={**LOGIN, "setCookie": True})
        assert "__Host-okube_token" in login.headers["set-cookie"]
        assert browser.put("/applications/shops", json={"name": "Shops of Lyon"}).is_success
        headers = {"Content-Type": "text/csv"}
        url = "/applications/shops/ingest/visits?wait=true&mapper[user]=user"
        answer = browser.post(url, content=send_large_file(browser), headers=headers)
        assert answer.status_code == 201, answer.text
        assert answer.json()["accepted"] == ROWS


@pytest.mark.parametrize("invented", [{}, {"X-Forwarded-For": "6.6.6.6"}, {"Forwarded": "for=6.6.6.6"}])
def test_limits_count_the_address_of_the_client(proxy: Proxy, invented: dict[str, str]) -> None:
    wrong = {**LOGIN, "password": "wrong", "login": "nobody@okube.example"}
    with proxy.open_client("127.0.0.2") as attacker, proxy.open_client("127.0.0.3") as other:
        statuses = [attacker.post("/auth/login", json=wrong, headers=invented).status_code for _ in range(LOGINS + 1)]
        assert statuses[-1] == 429
        assert other.post("/auth/login", json=LOGIN).status_code == 200
