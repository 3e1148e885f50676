"""The results of studies: on each store, they equal those computed by hand from the truth."""

from datetime import date
from zoneinfo import ZoneInfo

import httpx
import pytest
from okube_api.studies.results import read_study_results

from tests.api.analytics import World
from tests.api.server import Json, Server, Tenant
from tests.by_hand.truth import Truth

pytestmark = pytest.mark.anyio

NOTHING: Json = {"stays": 0, "users": 0, "firstDay": None, "lastDay": None}


def compute_results(truth: Truth, places: set[str], first: date | None, last: date | None) -> Json:
    """Compute the results over these places by hand."""
    zones = {place.id: ZoneInfo(place.timezone or truth.timezone) for place in (*truth.sites, *truth.pois)}
    stays = [
        (stay, stay.start.astimezone(zones[stay.place]).date())
        for stay in truth.stays
        if stay.place in places and stay.zone == "indoor"
    ]
    days = [
        (stay.user, day) for stay, day in stays if (first is None or day >= first) and (last is None or day <= last)
    ]
    if not days:
        return NOTHING
    return {
        "stays": len(days),
        "users": len({user for user, _ in days}),
        "firstDay": min(day for _, day in days).isoformat(),
        "lastDay": max(day for _, day in days).isoformat(),
    }


PERIODS: list[tuple[str | None, str | None]] = [
    (None, None),
    ("2024-03-01", "2024-03-31"),
    ("2024-03-20", "2024-10-15"),
    ("2024-02-29", None),
    (None, "2024-03-25"),
    ("2024-03-25", "2024-03-25"),
    ("1999-01-01", "1999-12-31"),
]


@pytest.mark.parametrize(("first", "last"), PERIODS)
async def test_results_are_those_of_the_truth(
    server: Server, alpha: World, first: str | None, last: str | None
) -> None:
    truth = alpha.truth
    sites, pois = [site.id for site in truth.sites][:3], [poi.id for poi in truth.pois][:2]
    all_sites = {site.id for site in truth.sites if site.active}
    bounds = [date.fromisoformat(day) if day else None for day in (first, last)]
    days = {side: day for side, day in (("from", first), ("to", last)) if day}
    for study_sites, study_pois, places in (
        (sites, pois, {*sites, *pois}),
        (sites[:1], [], {sites[0]}),
        ([], pois, all_sites | {*pois}),
    ):
        study = {"application": alpha.tenant.id, "sites": study_sites, "pois": study_pois, **days}
        results = await read_study_results(server.services.store, study)
        assert results == compute_results(truth, places, *bounds)


async def test_answers_have_results(alpha: World) -> None:
    """Read studies one by one and in lists: lists have the results on request only."""
    truth, reader, url = alpha.truth, alpha.reader, f"{alpha.tenant.url}/studies"
    expected = {
        study.key: compute_results(
            truth,
            {*(study.sites or [site.id for site in truth.sites if site.active]), *study.pois},
            study.first,
            study.last,
        )
        for study in truth.studies
    }
    assert any(results["stays"] for results in expected.values())
    single = {study.key: (await reader.get(f"{url}/{study.id}")).json()["results"] for study in truth.studies}
    assert single == expected
    listed = (await reader.get(url, params={"with_results": "true"})).json()["documents"]
    assert {study["key"]: study["results"] for study in listed} == expected
    assert [study["results"] for study in (await reader.get(url)).json()["documents"]] == [{}] * len(expected)
    exported = await reader.get(url, headers={"Accept": "text/csv"})
    assert "results" not in exported.text


async def test_study_of_a_list_can_be_sent_back(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    """Accept empty results, as lists have them, the present ones, and no others."""
    created = await tenant.create("studies", key="a")
    assert created["results"] == NOTHING
    (listed,) = (await editor.get(f"{tenant.url}/studies")).json()["documents"]
    url = f"{tenant.url}/studies/a"
    for body in (created, listed):
        assert (await editor.put(url, json=body)).json() == created
    refused = await editor.put(url, json={"results": NOTHING | {"stays": 1}})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/results")
