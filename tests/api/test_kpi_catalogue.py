"""`GET /analytics/kpis`: what it promises is answered, what it excludes is refused, for the reason that it gives."""

from collections.abc import Iterator
from itertools import islice, product
from random import Random
from typing import Any

import httpx
import pytest
from okube_api.catalogue.kpi import Module

from tests.api.analytics import World
from tests.api.server import Json

pytestmark = pytest.mark.anyio

PATHS = {
    Module.GEO_MARKETING: "/studies/{study}/geo-marketing/analytics",
    Module.CONVERSION: "/conversions/levers/analytics",
    Module.PRESENCE: "/presence/analytics",
    Module.PERFORMANCE: "/performance/analytics",
}
PERIOD = {"from": "2024-03-18", "to": "2024-04-07"}
MOST_PARAMS = 50


async def read_catalogue(world: World, module: Module) -> list[Json]:
    """Return the records of the KPIs of a module."""
    records: list[Json] = (await world.reader.get("/analytics/kpis")).json()
    return [record for record in records if record["module"] == module.value]


async def ask(world: World, module: Module, params: list[Json]) -> httpx.Response:
    """Post a question about an application."""
    url = f"{world.tenant.url}{PATHS[module].format(study=world.truth.studies[0].id)}"
    query = PERIOD if module is Module.PRESENCE else {**PERIOD, "uplift": "false"}
    return await world.reader.post(url, params=query, json={"params": params})


def name_grouping(pattern: str) -> str:
    """Return a name of a pattern."""
    return pattern.replace("<name>", "region")


def split(params: list[Json]) -> Iterator[list[Json]]:
    """Yield the params, as many at a time as a question may have."""
    left = iter(params)
    while portion := list(islice(left, MOST_PARAMS)):
        yield portion


@pytest.mark.parametrize("module", Module)
async def test_groupings_of_the_catalogue_are_answered(alpha: World, module: Module) -> None:
    random = Random(module.value)
    params = []
    for record in await read_catalogue(alpha, module):
        names = list(record["by"])
        impossible = [set(pair["by"]) for pair in record["impossiblePairs"]]
        pairs = [pair for pair in product(names, repeat=2) if pair[0] != pair[1] and set(pair) not in impossible]
        options: Json = {"share": True} if "share" in record["options"] else {}
        by: list[list[Any]] = [[random.choice(names)], *([[*random.choice(pairs)]] if pairs else [])]
        single = by[0][0]
        if record["by"][single]["others"]:
            options |= {"others": True, "limit": 1}
        by[0] = [{"of": name_grouping(single), **options}]
        params += [
            {"kpi": record["kpi"], "temporals": False, "globals": False, "by": [*map(_name, each)]} for each in by
        ]
    for portion in split(params):
        response = await ask(alpha, module, portion)
        assert response.status_code == 200, response.text
        assert len(response.json()) == len(portion)


def _name(grouping: Any) -> Any:
    return grouping if isinstance(grouping, dict) else name_grouping(grouping)


@pytest.mark.parametrize("module", Module)
async def test_impossible_pairs_are_refused_for_the_same_reason(alpha: World, module: Module) -> None:
    records = await read_catalogue(alpha, module)
    pairs = [(record["kpi"], pair) for record in records for pair in record["impossiblePairs"]]
    for kpi, pair in Random(module.value).sample(pairs, min(len(pairs), 5)):
        names = [*map(name_grouping, pair["by"])]
        response = await ask(alpha, module, [{"kpi": kpi, "by": names}])
        (fault,) = response.json()["errors"]
        assert (response.status_code, fault["pointer"]) == (422, "/params/0/by")
        assert fault["message"] == pair["reason"].replace("<name>", "region")


@pytest.mark.parametrize("module", Module)
async def test_hours_are_answered_or_refused_as_the_catalogue_says(alpha: World, module: Module) -> None:
    records = await read_catalogue(alpha, module)
    hourly = [record["kpi"] for record in records if "hour" in record["granularities"]["histogram"]]
    assert hourly
    params = [{"kpi": kpi, "mode": "aggregation", "granularity": "hourOfWeek"} for kpi in hourly]
    for portion in split(params):
        response = await ask(alpha, module, portion)
        assert response.status_code == 200, response.text
    if daily := [record["kpi"] for record in records if record["kpi"] not in hourly]:
        daily = daily[:MOST_PARAMS]
        response = await ask(alpha, module, [{"kpi": kpi, "granularity": "hour"} for kpi in daily])
        pointers = [fault["pointer"] for fault in response.json()["errors"]]
        assert (response.status_code, pointers) == (422, [f"/params/{at}/granularity" for at in range(len(daily))])


async def test_shares_are_refused_where_the_catalogue_has_none(alpha: World) -> None:
    for module in Module:
        records = await read_catalogue(alpha, module)
        record = next(record for record in records if "share" not in record["options"])
        response = await ask(alpha, module, [{"kpi": record["kpi"], "by": [{"of": "sites", "share": True}]}])
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/params/0/by/0/share")


@pytest.mark.parametrize("module", Module)
async def test_values_sum_to_the_whole_where_the_catalogue_says_so(alpha: World, module: Module) -> None:
    groupings = [
        (record["kpi"], name)
        for record in await read_catalogue(alpha, module)
        if record["leaf"] == "N"
        for name, grouping in record["by"].items()
        if grouping["sumsToWhole"]
    ]
    assert groupings
    params = [{"kpi": kpi, "temporals": False, "by": [name_grouping(name)]} for kpi, name in groupings]
    for portion in split(params):
        response = await ask(alpha, module, portion)
        assert response.status_code == 200, response.text
        results = iter(response.json())
        for total, parts in zip(results, results, strict=True):
            values = [row["all"] for row in parts["data"].values()]
            tolerance = 0.005 * (len(values) + 1)  # each value is rounded to 2 decimals
            assert sum(values) == pytest.approx(total["data"]["all"], abs=tolerance), (parts["kpi"], parts["scope"])
