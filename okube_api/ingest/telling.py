"""What an application's documents say, read for the derivation of its facts."""

from collections.abc import Sequence

import pyarrow as pa

from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.ingest.derive.paths import Windows
from okube_api.ingest.ground import ground_of
from okube_api.ingest.told import Told
from okube_api.kit.application import Application
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.base import Collection, Json, Store, equal


async def told_of(store: Store, application: Application) -> Told:
    """Everything that facts depend on besides events, as it is now."""

    async def documents(collection: Collection) -> list[Json]:
        return await store.find(collection, equal("application", application.id))

    sites, pois = await documents(SITES), await documents(POIS)
    clocks = {site["_id"]: site.get("timezone") or application.timezone for site in sites}
    equipments = [one for one in await documents(EQUIPMENTS) if one["site"] in clocks]
    return Told(
        zone=application.timezone,
        settings=application.settings,
        ground=ground_of(sites, pois, application.timezone),
        sites=pa.table(
            {
                "site": _texts(list(clocks)),
                "zone": _texts(list(clocks.values())),
                "online": pa.array([bool(site.get("online")) for site in sites], pa.bool_()),
            }
        ),
        equipments=pa.table(
            {
                "equipment": _texts([one["_id"] for one in equipments]),
                "site": _texts([one["site"] for one in equipments]),
                "zone": _texts([clocks[one["site"]] for one in equipments]),
            }
        ),
        windows=_windows(application, await documents(CAMPAIGNS)),
    )


def _texts(values: Sequence[str]) -> pa.Array:
    return pa.array(values, pa.string())


def _windows(application: Application, campaigns: Sequence[Json]) -> Windows:
    usual = application.settings.attribution.windows.model_dump()
    return {campaign["_id"]: usual | (campaign.get("windows") or {}) for campaign in campaigns}
