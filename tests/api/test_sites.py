"""Sites over HTTP."""

import httpx
import pytest

from tests.api.server import Tenant

pytestmark = pytest.mark.anyio


async def test_a_site_is_created_and_found_by_every_path(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    site = await tenant.make("sites", name="Lyon Bellecour", online=False, key="lyon", coordinates=[4.8357, 45.764])
    for application in (tenant.id, tenant.key):
        for one in (site["_id"], "lyon"):
            for path in ("applications/{}/sites/{}", "a/{}/sites/{}", "applications/{}/s/{}", "a/{}/s/{}"):
                found = await reader.get("/" + path.format(application, one))
                assert found.json() == site
    for path in ("sites", "s"):
        assert (await reader.get(f"/{path}/{site['_id']}")).json() == site
        assert (await reader.get(f"/{path}/lyon")).status_code == 404
