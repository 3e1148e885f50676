"""The resources of one application that a question may name or reach."""

from collections.abc import Iterable, Sequence

from okube_api.analytics.resource_cache import Resource, ResourceCache, ResourceSet
from okube_api.areas.repository import AREAS
from okube_api.errors import Fault, UnknownReference
from okube_api.kit.ids import is_id
from okube_api.store.conditions import NOTHING, Condition, OneOf, Overlaps, equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection


class Directory:
    """The resources of one application."""

    def __init__(self, store: Store, known: ResourceCache, application: str) -> None:
        self._store = store
        self._cache = known
        self._application = application

    async def load(self, collection: Collection, ids: Sequence[str] | None = None) -> ResourceSet:
        """Those with these ids, or all of them, by `_id`."""
        if ids is None:
            return await self._cache.load_all(self._application, collection)
        held = self._cache.get_cached(self._application, collection)
        if held is None:
            return await self._read(collection, OneOf("_id", tuple(ids)))
        return ResourceSet(held.by_id[identifier] for identifier in sorted(set(ids).intersection(held.by_id)))

    async def find_named(self, collection: Collection, names: Sequence[str], pointer: str) -> list[Resource]:
        """Those that are named by id or key, each once, in order.

        Raises UnknownReference, which points at each name (`pointer` and its position) that nothing has.
        """
        by_name = self._by_name(await self._read(collection, self._named(collection, names)), names)
        faults = [
            Fault(
                "body",
                f"{pointer}/{position}",
                UnknownReference.code,
                f"'{name}' is none of the {collection.name} here.",
            )
            for position, name in enumerate(names)
            if name not in by_name
        ]
        if faults:
            raise UnknownReference(faults[0].message, faults=faults)
        return list({by_name[name].id: by_name[name] for name in names}.values())

    async def read_area_names(self, codes: Iterable[str]) -> dict[str, str]:
        """The names of the IRIS areas that have one, by code."""
        mine = equal("application", self._application) & OneOf("code", tuple(codes))
        return {one["code"]: one["name"] for one in await self._store.find(AREAS, mine) if one.get("name")}

    async def _read(self, collection: Collection, where: Condition) -> ResourceSet:
        return await self._cache.read(collection, equal("application", self._application) & where)

    def _named(self, collection: Collection, names: Sequence[str]) -> Condition:
        ids = tuple(name.lower() for name in names if is_id(name))
        keys = Overlaps("names", tuple(names)) if "names" in collection.fields else OneOf("key", tuple(names))
        return (OneOf("_id", ids) if ids else NOTHING) | keys

    def _by_name(self, resources: Iterable[Resource], names: Sequence[str]) -> dict[str, Resource]:
        """An identifier goes before a key that looks like one."""
        every = list(resources)
        found = {name: resource for resource in every for name in resource.names}
        ids = {resource.id: resource for resource in every}
        return found | {name: ids[name.lower()] for name in names if name.lower() in ids}
