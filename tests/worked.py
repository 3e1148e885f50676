"""Questions over HTTP with their answers cut down to what was worked out on paper."""

import json
from collections.abc import Iterable
from typing import Any

from tests.api.server import Tenant

Json = dict[str, Any]
KEYED: Json = {"properties": ["key"]}


async def take(tenant: Tenant, kind: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Sends events, one a row; what is None is left out."""
    names = columns.split()
    events = [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    headers = {"Content-Type": "application/x-ndjson"}
    response = await tenant.editor.post(f"{tenant.url}/ingest/{kind}", content=lines.encode(), headers=headers)
    assert response.status_code == 201, response.text
    assert (response.json()["accepted"], response.json()["rejected"]) == (len(events), 0), response.text


class Asked:
    """Questions of one module over some days, their scopes' values shown by key."""

    def __init__(self, tenant: Tenant, path: str, days: tuple[str, str], **url: str) -> None:
        self.tenant, self.path, self.url = tenant, path, {"from": days[0], "to": days[1], **url}

    async def data(self, kpi: str, scope: str = "globals", filters: Json | None = None, **param: Any) -> Json:
        """The `data` of one answer, by key."""
        one: Json = {"kpi": kpi, **param}
        if scope != "globals":
            one |= {"globals": False, scope: True if scope in {"homes", "extras"} else KEYED}
        body: Json = {"params": [one]} | ({"filters": filters} if filters else {})
        response = await self.tenant.reader.post(self.tenant.url + self.path, params=self.url, json=body)
        assert response.status_code == 200, response.text
        (element,) = response.json()
        assert (element["kpi"], element["scope"]) == (kpi, scope)
        data: Json = element["data"]
        if scope == "globals":
            return data
        return {one.pop("key", value): shown(one) for value, one in data.items()}

    async def whole(self, kpi: str, scope: str = "globals", filters: Json | None = None) -> Any:
        """The leaf over all days; by scope, that of each value."""
        found = await self.data(kpi, scope, filters, temporals=False)
        return found["all"] if scope == "globals" else {key: one["all"] for key, one in found.items()}

    async def week(self, kpi: str) -> tuple[Any, Json]:
        """The leaf over all days, and those of its weeks."""
        found = await self.data(kpi, granularity="week")
        return found["all"], found["temporals"]

    async def daily(self, kpi: str, scope: str = "globals") -> Any:
        """The leaf over all days, and those of each day; by scope, of each value."""
        found = await self.data(kpi, scope)
        if scope == "globals":
            return found["all"], found["temporals"]
        return {key: (one["all"], one["temporals"]) for key, one in found.items()}


def shown(one: Json) -> Json:
    """What is said of a scope value but its names."""
    return {name: leaf for name, leaf in one.items() if name in {"all", "temporals"}}


def exactly(found: Any, expected: Any) -> None:
    """Equal, integers being no decimals."""
    assert found == expected
    assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


def filled(leaf: Json) -> tuple[dict[int, Any], Any, Any, Any, Any]:
    """A distribution: bins that hold something by where they start, the unknown, the total, the mean, the median."""
    bins = {one["from"]: (one["value"], one["share"]) for one in leaf["bins"] if one["value"]}
    return bins, leaf["unknown"], leaf["total"], leaf["mean"], leaf["median"]
