"""Bulk upserts while another request changes the same resources: no change and no rebuild of facts is lost."""

from typing import Any

import httpx
import pytest
from okube_api.kit.bulk_upsert import BulkUpsert
from okube_api.kit.resource_changes import ChangeKind, ResourceChange

from tests.api.server import Server, Tenant

pytestmark = pytest.mark.anyio

CAMPAIGNS = [{"key": "spring", "name": "Spring"}, {"key": "summer", "name": "Summer"}]


@pytest.fixture
async def campaign(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Create a campaign, and let another request change it each time that an upsert is about to be written.

    Return how often that may still happen, as the only element of a list.
    """
    await tenant.create("campaigns", key="spring", name="Old", windows={"click": 3})
    write, remaining = BulkUpsert.write, [1]

    async def change_and_write(bulk: BulkUpsert, *arguments: Any) -> None:
        if remaining[0]:
            remaining[0] -= 1
            windows = {"click": 10 + remaining[0]}
            answer = await tenant.editor.put(f"{tenant.url}/campaigns/spring", json={"windows": windows})
            assert answer.status_code == 200, answer.text
        await write(bulk, *arguments)

    monkeypatch.setattr(BulkUpsert, "write", change_and_write)
    return remaining


async def get_campaign(tenant: Tenant) -> Any:
    """Return the campaign."""
    return (await tenant.reader.get(f"{tenant.url}/campaigns/spring")).json()


async def import_campaigns(tenant: Tenant) -> httpx.Response:
    """Import a table that renames the campaign."""
    table = "key,name\nspring,Spring\nsummer,Summer\n"
    return await tenant.editor.post(f"{tenant.url}/campaigns", files={"file": ("x.csv", table, "text/csv")})


async def test_list_keeps_the_change_of_another_request(
    server: Server, tenant: Tenant, campaign: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Change the windows back in the list: this is a change only of what the other request has written."""
    before = await get_campaign(tenant)
    published: list[ChangeKind] = []
    publisher = server.services.campaigns.changes
    publish_around = publisher.publish_around

    def record(application: str, changes: list[ResourceChange]) -> Any:
        published.extend(change.kind for change in changes)
        return publish_around(application, changes)

    monkeypatch.setattr(publisher, "publish_around", record)
    elements = [{**CAMPAIGNS[0], "windows": before["windows"]}, CAMPAIGNS[1]]
    answer = await tenant.editor.post(f"{tenant.url}/campaigns", json=elements)
    assert answer.status_code == 201, answer.text
    stored = await get_campaign(tenant)
    assert (stored["name"], stored["windows"]) == ("Spring", before["windows"])
    assert published == [ChangeKind.WINDOWS, ChangeKind.WINDOWS]


async def test_list_with_other_fields_keeps_both_changes(tenant: Tenant, campaign: list[int]) -> None:
    answer = await tenant.editor.post(f"{tenant.url}/campaigns", json=CAMPAIGNS)
    assert answer.status_code == 201, answer.text
    stored = await get_campaign(tenant)
    assert (stored["name"], stored["windows"]["click"]) == ("Spring", 10)


async def test_single_element_keeps_both_changes(tenant: Tenant, campaign: list[int]) -> None:
    answer = await tenant.editor.post(f"{tenant.url}/campaigns", json=CAMPAIGNS[:1])
    assert answer.status_code == 201, answer.text
    stored = await get_campaign(tenant)
    assert (stored["name"], stored["windows"]["click"]) == ("Spring", 10)


async def test_list_is_refused_while_the_resource_changes_all_the_time(tenant: Tenant, campaign: list[int]) -> None:
    campaign[0] = 10
    answer = await tenant.editor.post(f"{tenant.url}/campaigns", json=CAMPAIGNS)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert (await get_campaign(tenant))["name"] == "Old"
    assert (await tenant.reader.get(f"{tenant.url}/campaigns/summer")).status_code == 404


async def test_import_that_would_lose_a_change_is_refused(tenant: Tenant, campaign: list[int]) -> None:
    answer = await import_campaigns(tenant)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert (await get_campaign(tenant))["windows"]["click"] == 10
    assert (await tenant.reader.get(f"{tenant.url}/campaigns/summer")).status_code == 404
    assert (await import_campaigns(tenant)).status_code == 200
    stored = await get_campaign(tenant)
    assert (stored["name"], stored["windows"]["click"]) == ("Spring", 10)
