"""Stores IRIS areas: their names, centroids and outlines by code, loaded by the ingest."""

from collections.abc import Sequence
from contextlib import suppress

from okube_api.clock import stamp
from okube_api.kit.repository import Repository
from okube_api.kit.validated_repository import drop_nulls
from okube_api.store.conditions import OneOf, equal
from okube_api.store.errors import Conflict, Duplicate
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

AREAS = Collection(
    "areas",
    fields={"version": ColumnType.INTEGER, "application": ColumnType.TEXT, "code": ColumnType.TEXT},
    unique=(("application", "code"),),
    search=("code", "name"),
    has_revision=True,
)

ATTEMPTS = 10


class AreaRepository(Repository):
    """Stores the areas of all applications."""

    collection = AREAS
    kind = "area"

    async def upsert(self, application: str, areas: Sequence[Json]) -> None:
        """Insert or replace areas (`code`, `name`, `lng`, `lat`, `geometry`) by their codes, all or none.

        geometry: GeoJSON, null for none.  The last of several areas with the same code wins.  Areas that are stored
        already with these values keep their version.
        Raise Conflict when other writers change the same areas again and again.
        """
        for _ in range(ATTEMPTS - 1):
            with suppress(Conflict, Duplicate):  # another process has written one of them since it was read
                return await self._upsert(application, areas)
        return await self._upsert(application, areas)

    async def _upsert(self, application: str, areas: Sequence[Json]) -> None:
        """Upsert areas.  Raise Conflict or Duplicate when another writer has changed or created one in between."""
        by_code = {area["code"]: area for area in areas}
        where = equal("application", application) & OneOf("code", tuple(by_code))
        stored_by_code = {area["code"]: area for area in await self.store.find(self.collection, where)}
        inserts: list[Json] = []
        replaces: list[Json] = []
        for code, area in by_code.items():
            stored = stored_by_code.get(code)
            if stored is None:
                inserts.append(drop_nulls(self.build_document(application, area)))
            elif (changed := drop_nulls(stored | area)) != stored:
                replaces.append(changed | {"version": stored["version"] + 1, "updatedAt": stamp(self.clock())})
        await self.store.write(self.collection, inserts, replaces, versioned=True)
