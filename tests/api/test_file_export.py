"""Lists as CSV."""

import csv
import io

import httpx
import pytest
from okube_api.api import file_export
from okube_api.api.file_format import CSV_MEDIA_TYPES

from tests.api.server import Json, Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]


def parse_rows(response: httpx.Response) -> list[dict[str, str]]:
    """Parse the rows of a CSV answer."""
    assert response.status_code == 200, response.text
    text = response.content.decode(response.charset_encoding or "")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


async def export(client: httpx.AsyncClient, url: str, accept: str = "text/csv", **query: str) -> httpx.Response:
    return await client.get(url, params=query, headers={"Accept": accept})


async def test_rows_of_sites(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    site = await tenant.create(
        "sites", name='=LINK("x")', online=False, key="+33", keys=["a|b", "c\\d"], tags=["-1", "x"],
        coordinates=[-1.5534, 47.2184], address={"city": "Nantes\n44", "streetNumber": "12"}, phoneNumber="+33612",
        openings={"monday": [["09:00", "12:30"]]}, attributes={"floor": 2, "zip": "01000"}, modules={"presence": True},
    )  # fmt: skip
    await tenant.create("sites", name="Web", online=True)
    response = await export(reader, f"{tenant.url}/sites")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="sites.csv"'
    first, second = parse_rows(response)
    expected = {
        "_id": site["_id"], "name": "'=LINK(\"x\")", "key": "'+33", "keys": "a\\|b|c\\\\d", "tags": "'-1|x",
        "longitude": "-1.5534", "latitude": "47.2184", "address.city": "Nantes\n44", "address.streetNumber": "12",
        "address.country": "", "phoneNumber": "'+33612", "openings.monday": '["09:00","12:30"]', "online": "false",
        "attributes.floor": "2", "attributes.zip": "01000", "modules.presence": "true", "modules.tracking": "",
        "radius": "30.0", "indoorIndexes.indexes": "|".join(site["indoorIndexes"]["indexes"]),
    }  # fmt: skip
    assert {name: first[name] for name in expected} == expected
    assert (second["name"], second["attributes.floor"], second["longitude"]) == ("Web", "", "")


@pytest.mark.parametrize("kind", ["sites", "pois", "campaigns", "studies"])
async def test_csv_for_spreadsheets_with_a_decimal_comma(tenant: Tenant, reader: httpx.AsyncClient, kind: str) -> None:
    await tenant.create("sites", name="Épinal", online=False, key="e", coordinates=[6.45, 48.17], radius=70.5)
    await tenant.create("pois", name="Parc", key="p", coordinates=[6.5, 48.0], attributes={"area": 1.5})
    await tenant.create("campaigns", key="c", costs=[{"amount": 1.5, "type": "cpm"}], extra={"a;b": "x;y"})
    await tenant.create("studies", key="s", name="été;")
    url = f"{tenant.url}/{kind}"
    options = {"delimiter": ";", "decimal": ",", "bom": "true"}
    response = await export(reader, url, **options)
    assert response.content.startswith(b"\xef\xbb\xbf_id;")
    if kind in {"sites", "pois"}:
        assert b";6,45;48,17;70,5;" in response.content or b";6,5;48,0;" in response.content
    path = "sites/import" if kind == "sites" else kind
    imported = await tenant.editor.post(f"{tenant.url}/{path}", files={"file": response.content})
    assert (imported.status_code, imported.json().get("unchanged")) == (200, 1), imported.text
    by_word, by_character = [await export(reader, url, delimiter=delimiter) for delimiter in ("tab", "\t")]
    assert by_word.content == by_character.content
    assert b"_id\t" in by_word.content
    for wrong in ({"delimiter": "x"}, {"delimiter": ";;"}, {"decimal": ";"}, {"bom": "maybe"}):
        assert (await export(reader, url, **wrong)).status_code == 400
    assert (await export(reader, url, decimal=",")).status_code == 422


@pytest.mark.parametrize("accept", CSV_MEDIA_TYPES)
async def test_each_csv_media_type(tenant: Tenant, reader: httpx.AsyncClient, accept: str) -> None:
    for kind in ("sites", "pois", "campaigns", "studies"):
        response = await export(reader, f"{tenant.url}/{kind}", accept)
        assert response.headers["content-type"] == f"{accept}; charset=utf-8"
        assert response.headers["content-disposition"] == f'attachment; filename="{kind}.csv"'
        assert parse_rows(response) == []


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        ("text/csv, application/json;q=0.9", True),
        ("application/json, text/csv;q=0.5", False),
        ("text/html, */*;q=0.1", False),
        ("*/*", False),
        ("TEXT/CSV; charset=utf-8", True),
        ("text/csv;q=0", False),
        ("text/csv;q=x, */*", False),
    ],
)
async def test_preferred_media_type(tenant: Tenant, reader: httpx.AsyncClient, accept: str, is_csv: bool) -> None:
    response = await export(reader, f"{tenant.url}/sites", accept)
    assert response.headers["content-type"].startswith("text/csv" if is_csv else "application/json")


@pytest.mark.parametrize(
    ("encoding", "charset", "name"),
    [("utf8", "utf-8", "Café 5 € 日"), ("iso-8859-1",) * 2 + ("Café 5 ? ?",), ("windows-1252",) * 2 + ("Café 5 € ?",)],
)  # fmt: skip
async def test_encodings(tenant: Tenant, reader: httpx.AsyncClient, encoding: str, charset: str, name: str) -> None:
    await tenant.create("campaigns", key="a", name="Café 5 € 日")
    response = await export(reader, f"{tenant.url}/campaigns", encoding=encoding)
    assert response.headers["content-type"] == f"text/csv; charset={charset}"
    assert [row["name"] for row in parse_rows(response)] == [name]


async def test_all_matches_regardless_of_the_page(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    elements = [{"key": f"{number}", "extra": {f"n{number % 3}": number}} for number in range(130)]
    assert (await editor.post(f"{tenant.url}/campaigns", json=elements)).status_code == 201
    exported = parse_rows(await export(editor, f"{tenant.url}/campaigns", page="3", per_page="2"))
    assert [row["key"] for row in exported] == [element["key"] for element in elements]
    assert [row["extra.n1"] for row in exported[:5]] == ["", "1", "", "", "4"]
    narrowed = parse_rows(await export(editor, f"{tenant.url}/campaigns", extra="n2:5"))
    assert [row["key"] for row in narrowed] == ["5"]
    assert not {"extra.n0", "extra.n1"} & narrowed[0].keys()


async def test_columns_of_campaigns_and_studies(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    site = await tenant.create("sites", name="Web", online=True, key="web")
    poi = await tenant.create("pois", name="P", coordinates=[4.8, 45.7], key="p")
    await tenant.create(
        "campaigns", key="a", sites=["web"], costs=[{"amount": 5, "type": "cpc"}, {"amount": 6, "type": "cpm"}]
    )
    await tenant.create("studies", key="s", sites=["web"], pois=["p"], parameters={"radius": 3})
    (campaign,) = parse_rows(await export(reader, f"{tenant.url}/campaigns"))
    assert campaign["sites"] == site["_id"]
    assert campaign["costs"].split("|")[1] == '{"currency":"EUR","amount":6.0,"type":"cpm"}'
    assert (campaign["_cachedLeverName"], campaign["flag"]) == ("Other", "4")
    (study,) = parse_rows(await export(reader, f"{tenant.url}/studies"))
    assert (study["sites"], study["pois"], study["parameters.radius"]) == (site["_id"], poi["_id"], "3")
    assert study["status"] == "collecting"


async def test_list_without_application_has_all_readable_resources(
    tenant: Tenant, other_tenant: Tenant, reader: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    poi = await tenant.create("pois", name="P", coordinates=[4.8, 45.7])
    await other_tenant.create("pois", name="P", coordinates=[4.8, 45.7])
    assert [row["_id"] for row in parse_rows(await export(reader, "/pois"))] == [poi["_id"]]
    assert (await export(nobody, "/pois")).status_code == 401
    assert (await export(reader, f"{other_tenant.url}/pois")).status_code == 404


WITH_FREE_NAMES: dict[str, tuple[str, Json]] = {
    "campaigns": ("extra", {}),
    "sites": ("attributes", {"online": True}),
    "pois": ("attributes", {"coordinates": [2.0, 48.0]}),
    "studies": ("parameters", {}),
}


@pytest.mark.parametrize("kind", WITH_FREE_NAMES)
async def test_at_most_1000_free_names_become_columns(tenant: Tenant, kind: str) -> None:
    """Refuse a CSV export with one more name; JSON has no limit."""
    field, required = WITH_FREE_NAMES[kind]
    names = [f"name {number}" for number in range(1001)]
    for start in (0, 400, 800):
        values = dict.fromkeys(names[start : min(start + 400, 1000)], "x")
        await tenant.create(kind, name=f"{kind} {start}", key=f"k{start}", **required, **{field: values})
    (first, *_) = parse_rows(await export(tenant.reader, f"{tenant.url}/{kind}"))
    assert len([name for name in first if name.startswith(f"{field}.name ")]) == 1000
    await tenant.create(kind, name="one more", key="more", **required, **{field: {names[1000]: "x"}})
    refused = await export(tenant.reader, f"{tenant.url}/{kind}")
    assert refused.status_code == 422
    assert f"1,000 different names in '{field}'" in refused.json()["detail"]
    assert len((await tenant.reader.get(f"{tenant.url}/{kind}")).json()["documents"]) == 4


async def test_free_names_of_many_different_sets_are_all_columns(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read documents in order once there are too many different sets of names to skip."""
    monkeypatch.setattr(file_export, "_MAX_SKIPPED_TEXTS", 3)
    monkeypatch.setattr(file_export, "_MAX_NEW_TEXTS", 2)
    monkeypatch.setattr(file_export, "_MAX_DOCUMENTS", 4)
    for number in range(15):
        await tenant.create(
            "campaigns", name=f"Campaign {number}", key=f"c{number}", extra={f"name{number}": "x", "shared": "y"}
        )
    rows = parse_rows(await export(tenant.reader, f"{tenant.url}/campaigns"))
    assert len(rows) == 15
    assert {f"extra.name{number}" for number in range(15)} | {"extra.shared"} <= set(rows[0])
