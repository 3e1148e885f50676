"""Caches the resources that questions need, until a resource of their kind is written."""

from collections import ChainMap, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from okube_api.engine.question import Label
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.conditions import Condition, OneOf, equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection
from okube_api.store.values import Json
from okube_api.threads import run_in_thread

_FIELDS = {  # the fields that questions need, for collections with large documents
    SITES.name: ("key", "keys", "name", "active", "tags"),
    POIS.name: ("key", "name", "active", "tags"),
}
_DETAILS = ("tags", "type", "address", "attributes", "openings", "timezone")
"""The fields of sites and POIs that only some questions need, for groups, filters and calendars."""
_MAX_RESOURCES = 300_000  # over all applications
_MAX_ENTRIES = 1000
_MAX_DERIVED = 16  # of one set
_MAX_DERIVED_DETAILS = 64  # over all applications
_MOST_RESOURCES_ON_LOOP = 1000
_MOST_LOADED_AHEAD = 20_000
"""When a question needs some resources of a collection, and there are at most so many, all are loaded."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Resource:
    """A site, a POI, a campaign, a lever or an equipment.

    names: its keys.  document: the fields that were read; of sites and POIs only those in `_FIELDS`.
    """

    id: str
    key: str
    name: str | None
    names: tuple[str, ...]
    active: bool
    tags: frozenset[str]
    document: Json

    @classmethod
    def from_document(cls, document: Json) -> "Resource":
        """Return the resource of a stored document."""
        key = document.get("key")
        keys = document.get("keys") or ()
        return cls(
            document["_id"],
            key or document["_id"],
            document.get("name"),
            tuple(dict.fromkeys((key, *keys) if key else keys)),
            document.get("active", True) is not False,
            frozenset(document.get("tags") or ()),
            document,
        )


class ResourceSet:
    """Resources, ordered by `_id`, with indexes that are built when needed."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self.items = tuple(resources)
        self._derived: dict[Hashable, tuple[tuple[ResourceSet, ...], Any]] = {}

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def by_id(self) -> Mapping[str, Resource]:
        """The resources by `_id`."""
        return {resource.id: resource for resource in self.items}

    @cached_property
    def by_key(self) -> Mapping[str, Resource]:
        """The resources by each of their keys."""
        return {key: resource for resource in self.items for key in resource.names}

    @cached_property
    def active(self) -> tuple[Resource, ...]:
        """The active resources."""
        return tuple(resource for resource in self.items if resource.active)

    @cached_property
    def active_ids(self) -> frozenset[str]:
        """The ids of the active resources."""
        return frozenset([resource.id for resource in self.active])

    @cached_property
    def labels(self) -> dict[str, Label]:
        """The labels of the resources, by `_id`."""
        return {resource.id: Label(resource.key, resource.name) for resource in self.items}

    def derive(self, name: Hashable, more_sets: tuple["ResourceSet", ...], build: Callable[[], T]) -> T:
        """Return what `build` computes from these resources and other sets; it is called once for the same sets.

        name: of what is computed, with everything besides the sets that it depends on.
        """
        key = (name, *map(id, more_sets))  # an entry holds these sets, too, so that no new set gets their ids
        entry = self._derived.get(key)
        if entry is None:
            if len(self._derived) >= _MAX_DERIVED:
                self._derived.clear()
            entry = self._derived[key] = (more_sets, build())
        derived: T = entry[1]
        return derived


NO_RESOURCES = ResourceSet()


def merge_labels(*resource_sets: ResourceSet) -> Mapping[str, Label]:
    """Return the labels of several sets of resources, by `_id`."""
    filled = [resources for resources in resource_sets if len(resources)]
    return filled[0].labels if len(filled) == 1 else ChainMap(*(resources.labels for resources in filled))


class ResourceCache:
    """Caches resources of applications by collection; they are read once for each revision of the collection."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: OrderedDict[Hashable, tuple[Hashable, ResourceSet]] = OrderedDict()
        self._details: OrderedDict[Hashable, tuple[Hashable, Mapping[str, Json]]] = OrderedDict()
        self._derived_details: dict[Hashable, tuple[Mapping[str, Json], Any]] = {}

    async def load_all(self, application: str, collection: Collection) -> ResourceSet:
        """Return all resources of an application."""
        cached = self.get_cached(application, collection)
        if cached is not None:
            return cached
        revision = self._store.revision(collection)  # before the read: a write in between outdates the entry
        resources = await self.read(collection, equal("application", application))
        if revision is not None:
            self._put((application, collection.name), revision, resources)
        return resources

    def get_cached(self, application: str, collection: Collection) -> ResourceSet | None:
        """Return all resources of an application; None when they are not cached or outdated."""
        return self._get((application, collection.name), collection)

    async def load_some(self, application: str, collection: Collection, ids: Sequence[str]) -> ResourceSet:
        """Return the resources of an application with these ids."""
        key = (application, collection.name, tuple(ids))
        cached = self._get(key, collection)
        if cached is not None:
            return cached
        revision = self._store.revision(collection)
        everything = await self.load_if_few(application, collection)
        if everything is None:
            return await self.read(collection, equal("application", application) & OneOf("_id", tuple(ids)))
        by_id = everything.by_id
        resources = ResourceSet(by_id[identifier] for identifier in sorted(by_id.keys() & set(ids)))
        if revision is not None:
            self._put(key, revision, resources)
        return resources

    async def load_if_few(self, application: str, collection: Collection) -> ResourceSet | None:
        """Return all resources of an application; None when they are not cached and too many, or cannot be cached."""
        cached = self.get_cached(application, collection)
        if cached is not None or self._store.revision(collection) is None:
            return cached
        count = await self._store.count(collection, equal("application", application))
        return await self.load_all(application, collection) if count <= _MOST_LOADED_AHEAD else None

    async def load_details(self, application: str, collection: Collection) -> Mapping[str, Json]:
        """Return the documents of all resources of an application by `_id`; of sites and POIs only `_DETAILS`."""
        if collection.name not in _FIELDS:
            return {resource.id: resource.document for resource in await self.load_all(application, collection)}
        revision = self._store.revision(collection)
        key = (application, collection.name)
        cached_revision, details = self._details.get(key, (None, None))
        if details is not None and revision is not None and cached_revision == revision:
            self._details.move_to_end(key)
            return details
        details = {}
        async for block in self._store.stream(collection, equal("application", application)):
            for document in block:
                details[document["_id"]] = {name: document[name] for name in _DETAILS if name in document}
        if revision is not None:
            self._details[key] = (revision, details)
            while sum(len(cached) for _, cached in self._details.values()) > _MAX_RESOURCES and len(self._details) > 1:
                self._details.popitem(last=False)
        return details

    async def derive_details(
        self, application: str, collection: Collection, name: Hashable, build: Callable[[Mapping[str, Json]], T]
    ) -> T:
        """Return what `build` computes from the documents of `load_details`; it is called once for the same documents.

        name: of what is computed, with everything besides the documents that it depends on.
        """
        if collection.name not in _FIELDS:
            resources = await self.load_all(application, collection)
            documents = {resource.id: resource.document for resource in resources}
            return resources.derive(name, (), lambda: build(documents))
        details = await self.load_details(application, collection)
        key = (application, collection.name, name)
        entry = self._derived_details.get(key)
        if entry is None or entry[0] is not details:
            few = len(details) <= _MOST_RESOURCES_ON_LOOP
            entry = details, (build(details) if few else await run_in_thread(lambda: build(details)))
            if len(self._derived_details) >= _MAX_DERIVED_DETAILS:
                self._derived_details.clear()
            self._derived_details[key] = entry
        derived: T = entry[1]
        return derived

    async def read(self, collection: Collection, where: Condition) -> ResourceSet:
        """Return the resources that match, from the store."""
        documents = await self._store.find(collection, where, fields=_FIELDS.get(collection.name))
        if len(documents) <= _MOST_RESOURCES_ON_LOOP:
            return ResourceSet(map(Resource.from_document, documents))
        return await run_in_thread(lambda: _index(ResourceSet(map(Resource.from_document, documents))))

    def _get(self, key: Hashable, collection: Collection) -> ResourceSet | None:
        revision, resources = self._entries.get(key, (None, None))
        if resources is None or revision != self._store.revision(collection):
            return None
        self._entries.move_to_end(key)
        return resources

    def _put(self, key: Hashable, revision: Hashable, resources: ResourceSet) -> None:
        self._entries[key] = (revision, resources)
        self._entries.move_to_end(key)
        while (
            sum(len(cached) for _, cached in self._entries.values()) > _MAX_RESOURCES
            or len(self._entries) > _MAX_ENTRIES
        ):
            self._entries.popitem(last=False)


def _index(resources: ResourceSet) -> ResourceSet:
    """Build the indexes of many resources, so that the event loop need not."""
    assert resources.by_id is not None
    assert resources.by_key is not None
    return resources
