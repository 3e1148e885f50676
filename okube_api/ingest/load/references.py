"""Sites, points of interest, campaigns and equipments that events name, by id or key."""

import pyarrow as pa

from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.clock import Clock
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.kit.repository import Repository
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.protocol import Store

SITE, POI, CAMPAIGN, EQUIPMENT = "site", "point of interest", "campaign", "equipment"
_REMEMBERED = 200_000


class _SiteLookup(Repository):
    collection, kind, key_field = SITES, SITE, "names"


class _PoiLookup(Repository):
    collection, kind = POIS, POI


class _CampaignLookup(Repository):
    collection, kind = CAMPAIGNS, CAMPAIGN


class _EquipmentLookup(Repository):
    collection, kind = EQUIPMENTS, EQUIPMENT


class ReferenceResolver:
    """What names stand for in one application, each asked once."""

    def __init__(self, store: Store, clock: Clock, application: str) -> None:
        self._application = application
        self._kinds = {
            one.kind: one(store, clock) for one in (_SiteLookup, _PoiLookup, _CampaignLookup, _EquipmentLookup)
        }
        self._known: dict[str, dict[str, str | None]] = {kind: {} for kind in self._kinds}

    async def resolve_ids(self, kind: str, names: pa.ChunkedArray) -> pa.ChunkedArray:
        """The `_id` of each name, null where there is none (or no name)."""
        encoded = names.dictionary_encode().unify_dictionaries()
        if encoded.num_chunks == 0:
            return names
        distinct = encoded.chunk(0).dictionary
        found = await self._found(kind, distinct.to_pylist())
        ids = pa.array([found[name] for name in distinct.to_pylist()], pa.string())
        return pa.chunked_array([ids.take(chunk.indices) for chunk in encoded.chunks], pa.string())

    async def _found(self, kind: str, names: list[str]) -> dict[str, str | None]:
        known = self._known[kind]
        if len(known) > _REMEMBERED:
            known.clear()
        new = [name for name in names if name not in known]
        if new:
            found = await self._kinds[kind].find_ids_by_name(self._application, new)
            known |= {name: found.get(name) for name in new}
        return {name: known[name] for name in names}
