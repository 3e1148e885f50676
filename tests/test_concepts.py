"""The figures in `docs/concepts.md` and its pictures are those that the engine computes from the sample data."""

import re
from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from scripts.kpi_pages import DOCS, SAMPLES, SampleClient, run_samples

pytestmark = pytest.mark.anyio

PAGE = (DOCS / "concepts.md").read_text(encoding="utf-8")
PICTURES = sorted((DOCS / "pictures").glob("*.svg"))
STUDY, CONVERSION = "/studies/shops/geo-marketing/analytics", "/conversions/levers/analytics"
WEEKS = ("2024-03-04", "2024-03-11")


@pytest.fixture(scope="module")
async def sample() -> AsyncIterator[SampleClient]:
    """Run a server with the sample data, and the pings of the day after."""
    async with run_samples() as running:
        batch = await running.ingest("pings", SAMPLES / "pings.csv")
        assert batch.json()["accepted"] == 9
        yield running


def read_texts(picture: str) -> list[str]:
    """Return the texts of a picture."""
    root = ET.parse(DOCS / "pictures" / picture).getroot()
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


async def ask(sample: SampleClient, path: str, kpi: str, days: tuple[str, str], uplift: str = "false") -> Any:
    """Return the data of a KPI by `globals`, by week."""
    body = {"params": [{"kpi": kpi, "granularity": "week"}]}
    (element,) = await sample.post(path, body, **{"from": days[0], "to": days[1], "uplift": uplift})
    return element["data"]


@pytest.mark.slow
async def test_the_picture_of_a_stay(sample: SampleClient) -> None:
    day = ("2024-03-12", "2024-03-12")
    stays, dwell = [(await ask(sample, STUDY, kpi, day))["all"] for kpi in ("posSessions", "timespent")]
    assert (stays, f"one stay; dwell {dwell / 60:g} minutes") == (1, read_texts("stay.svg")[-4])


async def test_times_in_the_picture_of_a_stay() -> None:
    times = [text for text in read_texts("stay.svg") if re.fullmatch(r"\d+:\d\d", text)]
    lines = (SAMPLES / "pings.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert times == [line.split(",")[1][11:16].removeprefix("0") for line in lines]


async def test_the_picture_of_credits(sample: SampleClient) -> None:
    param = {"kpi": "offlineVisitsAttributions", "temporals": False, "campaigns": {"properties": ["key"]}}
    body = {"params": [{**param, "globals": False}], "filters": {"sites": ["lyon"]}}
    url = {"from": "2024-03-06", "to": "2024-03-06", "uplift": "false"}
    (element,) = await sample.post(CONVERSION, body, **url)
    shares_of = {row["key"]: row["all"] for row in element["data"].values()}
    shares = [
        f"{campaign} {shares_of[campaign][model]:g}"
        for model in ("fc", "lc", "linear", "shapley")
        for campaign in ("poster", "mail")
        if shares_of[campaign][model]
    ]
    assert [text for text in read_texts("credits.svg") if re.fullmatch(r"(poster|mail) [\d.]+", text)] == shares


async def test_the_picture_of_lift(sample: SampleClient) -> None:
    leaf = (await ask(sample, CONVERSION, "comparisonOfflineVisits", ("2024-03-01", "2024-03-11")))["all"]
    texts = read_texts("lift.svg")
    for group in ("exposed", "control"):
        assert f"{leaf[group]['visitors']} of {leaf[group]['users']} visited a shop:" in texts
        assert f"{leaf[group]['rate']:g}" in texts
    assert any(text.startswith(f"lift {leaf['lift']:g}:") for text in texts)
    assert any(text.startswith(f"{leaf['incrementalVisitors']:g} incremental visitors") for text in texts)
    assert "from {} to {}".format(*leaf["ci95"]) in PAGE
    assert not leaf["significant"]


async def test_the_picture_of_uplift(sample: SampleClient) -> None:
    people, inhabitants = [
        (await ask(sample, STUDY, "uniqUsers", WEEKS, uplift))["all"] for uplift in ("false", "true")
    ]
    texts = read_texts("uplift.svg")
    assert f"without uplift: {people} visitors" in texts
    assert f"with uplift: {inhabitants:g} visitors" in texts
    assert f"{people} visitors without uplift, {inhabitants:g} with it" in PAGE


async def test_figures_of_stays_are_those_of_the_measurement() -> None:
    table = (DOCS / "stays.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| high street, polygons \| every 5 minutes \| new \|(.*)\|$", table, re.MULTILINE)
    precision, recall, _, dwell_error, _ = (cell.strip() for cell in row.split("|"))
    text = " ".join(PAGE.split())
    assert f"{100 * float(precision):.0f} of 100 stays are visits" in text
    assert f"{100 * float(recall):.0f} of 100 visits are found" in text
    assert f"more than {dwell_error.removeprefix('+').removesuffix(' min')} minutes longer than the visit" in text


@pytest.mark.parametrize("kpi", ["posSessions", "attendance", "uniqUsers"])
async def test_the_table_of_counts(sample: SampleClient, kpi: str) -> None:
    data = await ask(sample, STUDY, kpi, WEEKS)
    (row,) = [line.replace("*", "") for line in PAGE.splitlines() if line.startswith("|") and kpi in line]
    assert row.endswith(f" | {data['temporals']['0']} | {data['temporals']['1']} | {data['all']} |")


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
async def test_pictures_are_used_and_described(picture: Any) -> None:
    assert f"](pictures/{picture.name})" in PAGE
    root = ET.parse(picture).getroot()
    assert root.get("aria-label")
    assert (root.get("width"), root.get("height")) == tuple((root.get("viewBox") or "").split()[2:])
