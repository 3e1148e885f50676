"""Studies in the store."""

from collections.abc import Sequence

from okube_api.clock import Clock
from okube_api.errors import Impossible
from okube_api.resources import Allowed, Resources
from okube_api.store.base import EVERYTHING, Collection, Condition, Json, Kind, Overlaps, Store

STUDIES = Collection(
    "studies",
    fields={
        "version": Kind.INTEGER,
        "application": Kind.TEXT,
        "key": Kind.TEXT,
        "from": Kind.TEXT,
        "to": Kind.TEXT,
        "global": Kind.BOOLEAN,  # whether it names no site
        "sites": Kind.TEXTS,
        "pois": Kind.TEXTS,
        "tags": Kind.TEXTS,
    },
    unique=(("application", "key"),),
    search=("name", "key", "tags"),
)


class Studies(Resources):
    """The studies of every application."""

    collection = STUDIES
    kind = "study"

    def __init__(self, store: Store, clock: Clock, sites: Resources, pois: Resources) -> None:
        super().__init__(store, clock)
        self._places = {"sites": sites, "pois": pois}

    async def create(self, application: str, fields: Json) -> Json:
        """A new study.  Raises Taken, UnknownReference, and Impossible for a period that ends before it starts."""
        made = self.new(application, settled(await self._referring(application, fields)))
        await self.insert([made])
        return made

    async def update(self, study: Json, fields: Json, allowed: Allowed | None = None) -> Json:
        """The study with these fields changed, null clearing one.  Raises as `create` and `change` do."""
        changes = await self._referring(study["application"], fields)

        async def edit(stored: Json) -> Json:
            return settled(stored | changes)

        return await self.change(study, edit, allowed)

    async def naming(self, readable: Condition, field: str, named: Sequence[str] | None) -> Condition:
        """The studies that name one of these places (ids or keys), of the applications that `readable` covers."""
        if named is None:
            return EVERYTHING
        return Overlaps(field, await self._places[field].ids_among(readable, named))

    async def _referring(self, application: str, fields: Json) -> Json:
        """The fields with ids in the place of what names sites and points of interest.  Raises UnknownReference."""
        ids = {
            name: await places.ids(application, fields[name], f"/{name}")
            for name, places in self._places.items()
            if fields.get(name) is not None
        }
        return fields | ids


def settled(fields: Json) -> Json:
    """A study as it is kept: without what is null, and with what conditions ask for."""
    study = {name: value for name, value in fields.items() if value is not None}
    if study.get("from", "") > study.get("to", "9999-99-99"):
        raise Impossible.at("body", "/to", "The last day comes before the first.")
    return study | {"global": "sites" not in study}
