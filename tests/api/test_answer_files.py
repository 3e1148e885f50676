"""Answers as files: CSV, XLSX and Parquet have the numbers of JSON."""

import errno
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import httpx
import openpyxl
import pytest
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import CATALOGUE
from pyarrow import parquet

from tests.api.analytics import World, build_body, build_path, load_world
from tests.api.file_readers import Row, is_day, read_csv, read_parquet, read_xlsx, unify
from tests.api.server import Server
from tests.api.strategies import draw_geo_marketing_question, draw_presence_question
from tests.by_hand.question import Question
from tests.by_hand.truth import Place, Stay, Study, Truth
from tests.engine.strategies import random_conversion_question, random_performance_question

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

Json = dict[str, Any]
SPRING = {"from": "2024-03-16", "to": "2024-04-07"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PARQUET = "application/vnd.apache.parquet"
CHANGE = "+0.00%;-0.00%;0.00%"
POINTS = '+0.00%" pts";-0.00%" pts";0.00%" pts"'
DRAW_QUESTION: Mapping[Module, Callable[[Truth, Random], Question]] = {
    Module.GEO_MARKETING: draw_geo_marketing_question,
    Module.PRESENCE: draw_presence_question,
    Module.CONVERSION: random_conversion_question,
    Module.PERFORMANCE: random_performance_question,
}


async def ask(world: World, body: Json, query: Json, *, path: str = "", accept: str = "*/*") -> httpx.Response:
    """Return the response to a question."""
    url = path or f"{world.tenant.url}/presence/analytics"
    response = await world.reader.post(url, params=query, json=body, headers={"Accept": accept})
    assert response.status_code == 200, response.text
    return response


async def ask_rows(world: World, body: Json, query: Json, *, path: str = "") -> dict[str, list[Row]]:
    """Return the rows of the answer in each format of tables, with floats for all numbers."""
    readers: Mapping[str, Callable[[httpx.Response], list[Row]]] = {
        "csv": read_csv,
        "xlsx": lambda response: read_xlsx(response.content),
        "parquet": lambda response: read_parquet(response.content),
    }
    rows = {}
    for name, read in readers.items():
        response = await ask(world, body, {**query, "format": name}, path=path)
        assert response.headers["content-disposition"].endswith(f'.{name}"')
        rows[name] = unify(read(response))
    return rows


# -- the same numbers ------------------------------------------------------------------------------------------------


def list_numbers(leaf: Any) -> Iterator[float]:
    """Yield all numbers of a leaf but those that say what an item is about."""
    if isinstance(leaf, dict):
        for name, value in leaf.items():
            if name not in {"from", "to", "rank"}:
                yield from list_numbers(value)
    elif isinstance(leaf, list):
        for value in leaf:
            yield from list_numbers(value)
    elif isinstance(leaf, bool | int | float):
        yield float(leaf)


def list_json_numbers(results: list[Json]) -> Counter[Any]:
    """Return how often the answer has each number, by KPI, scope, scope value and bucket."""
    numbers: Counter[Any] = Counter()
    for result in results:
        rows = {None: result["data"]} if result["scope"] == "globals" else result["data"]
        for identifier, row in rows.items():
            leaves = {"all": row["all"]} | row["temporals"]
            for bucket, leaf in leaves.items():
                place = (result["kpi"], result["scope"], identifier, bucket)
                numbers.update((*place, number) for number in list_numbers(leaf))
    return numbers


def list_long_numbers(rows: list[Row]) -> Counter[Any]:
    """Return the same of the rows of a long table."""
    return Counter(
        (row["kpi"], row["scope"], row["_id"], row["bucket"], row["value"]) for row in rows if row["value"] is not None
    )


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 8))])
async def test_all_formats_have_the_same_numbers(alpha: World, seed: int) -> None:
    random = Random(seed)
    module = list(DRAW_QUESTION)[seed % 4]
    question = DRAW_QUESTION[module](alpha.truth, random)
    kpis = [kpi.name for kpi in CATALOGUE[module] if question.scope == "globals" or question.scope in kpi.scopes]
    body = build_body(alpha, tuple(random.sample(kpis, min(len(kpis), 6))), question)
    query = {"from": question.first.isoformat(), "to": question.last.isoformat()}
    path = build_path(alpha, module, question)
    expected = list_json_numbers((await ask(alpha, body, query, path=path)).json())
    rows = await ask_rows(alpha, body, query, path=path)
    for name, table in rows.items():
        assert list_long_numbers(table) == expected, name
        assert all(is_day(row["from"]) for row in table)
    assert rows["csv"] == rows["xlsx"] == rows["parquet"]


def compare_body(module: Module) -> Json:
    """Return a question with numbers and objects that is compared with two periods, by two groupings."""
    kpis = {
        Module.PRESENCE: ("sessions", "timespentPerScope", "visitOrder"),
        Module.CONVERSION: ("revenues", "offlineVisitsAttributions", "comparisonOfflineVisits", "ctr"),
        Module.PERFORMANCE: ("sales", "conversionRate", "basketDistribution"),
    }[module]
    params: list[Json] = [{"kpi": kpi, "granularity": "week"} for kpi in kpis]
    params.append({"kpi": kpis[0], "by": ["sites.tags", {"of": "sites", "limit": 2, "others": True, "share": True}]})
    longer = {"from": "2024-03-11", "to": "2024-04-10"}
    return {"params": params, "compare": {"to": ["previousYearSameWeekday", longer]}}


@pytest.mark.parametrize("layout", ["long", "wide"])
@pytest.mark.parametrize("module", [Module.PRESENCE, Module.CONVERSION, Module.PERFORMANCE])
async def test_comparisons_and_groupings_are_the_same_in_all_formats(alpha: World, module: Module, layout: str) -> None:
    path = build_path(alpha, module, Question(date(2024, 3, 16), date(2024, 4, 7)))
    body = compare_body(module)
    if module is Module.CONVERSION:  # what is attributed to campaigns has no tags of sites twice
        body["params"][-1]["by"][0] = "campaigns.provider"
    rows = await ask_rows(alpha, body, {**SPRING, "layout": layout}, path=path)
    if layout == "wide":  # only CSV lets the reader guess the types of the other columns
        rows["csv"] = [{name: read_number(value) for name, value in row.items()} for row in rows["csv"]]
        for name in ("xlsx", "parquet"):
            rows[name] = [{name: read_number(value) for name, value in row.items()} for row in rows[name]]
    assert rows["csv"] == rows["xlsx"] == rows["parquet"]
    results = (await ask(alpha, body, SPRING, path=path)).json()
    total = results[0]["data"]["all"]
    comparisons = {
        each["to"] if isinstance(each["to"], str) else "2024-03-11..2024-04-10": each
        for each in results[0]["comparisons"]
    }
    lines = [
        row
        for row in rows["xlsx"]
        if row["kpi"] == results[0]["kpi"] and row["scope"] == "globals" and row["bucket"] == "all"
    ]
    assert {row["compared_to"]: (row["value"], row["compared_value"], row["change"]) for row in lines} == {
        name: (total, each["data"]["all"], each["change"]["all"]) for name, each in comparisons.items()
    }
    assert {"outer_id", "compared_from"} <= rows["parquet"][0].keys()


async def test_shares_and_pairs_are_the_same_in_all_formats(alpha: World) -> None:
    inner = {"of": "sites", "limit": 2, "others": True, "share": True}
    body = {"params": [{"kpi": "sessions", "by": ["sites.tags", inner]}, {"kpi": "areaMatching", "temporals": False}]}
    rows = await ask_rows(alpha, body, SPRING)
    assert rows["csv"] == rows["xlsx"] == rows["parquet"]
    assert {"outer_id", "share", "subitem"} <= rows["parquet"][0].keys()


def read_number(value: Any) -> Any:
    """Return the number in a cell; other values as they are."""
    texts = {"true": True, "false": False}
    try:
        return texts.get(value, value) if value in texts else float(value)
    except (TypeError, ValueError):
        return value


# -- layouts ---------------------------------------------------------------------------------------------------------

BANDS = {"params": [{"kpi": "timespentPerScope", "temporals": False}, {"kpi": "sessions", "temporals": False}]}


async def test_long_tables_have_a_line_for_each_number(alpha: World) -> None:
    leaf = (await ask(alpha, BANDS, SPRING)).json()[0]["data"]["all"]
    rows = read_csv(await ask(alpha, BANDS, {**SPRING, "format": "csv"}))
    bands = [
        (
            f"bins.{name}",
            f"[{band['from']}, {'' if band['to'] is None else band['to']})",
            band["from"],
            band["to"],
            band[name],
        )
        for band in leaf["bins"]
        for name in ("value", "share")
    ]
    others = [(name, None, None, None, leaf[name]) for name in ("unknown", "total", "mean", "median")]
    columns = ("field", "item", "item_from", "item_to", "value")
    assert [tuple(row[column] for column in columns) for row in rows[:-1]] == bands + others
    assert {(row["unit"], row["measure"]) for row in rows[:-1]} == {(leaf["unit"], leaf["measure"])}
    assert [rows[-1][column] for column in ("kpi", "field", "item")] == ["sessions", None, None]


@pytest.mark.parametrize(
    ("query", "accept", "is_long"),
    [
        ({}, "text/csv", False),  # as before there were layouts
        ({"layout": "long"}, "text/csv", True),
        ({"format": "csv"}, "*/*", True),
        ({"format": "csv"}, "text/csv", True),
        ({"format": "csv", "layout": "wide"}, "*/*", False),
    ],
)
async def test_default_layout_of_csv(alpha: World, query: Json, accept: str, is_long: bool) -> None:
    response = await ask(alpha, BANDS, {**SPRING, **query}, accept=accept)
    header = response.text.splitlines()[0]
    more = "unit,measure,bins,unknown,total,mean,median"
    columns = "field,item,item_from,item_to,unit,measure,value" if is_long else f"value,{more}"
    assert header == f"kpi,mode,scope,granularity,_id,key,name,bucket,from,{columns}"


async def test_tables_of_numbers_are_the_same_in_both_layouts(alpha: World) -> None:
    body = {"params": [{"kpi": "sessions", "granularity": "week", "sites": True}]}
    texts = [
        (await ask(alpha, body, {**SPRING, "format": "csv", "layout": layout})).text for layout in ("long", "wide")
    ]
    assert texts[0] == texts[1]


# -- CSV for spreadsheets --------------------------------------------------------------------------------------------

WEEKS = {"params": [{"kpi": "timespent", "granularity": "week"}]}


async def test_csv_for_french_spreadsheets(alpha: World) -> None:
    plain = read_csv(await ask(alpha, WEEKS, {**SPRING, "format": "csv"}))
    response = await ask(alpha, WEEKS, {**SPRING, "format": "csv", "locale": "fr"})
    assert response.content.startswith(b"\xef\xbb\xbfkpi;mode;scope;granularity;_id;key;name;bucket;from;value\r\n")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    lines = response.content.decode("utf-8-sig").splitlines()
    total = (await ask(alpha, WEEKS, SPRING)).json()[0]["data"]["all"]
    assert lines[1] == f"timespent;histogram;globals;week;;;;all;16/03/2024;{str(total).replace('.', ',')}"
    assert read_csv(response, delimiter=";", decimal=",", dates="%d/%m/%Y") == plain
    assert any(row["value"] and row["value"] % 1 for row in plain)


@pytest.mark.parametrize(
    ("query", "start", "line"),
    [
        ({}, b"kpi,", "2024-03-16,"),
        ({"delimiter": "tab"}, b"kpi\t", "2024-03-16\t"),
        ({"bom": "true"}, b"\xef\xbb\xbfkpi,", "2024-03-16,"),
        ({"dates": "mdy"}, b"kpi,", "03/16/2024,"),
        ({"locale": "en"}, b"\xef\xbb\xbfkpi,", "2024-03-16,"),
        ({"locale": "fr", "delimiter": "|", "bom": "false"}, b"kpi|", "16/03/2024|"),
        ({"encoding": "windows-1252", "locale": "fr"}, b"kpi;", "16/03/2024;"),
    ],
)
async def test_options_of_csv(alpha: World, query: Json, start: bytes, line: str) -> None:
    for more, accept in (({"format": "csv"}, "*/*"), ({}, "text/csv")):
        response = await ask(alpha, WEEKS, {**SPRING, **more, **query}, accept=accept)
        assert response.content.startswith(start)
        assert line in response.text.splitlines()[1]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"format": "xls"}, 400, "'json', 'csv', 'xlsx' or 'parquet'"),
        ({"format": "geojson"}, 400, "'json', 'csv', 'xlsx' or 'parquet'"),
        ({"layout": "square"}, 400, "'long' or 'wide'"),
        ({"dates": "ymd"}, 400, "'iso', 'dmy' or 'mdy'"),
        ({"locale": "it"}, 400, "'en' or 'fr'"),
        ({"delimiter": "x"}, 400, "';'"),
        ({"decimal": ","}, 422, "delimiter"),
        ({"locale": "fr", "delimiter": ","}, 422, "delimiter"),
        ({"format": "xlsx", "from": "2024-04-08", "to": "2024-04-07"}, 422, "from"),
        ({"format": "parquet", "sheet": "1"}, 400, "sheet"),
    ],
)
async def test_errors_say_what_would_work(alpha: World, query: Json, status: int, message: str) -> None:
    url = f"{alpha.tenant.url}/presence/analytics"
    response = await alpha.reader.post(url, params={**SPRING, **query}, json=WEEKS)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert message in response.json()["detail"]


# -- typed files -----------------------------------------------------------------------------------------------------


async def test_columns_of_parquet_have_types(alpha: World) -> None:
    body = {
        "params": [{"kpi": "sessions", "granularity": "day", "sites": {"properties": ["name"]}}],
        "compare": {"to": "previousYear"},
    }
    response = await ask(alpha, body, {**SPRING, "format": "parquet"})
    assert response.headers["content-type"] == PARQUET
    assert response.headers["content-disposition"] == 'attachment; filename="presence.parquet"'
    schema = parquet.read_schema(io.BytesIO(response.content))
    types = {field.name: str(field.type) for field in schema}
    assert types == {
        **dict.fromkeys(
            ("kpi", "mode", "scope", "granularity", "_id", "key", "name", "bucket", "compared_to"), "string"
        ),
        **dict.fromkeys(("from", "compared_from"), "date32[day]"),
        **dict.fromkeys(("value", "compared_value"), "int64"),
        "change": "double",
    }
    mean = await ask(alpha, WEEKS, {**SPRING, "format": "parquet"})
    assert str(parquet.read_schema(io.BytesIO(mean.content)).field("value").type) == "double"


async def test_spreadsheets_have_formats_and_a_frozen_header(alpha: World) -> None:
    body = {
        "params": [
            {"kpi": kpi, "temporals": False, "granularity": "week"} for kpi in ("visits", "conversionRate", "sales")
        ],
        "compare": {"to": {"from": "2024-03-20", "to": "2024-03-31"}},
    }
    path = f"{alpha.tenant.url}/performance/analytics"
    response = await ask(alpha, body, {**SPRING, "format": "xlsx"}, path=path)
    assert response.headers["content-type"] == XLSX
    sheet = openpyxl.load_workbook(io.BytesIO(response.content)).active
    assert sheet is not None
    assert (sheet.title, sheet.freeze_panes, sheet.auto_filter.ref) == ("performance", "A2", "A1:N4")
    header = [cell.value for cell in sheet[1]]
    assert all(cell.font.b for cell in sheet[1])
    formats = {
        row[0].value: (row[header.index("value")].number_format, row[header.index("change")].number_format)
        for row in sheet.iter_rows(min_row=2)
    }
    assert formats == {
        "visits": ("#,##0", CHANGE),
        "conversionRate": ("0.00%", POINTS),
        "sales": ("#,##0.00", CHANGE),
    }
    assert {cell.number_format for row in sheet.iter_rows(min_row=2) for cell in row if cell.is_date} == {"mm-dd-yy"}
    assert 10 <= sheet.column_dimensions["A"].width <= 50


@pytest.mark.parametrize("layout", ["long", "wide"])
async def test_spreadsheets_show_differences_of_rates_in_points(alpha: World, layout: str) -> None:
    body = {
        "params": [{"kpi": "visitorVsPedestrian", "temporals": False}],
        "compare": {"to": {"from": "2024-03-20", "to": "2024-03-31"}},
    }
    path = f"{alpha.tenant.url}/studies/{alpha.truth.studies[0].id}/geo-marketing/analytics"
    response = await ask(alpha, body, {**SPRING, "format": "xlsx", "layout": layout}, path=path)
    sheet = openpyxl.load_workbook(io.BytesIO(response.content)).active
    assert sheet is not None
    header = [cell.value for cell in sheet[1]]
    cells = [dict(zip(header, row, strict=True)) for row in sheet.iter_rows(min_row=2)]
    if layout == "wide":
        (line,) = cells
        changes = {name.partition(".")[2]: line[name] for name in line if str(name).startswith("change.")}
    else:
        changes = {line["field"].value: line["change"] for line in cells}
    formats = {name: cell.number_format for name, cell in changes.items()}
    assert formats == {"visitor": CHANGE, "pedestrian": CHANGE, "captureRate": POINTS}
    (element,) = (await ask(alpha, body, SPRING, path=path)).json()
    values = {name: cell.value for name, cell in changes.items()}
    assert values == element["comparisons"][0]["change"]["all"]


async def test_texts_are_never_formulas(server: Server) -> None:
    site = Place(f"{'5e18' * 5}f00a", "0042", "=1+1", (4.8, 45.7))
    stay = Stay("user-1", site.id, "indoor", datetime(2024, 3, 20, 12, tzinfo=UTC), 600)
    truth = Truth(sites=(site,), studies=(Study(f"{'5e18' * 5}f00b", "-1", (site.id,)),), stays=(stay,))
    world = await load_world(server, truth)
    body = {"params": [{"kpi": "attendance", "temporals": False, "globals": False, "sites": True}]}
    path = f"{world.tenant.url}/studies/-1/geo-marketing/analytics"
    (row,) = read_xlsx((await ask(world, body, {**SPRING, "format": "xlsx"}, path=path)).content)
    assert (row["key"], row["name"], row["value"]) == ("0042", "=1+1", 1)
    (row,) = read_parquet((await ask(world, body, {**SPRING, "format": "parquet"}, path=path)).content)
    assert (row["key"], row["name"], row["value"]) == ("0042", "=1+1", 1)


@pytest.mark.parametrize("file_format", ["json", "csv", "xlsx", "parquet"])
async def test_a_full_disk_is_reported(alpha: World, monkeypatch: pytest.MonkeyPatch, file_format: str) -> None:
    class FullDisk(io.BytesIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def seek(self, offset: int, whence: int = 0, /) -> int:
            self.flush()
            return super().seek(offset, whence)

    monkeypatch.setattr("okube_api.analytics.rendering.TemporaryFile", FullDisk)
    monkeypatch.setattr("okube_api.analytics.rendering.MOST_BYTES_IN_MEMORY", 0)
    url = f"{alpha.tenant.url}/presence/analytics"
    body = {"params": [{"kpi": "dropouts", "granularity": "week"}]}  # not in the cache
    response = await alpha.reader.post(url, params={**SPRING, "format": file_format}, json=body)
    assert (response.status_code, response.json()["code"]) == (507, "insufficient_storage"), response.text


# -- caches ----------------------------------------------------------------------------------------------------------

FORMATS = [
    ({}, "application/json", "application/json"),
    ({"format": "json"}, XLSX, "application/json"),
    ({"format": "csv"}, "*/*", "text/csv; charset=utf-8"),
    ({}, "text/csv", "text/csv; charset=utf-8"),
    ({"format": "csv"}, "application/vnd.ms-excel", "application/vnd.ms-excel; charset=utf-8"),
    ({"format": "csv", "locale": "fr"}, "*/*", "text/csv; charset=utf-8"),
    ({"format": "xlsx"}, "text/csv", XLSX),
    ({}, f"{XLSX}, */*;q=0.5", XLSX),
    ({"format": "parquet"}, "*/*", PARQUET),
    ({}, PARQUET, PARQUET),
]


async def test_answers_are_cached_by_format(alpha: World) -> None:
    first, second = [
        [await ask(alpha, BANDS, {**SPRING, **query}, accept=accept) for query, accept, _ in FORMATS] for _ in range(2)
    ]
    for response, again, (query, accept, media_type) in zip(first, second, FORMATS, strict=True):
        assert (response.headers["content-type"], response.headers["vary"].split(",")[0]) == (media_type, "Accept")
        assert (response.content, response.headers["etag"]) == (again.content, again.headers["etag"])
        headers = {"If-None-Match": response.headers["etag"], "Accept": accept}
        url = f"{alpha.tenant.url}/presence/analytics"
        unchanged = await alpha.reader.post(url, params={**SPRING, **query}, json=BANDS, headers=headers)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
    tags = {response.headers["etag"] for response in first}
    assert len(tags) == 6  # JSON, long CSV, wide CSV, French CSV, XLSX, Parquet
