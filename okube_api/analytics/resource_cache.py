"""Resources as questions need them, kept in memory for as long as nothing of their kind is written."""

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

_FIELDS = {  # of large documents: what questions need to know
    SITES.name: ("key", "keys", "name", "active", "tags"),
    POIS.name: ("key", "name", "active", "tags"),
}
_MAX_RESOURCES = 300_000  # resources held, over all applications


@dataclass(frozen=True, slots=True)
class Resource:
    """A site, a point of interest, a campaign, a lever or an equipment.

    names: its keys; any of them, or the `_id`, finds it.
    document: what is known of it besides; of sites and points of interest nothing.
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
        """What a document says of it."""
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
    """Some resources, by `_id`, and what follows from them."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self.items = tuple(resources)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def by_id(self) -> Mapping[str, Resource]:
        """Each by its `_id`."""
        return {one.id: one for one in self.items}

    @cached_property
    def active(self) -> tuple[Resource, ...]:
        """Those that are active."""
        return tuple(one for one in self.items if one.active)

    @cached_property
    def labels(self) -> Mapping[str, Label]:
        """How each is shown, by `_id`."""
        return {one.id: Label(one.key, one.name) for one in self.items}


NO_RESOURCES = ResourceSet()


def merge_labels(*parts: ResourceSet) -> Mapping[str, Label]:
    """How the resources of several are shown."""
    some = [one for one in parts if len(one)]
    if len(some) == 1:
        return some[0].labels
    return {identifier: label for one in some for identifier, label in one.labels.items()}


class ResourceCache:
    """Every resource of an application, by kind: read once for each revision of its collection."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: OrderedDict[tuple[str, str], tuple[Hashable, ResourceSet]] = OrderedDict()

    async def load_all(self, application: str, collection: Collection) -> ResourceSet:
        """All of an application."""
        if (found := self.get_cached(application, collection)) is not None:
            return found
        revision = self._store.revision(collection)
        found = await self.read(collection, equal("application", application))
        if revision is not None:
            self._put((application, collection.name), revision, found)
        return found

    def get_cached(self, application: str, collection: Collection) -> ResourceSet | None:
        """All of an application, when they are in memory as they are now."""
        key = (application, collection.name)
        revision, found = self._entries.get(key, (None, None))
        if found is None or revision != self._store.revision(collection):
            return None
        self._entries.move_to_end(key)
        return found

    async def read(self, collection: Collection, where: Condition) -> ResourceSet:
        """Those that match, as they are now."""
        documents = await self._store.find(collection, where, fields=_FIELDS.get(collection.name))
        return ResourceSet(map(Resource.from_document, documents))

    def _put(self, key: tuple[str, str], revision: Hashable, found: ResourceSet) -> None:
        self._entries[key] = (revision, found)
        self._entries.move_to_end(key)
        while sum(len(every) for _, every in self._entries.values()) > _MAX_RESOURCES:
            self._entries.popitem(last=False)
