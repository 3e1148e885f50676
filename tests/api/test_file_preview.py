"""Previews: how a file is written, its kind and its columns, guessed from the first rows."""

import io
import json
from datetime import date, time
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.api.server import Json, Server, Tenant
from tests.tables.workbooks import write_workbook

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILES: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "visits": (
        "Date;Heure;Magasin;N° client\n13/05/2024;10h30;Lyon Part-Dieu;C001\n14/05/2024;11h05;Paris;C002\n",
        {"at": "Date", "site": "Magasin", "user": "N° client"},
        {"times": {"at": "Heure"}, "dates": "dmy", "timezone": "site", "delimiter": ";"},
    ),
    "purchases": (
        "Date ticket;Code magasin;Client;Montant TTC;N° ticket\n13/05/2024 10:30;lyon;C001;12,50;T1\n",
        {"at": "Date ticket", "site": "Code magasin", "user": "Client", "amount": "Montant TTC", "order": "N° ticket"},
        {"decimal": ",", "dates": "dmy", "times": {}},
    ),
    "campaigns": (
        "Campagne;Nom;Début;Fin;Coût;Régie\nSPR;Printemps;01/03/2024;31/03/2024;1500,50;Meta\n",
        {"key": "Campagne", "name": "Nom", "from": "Début", "to": "Fin", "cost": "Coût", "provider": "Régie"},
        {"dates": "dmy", "timezone": None},
    ),
    "sites": (
        "Code magasin;Magasin;Adresse;Code postal;Ville;Latitude;Longitude\n001;Élan;1 rue X;69001;Lyon;45,75;4,83\n",
        {
            "key": "Code magasin",
            "name": "Magasin",
            "street": "Adresse",
            "postal_code": "Code postal",
            "city": "Ville",
            "latitude": "Latitude",
            "longitude": "Longitude",
        },
        {"dates": None},
    ),
    "pois": (
        "Concurrent,Enseigne,Latitude,Longitude\nRival Bellecour,Rival,45.7,4.8\n",
        {"name": "Concurrent", "type": "Enseigne", "latitude": "Latitude", "longitude": "Longitude"},
        {"delimiter": ",", "decimal": "."},
    ),
    "pings": (
        "device_id,timestamp,latitude,longitude,horizontal_accuracy\nabc,1714557600,45.7,4.8,12\n",
        {
            "user": "device_id",
            "at": "timestamp",
            "lat": "latitude",
            "lng": "longitude",
            "accuracy": "horizontal_accuracy",
        },
        {"timezone": None},
    ),
    "touches": (
        "campaign_id\tuser_id\tevent_time\ttype\nc1\tu1\t2024-05-01T10:00:00Z\tclick\n",
        {"campaign": "campaign_id", "user": "user_id", "at": "event_time", "kind": "type"},
        {"delimiter": "\t"},
    ),
    "deliveries": (
        "Campagne;Jour;Impressions;Clics\nSPR;01/03/2024;12000;32\n",
        {"campaign": "Campagne", "day": "Jour", "prints": "Impressions", "clicks": "Clics"},
        {"dates": "dmy"},
    ),
    "stays": (
        "Client;Site;Date d'arrivée;Durée (min)\nu;lyon;2024-05-01 10:00;12\n",
        {"user": "Client", "site": "Site", "start": "Date d'arrivée", "duration_s": "Durée (min)"},
        {"units": {"duration_s": "min"}, "dates": None},
    ),
    "areas": (
        "iris;nom;lng;lat\n693820101;Bellecour;4.83;45.75\n",
        {"code": "iris", "name": "nom", "lng": "lng", "lat": "lat"},
        {},
    ),
}


async def post(tenant: Tenant, body: bytes, **params: str) -> httpx.Response:
    query = {f"{name.replace('__', '[')}]" if "__" in name else name: value for name, value in params.items()}
    return await tenant.editor.post(
        f"{tenant.url}/files/preview", content=body, headers={"Content-Type": "text/csv"}, params=query
    )


async def preview(tenant: Tenant, body: bytes, **params: str) -> Json:
    response = await post(tenant, body, **params)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


async def add_sites(tenant: Tenant) -> Tenant:
    for key, name in (("lyon", "Lyon Part-Dieu"), ("paris", "Paris")):
        await tenant.create("sites", online=True, key=key, name=name, timezone="Europe/Paris")
    return tenant


@pytest.fixture(scope="module")
async def shop(shared_server: Server) -> Tenant:
    """Provide an application with two sites to all tests that ingest nothing."""
    return await add_sites(await shared_server.take_tenant())


@pytest.fixture
async def own_shop(tenant: Tenant) -> Tenant:
    """Provide an application with two sites."""
    return await add_sites(tenant)


@pytest.mark.parametrize("kind", FILES)
async def test_kinds_and_columns_are_guessed(shop: Tenant, kind: str) -> None:
    text, mapper, expected = FILES[kind]
    answer = await preview(shop, text.encode())
    assert answer["kind"] == answer["kinds"][0]["kind"] == kind
    assert answer["mapper"] == mapper
    assert answer["missing"] == []
    assert {name: answer[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("last", "days"),
    [
        ("SPR;01/04/2024;30/04/2024;900", {"cost_from": "Début", "cost_to": "Fin"}),
        ("SUM;01/06/2024;30/06/2024;900", {"from": "Début", "to": "Fin"}),
        ("SPR;01/03/2024;31/03/2024;900", {"from": "Début", "to": "Fin"}),
        ("SPR;;;900", {"from": "Début", "to": "Fin"}),
    ],
)
async def test_days_that_differ_within_a_campaign_are_those_of_its_costs(
    shop: Tenant, last: str, days: dict[str, str]
) -> None:
    text = f"Campagne;Début;Fin;Coût\nSPR;01/03/2024;31/03/2024;1500,50\n{last}\n"
    answer = await preview(shop, text.encode())
    assert answer["mapper"] == {"key": "Campagne", "cost": "Coût", **days}


async def test_days_that_are_none_in_the_given_order_are_as_in_the_file(shop: Tenant) -> None:
    answer = await preview(shop, b"Client;Date\nk;26/10/2024\nk;03/04/2024\n", dates="mdy")
    assert [row[1] for row in answer["rows"]] == ["26/10/2024", "2024-03-04"]


@pytest.mark.parametrize("kind", ["visits", "purchases"])
async def test_a_file_is_read_by_its_guesses(own_shop: Tenant, kind: str) -> None:
    """Check that an ingest with the guessed options accepts every line."""
    body = FILES[kind][0].encode("cp1252")
    answer = await preview(own_shop, body)
    params = {name: answer[name] for name in ("encoding", "delimiter", "dates", "timezone") if answer[name]}
    for option, name in (("mapper", "mapper"), ("time", "times"), ("unit", "units")):
        params |= {f"{option}[{field}]": value for field, value in answer[name].items()}
    response = await own_shop.editor.post(
        f"{own_shop.url}/ingest/{kind}", content=body, headers={"Content-Type": answer["format"]}, params=params
    )
    assert response.status_code == 201, response.text
    assert response.json()["rejected"] == 0


async def test_durations_with_hours_are_read_as_guessed(own_shop: Tenant) -> None:
    body = "Client;Magasin;Arrivée;Durée\nC1;Paris;13/05/24 10:30;00:12:30\nC2;Paris;14/05/24 11:30;1:02:00\n".encode()
    answer = await preview(own_shop, body, kind="stays")
    assert answer["mapper"]["duration_s"] == "Durée"
    await expect_accepted(own_shop, answer, body, [2, 3])


@pytest.mark.parametrize(("user", "kind"), [("N° carte", "visits"), ("Panéliste", "stays")])
async def test_durations_of_loyal_customers_are_those_of_visits(shop: Tenant, user: str, kind: str) -> None:
    body = f"{user};Code magasin;Date;Heure;Durée\nC1;paris;13/05/2024;10:30;00:12:30\n".encode()
    assert (await preview(shop, body))["kind"] == kind


@pytest.mark.parametrize("user", ["N° client", "Client", "Customer ID"])
async def test_kinds_of_durations_of_customers_are_close(shop: Tenant, user: str) -> None:
    """Check that stays of a panel are the first guess, and that visits are nearly as likely, with the reasons."""
    body = f"{user};Code magasin;Date;Heure;Durée\nC1;paris;13/05/2024;10:30;00:12:30\n".encode()
    stays, visits, purchases, *_ = (await preview(shop, body))["kinds"]
    assert stays == {"kind": "stays", "score": 0.9, "missing": [], "unused": [], "customers": user}
    assert visits == {"kind": "visits", "score": 0.86, "missing": [], "unused": ["Durée"], "customers": None}
    assert (purchases["kind"], purchases["missing"]) == ("purchases", ["amount"])
    assert purchases["score"] < 0.7
    panel = (await preview(shop, body.replace(user.encode(), b"Panelist")))["kinds"][0]
    assert (panel["kind"], panel["score"], panel["customers"]) == ("stays", 1.0, None)


TITLED = (
    ["Export de mai", "", "", ""],
    ["Période", "01/05/24 - 31/05/24", "", ""],
    ["", "", "", ""],
    ["N° client", "Magasin", "Date", "Heure"],
    ["C001", "Lyon Part-Dieu", "13/05/2024", "10:30"],
    ["C002", "Paris", "14/05/2024", "11:05"],
)


@pytest.mark.parametrize("ending", ["", ";;;"])
async def test_titles_above_the_header_are_skipped(own_shop: Tenant, ending: str) -> None:
    """Check that preview, dry run and ingest find the same header."""
    lines = [";".join(cells) for cells in TITLED]
    body = "\r\n".join(line.rstrip(";") + ending if index < 3 else line for index, line in enumerate(lines)).encode()
    answer = await preview(own_shop, body)
    assert [column["name"] for column in answer["columns"]] == TITLED[3]
    assert answer["kind"] == "visits"
    await expect_accepted(own_shop, answer, body, [5, 6])


async def test_titles_in_workbooks_are_skipped(own_shop: Tenant) -> None:
    body = write_workbook({"Export": [[cell or None for cell in cells] for cells in TITLED]})
    answer = await preview(own_shop, body)
    assert answer["kind"] == "visits"
    await expect_accepted(own_shop, answer, body, [5, 6])


async def expect_accepted(shop: Tenant, answer: Json, body: bytes, lines: list[int]) -> None:
    """Check that the dry run and the ingest of a file with the guessed options accept these lines and reject none."""
    params = {name: answer[name] for name in ("encoding", "delimiter", "dates", "timezone") if answer[name]}
    for option, name in (("mapper", "mapper"), ("time", "times"), ("unit", "units")):
        params |= {f"{option}[{field}]": value for field, value in answer[name].items()}
    url, headers = f"{shop.url}/ingest/{answer['kind']}", {"Content-Type": answer["format"]}
    trial = await shop.editor.post(url, content=body, headers=headers, params=params | {"dryRun": "true"})
    assert [(line["line"], line["accepted"]) for line in trial.json()["lines"]] == [(line, True) for line in lines]
    response = await shop.editor.post(url, content=body, headers=headers, params=params)
    assert response.status_code == 201, response.text
    assert (response.json()["accepted"], response.json()["rejected"]) == (len(lines), 0)


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16"),
        ("cp1252", "windows-1252"),
        ("mac-roman", "mac-roman"),
        ("cp850", "cp850"),
    ],
)
async def test_encodings_are_recognised(shop: Tenant, codec: str, encoding: str) -> None:
    text = "Code;Libellé;Ville\n1;Élan de Noël;Besançon\n2;Forêt à côté;Nîmes\n"
    answer = await preview(shop, text.encode(codec))
    assert answer["encoding"] == encoding
    assert [column["name"] for column in answer["columns"]] == ["Code", "Libellé", "Ville"]
    assert answer["rows"][0] == [1, "Élan de Noël", "Besançon"]


async def test_values_are_shown_as_they_are_read(shop: Tenant) -> None:
    text = "Jour;Heure;Actif;Code;Montant;Instant;Vide\n13/05/2024;9h;oui;007;1,5;13/05/2024 9:00;\n"
    answer = await preview(shop, text.encode())
    types = {column["name"]: column["type"] for column in answer["columns"]}
    assert types == {
        "Jour": "day",
        "Heure": "time",
        "Actif": "boolean",
        "Code": "text",
        "Montant": "number",
        "Instant": "instant",
        "Vide": "empty",
    }
    assert answer["rows"] == [["2024-05-13", "09:00:00", True, "007", 1.5, "2024-05-13T09:00:00", None]]
    assert answer["columns"][0]["samples"] == ["13/05/2024"]


async def test_a_cut_file_is_previewed_without_its_last_line(shop: Tenant) -> None:
    answer = await preview(shop, "site,user\nlyon,u1\nlyon,\xe9".encode()[:-1], partial="true")
    assert answer["rows"] == [["lyon", "u1"]]
    assert answer["encoding"] == "utf-8"


async def test_what_the_sender_says_counts_more(shop: Tenant) -> None:
    text = "a;b,c\n01/02/2024 10:00;x,y\n"
    answer = await preview(
        shop, text.encode(), kind="detections", delimiter=",", dates="mdy", timezone="UTC", mapper__equipment="c"
    )
    assert [column["name"] for column in answer["columns"]] == ["a;b", "c"]
    assert (answer["kind"], answer["dates"], answer["timezone"]) == ("detections", "mdy", "UTC")
    assert answer["mapper"]["equipment"] == "c"
    empty = await preview(shop, FILES["visits"][0].encode(), kind="visits", mapper__site="")
    assert "site" not in empty["mapper"]
    assert empty["missing"] == ["site"]


async def test_missing_fields_of_a_file_of_counts(shop: Tenant) -> None:
    answer = await preview(shop, b"Semaine;Magasin;Nb visites\n12;Lyon;340\n", kind="visits")
    assert answer["missing"] == ["user", "at"]
    required = [field["name"] for field in answer["fields"] if field["required"]]
    assert required == ["user", "site", "at"]
    assert all(field["description"] for field in answer["fields"])


async def test_columns_with_values_of_own_sites_are_sites(shop: Tenant) -> None:
    text = "Client;Secteur;Quand\nc1;Lyon Part-Dieu;2024-05-01T10:00:00Z\n"
    answer = await preview(shop, text.encode(), kind="visits")
    assert answer["mapper"] == {"user": "Client", "site": "Secteur", "at": "Quand"}


async def test_typed_formats(shop: Tenant) -> None:
    rows: list[dict[str, str | None]] = [
        {"user": "u1", "site": "lyon", "at": "2024-05-01T10:00:00Z"},
        {"user": "u2", "site": "paris", "at": None},
    ]
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    bodies: dict[str, bytes] = {
        "application/json": json.dumps(rows).encode(),
        "application/x-ndjson": "".join(f"{json.dumps(row)}\n" for row in rows).encode(),
        "application/vnd.apache.parquet": parquet.getvalue(),
    }
    for media_type, body in bodies.items():
        answer = await preview(shop, body)
        assert (answer["format"], answer["kind"]) == (media_type, "visits")
        assert answer["rows"] == [list(row.values()) for row in rows]
        assert answer["mapper"] == {"user": "user", "site": "site", "at": "at"}


@pytest.mark.parametrize(
    ("body", "params"),
    [
        (b"", {}),
        (b"\n\n;;;\n", {}),
        (b"a;a\n1;2\n", {}),
        (b"PAR1nonsense", {}),
        (b"PAR1", {"partial": "true"}),
        (b"[1, 2]", {}),
        (b"a;b\n1;2\n", {"encoding": "klingon"}),
        (b"a;b\n1;2\n", {"kind": "unknown"}),
        (b"a;b\n1;2\n", {"mapper[unknown]": "a"}),
        ((",".join(f"c{number}" for number in range(1001))).encode(), {}),
    ],
)
async def test_files_that_cannot_be_read(shop: Tenant, body: bytes, params: dict[str, str]) -> None:
    response = await shop.editor.post(f"{shop.url}/files/preview", content=body, params=params)
    assert 400 <= response.status_code < 500, response.text
    assert response.json()["detail"]


async def test_compressed_files(shop: Tenant) -> None:
    import gzip

    body = gzip.compress(FILES["visits"][0].encode())
    response = await shop.editor.post(f"{shop.url}/files/preview", content=body, headers={"Content-Encoding": "gzip"})
    assert response.json()["kind"] == "visits"


async def test_previews_need_an_editor(shop: Tenant) -> None:
    response = await shop.reader.post(f"{shop.url}/files/preview", content=b"a;b\n1;2\n")
    assert response.status_code == 403


async def test_workbooks(shop: Tenant) -> None:
    rows: list[list[Any]] = [
        [],
        ["Date", "Heure", "Magasin", "N° client", ""],
        [date(2024, 5, 13), time(10, 30), "Lyon Part-Dieu", 1001],
        [date(2024, 5, 14), time(11, 5), "Paris", 1002],
    ]
    answer = await preview(shop, write_workbook({"Notice": [["Bonjour"]], "Visites": rows}), sheet="Visites")
    assert answer["format"] == XLSX
    assert (answer["sheet"], answer["sheets"]) == ("Visites", ["Notice", "Visites"])
    assert (answer["encoding"], answer["delimiter"], answer["dates"]) == (None, None, None)
    assert answer["kind"] == "visits"
    assert answer["mapper"] == {"at": "Date", "site": "Magasin", "user": "N° client"}
    assert (answer["times"], answer["timezone"]) == ({"at": "Heure"}, "site")
    assert answer["rows"][0] == ["2024-05-13", "10:30:00", "Lyon Part-Dieu", 1001]
    first = await preview(shop, write_workbook({"Vide": [], "Visites": rows}))
    assert first["sheet"] == "Visites"
    assert (await post(shop, write_workbook({"A": rows}), sheet="B")).status_code == 422
    assert (await post(shop, write_workbook({"A": rows}), partial="true")).status_code == 422
    assert (await post(shop, b"\xd0\xcf\x11\xe0old")).status_code == 422
