"""Resolves references in events: the ids, keys and names of sites and POIs, the ids and keys of other resources."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.clock import Clock
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.kit.application import Application
from okube_api.kit.repository import Repository
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.conditions import OneOf, equal
from okube_api.store.protocol import Store
from okube_api.store.values import Json

SITE, POI, CAMPAIGN, EQUIPMENT = "site", "point of interest", "campaign", "equipment"
REFERENCES: Mapping[str, str] = {"site": SITE, "poi": POI, "campaign": CAMPAIGN, "equipment": EQUIPMENT}
"""The kind of resource that a field of an event names, by field."""
REFERENCE_COLLECTIONS = (SITES, POIS, CAMPAIGNS, EQUIPMENTS)
_NAMED = (SITE, POI)  # kinds of resources that events may also name by their exact name
_MAX_CACHED_NAMES = 200_000


class _SiteLookup(Repository):
    collection, kind, key_field = SITES, SITE, "names"


class _PoiLookup(Repository):
    collection, kind = POIS, POI


class _CampaignLookup(Repository):
    collection, kind = CAMPAIGNS, CAMPAIGN


class _EquipmentLookup(Repository):
    collection, kind = EQUIPMENTS, EQUIPMENT


_LOOKUPS: Mapping[str, type[Repository]] = {
    lookup.kind: lookup for lookup in (_SiteLookup, _PoiLookup, _CampaignLookup, _EquipmentLookup)
}


class ReferenceResolver:
    """Finds the `_id`s of an application's resources by id, key or name, and caches them.

    An id counts more than a key, and a key more than a name.  A name that several resources have is not resolved.
    """

    def __init__(self, store: Store, clock: Clock, application: Application) -> None:
        self._store, self._application = store, application
        self._repositories = {kind: lookup(store, clock) for kind, lookup in _LOOKUPS.items()}
        self._cache: dict[str, dict[str, str | None]] = {kind: {} for kind in self._repositories}
        self._ambiguous: dict[str, set[str]] = {kind: set() for kind in self._repositories}

    async def resolve_ids(self, kind: str, names: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the `_id` of the resource of each name, null where there is no name or not exactly one such resource.

        kind: SITE, POI, CAMPAIGN or EQUIPMENT.
        """
        encoded = names.dictionary_encode().unify_dictionaries()
        if encoded.num_chunks == 0:
            return names
        distinct = encoded.chunk(0).dictionary.to_pylist()
        cached = self._cache[kind]
        if len(cached) > _MAX_CACHED_NAMES:
            cached.clear()
            self._ambiguous[kind].clear()
        if new := [name for name in distinct if name not in cached]:
            id_of = await self._repositories[kind].find_ids_by_name(self._application.id, new)
            if kind in _NAMED and (unknown := [name for name in new if name not in id_of]):
                id_of |= await self._find_ids_by_exact_name(kind, unknown)
            cached |= {name: id_of.get(name) for name in new}
        ids = pa.array([cached[name] for name in distinct], pa.string())
        return pa.chunked_array([ids.take(chunk.indices) for chunk in encoded.chunks], pa.string())

    def describe_failure(self, kind: str, name: str) -> str:
        """Return why a name was not resolved."""
        if name in self._ambiguous[kind]:
            plural = {SITE: "sites", POI: "points of interest"}[kind]
            return f"Several {plural} have this name. Give the id or key."
        return f"No {kind} has this id, key or name." if kind in _NAMED else f"No {kind} has this id or key."

    async def _find_ids_by_exact_name(self, kind: str, names: Sequence[str]) -> dict[str, str]:
        """Return the `_id` of each name that exactly one resource has; remember those that several have."""
        where = equal("application", self._application.id) & OneOf("name", tuple(names))
        documents = await self._store.find(_LOOKUPS[kind].collection, where, fields=("name",))
        id_of, ambiguous = _index_by_name(documents)
        self._ambiguous[kind] |= ambiguous
        return id_of

    async def load_zones(self) -> "PlaceZones":
        """Return the time zones of all places of the application."""
        default = self._application.timezone
        where = equal("application", self._application.id)
        collections = {"site": SITES, "poi": POIS, "equipment": EQUIPMENTS}
        documents = {field: await self._store.find(collection, where) for field, collection in collections.items()}
        zone_of_site = {site["_id"]: site.get("timezone") or default for site in documents["site"]}
        zones: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        for field, places in documents.items():
            by_id = {
                place["_id"]: zone_of_site.get(place.get("site"), default)
                if field == "equipment"
                else place.get("timezone") or default
                for place in places
            }
            id_of, ambiguous = _index_by_name(places) if REFERENCES[field] in _NAMED else ({}, set())
            self._ambiguous[REFERENCES[field]] |= ambiguous
            for place in places:  # after the names, as keys count more
                id_of |= dict.fromkeys(place.get("names") or filter(None, [place.get("key")]), place["_id"])
            zones[field] = by_id, {name: by_id[identifier] for name, identifier in id_of.items()}
        return PlaceZones(zones, self)

    def note_unknown(self, field: str, name: str) -> None:
        """Resolve a name to nothing from now on."""
        self._cache[REFERENCES[field]].setdefault(name, None)


class PlaceZones:
    """The time zones of places by field and name.

    A name that is unknown here stays unresolved even if its place is created while the file is read: its events are
    rejected, because their instants were computed without the time zone of the place.
    """

    def __init__(
        self, zones: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]], resolver: ReferenceResolver
    ) -> None:
        """zones: by field, the time zones by `_id`, and those by key and name."""
        self._zones, self._resolver = zones, resolver

    def find_zone(self, field: str, name: str) -> str:
        """Return the time zone of the place that a field names, UTC when there is no such place."""
        by_id, by_name = self._zones[field]
        zone = by_id.get(name.lower(), by_name.get(name))
        if zone is None:
            self._resolver.note_unknown(field, name)
        return zone or "UTC"


def _index_by_name(documents: Sequence[Json]) -> tuple[dict[str, str], set[str]]:
    """Return the `_id` of each name that exactly one document has, and the names that several have."""
    ids: dict[str, str] = {}
    ambiguous: set[str] = set()
    for document in documents:
        name = document.get("name")
        if name is not None and ids.setdefault(name, document["_id"]) != document["_id"]:
            ambiguous.add(name)
    return {name: identifier for name, identifier in ids.items() if name not in ambiguous}, ambiguous
