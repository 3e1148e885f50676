"""The metrics that a server exposes are those that the manual, the dashboard and the alerts name."""

import errno
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.api.server import Server, Tenant, share_store

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
TOKEN = "a token for metrics"
PANELS = json.loads((ROOT / "deploy" / "grafana" / "okube.json").read_text())["panels"]
ALERTS = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]

_NAME = re.compile(r"\b(?:okube|process)_[a-z_]+\b")
FORBIDDEN_LABELS = {"application", "site", "user", "key", "tenant", "path"}


async def read_metrics(server: Server) -> str:
    """Return the metrics of a server that has answered a request."""
    async with share_store(server, metrics_token=TOKEN) as metered:
        assert (await metered.client().get("/health/live")).status_code == 200
        return (await metered.client(TOKEN).get("/metrics")).text


def list_names(text: str) -> set[str]:
    """Return the names as queries use them: counters with `_total`, histograms without the ending of a part."""
    suffix = {"counter": "_total"}
    return {family.name + suffix.get(family.type, "") for family in text_string_to_metric_families(text)}


async def test_table_of_the_manual_has_the_metrics_of_the_server(server: Server) -> None:
    manual = (ROOT / "docs" / "operation.md").read_text()
    documented = re.findall(r"^\| `((?:okube|process)_[a-z_]+)` \|", manual, re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == list_names(await read_metrics(server))


async def test_metrics_are_answered_when_every_disk_is_full(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_no_folder() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", find_no_folder)
    text = await read_metrics(server)
    assert "okube_store_up 1.0" in text
    assert 'folder="temporary"' not in text


async def test_no_label_names_a_tenant(server: Server) -> None:
    families = text_string_to_metric_families(await read_metrics(server))
    assert not FORBIDDEN_LABELS & {label for family in families for sample in family.samples for label in sample.labels}


def list_expressions() -> Iterator[str]:
    """Yield the queries of the dashboard and of the alerts."""
    yield from (target["expr"] for panel in PANELS for target in panel["targets"])
    yield from (alert["expr"] for alert in ALERTS)


async def test_queries_name_metrics_of_the_server(server: Server) -> None:
    names = list_names(await read_metrics(server))
    used = {re.sub(r"_bucket$", "", name) for query in list_expressions() for name in _NAME.findall(query)}
    assert used - names == set()
    assert len(used) > 20


@pytest.fixture
async def labels(server: Server, tenant: Tenant) -> dict[str, dict[str, set[str]]]:
    """Return the values of each label of each metric, after a question and a file of events."""
    await tenant.create("sites", key="lyon", name="Lyon", online=False)
    visit = {"user": "ann", "site": "lyon", "at": "2024-04-01T10:00:00Z"}
    sent = await tenant.editor.post(tenant.url + "/ingest/visits?wait=true", json=[visit])
    assert sent.status_code == 201, sent.text
    question = {"params": [{"kpi": "visits"}]}
    period = {"from": "2024-04-01", "to": "2024-04-30"}
    asked = await tenant.reader.post(tenant.url + "/performance/analytics", params=period, json=question)
    assert asked.status_code == 200, asked.text
    values: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(await read_metrics(server)):
        for sample in family.samples:
            of_metric = values.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                of_metric.setdefault(label, set()).add(value)
    return values


async def test_queries_use_labels_that_the_metrics_have(labels: dict[str, dict[str, set[str]]]) -> None:
    added_by_prometheus = {"instance", "job"}
    matched = 0
    for query in list_expressions():
        names = _NAME.findall(query)
        for name, matchers in re.findall(r"\b((?:okube|process)_[a-z_]+)\{([^}]*)\}", query):
            for label, operator, value in re.findall(r'(\w+)(=~?)"([^"]*)"', matchers):
                assert label in labels[name].keys() | added_by_prometheus, query
                if name in {"okube_batches", "okube_jobs", "okube_answers_total"} and label not in added_by_prometheus:
                    assert operator in {"=", "=~"}
                    assert set(value.split("|")) <= labels[name][label], query
                    matched += 1
        available = added_by_prometheus.union(*(labels[name] for name in names))
        for grouping in re.findall(r"\b(?:by|on) ?\(([^)]*)\)", query):
            assert {label.strip() for label in grouping.split(",")} <= available, query
    assert matched >= 5
    for target in (target for panel in PANELS for target in panel["targets"]):
        available = set[str]().union(*(labels[name] for name in _NAME.findall(target["expr"])))
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= available, target


async def test_table_of_the_manual_has_the_labels_of_the_metrics(labels: dict[str, dict[str, set[str]]]) -> None:
    manual = (ROOT / "docs" / "operation.md").read_text()
    rows = re.findall(r"^\| `((?:okube|process)_[a-z_]+)` \| (\w+) \| ([\w, ]*) \|", manual, re.MULTILINE)
    documented = {name: {label for label in text.split(", ") if label} for name, _, text in rows}
    suffixes = {name: "_bucket" if kind == "histogram" else "" for name, kind, _ in rows}
    exposed = {name: labels[name + suffix].keys() - {"le"} for name, suffix in suffixes.items()}
    assert documented == exposed


def test_dashboard_can_be_imported() -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "okube.json").read_text())
    assert dashboard["schemaVersion"] >= 36
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "instance"}
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(identifiers) == len(set(identifiers))
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["type"] in {"stat", "timeseries"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert all(target["expr"] and target["refId"] for target in panel["targets"])


@pytest.mark.parametrize("name", [alert["alert"] for alert in ALERTS])
def test_every_alert_is_in_the_manual(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "operation.md").read_text()
