"""IRIS areas in the store: names and centroids by code, which the ingest brings."""

from collections.abc import Sequence

from okube_api.clock import stamp
from okube_api.kit.repository import Repository
from okube_api.store.conditions import OneOf, equal
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

AREAS = Collection(
    "areas",
    fields={"version": ColumnType.INTEGER, "application": ColumnType.TEXT, "code": ColumnType.TEXT},
    unique=(("application", "code"),),
    search=("code", "name"),
)


class AreaRepository(Repository):
    """The areas that each application knows."""

    collection = AREAS
    kind = "area"

    async def upsert(self, application: str, areas: Sequence[Json]) -> None:
        """Makes these areas (`code`, `name`, `lng`, `lat`) known, in the place of those of the same codes: all or none.

        Of a code that stands twice, the last counts.
        """
        wanted = {area["code"]: area for area in areas}
        mine = equal("application", application) & OneOf("code", tuple(wanted))
        stored = {area["code"]: area for area in await self.store.find(self.collection, mine)}
        made = {code: self._made(application, area, stored.get(code)) for code, area in wanted.items()}
        new = [area for code, area in made.items() if code not in stored]
        changed = [area for code, area in made.items() if code in stored]
        await self.store.write(self.collection, new, changed)

    def _made(self, application: str, area: Json, stored: Json | None) -> Json:
        if stored is None:
            return self.build_document(application, area)
        return stored | area | {"version": stored["version"] + 1, "updatedAt": stamp(self.clock())}
