"""Campaigns over HTTP."""

from typing import Any

import httpx
import pytest

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio

COSTS = [{"amount": 1500.5, "type": "fixed"}, {"from": "2024-03-01", "amount": 8, "type": "cpm", "currency": "USD"}]


def join_keys(response: httpx.Response) -> str:
    """Return the keys of the campaigns on a page as one text."""
    assert response.status_code == 200, response.text
    return "".join(campaign["key"] for campaign in response.json()["documents"])


async def test_campaign_is_created_and_found_by_every_path(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    site = await tenant.create("sites", name="Lyon", online=True, key="lyon")
    campaign = await tenant.create(
        "campaigns", key="spring/sale", lever="ignored", name="Spring", sites=["lyon"], costs=COSTS,
        extra={"segment": "vip", "wave": 1}, windows={"click": 3}, **{"from": "2024-03-01", "to": "2024-03-31"},
    )  # fmt: skip
    assert campaign["sites"] == [site["_id"]]
    assert campaign["flag"] == 1 | 4
    assert [cost["currency"] for cost in campaign["costs"]] == ["EUR", "USD"]
    extras = [{"key": "segment", "value": "vip"}, {"key": "wave", "value": 1}]
    assert (campaign["windows"], campaign["extra"]) == ({"click": 3}, extras)
    assert (campaign["computedFrom"], campaign["computedTo"], campaign["tags"]) == (None, None, [])
    for application in (tenant.id, tenant.key):
        for name in (campaign["_id"], "spring%2Fsale"):
            for path in ("applications", "a"):
                assert (await reader.get(f"/{path}/{application}/campaigns/{name}")).json() == campaign
    assert (await reader.get(f"/campaigns/{campaign['_id']}")).json() == campaign
    assert (await reader.get("/campaigns/spring%2Fsale")).json() == campaign


async def test_update_changes_only_the_fields_it_names(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    await tenant.create(
        "campaigns", key="a", name="A", costs=COSTS, extra={"x": 1}, **{"from": "2024-03-01", "to": "2024-03-31"}
    )
    url = f"{tenant.url}/campaigns/a"
    cleared = dict.fromkeys(("name", "from", "extra", "costs", "sites", "tags", "windows", "provider"))
    changed = (await editor.put(url, json={"tags": ["x"], "to": "2024-04-01"})).json()
    assert (changed["name"], changed["tags"], changed["to"]) == ("A", ["x"], "2024-04-01")
    emptied = (await editor.patch(url, json={**cleared, "to": None})).json()
    empty: Json = {"costs": [], "sites": [], "tags": [], "extra": [], "windows": {}}
    assert {name: emptied[name] for name in cleared} == {**cleared, **empty}
    assert emptied["flag"] == 0
    assert (await editor.put(url, json={"key": "b"})).json()["key"] == "b"
    assert (await editor.get(url)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status", "pointer"),
    [
        ({"tags": ["x"]}, 400, "/tags"),
        ({"key": None}, 400, "/key"),
        ({"sites": ["nowhere"]}, 422, "/sites/0"),
        ({"from": "2024-02-30"}, 400, "/from"),
        ({"from": "2024-04-01", "to": "2024-03-01"}, 422, "/to"),
        ({"costs": [{"amount": -1, "type": "cpc"}]}, 400, "/costs/0/amount"),
        ({"costs": [{"amount": 1, "type": "free"}]}, 400, "/costs/0/type"),
        ({"costs": [{"amount": 1, "type": "cpc", "from": "2024-04-01", "to": "2024-03-01"}]}, 422, "/costs/0/to"),
        ({"windows": {"click": -1}}, 400, "/windows/click"),
        ({"extra": {"a.b": 1}}, 400, "/extra"),
        ({"extra": [{"key": "a"}]}, 400, "/extra"),
        ({"extra": [{"key": "a", "value": 1, "unit": "EUR"}]}, 400, "/extra"),
        ({"extra": [{"key": "a", "value": 1}, {"key": "a", "value": 2}]}, 400, "/extra"),
        ({"extra": [{"key": "a.b", "value": 1}]}, 400, "/extra"),
        ({"extra": [{"key": "a", "value": [1]}]}, 400, "/extra"),
        ({"costs": [{"amount": 1, "type": "cpc", "invoice": {"number": 7}}]}, 400, "/costs/0"),
        ({"costs": [{"amount": 1, "type": "cpc", "note": "é" * 2048}]}, 400, "/costs/0"),
        ({"_cachedLeverName": "x"}, 400, "/_cachedLeverName"),
    ],
)
async def test_invalid_campaign_is_refused(tenant: Tenant, fields: Json, status: int, pointer: str) -> None:
    response = await tenant.editor.post(f"{tenant.url}/campaigns", json={"key": "a", **fields})
    assert response.status_code == status, response.text
    assert response.json()["errors"][0]["pointer"].startswith(pointer)


@pytest.fixture
async def campaigns(tenant: Tenant) -> Json:
    """Create the campaigns a to e and return them by key."""
    await tenant.create("sites", name="Lyon", online=True, key="lyon")
    await tenant.create("sites", name="Lille", online=True, key="lille")
    admin = tenant.admin
    for key, match, trigger in (("email", {"format": ["mail"]}, False), ("push", {"format": ["push"]}, True)):
        body = {"key": key, "match": match, "trigger": trigger, "name": key.upper()}
        assert (await admin.post(f"{tenant.url}/levers", json=body)).status_code == 201
    all_fields: dict[str, dict[str, Any]] = {
        "a": {"from": "2024-03-01", "to": "2024-03-31", "sites": ["lyon"], "extra": {"wave": 1, "vip": True}},
        "b": {"from": "2024-04-01", "to": "2024-04-30", "format": "mail", "provider": "Acme", "extra": {"wave": 2.0}},
        "c": {"from": "2024-04-15", "format": "push", "agency": "Studio", "sites": ["lyon", "lille"]},
        "d": {"to": "2024-02-01", "name": "Déjà vu", "extra": {"vip": False}},
        "e": {"provider": "Acme", "sites": ["lille"], "extra": {"wave": "1", "note": None}},
    }
    created = {key: await tenant.create("campaigns", key=key, **fields) for key, fields in all_fields.items()}
    for key, tags in (("a", ["x", "y"]), ("b", ["y"]), ("e", ["z"])):
        assert (await tenant.editor.put(f"{tenant.url}/campaigns/{key}", json={"tags": tags})).status_code == 200
    await tenant.server.services.campaigns.set_computed_periods(
        tenant.id,
        {created["a"]["_id"]: ("2024-03-05", "2024-05-02"), created["e"]["_id"]: ("2024-04-20", "2024-04-20")},
    )
    return created


MARCH_1, APRIL_15 = "1709251200", "1713139200"  # midnights in UTC


LISTS: list[tuple[Json, str]] = [
    ({}, "abcde"),
    ({"from": "2024-03-31", "to": "2024-04-01"}, "ab"),
    ({"from": "2024-05-01"}, "c"),
    ({"to": "2024-03-01"}, "ad"),
    ({"period": "computed", "from": "2024-05-01"}, "a"),
    ({"period": "computed", "to": "2024-04-20"}, "ae"),
    ({"sb": MARCH_1}, "a"),
    ({"sa": APRIL_15}, "c"),
    ({"sa": MARCH_1, "sb": "1712000000"}, "ab"),
    ({"eb": MARCH_1}, "d"),
    ({"ea": APRIL_15}, "b"),
    ({"period": "computed", "ea": APRIL_15}, "ae"),
    ({"g": "true"}, "bd"),
    ({"g": "false"}, "abcde"),
    ({"q": "deja"}, "d"),
    ({"q": "push"}, "c"),
    ({"q": "studio"}, "c"),
    ({"q": "acme"}, "be"),
    ({"sites": "lille"}, "ce"),
    ({"sites": ["lille", "lyon"]}, "ace"),
    ({"sites": "nowhere"}, ""),
    ({"tags": ["x", "z"]}, "ae"),
    ({"keys": ["a", "d", "nothing"]}, "ad"),
    ({"lever": "email"}, "b"),
    ({"levers": ["email", "push"]}, "bc"),
    ({"lever": "email", "levers": "push"}, "bc"),
    ({"provider": "Acme"}, "be"),
    ({"provider": "Acme", "format": "mail"}, "b"),
    ({"agency": "Studio"}, "c"),
    ({"format": "mail"}, "b"),
    ({"extra": "wave"}, "abe"),
    ({"extra": "wave:1"}, "ae"),
    ({"extra": "wave:2"}, "b"),
    ({"extra": ["wave:1", "vip:false"]}, "ade"),
    ({"extra": ["wave:1", "vip"], "extra_mode": "and"}, "a"),
    ({"extra": "note"}, "e"),
    ({"trigger": "true"}, "c"),
    ({"trigger": "true", "lever": "email"}, ""),
    ({"from": "2024-04-16", "provider": "Acme", "tags": "y", "q": "b", "lever": "email", "extra": "wave"}, "b"),
]


async def test_lists_are_filtered(tenant: Tenant, reader: httpx.AsyncClient, campaigns: Json) -> None:
    answers = [(query, join_keys(await reader.get(f"{tenant.url}/campaigns", params=query))) for query, _ in LISTS]
    assert answers == LISTS


async def test_extras_are_a_list_or_an_object(tenant: Tenant, reader: httpx.AsyncClient, campaigns: Json) -> None:
    listed = (await reader.get(f"{tenant.url}/campaigns", params={"keys": ["a", "c"]})).json()["documents"]
    assert [campaign["extra"] for campaign in listed] == [
        [{"key": "wave", "value": 1}, {"key": "vip", "value": True}],
        [],
    ]
    query = {"keys": ["a", "c"], "with_extra": "true"}
    objects = (await reader.get(f"{tenant.url}/campaigns", params=query)).json()["documents"]
    assert [campaign["extra"] for campaign in objects] == [{"wave": 1, "vip": True}, {}]


async def test_computed_period_is_stored_and_cleared(
    tenant: Tenant, reader: httpx.AsyncClient, campaigns: Json
) -> None:
    url = f"{tenant.url}/campaigns/a"
    campaign = (await reader.get(url)).json()
    assert (campaign["computedFrom"], campaign["computedTo"], campaign["flag"]) == ("2024-03-05", "2024-05-02", 1 | 2)
    await tenant.server.services.campaigns.set_computed_periods(tenant.id, {campaigns["a"]["_id"]: None})
    campaign = (await reader.get(url)).json()
    assert (campaign["computedFrom"], campaign["computedTo"], campaign["flag"]) == (None, None, 1)


@pytest.mark.parametrize(
    ("query", "status"),
    [({"from": "2024-04-01", "to": "2024-03-01"}, 422), ({"tz": "Mars"}, 400), ({"sb": "soon"}, 400), ({"g": "2"}, 400),
     ({"extra_mode": "xor"}, 400), ({"provider": ""}, 400), ({"sites": ""}, 400), ({"period": "both"}, 400)],
)  # fmt: skip
async def test_invalid_parameters_are_refused(tenant: Tenant, query: Json, status: int) -> None:
    assert (await tenant.reader.get(f"{tenant.url}/campaigns", params=query)).status_code == status


async def test_list_is_upserted_in_order(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    before = await tenant.create("campaigns", key="b", name="old", format="mail")
    response = await editor.post(f"{tenant.url}/campaigns", json=[{"key": "a"}, {"key": "b", "name": "new"}])
    assert response.status_code == 201, response.text
    first, second = response.json()
    assert (first["key"], first["name"]) == ("a", None)
    assert (second["_id"], second["name"], second["format"]) == (before["_id"], "new", "mail")
    assert (await editor.get(f"{tenant.url}/campaigns/b")).json() == second


@pytest.mark.parametrize(
    ("elements", "status", "pointer"),
    [
        ([{"key": "a"}, {"name": "x"}], 400, "/1/key"),
        ([{"key": "a"}, {"key": "b", "sites": ["lyon", "nowhere"]}], 422, "/1/sites/1"),
        ([{"key": "a"}, {"key": "c"}, {"key": "a"}], 422, "/2/key"),
        ([{"key": "a"}, {"key": "b", "from": "2024-04-01", "to": "2024-03-01"}], 422, "/1/to"),
        ([], 400, ""),
        ([{"key": "a", "app": "x"}], 400, "/0/app"),
    ],
)
async def test_list_with_an_invalid_element_changes_nothing(
    tenant: Tenant, elements: Any, status: int, pointer: str
) -> None:
    await tenant.create("sites", name="Lyon", online=True, key="lyon")
    response = await tenant.editor.post(f"{tenant.url}/campaigns", json=elements)
    assert response.status_code == status, response.text
    assert response.json()["errors"][0]["pointer"] == pointer
    assert join_keys(await tenant.reader.get(f"{tenant.url}/campaigns")) == ""


async def test_direct_list_must_name_one_application(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    elements = [{"key": "a", "app": tenant.key}, {"key": "b", "app": tenant.key}]
    assert (await editor.post("/campaigns", json=elements)).status_code == 201
    assert (await editor.post("/campaigns", json=[elements[0], {"key": "c"}])).status_code == 422


async def test_deleted_site_is_removed_from_campaigns(
    tenant: Tenant, editor: httpx.AsyncClient, campaigns: Json
) -> None:
    assert (await editor.delete(f"{tenant.url}/sites/lille")).status_code == 204
    documents = (await editor.get(f"{tenant.url}/campaigns")).json()["documents"]
    assert {campaign["key"]: len(campaign["sites"]) for campaign in documents} == {
        "a": 1,
        "b": 0,
        "c": 1,
        "d": 0,
        "e": 0,
    }
    assert join_keys(await editor.get(f"{tenant.url}/campaigns", params={"g": "true"})) == "bd"
    assert (await editor.delete(f"{tenant.url}/campaigns/e")).status_code == 204
    assert join_keys(await editor.get(f"{tenant.url}/campaigns")) == "abcd"


async def test_form_creates_a_campaign(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    form = {"key": "a", "costs[]": "x", "extra[wave]": "1"}
    assert (await editor.post(f"{tenant.url}/campaigns", data=form)).status_code == 400
    answer = await editor.post(f"{tenant.url}/campaigns", data={"key": "a", "from": "2024-03-01", "extra[wave]": "1"})
    assert (answer.status_code, answer.json()["extra"]) == (201, [{"key": "wave", "value": "1"}])
    numbered = {"key": "b", "extra[0][key]": "wave", "extra[0][value]": "2"}
    answer = await editor.post(f"{tenant.url}/campaigns", data=numbered)
    assert (answer.status_code, answer.json()["extra"]) == (201, [{"key": "wave", "value": "2"}])


async def test_extras_are_accepted_as_a_list_and_as_an_object(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    items = [{"key": "segment", "value": "new"}, {"key": "wave", "value": None}]
    await tenant.create("campaigns", key="a", extra=items)
    await tenant.create("campaigns", key="b", extra={"segment": "new", "wave": None})
    url = f"{tenant.url}/campaigns"
    for key in ("a", "b"):
        as_object = {"segment": "new", "wave": None}
        assert (await editor.get(f"{url}/{key}")).json()["extra"] == items
        for with_extra, expected in (("true", as_object), ("false", items)):
            query = {"with_extra": with_extra}
            assert (await editor.get(f"{url}/{key}", params=query)).json()["extra"] == expected
            assert (await editor.put(f"{url}/{key}", params=query, json={})).json()["extra"] == expected
    listed = await editor.post(url, params={"with_extra": "true"}, json=[{"key": "a", "extra": items[:1]}])
    assert listed.json()[0]["extra"] == {"segment": "new"}
    found = (await editor.get(url, params={"extra": "segment:new"})).json()["documents"]
    assert [campaign["key"] for campaign in found] == ["a", "b"]


async def test_empty_lists_are_accepted_and_repeated_tags_count_once(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    campaign = await tenant.create("campaigns", key="a", sites=[], costs=[], extra=[])
    empty: Json = {"sites": [], "costs": [], "tags": [], "extra": []}
    assert {name: campaign[name] for name in empty} == empty
    assert join_keys(await editor.get(f"{tenant.url}/campaigns", params={"g": "true"})) == "a"
    url = f"{tenant.url}/campaigns/a"
    tagged = await editor.put(url, json={"tags": ["x", "y", "x"], "costs": COSTS[1:]})
    assert tagged.json()["tags"] == ["x", "y"]
    emptied = (await editor.put(url, json=empty)).json()
    assert {name: emptied[name] for name in empty} == empty
    assert emptied["flag"] == 0


async def test_undeclared_names_in_costs_are_kept(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    cost = {"amount": 3, "type": "cpc", "currency": "EUR", "start": "2024-01-01", "po": [1, "b", None], "note": None}
    campaign = await tenant.create("campaigns", key="a", costs=[cost])
    assert campaign["costs"] == [cost]
    form = {"key": "b", "costs[0][amount]": "3", "costs[0][type]": "cpc", "costs[0][note]": "x"}
    answer = await editor.post(f"{tenant.url}/campaigns", data=form)
    assert answer.json()["costs"] == [{"amount": 3, "type": "cpc", "currency": "EUR", "note": "x"}]
