"""Costs are those of campaigns as they are now, and sites always sum to the whole."""

from typing import Any

import pytest

from tests.api.server import Tenant

pytestmark = pytest.mark.anyio

DAYS = {"from": "2024-03-04", "to": "2024-03-13"}  # ten of them


async def costs(tenant: Tenant) -> tuple[float, dict[str, float]]:
    """The cost of the ten days, and by site."""
    body = {"params": [{"kpi": "cost", "sites": {"properties": ["key"]}}]}
    answer = await tenant.reader.post(f"{tenant.url}/conversions/levers/analytics", json=body, params=DAYS)
    assert answer.status_code == 200, answer.text
    whole, sites = (one["data"] for one in answer.json())
    assert sum(whole["temporals"].values()) == pytest.approx(whole["all"])
    found = {one["key"]: one["all"] for one in sites.values()}
    assert sum(found.values()) == pytest.approx(whole["all"])
    return whole["all"], found


async def deliver(tenant: Tenant, *lines: str) -> None:
    text = "\n".join(("campaign,day,site,prints,clicks,openings", *lines))
    headers = {"Content-Type": "text/csv"}
    answer = await tenant.editor.post(f"{tenant.url}/ingest/deliveries", content=text, headers=headers)
    assert (answer.status_code, answer.json()["rejected"]) == (201, 0), answer.text


async def test_costs_follow_changes_of_campaigns(tenant: Tenant) -> None:
    """Each kind of cost; then other amounts, sites and days, a shop that closes, deliveries that are corrected."""

    async def changed(path: str, **fields: Any) -> tuple[float, dict[str, float]]:
        answer = await tenant.editor.put(f"{tenant.url}/{path}", json=fields)
        assert answer.status_code == 200, answer.text
        return await costs(tenant)

    for key in ("a", "b"):
        await tenant.make("sites", key=key, name=key, online=False, coordinates=[4.83, 45.76])
    fixed = {"type": "fixed", "amount": 100, **DAYS}
    await tenant.make("campaigns", key="poster", sites=["a", "b"], costs=[fixed])
    followed = {"cpm": 2, "cpc": 0.5, "cpo": 0.1}
    await tenant.make("campaigns", key="mail", costs=[{"type": kind, "amount": one} for kind, one in followed.items()])
    await deliver(tenant, "mail,2024-03-05,,1000,10,20", "mail,2024-03-20,,9000,90,90", "poster,2024-03-06,a,500,5,0")

    # 100, and 2 for a thousand prints, 5 for ten clicks, 2 for twenty openings; all of it shared by both
    assert await costs(tenant) == (109, {"a": 54.5, "b": 54.5})
    assert await changed("campaigns/poster", costs=[{**fixed, "amount": 200}]) == (209, {"a": 104.5, "b": 104.5})
    assert await changed("campaigns/poster", sites=["a"]) == (209, {"a": 204.5, "b": 4.5})
    # twenty days of which ten are asked for
    assert await changed("campaigns/poster", costs=[{**fixed, "amount": 200, "to": "2024-03-23"}]) == (
        109,
        {"a": 104.5, "b": 4.5},
    )
    assert await changed("sites/b", active=False) == (109, {"a": 109})
    assert await changed("sites/b", active=True) == (109, {"a": 104.5, "b": 4.5})
    await deliver(tenant, "mail,2024-03-05,,1000,30,20", "mail,2024-03-05,b,0,8,0")  # 10 more, and 4 of B alone
    assert await costs(tenant) == (123, {"a": 109.5, "b": 13.5})
    assert await changed("campaigns/mail", costs=None) == (100, {"a": 100})
