"""Sums beyond 64 bits, from events to answers: revenue in millionths times weights in thousandths, and credits."""

import json
from fractions import Fraction
from typing import Any

import pytest

from tests.api.server import Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

YEAR = {"from": "2024-01-01", "to": "2024-12-31"}
CAMPAIGNS = 37
"""The least common multiple of 1 to 37 has 16 digits."""


async def send(tenant: Tenant, kind: str, events: list[dict[str, Any]]) -> None:
    body = "".join(f"{json.dumps(event)}\n" for event in events).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await tenant.editor.post(f"{tenant.url}/ingest/{kind}", content=body, headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["rejected"]) == (201, 0), answer.text


async def ask(tenant: Tenant, *params: dict[str, Any], module: str = "conversions/levers", **options: str) -> list[Any]:
    """Return the data of each result."""
    url = f"{tenant.url}/{module}/analytics"
    answer = await tenant.reader.post(url, json={"params": params}, params=YEAR | options)
    assert answer.status_code == 200, answer.text
    return [result["data"] for result in answer.json()]


async def create_shops(tenant: Tenant, *keys: str) -> None:
    for key in keys:
        await tenant.create("sites", key=key, name=key, online=False, coordinates=[4.83, 45.76])


@pytest.mark.parametrize(
    ("users", "weight", "amount"),
    [(40, 50_000, 70_000), (9, 10**6, 10**9), (24, 999_999.999, 999_999_999.99)],
    ids=["large", "largest", "largest with decimals"],
)
async def test_uplifted_revenue(tenant: Tenant, users: int, weight: float, amount: float) -> None:
    await create_shops(tenant, "north", "south")
    for key in ("mail", "radio"):
        await tenant.create("campaigns", key=key, costs=[{"type": "fixed", "amount": 10**9, **YEAR}])
    names = [f"user {number}" for number in range(users)]
    days = [f"2024-0{3 + number % 3}-1{number % 7}" for number in range(users)]
    shops = ["north" if number % 3 else "south" for number in range(users)]
    await send(tenant, "panelists", [{"user": name, "weight": weight} for name in names])
    await send(
        tenant,
        "touches",
        [
            {"user": name, "campaign": ("mail", "radio")[number % 2], "at": f"{day}T08:00:00Z", "kind": "click"}
            for number, (name, day) in enumerate(zip(names, days, strict=True))
        ],
    )
    visits = [
        {"user": name, "site": shop, "at": f"{day}T10:00:00Z"}
        for name, shop, day in zip(names, shops, days, strict=True)
    ]
    await send(tenant, "visits", visits)
    await send(tenant, "purchases", [visit | {"amount": amount} for visit in visits])

    revenue = Fraction(round(amount * 10**6), 10**6) * Fraction(round(weight * 1000), 1000)
    of_shop = {shop: shops.count(shop) * revenue for shop in ("north", "south")}
    of_campaign = {"mail": (users + 1) // 2 * revenue, "radio": users // 2 * revenue}
    total = users * revenue

    for granularity in ("day", "week", "month", "year"):
        kpis = ("revenues", "offlineRevenues", "cohortRevenues")
        params = [{"kpi": kpi, "granularity": granularity} for kpi in kpis]
        for data in await ask(tenant, *params, uplift="true"):
            assert data["all"] == float(total)
            assert sum(data["temporals"].values()) == pytest.approx(float(total), rel=1e-12)
            assert min(data["temporals"].values()) >= 0
    by = {"properties": ["key"]}
    _, shops_data, _, campaigns_data = await ask(
        tenant, {"kpi": "revenues", "sites": by}, {"kpi": "revenues", "campaigns": by}, uplift="true"
    )
    assert {row["key"]: row["all"] for row in shops_data.values()} == {k: float(v) for k, v in of_shop.items()}
    assert {row["key"]: row["all"] for row in campaigns_data.values()} == {k: float(v) for k, v in of_campaign.items()}

    by_visit, roi = await ask(tenant, {"kpi": "revenueByOfflineVisit"}, {"kpi": "roi"}, uplift="true")
    assert by_visit["all"] == pytest.approx(amount, abs=1e-4)
    assert roi["all"] == pytest.approx(float(total / (2 * 10**9) - 1), abs=1e-4)
    (unweighted,) = await ask(tenant, {"kpi": "revenues"}, uplift="false")
    assert unweighted["all"] == pytest.approx(users * amount, rel=1e-15)


async def test_purchases_of_one_visit_beyond_64_bits(tenant: Tenant) -> None:
    """Ten thousand purchases of the greatest amount on one visit exceed 64 bits before any weight."""
    await create_shops(tenant, "north")
    await tenant.create("campaigns", key="mail")
    visit = {"user": "rich", "site": "north", "at": "2024-05-02T10:00:00Z"}
    await send(tenant, "panelists", [{"user": "rich", "weight": 10**6}])
    touch = {"user": "rich", "campaign": "mail", "at": "2024-05-02T09:00:00Z", "kind": "click"}
    await send(tenant, "touches", [touch])
    await send(tenant, "visits", [visit])
    purchases = [visit | {"amount": 10**9, "order": str(number)} for number in range(10_000)]
    await send(tenant, "purchases", purchases)
    for uplift, weight in (("true", 10**6), ("false", 1)):
        day, month = await ask(
            tenant,
            {"kpi": "revenues", "granularity": "day"},
            {"kpi": "revenues", "granularity": "month"},
            uplift=uplift,
        )
        assert day["all"] == month["all"] == 10_000 * 10**9 * weight
        assert list(day["temporals"].values()).count(day["all"]) == 1


@pytest.mark.parametrize("weight", [1, 25, 10**6])
async def test_credits_of_long_paths(tenant: Tenant, weight: int) -> None:
    """Paths of 1 to 37 touches: the common denominator of linear credits times the weights exceeds 64 bits."""
    await create_shops(tenant, "north")
    for number in range(CAMPAIGNS):
        await tenant.create("campaigns", key=f"c{number:02}")
    touches, visits = [], []
    for user in range(3 * CAMPAIGNS):
        length = user % CAMPAIGNS + 1
        touches += [
            {
                "user": f"user {user}",
                "campaign": f"c{(user + step) % CAMPAIGNS:02}",
                "at": f"2024-06-0{1 + user % 7}T09:{step:02}:00Z",
                "kind": "print",
            }
            for step in range(length)
        ]
        visits.append({"user": f"user {user}", "site": "north", "at": f"2024-06-0{1 + user % 7}T11:00:00Z"})
    await send(tenant, "panelists", [{"user": f"user {user}", "weight": weight} for user in range(3 * CAMPAIGNS)])
    await send(tenant, "touches", touches)
    await send(tenant, "visits", visits)
    for uplift, expected in (("true", 3 * CAMPAIGNS * weight), ("false", 3 * CAMPAIGNS)):
        (data,) = await ask(tenant, {"kpi": "offlineVisitsPerCampaign"}, uplift=uplift)
        result = data["all"]
        assert result["total"] == expected
        assert len(result["items"]) == CAMPAIGNS
        assert sum(item["value"] for item in result["items"]) == pytest.approx(expected, rel=1e-3)
        assert sum(item["share"] for item in result["items"]) == pytest.approx(1, abs=1e-2)
        assert all(0 < item["share"] < 1 for item in result["items"])
