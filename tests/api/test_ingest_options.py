"""Test the options of an ingest: columns, time zones and units of the file, and what its batch says."""

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.api.server import Server, Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

NDJSON, CSV, PARQUET, JSON = (
    "application/x-ndjson",
    "text/csv",
    "application/vnd.apache.parquet",
    "application/json",
)
Rows = list[dict[str, Any]]


def to_csv(rows: Rows) -> bytes:
    lines = [";".join(rows[0]), *(";".join(map(str, row.values())) for row in rows)]
    return "\n".join(lines).encode()


def to_ndjson(rows: Rows) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def to_json(rows: Rows) -> bytes:
    """Write rows as a JSON array."""
    return json.dumps(rows).encode()


def to_parquet(rows: Rows) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


FORMATS = pytest.mark.parametrize(
    ("media", "write"),
    [
        (CSV, to_csv),
        (NDJSON, to_ndjson),
        pytest.param(JSON, to_json, marks=pytest.mark.slow),
        pytest.param(PARQUET, to_parquet, marks=pytest.mark.slow),
    ],
)


async def ingest(tenant: Tenant, kind: str, body: bytes, media: str = NDJSON, **params: str) -> httpx.Response:
    """Send a file; options of a field are written `mapper__user`."""
    query = {f"{name.replace('__', '[')}]" if "__" in name else name: value for name, value in params.items()}
    return await tenant.editor.post(
        f"{tenant.url}/ingest/{kind}", content=body, headers={"Content-Type": media}, params=query
    )


async def try_file(tenant: Tenant, kind: str, body: bytes, media: str, **params: str) -> list[dict[str, Any]]:
    """Return what a dry run says of each line; `test_dry_run` checks that it is what the ingest does."""
    answer = await ingest(tenant, kind, body, media, dryRun="true", **params)
    assert answer.status_code == 200, answer.text
    lines: list[dict[str, Any]] = answer.json()["lines"]
    return lines


def read_instants(lines: list[dict[str, Any]], field: str = "at") -> list[datetime]:
    return [datetime.fromisoformat(line["values"][field]) for line in lines if line["accepted"]]


async def add_site(tenant: Tenant) -> Tenant:
    """Create a site in Berlin."""
    await tenant.create(
        "sites",
        online=False,
        key="b1",
        keys=["berlin-alt"],
        name="Filiale Mitte",
        timezone="Europe/Berlin",
        coordinates=[13.4, 52.5],
    )
    return tenant


@pytest.fixture
async def shop(tenant: Tenant) -> Tenant:
    """Provide an application with a site in Berlin."""
    return await add_site(tenant)


@pytest.fixture(scope="module")
async def empty_shop(shared_server: Server) -> Tenant:
    """Provide another one to all tests that ingest nothing."""
    return await add_site(await shared_server.take_tenant())


@FORMATS
async def test_columns_are_mapped(shop: Tenant, media: str, write: Callable[[Rows], bytes]) -> None:
    """Check that mapped columns are read, that other fields keep their names, and that other columns are ignored."""
    rows = [
        {"Kunde": f"k{n}", "site": "b1", "Zeit": "2024-05-02T10:00:00+02:00", "Betrag": 10 + n, "Bemerkung": "?"}
        for n in range(3)
    ]
    options = {"mapper__user": "Kunde", "mapper__at": "Zeit", "mapper__amount": "Betrag"}
    answer = await ingest(shop, "purchases", write(rows), media, **options)
    assert (answer.status_code, answer.json()["accepted"]) == (201, 3), answer.text
    same = [{"user": row["Kunde"], "site": "b1", "at": row["Zeit"], "amount": row["Betrag"]} for row in rows]
    assert (await ingest(shop, "purchases", write(same), media)).json()["duplicate"] == 3


@FORMATS
async def test_one_column_for_two_fields(shop: Tenant, media: str, write: Callable[[Rows], bytes]) -> None:
    rows = [{"Bon": f"b{n}", "user": "u", "site": "b1", "at": "2024-05-02T10:00:00Z", "amount": 5} for n in range(2)]
    answer = await ingest(shop, "purchases", write(rows), media, mapper__id="Bon", mapper__order="Bon")
    assert answer.json()["accepted"] == 2, answer.text
    again = await ingest(shop, "purchases", write([{**rows[0], "amount": 7}]), media, mapper__id="Bon")
    assert again.json()["duplicate"] == 1


@FORMATS
async def test_rejected_lines_keep_their_own_columns(shop: Tenant, media: str, write: Callable[[Rows], bytes]) -> None:
    """Check rejected lines of both stages: not valid, and of an unknown site."""
    rows = [
        {"wer": "u", "site": "b1", "start": "2024-05-02 10:00:00", "dauer": 5},
        {"wer": "u", "site": "b1", "start": "2024-05-02 10:00:00", "dauer": -5},
        {"wer": "u", "site": "b9", "start": "2024-05-02 10:00:00", "dauer": 6},
    ]
    options = {"mapper__user": "wer", "mapper__duration_s": "dauer", "unit__duration_s": "min", "timezone": "UTC"}
    batch = (await ingest(shop, "stays", write(rows), media, **options)).json()
    assert (batch["accepted"], batch["rejected"]) == (1, 2)
    lines = (await shop.editor.get(f"{shop.url}/ingest/{batch['_id']}/rejected")).text.splitlines()
    if media == CSV:
        assert lines == to_csv(rows).decode().splitlines()[:1] + to_csv(rows).decode().splitlines()[2:]
    else:
        assert [json.loads(line) for line in lines] == rows[1:]


UNITS = {
    "min": ((1, 2.5, 0.01), (60, 150, 1)),
    "ms": ((60_000, 150_400, 700), (60, 150, 1)),
    "h": ((0.5, 1.25, 0), (1800, 4500, 0)),
    "s": ((60, 150, 1), (60, 150, 1)),
}


@FORMATS
async def test_units(empty_shop: Tenant, media: str, write: Callable[[Rows], bytes]) -> None:
    """Check that durations are converted to seconds and rounded, and that seconds need no unit."""
    stay = {"user": "u", "site": "b1", "start": "2024-05-02T10:00:00Z"}
    for unit, (durations, seconds) in UNITS.items():
        body = write([{**stay, "duration_s": duration} for duration in durations])
        lines = await try_file(empty_shop, "stays", body, media, unit__duration_s=unit)
        assert [line["values"]["duration_s"] for line in lines] == list(seconds), lines
    body = write([{**stay, "duration_s": duration} for duration in UNITS["s"][0]])
    lines = await try_file(empty_shop, "stays", body, media)
    assert [line["values"]["duration_s"] for line in lines] == list(UNITS["s"][1]), lines


PINGS_IN_UNITS: list[tuple[dict[str, str], tuple[float, float], tuple[float, float]]] = [
    ({}, (100, 100.5), (7, 7.5)),
    ({"unit__accuracy": "ft", "unit__speed": "km/h"}, (328, 329), (25, 26)),
    ({"unit__accuracy": "km", "unit__speed": "mph"}, (0.1, 0.101), (15, 16)),
    ({"unit__speed": "kn"}, (100, 101), (13, 14)),
]


@FORMATS
async def test_pings_have_accuracies_and_speeds_in_any_unit(
    shop: Tenant, media: str, write: Callable[[Rows], bytes]
) -> None:
    """Send pings on both sides of the limits of 100 m and 7 m/s; -1 is an unknown speed."""
    limits = {"maximumAccuracy": 100, "maximumSpeed": 7}
    assert (await shop.admin.patch(shop.url, json={"settings": {"stays": limits}})).status_code == 200
    for case, (units, accuracies, speeds) in enumerate(PINGS_IN_UNITS):
        rows = [
            {"user": f"u{case}", "lng": 13.4, "lat": 52.5, "accuracy": accuracy, "speed": speed}
            for accuracy in accuracies
            for speed in (*speeds, -1.0)
        ]
        sent = [{**row, "at": f"2024-07-05T1{hour}:00:00Z"} for hour, row in enumerate(rows)]
        batch = (await ingest(shop, "pings", write(sent), media, **units)).json()
        assert (batch["accepted"], batch["rejected"]) == (6, 0)
        assert (batch["inaccurate"], batch["moving"], batch["jumps"], batch["unmatched"]) == (3, 1, 0, 0), units


@FORMATS
async def test_impossible_accuracies_and_speeds_are_rejected(
    shop: Tenant, media: str, write: Callable[[Rows], bytes]
) -> None:
    ping = {"user": "u", "at": "2024-07-05T10:00:00Z", "lng": 13.4, "lat": 52.5, "accuracy": 5.5, "speed": 1.5}
    faults = [("accuracy", -0.5), ("accuracy", 1e8), ("speed", -1.5), ("speed", 1000.5)]
    answer = await ingest(shop, "pings", write([ping, *({**ping, name: value} for name, value in faults)]), media)
    batch = answer.json()
    assert (batch["accepted"], batch["rejected"]) == (1, 4), batch
    for (name, _), reason in zip(faults, batch["reasons"], strict=True):
        assert f"'{name}'" in reason["reason"]


def build_visits(*times: str, **fields: str) -> Rows:
    return [{"user": "u", "site": "b1", "at": time, **fields} for time in times]


LOCAL_TIMES = {
    "Europe/Berlin": (
        ("2024-01-05 10:00:00", "2024-07-05T10:00"),
        ("2024-01-05T09:00:00Z", "2024-07-05T08:00:00Z"),
    ),
    "America/New_York": (
        ("20240105T100000", "2024/07/05 10:00"),
        ("2024-01-05T15:00:00Z", "2024-07-05T14:00:00Z"),
    ),
    "site": (
        ("2024-01-05 10:00:00.250", "2024-07-05 10:00"),
        ("2024-01-05T09:00:00.250Z", "2024-07-05T08:00:00Z"),
    ),
    "Asia/Kolkata": (
        ("2024-07-05 05:29:60", "2024-07-05T10:00:00+02:00"),
        ("2024-07-04T23:59:59.999Z", "2024-07-05T08:00:00Z"),
    ),
}


@FORMATS
async def test_local_times(empty_shop: Tenant, media: str, write: Callable[[Rows], bytes]) -> None:
    """Check instants without an offset, and that an offset counts more than the option."""
    for timezone, (local, instants) in LOCAL_TIMES.items():
        lines = await try_file(empty_shop, "visits", write(build_visits(*local)), media, timezone=timezone)
        assert read_instants(lines) == [datetime.fromisoformat(instant) for instant in instants], lines


async def test_time_zone_of_each_site(shop: Tenant) -> None:
    """Check sites by id, keys and name, points of interest, equipments, and an unknown site."""
    site = await shop.create(
        "sites", online=False, key="ny", name="Broadway", timezone="America/New_York", coordinates=[-74, 40.7]
    )
    await shop.create("pois", key="louvre", name="Louvre", timezone="Europe/Paris", coordinates=[2.34, 48.86])
    door = await shop.admin.post(f"/sites/{site['_id']}/equipments", json={"key": "door"})
    assert door.status_code == 201, door.text
    names = ("ny", site["_id"].upper(), "Broadway", "b1", "berlin-alt", "Filiale Mitte", "nowhere")
    rows = [{"user": f"u{n}", "site": name, "at": "2024-07-05 10:00:00"} for n, name in enumerate(names)]
    batch = (await ingest(shop, "visits", to_csv(rows), CSV, timezone="site")).json()
    assert (batch["accepted"], batch["rejected"]) == (6, 1)
    assert batch["reasons"] == [{"line": 8, "reason": "'site': No site has this id, key or name."}]
    hours = ("14", "14", "14", "08", "08", "08")
    same = [{**row, "at": f"2024-07-05T{hour}:00:00Z"} for row, hour in zip(rows, hours, strict=False)]
    assert (await ingest(shop, "visits", to_csv(same), CSV)).json()["duplicate"] == 6
    at_poi, at_site = ({"user": "u", "duration_s": 60, **place} for place in ({"poi": "louvre"}, {"site": "ny"}))
    for kind, field, events in (
        ("stays", "start", {"08": at_poi, "14": at_site}),
        ("detections", "at", {"14": {"device": "d", "equipment": "door"}}),
    ):
        local = [event | {field: "2024-07-05 10:00:00"} for event in events.values()]
        lines = await try_file(shop, kind, to_ndjson(local), NDJSON, timezone="site")
        instants = [datetime.fromisoformat(f"2024-07-05T{hour}:00:00Z") for hour in events]
        assert read_instants(lines, field) == instants, lines


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "site"])
@FORMATS
async def test_local_times_that_are_not_one_instant_are_rejected(
    empty_shop: Tenant, media: str, write: Callable[[Rows], bytes], timezone: str
) -> None:
    parts = {
        "2024-03-31 02:30:00": "skip",
        "2024-10-27 02:30:00": "twice",
        "2024-02-30 10:00:00": "does not exist",
    }
    rows = build_visits("2024-05-05 10:00:00", *parts, "2024-05-06 10:00:00")
    first, *rejected, last = await try_file(empty_shop, "visits", write(rows), media, timezone=timezone)
    assert first["accepted"]
    assert last["accepted"]
    for line, part in zip(rejected, parts.values(), strict=True):
        (error,) = line["errors"]
        assert (line["accepted"], error["field"], part in error["message"]) == (False, "at", True), error
        assert "02:30" not in error["message"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("params", "local", "instant"),
    [
        ({"dates": "dmy"}, "05.07.2024 09:05", "2024-07-05T07:05:00Z"),
        ({"dates": "dmy"}, "5/7/2024 9:05:07", "2024-07-05T07:05:07Z"),
        ({"dates": "mdy"}, "7/5/2024 9:05 PM", "2024-07-05T19:05:00Z"),
        ({"dates": "mdy"}, "7/5/2024, 12:05:00\u202fAM", "2024-07-04T22:05:00Z"),
        ({}, "25.07.2024 09:05", "2024-07-25T07:05:00Z"),
    ],
)
async def test_local_times_of_spreadsheets(
    empty_shop: Tenant, params: dict[str, str], local: str, instant: str
) -> None:
    for body, media in ((to_csv(build_visits(local)), CSV), (to_ndjson(build_visits(local)), NDJSON)):
        lines = await try_file(empty_shop, "visits", body, media, timezone="Europe/Berlin", **params)
        assert read_instants(lines) == [datetime.fromisoformat(instant)], lines


async def test_unknown_order_of_day_and_month(shop: Tenant) -> None:
    answer = await ingest(shop, "visits", to_csv(build_visits("05.07.2024 09:05")), CSV, timezone="Europe/Berlin")
    assert (answer.status_code, "dates=dmy" in answer.json()["detail"]) == (422, True)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
async def test_timestamps_of_parquet_without_a_time_zone(shop: Tenant, unit: str) -> None:
    """Check that they are refused with advice, and taken with a time zone, except in the hour that is skipped."""
    times = [datetime.fromisoformat(text) for text in ("2024-07-05T10:00", "2024-03-31T02:30", "2024-01-05T10:00")]
    table = pa.table(
        {"user": ["a", "b", "c"], "site": ["b1"] * 3, "at": pa.array(times, pa.timestamp(unit)), "end": pa.nulls(3)}
    )
    file = io.BytesIO()
    pq.write_table(table, file, version="2.6")
    answer = await ingest(shop, "visits", file.getvalue(), PARQUET)
    assert (answer.status_code, "timezone=" in answer.json()["detail"]) == (422, True)
    batch = (await ingest(shop, "visits", file.getvalue(), PARQUET, timezone="Europe/Berlin")).json()
    assert (batch["accepted"], batch["rejected"], batch["reasons"][0]["line"]) == (2, 1, 2)
    rejected = (await shop.editor.get(f"{shop.url}/ingest/{batch['_id']}/rejected")).json()
    assert rejected == {"user": "b", "site": "b1", "at": "2024-03-31T02:30:00"}
    same = [
        {"user": "a", "site": "b1", "at": "2024-07-05T08:00:00Z"},
        {"user": "c", "site": "b1", "at": "2024-01-05T09:00:00Z"},
    ]
    assert (await ingest(shop, "visits", to_ndjson(same))).json()["duplicate"] == 2


@pytest.mark.parametrize(
    ("kind", "params", "expected"),
    [
        ("visits", {"timezone": "Mars/Olympus"}, (400, "/timezone", "IANA")),
        ("pings", {"timezone": "site"}, (422, "/timezone", "name no site")),
        ("touches", {"timezone": "site"}, (422, "/timezone", "name no site")),
        ("visits", {"mapper__device": "d"}, (422, "/mapper[device]", "user, site")),
        ("visits", {"mapper__usr": "d"}, (400, "/mapper[usr]", "mapper[user]")),
        ("purchases", {"mapper__price": "d"}, (400, "/mapper[price]", "Did you mean 'mapper[amount]'?")),
        ("purchases", {"mapper__poi": "d"}, (422, "/mapper[poi]", "no such field. Fields")),
        ("visits", {"time__arrival": "d"}, (400, "/time[arrival]", "Did you mean 'time[at]'?")),
        ("stays", {"unit__duree": "min"}, (400, "/unit[duree]", "Did you mean 'unit[duration_s]'?")),
        ("nothing", {"mapper__price": "d"}, (400, "/mapper[price]", "Did you mean 'mapper[")),
        ("stays", {"unit__duration_s": "hours"}, (400, "/unit[duration_s]", "ms, s, min, h")),
        ("visits", {"unit__duration_s": "min"}, (422, "/unit[duration_s]", "with a unit: none")),
        ("stays", {"unit__start": "min"}, (400, "/unit[start]", "")),
        ("pings", {"unit__speed": "m"}, (400, "/unit[speed]", "km/h")),
        ("pings", {"unit__duration_s": "min"}, (422, "/unit[duration_s]", "accuracy, speed")),
    ],
)
async def test_impossible_options_are_refused(
    empty_shop: Tenant, kind: str, params: dict[str, str], expected: tuple[int, str, str]
) -> None:
    """Check the status, the pointer, and a part of the message."""
    status, pointer, part = expected
    answer = await ingest(empty_shop, kind, b"", **params)
    (fault,) = answer.json()["errors"]
    assert (answer.status_code, fault["pointer"], part in fault["message"]) == (status, pointer, True), fault
    assert (await empty_shop.reader.get(f"{empty_shop.url}/ingest")).json()["documents"] == []


@FORMATS
async def test_a_column_that_the_file_lacks(shop: Tenant, media: str, write: Callable[[Rows], bytes]) -> None:
    answer = await ingest(shop, "visits", write(build_visits("2024-07-05T10:00:00Z")), media, mapper__user="Kunde")
    assert answer.status_code == 422
    assert "mapper" in answer.json()["detail"]


async def test_blank_options_mean_absent(shop: Tenant) -> None:
    body = to_ndjson(build_visits("2024-07-05T10:00:00Z"))
    answer = await ingest(shop, "visits", body, mapper__user="", timezone="", unit__duration_s="")
    assert answer.json()["accepted"] == 1


# -- what the batch says ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "media", "advice"),
    [
        ("visits", to_csv(build_visits("2024-07-05 10:00", "2024-07-06 10:00")), CSV, "timezone="),
        ("visits", to_ndjson([{"kunde": "a", "site": "b1", "at": "2024-07-05T10:00:00Z"}] * 2), NDJSON, "mapper["),
        ("visits", to_ndjson([{"site": "b1", "at": "2024-07-05T10:00:00Z"}] * 2), JSON, "mapper["),
        ("visits", to_csv([{"Kunde": "a", "site": "b1", "at": "x"}]), CSV, "mapper["),
        ("visits", to_csv(build_visits("x")).decode().encode("utf-16-le"), CSV, "encoding"),
        (
            "visits",
            to_csv(build_visits("2024-07-05T10:00:00Z", user="Zoé")).decode().encode("cp1252"),
            CSV,
            "encoding=",
        ),
    ],
)
async def test_a_file_that_fails_as_a_whole_names_the_option(
    shop: Tenant, kind: str, body: bytes, media: str, advice: str
) -> None:
    answer = await ingest(shop, kind, body, media)
    assert (answer.status_code, advice in answer.json()["detail"]) == (422, True), answer.text
    assert "Kunde" not in answer.text


async def test_sites_by_their_name(shop: Tenant) -> None:
    """Check that a name counts when one site has it, and that keys count more than names."""
    for key, name in (("x1", "Doppelt"), ("x2", "Doppelt"), ("x3", "b1")):
        await shop.create("sites", online=False, key=key, name=name, coordinates=[13.4, 52.5])
    names = ("Filiale Mitte", "Doppelt", "b1", "filiale mitte", "berlin-alt")
    rows = [{"user": f"u{n}", "site": name, "at": "2024-07-05T10:00:00Z"} for n, name in enumerate(names)]
    batch = (await ingest(shop, "visits", to_ndjson(rows))).json()
    assert (batch["accepted"], batch["reasons"]) == (
        3,
        [
            {"line": 2, "reason": "'site': Several sites have this name. Give the id or key."},
            {"line": 4, "reason": "'site': No site has this id, key or name."},
        ],
    )
    local = [{**row, "at": "2024-07-05 10:00:00"} for row in rows]
    lines = await try_file(shop, "visits", to_ndjson(local), NDJSON, timezone="site")
    messages = [f"'site': {error['message']}" for line in lines for error in line["errors"]]
    assert messages == [reason["reason"] for reason in batch["reasons"]]
    same = [{**row, "site": "b1"} for row in rows]
    assert (await ingest(shop, "visits", to_ndjson(same))).json()["duplicate"] == 3


async def test_events_in_no_place_and_from_the_future_are_counted(shop: Tenant, server: Server) -> None:
    later = (server.clock() + timedelta(days=2)).isoformat()
    berlin, ocean = {"lng": 13.4, "lat": 52.5}, {"lng": -30.0, "lat": 40.0}
    pings = [
        {"user": "a", "at": "2024-07-05T10:00:00Z", **berlin},
        {"user": "a", "at": "2024-07-05T10:00:00Z", **ocean},
        {"user": "b", "at": "2023-02-05T10:00:00Z", **ocean},
        {"user": "b", "at": later, **ocean},
        {"user": "c", "at": later, **berlin},
    ]
    batch = (await ingest(shop, "pings", to_ndjson(pings))).json()
    assert (batch["accepted"], batch["unmatched"], batch["future"]) == (5, 3, 2)
    again = (await ingest(shop, "pings", to_ndjson(pings[1:3]))).json()
    assert (again["duplicate"], again["unmatched"], again["future"]) == (2, 2, 0)
    stored = (await shop.reader.get(f"{shop.url}/ingest/{batch['_id']}")).json()
    assert (stored["unmatched"], stored["future"]) == (3, 2)
    await shop.create("campaigns", key="c", **{"from": "2024-01-01", "to": "2099-01-01"})
    days = [(server.clock() + timedelta(days=ahead)).date().isoformat() for ahead in (-2, 2)]
    deliveries = [{"campaign": "c", "day": day, "prints": 1} for day in days]
    assert (await ingest(shop, "deliveries", to_ndjson(deliveries))).json()["future"] == 1


@pytest.mark.parametrize(
    ("day", "time"),
    [
        ("02/05/2024", "10h05"),
        ("02/05/2024", "10:05"),
        ("2024-05-02", "10:05:00"),
        ("2.5.2024", "10.05"),
        ("2024-05-02 00:00:00", "1899-12-30 10:05:00"),
        ("02/05/2024", "10:05 AM"),
    ],
)
@FORMATS
async def test_instants_in_two_columns(
    empty_shop: Tenant, media: str, write: Callable[[Rows], bytes], day: str, time: str
) -> None:
    """Check days and times of day in columns of their own, also where two instants share the day."""
    rows = [
        {"Client": "k1", "Site": "b1", "Date": day, "Arrivée": time, "Départ": "12:00"},
        {"Client": "k1", "Site": "b1", "Date": day, "Arrivée": "25:00", "Départ": "12:00"},
    ]
    mapper = {"mapper__user": "Client", "mapper__site": "Site", "mapper__at": "Date", "mapper__end": "Date"}
    times = {"time__at": "Arrivée", "time__end": "Départ"}
    answer = await ingest(
        empty_shop, "visits", write(rows), media, timezone="Europe/Paris", dates="dmy", dryRun="true", **mapper, **times
    )
    good, bad = answer.json()["lines"]
    read = {name: datetime.fromisoformat(good["values"][name]).timestamp() for name in ("at", "end")}
    assert read == {
        "at": datetime.fromisoformat("2024-05-02T10:05:00+02:00").timestamp(),
        "end": datetime.fromisoformat("2024-05-02T12:00:00+02:00").timestamp(),
    }
    assert [error["field"] for error in bad["errors"]] == ["at"]


async def test_a_time_of_day_belongs_to_an_instant(empty_shop: Tenant) -> None:
    body = b"user;site;day;at\n"
    for options, message in (
        ({"time__amount": "x"}, "'time[amount]'"),
        ({"time__at": "Heure"}, "no column 'Heure'"),
        ({"time__day": "x"}, None),
    ):
        answer = await ingest(empty_shop, "visits", body, CSV, **options)
        assert answer.status_code in (400, 422), answer.text
        assert message is None or message in answer.json()["detail"]
