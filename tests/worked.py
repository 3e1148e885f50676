"""Questions over HTTP, with answers reduced to what was computed on paper."""

import json
from collections.abc import Iterable
from typing import Any

from tests.api.server import Tenant

Json = dict[str, Any]
WITH_KEY: Json = {"properties": ["key"]}


async def ingest_rows(tenant: Tenant, kind: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Ingest events, one a row; fields that are None are left out."""
    names = columns.split()
    events = [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    headers = {"Content-Type": "application/x-ndjson"}
    response = await tenant.editor.post(f"{tenant.url}/ingest/{kind}", content=lines.encode(), headers=headers)
    assert response.status_code == 201, response.text
    assert (response.json()["accepted"], response.json()["rejected"]) == (len(events), 0), response.text


class ModuleClient:
    """Asks questions of one module over some days; scope values are returned by key."""

    def __init__(self, tenant: Tenant, path: str, days: tuple[str, str], **url: str) -> None:
        self.tenant, self.path, self.url = tenant, path, {"from": days[0], "to": days[1], **url}

    async def data(self, kpi: str, scope: str = "globals", filters: Json | None = None, **options: Any) -> Json:
        """Return the `data` of an answer; by scope, the leaves of each value by its key."""
        param: Json = {"kpi": kpi, **options}
        if scope != "globals":
            param |= {"globals": False, scope: True if scope in {"homes", "extras"} else WITH_KEY}
        body: Json = {"params": [param]} | ({"filters": filters} if filters else {})
        response = await self.tenant.reader.post(self.tenant.url + self.path, params=self.url, json=body)
        assert response.status_code == 200, response.text
        (element,) = response.json()
        assert (element["kpi"], element["scope"]) == (kpi, scope)
        data: Json = element["data"]
        if scope == "globals":
            return data
        return {row.pop("key", value): select_leaves(row) for value, row in data.items()}

    async def over_period(self, kpi: str, scope: str = "globals", filters: Json | None = None) -> Any:
        """Return the leaf over all days; by scope, that of each value."""
        data = await self.data(kpi, scope, filters, temporals=False)
        return data["all"] if scope == "globals" else {key: row["all"] for key, row in data.items()}

    async def by_week(self, kpi: str) -> tuple[Any, Json]:
        """Return the leaf over all days, and those of the weeks."""
        data = await self.data(kpi, granularity="week")
        return data["all"], data["temporals"]

    async def by_day(self, kpi: str, scope: str = "globals") -> Any:
        """Return the leaf over all days, and those of the days; by scope, of each value."""
        data = await self.data(kpi, scope)
        if scope == "globals":
            return data["all"], data["temporals"]
        return {key: (row["all"], row["temporals"]) for key, row in data.items()}


def select_leaves(row: Json) -> Json:
    """Return the leaves of a scope value, without its properties."""
    return {name: leaf for name, leaf in row.items() if name in {"all", "temporals"}}


def assert_exactly(actual: Any, expected: Any) -> None:
    """Assert that two values are equal, and that integers and decimals are not mixed up."""
    assert actual == expected
    assert json.dumps(actual, sort_keys=True) == json.dumps(expected, sort_keys=True)


def summarise(leaf: Json) -> tuple[dict[int, Any], Any, Any, Any, Any]:
    """Return the bins of a distribution that are not empty by their start, the unknown, the total, mean and median."""
    bins = {row["from"]: (row["value"], row["share"]) for row in leaf["bins"] if row["value"]}
    return bins, leaf["unknown"], leaf["total"], leaf["mean"], leaf["median"]
