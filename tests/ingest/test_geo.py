"""Pings, stays, panelists and areas through the ingest, against the same facts in plain Python."""

from collections.abc import Callable

import pytest
from okube_api.store.base import Store
from tests.ingest.expected import assert_same
from tests.ingest.land import Land
from tests.truth.tenant import Tenant, alpha, beta

pytestmark = pytest.mark.anyio
KINDS = ("areas", "panelists", "stays", "pings")


@pytest.mark.parametrize("tenant", [alpha, beta], ids=["alpha", "beta"])
async def test_a_tenant_in_one_go(ingested: Store, tenant: Callable[[], Tenant]) -> None:
    land = await Land(ingested, tenant()).settle()
    for kind in KINDS:
        batch = await land.take(kind, land.tenant.events[kind])
        assert (batch["state"], batch["rejected"], batch["duplicate"]) == ("visible", 0, 0)
        assert batch["accepted"] == len(land.tenant.events[kind])
    assert_same(await land.tables(), land.truth, "geo_stays", "panelists")
