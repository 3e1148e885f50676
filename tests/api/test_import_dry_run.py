"""Imports of tables: dry runs, workbooks, and costs of campaigns in rows of their own."""

from typing import Any

import httpx
import pytest

from tests.api.server import Json, Tenant
from tests.tables.workbooks import write_workbook

pytestmark = pytest.mark.anyio

SITES = (
    "Code;Magasin;Ville;Latitude;Longitude;Ouvert\n"
    "001;Élan;Lyon;45,75;4,83;oui\n"
    "002;Nord;Lille;95;3,06;oui\n"
    ";;Nice;43,7;7,27;non\n"
    "001;Encore;Paris;48,85;2,35;oui\n"
    "004;Sud;Nîmes;43,8;4,36;peut-être\n"
    "005;trop;de;cellules;1;oui;7\n"
)
SITES_MAPPER = {
    "mapper[key]": "Code",
    "mapper[name]": "Magasin",
    "mapper[city]": "Ville",
    "mapper[latitude]": "Latitude",
    "mapper[longitude]": "Longitude",
    "mapper[active]": "Ouvert",
}
COSTS_MAPPER = {
    "mapper[key]": "Campagne",
    "mapper[name]": "Nom",
    "mapper[from]": "Début",
    "mapper[to]": "Fin",
    "mapper[cost]": "Coût",
}


async def send(tenant: Tenant, kind: str, content: bytes, form: dict[str, str], **params: str) -> httpx.Response:
    return await tenant.editor.post(
        f"{tenant.url}/{kind}", files={"file": ("x", content, "text/csv")}, data=form, params=params
    )


async def try_table(tenant: Tenant, kind: str, content: bytes, form: dict[str, str]) -> Json:
    response = await send(tenant, kind, content, form, dryRun="true")
    assert response.status_code == 200, response.text
    trial: Json = response.json()
    assert trial["dryRun"] is True
    return trial


async def test_a_dry_run_accepts_the_rows_that_the_import_accepts(tenant: Tenant) -> None:
    trial = await try_table(tenant, "sites/import", SITES.encode(), SITES_MAPPER)
    assert (trial["accepted"], trial["rejected"]) == (1, 5)
    first, *rejected = trial["lines"]
    assert first == {
        "line": 2,
        "accepted": True,
        "values": {
            "key": "001",
            "name": "Élan",
            "city": "Lyon",
            "latitude": 45.75,
            "longitude": 4.83,
            "active": True,
        },
        "errors": [],
    }
    faults = {line["line"]: [error["field"] for error in line["errors"]] for line in rejected}
    assert faults == {3: ["latitude"], 4: ["name"], 5: ["key"], 6: ["active"], 7: [None]}
    listed = (await tenant.reader.get(f"{tenant.url}/sites")).json()
    assert listed["documents"] == []
    report = (await send(tenant, "sites/import", SITES.encode(), SITES_MAPPER, partial="true")).json()
    assert (report["created"], report["failed"]) == (1, 5)
    assert {error["line"] for error in report["errors"]} == set(faults)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("pois", "name,key,latitude,longitude\nRival,r1,45.7,4.8\nB,r2,,\n"),
        ("campaigns", "key,name,from\nc1,Spring,2024-03-01\n,x,\n"),
        ("studies", "key,name,from\ns1,Spring,2024-03-01\ns2,x,never\n"),
    ],
)
async def test_dry_runs_of_other_tables(tenant: Tenant, kind: str, text: str) -> None:
    trial = await try_table(tenant, kind, text.encode(), {})
    assert [line["accepted"] for line in trial["lines"]] == [True, False]
    assert (await tenant.reader.get(f"{tenant.url}/{kind}")).json()["documents"] == []
    assert (await send(tenant, kind, text.encode(), {}, partial="true")).json()["created"] == 1


async def test_dry_runs_of_imports_need_an_editor(tenant: Tenant) -> None:
    response = await tenant.reader.post(
        f"{tenant.url}/sites/import", files={"file": ("x", b"name\nx\n", "text/csv")}, params={"dryRun": "true"}
    )
    assert response.status_code == 403


async def test_a_file_with_an_unknown_column_is_refused(tenant: Tenant) -> None:
    assert (await send(tenant, "sites/import", b"nom\nx\n", {}, dryRun="true")).status_code == 422


async def test_workbooks_are_imported(tenant: Tenant) -> None:
    rows: list[list[Any]] = [
        ["Code", "Magasin", "Code postal", "Latitude", "Longitude", "Ouvert"],
        ["001", "Élan", 1000, 45.75, 4.83, True],
        [],
        ["002", "Nord", "59000", "50,63", 3, False],
    ]
    mapper = {name: column for name, column in SITES_MAPPER.items() if column != "Ville"}
    form = {**mapper, "mapper[postal_code]": "Code postal", "sheet": "Magasins"}
    workbook = write_workbook({"Notice": [["?"]], "Magasins": rows})
    trial = await try_table(tenant, "sites/import", workbook, form)
    assert [(line["line"], line["accepted"]) for line in trial["lines"]] == [(2, True), (4, True)]
    report = await send(tenant, "sites/import", workbook, form)
    assert report.json()["created"] == 2, report.text
    site = (await tenant.reader.get(f"{tenant.url}/sites/002")).json()
    assert (site["coordinates"], site["active"], site["address"]["postalCode"]) == ([3, 50.63], False, "59000")
    assert (await send(tenant, "sites/import", workbook, {**form, "sheet": "x"})).status_code == 422
    assert (await send(tenant, "sites/import", b"PK\x03\x04", form)).status_code == 422


COSTS = (
    "Campagne;Nom;Début;Fin;Coût;Du;Au;Type\n"
    "SPR;Printemps;01/03/2024;31/03/2024;1500,50;;;\n"
    "SUM;Été;01/06/2024;31/08/2024;900;01/06/2024;30/06/2024;fixed\n"
    "SUM;;;;12,5;01/07/2024;31/08/2024;cpm\n"
    "SPR;Printemps;01/03/2024;31/03/2024;99;;;\n"
)


async def test_rows_of_one_campaign_are_its_costs(tenant: Tenant) -> None:
    form = {
        **COSTS_MAPPER,
        "dates": "dmy",
        "mapper[cost_from]": "Du",
        "mapper[cost_to]": "Au",
        "mapper[cost_type]": "Type",
    }
    trial = await try_table(tenant, "campaigns", COSTS.encode(), form)
    assert [line["accepted"] for line in trial["lines"]] == [True] * 4
    assert trial["lines"][2]["values"] == {
        "key": "SUM",
        "cost": 12.5,
        "cost_from": "2024-07-01",
        "cost_to": "2024-08-31",
        "cost_type": "cpm",
    }
    report = await send(tenant, "campaigns", COSTS.encode(), form)
    assert report.json()["created"] == 2, report.text
    spring, summer = [(await tenant.reader.get(f"{tenant.url}/campaigns/{key}")).json() for key in ("SPR", "SUM")]
    assert [(cost["amount"], cost["type"]) for cost in spring["costs"]] == [(1500.5, "fixed"), (99, "fixed")]
    assert [(cost["amount"], cost["type"], cost["from"], cost["to"]) for cost in summer["costs"]] == [
        (900, "fixed", "2024-06-01", "2024-06-30"),
        (12.5, "cpm", "2024-07-01", "2024-08-31"),
    ]
    assert (summer["name"], summer["from"], summer["to"]) == ("Été", "2024-06-01", "2024-08-31")
    again = (await send(tenant, "campaigns", COSTS.encode(), form)).json()
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("SPR;Autre;01/03/2024;31/03/2024;99", "name"),
        ("SPR;Printemps;02/03/2024;31/03/2024;99", "from"),
        ("SPR;Printemps;01/03/2024;31/03/2024;1500,50", None),
        ("SPR;Printemps;01/03/2024;31/03/2024;", None),
    ],
)
async def test_rows_of_one_campaign_that_contradict_each_other(tenant: Tenant, row: str, field: str | None) -> None:
    text = f"Campagne;Nom;Début;Fin;Coût\nSPR;Printemps;01/03/2024;31/03/2024;1500,50\n{row}\n"
    form = {**COSTS_MAPPER, "dates": "dmy"}
    trial = await try_table(tenant, "campaigns", text.encode(), form)
    assert [line["accepted"] for line in trial["lines"]] == [True, False]
    assert [error["field"] for error in trial["lines"][1]["errors"]] == [field]
    assert "line 2" in trial["lines"][1]["errors"][0]["message"]
    refused = await send(tenant, "campaigns", text.encode(), form)
    assert (refused.status_code, refused.json()["failed"]) == (422, 1)
