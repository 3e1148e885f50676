"""The Python client against the server: frames have the numbers of files, resources and events are written."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas
import polars
import pyarrow
import pytest
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import CATALOGUE
from okube_api.client import (
    AnalyticsAnswer,
    AsyncApplicationClient,
    AsyncOkube,
    NotLoggedIn,
    RequestRefused,
    ResourceChanged,
    ResourceMissing,
)
from okube_api.client.answer_rows import list_rows
from okube_api.client.question import AnalyticsQuestion, build_question

from tests.api.analytics import World
from tests.api.file_readers import Row, read_parquet
from tests.api.server import PASSWORD, Server, Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

SPRING: dict[str, Any] = {"start": date(2024, 3, 16), "until": "2024-04-07"}
STORED_TOGETHER = 40  # KPIs of a question


def open_client(server: Server, token: str) -> AsyncOkube:
    """Return a client of the running application."""
    transport = httpx.ASGITransport(server.app, client=("127.0.0.1", 40_000))
    return AsyncOkube("http://127.0.0.1", token=token, transport=transport)


@pytest.fixture
async def reader_client(alpha: World) -> AsyncIterator[AsyncApplicationClient]:
    """Return the application whose results are known, as its reader."""
    async with open_client(alpha.tenant.server, read_token(alpha.reader)) as okube:
        yield okube.application(alpha.tenant.key)


@pytest.fixture
async def admin_client(tenant: Tenant) -> AsyncIterator[AsyncApplicationClient]:
    """Return a new application, as its administrator."""
    async with open_client(tenant.server, read_token(tenant.admin)) as okube:
        yield okube.application(tenant.key)


def read_token(client: httpx.AsyncClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


async def read_file_rows(world: World, question: AnalyticsQuestion) -> list[Row]:
    """Return the rows of the answer to a question as a Parquet file."""
    params = {name: str(value).lower() for name, value in question.params.items() if value is not None}
    response = await world.reader.post(
        question.path,
        params={**params, "format": "parquet"},
        content=json.dumps(question.body, default=str),
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 200, response.text
    return read_parquet(response.content)


def list_file_keys(rows: list[Row]) -> list[tuple[Any, ...]]:
    """Return what the rows of a file are about, with their values, in any order of rows."""
    head = ("kpi", "mode", "scope", "granularity", "outer_id", "_id", "bucket")
    names = (*head, "field", "item", "subitem", "compared_to", "value", "share", "compared_value", "change")
    keys = [
        (
            *map(row.get, names),
            row.get("compared_from") if row["mode"] == "histogram" or row["bucket"] == "all" else None,
        )
        for row in rows
    ]
    return sorted(keys, key=repr_row)


def list_answer_keys(answer: AnalyticsAnswer) -> list[tuple[Any, ...]]:
    """Return the same of the rows of an answer."""
    rows = [
        (
            *(
                row.kpi,
                row.mode,
                row.scope,
                row.granularity,
                row.group.get("outer_id"),
                row.group.get("id"),
                row.bucket,
            ),
            *(row.part.field, row.part.item, row.part.subitem, row.compared_to),
            *(row.part.value, row.share, row.compared_value, row.change),
            row.compared_from.date() if isinstance(row.compared_from, datetime) else row.compared_from,
        )
        for row in list_rows(answer.results, answer.meta)
    ]
    return sorted(rows, key=repr_row)


def repr_row(row: tuple[Any, ...]) -> list[str]:
    """Return a key to sort rows by: numbers that are equal look the same."""
    return [repr(float(value) if isinstance(value, int | float) else value) for value in row]


async def check_numbers(
    client: AsyncApplicationClient, world: World, module: Module, kpis: Any, **arguments: Any
) -> None:
    """Compare the rows and frames of an answer with its Parquet file."""
    study = {"study": world.truth.studies[0].id} if module is Module.GEO_MARKETING else {}
    arguments = {**SPRING, **study, **arguments}
    answer = await client.ask(module.value, kpis, **arguments)
    question = build_question(world.tenant.key, module.value, kpis, **arguments)
    rows = await read_file_rows(world, question)
    assert rows
    if "compare" in arguments:  # in files, a count that one of the periods lacks is 0
        rows = [
            {**row, **{name: row[name] or None for name in ("value", "compared_value")}}
            if row["scope"] == "sites"
            else row
            for row in rows
        ]
    assert list_answer_keys(answer) == list_file_keys(rows)
    starts = {(row["kpi"], row["granularity"], row["bucket"]): row["from"] for row in rows}
    for element in answer.results:
        part = answer.select(kpi=element["kpi"], scope=element["scope"])
        frame, table = part.to_pandas("long"), part.to_polars("long")
        assert [None if pandas.isna(value) else value for value in frame["value"]] == table["value"].to_list()
        if frame.index.name == "date":
            days = [None if pandas.isna(day) else day.date() for day in frame.index]
            assert days == table["date"].to_list()  # None: of a bucket that only the other period has
            assert set(days) - {None} <= {starts[key] for key in starts if key[2] != "all"}


@pytest.mark.parametrize("module", Module)
async def test_every_kpi_has_the_numbers_of_files(
    reader_client: AsyncApplicationClient, alpha: World, module: Module
) -> None:
    names = [kpi.name for kpi in CATALOGUE[module]]
    for start in range(0, len(names), STORED_TOGETHER):
        await check_numbers(reader_client, alpha, module, names[start : start + STORED_TOGETHER], by="week")


@pytest.mark.parametrize(
    ("module", "kpis", "arguments"),
    [
        (Module.PERFORMANCE, ["sales", "visits"], {"by": "day", "scopes": ["sites", "channels"], "overall": True}),
        (Module.PERFORMANCE, "sales", {"scopes": {"sites": {"limit": 2, "share": True, "others": True}}}),
        (Module.PERFORMANCE, "basketDistribution", {"by": "month", "compare": "previous-period"}),
        (Module.PRESENCE, "sessions", {"by": "hour", "start": "2024-03-31", "compare": "previous-period"}),
        (Module.PRESENCE, "sessions", {"by": "hour", "mode": "aggregation", "compare": "previous-year"}),
        (Module.PRESENCE, "sessions", {"by": "quarter", "compare": ["previous-year", "previous-quarter"]}),
        (Module.PRESENCE, "sessions", {"by": "hour", "until": "2024-03-17", "start": "2024-03-16"}),
        (Module.PRESENCE, ["sessions"], {"by": "hourOfWeek", "mode": "aggregation", "scopes": ["sites"]}),
        (Module.PRESENCE, "timespent", {"by": "week", "scopes": ["sites"], "fill": True}),
        (Module.GEO_MARKETING, "attendance", {"by": "week", "scopes": ["homes", "works"]}),
        (Module.CONVERSION, "offlineVisits", {"by": "week", "group_by": ["campaigns.provider", "sites"]}),
        (
            Module.PERFORMANCE,
            ["visits", "conversionRate"],
            {
                "by": "week",
                "group_by": ["sites.tags", {"of": "sites", "limit": 2, "others": True, "share": True}],
                "filters": {"weekdays": [1, 2, 3, 4, 5], "hours": list(range(8, 20))},
            },
        ),
        (
            Module.PERFORMANCE,
            ["sales", "visits"],
            {
                "by": "week",
                "scopes": ["sites"],
                "overall": True,
                "compare": ["previousYearSameWeekday", (date(2024, 3, 11), date(2024, 4, 10))],
            },
        ),
    ],
)
async def test_options_of_the_language_have_the_numbers_of_files(
    reader_client: AsyncApplicationClient, alpha: World, module: Module, kpis: Any, arguments: Any
) -> None:
    if module is Module.PERFORMANCE and "share" in str(arguments) and not isinstance(kpis, str):
        kpis = ["visits"]  # ratios have no share
    await check_numbers(reader_client, alpha, module, kpis, **arguments)


async def test_wide_frame_has_a_column_for_each_kpi(reader_client: AsyncApplicationClient) -> None:
    answer = await reader_client.ask("performance", ["visits", "sales"], by="week", scopes=["sites"], **SPRING)
    frame, table = answer.to_pandas(), answer.to_polars()
    assert table.columns == ["date", "id", "key", "name", "visits", "sales"]
    assert frame.reset_index().columns.tolist() == table.columns
    by_site = {
        (identifier, bucket): (row["temporals"][bucket], sales["data"][identifier]["temporals"][bucket])
        for visits, sales in [answer.results]
        for identifier, row in visits["data"].items()
        for bucket in row["temporals"]
        if bucket in sales["data"].get(identifier, {"temporals": {}})["temporals"]
    }
    days = [date.fromisoformat(day) for day in answer.meta["buckets"]["week"]]
    assert by_site
    lines = {(row["id"], row["date"]): (row["visits"], row["sales"]) for row in table.iter_rows(named=True)}
    assert {key: lines[key[0], days[int(key[1])]] for key in by_site} == by_site


async def test_job_has_the_answer_of_the_question(reader_client: AsyncApplicationClient) -> None:
    answer = await reader_client.ask("presence", "sessions", by="day", **SPRING)
    as_job = await reader_client.ask("presence", "sessions", by="day", wait=False, **SPRING)
    assert as_job.results == answer.results
    job = await reader_client.submit("presence", "sessions", by="day", **SPRING)
    assert (await reader_client.wait_for(job, timeout_s=20)).to_polars().equals(answer.to_polars())
    job = await reader_client.get_job(job)
    assert (job.state, job.is_ended, job.progress) == ("done", True, 1)
    assert job.id in [each.id async for each in reader_client.jobs()]
    await reader_client.cancel(job)
    with pytest.raises(ResourceMissing):
        await reader_client.get_job(job.id)


async def test_refusal_names_the_fields(reader_client: AsyncApplicationClient) -> None:
    with pytest.raises(RequestRefused) as refusal:
        await reader_client.ask("presence", ["session", "attendance"], **SPRING)
    error = refusal.value
    assert (error.status, error.code) == (400, "invalid")
    assert [(fault.location, fault.pointer, fault.code) for fault in error.faults] == [
        ("body", "/params/0/kpi", "unknown_value")
    ]
    assert "/params/0/kpi" in str(error)
    assert error.request_id


async def test_notes_say_why_there_is_nothing(reader_client: AsyncApplicationClient) -> None:
    answer = await reader_client.ask("presence", "sessions", start="2010-01-01", until="2010-01-02")
    assert [note.code for note in answer.notes] == ["no_events"]


async def test_list_is_read_page_by_page(admin_client: AsyncApplicationClient, tenant: Tenant) -> None:
    keys = [f"shop-{number:03}" for number in range(103)]
    lines = (f"{key},{key},true,{'even' if key[-1] in '02468' else 'odd'}" for key in keys)
    table = "\n".join(("key,name,online,tags", *lines))
    imported = await tenant.editor.post(f"{tenant.url}/sites/import", files={"file": ("sites.csv", table)})
    assert imported.json()["created"] == len(keys), imported.text
    assert sorted([site["key"] async for site in admin_client.sites()]) == keys
    assert [site["key"] async for site in admin_client.sites(keys=["shop-007", "shop-070"])] == ["shop-007", "shop-070"]
    assert await admin_client.sites.count(tags=["even"]) == len([key for key in keys if key[-1] in "02468"])


async def test_resource_is_changed_unless_it_has_changed_since(admin_client: AsyncApplicationClient) -> None:
    created = await admin_client.sites.create(key="lyon", name="Lyon", online=True)
    site = await admin_client.sites.get("lyon")
    assert (site.id, site.etag) == (created.id, created.etag)
    changed = await admin_client.sites.update(site, {"name": "Lyon Bellecour"})
    assert changed["name"] == "Lyon Bellecour"
    with pytest.raises(ResourceChanged):
        await admin_client.sites.update(site, {"name": "Lyon Terreaux"})
    with pytest.raises(ResourceChanged):
        await admin_client.sites.delete(site)
    await admin_client.sites.update("lyon", {"name": "Lyon"})
    await admin_client.sites.delete("lyon")
    with pytest.raises(ResourceMissing):
        await admin_client.sites.get("lyon")


async def test_equipments_belong_to_a_site(admin_client: AsyncApplicationClient) -> None:
    await admin_client.sites.create(key="lyon", name="Lyon", online=True)
    await admin_client.equipments("lyon").create(key="door", name="Door")
    assert [each["key"] async for each in admin_client.equipments("lyon")()] == ["door"]


EVENTS = [
    {"user": "ann", "site": "lyon", "at": datetime.fromisoformat("2024-03-05T10:00:00+01:00"), "amount": 24.5},
    {"user": "bob", "site": "lyon", "at": datetime.fromisoformat("2024-03-06T10:00:00+01:00"), "amount": 10.0},
]


@pytest.fixture(scope="module")
async def shop_client(shared_server: Server) -> AsyncIterator[AsyncApplicationClient]:
    """Return an application with a site, as its administrator."""
    tenant = await shared_server.take_tenant()
    await tenant.create("sites", key="lyon", name="Lyon", online=True)
    async with open_client(shared_server, read_token(tenant.admin)) as okube:
        yield okube.application(tenant.key)


def write_csv(folder: Path) -> Path:
    """Write the events to a file."""
    path = folder / "tickets.csv"
    pandas.DataFrame(EVENTS).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    "convert",
    [list, iter, pandas.DataFrame, polars.DataFrame, pyarrow.Table.from_pylist, pyarrow.RecordBatch.from_pylist, None],
    ids=["list", "iterator", "pandas", "polars", "arrow", "record batch", "file"],
)
async def test_events_of_any_kind_are_ingested(
    shop_client: AsyncApplicationClient, convert: Any, tmp_path: Path
) -> None:
    """Ingest the same events in each kind, of which all but the first are duplicates."""
    events = convert(EVENTS) if convert else write_csv(tmp_path)
    batch = await shop_client.ingest("purchases", events)
    assert (batch["accepted"] + batch["duplicate"], batch["rejected"]) == (2, 0)
    answer = await shop_client.ask("performance", "sales", by="day", start="2024-03-05", until="2024-03-06")
    assert answer.to_polars().rows() == [(date(2024, 3, 5), 24.5), (date(2024, 3, 6), 10.0)]
    assert batch["_id"] in [each.id async for each in shop_client.batches()]


async def test_columns_can_have_other_names(admin_client: AsyncApplicationClient) -> None:
    await admin_client.sites.create(key="lyon", name="Lyon", online=True)
    frame = pandas.DataFrame({"client": ["ann"], "site": ["lyon"], "at": ["2024-03-05 10:00"], "amount": [3]})
    arguments: Any = {"mapper": {"user": "client"}, "timezone": "Europe/Paris"}
    tried = await admin_client.ingest("purchases", frame, dry_run=True, **arguments)
    assert (tried["dryRun"], tried["accepted"]) == (True, 1)
    batch = await admin_client.ingest("purchases", frame, name="till", **arguments)
    assert (batch["accepted"], batch["name"]) == (1, "till")


async def test_repeated_key_ingests_once(admin_client: AsyncApplicationClient) -> None:
    await admin_client.sites.create(key="lyon", name="Lyon", online=True)
    batches = await asyncio.gather(
        *(admin_client.ingest("purchases", EVENTS, idempotency_key="tickets-of-March") for _ in range(2))
    )
    assert batches[0] == batches[1]


async def test_rejected_events_are_in_the_problem(admin_client: AsyncApplicationClient) -> None:
    with pytest.raises(RequestRefused) as refusal:
        await admin_client.ingest("purchases", [{"user": "ann", "site": "nowhere", "at": EVENTS[0]["at"], "amount": 1}])
    assert refusal.value.code == "nothing_accepted"
    assert refusal.value.problem["reasons"]


async def test_client_logs_in(tenant: Tenant) -> None:
    transport = httpx.ASGITransport(tenant.server.app, client=("127.0.0.1", 40_000))
    login = tenant.users["reader"].login  # type: ignore[index]
    async with AsyncOkube("http://127.0.0.1", login=login, password=PASSWORD, transport=transport) as okube:
        assert [each["key"] async for each in okube.applications()] == [tenant.key]
        assert {each["kpi"] for each in await okube.kpis()} >= {"visits", "sessions"}
        assert (await okube.me())["user"]["login"] == login
        assert (await okube.application(tenant.id).get())["key"] == tenant.key
        response = await okube.request("GET", "/health/ready")
        assert response.status_code == 200
    transport = httpx.ASGITransport(tenant.server.app, client=("127.0.0.1", 40_000))
    async with AsyncOkube("http://127.0.0.1", login=login, password="wrong", transport=transport) as okube:
        with pytest.raises(NotLoggedIn):
            await okube.me()


async def test_frame_is_written_and_read_by_parquet(reader_client: AsyncApplicationClient) -> None:
    """Keep the dates of the index through a file of pandas."""
    frame = (await reader_client.ask("presence", "sessions", by="day", **SPRING)).to_pandas()
    again = pandas.read_parquet(io.BytesIO(frame.to_parquet()))
    pandas.testing.assert_frame_equal(frame, again, check_freq=False)


SHOPS: list[dict[str, Any]] = [
    {"key": "lyon", "name": "Lyon", "online": True, "tags": ["city", "east"], "level": None},
    {"key": "nice", "name": 'Nice, "Masséna"', "online": True, "tags": None, "level": None},
]


@pytest.mark.parametrize(
    "convert",
    [list, iter, pandas.DataFrame, polars.DataFrame, pyarrow.Table.from_pylist, None],
    ids=["list", "iterator", "pandas", "polars", "arrow", "file"],
)
async def test_tables_of_any_kind_are_imported(
    admin_client: AsyncApplicationClient, convert: Any, tmp_path: Path
) -> None:
    path = tmp_path / "shops.csv"
    path.write_text('key,name,online,tags\nlyon,Lyon,true,city|east\nnice,"Nice, ""Masséna""",true,\n', "utf-8")
    table = convert(SHOPS) if convert else path
    await admin_client.sites.import_table(table)
    shops = {site["key"]: (site["name"], site["tags"]) async for site in admin_client.sites()}
    assert shops == {"lyon": ("Lyon", ["city", "east"]), "nice": ('Nice, "Masséna"', [])}


async def test_import_of_a_table_has_options(admin_client: AsyncApplicationClient) -> None:
    frame = pandas.DataFrame({"code": [7, 8], "shop": ["Lyon", None], "town": ["Lyon", "Nice"], "online": True})
    arguments: Any = {"mapper": {"key": "code", "name": "shop", "description": "town", "online": "online"}}
    tried = await admin_client.sites.import_table(frame, dry_run=True, **arguments)
    assert (tried["accepted"], tried["rejected"]) == (1, 1)
    with pytest.raises(RequestRefused) as refusal:
        await admin_client.sites.import_table(frame, **arguments)
    assert [(fault.line, fault.column) for fault in refusal.value.faults] == [(3, "shop")]
    await admin_client.sites.import_table(frame, partial=True, **arguments)
    assert [(site["key"], site["description"]) async for site in admin_client.sites()] == [("7", "Lyon")]
    await admin_client.campaigns.import_table([{"key": "sale", "name": "Sale"}], delimiter=",")
    assert (await admin_client.campaigns.get("sale"))["name"] == "Sale"


async def test_lists_and_answers_are_saved(reader_client: AsyncApplicationClient, alpha: World, tmp_path: Path) -> None:
    path = await reader_client.save_answer(tmp_path / "a.parquet", "presence", "sessions", by="day", **SPRING)
    question = build_question(alpha.tenant.key, "presence", "sessions", by="day", **SPRING)
    assert read_parquet(path.read_bytes()) == await read_file_rows(alpha, question)
    path = await reader_client.sites.save(tmp_path / "sites.csv", locale="fr")
    assert len(path.read_text("utf-8-sig").splitlines()) == 1 + await reader_client.sites.count()
    with pytest.raises(RequestRefused):
        await reader_client.users.save(tmp_path / "users.csv")
    assert sorted(os.listdir(tmp_path)) == ["a.parquet", "sites.csv"]  # noqa: PTH208 - not in an event loop
