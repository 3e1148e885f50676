"""The sample files of events, and the errors that `docs/events.md` shows, are those of the server."""

import csv
import io
import json
import re
import shlex
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from scripts.kpi_pages import DOCS, SAMPLES, SampleClient, run_samples

pytestmark = pytest.mark.anyio

PAGE = (DOCS / "events.md").read_text(encoding="utf-8")
KINDS = re.findall(r"\(samples/(\w+)\.csv\)", PAGE)
NO_ZONE = b"user,site,at\nann,lyon,2024-03-06 11:00\n"
REFUSED = [  # kind, file, options: in the order of the page
    pytest.param("purchases", b"user,site,at,total\nann,lyon,2024-03-06T11:00:00Z,40\n", {}, id="another name"),
    pytest.param("purchases", b"user,site,at,amount\n", {"mapper[amount]": "total"}, id="no such column"),
    pytest.param("visits", NO_ZONE, {}, id="no time zone"),
    pytest.param("visits", b"", {}, id="no header"),
    pytest.param("visits", "user,site,at\nané,lyon,2024-03-06T11:00:00Z\n".encode("latin-1"), {}, id="not UTF-8"),
]

_EXAMPLE = re.compile(
    r"^```\n(?P<file>[^`]*)```\n\n"
    r"    POST /applications/shops/ingest/(?P<kind>\w+)\?(?P<query>\S+)\n"
    r"    okube-api ingest shops (?P<command>.*)$",
    re.MULTILINE,
)
EXAMPLES = {match["query"]: match for match in _EXAMPLE.finditer(PAGE)}
"""The examples of options, by the query string of the request."""


@pytest.fixture(scope="module")
async def sample() -> AsyncIterator[SampleClient]:
    """Run a server with the sites, campaigns and equipments of the samples and of the page, and no events."""
    async with run_samples(()) as running:
        coordinates = [-73.99, 40.75]
        site = {"key": "new-york", "name": "New York", "online": False, "coordinates": coordinates}
        await running.create("/sites", {**site, "timezone": "America/New_York"})
        await running.create("/campaigns", {"key": "spring", "name": "Spring", "format": "street"})
        yield running


async def send(sample: SampleClient, kind: str, content: bytes, type_: str = "text/csv", **url: str) -> httpx.Response:
    """Send events to try them, without writing anything."""
    path, headers = f"/applications/lumen/ingest/{kind}", {"Content-Type": type_}
    return await sample.client.post(path, params={"dryRun": "true", **url}, content=content, headers=headers)


def read_sample(kind: str) -> list[dict[str, str]]:
    """Return the rows of a sample file."""
    return list(csv.DictReader(io.StringIO((SAMPLES / f"{kind}.csv").read_text(encoding="utf-8"))))


async def test_every_kind_has_a_sample(sample: SampleClient) -> None:
    schemas = (await sample.client.get("/ingest/schemas")).json()
    assert list(schemas) == KINDS
    for kind in KINDS:
        required = schemas[kind]["required"]
        (row,) = re.findall(rf"^\| `{kind}` \|.*samples.*", PAGE, re.MULTILINE)
        assert row.split("|")[4].strip().startswith(", ".join(f"`{name}`" for name in required))
        assert {*schemas[kind]["properties"]} >= {*read_sample(kind)[0]} >= {*required}


@pytest.mark.parametrize("kind", KINDS)
async def test_samples_are_accepted(sample: SampleClient, kind: str) -> None:
    batch = (await send(sample, kind, (SAMPLES / f"{kind}.csv").read_bytes())).json()
    assert (batch["accepted"], batch["rejected"]) == (len(read_sample(kind)), 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_samples_are_accepted_as_ndjson(sample: SampleClient, kind: str) -> None:
    rows = [{name: text for name, text in row.items() if text} for row in read_sample(kind)]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    batch = (await send(sample, kind, lines.encode(), "application/x-ndjson")).json()
    assert (batch["accepted"], batch["rejected"]) == (len(rows), 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_samples_are_accepted_with_other_names(sample: SampleClient, kind: str) -> None:
    (row,) = re.findall(rf"^\| `{kind}` \|.*samples.*", PAGE, re.MULTILINE)
    options = dict(re.findall(r"`([\w\[\]]+)=([^`]+)`", row))
    rows = [rename(line, options) for line in read_sample(kind)]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    batch = (await send(sample, kind, text.getvalue().encode(), **options)).json()
    assert (batch.get("accepted"), batch.get("rejected")) == (len(rows), 0), batch


def rename(line: dict[str, str], options: dict[str, str]) -> dict[str, str]:
    """Return a row of a sample as a file has it that is sent with these options."""
    renamed: dict[str, str] = {}
    for field, text in line.items():
        column = options.get(f"mapper[{field}]", field)
        if f"time[{field}]" in options:
            renamed[column], renamed[options[f"time[{field}]"]] = text.removesuffix("Z").split("T")
        elif options.get("dates") == "dmy" and field == "day":
            renamed[column] = "/".join(reversed(text.split("-")))
        else:
            renamed[column] = text
    return renamed


@pytest.mark.parametrize("kind", KINDS)
async def test_messages_of_broken_lines(sample: SampleClient, kind: str) -> None:
    file = SAMPLES / "broken" / f"{kind}.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    batch = (await sample.ingest(kind, file)).json()
    expected = [(lines[reason["line"] - 1], reason["reason"]) for reason in batch["reasons"]]
    assert len(expected) == len(lines) - 1
    assert re.findall(rf"^\| `{kind}` \| `(.*?)` \| (.*?) \| [^|]*\|$", PAGE, re.MULTILINE) == expected


@pytest.mark.parametrize(
    ("type_", "content"),
    [("text/csv", b"user,site,at\n"), ("application/x-ndjson", b""), ("application/json", b"[]")],
)
async def test_files_without_events_are_accepted(sample: SampleClient, type_: str, content: bytes) -> None:
    headers = {"Content-Type": type_}
    answer = await sample.client.post("/applications/lumen/ingest/visits", content=content, headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (201, 0)


@pytest.mark.parametrize(("kind", "content", "options"), REFUSED)
async def test_messages_of_refused_files(sample: SampleClient, kind: str, content: bytes, options: Any) -> None:
    path, headers = f"/applications/lumen/ingest/{kind}", {"Content-Type": "text/csv"}
    answer = await sample.client.post(path, params=options, content=content, headers=headers)
    assert answer.status_code == 422
    assert f"| {answer.json()['detail']} |" in PAGE


def test_every_refusal_on_the_page_is_tried() -> None:
    (table,) = re.findall(r"\| file \| message \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE)
    assert len(table.splitlines()) == len(REFUSED)


def test_every_option_has_an_example() -> None:
    assert len(EXAMPLES) == PAGE.count("\n```\n\n    POST ") == 5


@pytest.mark.parametrize("query", EXAMPLES)
async def test_examples_of_options_are_accepted(sample: SampleClient, query: str) -> None:
    example, options = EXAMPLES[query], dict(parse_qsl(query))
    kind, _, *words = shlex.split(example["command"])
    assert (kind, read_options(words)) == (example["kind"], options)
    batch = (await send(sample, kind, example["file"].encode(), **options)).json()
    lines = example["file"].splitlines()[1:]
    assert (batch.get("accepted"), batch.get("rejected")) == (len(lines), 0), batch


def read_options(words: Sequence[str]) -> dict[str, str]:
    """Return options of the command as the query of a request has them."""
    options: dict[str, str] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        field, _, column = value.partition("=")
        option = name.removeprefix("--")
        options |= {f"{option}[{field}]": column} if column else {option: value}
    return options


@pytest.mark.parametrize(
    ("query", "text", "field", "values"),
    [
        (
            "timezone=site",
            "the visits are at 13:00 and 19:00 UTC",
            "at",
            ["2024-04-01T13:00:00.000Z", "2024-04-01T19:00:00.000Z"],
        ),
        ("dates=dmy", "The day is 3 April 2024. With `mdy` it is 4 March", "day", ["2024-04-03"]),
        ("unit[duration_s]=min", "The stay lasts 150 seconds", "duration_s", [150]),
    ],
)
async def test_values_of_examples_are_those_of_the_text(
    sample: SampleClient, query: str, text: str, field: str, values: list[Any]
) -> None:
    example = EXAMPLES[query]
    batch = (await send(sample, example["kind"], example["file"].encode(), **dict(parse_qsl(query)))).json()
    assert [line["values"][field] for line in batch["lines"]] == values
    assert text in PAGE
