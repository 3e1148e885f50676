"""Resolves references in events: the ids and keys of sites, POIs, campaigns and equipments."""

import pyarrow as pa

from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.clock import Clock
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.kit.repository import Repository
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.protocol import Store

SITE, POI, CAMPAIGN, EQUIPMENT = "site", "point of interest", "campaign", "equipment"
_MAX_CACHED_NAMES = 200_000


class _SiteLookup(Repository):
    collection, kind, names = SITES, SITE, "names"


class _PoiLookup(Repository):
    collection, kind = POIS, POI


class _CampaignLookup(Repository):
    collection, kind = CAMPAIGNS, CAMPAIGN


class _EquipmentLookup(Repository):
    collection, kind = EQUIPMENTS, EQUIPMENT


class ReferenceResolver:
    """Finds the `_id`s of an application's resources by id or key, and caches them."""

    def __init__(self, store: Store, clock: Clock, application: str) -> None:
        self._application = application
        lookups = (_SiteLookup, _PoiLookup, _CampaignLookup, _EquipmentLookup)
        self._repositories = {lookup.kind: lookup(store, clock) for lookup in lookups}
        self._cache: dict[str, dict[str, str | None]] = {kind: {} for kind in self._repositories}

    async def resolve_ids(self, kind: str, names: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the `_id` of the resource of each name, null where there is no name or no such resource.

        kind: SITE, POI, CAMPAIGN or EQUIPMENT.
        """
        encoded = names.dictionary_encode().unify_dictionaries()
        if encoded.num_chunks == 0:
            return names
        distinct = encoded.chunk(0).dictionary.to_pylist()
        cached = self._cache[kind]
        if len(cached) > _MAX_CACHED_NAMES:
            cached.clear()
        if new := [name for name in distinct if name not in cached]:
            id_of = await self._repositories[kind].find_ids_by_name(self._application, new)
            cached |= {name: id_of.get(name) for name in new}
        ids = pa.array([cached[name] for name in distinct], pa.string())
        return pa.chunked_array([ids.take(chunk.indices) for chunk in encoded.chunks], pa.string())
