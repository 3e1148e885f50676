"""What facts are derived from besides events: places, equipments, windows and settings; and what is to be derived."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.ingest.derive.place_index import PlaceIndex, index_places
from okube_api.ingest.derive.touch_paths import Windows
from okube_api.ingest.raw.reader import BatchDelta
from okube_api.kit.application import Application, ApplicationSettings
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection
from okube_api.store.values import Json


@dataclass(frozen=True, slots=True, eq=False)
class DerivationContext:
    """What the documents of an application say when its facts are derived.

    zone: the application's clock.  sites: (site, zone, online); equipments: (equipment, site, zone); both in any order.
    windows: by campaign.
    """

    timezone: str
    settings: ApplicationSettings
    place_index: PlaceIndex
    sites: pa.Table
    equipments: pa.Table
    windows: Windows


@dataclass(frozen=True, slots=True)
class RefreshTask:
    """Which facts to write anew.

    sides: the batches of events that count, before and after.  spans: the UTC days with events of either side that
    the other has not, as (first, last), ascending and apart.  also: local days to be written whatever changed there.
    """

    delta: BatchDelta
    changed_days: Sequence[tuple[int, int]]
    extra_days: frozenset[int] = frozenset()


async def load_context(store: Store, application: Application) -> DerivationContext:
    """Everything that facts depend on besides events, as it is now."""

    async def documents(collection: Collection) -> list[Json]:
        return await store.find(collection, equal("application", application.id))

    sites, pois = await documents(SITES), await documents(POIS)
    clocks = {site["_id"]: site.get("timezone") or application.timezone for site in sites}
    equipments = [one for one in await documents(EQUIPMENTS) if one["site"] in clocks]
    return DerivationContext(
        timezone=application.timezone,
        settings=application.settings,
        place_index=index_places(sites, pois, application.timezone),
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
