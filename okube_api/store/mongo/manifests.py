"""Manifests list which rows of a table are current; one document per application points to its manifests.

Rows are written under a generation, a number that is never allotted twice.  A manifest is immutable; it lists the
current generation of each partition of one table.  A change is committed by one update of the application's pointers
document, from the old manifests to the new ones.

The field `pg` of a row holds its generation and its part in one integer, so that the visible rows of a table are a few
ranges of `pg`.

A patch replaces some rows of a part without writing the others again.  It adds its rows under the part's generation,
with its own generation in the field `_added`, and adds its own generation to the list `_superseded` of the rows that it
replaces.  Both count only for manifests that list the patch, so that a patch which was never committed changes nothing.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from okube_api.store.mongo.counters import increment_field
from okube_api.store.mongo.deletion import delete_in_steps
from okube_api.store.mongo.errors import READ_S, WRITE_S, time_limit
from okube_api.store.mongo.indexes import ascending, create_indexes
from okube_api.store.plan_analysis import FIRST_PART, LAST_PART
from okube_api.store.ranges import Range, find_ranges
from okube_api.store.values import Json

ADDED, SUPERSEDED = "_added", "_superseded"
"""Fields of rows: the generation of the patch that added the row, and of the patches that replaced it."""
POINTERS, MANIFESTS, COMMITTED = "_roots", "_manifests", "_committed"
_GENERATION_SHIFT, _PART_OFFSET = 32, 2**31
_MAX_MATCH_RANGES = 8
_MAX_CACHED_MANIFESTS = 2000
_MOST_DELETED = 5000  # documents in one step


def encode_pg(generation: int, part: int) -> int:
    """Return the number of a generation (high bits) and a part (low 32 bits, shifted to be positive)."""
    return (generation << _GENERATION_SHIFT) + part + _PART_OFFSET


def encode_generation(generation: int) -> Range:
    """Return the range of `pg` of all rows written under a generation."""
    return encode_pg(generation, FIRST_PART), encode_pg(generation, LAST_PART)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Current generations of one table.

    parts: part -> (generation, rows).  In a packed table: the generation that last replaced the whole part; blocks of
        older generations in that part are obsolete.
    batches: (batch, generation) of what was appended to a packed table.
    patches: generations of the patches of a plain table whose marks count.
    superseded: part -> rows that patches have replaced under the part's current generation, collected or not.
    """

    parts: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    batches: frozenset[tuple[int, int]] = frozenset()
    patches: frozenset[int] = frozenset()
    superseded: Mapping[int, int] = field(default_factory=dict)

    def match_visible(self, low: int, high: int) -> Json:
        """Return the `$match` of the visible rows whose parts lie in [low, high]."""
        pgs = [
            encode_pg(generation, part) for part, (generation, _) in sorted(self.parts.items()) if low <= part <= high
        ]
        ranges = find_ranges(pgs)
        if not ranges or len(ranges) > _MAX_MATCH_RANGES:
            return {"pg": {"$in": pgs}, **self.match_patches()}
        matches = [{"pg": {"$gte": first, "$lte": last}} for first, last in ranges]
        return {**(matches[0] if len(matches) == 1 else {"$or": matches}), **self.match_patches()}

    def match_patches(self) -> Json:
        """Return the `$match` that skips rows which a listed patch replaced, or which another patch added."""
        if not self.patches:
            return {ADDED: None}
        patches = sorted(self.patches)
        return {ADDED: {"$in": [None, *patches]}, SUPERSEDED: {"$nin": patches}}

    def count_rows(self, low: int, high: int) -> int:
        """Return the number of rows whose parts lie in [low, high]."""
        return sum(count for part, (_, count) in self.parts.items() if low <= part <= high)

    def is_current(self, block: Mapping[str, Any]) -> bool:
        """Return whether a block of a packed table is current."""
        generation = int(block["pg"]) >> _GENERATION_SHIFT
        replaced_at = self.parts.get(block["part"], (0, 0))[0]
        is_appended = generation > replaced_at and (block["batch"], generation) in self.batches
        return generation == replaced_at or is_appended

    def with_parts(self, parts: Iterable[int], generation: int, rows: Mapping[int, int], *, packed: bool) -> "Manifest":
        """Return a manifest with these parts under a new generation.  An empty part of a plain table is left out."""
        new, all_superseded = dict(self.parts), dict(self.superseded)
        for part in parts:
            new.pop(part, None)
            all_superseded.pop(part, None)
            if packed or rows.get(part):
                new[part] = (generation, rows.get(part, 0))
        return replace(self, parts=new, superseded=all_superseded)

    def with_patch(
        self, patch: int, generation: int, added: Mapping[int, int], superseded: Mapping[int, int]
    ) -> "Manifest":
        """Return a manifest with a patch, whose rows are counted by part.

        generation: of the parts that had no rows.
        """
        new, all_superseded = dict(self.parts), dict(self.superseded)
        for part in added.keys() | superseded.keys():
            current, count = new.pop(part, (generation, 0))
            count += added.get(part, 0) - superseded.get(part, 0)
            marks = all_superseded.pop(part, 0) + superseded.get(part, 0)
            if count:
                new[part] = (current, count)
            if count and marks:
                all_superseded[part] = marks
        return replace(self, parts=new, patches=self.patches | {patch}, superseded=all_superseded)

    def is_mostly_superseded(self, part: int, superseded: int) -> bool:
        """Return whether fewer rows of a part remain than were replaced, after a patch replaces some more."""
        count = self.parts[part][1]
        return count - superseded <= self.superseded.get(part, 0) + superseded

    def with_patches(self, patches: Iterable[int]) -> "Manifest":
        """Return a manifest that lists these patches instead of its own."""
        return replace(self, patches=frozenset(patches))

    def with_batch(self, batch: int, generation: int) -> "Manifest":
        """Return a manifest with what a batch appended under a generation."""
        return replace(self, batches=self.batches | {(batch, generation)})

    def without_batch(self, batch: int) -> "Manifest":
        """Return a manifest without what a batch appended."""
        return replace(self, batches=frozenset(pair for pair in self.batches if pair[0] != batch))

    def to_document(self) -> Json:
        """Return the fields to store."""
        parts = np.array([(part, *current) for part, current in sorted(self.parts.items())], "<i8")
        return {
            "parts": parts.tobytes(),
            "batches": np.array(sorted(self.batches), "<i8").tobytes(),
            "patches": np.array(sorted(self.patches), "<i8").tobytes(),
            "superseded": np.array(sorted(self.superseded.items()), "<i8").tobytes(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Manifest":
        """Return the manifest of a stored document."""
        parts: list[list[int]] = np.frombuffer(document["parts"], "<i8").reshape(-1, 3).tolist()
        batches: list[list[int]] = np.frombuffer(document["batches"], "<i8").reshape(-1, 2).tolist()
        return cls(
            {part: (generation, count) for part, generation, count in parts},
            frozenset((batch, generation) for batch, generation in batches),
            frozenset(np.frombuffer(document.get("patches", b""), "<i8").tolist()),
            dict(np.frombuffer(document.get("superseded", b""), "<i8").reshape(-1, 2).tolist()),
        )


EMPTY = Manifest()


@dataclass(frozen=True, slots=True)
class ManifestPointers:
    """Pointers to the current manifests of an application.

    version: changes with every commit.  generation: the last allotted one.  tables: the id of each table's manifest.
    last_change: the id and name (`change`, `name`) of the change that was committed last.
    """

    application: str
    version: int
    generation: int
    tables: Mapping[str, ObjectId]
    last_change: Mapping[str, Any] | None

    @classmethod
    def from_document(cls, application: str, document: Json) -> "ManifestPointers":
        """Return the pointers of a stored document; {} for an application without one."""
        return cls(
            application,
            document.get("version", 0),
            document.get("generation", 0),
            document.get("tables", {}),
            document.get("last"),
        )


class ManifestRepository:
    """Pointers and manifests in the database, with a cache of manifests, which never change."""

    def __init__(self, database: Any) -> None:
        self._pointers, self._manifests = database[POINTERS], database[MANIFESTS]
        self._committed = database[COMMITTED]
        self._cache: OrderedDict[ObjectId, Manifest] = OrderedDict()

    async def create_indexes(self) -> None:
        """Create the index by which committed changes are found."""
        await create_indexes(self._committed, [ascending("application", "name", name="application_name")])

    async def load(self, application: str) -> ManifestPointers:
        """Return the current pointers of an application."""
        with time_limit(READ_S):
            document = await self._pointers.find_one({"_id": application})
        return ManifestPointers.from_document(application, document or {})

    async def allot_generation(self, application: str) -> ManifestPointers:
        """Allot a new generation to the caller; return the current pointers of the application with it."""
        initial = {"generation": 0, "version": 0, "tables": {}}
        document = await increment_field(self._pointers, {"_id": application}, "generation", initial)
        return ManifestPointers.from_document(application, document)

    async def get_manifest(self, manifest_id: ObjectId | None) -> Manifest:
        """Return a manifest by its id; the empty one for None.  Raise LookupError when it was deleted."""
        if manifest_id is None:
            return EMPTY
        if manifest_id not in self._cache:
            with time_limit(READ_S):
                document = await self._manifests.find_one({"_id": manifest_id})
            if document is None:
                raise LookupError(f"manifest {manifest_id} was deleted")
            self._add_to_cache(manifest_id, Manifest.from_document(document))
        self._cache.move_to_end(manifest_id)
        return self._cache[manifest_id]

    def _add_to_cache(self, manifest_id: ObjectId, manifest: Manifest) -> None:
        self._cache[manifest_id] = manifest
        while len(self._cache) > _MAX_CACHED_MANIFESTS:
            self._cache.popitem(last=False)

    async def insert_manifests(self, application: str, manifests: Mapping[ObjectId, Manifest]) -> None:
        """Store manifests under new ids."""
        documents = [
            {"_id": manifest_id, "application": application, **manifest.to_document()}
            for manifest_id, manifest in manifests.items()
        ]
        if documents:
            with time_limit(WRITE_S):
                await self._manifests.insert_many(documents, ordered=False)
            for manifest_id, manifest in manifests.items():
                self._add_to_cache(manifest_id, manifest)

    async def delete_manifests(self, manifest_ids: Iterable[ObjectId]) -> None:
        """Delete manifests that nothing points to."""
        with time_limit(WRITE_S):
            await self._manifests.delete_many({"_id": {"$in": list(manifest_ids)}})

    async def switch(
        self, pointers: ManifestPointers, tables: Mapping[str, ObjectId], change: ObjectId, name: str
    ) -> bool:
        """Point to new manifests; return False when another change was committed since `pointers` were read."""
        await self._record_last_change(pointers)
        new: Json = {f"tables.{table}": manifest_id for table, manifest_id in tables.items()}
        with time_limit(WRITE_S):
            result = await self._pointers.update_one(
                {"_id": pointers.application, "version": pointers.version},
                {"$set": {**new, "last": {"change": change, "name": name}}, "$inc": {"version": 1}},
            )
        return bool(result.matched_count)

    async def fence(self, application: str) -> None:
        """Make the commits of all running changes of an application fail."""
        with time_limit(WRITE_S):
            await self._pointers.update_one({"_id": application}, {"$inc": {"version": 1}})

    async def clear(self, application: str) -> None:
        """Point to no manifest, and delete all manifests.

        The generation is not reset, so that rows which are still being written never become visible.
        """
        with time_limit(WRITE_S):
            await self._pointers.update_one(
                {"_id": application}, {"$set": {"tables": {}, "last": None}, "$inc": {"version": 1}}
            )
        for collection in (self._manifests, self._committed):
            await delete_in_steps(collection, {"application": application}, _MOST_DELETED)

    async def is_name_committed(self, application: str, name: str) -> bool:
        """Return whether a change of that name was committed."""
        return await self._is_committed(application, "name", name, {"application": application, "name": name})

    async def is_change_committed(self, application: str, change: ObjectId) -> bool:
        """Return whether the change of that id was committed."""
        return await self._is_committed(application, "change", change, {"_id": change})

    async def _is_committed(self, application: str, key: str, value: object, match: Json) -> bool:
        pointers = await self.load(application)
        if pointers.last_change is not None and pointers.last_change[key] == value:
            return True
        with time_limit(READ_S):
            return await self._committed.find_one(match) is not None

    async def _record_last_change(self, pointers: ManifestPointers) -> None:
        """Record the last committed change before the next one replaces it in the pointers document."""
        if pointers.last_change is None:
            return
        with time_limit(WRITE_S), suppress(DuplicateKeyError):  # another process records the same
            await self._committed.update_one(
                {"_id": pointers.last_change["change"]},
                {"$set": {"application": pointers.application, "name": pointers.last_change["name"]}},
                upsert=True,
            )
