"""Test files of events over HTTP: ingested, listed, followed, removed."""

import asyncio
import gzip
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
import zstandard
from okube_api.catalogue.buckets import to_ordinal
from okube_api.ingest.events.tables import VISITS

from tests.api.server import Server, Tenant, run_server

pytestmark = pytest.mark.anyio

NDJSON, CSV, PARQUET = "application/x-ndjson", "text/csv", "application/vnd.apache.parquet"
JSON = "application/json"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
AREAS = [
    {"code": "693820101", "name": "Bellecour", "lng": 4.832, "lat": 45.757},
    {"code": "693830202", "name": "Part-Dieu", "lng": 4.859, "lat": 45.761},
]
PINGS = [
    {"user": "alice", "at": f"2024-03-28T10:{minute:02d}:15+01:00", "lng": 4.832, "lat": 45.7578} for minute in range(9)
]


def to_ndjson(events: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(event)}\n" for event in events).encode()


def to_csv(events: list[dict[str, Any]]) -> bytes:
    lines = [",".join(events[0]), *(",".join(str(value) for value in event.values()) for event in events)]
    return "\n".join(lines).encode()


def to_parquet(events: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(events), file)
    return file.getvalue()


def to_json(events: list[dict[str, Any]]) -> bytes:
    """Write events as a JSON array."""
    return json.dumps(events, indent=1).encode()


async def send(
    client: httpx.AsyncClient, url: str, kind: str, body: bytes, media_type: str = NDJSON, **options: Any
) -> httpx.Response:
    headers = {"Content-Type": media_type, **options.pop("headers", {})}
    return await client.post(f"{url}/ingest/{kind}", content=body, headers=headers, **options)


@pytest.mark.parametrize(
    ("media", "write", "encoding"),
    [
        (NDJSON, to_ndjson, "identity"),
        (NDJSON, to_ndjson, "gzip"),
        (JSON, to_json, "identity"),
        (JSON, to_json, "zstd"),
        (CSV, to_csv, "identity"),
        (CSV, to_csv, "zstd"),
        (PARQUET, to_parquet, "identity"),
        (PARQUET, to_parquet, "gzip"),
    ],
)
async def test_every_format_and_compression(
    tenant: Tenant, media: str, write: Callable[[list[dict[str, Any]]], bytes], encoding: str
) -> None:
    compress: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress}
    body = compress.get(encoding, bytes)(write(AREAS))
    answer = await send(tenant.editor, tenant.url, "areas", body, media, headers={"Content-Encoding": encoding})
    assert answer.status_code == 201, answer.text
    batch = answer.json()
    assert (batch["state"], batch["accepted"], batch["duplicate"], batch["rejected"]) == ("visible", 2, 0, 0)
    areas = (await tenant.reader.get(f"{tenant.url}/areas")).json()["documents"]
    assert [(area["code"], area["name"], area["lng"]) for area in areas] == [
        (area["code"], area["name"], area["lng"]) for area in AREAS
    ]


def to_xlsx(events: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        for row, cells in enumerate([list(events[0]), *(list(event.values()) for event in events)]):
            sheet.write_row(row, 0, cells)
    return file.getvalue()


@pytest.mark.parametrize(
    ("sent", "write", "read", "wait"),
    [
        (NDJSON, to_ndjson, NDJSON, "true"),
        (JSON, to_json, JSON, "true"),
        (JSON, to_ndjson, NDJSON, "true"),
        (JSON, to_ndjson, NDJSON, "false"),
        (CSV, to_csv, CSV, "true"),
        (PARQUET, to_parquet, PARQUET, "false"),
        (XLSX, to_xlsx, XLSX, "true"),
        (CSV, to_xlsx, XLSX, "false"),
        (NDJSON, to_xlsx, XLSX, "true"),
    ],
)
async def test_a_batch_has_the_format_that_was_read(
    tenant: Tenant, sent: str, write: Callable[[list[dict[str, Any]]], bytes], read: str, wait: str
) -> None:
    """Check that the rejected lines have the media type of what they are, too."""
    body = write([{**AREAS[0], "code": "?"}, AREAS[1]])
    answer = await send(tenant.editor, tenant.url, "areas", body, sent, params={"wait": wait})
    batch = answer.json()
    assert (batch["format"], batch["rejected"]) == (read, 1), answer.text
    url = f"{tenant.url}/ingest/{batch['_id']}"
    assert (await tenant.reader.get(url)).json()["format"] == read
    lines = await tenant.editor.get(f"{url}/rejected")
    assert lines.headers["content-type"].startswith(CSV if read in {CSV, XLSX} else NDJSON)


async def test_rejected_lines_are_listed_and_returned_as_sent(tenant: Tenant) -> None:
    bad = b'{"user": "bob", "at": "2024-03-28T10:00:00", "lng": 4.8, "lat": 45.7}\n{"user": "bob", "at":\n'
    answer = await send(tenant.editor, tenant.url, "pings", to_ndjson(PINGS[:2]) + bad + to_ndjson(PINGS[2:]))
    batch = answer.json()
    assert (answer.status_code, batch["accepted"], batch["rejected"]) == (201, 9, 2)
    assert [reason["line"] for reason in batch["reasons"]] == [3, 4]
    assert "RFC 3339" in batch["reasons"][0]["reason"]
    lines = await tenant.editor.get(f"{tenant.url}/ingest/{batch['_id']}/rejected")
    assert lines.content == bad
    assert lines.headers["content-type"].startswith(NDJSON)


async def test_rejected_lines_of_csv_come_with_their_header(tenant: Tenant) -> None:
    """Check that rejected lines can be corrected and sent again."""
    header = '"lat";"lng"; user ;at\r\n'
    body = f"{header}45;4.8;bob;2024-03-28T10:00:00\r\n45;4.8;bob;2024-03-28T11:00:00Z\r\nx;4.8;bob;never\r\n"
    batch = (await send(tenant.editor, tenant.url, "pings", body.encode(), CSV)).json()
    assert (batch["accepted"], batch["rejected"]) == (1, 2)
    lines = await tenant.editor.get(f"{tenant.url}/ingest/{batch['_id']}/rejected")
    assert lines.text == '"lat";"lng"; user ;at\n45;4.8;bob;2024-03-28T10:00:00\nx;4.8;bob;never\n'
    assert lines.headers["content-type"].startswith(CSV)
    corrected = lines.text.replace("00:00\n", "00:00Z\n").replace("x;4.8;bob;never", "45;4.8;bob;2024-03-28T12:00:00Z")
    again = (await send(tenant.editor, tenant.url, "pings", corrected.encode(), CSV)).json()
    assert (again["accepted"], again["duplicate"], again["rejected"]) == (2, 0, 0)


async def test_formulas_in_rejected_lines_are_marked_and_mean_the_same(tenant: Tenant) -> None:
    header, record = "user;lat;lng;at", "\u200b=cmd();-12.5;\uff0b4;{}"
    batch = (await send(tenant.editor, tenant.url, "pings", f"{header}\n{record}\n'=x;;;\n".encode(), CSV)).json()
    lines = (await tenant.editor.get(f"{tenant.url}/ingest/{batch['_id']}/rejected")).text
    assert lines == f"{header}\n'\u200b=cmd();-12.5;'\uff0b4;{{}}\n'=x;;;\n"
    marked = lines.replace("'\uff0b4;{}", "4;2024-03-28T10:00:00Z").partition("'=x")[0]
    corrected = f"{header}\n\u200b=cmd();-12.5;4;2024-03-28T10:00:00Z\n"
    counts = [
        (answer["accepted"], answer["duplicate"])
        for text in (marked, corrected)
        if (answer := (await send(tenant.editor, tenant.url, "pings", text.encode(), CSV)).json())
    ]
    assert counts == [(1, 0), (0, 1)]


async def test_rejected_elements_of_an_array_are_lines_of_json(tenant: Tenant) -> None:
    body = to_json(AREAS)[:-1] + b',\n {"code": "a",\n  "name": [7]}\n]\n'
    batch = (await send(tenant.editor, tenant.url, "areas", body, JSON)).json()
    assert (batch["accepted"], batch["rejected"], batch["reasons"][0]["line"]) == (2, 1, 3)
    lines = await tenant.editor.get(f"{tenant.url}/ingest/{batch['_id']}/rejected")
    assert json.loads(lines.text) == {"code": "a", "name": [7]}
    assert lines.headers["content-type"].startswith(NDJSON)


async def test_rejected_rows_of_parquet_are_lines_of_json(tenant: Tenant) -> None:
    body = to_parquet([{**AREAS[0], "code": "?"}, AREAS[1]])
    batch = (await send(tenant.editor, tenant.url, "areas", body, PARQUET)).json()
    lines = await tenant.editor.get(f"{tenant.url}/ingest/{batch['_id']}/rejected")
    assert [json.loads(line) for line in lines.text.splitlines()] == [{**AREAS[0], "code": "?"}]
    assert lines.headers["content-type"].startswith(NDJSON)


async def test_atomic_ingests_all_or_nothing(tenant: Tenant) -> None:
    body = to_ndjson(PINGS) + b"{}\n"
    answer = await send(tenant.editor, tenant.url, "pings", body, params={"atomic": "true"})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["rejected"]) == (422, "rejected_lines", 1)
    (batch,) = (await tenant.reader.get(f"{tenant.url}/ingest")).json()["documents"]
    assert (batch["state"], batch["accepted"], batch["rejected"]) == ("refused", 0, 1)
    again = (await send(tenant.editor, tenant.url, "pings", to_ndjson(PINGS), params={"atomic": "true"})).json()
    assert (again["accepted"], again["duplicate"]) == (9, 0)


async def test_duplicates_change_nothing(tenant: Tenant) -> None:
    first = (await send(tenant.editor, tenant.url, "pings", to_ndjson(PINGS))).json()
    second = (await send(tenant.editor, tenant.url, "pings", to_csv(PINGS), CSV)).json()
    assert (first["accepted"], second["accepted"], second["duplicate"]) == (9, 0, 9)


async def test_a_batch_has_the_days_of_its_events_and_the_name_of_its_file(tenant: Tenant) -> None:
    pings = [{"user": "k", "at": f"2024-03-{day}T12:00:00Z", "lng": 4.8, "lat": 45.7} for day in (28, 11, 30)]
    batch = (await send(tenant.editor, tenant.url, "pings", to_ndjson(pings), params={"name": "May.json"})).json()
    assert (batch["firstDay"], batch["lastDay"], batch["name"]) == ("2024-03-11", "2024-03-30", "May.json")
    areas = (await send(tenant.editor, tenant.url, "areas", to_ndjson(AREAS))).json()
    assert areas["firstDay"] is None


async def test_a_batch_becomes_visible_without_waiting(tenant: Tenant) -> None:
    answer = await send(tenant.editor, tenant.url, "pings", to_ndjson(PINGS), params={"wait": "false"})
    assert answer.status_code == 202
    url = f"{tenant.url}/ingest/{answer.json()['_id']}"
    for _ in range(200):
        batch = (await tenant.reader.get(url)).json()
        if batch["state"] == "visible":
            break
        await asyncio.sleep(0.05)
    assert (batch["state"], batch["accepted"]) == ("visible", 9)


async def test_a_batch_is_deleted(tenant: Tenant) -> None:
    batch = (await send(tenant.editor, tenant.url, "areas", to_ndjson(AREAS))).json()
    assert (await tenant.reader.delete(f"{tenant.url}/ingest/{batch['_id']}")).status_code == 403
    assert (await tenant.editor.delete(f"{tenant.url}/ingest/{batch['_id']}")).status_code == 204
    assert (await tenant.reader.get(f"{tenant.url}/ingest/{batch['_id']}")).status_code == 404
    assert (await tenant.reader.get(f"{tenant.url}/areas")).json()["documents"] == []


@pytest.mark.parametrize(
    ("kind", "media", "encoding", "body", "status"),
    [
        ("bells", NDJSON, "", b"", 404),
        ("pings", JSON, "", b'[{"user": "bob"}', 400),
        ("pings", "application/xml", "", b"{}", 415),
        ("pings", NDJSON, "br", b"", 415),
        ("pings", NDJSON, "gzip", b"not gzip", 400),
        ("pings", NDJSON, "gzip", gzip.compress(b"{}" * 500, mtime=0)[:-9], 400),
        ("pings", NDJSON, "zstd", b"not zstd", 400),
        ("pings", CSV, "", b"user,at,lng,lat,altitude\n", 422),
        ("pings", CSV, "", b"user,at,lng\n", 422),
        ("pings", PARQUET, "", b"PAR1 not really", 400),
    ],
)
async def test_files_that_cannot_be_read_are_refused(
    tenant: Tenant, *, kind: str, media: str, encoding: str, body: bytes, status: int
) -> None:
    headers = {"Content-Encoding": encoding} if encoding else {}
    answer = await send(tenant.editor, tenant.url, kind, body, media, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    batches = (await tenant.reader.get(f"{tenant.url}/ingest")).json()["documents"]
    assert [batch["state"] for batch in batches] == ["refused"] * (status not in {404, 415})


async def test_required_roles(tenant: Tenant, stranger: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    batch = (await send(tenant.editor, tenant.url, "areas", to_ndjson(AREAS))).json()
    batch_url = f"{tenant.url}/ingest/{batch['_id']}"
    assert (await send(tenant.reader, tenant.url, "areas", b"")).status_code == 403
    assert (await send(nobody, tenant.url, "areas", b"")).status_code == 401
    assert (await send(stranger, tenant.url, "areas", b"")).status_code == 404
    assert (await stranger.get(batch_url)).status_code == 404
    assert (await tenant.reader.get(f"{batch_url}/rejected")).status_code == 403
    assert (await tenant.editor.delete(f"{tenant.url}/users-data/alice")).status_code == 403


async def test_the_data_of_a_user_is_erased(tenant: Tenant, server: Server) -> None:
    bad = b'{"user": "alice", "at": "never", "lng": 4.8, "lat": 45.7}\n{"user": "carol"}\n'
    batch = (await send(tenant.editor, tenant.url, "pings", to_ndjson(PINGS) + bad)).json()
    assert (await tenant.admin.delete(f"{tenant.url}/users-data/alice")).status_code == 204
    assert (await tenant.admin.delete(f"{tenant.url}/users-data/unheard%20of")).status_code == 204
    lines = await tenant.editor.get(f"{tenant.url}/ingest/{batch['_id']}/rejected")
    assert lines.content == b'{"user": "carol"}\n'
    again = (await send(tenant.editor, tenant.url, "pings", to_ndjson(PINGS))).json()
    assert (again["accepted"], again["duplicate"]) == (9, 0)


async def test_schemas_of_events_are_published(tenant: Tenant) -> None:
    schemas = (await tenant.reader.get("/ingest/schemas")).json()
    assert list(schemas)[:3] == ["areas", "panelists", "pings"]
    assert schemas["touches"]["properties"]["kind"]["enum"] == ["print", "click", "opening", "control"]
    assert set(schemas["pings"]["required"]) == {"user", "at", "lng", "lat"}


@pytest.mark.slow
async def test_a_server_deletes_expired_events(tmp_path: Path) -> None:
    """Check that a server with a retention period deletes older events when it starts."""
    url = f"duckdb:{tmp_path / 'okube.duckdb'}"
    async with run_server("duckdb", url) as server:
        tenant = await server.create_tenant()
        site = await tenant.create("sites", key="lyon", name="Lyon", online=False, coordinates=[4.83, 45.76])
        noon = server.clock().replace(hour=12, minute=0, second=0, microsecond=0)  # the same day in Paris
        old, recent = noon - timedelta(days=400), noon - timedelta(days=2)
        visits = [{"user": "alice", "site": site["key"], "at": at.isoformat()} for at in (old, recent)]
        assert (await send(tenant.editor, tenant.url, "visits", to_ndjson(visits))).status_code == 201
        assert await list_days_of_visits(server, tenant) == [to_ordinal(at.date()) for at in (old, recent)]
    async with run_server("duckdb", url, keep_days=365) as server:
        for _ in range(100):
            if len(days := await list_days_of_visits(server, tenant)) == 1:
                break
            await asyncio.sleep(0.05)
        assert days == [to_ordinal(recent.date())]


async def list_days_of_visits(server: Server, tenant: Tenant) -> list[int]:
    async with server.services.store.open_reader(tenant.id) as view:
        return await view.list_parts(VISITS)


# -- what senders say about a file, and files of which nothing is accepted ----------------------------------------


@pytest.mark.parametrize(
    ("media", "params", "codec"),
    [
        ("text/csv; charset=ISO-8859-15", {}, "iso8859-15"),
        ("text/csv; charset=utf-8", {"encoding": "windows-1252"}, "cp1252"),
        ("text/csv", {"encoding": "utf-16le"}, "utf-16-le"),
        ("text/csv", {"encoding": "windows-1252"}, "utf-8-sig"),
        ("text/csv", {"encoding": "", "delimiter": "", "dates": ""}, "utf-16"),
    ],
)
async def test_encoding_of_a_file(tenant: Tenant, media: str, params: dict[str, str], codec: str) -> None:
    body = "code;name;lng;lat\n693840303;Fourvière;4,8226;45,7623\n".encode(codec)
    answer = await send(tenant.editor, tenant.url, "areas", body, media, params=params)
    assert answer.status_code == 201, answer.text
    (area,) = (await tenant.reader.get(f"{tenant.url}/areas")).json()["documents"]
    assert (area["name"], area["lng"]) == ("Fourvière", 4.8226)


async def test_order_of_dates_and_delimiter(tenant: Tenant) -> None:
    await tenant.create("campaigns", key="summer", **{"from": "2023-06-01", "to": "2023-06-30"})
    body, params = b"campaign:day:prints\nsummer:06/05/2023:1,000\n", {"delimiter": ":", "dates": "mdy"}
    answer = await send(tenant.editor, tenant.url, "deliveries", body.replace(b"1,000", b"12"), CSV, params=params)
    assert (answer.status_code, answer.json()["accepted"]) == (201, 1)


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"encoding": "klingon"}, 415),
        ({"delimiter": "é"}, 400),
        ({"delimiter": "\0"}, 400),
        ({"delimiter": ";;"}, 400),
        ({"dates": "ymd"}, 400),
    ],
)
async def test_options_that_cannot_be_are_refused(tenant: Tenant, params: dict[str, str], status: int) -> None:
    answer = await send(tenant.editor, tenant.url, "areas", b"code,name,lng,lat\n", CSV, params=params)
    assert answer.status_code == status
    assert (await tenant.reader.get(f"{tenant.url}/ingest")).json()["documents"] == []


@pytest.mark.parametrize("wait", ["true", "false"])
@pytest.mark.parametrize(
    ("media", "body", "advice"),
    [
        (CSV, "code,name,lng,lat\n693840303,é,4,5\n693840304,é,4,5\n".encode("cp1252"), "encoding="),
        (NDJSON, b'[{"code": "693840303"}]\n[1]\n', "one JSON object per line"),
        (CSV, b"code,name,lng,lat\nx,a,4,5\n693840304,,4,5\n", "Line 2: 'code'"),
    ],
)
async def test_a_file_of_which_nothing_is_accepted(
    tenant: Tenant, *, media: str, body: bytes, advice: str, wait: str
) -> None:
    answer = await send(tenant.editor, tenant.url, "areas", body, media, params={"wait": wait})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["accepted"], problem["rejected"]) == (
        422,
        "nothing_accepted",
        0,
        2,
    )
    assert advice in problem["detail"]
    assert [reason["line"] for reason in problem["reasons"]] == [1, 2] if media == NDJSON else [2, 3]
    batch = (await tenant.reader.get(f"{tenant.url}/ingest/{problem['_id']}")).json()
    assert batch["state"] == "visible"
    assert (batch["message"] or "") in problem["detail"]


async def test_a_file_that_was_sent_before_is_no_failure(tenant: Tenant) -> None:
    await send(tenant.editor, tenant.url, "areas", to_ndjson(AREAS))
    answer = await send(tenant.editor, tenant.url, "areas", to_ndjson(AREAS) + b"{}\n")
    assert (answer.status_code, answer.json()["duplicate"], answer.json()["rejected"]) == (201, 2, 1)


async def test_an_area_name_may_have_two_lines(tenant: Tenant) -> None:
    body = b'name,code,lng,lat\n"Croix-\nRousse",693840305,4.83,45.77\n'
    assert (await send(tenant.editor, tenant.url, "areas", body, CSV)).json()["accepted"] == 1
    (area,) = (await tenant.reader.get(f"{tenant.url}/areas")).json()["documents"]
    assert area["name"] == "Croix-\nRousse"
