"""Changes of the bands of distributions: answers are in the bands of their counts until these are rebuilt."""

from typing import Any

import pytest
from okube_api.applications.repository import APPLICATIONS
from okube_api.kit.application import Application
from okube_api.store.conditions import equal

from tests.api.server import Tenant

pytestmark = pytest.mark.anyio

DAYS = {"from": "2024-03-04", "to": "2024-03-05"}
STAYS = (
    "user,site,start,duration_s,zone",
    "anne,here,2024-03-04T10:00:00Z,130,indoor",
    "anne,here,2024-03-05T10:00:00Z,400,indoor",
    "jean,here,2024-03-05T11:00:00Z,800,indoor",
)
BODY = {"params": [{"kpi": "timespentPerScope", "temporals": False}, {"kpi": "posSessions", "temporals": False}]}


async def test_answers_are_in_the_bands_of_their_counts_until_the_rebuild(tenant: Tenant) -> None:
    await tenant.create("sites", key="here", name="here", online=False, coordinates=[4.83, 45.76])
    await tenant.create("studies", key="study", sites=["here"])
    await ingest_stays(tenant, *STAYS[1:3])
    url = f"{tenant.url}/studies/study/geo-marketing/analytics"

    async def read_answer() -> tuple[list[tuple[int, int]], int, list[Any], str | None]:
        plain = await tenant.reader.post(url, json=BODY, params=DAYS)
        meta = (await tenant.reader.post(url, json=BODY, params={**DAYS, "meta": True})).json()["meta"]
        dwell, stays = (element["data"]["all"] for element in plain.json())
        counts = [(item["from"], item["value"]) for item in dwell["bins"] if item["value"]]
        return counts, stays, meta["notes"], plain.headers.get("X-Okube-Notes")

    assert await read_answer() == ([(0, 1), (300, 1)], 2, [], None)
    services, application = tenant.server.services, equal("_id", tenant.id)
    await services.store.update(APPLICATIONS, application, {"settings": {"bands": {"dwell": [0, 200, 700]}}})
    counts, stays, (note,), header = await read_answer()
    assert (counts, stays, header) == ([(0, 1), (300, 1)], 2, "previous_bands")
    assert (note["code"], "previous bands" in note["message"]) == ("previous_bands", True)
    counts_only = await tenant.reader.post(url, json={"params": BODY["params"][1:]}, params=DAYS)
    assert "X-Okube-Notes" not in counts_only.headers

    await ingest_stays(tenant, STAYS[3])  # meanwhile: in the same bands as the others
    assert (await read_answer())[0] == [(0, 1), (300, 2)]
    document = await services.store.get(APPLICATIONS, application)
    assert document is not None
    await services.ingest.rebuild(Application.from_document(document))
    assert await read_answer() == ([(0, 1), (200, 1), (700, 1)], 3, [], None)


async def test_a_change_of_the_bands_rebuilds_the_counts(tenant: Tenant) -> None:
    await tenant.create("sites", key="here", name="here", online=False, coordinates=[4.83, 45.76])
    await tenant.create("studies", key="study", sites=["here"])
    await ingest_stays(tenant, *STAYS[1:])
    settings: Any = {"settings": {"bands": {"dwell": [0, 500]}}}
    assert (await tenant.admin.put(tenant.url, json=settings)).status_code == 200
    await tenant.server.services.invalidation.drain(tenant.id)
    url = f"{tenant.url}/studies/study/geo-marketing/analytics"
    answer = await tenant.reader.post(url, json=BODY, params=DAYS)
    assert [(item["from"], item["value"]) for item in answer.json()[0]["data"]["all"]["bins"]] == [(0, 2), (500, 1)]
    assert "X-Okube-Notes" not in answer.headers


async def ingest_stays(tenant: Tenant, *lines: str) -> None:
    text = "\n".join((STAYS[0], *lines))
    answer = await tenant.editor.post(f"{tenant.url}/ingest/stays", content=text, headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["accepted"]) == (201, len(lines)), answer.text
