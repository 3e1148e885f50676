"""The metrics that a server exposes are those that the manual, the dashboard and the alerts name."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.api.server import Server, share_store

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
TOKEN = "a token for metrics"
ALERTS = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]

_NAME = re.compile(r"\b(?:okube|process)_[a-z_]+\b")
FORBIDDEN_LABELS = {"application", "site", "user", "key", "tenant", "path"}


async def read_metrics(server: Server) -> str:
    """Return the metrics of a server."""
    async with share_store(server, metrics_token=TOKEN) as metered:
        return (await metered.client(TOKEN).get("/metrics")).text


def list_names(text: str) -> set[str]:
    """Return the names as queries use them: counters with `_total`, histograms without the ending of a part."""
    suffix = {"counter": "_total"}
    return {
        family.name + suffix.get(family.type, "")
        for family in text_string_to_metric_families(text)
        if not family.name.endswith("_created")
    }


async def test_table_of_the_manual_has_the_metrics_of_the_server(server: Server) -> None:
    manual = (ROOT / "docs" / "operation.md").read_text()
    documented = re.findall(r"^\| `((?:okube|process)_[a-z_]+)` \|", manual, re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == list_names(await read_metrics(server))


async def test_no_label_names_a_tenant(server: Server) -> None:
    families = text_string_to_metric_families(await read_metrics(server))
    assert not FORBIDDEN_LABELS & {label for family in families for sample in family.samples for label in sample.labels}


def list_expressions() -> Iterator[str]:
    """Yield the queries of the dashboard and of the alerts."""
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "okube.json").read_text())
    yield from (target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    yield from (alert["expr"] for alert in ALERTS)


async def test_queries_name_metrics_of_the_server(server: Server) -> None:
    names = list_names(await read_metrics(server))
    used = {re.sub(r"_bucket$", "", name) for query in list_expressions() for name in _NAME.findall(query)}
    assert used - names == set()
    assert len(used) > 20


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
