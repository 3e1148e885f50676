"""The command that asks questions, on a store without a server: its tables, files, requests and refusals."""

import asyncio
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from okube_api.cli.api import open_api
from typer.testing import Result

from tests.processes import run_cli

pytestmark = pytest.mark.usefixtures("store_with_visits")

VISITS = {"lyon": (3, 1), "paris": (5, 4), "web": (0, 2)}
"""Visits of the two weeks of `DAYS`, by site."""
DAYS = ("--from", "2024-07-01", "--to", "2024-07-14")
MONDAYS = ("2024-07-01", "2024-07-08")
PURCHASES = ((20, "paris"), (130, "paris"), (45, "lyon"))


@pytest.fixture(scope="module")
def store_with_visits(module_folder: Path) -> None:
    """Fill a store with an application of three sites, their visits and purchases."""
    asyncio.run(_fill())


async def _fill() -> None:
    async with open_api(None, None, creates_store=True) as requests:
        application = {"key": "acme", "name": "Acme", "timezone": "Europe/Paris"}
        await requests.send("POST", "/applications", json=application)
        for key in VISITS:
            site = {
                "key": key,
                "name": f"Acme {key.title()}",
                "online": True,
                "tags": ["web" if key == "web" else "shop"],
            }
            await requests.send("POST", "/applications/acme/sites", json=site)
        visits = [
            {"user": f"{key}-{monday}-{number}", "site": key, "at": f"{monday}T10:00:00Z"}
            for key, counts in VISITS.items()
            for monday, count in zip(MONDAYS, counts, strict=True)
            for number in range(count)
        ]
        purchases = [
            {
                "user": f"{key}-2024-07-01-0",
                "site": key,
                "at": "2024-07-01T10:05:00Z",
                "id": str(number),
                "amount": amount,
            }
            for number, (amount, key) in enumerate(PURCHASES)
        ]
        for kind, events in (("visits", visits), ("purchases", purchases)):
            await requests.send("POST", f"/applications/acme/ingest/{kind}", json=events)


def ask(*arguments: str, days: tuple[str, ...] = DAYS) -> Result:
    """Run the command about the visits of both weeks."""
    return run_cli("ask", "acme", "performance", *arguments, *days)


def read_lines(*arguments: str) -> list[str]:
    """Return the lines that the command prints."""
    result = ask(*arguments)
    assert result.exit_code == 0, result.stderr
    return [line.rstrip() for line in result.stdout.splitlines() if line.strip()]


def send(path: str, params: Mapping[str, str], body: Any) -> bytes:
    """Return what the API answers to a request."""

    async def work() -> bytes:
        async with open_api(None, None) as requests:
            return (await requests.send("POST", path, params=params, json=body)).content

    return asyncio.run(work())


def test_sites_have_totals_sparklines_and_changes() -> None:
    assert read_lines("visits", "--sites", "--by", "week", "--compare", "2024-06-24..2024-07-07") == [
        "2024-07-01 to 2024-07-14 (Europe/Paris), compared with 2024-06-24..2024-07-07 (2024-06-24 to 2024-07-07)",
        "sites       key    visits  trend  before  change",
        "────────────────────────────────────────────────",
        "Acme Paris  paris       9  █▁          5  +80.0%",
        "Acme Lyon   lyon        4  █▁          3  +33.3%",
        "Acme Web    web         2   ▅          -       -",
        "────────────────────────────────────────────────",
        "Overall                15  █▁          8  +87.5%",
    ]


def test_over_all_there_is_a_line_for_each_kpi_and_each_bucket() -> None:
    assert read_lines("visits,averageBasket,conversionRate", "--by", "week") == [
        "2024-07-01 to 2024-07-14 (Europe/Paris)",
        "                 total  trend",
        "─────────────────────────────",
        "visits              15  █▁",
        "averageBasket    65.00  ▅",
        "conversionRate  20.00%  █▁",
        "week        visits  averageBasket  conversionRate",
        "─────────────────────────────────────────────────",
        "2024-07-01       8          65.00          37.50%",
        "2024-07-08       7              -           0.00%",
    ]


def test_an_object_has_a_table_for_each_of_its_lists() -> None:
    lines = read_lines("basketDistribution")
    assert [line.split() for line in lines if line.startswith(("[20, 50)", "[100, 200)", "total", "mean"))] == [
        ["[20,", "50)", "2", "66.67%"],
        ["[100,", "200)", "1", "33.33%"],
        ["total", "3"],
        ["mean", "65.00"],
    ]


def test_a_long_table_is_cut_at_the_largest_values() -> None:
    lines = read_lines("visits", "--sites", "--rows", "1")
    assert [line.split()[1] for line in lines if line.startswith("Acme")] == ["Paris"]
    assert lines[-1] == "2 more rows. To see all: --rows 3, --csv or --json."


def test_a_limit_is_the_one_of_the_api() -> None:
    lines = read_lines("visits", "--sites", "--limit", "1", "--others", "--share")
    assert [line.split() for line in lines[3:5]] == [
        ["Acme", "Paris", "paris", "9", "60.00%"],
        ["others", "6", "40.00%"],
    ]
    assert read_lines("visits", "--sites", "--limit", "1")[-1] == "1 of 3 sites by visits."


def test_sites_may_be_named_and_grouped() -> None:
    named = read_lines("visits", "--sites", "lyon,web")
    assert [line.split()[0:2] for line in named[3:5]] == [["Acme", "Lyon"], ["Acme", "Web"]]
    assert named[-1].split() == ["Overall", "6"]
    nested = read_lines("visits", "--scope", "sites.tags,sites")
    assert [line.split()[0] for line in nested[3:6]] == ["shop", "Acme", "web"]


def test_hours_of_the_week_are_categories() -> None:
    lines = read_lines("visits", "--by", "hour-of-week", "--rows", "200")
    assert [line.split() for line in lines if line.endswith("15") and "Mon" in line] == [["Mon", "12:00", "15"]]


def test_periods_are_days_of_the_application() -> None:
    """Compare with the API for the last complete days: the events are older, so that only the period is checked."""
    by_days = json.loads(ask("visits", "--json", "--days", "30", days=()).stdout)["meta"]
    by_word = json.loads(ask("visits", "--json", "--period", "last-30-days", days=()).stdout)["meta"]
    default = json.loads(ask("visits", "--json", days=()).stdout)["meta"]
    assert (by_days["from"], by_days["to"]) == (default["from"], default["to"]) == (by_word["from"], by_word["to"])


@pytest.mark.parametrize("output", ["--json", "--csv"])
def test_files_have_the_bytes_of_the_answer_to_the_printed_request(output: str) -> None:
    arguments = ("visits", "--sites", "--by", "week", "--filter", "site=lyon,paris", output)
    printed = ask(*arguments).stdout_bytes
    words = shlex.split(ask(*arguments, "--curl").stdout.replace("\\\n", ""))
    url, headers, body = urlsplit(words[2]), words[3:-2], words[-1]
    assert headers == ["-H", "Authorization: Bearer $OKUBE_TOKEN", "-H", "Content-Type: application/json"]
    assert url.netloc == "127.0.0.1:8000"
    sent = send(url.path, dict(parse_qsl(url.query)), json.loads(body))
    if output == "--json":
        answers = [json.loads(each) for each in (printed, sent)]
        for answer in answers:
            answer["meta"]["ms"] = 0
        assert answers[0] == answers[1]
        assert printed.startswith(b'{"results":[{"kpi":"visits"')
        assert printed.endswith(b"}")
    else:
        assert printed == sent
        assert b"Acme Lyon,all,2024-07-01,4" in printed


def test_csv_is_that_of_a_spreadsheet() -> None:
    printed = ask("visits", "--csv", "--locale", "fr").stdout_bytes
    assert printed.startswith(b"\xef\xbb\xbfkpi;mode;scope")


def test_codes_of_notes_are_not_among_the_lines_of_a_file() -> None:
    result = ask("visits", "--csv", "--from", "2019-01-01", "--to", "2019-01-02", days=())
    assert "notes: no_events" in result.stderr
    assert "no_events" not in result.stdout
    table = ask("visits", "--sites", "--from", "2019-01-01", "--to", "2019-01-02", days=()).stdout
    assert "There is no data for visits by sites." in table
    assert "Note: There are no visits" in table


def test_curl_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKUBE_STORE_URL", "duckdb:absent/okube.duckdb")
    monkeypatch.setenv("OKUBE_TOKEN", "secret")
    period = ("--period", "2024-03-01..2024-03-31")
    result = run_cli("ask", "l'été", "presence", "sessions", *period, "--url", "https://api.example/v1/", "--curl")
    assert result.stdout.startswith(
        "curl -sS 'https://api.example/v1/applications/l%27%C3%A9t%C3%A9/presence/analytics"
        "?from=2024-03-01&to=2024-03-31&meta=true' \\\n"
    )
    assert "secret" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("acm", "performance", "visits"), "No application 'acm'. Did you mean 'acme'?"),
        (("acme", "performnce", "visits"), "Unknown module 'performnce'. Did you mean 'performance'?"),
        (("acme", "performance", "visitz"), "Unknown KPI 'visitz' in performance. Did you mean 'visits'?"),
        (("acme", "performance", ","), "Name at least one KPI"),
        (("acme", "performance", "visits", "--filter", "sit=lyon"), "Unknown field 'sit'. Did you mean 'sites'?"),
        (("acme", "performance", "visits", "--sites", "lyonn"), "There is no site 'lyonn'. Did you mean 'lyon'?"),
        (("acme", "performance", "visits", "--filter", "hours=25"), "'filters.hours.0': Input should be less"),
        (("acme", "performance", "visits", "--from", "2024-13-01"), "'from': This day does not exist."),
        (("acme", "performance", "visits", "--days", "3", "--period", "last-week"), "Give the period once"),
        (("acme", "performance", "visits", "--from", "2024-01-01", "--days", "3"), "Give the period once"),
        (("acme", "performance", "visits", "--period", "last-wek"), "Did you mean 'last-week'?"),
        (("acme", "performance", "visits", "--csv", "--json"), "Use either --csv or --json."),
        (("acme", "performance", "visits", "--locale", "fr"), "--locale is an option of --csv."),
        (("acme", "performance", "visits", "--limit", "3"), "need --sites or --scope"),
        (("acme", "performance", "visits", "--like-for-like"), "--like-for-like needs --compare."),
        (("acme", "geo-marketing", "uniqUsers", "--study", "x"), "No study 'x'."),
        (("acme", "performance", "visits", "--url", "http://127.0.0.1:1"), "--url needs a token"),
    ],
)
def test_what_is_wrong_is_named(arguments: tuple[str, ...], message: str) -> None:
    result = run_cli("ask", *arguments)
    assert (result.exit_code, message in result.stderr) == (1, True), result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("arguments", [(), ("--sites",), ("acme", "performance", "--sites")])
def test_missing_arguments_are_named(arguments: tuple[str, ...]) -> None:
    result = run_cli("ask", *arguments)
    assert (result.exit_code, "Missing argument" in result.stderr) == (2, True), result.output
