"""Lists by period, with days of other time zones than that of the application."""

import httpx
import pytest
from okube_api.auth.repository import Role

from tests.api.server import Server

pytestmark = pytest.mark.anyio

DAYS = ("2024-06-09", "2024-06-10", "2024-06-11")


@pytest.fixture(scope="module")
async def client(shared_server: Server) -> httpx.AsyncClient:
    """Create two applications with a campaign and a study on each of three days; return a reader of both."""
    roles = {}
    for name, timezone in (("paris", "Europe/Paris"), ("tokyo", "Asia/Tokyo")):
        tenant = await shared_server.create_tenant(timezone=timezone)
        roles[tenant.id] = Role.READER
        for day in DAYS:
            for kind in ("campaigns", "studies"):
                await tenant.create(kind, key=f"{name} {day}", **{"from": day, "to": day})
    return shared_server.client_of(await shared_server.create_user(roles=roles))


@pytest.mark.parametrize("kind", ["campaigns", "studies"])
@pytest.mark.parametrize(
    ("tz", "paris", "tokyo"),
    [
        (None, DAYS[1:2], DAYS[1:2]),
        ("Europe/Paris", DAYS[1:2], DAYS[1:]),  # in Tokyo it is from 7:00 to 7:00
        ("Asia/Tokyo", DAYS[:2], DAYS[1:2]),  # in Paris it is from 17:00 to 17:00
        ("UTC", DAYS[1:], DAYS[1:]),
        ("America/Los_Angeles", DAYS[1:], DAYS[1:]),
    ],
)
async def test_a_day_of_a_time_zone_meets_the_days_at_the_same_time(
    client: httpx.AsyncClient, kind: str, tz: str | None, paris: tuple[str, ...], tokyo: tuple[str, ...]
) -> None:
    answer = await client.get(f"/{kind}", params={"from": DAYS[1], "to": DAYS[1], **({"tz": tz} if tz else {})})
    assert answer.status_code == 200, answer.text
    keys = {document["key"] for document in answer.json()["documents"]}
    assert keys == {f"paris {day}" for day in paris} | {f"tokyo {day}" for day in tokyo}


async def test_from_after_to_is_refused_with_a_time_zone_too(client: httpx.AsyncClient) -> None:
    answer = await client.get("/campaigns", params={"from": DAYS[1], "to": DAYS[0], "tz": "Asia/Tokyo"})
    assert answer.status_code == 422


async def test_an_application_of_no_match_has_an_empty_list(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/campaigns", params={"from": DAYS[0], "tz": "Asia/Tokyo"})
    assert (answer.status_code, answer.json()["documents"]) == (200, [])
