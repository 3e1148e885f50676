"""Dry runs: files that are checked, line by line, without being written."""

import io
import json
import random
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.api.server import Json, Server, Tenant
from tests.tables.workbooks import write_workbook

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

CSV, NDJSON, JSON = "text/csv", "application/x-ndjson", "application/json"
PARQUET = "application/vnd.apache.parquet"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
VALUES: dict[str, list[str]] = {  # the first ones are valid, in some places at least
    "user": ["u1", "u2", "Zoë", "", "x" * 1001],
    "site": ["lyon", "Lyon Part-Dieu", "nowhere", "", "twin"],
    "at": ["2024-05-02T10:00:00Z", "2024-05-02 10:00:00", "02/05/2024 10:00", "05/13/2024 9:00", "2024-03-31 02:30"],
    "amount": ["12.5", "-3", "12,5", "1,234", "lots", "1e12", ""],
    "order": ["", "7", "A-1"],
}


def write_csv(rows: list[dict[str, str]]) -> bytes:
    return "\n".join([";".join(VALUES), *(";".join(row.values()) for row in rows)]).encode()


def write_ndjson(rows: list[dict[str, str]]) -> bytes:
    return "".join(f"{json.dumps({name: value or None for name, value in row.items()})}\n" for row in rows).encode()


def write_json(rows: list[dict[str, str]]) -> bytes:
    return json.dumps([{name: value or None for name, value in row.items()} for row in rows]).encode()


def write_parquet(rows: list[dict[str, str]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{name: value or None for name, value in row.items()} for row in rows]), file)
    return file.getvalue()


FORMATS = pytest.mark.parametrize(
    ("media", "write"), [(CSV, write_csv), (NDJSON, write_ndjson), (JSON, write_json), (PARQUET, write_parquet)]
)


async def send(tenant: Tenant, kind: str, body: bytes, media: str, **params: str) -> httpx.Response:
    return await tenant.editor.post(
        f"{tenant.url}/ingest/{kind}", content=body, headers={"Content-Type": media}, params=params
    )


async def try_file(tenant: Tenant, kind: str, body: bytes, media: str = CSV, **params: str) -> Json:
    response = await send(tenant, kind, body, media, dryRun="true", **params)
    assert response.status_code == 200, response.text
    trial: Json = response.json()
    assert trial["dryRun"] is True
    return trial


@pytest.fixture(scope="module")
async def shop(shared_server: Server) -> Tenant:
    """Provide an application with two sites, and two more that have the same name; tests may ingest events."""
    tenant = await shared_server.take_tenant()
    for key, name in (("lyon", "Lyon Part-Dieu"), ("paris", "Paris"), ("t1", "twin"), ("t2", "twin")):
        await tenant.create("sites", online=True, key=key, name=name, timezone="Europe/Paris")
    return tenant


@FORMATS
@pytest.mark.parametrize("seed", range(3))
async def test_a_dry_run_accepts_the_lines_that_the_ingest_accepts(
    shop: Tenant, media: str, write: Callable[[list[dict[str, str]]], bytes], seed: int
) -> None:
    chooser = random.Random(seed)
    rows = [
        {
            name: values[0] if chooser.random() < 0.7 else chooser.choice(values[:1] if name == "user" else values)
            for name, values in VALUES.items()
        }
        for _ in range(80)
    ]
    rows[3]["user"], rows[7]["user"] = "", "x" * 1001
    options = [{}, {"timezone": "Europe/Paris"}, {"timezone": "site", "dates": "dmy"}][seed]
    body = write(rows)
    trial = await try_file(shop, "purchases", body, media, **options)
    batch = (await send(shop, "purchases", body, media, **options)).json()
    assert batch["rejected"] > 3
    assert trial["accepted"] == batch["accepted"] + batch["duplicate"]
    assert trial["rejected"] == batch["rejected"]
    rejected = [line["line"] for line in trial["lines"] if not line["accepted"]]
    assert rejected == [reason["line"] for reason in batch["reasons"]]
    first_line = 2 if media == CSV else 1
    assert [line["line"] for line in trial["lines"]] == list(range(first_line, len(rows) + first_line))
    for reason in batch["reasons"]:
        errors = trial["lines"][reason["line"] - first_line]["errors"]
        parts = [f"'{error['field']}': {error['message']}" if error["field"] else error["message"] for error in errors]
        assert "; ".join(parts) == reason["reason"]


async def test_values_are_those_that_the_server_reads(shop: Tenant) -> None:
    body = "Client;Boutique;Date;Montant\nk1;Lyon Part-Dieu;13/05/2024 10:30;12,50\nk2;Lille;13/05/2024 11:00;dix\n"
    mapper = {"mapper[user]": "Client", "mapper[site]": "Boutique", "mapper[at]": "Date", "mapper[amount]": "Montant"}
    trial = await try_file(shop, "purchases", body.encode(), timezone="Europe/Paris", **mapper)
    good, bad = trial["lines"]
    at = good["values"].pop("at")
    assert at.startswith("2024-05-13T08:30:00"), at
    assert good == {
        "line": 2,
        "accepted": True,
        "values": {"user": "k1", "site": "Lyon Part-Dieu", "amount": 12.5},
        "errors": [],
    }
    assert bad["values"] == {"user": "k2", "site": "Lille", "at": "13/05/2024 11:00", "amount": "dix"}
    assert [error["field"] for error in bad["errors"]] == ["amount"]
    assert (trial["accepted"], trial["rejected"]) == (1, 1)


async def test_unknown_sites_are_reported(shop: Tenant) -> None:
    trial = await try_file(shop, "visits", b"user,site,at\nu,nowhere,2024-05-02T10:00:00Z\n")
    (line,) = trial["lines"]
    assert line["errors"] == [{"field": "site", "message": "No site has this id, key or name."}]
    assert "Create the resources" in trial["message"]


async def test_nothing_is_written(tenant: Tenant) -> None:
    """Check that a dry run leaves no batch, and that an ingest after it finds no duplicate."""
    await tenant.create("sites", online=True, key="lyon", name="Lyon")
    body = b"user,site,at\nu,lyon,2024-05-02T10:00:00Z\nu,lyon,yesterday\n"
    await try_file(tenant, "visits", body, wait="false", atomic="true")
    listed = (await tenant.reader.get(f"{tenant.url}/ingest")).json()
    assert listed["documents"] == []
    batch = (await send(tenant, "visits", body, CSV)).json()
    assert (batch["accepted"], batch["duplicate"], batch["rejected"]) == (1, 0, 1)


async def test_long_files_are_counted_to_their_end(shop: Tenant) -> None:
    rows = [f"u{number},lyon,2024-05-02T10:00:00Z" for number in range(1500)]
    trial = await try_file(shop, "visits", "\n".join(["user,site,at", *rows, "u,lyon,never"]).encode())
    assert (trial["accepted"], trial["rejected"], len(trial["lines"])) == (1500, 1, 1000)


async def test_a_file_without_a_required_column_is_refused(shop: Tenant) -> None:
    response = await send(shop, "visits", b"user,site\nu,lyon\n", CSV, dryRun="true")
    assert response.status_code == 422
    assert "'at'" in response.json()["detail"]


async def test_dry_runs_need_an_editor(shop: Tenant) -> None:
    url = f"{shop.url}/ingest/visits"
    response = await shop.reader.post(url, params={"dryRun": "true"}, content=b"", headers={"Content-Type": CSV})
    assert response.status_code == 403


FRENCH_SHEET: list[list[Any]] = [
    [],
    ["Date", "Heure", "Magasin", "N° client", "Montant TTC"],
    [date(2024, 5, 13), time(10, 30), "Lyon Part-Dieu", 1001, 12.5],
    [date(2024, 5, 14), time(11, 5), "Paris", "C-2", "12,50"],
    [],
    [date(2024, 5, 14), time(11, 6), "Lille", "C-2", "1,234"],
]
FRENCH_OPTIONS = {
    "mapper[user]": "N° client",
    "mapper[site]": "Magasin",
    "mapper[at]": "Date",
    "time[at]": "Heure",
    "mapper[amount]": "Montant TTC",
    "timezone": "site",
}


@pytest.mark.parametrize("media", [XLSX, "text/csv", "application/vnd.ms-excel"])
async def test_workbooks_are_read(shop: Tenant, media: str) -> None:
    body = write_workbook({"Vide": [], "Tickets": FRENCH_SHEET})
    trial = await try_file(shop, "purchases", body, media, **FRENCH_OPTIONS)
    assert [(line["line"], line["accepted"]) for line in trial["lines"]] == [(3, True), (4, True), (6, False)]
    first, second, third = trial["lines"]
    assert first["values"] | {"at": ""} == {"user": "1001", "site": "Lyon Part-Dieu", "at": "", "amount": 12.5}
    assert datetime.fromisoformat(first["values"]["at"]) == datetime.fromisoformat("2024-05-13T10:30:00+02:00")
    assert second["values"]["amount"] == 12.5
    assert [error["field"] for error in third["errors"]] == ["amount"]
    batch = (await send(shop, "purchases", body, media, **FRENCH_OPTIONS)).json()
    assert (batch["accepted"] + batch["duplicate"], batch["rejected"], batch["reasons"][0]["line"]) == (2, 1, 6)
    rejected = await shop.editor.get(f"{shop.url}/ingest/{batch['_id']}/rejected")
    assert rejected.headers["content-type"].startswith(CSV)
    assert rejected.text.splitlines() == [";".join(FRENCH_SHEET[1]), "2024-05-14;11:06:00;Lille;C-2;1,234"]


async def test_the_sheet_of_a_workbook_can_be_chosen(shop: Tenant) -> None:
    rows = [["user", "site", "at"], ["u", "lyon", "2024-05-02T10:00:00Z"]]
    body = write_workbook({"Notes": [["Bonjour"]], "Data": rows})
    trial = await try_file(shop, "visits", body, XLSX, sheet="Data")
    assert trial["accepted"] == 1
    unknown = await send(shop, "visits", body, XLSX, sheet="data")
    assert unknown.status_code == 422
    assert "'Data'" in unknown.json()["detail"]
    assert (await send(shop, "visits", b"user,site", XLSX)).status_code == 422


@pytest.mark.parametrize("seed", range(2))
async def test_a_dry_run_of_a_workbook_accepts_what_the_ingest_accepts(shop: Tenant, seed: int) -> None:
    chooser = random.Random(seed)
    cells: list[list[Any]] = [
        ["u1", 7, True, None],
        ["lyon", "Paris", "nowhere", None],
        [datetime.fromisoformat("2024-05-02T10:00:00"), date(2024, 5, 2), "02/05/2024 10:00", 1714557600, None],
        [12.5, -3, "12,5", "lots", time(1, 2), None],
        [None, 7, "A-1"],
    ]
    rows = [[values[0] if chooser.random() < 0.7 else chooser.choice(values) for values in cells] for _ in range(60)]
    body = write_workbook({"A": [list(VALUES), *rows]})
    trial = await try_file(shop, "purchases", body, XLSX, timezone="site", dates="dmy")
    batch = (await send(shop, "purchases", body, XLSX, timezone="site", dates="dmy")).json()
    assert batch["rejected"] > 3
    assert trial["accepted"] == batch["accepted"] + batch["duplicate"]
    rejected = [line["line"] for line in trial["lines"] if not line["accepted"]]
    assert rejected == [reason["line"] for reason in batch["reasons"]]
