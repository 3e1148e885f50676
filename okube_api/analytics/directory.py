"""The resources of one application that questions refer to."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from okube_api.analytics.resource_cache import NO_RESOURCES, Resource, ResourceCache, ResourceSet
from okube_api.areas.repository import AREAS
from okube_api.kit.repository import Repository, index_by_name, match_names, require_all
from okube_api.store.conditions import OneOf, equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection
from okube_api.store.values import Json
from okube_api.threads import run_in_thread

_MOST_NAMES_ON_LOOP = 500
T = TypeVar("T")


class Directory:
    """Loads the resources of one application."""

    def __init__(self, store: Store, cache: ResourceCache, application: str) -> None:
        self._store = store
        self._cache = cache
        self._application = application

    async def load(self, collection: Collection, ids: Sequence[str] | None = None) -> ResourceSet:
        """Return the resources with these ids, or all of them; ordered by id."""
        if ids is None:
            return await self._cache.load_all(self._application, collection)
        return await self._cache.load_some(self._application, collection, ids) if ids else NO_RESOURCES

    async def load_details(self, collection: Collection) -> Mapping[str, Json]:
        """Return the fields of all resources by which they are grouped and filtered, by `_id`."""
        return await self._cache.load_details(self._application, collection)

    async def derive_details(
        self, collection: Collection, name: Hashable, build: Callable[[Mapping[str, Json]], T]
    ) -> T:
        """Return what `build` computes from these fields; see `ResourceCache.derive_details`."""
        return await self._cache.derive_details(self._application, collection, name, build)

    async def find_named(self, repository: type[Repository], names: Sequence[str], pointer: str) -> list[Resource]:
        """Return the resources with these ids or keys, each once, in the order of the names.

        Raise UnknownReference with one fault for each unknown name, at `pointer`/position.
        """
        if len(names) <= _MOST_NAMES_ON_LOOP:
            resources = await self._cache.load_if_few(self._application, repository.collection)
            if resources is None:
                where = match_names(repository.key_field, names, names)
                resources = await self._cache.read(
                    repository.collection, equal("application", self._application) & where
                )
            return _choose_named(resources, repository.kind, names, pointer)
        # A condition with thousands of names takes longer than all resources, which the question needs anyway.
        resources = await self.load(repository.collection)
        return await run_in_thread(partial(_choose_named, resources, repository.kind, names, pointer))

    async def read_area_names(self, codes: Iterable[str]) -> dict[str, str]:
        """Return the names of IRIS areas, by code, without areas that have no name."""
        matches = equal("application", self._application) & OneOf("code", tuple(codes))
        areas = await self._store.find(AREAS, matches)
        return {area["code"]: area["name"] for area in areas if area.get("name")}


def _choose_named(resources: ResourceSet, kind: str, names: Sequence[str], pointer: str) -> list[Resource]:
    by_name = index_by_name(names, resources.by_id, resources.by_key)
    named = require_all(kind, by_name, names, pointer)
    return list({resource.id: resource for resource in named}.values())
