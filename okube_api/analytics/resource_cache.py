"""Caches the resources that questions need, until a resource of their kind is written."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from okube_api.engine.question import Label
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.conditions import Condition, equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection
from okube_api.store.values import Json
from okube_api.threads import run_in_thread

_FIELDS = {  # the fields that questions need, for collections with large documents
    SITES.name: ("key", "keys", "name", "active", "tags"),
    POIS.name: ("key", "name", "active", "tags"),
}
_MAX_RESOURCES = 300_000  # over all applications
_MOST_RESOURCES_ON_LOOP = 1000


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
    def labels(self) -> Mapping[str, Label]:
        """The labels of the resources, by `_id`."""
        return {resource.id: Label(resource.key, resource.name) for resource in self.items}


NO_RESOURCES = ResourceSet()


def merge_labels(*resource_sets: ResourceSet) -> Mapping[str, Label]:
    """Return the labels of several sets of resources, by `_id`."""
    filled = [resources for resources in resource_sets if len(resources)]
    if len(filled) == 1:
        return filled[0].labels
    return {identifier: label for resources in filled for identifier, label in resources.labels.items()}


class ResourceCache:
    """Caches all resources of an application by collection; they are read once for each revision of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: OrderedDict[tuple[str, str], tuple[Hashable, ResourceSet]] = OrderedDict()

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
        key = (application, collection.name)
        revision, resources = self._entries.get(key, (None, None))
        if resources is None or revision != self._store.revision(collection):
            return None
        self._entries.move_to_end(key)
        return resources

    async def read(self, collection: Collection, where: Condition) -> ResourceSet:
        """Return the resources that match, from the store."""
        documents = await self._store.find(collection, where, fields=_FIELDS.get(collection.name))
        if len(documents) <= _MOST_RESOURCES_ON_LOOP:
            return ResourceSet(map(Resource.from_document, documents))
        return await run_in_thread(lambda: ResourceSet(map(Resource.from_document, documents)))

    def _put(self, key: tuple[str, str], revision: Hashable, resources: ResourceSet) -> None:
        self._entries[key] = (revision, resources)
        self._entries.move_to_end(key)
        while sum(len(cached) for _, cached in self._entries.values()) > _MAX_RESOURCES:
            self._entries.popitem(last=False)
