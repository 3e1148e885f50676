"""Costs of campaigns: they follow changes of campaigns, sites and deliveries, and sites add up to the total."""

from typing import Any

import pytest
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.store.conditions import equal

from tests.api.server import Tenant

pytestmark = pytest.mark.anyio

DAYS = {"from": "2024-03-04", "to": "2024-03-13"}  # ten days


async def read_costs(tenant: Tenant) -> tuple[float, dict[str, float]]:
    """Return the cost of the ten days, in total and by site."""
    body = {"params": [{"kpi": "cost", "sites": {"properties": ["key"]}}]}
    answer = await tenant.reader.post(f"{tenant.url}/conversions/levers/analytics", json=body, params=DAYS)
    assert answer.status_code == 200, answer.text
    total, sites = (result["data"] for result in answer.json())
    assert sum(total["temporals"].values()) == pytest.approx(total["all"])
    by_site = {row["key"]: row["all"] for row in sites.values()}
    assert sum(by_site.values()) == pytest.approx(total["all"])
    return total["all"], by_site


async def deliver(tenant: Tenant, *lines: str) -> None:
    text = "\n".join(("campaign,day,site,prints,clicks,openings", *lines))
    headers = {"Content-Type": "text/csv"}
    answer = await tenant.editor.post(f"{tenant.url}/ingest/deliveries", content=text, headers=headers)
    assert (answer.status_code, answer.json()["rejected"]) == (201, 0), answer.text


async def test_costs_follow_changes_of_campaigns(tenant: Tenant) -> None:
    async def change(path: str, **fields: Any) -> tuple[float, dict[str, float]]:
        answer = await tenant.editor.put(f"{tenant.url}/{path}", json=fields)
        assert answer.status_code == 200, answer.text
        return await read_costs(tenant)

    for key in ("a", "b"):
        await tenant.create("sites", key=key, name=key, online=False, coordinates=[4.83, 45.76])
    fixed = {"type": "fixed", "amount": 100, **DAYS}
    await tenant.create("campaigns", key="poster", sites=["a", "b"], costs=[fixed])
    prices = {"cpm": 2, "cpc": 0.5, "cpo": 0.1}
    await tenant.create(
        "campaigns", key="mail", costs=[{"type": kind, "amount": price} for kind, price in prices.items()]
    )
    await deliver(tenant, "mail,2024-03-05,,1000,10,20", "mail,2024-03-20,,9000,90,90", "poster,2024-03-06,a,500,5,0")

    # 100 fixed; 2 for a thousand prints, 5 for ten clicks, 2 for twenty openings; both sites share everything
    assert await read_costs(tenant) == (109, {"a": 54.5, "b": 54.5})
    assert await change("campaigns/poster", costs=[{**fixed, "amount": 200}]) == (209, {"a": 104.5, "b": 104.5})
    assert await change("campaigns/poster", sites=["a"]) == (209, {"a": 204.5, "b": 4.5})
    # twenty days, of which the question is about ten
    assert await change("campaigns/poster", costs=[{**fixed, "amount": 200, "to": "2024-03-23"}]) == (
        109,
        {"a": 104.5, "b": 4.5},
    )
    assert await change("sites/b", active=False) == (109, {"a": 109})
    assert await change("sites/b", active=True) == (109, {"a": 104.5, "b": 4.5})
    await deliver(tenant, "mail,2024-03-05,,1000,30,20", "mail,2024-03-05,b,0,8,0")  # 10 more, and 4 for b alone
    assert await read_costs(tenant) == (123, {"a": 109.5, "b": 13.5})
    assert await change("campaigns/mail", costs=None) == (100, {"a": 100})


# -- fixed costs without days, and costs in another currency ------------------------------------------------------


@pytest.mark.parametrize(
    ("campaign", "cost", "pointer"),
    [
        ({}, {}, "/costs/1/from"),
        ({"from": "2024-03-04"}, {}, "/costs/1/to"),
        ({"to": "2024-03-04"}, {"to": "2024-03-05"}, "/costs/1/from"),
        ({}, {"from": "2024-03-04"}, "/costs/1/to"),
    ],
)
async def test_a_new_fixed_cost_needs_both_days(tenant: Tenant, campaign: Any, cost: Any, pointer: str) -> None:
    mail, poster = {"type": "cpm", "amount": 2}, {"type": "fixed", "amount": 100}
    body = {"key": "poster", **campaign, "costs": [mail, {**poster, **cost}]}
    answer = await tenant.editor.post(f"{tenant.url}/campaigns", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert "both days" in answer.json()["detail"]
    await tenant.create("campaigns", key="poster", costs=[mail, {**poster, **DAYS}])
    await tenant.create("campaigns", key="other", costs=[poster], **DAYS)
    answer = await tenant.editor.put(f"{tenant.url}/campaigns/poster", json={"costs": [poster]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/costs/0/from")


async def test_notes_name_the_costs_that_are_left_out(tenant: Tenant) -> None:
    url = f"{tenant.url}/conversions/levers/analytics"
    body = {"params": [{"kpi": "cost", "temporals": False}]}
    fixed = {"type": "fixed", "amount": 100, **DAYS}
    await tenant.create("sites", key="a", name="a", online=False, coordinates=[4.83, 45.76])
    await tenant.create("campaigns", key="poster", costs=[fixed])
    plain = await tenant.reader.post(url, json=body, params=DAYS)
    assert (plain.json()[0]["data"]["all"], "X-Okube-Notes" in plain.headers) == (100, False)

    await tenant.create("campaigns", key="\u00e9t\u00e9 50%", costs=[{**fixed, "currency": "USD"}, fixed])
    old = await tenant.create("campaigns", key="old", costs=[fixed])
    store = tenant.server.services.store
    undated = {"type": "fixed", "amount": 7, "currency": "EUR"}
    await store.update(CAMPAIGNS, equal("_id", old["_id"]), {"costs": [undated]})
    answer = (await tenant.reader.post(url, json=body, params={**DAYS, "meta": True})).json()
    foreign_note, undated_note = answer["meta"]["notes"]
    assert answer["results"][0]["data"]["all"] == 200
    assert "other than EUR" in foreign_note["message"]
    assert "\u00e9t\u00e9 50%" in foreign_note["message"]
    assert ("old" in undated_note["message"], "poster" in undated_note["message"]) == (True, False)
    assert foreign_note["code"] == undated_note["code"] == "costs_left_out"
    for accept in ("application/json", "text/csv"):
        for _ in range(2):  # the second answer may be a cached one
            response = await tenant.reader.post(url, json=body, params=DAYS, headers={"Accept": accept})
            assert response.headers["X-Okube-Notes"] == "costs_left_out"
    prints = await tenant.reader.post(url, json={"params": [{"kpi": "prints"}]}, params=DAYS)
    assert prints.headers["X-Okube-Notes"] == "no_events"

    # What is stored is accepted back.
    campaign = (await tenant.reader.get(f"{tenant.url}/campaigns/old")).json()
    change = {"costs": campaign["costs"], "name": "Old"}
    assert (await tenant.editor.put(f"{tenant.url}/campaigns/old", json=change)).status_code == 200


# -- refunds ------------------------------------------------------------------------------------------------------


async def test_refunds_change_revenues_only(tenant: Tenant) -> None:
    async def ingest(kind: str, *lines: str) -> None:
        headers = {"Content-Type": "text/csv"}
        answer = await tenant.editor.post(f"{tenant.url}/ingest/{kind}", content="\n".join(lines), headers=headers)
        assert (answer.status_code, answer.json()["accepted"]) == (201, len(lines) - 1), answer.text

    await tenant.create("sites", key="a", name="a", online=False, coordinates=[4.83, 45.76])
    await tenant.create("campaigns", key="mail")
    await ingest("touches", "user,campaign,at,kind", *(f"{user},mail,2024-03-04T08:00:00Z,click" for user in "xyz"))
    await ingest("visits", "user,site,at", *(f"{user},a,2024-03-05T09:00:00Z" for user in "xy"))
    await ingest(
        "purchases",
        "user,site,at,amount,order",
        "x,a,2024-03-05T10:00:00Z,30.10,1",
        "x,a,2024-03-05T11:00:00Z,-10.05,1",  # of the same visit
        "y,a,2024-03-05T10:00:00Z,-5,2",  # of a visit without a purchase, which is no conversion
        "z,a,2024-03-06T10:00:00Z,-2,3",  # without a visit
    )
    kpis = ("revenues", "offlineVisits", "offlineConversions", "offlineConversionPurchases", "offlineConversionRate")
    body = {"params": [{"kpi": kpi, "temporals": False} for kpi in kpis]}
    url = f"{tenant.url}/conversions/levers/analytics"
    answer = await tenant.reader.post(url, json=body, params={**DAYS, "uplift": False})
    assert [element["data"]["all"] for element in answer.json()] == [13.05, 2, 1, 1, 0.5]
