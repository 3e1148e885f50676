"""Groupings of questions over HTTP: names, options, refusals and tables; `tests/engine` holds the numbers."""

import csv
import io
from typing import Any

import pytest

from tests.api.server import Server, Tenant, share_store

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
PERIOD = {"from": "2024-03-04", "to": "2024-03-10"}
SHOPS: dict[str, Json] = {  # four visits of `a`, three of `b`, two of `c`, one of `d`
    "a": {
        "attributes": {"region": "Nord"},
        "tags": ["big", "new"],
        "address": {"postalCode": "59000", "city": "Lille"},
    },
    "b": {"attributes": {"region": "Sud"}, "tags": ["big"], "address": {"postalCode": "69002", "city": "Lyon"}},
    "c": {"attributes": {"region": "Sud"}, "address": {"postalCode": "69003", "city": "Lyon"}},
    "d": {"type": "mall"},
}


async def build_tenant(server: Server) -> Tenant:
    """Return an application with the visits of `SHOPS`: those of a shop are by the first users of a list."""
    tenant = await server.create_tenant(timezone="Europe/Paris")
    for key, fields in SHOPS.items():
        await tenant.create("sites", key=key, name=key.upper(), online=False, **fields)
    lines = [
        f'{{"user": "u{user}", "site": "{key}", "at": "2024-03-0{4 + user}T10:00:00Z"}}'
        for count, key in zip((4, 3, 2, 1), SHOPS, strict=True)
        for user in range(count)
    ]
    response = await tenant.editor.post(
        f"{tenant.url}/ingest/visits", content="\n".join(lines), headers={"Content-Type": "application/x-ndjson"}
    )
    assert response.status_code == 201, response.text
    return tenant


@pytest.fixture(scope="module")
async def shops(shared_server: Server) -> Tenant:
    """Return the application of these tests, which none of them changes."""
    return await build_tenant(shared_server)


async def ask(tenant: Tenant, param: Json, *, accept: str = "application/json", status: int = 200) -> Any:
    """Return the element of a param, the table as text, or the problem of a refused question."""
    response = await tenant.reader.post(
        f"{tenant.url}/performance/analytics",
        params=PERIOD,
        json={"params": [{"temporals": False, "globals": False, **param}]},
        headers={"Accept": accept},
    )
    assert response.status_code == status, response.text
    if accept == "text/csv":
        return response.text
    return response.json()[0] if status == 200 else response.json()


def read_totals(data: Json) -> Json:
    """Return the `all` value of each entry, nested like the data."""
    return {key: entry["all"] if "all" in entry else read_totals(entry) for key, entry in data.items()}


@pytest.mark.parametrize(
    ("by", "totals"),
    [
        (["sites.attributes.region"], {"Nord": 4, "Sud": 5, "unknown": 1}),
        (["sites.tags"], {"big": 7, "new": 4, "unknown": 3}),
        (["sites.city"], {"Lille": 4, "Lyon": 5, "unknown": 1}),
        (["sites.type"], {"mall": 1, "unknown": 9}),
        (["sites.postalCode"], {"59000": 4, "69002": 3, "69003": 2, "unknown": 1}),
        ([{"of": "sites.postalCode", "digits": 2}], {"59": 4, "69": 5, "unknown": 1}),
        (
            [{"of": "sites.postalCode", "digits": 2}, "sites.postalCode"],
            {"59": {"59000": 4}, "69": {"69002": 3, "69003": 2}, "unknown": {"unknown": 1}},
        ),
        (
            ["sites.tags", "sites.city"],
            {"big": {"Lille": 4, "Lyon": 3}, "new": {"Lille": 4}, "unknown": {"Lyon": 2, "unknown": 1}},
        ),
        (["channels", "sites.country"], {"offline": {"unknown": 10}}),
        (["sites.attributes.absent"], {"unknown": 10}),
    ],
)
async def test_names_of_groupings(shops: Tenant, by: list[Any], totals: Json) -> None:
    element = await ask(shops, {"kpi": "visits", "by": by})
    assert read_totals(element["data"]) == totals
    assert element["scope"] == ",".join(each if isinstance(each, str) else each["of"] for each in by)


async def test_distinct_users_of_a_group_are_the_union_over_its_sites(shops: Tenant) -> None:
    element = await ask(shops, {"kpi": "visitors", "by": [{"of": "sites.attributes.region", "share": True}]})
    assert element["data"] == {
        "Nord": {"all": 4, "share": 1},
        "Sud": {"all": 3, "share": 0.75},
        "unknown": {"all": 1, "share": 0.25},
    }


async def test_options_of_two_groupings(shops: Tenant) -> None:
    outer = {"of": "sites.attributes.region", "sort": "-all", "limit": 1, "others": True, "share": True}
    inner = {"of": "sites", "properties": ["key"], "limit": 1, "others": True}
    element = await ask(shops, {"kpi": "visits", "by": [outer, inner]})
    assert element["total"] == 3
    assert element["outer"] == {
        "Sud": {"all": 5, "share": 0.5, "total": 2},
        "others": {"all": 5, "share": 0.5, "total": 2},
    }
    entries = {name: list(inner.values()) for name, inner in element["data"].items()}
    assert entries == {
        "Sud": [{"key": "b", "all": 3}, {"key": None, "all": 2}],
        "others": [{"key": "a", "all": 4}, {"key": None, "all": 1}],
    }


async def test_options_of_a_plain_scope(shops: Tenant) -> None:
    options = {"properties": ["key"], "having": {"all": {"gte": 2}}, "limit": 2, "others": True, "share": True}
    element = await ask(shops, {"kpi": "visits", "sites": options})
    assert element["scope"] == "sites"
    assert element["total"] == 3
    assert list(element["data"].values()) == [
        {"key": "a", "all": 4, "share": 0.4},
        {"key": "b", "all": 3, "share": 0.3},
        {"key": None, "all": 3, "share": 0.3},
    ]


async def test_ratios_of_the_others_are_computed_from_their_rows(shops: Tenant) -> None:
    by = [{"of": "sites", "properties": ["key"], "sort": "-all", "limit": 1, "others": True}]
    data = (await ask(shops, {"kpi": "visitFrequency", "by": by}))["data"]
    assert data["others"]["all"] == 2  # the six visits of three users


async def test_two_groupings_as_a_table(shops: Tenant) -> None:
    inner = {"of": "sites", "limit": 1, "others": True, "share": True}
    table = await ask(shops, {"kpi": "visits", "by": ["sites.attributes.region", inner]}, accept="text/csv")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [
        (row["scope"], row["outer_id"], row["key"] or row["_id"], row["bucket"], row["value"], row["share"])
        for row in rows
    ] == [
        ("sites.attributes.region,sites", region, key, "all", value, share)
        for region, key, value, share in (
            ("Nord", "a", "4", "0.4"),
            ("Sud", "b", "3", "0.3"),
            ("Sud", "others", "2", "0.2"),
            ("unknown", "d", "1", "0.1"),
        )
    ]
    plain = await ask(shops, {"kpi": "visits", "sites": True}, accept="text/csv")
    assert plain.splitlines()[0] == "kpi,mode,scope,granularity,_id,key,name,bucket,from,value"


@pytest.mark.parametrize(
    ("param", "pointer", "message"),
    [
        ({"by": ["homes"]}, "/params/0/by/0", "Unknown grouping 'homes'. Use one of: sites, channels, sites.tags,"),
        ({"by": [{"of": "globals"}]}, "/params/0/by/0/of", "Unknown grouping 'globals'."),
        ({"by": ["sites.colour"]}, "/params/0/by/0", "sites.attributes.<name>"),
        ({"by": ["campaigns.provider"]}, "/params/0/by/0", "Unknown grouping"),
        ({"by": ["sites", "sites"]}, "/params/0/by", "'sites' and 'sites' are the same."),
        ({"by": [{"of": "sites.tags", "properties": ["key"]}]}, "/params/0/by/0/properties", "Use one of: name."),
        (
            {"by": [{"of": "sites.tags", "digits": 2}]},
            "/params/0/by/0/digits",
            "'digits' is only for 'sites.postalCode'.",
        ),
        ({"by": [{"of": "sites", "sort": "-change"}]}, "/params/0/by/0/sort", "'compare'"),
        ({"kpi": "averageBasket", "by": [{"of": "sites", "share": True}]}, "/params/0/by/0/share", "has no 'share'"),
        ({"kpi": "averageBasket", "sites": {"share": True}}, "/params/0/sites/share", "has no 'share'"),
        ({"all": False, "temporals": True, "sites": {"share": True}}, "/params/0/all", "'share' needs 'all'"),
    ],
)
async def test_refused_groupings(shops: Tenant, param: Json, pointer: str, message: str) -> None:
    problem = await ask(shops, {"kpi": "visits", **param}, status=422)
    (error,) = problem["errors"]
    assert error["pointer"] == pointer
    assert message in error["message"]


@pytest.mark.parametrize(
    "by", [[], ["sites", "channels", "sites.tags"], ["sites", {"limit": 2}], [{"of": "sites", "limit": 0}]]
)
async def test_malformed_groupings(shops: Tenant, by: list[Any]) -> None:
    problem = await ask(shops, {"kpi": "visits", "by": by}, status=400)
    assert problem["errors"][0]["pointer"].startswith("/params/0/by")


async def test_a_question_about_one_site_has_no_groupings_of_sites(shops: Tenant) -> None:
    response = await shops.reader.post(
        f"{shops.url}/sites/a/performance/analytics",
        params=PERIOD,
        json={"params": [{"kpi": "visits", "by": ["sites.tags"]}]},
    )
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/params/0/by/0"


async def test_values_by_groupings_have_a_limit_of_their_own(server: Server) -> None:
    async with share_store(server, query_grouped_values=3) as strict:
        tenant = await build_tenant(strict)
        problem = await ask(tenant, {"kpi": "visits", "by": ["sites"]}, status=422)
        assert problem["code"] == "too_many_values"
        assert problem["errors"][0]["pointer"] == "/params/0/by"
        assert "more than 3 values" in problem["detail"]
        assert len((await ask(tenant, {"kpi": "visits", "by": [{"of": "sites", "limit": 3}]}))["data"]) == 3
        assert len((await ask(tenant, {"kpi": "visits", "sites": True}))["data"]) == 4


async def test_a_change_of_an_attribute_is_seen_at_once(server: Server) -> None:
    tenant = await build_tenant(server)
    before = await ask(tenant, {"kpi": "visits", "by": ["sites.attributes.region"]})
    assert read_totals(before["data"])["Nord"] == 4
    changed = await tenant.editor.put(f"{tenant.url}/sites/a", json={"attributes": {"region": "Sud"}})
    assert changed.status_code == 200, changed.text
    after = await ask(tenant, {"kpi": "visits", "by": ["sites.attributes.region"]})
    assert read_totals(after["data"]) == {"Sud": 9, "unknown": 1}
