"""The alerts and the queries of the dashboard, run by Prometheus (the package of Debian)."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.processes import create_administrator, find_free_port, log_in, open_client, start_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed"),
]

DEPLOY = Path(__file__).parents[2] / "deploy"
TOKEN = "a token for metrics"
PANELS = json.loads((DEPLOY / "grafana" / "okube.json").read_text())["panels"]


def test_each_alert_fires_for_what_it_watches(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "prometheus" / "alerts.yml", tmp_path)
    shutil.copy(Path(__file__).with_name("alerts_test.yml"), tmp_path)
    command = ["promtool", "test", "rules", "alerts_test.yml"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@contextmanager
def run_prometheus(folder: Path, server: int) -> Iterator[httpx.Client]:
    """Run Prometheus with the files of `deploy/prometheus`, and yield a client of it."""
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    for pattern, replacement in {r"127\.0\.0\.1:8000": f"127.0.0.1:{server}", r"interval: 15s": "interval: 1s"}.items():
        text, count = re.subn(pattern, replacement, text)
        assert count, pattern
    (folder / "prometheus.yml").write_text(text)
    (folder / "metrics-token").write_text(TOKEN)
    shutil.copy(DEPLOY / "prometheus" / "alerts.yml", folder)
    port = find_free_port()
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(["prometheus", *options], cwd=folder, stdout=log, stderr=log) as process,
        open_client(f"http://127.0.0.1:{port}/api/v1/", timeout=10) as client,
    ):
        try:
            yield client
        finally:
            process.terminate()


def wait_for_scrapes(prometheus: httpx.Client) -> None:
    """Wait until the server was scraped three times, which is enough for rates."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if run_query(prometheus, 'count_over_time(up{job="okube"}[1m]) >= 3'):
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError("Prometheus does not scrape the server.")


def run_query(prometheus: httpx.Client, query: str) -> list[object]:
    """Return the series of a query."""
    answer = prometheus.get("query", params={"query": query}).json()
    assert answer["status"] == "success", (query, answer)
    series: list[object] = answer["data"]["result"]
    return series


def use_server(port: int) -> None:
    """Send a file of events and ask a question."""
    with log_in(port) as client:
        for path, body in {
            "/applications": {"key": "shops", "name": "Shops", "timezone": "UTC"},
            "/applications/shops/sites": {"key": "lyon", "name": "Lyon", "online": False},
        }.items():
            assert client.post(path, json=body).status_code == 201
        visits = [{"user": "ann", "site": "lyon", "at": "2024-04-01T10:00:00Z"}]
        assert client.post("/applications/shops/ingest/visits?wait=true", json=visits).status_code == 201
        path = "/applications/shops/performance/analytics?from=2024-04-01&to=2024-04-30"
        assert client.post(path, json={"params": [{"kpi": "visits"}]}).status_code == 200


def test_every_query_of_the_dashboard_has_an_answer(work_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKUBE_METRICS_TOKEN", TOKEN)
    create_administrator()
    folder, port = work_folder / "prometheus", find_free_port()
    folder.mkdir()
    with start_server(port, work_folder / "log"):
        use_server(port)
        with run_prometheus(folder, port) as prometheus:
            wait_for_scrapes(prometheus)
            for query in (target["expr"] for panel in PANELS for target in panel["targets"]):
                expression = query.replace("$__rate_interval", "1m").replace("$instance", ".*")
                assert run_query(prometheus, expression), query
            groups = prometheus.get("rules").json()["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert len(rules) > 10
            assert {(rule["health"], rule["state"]) for rule in rules} <= {("ok", "inactive")}, rules
