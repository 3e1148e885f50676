"""10,000 published paths through ingest and HTTP: the credits of campaigns are those that are published."""

import io
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.api.server import Server, Tenant
from tests.published.paths import SITE, WEIGHT, build_events, compute_credits, load_paths

pytestmark = pytest.mark.anyio

PATHS = load_paths()
EVENTS = build_events(PATHS)
CAMPAIGNS = sorted({campaign for path in PATHS for campaign in path.campaigns})
PUBLISHED = {
    ("fc", "alpha"): 6308,
    ("lc", "alpha"): 8447,
    ("linear", "alpha"): 7554.4625,
    ("linear", "iota"): 3661.9460,
    ("linear", "eta"): 3633.7060,
    ("shapley", "alpha"): 7627.9440,
}
KPIS = {
    "fc": "offlineVisitsFC",
    "lc": "offlineVisitsLC",
    "linear": "offlineVisitsLinear",
    "shapley": "offlineVisitsShapley",
}


@pytest.fixture(scope="module")
async def tenant(shared_server: Server) -> Tenant:
    """Create an application with the campaigns of the paths, and send all events over HTTP."""
    tenant = await shared_server.create_tenant(timezone="UTC")
    await tenant.create("sites", key=SITE, name="Shop", online=False)
    for campaign in CAMPAIGNS:
        await tenant.create("campaigns", key=campaign, **{"from": "2024-05-01", "to": "2024-05-31"})
    for kind, events in EVENTS.items():
        file = io.BytesIO()
        pq.write_table(events, file)
        headers = {"Content-Type": "application/vnd.apache.parquet"}
        url = f"{tenant.url}/ingest/{kind}"
        response = await tenant.editor.post(url, content=file.getvalue(), headers=headers, timeout=300)
        assert response.status_code == 201, response.text
        assert (response.json()["accepted"], response.json()["rejected"]) == (len(events), 0)
    await shared_server.services.invalidation.drain(tenant.id)
    return tenant


async def ask(tenant: Tenant, kpi: str, scope: str, *, uplift: bool = False) -> Any:
    """Return the value of a KPI over May 2024 by campaign, or over all campaigns."""
    by_scope = {"campaigns": {"properties": ["key"]}, "globals": False} if scope == "campaigns" else {}
    query = {"from": "2024-05-01", "to": "2024-05-31", "uplift": str(uplift).lower()}
    body = {"params": [{"kpi": kpi, "granularity": "month", **by_scope}]}
    url = f"{tenant.url}/conversions/levers/analytics"
    response = await tenant.reader.post(url, params=query, json=body)
    assert response.status_code == 200, response.text
    [element] = response.json()
    if scope == "globals":
        return element["data"]["all"]
    return {row["key"]: row["all"] for row in element["data"].values()}


def test_the_package_has_the_published_paths() -> None:
    assert (len(PATHS), sum(path.conversions for path in PATHS), max(len(path.campaigns) for path in PATHS)) == (
        10_000,
        19_785,
        89,
    )


@pytest.mark.parametrize("model", KPIS)
async def test_credits_are_the_published_ones(tenant: Tenant, model: str) -> None:
    """Compare to 4 decimals: each panelist weighs 100 and answers have 2."""
    answer = await ask(tenant, KPIS[model], "campaigns", uplift=True)
    published = {campaign: credit for (name, campaign), credit in PUBLISHED.items() if name == model}
    assert {campaign: round(answer[campaign] / WEIGHT, 4) for campaign in published} == published


@pytest.mark.parametrize("model", KPIS)
@pytest.mark.parametrize("uplift", [False, True], ids=["panel", "population"])
async def test_credits_of_every_campaign_equal_plain_python(tenant: Tenant, model: str, uplift: bool) -> None:
    scale = WEIGHT if uplift else 1
    expected = {campaign: float(round(credit * scale, 2)) for campaign, credit in compute_credits(PATHS)[model].items()}
    answer = await ask(tenant, KPIS[model], "campaigns", uplift=uplift)
    assert {campaign: value for campaign, value in answer.items() if value or campaign in expected} == expected


async def test_models_side_by_side_equal_each_alone(tenant: Tenant) -> None:
    answer = await ask(tenant, "offlineVisitsAttributions", "campaigns")
    for model, kpi in KPIS.items():
        assert {campaign: models[model] for campaign, models in answer.items()} == await ask(tenant, kpi, "campaigns")
    participation = {
        campaign: sum(path.conversions for path in PATHS if campaign in path.campaigns) for campaign in CAMPAIGNS
    }
    assert {campaign: models["participation"] for campaign, models in answer.items()} == participation


async def test_credits_sum_to_the_conversions(tenant: Tenant) -> None:
    conversions = sum(path.conversions for path in PATHS)
    expected = dict.fromkeys(("linear", "shapley", "fc", "lc", "participation"), conversions)
    assert await ask(tenant, "offlineVisitsAttributions", "globals") == expected


async def test_users_without_a_conversion_were_exposed(tenant: Tenant) -> None:
    conversions = sum(path.conversions for path in PATHS)
    assert await ask(tenant, "venueRate", "globals") == round(conversions / (conversions + len(PATHS)), 4)
