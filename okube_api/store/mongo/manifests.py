"""The one document of each application that says which manifests are current, and how it is switched."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from okube_api.store.mongo.counting import increased
from okube_api.store.mongo.errors import READ_S, WRITE_S, limited
from okube_api.store.mongo.indexes import make_index
from okube_api.store.mongo.manifest import EMPTY, Manifest
from okube_api.store.values import Json

ROOTS, MANIFESTS, COMMITTED = "_roots", "_manifests", "_committed"
_KEPT = 2000


@dataclass(frozen=True, slots=True)
class Root:
    """An application's current manifests.

    version: changes with every commit.  generation: allotted, never twice.  last: the change committed last.
    """

    application: str
    version: int
    generation: int
    tables: Mapping[str, ObjectId]
    last: Mapping[str, Any] | None


class Roots:
    """The documents, and manifests already read (they never change)."""

    def __init__(self, database: Any) -> None:
        self._roots, self._manifests = database[ROOTS], database[MANIFESTS]
        self._committed = database[COMMITTED]
        self._known: OrderedDict[ObjectId, Manifest] = OrderedDict()

    async def create(self) -> None:
        """Makes the index by which committed changes are found."""
        await make_index(self._committed, [("application", 1), ("name", 1)], "application_name")

    async def load(self, application: str) -> Root:
        """What is current now."""
        with limited(READ_S):
            return _root(application, await self._roots.find_one({"_id": application}) or {})

    async def allot(self, application: str) -> Root:
        """What is current now, with a generation of its own."""
        first = {"generation": 0, "version": 0, "tables": {}}
        return _root(application, await increased(self._roots, {"_id": application}, "generation", first))

    async def manifest(self, identifier: ObjectId | None) -> Manifest:
        """A manifest by its id; the empty one for none."""
        if identifier is None:
            return EMPTY
        if identifier not in self._known:
            with limited(READ_S):
                found = await self._manifests.find_one({"_id": identifier})
            if found is None:
                raise LookupError(f"manifest {identifier} is gone")
            self._known[identifier] = Manifest.of(found)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(identifier)
        return self._known[identifier]

    async def keep(self, application: str, manifests: Mapping[ObjectId, Manifest]) -> None:
        """Stores manifests under new ids."""
        made = [{"_id": one, "application": application, **found.as_document()} for one, found in manifests.items()]
        if made:
            with limited(WRITE_S):
                await self._manifests.insert_many(made, ordered=False)

    async def drop(self, identifiers: Iterable[ObjectId]) -> None:
        """Removes manifests that nothing points to."""
        with limited(WRITE_S):
            await self._manifests.delete_many({"_id": {"$in": list(identifiers)}})

    async def switch(self, root: Root, tables: Mapping[str, ObjectId], change: ObjectId, name: str) -> bool:
        """Points to new manifests, if nothing was committed since `root` was read."""
        await self._remember(root)
        new: Json = {f"tables.{table}": identifier for table, identifier in tables.items()}
        with limited(WRITE_S):
            done = await self._roots.update_one(
                {"_id": root.application, "version": root.version},
                {"$set": {**new, "last": {"change": change, "name": name}}, "$inc": {"version": 1}},
            )
        return bool(done.matched_count)

    async def fence(self, application: str) -> None:
        """Makes every change that began before fail to commit."""
        with limited(WRITE_S):
            await self._roots.update_one({"_id": application}, {"$inc": {"version": 1}})

    async def empty(self, application: str) -> None:
        """Points to nothing any more; generations go on, so that rows still being written stay unseen."""
        with limited(WRITE_S):
            await self._roots.update_one(
                {"_id": application}, {"$set": {"tables": {}, "last": None}, "$inc": {"version": 1}}
            )
            await self._manifests.delete_many({"application": application})
            await self._committed.delete_many({"application": application})

    async def committed(self, application: str, name: str) -> bool:
        """Whether a change of that name was committed."""
        return await self._holds(application, "name", name, {"application": application, "name": name})

    async def has(self, application: str, change: ObjectId) -> bool:
        """Whether that very change was committed."""
        return await self._holds(application, "change", change, {"_id": change})

    async def _holds(self, application: str, field: str, value: object, match: Json) -> bool:
        root = await self.load(application)
        if root.last is not None and root.last[field] == value:
            return True
        with limited(READ_S):
            return await self._committed.find_one(match) is not None

    async def _remember(self, root: Root) -> None:
        """Notes the change committed last, before the next one takes its place in the root."""
        if root.last is None:
            return
        with limited(WRITE_S), suppress(DuplicateKeyError):  # another process notes the same
            await self._committed.update_one(
                {"_id": root.last["change"]},
                {"$set": {"application": root.application, "name": root.last["name"]}},
                upsert=True,
            )


def _root(application: str, found: Json) -> Root:
    return Root(
        application, found.get("version", 0), found.get("generation", 0), found.get("tables", {}), found.get("last")
    )
