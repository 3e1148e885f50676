"""Resources are read once for each revision of their collection, and what follows from them is computed once."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import pytest
from okube_api.analytics import resource_cache
from okube_api.analytics.directory import Directory
from okube_api.analytics.resource_cache import ResourceCache, ResourceSet
from okube_api.errors import UnknownReference
from okube_api.sites.repository import SITES, SiteRepository
from okube_api.store.conditions import Condition, OneOf
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection

pytestmark = pytest.mark.anyio

APPLICATION = "a" * 24


class FewDocuments:
    """The documents of one collection, with a revision; counts calls by the name of the method."""

    def __init__(self, *keys: str, has_revisions: bool = True) -> None:
        self.keys = list(keys)
        self.calls: Counter[str] = Counter()
        self._has_revisions = has_revisions

    def revision(self, *_: Collection) -> str | None:
        """Return a text that changes when a document is added."""
        return str(len(self.keys)) if self._has_revisions else None

    async def count(self, *_: Any) -> int:
        """Return the number of documents."""
        self.calls["count"] += 1
        return len(self.keys)

    async def find(self, _: Collection, where: Condition, *, fields: Sequence[str] | None = None) -> list[Any]:
        """Return the documents with the ids that the condition names, or all of them."""
        assert fields is not None
        self.calls["find"] += 1
        ids = [part.values for part in getattr(where, "parts", ()) if isinstance(part, OneOf) and part.field == "_id"]
        documents = [{"_id": f"{number:024x}", "key": key} for number, key in enumerate(self.keys)]
        return [document for document in documents if not ids or document["_id"] in ids[0]]

    def build_directory(self) -> Directory:
        """Return a directory of the application with an empty cache."""
        store = cast("Store", self)
        return Directory(store, ResourceCache(store), APPLICATION)


def list_keys(resources: ResourceSet) -> list[str]:
    return [resource.key for resource in resources]


async def test_names_of_different_questions_are_looked_up_in_memory() -> None:
    documents = FewDocuments("north", "south", "east")
    directory = documents.build_directory()
    for names in (["south"], ["east", "north", "east"], [f"{1:024X}"]):
        named = await directory.find_named(SiteRepository, names, "/filters/sites")
        assert [site.key for site in named] == {"south": ["south"], "east": ["east", "north"]}.get(names[0], ["south"])
    with pytest.raises(UnknownReference) as refused:
        await directory.find_named(SiteRepository, ["north", "west"], "/filters/sites")
    assert [fault.pointer for fault in refused.value.faults] == ["/filters/sites/1"]
    assert documents.calls == {"count": 1, "find": 1}


async def test_a_new_resource_is_found_at_once() -> None:
    documents = FewDocuments("north")
    directory = documents.build_directory()
    ids = [f"{1:024x}", f"{0:024x}"]
    assert list_keys(await directory.load(SITES, ids)) == ["north"]
    documents.keys.append("south")
    assert [site.key for site in await directory.find_named(SiteRepository, ["south"], "")] == ["south"]
    assert list_keys(await directory.load(SITES, ids)) == ["north", "south"]
    assert list_keys(await directory.load(SITES)) == ["north", "south"]


async def test_the_same_ids_give_the_same_set() -> None:
    directory = FewDocuments("north", "south", "east").build_directory()
    ids = [f"{2:024x}", f"{0:024x}"]
    first = await directory.load(SITES, ids)
    assert list_keys(first) == ["north", "east"]
    assert await directory.load(SITES, ids) is first
    assert list_keys(await directory.load(SITES, ids[:1])) == ["east"]
    assert list_keys(await directory.load(SITES, [])) == []


@pytest.mark.parametrize(("limit", "has_revisions"), [(2, True), (20_000, False)], ids=["many", "without revisions"])
async def test_only_the_named_resources_are_read(
    limit: int, has_revisions: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_cache, "_MOST_LOADED_AHEAD", limit)
    documents = FewDocuments("north", "south", "east", has_revisions=has_revisions)
    directory = documents.build_directory()
    for number in (0, 1):
        assert len(await directory.load(SITES, [f"{number:024x}"])) == 1
    assert documents.calls["find"] == 2


async def test_what_follows_from_resources_is_computed_once_for_the_same_sets() -> None:
    sites, pois, areas = ResourceSet(), ResourceSet(), ResourceSet()
    results = iter(range(100))
    compute = results.__next__
    assert sites.derive("active", (pois,), compute) == 0
    assert sites.derive("active", (pois,), compute) == 0
    assert sites.derive("active", (areas,), compute) == 1
    assert sites.derive(("active", "EUR"), (pois,), compute) == 2
    assert pois.derive("active", (pois,), compute) == 3
    for _ in range(50):  # sets that live on only in the entries: no new set gets the id of another one
        assert sites.derive("active", (ResourceSet(),), compute) > 3
